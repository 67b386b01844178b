// Found by trying portkeep out as a stranger and as an attacker; a test each.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import * as emulator from './support/emulator.mjs';
import * as portkeep from './support/keep.mjs';
import { isRoot, stopAll, until } from './support/place.mjs';

let hub, keep;
beforeEach(async () => {
    hub = await emulator.start({ settings: { rotate_refresh: true } });
    keep = await portkeep.start({ hub });
    await keep.connect('crm-sync', 1001);
});
afterEach(async () => {
    await hub.clearFaults().catch(() => {});
    await stopAll(keep, hub);
});

// The courier outlives the killed parent until HubSpot has answered; a
// keeper that started before would refresh with the token that is void now.
test('a start waits for the token replies of a run whose parent was killed', async () => {
    await hub.fault({ path: emulator.tokenPath, do: 'delay', delay_ms: 2500 });
    const before = await hub.refreshes();
    const waiting = keep.cli('portals', 'refresh', 'crm-sync', '1001',
        { expect: undefined });
    await until('HubSpot has rotated', async () => await hub.refreshes() > before);
    process.kill(keep.program.pid, 'SIGKILL');
    await waiting;
    // Its other children let go of the ports first.
    await until('it starts again', async () => await keep.ready());
    assert.match(keep.program.text, /serve\.waits/);
    await hub.clearFaults();
    await keep.refresh('crm-sync', 1001);
    assert.equal((await keep.portal('crm-sync', 1001)).json.state, 'active');
});

test('a restore into a new place keeps the erasure list it was given', async () => {
    const file = join(keep.dir, 'copy'), list = join(keep.dir, 'list');
    await keep.cli('backup', file);
    await keep.api('DELETE', '/v1/apps/crm-sync/portals/1001');
    await keep.cli('restore', file, { expect: 1 });
    await keep.program.stop();
    writeFileSync(list, readFileSync(join(keep.data, 'erasures')));
    // As on a new machine: the data directory is not there either.
    for (let i = 0; i < 2; i++) {
        rmSync(keep.data, { recursive: true });
        await keep.cli('restore', file, '--erasures', list);
        assert.deepEqual(readFileSync(join(keep.data, 'erasures')),
            readFileSync(list));
    }
    await keep.ready();
    assert.equal((await keep.token('crm-sync', 1001)).status, 404);
});

test('nothing is restored while the service runs', async () => {
    const file = join(keep.dir, 'copy');
    await keep.cli('backup', file);
    for (const ending of ['', '-wal', '-shm'])
        rmSync(keep.database + ending, { force: true });
    const { stderr } = await keep.cli('restore', file, { expect: 1 });
    assert.match(stderr, /running/);
    assert.ok(!existsSync(keep.database));
});

test('an ordinary reload and stop warn of nothing, a death does', async () => {
    const alarms = () => keep.log.split('\n')
        .filter((line) => / (warn|error) /.test(line));
    await keep.cli('reload');
    await until('the old ones are gone', () =>
        (keep.log.match(/ child\.ended role=(front|relay|courier)/g) ?? []).length >= 3);
    assert.match(keep.log, / info peer\.closed kind=relay/);
    assert.deepEqual(alarms(), []);
    await keep.kill('relay');
    await until('it is told', () => / error child\.killed role=relay/.test(keep.log));
    await until('the third relay is ready', () =>
        keep.log.match(/ child\.ready role=relay/g).length === 3);
    const { json } = await keep.cli('status', '--json');
    assert.deepEqual(json.restarts, { front: 0, relay: 1, courier: 0, deliver: 0 });
    assert.equal(json.user, isRoot ? 'nobody' : `uid:${process.getuid()}`);
    const before = alarms().length;
    await keep.program.stop();
    assert.equal(alarms().length, before, alarms().join('\n'));
});

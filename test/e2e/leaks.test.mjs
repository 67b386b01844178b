// One life of the whole system without its sandbox, which keeps the leak
// check from looking: at the end every process says what it never freed.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as emulator from './support/emulator.mjs';
import * as portkeep from './support/keep.mjs';
import { stopAll } from './support/place.mjs';

let hub, keep;
before(async () => {
    hub = await emulator.start();
    keep = await portkeep.prepare({ hub });
    await keep.ready(['--no-sandbox']);
});
after(() => stopAll(keep, hub));

const ends = (role) =>
    keep.log.match(new RegExp(`child\\.ended role=${role}/`, 'g'))?.length ?? 0;

test('no process of a whole life leaves memory behind', async () => {
    await keep.connect('crm-sync', 1001);
    await keep.connect('crm-sync', 1002);
    assert.equal((await keep.token('crm-sync', 1001)).status, 200);
    assert.equal((await keep.token('crm-sync', 4)).status, 404);
    const contacts = '/crm/v3/objects/contacts';
    assert.equal((await keep.call('crm-sync', 1001, contacts)).status, 200);
    await keep.refresh('crm-sync', 1001);
    await keep.cli('portals', 'disconnect', 'crm-sync', '1001', '--yes');
    keep.sections['app second'] = keep.app('second',
        { client_id: '99999999-2222-3333-4444-555555555555' });
    keep.writeConfig();
    await keep.cli('reload');
    keep.sections['app second'].scopes = '';
    keep.writeConfig();
    await keep.cli('reload', { expect: 1 });
    assert.equal((await keep.token('crm-sync', 1002)).status, 200);
    const end = await keep.program.stop();
    assert.doesNotMatch(keep.log, /LeakSanitizer/);
    assert.deepEqual(end, { status: 0, signal: null }, keep.log.slice(-3000));
    // Those that the reload replaced were looked at too.
    for (const [role, n] of Object.entries({ front: 2, relay: 2, courier: 2, keeper: 1 }))
        assert.ok(ends(role) >= n, `${role}: ${ends(role)}\n${keep.log.slice(-3000)}`);
});

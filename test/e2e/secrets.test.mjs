// One life of a portal at the most talkative log level; afterwards no secret
// stands in any log, in any database file, or where a neighbour could look.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import * as emulator from './support/emulator.mjs';
import * as portkeep from './support/keep.mjs';
import { stopAll } from './support/place.mjs';

let hub, keep, pids;
before(async () => {
    hub = await emulator.start();
    keep = await portkeep.start({ hub, server: { log_level: 'debug' } });
    await keep.connect('crm-sync', 1001);
    await keep.token('crm-sync', 1001);
    await keep.refresh('crm-sync', 1001);
    await keep.token('crm-sync', 1001);
    await keep.call('crm-sync', 1001, '/crm/v3/objects/contacts',
        { method: 'POST', body: { properties: { email: 'planted-body@example.com' } } });
    await keep.token('crm-sync', 1001, { key: 'pkeep_planted-wrong-key' });
    keep.secrets.add('planted-wrong-key');
    keep.secrets.add('planted-body@example.com');
    await hub.refuseNextRefresh();
    await keep.refresh('crm-sync', 1001, { expect: undefined });
    const { stdout } = await keep.cli('portals', 'export', '--all', '--with-tokens',
        `${keep.dir}/all.jsonl`);
    assert.ok(!/na1-/.test(stdout));
    for (const [, token] of readFileSync(`${keep.dir}/all.jsonl`, 'utf8')
        .matchAll(/"refresh_token": ?"([^"]+)"/g)) keep.secrets.add(token);
    pids = ['front', 'relay', 'keeper', 'courier'].map((role) => keep.pid(role));
});
after(async () => {
    await stopAll(keep, hub);
});

test('there are secrets to look for', () => {
    assert.ok(keep.secrets.size >= 9, `${keep.secrets.size}`);
    assert.ok(keep.log.includes(' debug '));
});

test('no log has one of them', () => {
    for (const secret of keep.secrets) assert.ok(!keep.log.includes(secret), secret);
});

test('no file of the database has one of them', () => {
    const bytes = keep.storedBytes();
    for (const secret of keep.secrets) assert.ok(!bytes.includes(secret), secret);
});

test('no process shows one in its arguments or environment', () => {
    for (const pid of [keep.program.pid, ...pids]) {
        assert.ok(pid);
        for (const file of ['cmdline', 'environ']) {
            let text = '';
            try {
                text = readFileSync(`/proc/${pid}/${file}`, 'latin1');
            } catch { continue; } // not even root's to read: better still
            for (const secret of keep.secrets) assert.ok(!text.includes(secret));
        }
    }
});

test('children have an empty environment, but for the sanitizers\'', () => {
    for (const pid of pids)
        assert.match(readFileSync(`/proc/${pid}/environ`, 'latin1'),
            /^((A|L|UB)SAN_OPTIONS=[^\0]*\0)*$/);
});

test('no core of theirs would be written', () => {
    for (const pid of pids)
        assert.match(readFileSync(`/proc/${pid}/limits`, 'utf8'),
            /Max core file size +0 +0/);
});

test('the emulator keeps tokens out of what it counts', async () => {
    const text = JSON.stringify(await hub.calls());
    for (const secret of keep.secrets) assert.ok(!text.includes(secret));
});

test('answers of the front that hold codes are not cached and not referred', async () => {
    const answer = await fetch(await keep.session('crm-sync'), { redirect: 'manual' });
    assert.match(answer.headers.get('cache-control'), /no-store/);
    const page = await fetch(`${keep.public}/oauth/crm-sync/callback?code=x&state=y`);
    assert.match(page.headers.get('referrer-policy'), /no-referrer/);
    assert.match(page.headers.get('content-security-policy'), /default-src 'none'/);
    assert.match(page.headers.get('x-content-type-options'), /nosniff/);
    assert.match(page.headers.get('content-security-policy'), /frame-ancestors 'none'/);
});

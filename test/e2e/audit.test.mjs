// The audit log: what it has, what it must not have, and what it notices.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { execFileSync } from 'node:child_process';
import * as emulator from './support/emulator.mjs';
import * as portkeep from './support/keep.mjs';
import { stopAll } from './support/place.mjs';

let hub, keep;
before(async () => {
    hub = await emulator.start();
    keep = await portkeep.start({ hub });
    await keep.connect('crm-sync', 1001, { ref: 'tenant-of-the-audit' });
    await keep.token('crm-sync', 1001);
    await keep.refresh('crm-sync', 1001);
    await keep.cli('keys', 'revoke', 'everything');
    keep.all = undefined;
    await keep.api('DELETE', '/v1/apps/crm-sync/portals/1001');
});
after(async () => {
    await stopAll(keep, hub);
});

const list = async () => {
    const { json } = await keep.cli('audit', 'list', '--json');
    return json.entries ?? json;
};

test('every step has its entry, in order', async () => {
    const entries = await list();
    const text = entries.map((entry) => JSON.stringify(entry)).join('\n');
    for (const word of ['connect', 'lease', 'refresh', 'key', 'erase'])
        assert.match(text, new RegExp(word), word);
    const numbers = entries.map((entry) => entry.number);
    assert.deepEqual(numbers, numbers.toSorted((a, b) => a - b));
});

test('--last shows the newest entries, oldest first', async () => {
    const numbers = async (...words) => (await keep.cli('audit', 'list', ...words,
        '--json')).json.entries.map(({ number }) => number);
    const all = await numbers();
    assert.deepEqual(await numbers('--last', '3'), all.slice(-3));
    await keep.cli('audit', 'list', '--last', '0', { expect: 2 });
});

test('no entry has personal data or a secret', async () => {
    const { stdout } = await keep.cli('audit', 'list', '--json');
    assert.ok(!stdout.includes('tenant-of-the-audit'));
    assert.ok(!/@/.test(stdout), 'no e-mail address');
    for (const secret of keep.secrets) assert.ok(!stdout.includes(secret));
});

test('the chain verifies, against a head too', async () => {
    const { json } = await keep.cli('status', '--json');
    const head = json.audit_head;
    assert.match(head, /^[^:]+:\d+:[0-9a-f]{64}$/);
    await keep.cli('audit', 'verify', '--head', head);
    const wrong = head.replace(/.$/, (c) => (c === '0' ? '1' : '0'));
    await keep.cli('audit', 'verify', '--head', wrong, { expect: 1 });
});

test('it survives a restart', async () => {
    const before = (await list()).length;
    await keep.restart();
    assert.ok((await list()).length >= before);
    await keep.cli('audit', 'verify');
});

test('an entry that was changed behind its back is found', async () => {
    await keep.program.stop();
    const sql = (text) => execFileSync('sqlite3', [keep.database, text],
        { encoding: 'utf8' });
    const tables = sql('.tables').split(/\s+/).filter((name) => /audit/.test(name));
    assert.equal(tables.length, 1, sql('.tables'));
    sql(`UPDATE ${tables[0]} SET body = zeroblob(length(body))
         WHERE key = (SELECT key FROM ${tables[0]} ORDER BY key LIMIT 1 OFFSET 2)`);
    const program = keep.serve();
    const ready = await program.line(/serve\.ready|audit/).catch(() => undefined);
    if (ready && !program.end) {
        const answer = await keep.cli('audit', 'verify', { expect: 1 });
        assert.match(answer.stdout + answer.stderr, /\d+/);
    }
});

// Master keys: made, rotated, verified, retired, and refused.
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, statSync } from 'node:fs';
import { after, before, test } from 'node:test';
import * as emulator from './support/emulator.mjs';
import * as portkeep from './support/keep.mjs';
import { stopAll } from './support/place.mjs';

let hub, keep;
before(async () => {
    hub = await emulator.start();
    keep = await portkeep.start({ hub });
    for (const portal of [1001, 1002, 1003]) await keep.connect('crm-sync', portal);
});
after(async () => {
    await stopAll(keep, hub);
});

const ids = () => readFileSync(keep.masterKey, 'utf8').split('\n')
    .filter((line) => line && !line.startsWith('#')).map((line) => line.split(' ')[0]);
const allServe = async () => {
    for (const portal of [1001, 1002, 1003])
        assert.equal((await keep.token('crm-sync', portal)).status, 200);
};

test('the list names the key in use and how much it wraps', async () => {
    const { stdout } = await keep.cli('masterkey', 'list', '--json');
    assert.ok(stdout.includes('20261124-test'));
});

test('verify opens every wrap', async () => {
    await keep.cli('masterkey', 'verify');
});

test('rotate adds a line, re-wraps, and nobody notices', async () => {
    await keep.cli('masterkey', 'rotate');
    assert.equal(ids().length, 2);
    assert.equal(statSync(keep.masterKey).mode & 0o777, 0o600);
    await keep.cli('masterkey', 'verify');
    await allServe();
});

test('the key that still wraps something cannot be retired', async () => {
    await keep.cli('masterkey', 'retire', ids().at(-1), '--yes', { expect: 1 });
    assert.equal(ids().length, 2);
});

test('the old one can, and everything opens after a restart', async () => {
    await keep.cli('masterkey', 'retire', ids()[0], '--yes');
    assert.equal(ids().length, 1);
    await keep.restart();
    await keep.cli('masterkey', 'verify');
    await allServe();
});

test('rotate --compromised seals everything anew, and all portals serve', async () => {
    const old = ids();
    await keep.cli('masterkey', 'rotate', '--compromised');
    assert.equal(ids().length, old.length + 1);
    await keep.cli('masterkey', 'verify');
    await keep.restart();
    await allServe();
});

test('with the wrong key nothing opens, and it says which key is missing', async () => {
    const [id] = ids().slice(-1);
    await keep.program.stop();
    const right = readFileSync(keep.masterKey, 'utf8');
    keep.file('master.key', `20200101-none ${Buffer.alloc(32, 7).toString('base64')}\n`);
    const program = keep.serve();
    const end = await program.line(new RegExp(id)).then(() => program.ended);
    assert.notEqual(end.status, 0);
    keep.file('master.key', right);
    await keep.ready();
    await allServe();
});

test('a key file that others can read stops the start', async () => {
    await keep.program.stop();
    chmodSync(keep.masterKey, 0o644);
    const program = keep.serve();
    const end = await program.ended;
    assert.notEqual(end.status, 0);
    assert.match(program.text, /master\.key.*(read|chmod|0600|group|others)/i);
    chmodSync(keep.masterKey, 0o600);
    await keep.ready();
});

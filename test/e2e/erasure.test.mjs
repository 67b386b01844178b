// The end of a portal, and of a contact: what is left of them, and that it
// opens nothing, in the database, in backups, in the memory of the processes.
import assert from 'node:assert/strict';
import { copyFileSync, openSync, readFileSync, readSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as emulator from './support/emulator.mjs';
import * as portkeep from './support/keep.mjs';
import { giveAway, stopAll, until } from './support/place.mjs';
import { event, send } from './support/sender.mjs';

let hub, keep;
before(async () => {
    hub = await emulator.start();
    keep = await portkeep.start({ hub });
    for (const portal of [1001, 1002]) await keep.connect('crm-sync', portal);
});
after(() => stopAll(keep, hub));

const take = async (...events) =>
    assert.equal((await send(keep, events)).status, 200);
const list = async (service = keep) =>
    (await service.cli('events', 'list', '--json')).stdout;

// The whole of it, readable or not; what is locked away is no bytes at all.
function memoryOf(pid) {
    const parts = [];
    const mem = openSync(`/proc/${pid}/mem`, 'r');
    for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
        const [, from, to, mode, path] =
            line.match(/^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)$/) ?? [];
        const length = Number.parseInt(to, 16) - Number.parseInt(from, 16);
        // Not what is only reserved, as the sanitizers' shadow is.
        if (!mode?.startsWith('rw') || path === '[vvar]' || length > 2 ** 29) continue;
        const bytes = Buffer.alloc(length);
        try {
            readSync(mem, bytes, 0, length, BigInt(`0x${from}`));
        } catch { continue; }
        parts.push(bytes);
    }
    closeSync(mem);
    return Buffer.concat(parts);
}

// Another service on a backup of the first.  HubSpot is out of its reach: it
// would tell, in its journal, what was uninstalled.
async function restored(file, { keys, erasures, master = keep.masterKey } = {}) {
    const other = await portkeep.prepare({});
    other.sections['app crm-sync'].client_secret = keep.sections['app crm-sync'].client_secret;
    other.writeConfig();
    copyFileSync(master, other.masterKey);
    giveAway(other.masterKey);
    await other.cli('restore', file, keys ?? `${file}.keys`,
        ...erasures ? ['--erasures', erasures] : []);
    await other.ready();
    return other;
}

describe('a contact that is to be forgotten', () => {
    const file = () => join(keep.dir, 'with-events');
    const secret = 'planted-property@example.com';
    const contact = { portalId: 1002, objectId: 777, propertyValue: secret };

    test('goes from the log, and the rest of its batch stays', async () => {
        keep.secrets.add(secret);
        const other = { portalId: 1002, objectId: 778, propertyValue: 'another' };
        await take(event(contact), event(other));
        await keep.cli('backup', file(), '--events');
        await take(event({
            portalId: 1002, objectId: 777, propertyValue: undefined,
            subscriptionType: 'contact.privacyDeletion',
        }));
        await until('it is told', async () =>
            (await list()).includes('contact.privacy_deletion'));
        assert.ok(!keep.storedBytes().includes(secret));
        const { stdout } = await keep.cli('portals', 'export', 'crm-sync', '1002');
        assert.ok(!stdout.includes(secret));
        assert.match(stdout, /another/);
    });

    test('is forgotten by a backup made before, too, when it is restored', async () => {
        const list = join(keep.data, 'erasures');
        const other = await restored(file(), { erasures: list });
        const shown = async () =>
            (await other.cli('portals', 'export', 'crm-sync', '1002')).stdout;
        assert.match(await shown(), /another/);
        assert.ok(!(await shown()).includes(secret));
        await other.stop();
    });
});

describe('a backup without --events', () => {
    test('has no events, and counts none when it is restored', async () => {
        const file = join(keep.dir, 'without-events');
        await take(event({ portalId: 1002 }));
        await keep.cli('backup', file);
        const other = await restored(file);
        const { json } = await other.cli('events', 'list', '--json');
        assert.deepEqual(json.events, []);
        assert.equal((await other.token('crm-sync', 1002)).status, 200);
        await other.stop();
    });
});

describe('an erased portal', () => {
    const file = () => join(keep.dir, 'before');
    const planted = ['planted-deal-value', 'planted-person@example.com'];
    let tokens, receipt;

    before(async () => {
        for (const value of planted) keep.secrets.add(value);
        await take(event({ propertyValue: planted[0] }), event({ propertyValue: planted[1] }));
        const { json } = await keep.token('crm-sync', 1001);
        await keep.cli('portals', 'export', '--all', '--with-tokens', join(keep.dir, 'all'));
        const row = readFileSync(join(keep.dir, 'all'), 'utf8').split('\n')
            .filter(Boolean).map(JSON.parse).find((one) => one.portal === 1001);
        tokens = [json.access_token, row.refresh_token];
        keep.secrets.add(row.refresh_token);
        await keep.cli('backup', file(), '--events');
        receipt = (await keep.api('DELETE', '/v1/apps/crm-sync/portals/1001')).json;
    });

    test('has a receipt that counts its events, and the audit log proves it', async () => {
        assert.equal(receipt.erased.events, 2);
        assert.equal(receipt.remote, 'done');
        const { json } = await keep.cli('audit', 'verify', '--json');
        assert.equal(json.receipts_verified, 1);
        assert.equal(json.receipt_broken_at, 0);
    });

    test('is told to the backend, in order', async () => {
        const text = await list();
        assert.ok(text.indexOf('portal.uninstalled') > 0);
        assert.ok(text.indexOf('portal.erased') > text.indexOf('portal.uninstalled'));
    });

    test('is in no file, and in no log', async () => {
        const bytes = keep.storedBytes();
        for (const one of [...tokens, ...planted]) {
            assert.ok(!bytes.includes(one));
            assert.ok(!keep.log.includes(one));
        }
    });

    test('is in no memory of any process', async () => {
        for (const role of ['front', 'relay', 'keeper', 'courier', 'deliver']) {
            const pid = keep.pid(role);
            if (!pid) continue;
            const bytes = memoryOf(pid);
            assert.ok(bytes.includes('portkeep'), `${role}: there is something to read`);
            for (const one of [...tokens, ...planted])
                assert.ok(!bytes.includes(one), `${one} in ${role}`);
        }
    });

    test('does not come back from a backup with the newest data keys', async () => {
        const newest = join(keep.dir, 'after');
        await keep.cli('backup', newest, '--events');
        // Without the list of erasures: the keys alone must do.
        const other = await restored(file(), { keys: `${newest}.keys` });
        assert.notEqual((await other.token('crm-sync', 1001)).status, 200);
        assert.equal((await other.token('crm-sync', 1002)).status, 200);
        const { stdout } = await other.cli('portals', 'export', 'crm-sync', '1001');
        for (const one of [...tokens, ...planted]) assert.ok(!stdout.includes(one));
        await other.stop();
    });

    test('comes back with the old ones, until the named master key is retired', async () => {
        const before = await restored(file());
        assert.equal((await before.token('crm-sync', 1001)).status, 200, 'the test can fail');
        await before.stop();
        await keep.cli('masterkey', 'rotate');
        await keep.cli('masterkey', 'retire', receipt.master_key, '--yes');
        const other = await portkeep.prepare({ hub });
        copyFileSync(keep.masterKey, other.masterKey);
        giveAway(other.masterKey);
        await other.cli('restore', file());
        await other.serve().line(/vault\.wrong_master_key/);
        await other.program.stop().catch(() => {});
        other.place.close();
    });
});

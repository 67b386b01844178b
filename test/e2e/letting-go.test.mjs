// Disconnect and erase: what is gone afterwards, and what proves it.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import * as emulator from './support/emulator.mjs';
import * as portkeep from './support/keep.mjs';
import { stopAll, until } from './support/place.mjs';

let hub, keep;
before(async () => {
    hub = await emulator.start();
    keep = await portkeep.start({ hub });
});
after(async () => {
    await stopAll(keep, hub);
});

const letGo = (portal, options) =>
    keep.api('DELETE', `/v1/apps/crm-sync/portals/${portal}`, options);

describe('DELETE', () => {
    let token;
    beforeEach(async () => {
        await hub.clearFaults();
        await keep.connect('crm-sync', 1001, { ref: 'tenant-letting-go' });
        token = (await keep.token('crm-sync', 1001)).json.access_token;
    });
    afterEach(() => hub.clearFaults());

    test('uninstalls at HubSpot, and answers with a receipt', async () => {
        const before = await hub.calls();
        const { status, json, text } = await letGo(1001);
        assert.equal(status, 200, text);
        assert.equal(json.portal, 1001);
        assert.equal(json.remote, 'done');
        assert.ok(Date.parse(json.erased_at));
        assert.equal(json.master_key, '20261124-test');
        assert.equal(json.erased.data_keys, 1);
        await keep.cli('audit', 'verify', '--head', json.audit_head);
        assert.ok(!text.includes('tenant-letting-go'), 'no personal data in it');
        const { by_path: paths } = await hub.calls();
        const ends = Object.keys(paths).filter((path) => path.includes('appinstalls'));
        assert.ok(ends.some((path) => paths[path] > (before.by_path[path] ?? 0)));
    });

    test('leaves nothing to serve', async () => {
        await letGo(1001);
        assert.equal((await keep.token('crm-sync', 1001)).status, 404);
        assert.equal((await keep.portal('crm-sync', 1001)).status, 404);
        assert.equal((await keep.call('crm-sync', 1001, '/account-info/v3/details')).status, 404);
        const used = await fetch(`${hub.url}/account-info/v3/details`,
            { headers: { authorization: `Bearer ${token}` } });
        assert.equal(used.status, 401, 'HubSpot does not take the token either');
    });

    test('a second time is 404', async () => {
        await letGo(1001);
        assert.equal((await letGo(1001)).status, 404);
    });

    test('leaves a receipt that the operator can list', async () => {
        await letGo(1001);
        const { json } = await keep.cli('portals', 'erased', '--json');
        assert.equal(json.receipts.at(-1).portal, 1001);
        await keep.cli('audit', 'verify');
    });

    test('by way of the relay\'s uninstall path wants the same right', async () => {
        const key = await keep.key({ verb: 'call' });
        const path = '/appinstalls/v3/external-install';
        const refused = await keep.call('crm-sync', 1001, path, { key, method: 'DELETE' });
        assert.equal(refused.status, 403, refused.text);
        const done = await keep.call('crm-sync', 1001, path, { method: 'DELETE' });
        assert.ok(done.status < 300, done.text);
        assert.equal((await keep.token('crm-sync', 1001)).status, 404);
    });

    test('with HubSpot unreachable erases here at once and there later', async () => {
        for (const path of ['/appinstalls/*', '/oauth/*'])
            await hub.fault({ path, do: 'drop', times: 0 });
        const { status, json, text } = await letGo(1001);
        assert.ok([200, 202].includes(status), text);
        assert.equal(json.remote, 'pending');
        assert.equal((await keep.token('crm-sync', 1001)).status, 404);
        await hub.clearFaults();
        const ends = async () => (await keep.cli('portals', 'erased', '--json'))
            .json.receipts.filter((one) => one.remote === 'done').length;
        const before = await ends();
        await until('a second receipt', async () => await ends() > before, 90_000);
        const used = await fetch(`${hub.url}/account-info/v3/details`,
            { headers: { authorization: `Bearer ${token}` } });
        assert.equal(used.status, 401);
    });

    test('twice while HubSpot is unreachable is remembered twice', async () => {
        for (let i = 0; i < 2; i++) {
            if (i > 0) await keep.connect('crm-sync', 1001);
            for (const path of ['/appinstalls/*', '/oauth/*'])
                await hub.fault({ path, do: 'drop', times: 0 });
            assert.equal((await letGo(1001)).json.remote, 'pending');
            await hub.clearFaults();
        }
    });

    test('reconnecting afterwards starts from nothing', async () => {
        await letGo(1001);
        await keep.connect('crm-sync', 1001, { ref: 'someone-else' });
        assert.equal((await keep.portal('crm-sync', 1001)).json.ref, 'someone-else');
    });
});

describe('the operator', () => {
    test('disconnects with a receipt too', async () => {
        await keep.connect('crm-sync', 1002);
        const { json } = await keep.cli('portals', 'disconnect', 'crm-sync', '1002',
            '--yes', '--json');
        assert.equal(json.remote, 'done');
        assert.equal((await keep.token('crm-sync', 1002)).status, 404);
    });

    test('erases without asking HubSpot', async () => {
        await keep.connect('crm-sync', 1002);
        const before = (await hub.calls()).total;
        await keep.cli('portals', 'erase', 'crm-sync', '1002', '--yes', '--json');
        assert.equal((await keep.portal('crm-sync', 1002)).status, 404);
        const { recent, total } = await hub.calls();
        assert.ok(!recent.slice(-(total - before) || recent.length)
            .some((call) => call.name.includes('appinstalls')));
    });

    test('gets everything that is held about a portal', async () => {
        await keep.connect('crm-sync', 1003, { ref: 'tenant-export' });
        const { json, stdout } = await keep.cli('portals', 'export', 'crm-sync', '1003', '--json');
        assert.equal(json.portal, 1003);
        assert.equal(json.ref, 'tenant-export');
        const token = (await keep.token('crm-sync', 1003)).json.access_token;
        assert.ok(!stdout.includes(token));
        assert.ok(json.events.length > 0, 'that it connected is an event');
        assert.ok(json.events.every((event) => event.portal === 1003));
    });
});

test('what was erased is in no file of the database', async () => {
    await keep.connect('crm-sync', 1002, { ref: 'marked-tenant-77f1c0' });
    const row = Buffer.from('crm-sync/1002');
    assert.ok(keep.storedBytes().includes(row), 'the check can see a living row');
    await letGo(1002);
    const bytes = keep.storedBytes();
    assert.ok(!bytes.includes('marked-tenant-77f1c0'));
    const { stdout } = await keep.cli('portals', 'list', '--json');
    assert.ok(!stdout.includes('1002'));
});

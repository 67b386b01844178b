// API keys of backends: what each may, from where, until when.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as emulator from './support/emulator.mjs';
import * as portkeep from './support/keep.mjs';
import { stopAll, until } from './support/place.mjs';

let hub, keep;
before(async () => {
    hub = await emulator.start();
    keep = await portkeep.start({
        hub,
        apps: {
            'crm-sync': {},
            'other': { client_id: '99999999-2222-3333-4444-555555555555' },
        },
    });
    await keep.connect('crm-sync', 1001);
    await keep.connect('crm-sync', 1002);
    await keep.connect('other', 1001);
});
after(async () => {
    await stopAll(keep, hub);
});

const contacts = '/crm/v3/objects/contacts';

describe('no door opens', () => {
    for (const [what, key] of Object.entries({
        'without a key': '',
        'with a key that is none': 'pkeep_nonsense',
        'with a key of another form': 'Basic abc',
        'with a key that is far too long': `pkeep_${'a'.repeat(4000)}`,
    }))
        test(what, async () => {
            for (const path of ['/v1/apps/crm-sync/portals/1001/token',
                '/v1/apps/crm-sync/portals', `/hubspot/crm-sync/1001${contacts}`]) {
                const answer = await keep.api('GET', path, { key });
                assert.equal(answer.status, 401, `${path}: ${answer.text}`);
                assert.match(answer.headers.get('www-authenticate') ?? '', /Bearer/);
                assert.match(answer.headers.get('content-type'), /problem\+json/);
            }
        });

    test('with a key whose checksum does not hold', async () => {
        const key = await keep.key();
        const wrong = key.slice(0, -1) + (key.endsWith('a') ? 'b' : 'a');
        assert.equal((await keep.token('crm-sync', 1001, { key: wrong })).status, 401);
    });
});

describe('a key', () => {
    test('is shown once, and stored as a hash', async () => {
        const key = await keep.key({ name: 'once' });
        assert.match(key, /^pkeep_[\w-]{20,}$/);
        const { stdout } = await keep.cli('keys', 'list', '--json');
        assert.ok(stdout.includes('once') && !stdout.includes(key));
        assert.ok(!keep.storedBytes().includes(key));
    });

    test('may by default call, connect and list, but not have tokens', async () => {
        const key = await keep.key();
        assert.equal((await keep.call('crm-sync', 1001, contacts, { key })).status, 200);
        assert.equal((await keep.api('GET', '/v1/apps/crm-sync/portals', { key })).status, 200);
        assert.equal((await keep.token('crm-sync', 1001, { key })).status, 403);
        const gone = await keep.api('DELETE', '/v1/apps/crm-sync/portals/1001', { key });
        assert.equal(gone.status, 403);
    });

    test('may only what its verbs say', async () => {
        const asks = {
            token: ['GET', '/v1/apps/crm-sync/portals/1001/token'],
            call: ['GET', `/hubspot/crm-sync/1001${contacts}`],
            connect: ['POST', '/v1/apps/crm-sync/connect-sessions', { ref: 'r' }],
            portals: ['GET', '/v1/apps/crm-sync/portals'],
        };
        for (const verb of Object.keys(asks)) {
            const key = await keep.key({ verb });
            for (const [other, [method, path, body]] of Object.entries(asks)) {
                const answer = await keep.api(method, path, { key, body });
                assert.equal(answer.status === 403, other !== verb,
                    `${verb} asked for ${other}: ${answer.status} ${answer.text}`);
                if (answer.status === 200 && other === 'token')
                    keep.secrets.add(answer.json.access_token);
            }
        }
    });

    test('that may only read cannot write', async () => {
        const key = await keep.key({ verb: 'call:read' });
        const call = (method, path, body) =>
            keep.call('crm-sync', 1001, path, { key, method, body });
        assert.equal((await call('GET', contacts)).status, 200);
        const search = await call('POST', `${contacts}/search`, { filterGroups: [], limit: 1 });
        assert.equal(search.status, 200, search.text);
        for (const [method, path] of [['POST', contacts], ['PATCH', `${contacts}/1`],
            ['PUT', `${contacts}/1`], ['DELETE', `${contacts}/1`],
            ['POST', `${contacts}/batch/create`]])
            assert.equal((await call(method, path, '{}')).status, 403, method + path);
    });

    test('for one app does not open another', async () => {
        const key = await keep.key({ app: 'other', verb: ['token', 'call', 'portals'] });
        assert.equal((await keep.token('other', 1001, { key })).status, 200);
        assert.equal((await keep.token('crm-sync', 1001, { key })).status, 403);
        assert.equal((await keep.call('crm-sync', 1001, contacts, { key })).status, 403);
        const list = await keep.api('GET', '/v1/apps/crm-sync/portals', { key });
        assert.equal(list.status, 403);
    });

    test('for all apps is told of one that is not there', async () => {
        const key = await keep.key({ verb: ['token', 'portals', 'connect'] });
        for (const path of ['portals', 'portals/1001', 'portals/1001/token'])
            assert.equal((await keep.api('GET', `/v1/apps/nobody/${path}`, { key })).status, 404, path);
    });

    test('for one portal does not open another', async () => {
        const key = await keep.key({ portal: '1001', verb: ['token', 'call', 'portals'] });
        assert.equal((await keep.token('crm-sync', 1001, { key })).status, 200);
        assert.equal((await keep.token('crm-sync', 1002, { key })).status, 403);
        assert.equal((await keep.call('crm-sync', 1002, contacts, { key })).status, 403);
    });

    test('for other addresses does not open from here', async () => {
        const away = await keep.key({ address: '10.0.0.0/8', verb: 'token' });
        assert.equal((await keep.token('crm-sync', 1001, { key: away })).status, 403);
        const here = await keep.key({ address: ['10.0.0.0/8', '127.0.0.0/8'], verb: 'token' });
        assert.equal((await keep.token('crm-sync', 1001, { key: here })).status, 200);
    });

    test('that has ended opens nothing', async () => {
        const key = await keep.key({ ends: '3s', verb: 'token' });
        assert.equal((await keep.token('crm-sync', 1001, { key })).status, 200);
        await until('its end has come', async () =>
            (await keep.token('crm-sync', 1001, { key })).status === 401);
    });

    test('that is revoked opens nothing at once', async () => {
        const { json } = await keep.cli('keys', 'create', 'gone', '--verb', 'token', '--verb', 'call', '--json');
        const { key } = json;
        keep.secrets.add(key);
        assert.equal((await keep.token('crm-sync', 1001, { key })).status, 200);
        await keep.cli('keys', 'revoke', 'gone');
        assert.equal((await keep.token('crm-sync', 1001, { key })).status, 401);
        assert.equal((await keep.call('crm-sync', 1001, contacts, { key })).status, 401);
    });

    test('shows when it was last used', async () => {
        const key = await keep.key({ name: 'used', verb: 'token' });
        await keep.token('crm-sync', 1001, { key });
        await until('the list says so', async () => {
            const { json } = await keep.cli('keys', 'list', '--json');
            const rows = json.keys ?? json;
            const row = rows.find((one) => one.name === 'used');
            return row.last_used_at ?? row.last_used;
        });
    });

    test('is not made with a verb, app or address that makes no sense', async () => {
        for (const flags of [['--verb', 'everything'], ['--app', 'nobody'],
            ['--address', 'here'], ['--portal', 'abc'], ['--ends', 'tomorrow-ish']]) {
            const answer = await keep.cli('keys', 'create', 'bad', ...flags, { expect: undefined });
            assert.ok([1, 2].includes(answer.status), `${flags}: ${answer.status}`);
            assert.ok(answer.stderr.length > 10);
        }
    });
});

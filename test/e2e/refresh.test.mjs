// Tokens stay fresh: one refresh however many ask, and signs kept from word.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import * as emulator from './support/emulator.mjs';
import * as portkeep from './support/keep.mjs';
import { stopAll, until } from './support/place.mjs';

let hub, keep;

async function open(settings, options) {
    hub = await emulator.start({ settings });
    keep = await portkeep.start({ hub, ...options });
}
async function close() {
    await stopAll(keep, hub);
    hub = keep = undefined;
}

describe('with tokens of half an hour', () => {
    before(() => open());
    after(close);
    beforeEach(async () => {
        await hub.clearFaults();
        await keep.connect('crm-sync', 1001);
    });

    test('a token has all that a client wants to know', async () => {
        const answer = await keep.token('crm-sync', 1001);
        assert.equal(answer.status, 200, answer.text);
        const token = answer.json;
        assert.equal(token.token_type, 'bearer');
        assert.equal(token.portal_id, 1001);
        assert.deepEqual(token.scopes.toSorted(), portkeep.scopes.toSorted());
        assert.ok(token.expires_in > 1700 && token.expires_in <= 1800);
        const ends = Date.parse(token.expires_at) || token.expires_at * 1000;
        assert.ok(Math.abs(ends - Date.now() - 1_800_000) < 60_000);
        assert.equal(answer.headers.get('cache-control'), 'no-store');
        assert.ok(answer.headers.get('request-id'));
    });

    test('a token that is fresh is not refreshed', async () => {
        const before = await hub.refreshes();
        for (let i = 0; i < 5; i++) await keep.token('crm-sync', 1001);
        assert.equal(await hub.refreshes(), before);
    });

    test('a token that HubSpot calls expired is refreshed once, by what 401 says', async () => {
        const before = (await keep.token('crm-sync', 1001)).json.access_token;
        await hub.expire({ portal: 1001 });
        const answer = await keep.call('crm-sync', 1001, '/crm/v3/objects/contacts');
        // Within 60 s of its birth the token is not refreshed on a 401.
        assert.equal(answer.status, 401);
        assert.equal(answer.headers.get('portkeep-upstream'), 'hubspot');
        assert.equal((await keep.token('crm-sync', 1001)).json.access_token, before);
    });

    test('portals refresh makes a new one on the operator\'s word', async () => {
        // Also right after the last one: the operator knows why.
        for (let i = 0; i < 3; i++) {
            const before = (await keep.token('crm-sync', 1001)).json.access_token;
            const { json } = await keep.cli('portals', 'refresh', 'crm-sync',
                '1001', '--json');
            assert.equal(json.ref, 'tenant-1001');
            const now = (await keep.token('crm-sync', 1001)).json.access_token;
            assert.notEqual(now, before);
        }
    });

    test('a refused refresh is a sign: needs_reconnect, with a link', async () => {
        await hub.refuseNextRefresh('BAD_REFRESH_TOKEN');
        await keep.refresh('crm-sync', 1001, { expect: 1 });
        const { json } = await keep.portal('crm-sync', 1001);
        assert.equal(json.state, 'needs_reconnect');
        const answer = await keep.token('crm-sync', 1001);
        assert.ok([403, 409, 410, 424].includes(answer.status), answer.text);
        assert.match(answer.json.type, /reconnect/);
        assert.ok(answer.json.reconnect_url.startsWith(keep.public));
        const done = await keep.connect('crm-sync', 1001);
        assert.equal(done.portal, 1001);
        assert.equal((await keep.token('crm-sync', 1001)).status, 200);
    });

    for (const type of ['BAD_CLIENT_ID', 'BAD_CLIENT_SECRET'])
        test(`${type} is our own fault: nobody is disconnected`, async () => {
            await hub.refuseNextRefresh(type);
            await keep.refresh('crm-sync', 1001, { expect: 1 });
            assert.equal((await keep.portal('crm-sync', 1001)).json.state, 'active');
            assert.equal((await keep.token('crm-sync', 1001)).status, 200);
            await until('an alarm', () => / error app\.credentials_refused /.test(keep.log));
            await keep.restart(); // closes the breaker
        });

    for (const [what, fault] of Object.entries({
        'drops the call': { do: 'drop' },
        'answers 500': { do: 'status', status: 500 },
        'answers 429': { do: 'status', status: 429, retry_after: 1 },
        'answers HTML': { do: 'html' },
        'answers garbage': { do: 'garbage' },
        'breaks off': { do: 'truncate' },
    }))
        test(`when the token endpoint ${what} the old token serves on`, async () => {
            await hub.fault({ path: emulator.tokenPath, ...fault });
            await keep.refresh('crm-sync', 1001, { expect: undefined });
            assert.equal((await keep.token('crm-sync', 1001)).status, 200);
            assert.equal((await keep.portal('crm-sync', 1001)).json.state, 'active');
        });

    test('a reply without a refresh token keeps the old one', async () => {
        await hub.settings({ omit_refresh_token: true });
        await keep.refresh('crm-sync', 1001);
        await hub.settings({ omit_refresh_token: false });
        await keep.refresh('crm-sync', 1001);
        assert.equal((await keep.portal('crm-sync', 1001)).json.state, 'active');
    });

    test('many refused at once change no state and raise an alarm', async () => {
        for (const portal of [1002, 1003]) await keep.connect('crm-sync', portal);
        await hub.fault({
            path: emulator.tokenPath, do: 'refuse',
            type: 'BAD_REFRESH_TOKEN', times: 0,
        });
        for (const portal of [1001, 1002, 1003])
            await keep.refresh('crm-sync', portal, { expect: undefined });
        await hub.clearFaults();
        const states = await Promise.all([1001, 1002, 1003].map(async (portal) =>
            (await keep.portal('crm-sync', portal)).json.state));
        assert.ok(states.filter((state) => state === 'active').length >= 1, `${states}`);
        assert.match(keep.log, / error .*(refus|breaker)/i);
    });
});

describe('with tokens of two seconds', () => {
    before(() => open({ expires_in: 2 }));
    after(close);

    test('a thousand callers on an expired grant cause one refresh', async () => {
        await keep.connect('crm-sync', 1001);
        const key = await keep.key({ verb: 'token' });
        await until('the token is stale', async () => {
            const { json } = await keep.portal('crm-sync', 1001);
            return Date.parse(json.expires_at) < Date.now();
        });
        await hub.settings({ expires_in: 1800 });
        const before = await hub.refreshes();
        const answers = await Promise.all(Array.from({ length: 1000 },
            () => keep.token('crm-sync', 1001, { key })));
        assert.deepEqual([...new Set(answers.map((one) => one.status))], [200]);
        assert.equal(new Set(answers.map((one) => one.json.access_token)).size, 1);
        assert.equal(await hub.refreshes(), before + 1);
    });
});

describe('with tokens of ten seconds', () => {
    before(() => open({ expires_in: 10 }));
    after(close);

    test('a grant in use is refreshed ahead of time', async () => {
        await keep.connect('crm-sync', 1001);
        await keep.token('crm-sync', 1001);
        const before = await hub.refreshes();
        await until('a refresh that nobody waits for',
            async () => await hub.refreshes() > before);
    });

    test('no token with less than a fifth of its life left is handed out', async () => {
        const end = Date.now() + 6000;
        await until('six seconds of asking', async () => {
            const { status, json } = await keep.token('crm-sync', 1001);
            assert.equal(status, 200);
            assert.ok(json.expires_in >= 2, `${json.expires_in} s left`);
            return Date.now() > end;
        });
    });

    test('an outage is bridged by retries with growing pauses', async () => {
        await hub.fault({ path: emulator.tokenPath, do: 'status', status: 503, times: 3 });
        await keep.token('crm-sync', 1001);
        await until('it works again', async () => {
            const { recent } = await hub.calls();
            const tokens = recent.filter((call) => call.name === emulator.tokenPath);
            const failed = tokens.filter((call) => call.status === 503).length;
            return failed === 3 && (await keep.token('crm-sync', 1001)).status === 200;
        }, 60_000);
        assert.equal((await keep.portal('crm-sync', 1001)).json.state, 'active');
    });
});

describe('with refresh tokens that rotate', () => {
    before(() => open({ rotate_refresh: true }));
    after(close);

    test('each refresh uses the newest one', async () => {
        await keep.connect('crm-sync', 1001);
        for (let i = 0; i < 4; i++)
            await keep.refresh('crm-sync', 1001);
        assert.equal((await keep.portal('crm-sync', 1001)).json.state, 'active');
    });

    test('also after a restart', async () => {
        await keep.restart();
        await keep.refresh('crm-sync', 1001);
        assert.equal((await keep.portal('crm-sync', 1001)).json.state, 'active');
    });
});

for (const version of ['2026-09', 'v3'])
    describe(`with the token endpoint ${version}`, () => {
        before(() => open({}, { hubspot: { oauth_version: version } }));
        after(close);

        test('connect, refresh and disconnect all use it', async () => {
            await keep.connect('crm-sync', 1001);
            await keep.refresh('crm-sync', 1001);
            await keep.api('DELETE', '/v1/apps/crm-sync/portals/1001');
            const { by_path: paths } = await hub.calls();
            assert.ok(paths[`POST /oauth/${version}/token`] >= 2);
            const others = Object.keys(paths).filter((path) =>
                /\/oauth\/(v1|v3|20)/.test(path) && !path.includes(`/oauth/${version}/`));
            assert.deepEqual(others, []);
        });
    });

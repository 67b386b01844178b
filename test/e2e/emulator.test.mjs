// The stand-in for HubSpot by itself, as somebody meets it who develops an
// app without portkeep: fetch, HubSpot's own SDK, and a browser.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { request } from 'node:http';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from '@hubspot/api-client';
import { fitsNarrow, isAccessible, launch } from './support/chromium.mjs';
import * as emulator from './support/emulator.mjs';
import { build, folder, until } from './support/place.mjs';
import { run } from './support/program.mjs';

const redirect = 'http://localhost:9000/cb';
const client = { client_id: 'my-app', client_secret: 'my-secret' };
const program = join(build, 'portkeep-emulator');

let hub;
before(async () => (hub = await emulator.start()));
after(() => hub?.stop());
beforeEach(() => hub.reset());

const form = (fields) => ({ method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' });

async function decide(fields, at = hub) {
    const answer = await fetch(`${at.url}/oauth/authorize/decision`, form({
        client_id: client.client_id, redirect_uri: redirect,
        scope: 'oauth crm.objects.contacts.read crm.objects.contacts.write',
        portal: 1002, decision: 'allow', ...fields,
    }));
    return { status: answer.status, to: answer.headers.get('location') && new URL(answer.headers.get('location')) };
}

async function token(fields, version = '2026-03', at = hub) {
    const answer = await fetch(`${at.url}/oauth/${version}/token`, form({ ...client, ...fields }));
    return { status: answer.status, body: await answer.json() };
}

async function connect(fields, at = hub) {
    const { to } = await decide(fields, at);
    const { status, body } = await token({
        grant_type: 'authorization_code', redirect_uri: redirect, code: to.searchParams.get('code'),
    }, '2026-03', at);
    assert.equal(status, 200);
    return body;
}

const refresh = ({ refresh_token }, version) => token({ grant_type: 'refresh_token', refresh_token }, version);

async function api(path, bearer, options = {}, at = hub) {
    const answer = await fetch(`${at.url}${path}`, {
        ...options, headers: { authorization: `Bearer ${bearer}` },
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: text ? JSON.parse(text) : undefined };
}

test('an app is connected, used, refreshed and uninstalled', async () => {
    const tokens = await connect();
    assert.equal(tokens.hub_id, 1002);
    assert.equal(tokens.expires_in, 1800);
    const details = await api('/account-info/2026-09/details', tokens.access_token);
    assert.equal(details.body.portalId, 1002);
    assert.equal(details.headers.get('x-hubspot-ratelimit-max'), '110');
    const again = await refresh(tokens);
    assert.equal(again.body.refresh_token, tokens.refresh_token);
    const gone = await api('/appinstalls/2026-03/external-install', tokens.access_token, { method: 'DELETE' });
    assert.equal(gone.status, 204);
    assert.equal((await api('/integrations/v1/me', tokens.access_token)).body.category, 'INVALID_AUTHENTICATION');
    assert.equal((await refresh(tokens)).body.status, 'BAD_REFRESH_TOKEN');
});

test('the official SDK works with every kind of record', async () => {
    const [, { token: accessToken }] = await hub.staticTokens();
    const hubspot = new Client({ accessToken, basePath: hub.url });
    for (const [kind, least] of [['contacts', 8], ['companies', 4], ['deals', 4]])
        assert.equal((await hubspot.crm[kind].getAll(3)).length, least);
    const { basicApi, batchApi, searchApi } = hubspot.crm.contacts;
    const made = await basicApi.create({ properties: { email: 'sdk@example.com' }, associations: [] });
    await basicApi.update(made.id, { properties: { lastname: 'Lovelace' } });
    const read = await basicApi.getById('sdk@example.com', ['lastname'], undefined, undefined, false, 'email');
    assert.equal(read.properties.lastname, 'Lovelace');
    const found = await searchApi.doSearch({
        filterGroups: [{ filters: [{ propertyName: 'lastname', operator: 'EQ', value: 'lovelace' }] }],
        properties: ['lastname'], sorts: ['createdate'], limit: 5, after: '0',
    });
    assert.deepEqual(found.results.map(({ id }) => id), [made.id]);
    const { results } = await batchApi.upsert({ inputs: ['sdk@example.com', 'new@example.com'].map((id) => (
        { id, idProperty: 'email', properties: { city: 'Cork' } })) });
    assert.deepEqual(results.map((one) => one._new), [false, true]);
    const links = hubspot.crm.associations.v4.basicApi;
    await links.createDefault('contacts', made.id, 'companies', '101');
    assert.equal((await links.getPage('contacts', made.id, 'companies')).results[0].toObjectId, '101');
    await basicApi.archive(made.id);
    await assert.rejects(basicApi.getById(made.id), { code: 404 });
    await assert.rejects(basicApi.create({ properties: { colour: 'red' } }), (error) => {
        assert.equal(error.body.errors[0].code, 'PROPERTY_DOESNT_EXIST');
        return error.code === 400;
    });
});

test('the official SDK\'s OAuth calls of version 1 work', async () => {
    const { oauth } = new Client({ basePath: hub.url });
    const { to } = await decide();
    const made = await oauth.tokensApi.create('authorization_code',
        to.searchParams.get('code'), redirect, client.client_id, client.client_secret);
    const again = await oauth.tokensApi.create('refresh_token', undefined, undefined,
        client.client_id, client.client_secret, made.refreshToken);
    assert.equal((await oauth.accessTokensApi.get(again.accessToken)).hubId, 1002);
    await oauth.refreshTokensApi.archive(made.refreshToken);
    await assert.rejects(oauth.tokensApi.create('refresh_token', undefined, undefined,
        client.client_id, client.client_secret, made.refreshToken), { code: 400 });
    const { recent } = await hub.calls();
    assert.ok(!JSON.stringify(recent).includes(again.accessToken));
});

describe('faults on order', () => {
    let tokens;
    beforeEach(async () => (tokens = await connect()));
    const path = emulator.tokenPath;

    test('refuse and status answer in place of HubSpot', async () => {
        await hub.fault({ path, do: 'refuse', type: 'BAD_HUB', nth: 2 });
        assert.equal((await refresh(tokens)).status, 200);
        assert.equal((await refresh(tokens)).body.status, 'BAD_HUB');
        await hub.fault({ path, do: 'status', status: 429, retry_after: 3 });
        const answer = await fetch(hub.url + path, form(client));
        assert.equal(answer.status, 429);
        assert.equal(answer.headers.get('retry-after'), '3');
        assert.equal((await refresh(tokens)).status, 200);
    });

    test('drop does nothing, drop_after does everything, both without a word', async () => {
        await hub.settings({ rotate_refresh: true });
        await hub.fault({ path, do: 'drop' });
        await assert.rejects(refresh(tokens));
        const next = (await refresh(tokens)).body;
        await hub.fault({ path, do: 'drop_after' });
        await assert.rejects(refresh(next));
        assert.equal((await refresh(next)).body.status, 'BAD_REFRESH_TOKEN');
        assert.equal(await hub.refreshes(), 4);
    });

    test('truncate breaks off before the length that it promised', async () => {
        await hub.fault({ path: '/integrations/v1/me', do: 'truncate' });
        const answer = await new Promise((resolve, reject) => {
            request(`${hub.url}/integrations/v1/me`, { headers: { authorization: `Bearer ${tokens.access_token}` } },
                (head) => head.on('close', () => resolve(head)).on('error', () => {}).resume())
                .on('error', (error) => error.code === 'ECONNRESET' || reject(error)).end();
        });
        assert.equal(answer.statusCode, 200);
        assert.equal(answer.complete, false);
    });

    test('garbage and html are no JSON', async () => {
        for (const [kind, type] of [['garbage', /json/], ['html', /html/]]) {
            await hub.fault({ path, do: kind });
            const answer = await fetch(hub.url + path, form(client));
            assert.match(answer.headers.get('content-type'), type);
            await assert.rejects(answer.json());
        }
    });

    test('delay and latency make answers late', async () => {
        const took = async () => {
            const start = performance.now();
            await refresh(tokens);
            return performance.now() - start;
        };
        await hub.fault({ path, do: 'delay', delay_ms: 150 });
        assert.ok(await took() >= 149);
        await hub.settings({ latency_ms: 100 });
        assert.ok(await took() >= 99);
    });

    test('a client that gives up during a delay harms nobody', async () => {
        await hub.fault({ path, do: 'delay', delay_ms: 300 });
        await assert.rejects(fetch(hub.url + path, { ...form(client), signal: AbortSignal.timeout(50) }));
        assert.equal((await refresh(tokens)).status, 200);
    });
});

test('expiry is the clock\'s', async () => {
    const { access_token } = await connect();
    await hub.control('POST', '/clock', { advance_s: 1800 });
    const answer = await api('/integrations/v1/me', access_token);
    assert.equal(answer.status, 401);
    assert.equal(answer.body.category, 'EXPIRED_AUTHENTICATION');
});

test('an install that begins on the Marketplace has no state, or comes back for one', async () => {
    const install = (fields) => fetch(`${hub.url}/apps/install`, form({
        client_id: client.client_id, redirect_uri: redirect, scope: 'oauth', portal: 1003, ...fields,
    }));
    const direct = new URL((await install({ sign_in: 'no' })).headers.get('location'));
    assert.deepEqual([...direct.searchParams.keys()], ['code', 'returnUrl']);
    assert.equal((await fetch(direct.searchParams.get('returnUrl'))).status, 200);
    const first = new URL((await install({ sign_in: 'yes' })).headers.get('location'));
    assert.equal(first.searchParams.get('step'), 'authorize');
    const back = await fetch(`${first.searchParams.get('returnUrl')}?state=xyz`, { redirect: 'manual' });
    const second = new URL(back.headers.get('location')).searchParams;
    assert.equal(second.get('step'), 'finalize');
    assert.equal(second.get('state'), 'xyz');
    const { status, body } = await token({
        grant_type: 'authorization_code', redirect_uri: redirect, code: second.get('code'),
    });
    assert.equal(status, 200, JSON.stringify(body));
});

test('a declared app is held to its file', async () => {
    const place = folder();
    const path = join(place.path, 'app-hsmeta.json');
    writeFileSync(path, JSON.stringify({
        uid: 'my_app', type: 'app', config: {
            name: 'My App', distribution: 'marketplace',
            auth: { type: 'oauth', redirectUrls: [redirect], requiredScopes: ['oauth', 'crm.objects.deals.read'] },
        },
    }));
    const strict = await emulator.start({ args: ['--app', path, '--client-id', 'my-app', '--secret', 'my-secret'] });
    try {
        const link = (fields) => fetch(`${strict.url}/oauth/authorize?${new URLSearchParams({
            client_id: 'my-app', redirect_uri: redirect, scope: 'oauth crm.objects.deals.read', ...fields,
        })}`);
        assert.match(await (await link({})).text(), /Connect My App/);
        assert.match(await (await link({ scope: 'oauth' })).text(), /data-error="insufficient_scopes"/);
        assert.match(await (await link({ client_id: 'x' })).text(), /data-error="bad_client_id"/);
        assert.match(await (await link({ redirect_uri: 'https://a.example/' })).text(), /data-error="bad_redirect_uri"/);
        const wrong = await token({ grant_type: 'refresh_token', client_secret: 'x' }, '2026-03', strict);
        assert.equal(wrong.body.status, 'BAD_CLIENT_SECRET');
    } finally {
        await strict.stop();
        place.close();
    }
});

test('with --state everything is still there after a kill', async () => {
    const place = folder();
    const path = join(place.path, 'state.json');
    const args = ['--state', path];
    let kept = await emulator.start({ args });
    try {
        const tokens = await connect({}, kept);
        const made = await api('/crm/v3/objects/contacts', tokens.access_token, {
            method: 'POST', body: JSON.stringify({ properties: { email: 'kept@example.com' } }),
        }, kept);
        await until('the state is saved', () => readFileSync(path, 'utf8').includes('kept@example.com'));
        assert.equal(statSync(path).mode & 0o777, 0o600);
        await kept.program.stop('SIGKILL');
        kept = await emulator.start({ args });
        const read = await api(`/crm/v3/objects/contacts/${made.body.id}`, tokens.access_token, {}, kept);
        assert.equal(read.body.properties.email, 'kept@example.com');
    } finally {
        await kept.stop();
        place.close();
    }
});

test('wrong command lines are told in a sentence', async () => {
    for (const [args, words] of [
        [['--listen', '0.0.0.0:8790'], /loopback/],
        [['--listen', '8790'], /address and a port/],
        [['--colour', 'red'], /no option --colour/],
        [['--seed'], /needs a value/],
        [['--app', '/does/not/exist'], /does.not.exist/],
        [['--tls-cert', 'x'], /go together/],
    ]) {
        const { status, stderr } = await run(program, args);
        assert.notEqual(status, 0);
        assert.match(stderr, words);
    }
    const { status, stdout } = await run(program, ['--help']);
    assert.equal(status, 0);
    assert.match(stdout, /--listen/);
});

describe('in a browser', () => {
    let browser, page;
    before(async () => (browser = await launch()));
    after(() => browser?.close());
    beforeEach(async () => {
        page = await browser.newPage({ viewport: { width: 900, height: 900 } });
        await page.route('http://localhost:9000/**', (route) =>
            route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>App</title>' }));
    });

    const link = (fields) => `${hub.url}/oauth/authorize?${new URLSearchParams({
        client_id: client.client_id, redirect_uri: redirect, state: 'a&b',
        scope: 'oauth crm.objects.leads.read', ...fields,
    })}`;

    test('somebody allows, cancels, and meets what their edition lacks', async () => {
        await page.goto(link());
        await isAccessible(page);
        await fitsNarrow(page);
        await page.getByLabel(/Acme Professional/).check();
        await page.getByRole('button', { name: 'Allow' }).click();
        await page.waitForURL(/localhost:9000.cb/);
        const back = new URL(page.url()).searchParams;
        assert.equal(back.get('state'), 'a&b');
        assert.match(back.get('code'), /^na1-/);

        await page.goto(link());
        await page.getByRole('button', { name: 'Cancel' }).click();
        await page.waitForURL(/error=access_denied/);

        await page.goto(link());
        await page.getByLabel(/Acme Free/).check();
        await page.getByRole('button', { name: 'Allow' }).click();
        await page.getByText('does not include').waitFor();
        await isAccessible(page);
    });

    test('somebody looks at the connected apps and uninstalls one', async () => {
        const tokens = await connect();
        await page.goto(`${hub.url}/apps`);
        await isAccessible(page);
        await fitsNarrow(page);
        await page.getByRole('button', { name: /^Uninstall .* Acme Professional/ }).click();
        await page.waitForURL(/\/apps$/);
        assert.equal(await page.getByRole('button', { name: /^Uninstall/ }).count(), 0);
        assert.equal((await refresh(tokens)).body.status, 'BAD_REFRESH_TOKEN');
    });

    test('somebody begins an install on the Marketplace', async () => {
        await connect();
        await page.goto(`${hub.url}/apps`);
        await page.getByRole('button', { name: 'Install', exact: true }).click();
        await page.waitForURL(/localhost:9000.cb\?code=.*returnUrl=/);
    });
});

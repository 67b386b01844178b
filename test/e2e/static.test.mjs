// Static tokens: static-token apps, service keys, legacy private apps.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as emulator from './support/emulator.mjs';
import * as portkeep from './support/keep.mjs';
import { stopAll } from './support/place.mjs';

let hub, keep, tokens;
before(async () => {
    hub = await emulator.start();
    keep = await portkeep.start({
        hub, apps: { 'own-app': { type: 'static' }, 'crm-sync': {} },
    });
    // The emulator has static tokens of its own; its list names them.
    tokens = await hub.staticTokens();
});
after(async () => {
    await stopAll(keep, hub);
});

const add = (token, options = {}) => keep.cli('portals', 'add', 'own-app', '--static',
    '--json', { input: `${token}\n`, ...options });

test('a token on standard input is checked with HubSpot and kept', async () => {
    const { json } = await add(tokens[0].token);
    keep.secrets.add(tokens[0].token);
    assert.equal(json.portal, tokens[0].portal);
    assert.equal((await keep.portal('own-app', json.portal)).json.state, 'active');
});

test('token API and relay serve it like any other', async () => {
    const { portal, token } = tokens[0];
    const answer = await keep.token('own-app', portal);
    assert.equal(answer.json.access_token, token);
    assert.equal(answer.json.expires_at ?? null, null);
    const call = await keep.call('own-app', portal, '/account-info/v3/details');
    assert.equal(call.json.portalId, portal);
});

test('it stands nowhere in the clear', async () => {
    assert.ok(!keep.storedBytes().includes(tokens[0].token));
});

test('a token that HubSpot does not know is refused, and the old one stays', async () => {
    const wrong = 'pat-na1-00000000-0000-4000-8000-000000000000';
    const answer = await add(wrong, { expect: 1 });
    assert.ok(!(answer.stdout + answer.stderr).includes(wrong));
    assert.equal((await keep.token('own-app', tokens[0].portal)).status, 200);
});

test('something that is no token is refused', async () => {
    for (const text of ['', 'hello', 'pat-na1-' + 'x'.repeat(5000)])
        await add(text, { expect: 1 });
});

test('rotation: the new one takes over, the old serves until then', async () => {
    const { portal } = tokens[0];
    const fresh = await hub.newStaticToken(portal);
    keep.secrets.add(fresh);
    assert.equal((await keep.token('own-app', portal)).json.access_token, tokens[0].token);
    await add(fresh);
    assert.equal((await keep.token('own-app', portal)).json.access_token, fresh);
});

test('it is not refreshed, and cannot be connected through a browser', async () => {
    const session = await keep.api('POST', '/v1/apps/own-app/connect-sessions',
        { body: { ref: 'x' } });
    assert.ok(session.status >= 400 && session.status < 500, session.text);
    const page = await fetch(`${keep.public}/connect/own-app?session=x`);
    assert.equal(page.status, 404);
});

test('it can be let go', async () => {
    const { portal } = tokens[0];
    const answer = await keep.api('DELETE', `/v1/apps/own-app/portals/${portal}`);
    assert.equal(answer.status, 200, answer.text);
    assert.equal((await keep.token('own-app', portal)).status, 404);
});

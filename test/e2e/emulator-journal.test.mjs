// The emulator's webhooks journal by itself: what HubSpot's documentation
// promises of the real one.
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import * as app from './support/app.mjs';
import * as emulator from './support/emulator.mjs';

const { portal } = app;
const ownToken = () => app.ownToken(hub, 'read', 'subscriptions.read', 'subscriptions.write');
let hub, token, bearer;
before(async () => (hub = await emulator.start()));
after(() => hub?.stop());
beforeEach(async () => {
    await hub.reset();
    token = await app.connect(hub);
    bearer = await ownToken();
});

const api = (method, path, body) => app.call(hub, token, method, path, body);
const create = async (properties) => (await api('POST', app.contacts, { properties })).body.id;

const at = (path) => `/webhooks-journal/journal/2026-09/${path}`;
const subscriptions = '/webhooks-journal/subscriptions/2026-09';
const life = (eventTypeId) => ({ subscriptionType: 'APP_LIFECYCLE_EVENT', eventTypeId, properties: [] });
const privacy = { subscriptionType: 'GDPR_PRIVACY_DELETION', portalId: portal, objectTypeId: '0-1',
    actions: ['GDPR_DELETE'] };
const objects = { subscriptionType: 'OBJECT', portalId: portal, objectTypeId: '0-1',
    actions: ['CREATE', 'UPDATE'], properties: [], objectIds: [] };
// With the app's own token.
const ask = (path, method = 'GET', body = undefined) => app.call(hub, bearer, method, path, body);
const bare = (url, bearerOf = null) => app.call(hub, bearerOf, 'GET', url);
const subscribe = async (...bodies) => {
    for (const body of bodies) assert.equal((await ask(subscriptions, 'POST', body)).status, 201);
};
// All files from the beginning.
const read = async () => {
    const files = [];
    let pointer = await ask(at('earliest'));
    while (pointer.status === 200) {
        const file = await bare(pointer.body.url);
        assert.equal(file.body.offset, pointer.body.currentOffset);
        files.push(file.body);
        pointer = await ask(at(`offset/${pointer.body.currentOffset}/next`));
    }
    assert.equal(pointer.status, 204);
    return files;
};
const events = async () => (await read()).flatMap(({ journalEvents }) => journalEvents);

test('has installs and uninstalls, for whoever subscribed', async () => {
    await connectByConsent(1001);
    await hub.uninstall({ portal: 1001 });
    assert.deepEqual(await events(), []);
    await subscribe(life('4-1909196'), life('4-1916193'));
    await connectByConsent(1001);
    await hub.uninstall({ portal: 1001 });
    const [install, uninstall] = await events();
    assert.equal(install.action, 'APP_INSTALL');
    const { occurredAt, properties, ...rest } = uninstall;
    assert.deepEqual(rest, { type: 'app_lifecycle_event', portalId: 1001, action: 'APP_UNINSTALL',
        eventTypeId: '4-1916193' });
    assert.ok(Math.abs(Date.parse(occurredAt) - Date.now()) < 60_000);
    assert.equal(properties.hs_app_install_level, 'PORTAL');
    assert.match(properties.hs_user_id, /^\d+$/);
});

async function connectByConsent(from) {
    const redirect_uri = 'http://localhost:9000/cb';
    const answer = await fetch(`${hub.url}/oauth/authorize/decision`, { method: 'POST', redirect: 'manual',
        body: new URLSearchParams({ client_id: app.id, redirect_uri, scope: 'oauth', portal: from, decision: 'allow' }) });
    const code = new URL(answer.headers.get('location')).searchParams.get('code');
    assert.ok((await app.oauth(hub, { grant_type: 'authorization_code', redirect_uri, code })).access_token);
}

test('has objects and privacy deletions where they are subscribed to', async () => {
    await subscribe(objects, privacy, { subscriptionType: 'ASSOCIATION', portalId: portal, objectTypeId: '0-1',
        associatedObjectTypeIds: ['0-2'], actions: ['ASSOCIATION_ADDED'], objectIds: [] });
    const id = Number(await create({ lastname: 'A' }));
    await api('PUT', `/crm/v4/objects/contacts/${id}/associations/default/companies/101`);
    await api('POST', `${app.contacts}/gdpr-delete`, { objectId: String(id) });
    const all = await events();
    assert.deepEqual(all.map(({ type, action }) => [type, action]), [
        ['crmObject', 'CREATE'], ['crmObject', 'UPDATE'], ['association', 'ASSOCIATION_ADDED'],
        ['gdprPrivacyDeletion', 'GDPR_DELETE']]);
    assert.deepEqual(all[1].propertyChanges, { lastname: 'A' });
    assert.deepEqual([all[2].fromObjectId, all[2].toObjectId, all[2].associationTypeId], [id, 101, 279]);
    assert.deepEqual([all[3].objectTypeId, all[3].objectId], ['0-1', id]);
});

test('is read one by one, in batches, and for one portal', async () => {
    await hub.settings({ journal_file_events: 1 });
    await subscribe(objects, { ...objects, portalId: 1003 });
    const other = await app.connect(hub, 1003);
    for (const from of [token, other, token]) await app.call(hub, from, 'POST', app.contacts, { properties: {} });
    const files = await read();
    const portals = files.map(({ journalEvents: [{ portalId }] }) => portalId);
    assert.deepEqual(portals, [portal, 1003, portal]);
    const offsets = files.map(({ offset }) => offset);
    const batch = async (path, body) => {
        const answer = await ask(path, body ? 'POST' : 'GET', body);
        return [answer.status, answer.body.results.map(({ currentOffset }) => currentOffset)];
    };
    assert.equal((await ask(at('latest'))).body.currentOffset, offsets[2]);
    assert.deepEqual(await batch(at('batch/earliest/2')), [200, offsets.slice(0, 2)]);
    assert.deepEqual(await batch(at('batch/latest/2')), [200, offsets.slice(1)]);
    assert.deepEqual(await batch(at(`batch/${offsets[0]}/next/9`)), [200, offsets.slice(1)]);
    assert.deepEqual(await batch(at('batch/read'), { inputs: [offsets[1], 'x'] }), [207, [offsets[1]]]);
    const local = at('batch/earliest/9').replace('journal/2', 'journal-local/2');
    assert.deepEqual(await batch(`${local}?installPortalId=1003`), [200, [offsets[1]]]);
});

test('refuses offsets that are unknown or older than three days', async () => {
    await subscribe(objects);
    await create({});
    const { body } = await ask(at('earliest'));
    const next = at(`offset/${body.currentOffset}/next`);
    assert.equal((await ask(next)).status, 204);
    await hub.advance(3 * 86_400 - 60);
    bearer = await ownToken();
    assert.equal((await ask(next)).status, 204);
    await hub.advance(120);
    assert.equal((await ask(next)).status, 404);
    assert.equal((await ask(next)).body.category, 'OBJECT_NOT_FOUND');
    assert.equal((await ask(at('offset/00000000-0000-4000-8000-000000000000/next'))).status, 404);
    assert.equal((await ask(at('earliest'))).status, 204);
});

test('gives its files to whoever has their URL, for some minutes, without a token', async () => {
    await subscribe(objects);
    await create({});
    const { url, expiresAt } = (await ask(at('earliest'))).body;
    assert.ok(Date.parse(expiresAt) > Date.now());
    assert.equal((await bare(url)).status, 200);
    assert.equal((await bare(url, bearer)).status, 400);
    assert.equal((await bare(url.replace(/.$/, (c) => (c === '0' ? '1' : '0')))).status, 403);
    await hub.advance(301);
    assert.match((await bare(url)).body, /Request has expired/);
});

test('keeps subscriptions, each once, until the app is uninstalled', async () => {
    await subscribe(life('4-1916193'), objects, privacy);
    assert.equal((await ask(subscriptions, 'POST', life('4-1916193'))).status, 409);
    const missing = await ask(subscriptions, 'POST', { ...objects, actions: undefined });
    assert.deepEqual([missing.status, missing.body.context.field], [400, ['actions']]);
    const { results } = (await ask(subscriptions)).body;
    assert.deepEqual(results.map(({ subscriptionType }) => subscriptionType),
        ['APP_LIFECYCLE_EVENT', 'OBJECT', 'GDPR_PRIVACY_DELETION']);
    assert.equal(typeof results[0].appId, 'number');
    assert.equal((await ask(`${subscriptions}/${results[1].id}`, 'DELETE')).status, 204);
    assert.equal((await ask(`${subscriptions}/${results[1].id}`)).status, 404);
    await hub.uninstall({ portal });
    assert.equal((await ask(subscriptions)).body.results.length, 1);
});

test('writes down what a subscription\'s filters let pass', async () => {
    await subscribe(objects);
    const [{ id: subscriptionId }] = (await ask(subscriptions)).body.results;
    const filter = { conditions: [{ filterType: 'CRM_OBJECT_PROPERTY', property: 'city', operator: 'EQ', value: 'Cork' }] };
    const made = await ask(`${subscriptions}/filters`, 'POST', { subscriptionId, filter });
    assert.equal(made.status, 201);
    assert.equal((await ask(`${subscriptions}/filters`, 'POST', { subscriptionId, filter: {} })).status, 400);
    assert.equal((await ask(`${subscriptions}/filters`, 'POST', { subscriptionId: 99, filter })).status, 404);
    const one = `${subscriptions}/filters/${made.body.filterId}`;
    assert.deepEqual((await ask(one)).body.filter, filter);
    assert.equal((await ask(`${subscriptions}/filters/subscription/${subscriptionId}`)).body.length, 1);
    await create({ city: 'Cobh' });
    const id = Number(await create({ city: 'Cork' }));
    assert.deepEqual([...new Set((await events()).map(({ objectId }) => objectId))], [id]);
    assert.equal((await ask(one, 'DELETE')).status, 204);
    assert.equal((await ask(one)).status, 404);
});

test('is open to the app\'s own token with the right scope alone', async () => {
    assert.equal((await ask(at('earliest'))).status, 204);
    assert.equal((await api('GET', at('earliest'))).status, 401);
    bearer = await app.ownToken(hub, 'subscriptions.read');
    const refused = await ask(at('earliest'));
    assert.equal(refused.body.category, 'MISSING_SCOPES');
    assert.equal((await ask(subscriptions)).status, 200);
    assert.equal((await ask(subscriptions, 'POST', privacy)).status, 403);
});

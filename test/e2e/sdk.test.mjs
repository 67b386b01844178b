// HubSpot's official Node SDK, one line changed: its base path is portkeep.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client } from '@hubspot/api-client';
import * as emulator from './support/emulator.mjs';
import * as portkeep from './support/keep.mjs';
import { stopAll } from './support/place.mjs';
import * as upstream from './support/upstream.mjs';

let hub, keep, api, uploads, hubspot, contacts;
before(async () => {
    hub = await emulator.start();
    keep = await portkeep.start({ hub });
    await keep.connect('crm-sync', 1002);
    hubspot = new Client({
        accessToken: await keep.key({ app: 'crm-sync', verb: 'call' }),
        basePath: `${keep.private}/hubspot/crm-sync/1002`,
    });
    contacts = hubspot.crm.contacts;
    api = await upstream.start({ oauth: hub.url });
    uploads = await portkeep.start({ hub, hubspot: { api_url: api.url } });
    await uploads.connect('crm-sync', 1002);
});
after(async () => {
    await stopAll(keep, uploads, api, hub);
});

test('contacts are created, read, changed and archived', async () => {
    const made = await contacts.basicApi.create(
        { properties: { email: 'sdk@example.com', firstname: 'Grace' } });
    const read = await contacts.basicApi.getById(made.id, ['email', 'firstname']);
    assert.equal(read.properties.email, 'sdk@example.com');
    const changed = await contacts.basicApi.update(made.id,
        { properties: { firstname: 'Ada' } });
    assert.equal(changed.properties.firstname, 'Ada');
    await contacts.basicApi.archive(made.id);
    await assert.rejects(contacts.basicApi.getById(made.id), { code: 404 });
});

test('batches are created and read', async () => {
    const made = await contacts.batchApi.create({
        inputs: [1, 2, 3].map((n) => ({ properties: { email: `b${n}@example.com` } })),
    });
    assert.equal(made.results.length, 3);
    const read = await contacts.batchApi.read({
        inputs: made.results.map(({ id }) => ({ id })), properties: ['email'],
        propertiesWithHistory: [],
    });
    assert.deepEqual(read.results.map((one) => one.properties.email).sort(),
        ['b1@example.com', 'b2@example.com', 'b3@example.com']);
});

test('search finds by a filter', async () => {
    await contacts.basicApi.create({ properties: { email: 'needle@example.com' } });
    const found = await contacts.searchApi.doSearch({
        filterGroups: [{
            filters: [{ propertyName: 'email', operator: 'EQ', value: 'needle@example.com' }],
        }],
        properties: ['email'], limit: 10,
    });
    assert.equal(found.total, 1);
    assert.equal(found.results[0].properties.email, 'needle@example.com');
});

test('paging goes through all pages', async () => {
    const inputs = Array.from({ length: 100 },
        (_, n) => ({ properties: { email: `page${n}@example.com` } }));
    await contacts.batchApi.create({ inputs });
    const all = await contacts.getAll(40, undefined, ['email']);
    assert.ok(all.length >= 100);
    assert.equal(new Set(all.map(({ id }) => id)).size, all.length);
});

test('a plain apiRequest works', async () => {
    const answer = await hubspot.apiRequest({ path: '/account-info/v3/details' });
    assert.equal((await answer.json()).portalId, 1002);
});

test('HubSpot\'s errors arrive as the SDK knows them', async () => {
    await assert.rejects(hubspot.crm.deals.basicApi.getPage(), (e) => {
        assert.equal(e.code, 403);
        assert.equal(e.body.category, 'MISSING_SCOPES');
        return true;
    });
});

test('a wrong key is 401, in our words', async () => {
    const wrong = new Client({
        accessToken: 'pkeep_wrong', basePath: `${keep.private}/hubspot/crm-sync/1002`,
    });
    await assert.rejects(wrong.crm.contacts.basicApi.getPage(), { code: 401 });
});

test('a base path that ends in a slash works too', async () => {
    const slash = new Client({
        accessToken: await keep.master(),
        basePath: `${keep.private}/hubspot/crm-sync/1002/`,
    });
    assert.ok((await slash.crm.contacts.basicApi.getPage(1)).results.length <= 1);
});

test('an upload in chunks arrives whole', async () => {
    const client = new Client({
        accessToken: await uploads.master(),
        basePath: `${uploads.private}/hubspot/crm-sync/1002`,
    });
    const data = Buffer.alloc(300_000, 'portkeep ');
    await client.files.filesApi.upload(
        { data, name: 'big.txt' }, undefined, '/', undefined, undefined,
        JSON.stringify({ access: 'PRIVATE' })).catch((e) => {
        if (e.code !== 200) throw e; // an echo is no file; it matters that it came
    });
    const [url] = [...api.seen.keys()].filter((one) => one.startsWith('/files/'));
    assert.equal(url, '/files/v3/files');
    assert.ok(api.bytes.get(url) > data.length);
    assert.equal(api.framing.get(url), 'chunked');
});

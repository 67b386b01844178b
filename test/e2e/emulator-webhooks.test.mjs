// The emulator's webhooks by themselves, as somebody meets them who writes an
// app without portkeep.  HubSpot's own SDK judges signatures.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, beforeEach, describe, test } from 'node:test';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as app from './support/app.mjs';
import { isAccessible, launch } from './support/chromium.mjs';
import * as emulator from './support/emulator.mjs';
import { build, folder, until } from './support/place.mjs';
import { run } from './support/program.mjs';
import * as receiver from './support/receiver.mjs';

const { portal } = app;
let hub, hook, token;
before(async () => {
    hook = await receiver.start();
    hub = await emulator.start();
});
after(async () => {
    await hub?.stop();
    await hook?.stop();
});
beforeEach(async () => {
    await hub.reset();
    hook.clear();
    await hub.settings({ webhook_url: `${hook.origin}/hook?from=hubspot`, webhook_delay_ms: 20 });
    token = await app.connect(hub);
});

const api = (method, path, body) => app.call(hub, token, method, path, body);
const create = async (properties) => (await api('POST', app.contacts, { properties })).body.id;

test('a change reaches the app in HubSpot\'s words, and the SDK accepts its signatures', async () => {
    const id = Number(await create({ email: 'new@example.com', lastname: 'Hopper' }));
    const request = await hook.got();
    assert.equal(request.method, 'POST');
    assert.equal(request.path, '/hook?from=hubspot');
    assert.equal(request.headers['x-hubspot-signature-version'], 'v1');
    assert.ok(app.isSigned(request, 'v1'));
    assert.ok(app.isSigned(request, 'v3'));
    assert.ok(!app.isSigned(request, 'v3', 'another-secret'));
    assert.ok(!app.isSigned({ ...request, body: `${request.body} ` }, 'v3'));
    const [creation, ...changes] = request.events;
    const { appId, subscriptionId, occurredAt, sourceId, ...rest } = creation;
    assert.deepEqual(rest, {
        eventId: 1, portalId: portal, subscriptionType: 'contact.creation', objectId: id,
        changeFlag: 'CREATED', changeSource: 'INTEGRATION', attemptNumber: 0,
    });
    for (const number of [appId, subscriptionId, occurredAt]) assert.equal(typeof number, 'number');
    assert.match(sourceId, /^userId:/);
    assert.deepEqual(changes.map(({ subscriptionType, propertyName, propertyValue }) =>
        [subscriptionType, propertyName, propertyValue]), [
        ['contact.propertyChange', 'email', 'new@example.com'],
        ['contact.propertyChange', 'lastname', 'Hopper'],
    ]);
    // eventId is not unique: one write, one number.
    assert.equal(changes[0].eventId, changes[1].eventId);
});

test('version 2 signs the URL too, and the app may be known by another URL', async () => {
    await hub.settings({ webhook_versions: 'v2,v3', webhook_sign_url: 'https://keep.example.com/hook' });
    await create({ lastname: 'A' });
    const request = await hook.got();
    const known = { ...request, url: 'https://keep.example.com/hook' };
    assert.equal(request.headers['x-hubspot-signature-version'], 'v2');
    assert.ok(app.isSigned(known, 'v2'));
    assert.ok(app.isSigned(known, 'v3'));
    assert.ok(!app.isSigned(request, 'v2'));
});

test('updates, deletions, merges and associations become events', async () => {
    const [a, b, c] = [await create({ firstname: 'A' }), await create({ firstname: 'B', city: 'Cork' }),
        await create({ firstname: 'C' })];
    await api('PATCH', `${app.contacts}/${a}`, { properties: { city: 'Kyoto' } });
    const link = `/crm/v4/objects/contacts/${a}/associations/default/companies/101`;
    await api('PUT', link);
    await api('PUT', link);
    await api('DELETE', `/crm/v4/objects/contacts/${a}/associations/companies/101`);
    const merged = await api('POST', `${app.contacts}/merge`, { primaryObjectId: a, objectIdToMerge: b });
    await api('DELETE', `${app.contacts}/${c}`);
    await api('DELETE', `${app.contacts}/${c}`);
    await hub.delivered();
    const of = (type) => hook.events.filter((one) => one.subscriptionType === type);
    assert.equal(of('contact.propertyChange').at(-1).propertyValue, 'Kyoto');
    const sides = ({ associationType, fromObjectId, toObjectId, associationRemoved }) =>
        [associationType, fromObjectId, toObjectId, associationRemoved];
    assert.deepEqual(of('contact.associationChange').map(sides),
        [['CONTACT_TO_COMPANY', Number(a), 101, false], ['CONTACT_TO_COMPANY', Number(a), 101, true]]);
    assert.deepEqual(of('company.associationChange').map(sides),
        [['COMPANY_TO_CONTACT', 101, Number(a), false], ['COMPANY_TO_CONTACT', 101, Number(a), true]]);
    assert.ok(!('objectId' in of('contact.associationChange')[0]));
    const [merge] = of('contact.merge');
    assert.equal(merge.primaryObjectId, Number(a));
    assert.deepEqual(merge.mergedObjectIds, [Number(b)]);
    assert.equal(merge.newObjectId, Number(merged.body.id));
    assert.equal(merged.body.properties.city, 'Kyoto');
    assert.deepEqual(of('contact.deletion').map(({ objectId }) => objectId), [Number(c)]);
});

test('a privacy deletion is told with the deletion', async () => {
    await api('POST', '/crm/v3/objects/contacts/gdpr-delete', { objectId: '105' });
    await hub.delivered();
    assert.deepEqual(hook.types().sort(), ['contact.deletion', 'contact.privacyDeletion']);
    assert.deepEqual(hook.events.map(({ objectId }) => objectId), [105, 105]);
});

test('an uninstall has no push event unless it is asked for', async () => {
    await hub.uninstall({ portal });
    assert.equal((await hub.delivered()).requests, 0);
    token = await app.connect(hub);
    await hub.settings({ webhook_lifecycle: true });
    await api('DELETE', '/appinstalls/2026-09/external-install');
    await hub.delivered();
    assert.deepEqual(hook.types(), ['app.uninstall']);
});

test('portals without the scope, and apps elsewhere, hear nothing', async () => {
    await hub.connect('poor-app', portal);
    await hub.connect('other-app', 1003, app.scopes);
    await create({ lastname: 'A' });
    await hub.delivered();
    assert.equal(hook.requests.length, 1);
});

describe('delivery', () => {
    test('whatever is no success is repeated, with its number and a fresh timestamp', async () => {
        hook.answer = (_, n) => [500, 400, 401, 302, 200][n - 1];
        await hub.emit({ portal, type: 'contact.creation', count: 3 });
        for (let n = 1; n < 5; n++) {
            await hook.got(n);
            await until('it waits for its next attempt', async () => {
                const { in_flight, next_in_ms } = await hub.webhooks();
                return in_flight === 0 && next_in_ms >= 60_000;
            });
            await hub.advance(3600 * 3);
        }
        const { delivered, given_up } = await hub.delivered();
        assert.deepEqual([delivered, given_up], [3, 0]);
        assert.deepEqual(hook.requests.map(({ events }) => events[0].attemptNumber), [0, 1, 2, 3, 4]);
        assert.deepEqual((await hub.webhooks()).recent.map(({ status }) => status), [500, 400, 401, 302, 200]);
        for (const request of hook.requests) assert.ok(app.isSigned(request, 'v3'));
    });

    test('after ten repetitions within a day it is given up', async () => {
        await hub.settings({ webhook_speed: 100_000 });
        hook.answer = () => 503;
        await hub.emit({ portal, type: 'contact.creation', count: 2 });
        const { given_up, requests } = await hub.delivered();
        assert.deepEqual([given_up, requests], [2, 11]);
    });

    test('no answer in time, none at all, and nobody there are failures', async () => {
        await hub.settings({ webhook_timeout_ms: 200, webhook_retries: 0 });
        hook.answer = () => undefined;
        await hub.emit({ portal, type: 'contact.creation' });
        await hub.delivered();
        await hub.emit({ portal, type: 'contact.creation', url: 'http://127.0.0.1:1/' });
        await hub.delivered();
        assert.deepEqual((await hub.webhooks()).recent.map(({ error }) => error), ['timeout', 'unreachable']);
    });

    test('at most ten requests of an account are in flight', async () => {
        let release;
        const held = new Promise((resolve) => (release = resolve));
        hook.answer = () => held.then(() => 200);
        await hub.emit({ portal, type: 'contact.creation', count: 40, batch: 1 });
        await hook.got(10);
        assert.equal((await hub.webhooks()).in_flight, 10);
        await hub.emit({ portal: 1003, client_id: app.id, type: 'contact.creation' });
        await hook.got(11);
        release();
        await hub.delivered();
        assert.equal(hook.mostOpen, 11);
        assert.equal(hook.requests.length, 41);
    });

    test('batches have up to a hundred events, or as many as are set', async () => {
        await hub.emit({ portal, type: 'contact.creation', count: 250 });
        await hub.delivered();
        assert.deepEqual(hook.requests.map(({ events }) => events.length).sort(), [100, 100, 50]);
        hook.clear();
        await hub.settings({ webhook_batch: 2, webhook_delay_ms: 1000 });
        await create({ lastname: 'A', city: 'B', firstname: 'C' });
        await hook.got(2);
        assert.deepEqual(hook.requests.map(({ events }) => events.length), [2, 2]);
    });

    test('duplicates, disorder and mixed portals come on demand', async () => {
        await hub.settings({ webhook_duplicates: 2, webhook_mix_portals: true, webhook_shuffle: true });
        const other = await app.connect(hub, 1003);
        for (let i = 0; i < 10; i++)
            for (const bearer of [token, other]) await app.call(hub, bearer, 'POST', app.contacts, { properties: {} });
        await hub.delivered();
        const marks = hook.events.map(({ sourceId }) => sourceId);
        assert.equal(marks.length, 30);
        assert.equal(new Set(marks).size, 20);
        assert.ok(hook.requests.some(({ events }) => new Set(events.map(({ portalId }) => portalId)).size > 1));
    });

    test('thousands are made at a rate, each marked, and counted when they were taken', async () => {
        const started = Date.now();
        await hub.emit({ portal, type: 'contact.propertyChange', count: 3000, rate: 3000, batch: 10,
            shuffle: true, objects: 50, object_id: 1000 });
        const { delivered } = await hub.delivered();
        assert.ok(Date.now() - started >= 950);
        assert.equal(delivered, 3000);
        const marks = hook.events.map(({ sourceId }) => Number(sourceId.slice(7)));
        assert.equal(new Set(marks).size, 3000);
        assert.notDeepEqual(marks, marks.toSorted((a, b) => a - b));
        assert.deepEqual([...new Set(hook.events.map(({ objectId }) => objectId))].toSorted((a, b) => a - b),
            Array.from({ length: 50 }, (_, i) => 1000 + i));
        const { recent, last } = await hub.webhooks('?after=0');
        assert.equal(last, 300);
        assert.deepEqual(recent.flatMap(({ events }) => events).toSorted((a, b) => a - b),
            marks.toSorted((a, b) => a - b));
    });
});

describe('what is wrong on order', () => {
    const one = async (order) => {
        hook.clear();
        await hub.emit({ portal, type: 'contact.creation', ...order });
        await hub.delivered();
        return hook.requests[0];
    };

    test('signatures: bad, of another app, stale, of the future, absent', async () => {
        assert.ok(app.isSigned(await one({}), 'v3'));
        const bad = await one({ bad_signature: true });
        assert.ok(!app.isSigned(bad, 'v3') && !app.isSigned(bad, 'v1'));
        assert.equal(Buffer.from(bad.headers['x-hubspot-signature-v3'], 'base64').length, 32);
        assert.ok(app.isSigned(await one({ secret: 'of-another-app' }), 'v3', 'of-another-app'));
        const stale = await one({ timestamp_shift_ms: -400_000 });
        assert.throws(() => app.isSigned(stale, 'v3'), /Timestamp is invalid/);
        const early = await one({ timestamp_shift_ms: 400_000 });
        assert.ok(Number(early.headers['x-hubspot-request-timestamp']) > Date.now() + 300_000);
        const naked = await one({ version: 'none' });
        assert.deepEqual(Object.keys(naked.headers).filter((name) => name.includes('hubspot')), []);
        assert.equal((await one({ version: 'v1' })).headers['x-hubspot-signature-v3'], undefined);
    });

    test('bodies of any kind are signed and sent as they are', async () => {
        const bytes = Buffer.from([0x5b, 0xff, 0x00, 0x5d]);
        await hub.emit({ portal, type: 'contact.creation', body_base64url: bytes.toString('base64url') });
        assert.equal((await hook.got()).headers['content-length'], '4');
        for (const body of ['not JSON', '[{]', '{"eventId":1}', '']) {
            const request = await one({ body });
            assert.equal(request.body, body);
            assert.ok(app.isSigned(request, 'v3'));
        }
    });

    test('an order that makes no sense is refused in a sentence', async () => {
        for (const [order, words] of [
            [{ type: 'contact.creation' }, /portal/],
            [{ portal, type: 'contact.creation', url: 'https://example.com/' }, /this machine/],
            [{ portal, type: 'contact.creation', version: 'v1,v2' }, /share a header/],
            [{ portal, type: 'leaf.creation' }, /no object/],
            [{ portal, type: 'x' }, /type must be/],
            [{ portal, type: 'workflow' }, /url is missing/],
            [{ portal, type: 'contact.creation', count: 0 }, /count from 1/],
        ])
            await assert.rejects(hub.emit(order), words);
        await assert.rejects(hub.settings({ webhook_url: 'https://example.com/hook' }), /out of range/);
        await assert.rejects(hub.settings({ webhook_versions: 'v4' }), /out of range/);
    });
});

describe('the other signed requests', () => {
    test('a workflow posts with version 2 and waits as Retry-After says, in milliseconds', async () => {
        const started = Date.now();
        hook.answer = (_, n) => (n === 1 ? [429, { 'retry-after': '300' }] : 200);
        await hub.emit({ portal, type: 'workflow', url: `${hook.origin}/flow?x=%3A1`, body: { a: 1 } });
        await hub.delivered();
        assert.ok(hook.requests[1].at - started >= 300);
        const [request] = hook.requests;
        assert.equal(request.body, '{"a":1}');
        assert.ok(app.isSigned(request, 'v2'));
        // Version 3 decodes some codes first, which the SDK leaves to us.
        assert.ok(app.isSigned({ ...request, url: `${hook.origin}/flow?x=:1` }, 'v3'));
        hook.clear();
        hook.answer = () => 404;
        await hub.emit({ portal, type: 'workflow', url: `${hook.origin}/flow`, method: 'GET' });
        assert.equal((await hub.delivered()).given_up, 1);
        assert.equal(hook.requests[0].method, 'GET');
        assert.ok(app.isSigned(hook.requests[0], 'v2'));
    });

    test('cards and UI extensions ask with who is looking', async () => {
        await hub.emit({ portal, type: 'card', url: `${hook.origin}/card`, object_id: 7 });
        const card = await hook.got();
        assert.equal(card.method, 'GET');
        assert.match(card.path, /associatedObjectId=7&associatedObjectType=CONTACT&portalId=1002$/);
        assert.ok(app.isSigned(card, 'v2'));
        hook.clear();
        await hub.emit({ portal, type: 'fetch', url: `${hook.origin}/data?own=1`, body: '{}' });
        const request = await hook.got();
        assert.match(request.path, /^\/data\?own=1&userId=\d+&portalId=1002&userEmail=.*&appId=\d+$/);
        assert.equal(request.headers['x-hubspot-signature'], undefined);
        assert.ok(app.isSigned(request, 'v3'));
    });
});

describe('an app with files', () => {
    let place, declared;
    const file = (path, content) => writeFileSync(join(place.path, path), JSON.stringify(content));
    const webhooks = (config) => file('webhooks/webhooks-hsmeta.json', { uid: 'w', type: 'webhooks', config });
    const start = () => emulator.start({ args: ['--app', join(place.path, 'app-hsmeta.json'),
        '--client-id', app.id, '--webhook', `${hook.origin}/declared`, '--secret', app.secret] });
    before(() => {
        place = folder();
        mkdirSync(join(place.path, 'webhooks'));
        file('app-hsmeta.json', { uid: 'crm', type: 'app', config: { name: 'CRM Sync', distribution: 'marketplace',
            auth: { type: 'oauth', redirectUrls: ['http://localhost:9000/cb'], requiredScopes: ['oauth'] } } });
    });
    after(async () => {
        await declared?.stop();
        place.close();
    });

    test('hears what it subscribed to and nothing else', async () => {
        webhooks({ settings: { targetUrl: 'https://real.example.com/hook', maxConcurrentRequests: 20 },
            subscriptions: {
                crmObjects: [{ subscriptionType: 'object.creation', objectType: 'contact', active: true },
                    { subscriptionType: 'object.deletion', objectType: 'contact', active: false }],
                legacyCrmObjects: [{ subscriptionType: 'contact.propertyChange', propertyName: 'city', active: true },
                    { subscriptionType: 'ticket.creation', active: true }],
                hubEvents: [{ subscriptionType: 'contact.privacyDeletion', active: true }],
            } });
        declared = await start();
        const bearer = await app.connect(declared);
        const made = await app.call(declared, bearer, 'POST', app.contacts, { properties: { lastname: 'A', city: 'B' } });
        await app.call(declared, bearer, 'POST', `${app.contacts}/gdpr-delete`, { objectId: made.body.id });
        await declared.delivered();
        assert.deepEqual(hook.types(), ['object.creation', 'contact.propertyChange', 'contact.privacyDeletion']);
        assert.equal(hook.events[0].objectTypeId, '0-1');
        assert.equal(hook.events[1].propertyName, 'city');
        assert.equal(hook.requests[0].path, '/declared');
        assert.ok(app.isSigned(hook.requests[0], 'v3'));
    });

    test('is told what is wrong with them', async () => {
        webhooks({ subscriptions: { hubEvents: [{ subscriptionType: 'nothing' }] } });
        const { status, stderr } = await run(join(build, 'portkeep-emulator'),
            ['--app', join(place.path, 'app-hsmeta.json')]);
        assert.equal(status, 1);
        assert.match(stderr, /webhooks-hsmeta\.json: a subscriptionType/);
        const far = await run(join(build, 'portkeep-emulator'), ['--webhook', 'https://example.com/']);
        assert.match(far.stderr, /this machine/);
    });
});

test('with --state nothing of it is lost by a kill', async () => {
    const place = folder();
    const path = join(place.path, 'state.json');
    const args = ['--state', path, '--webhook', `${hook.origin}/state`, '--secret', app.secret];
    let kept = await emulator.start({ args });
    const journal = '/webhooks-journal/journal/2026-09/earliest';
    try {
        const tokens = await app.connect(kept);
        const own = await app.ownToken(kept, 'read', 'subscriptions.write');
        await app.call(kept, own, 'POST', '/webhooks-journal/subscriptions/2026-09', { subscriptionType: 'OBJECT', portalId: portal,
            objectTypeId: '0-1', actions: ['CREATE'], properties: [], objectIds: [] });
        hook.answer = () => 503;
        await app.call(kept, tokens, 'POST', app.contacts, { properties: {} });
        await hook.got();
        const { body } = await app.call(kept, own, 'GET', journal);
        await until('all of it is saved', () => {
            const text = readFileSync(path, 'utf8');
            return text.includes('"attempt":1') && text.includes('"is_open":false');
        });
        await kept.program.stop('SIGKILL');
        kept = await emulator.start({ args });
        const again = await app.call(kept, own, 'GET', journal);
        assert.equal(again.body.currentOffset, body.currentOffset);
        hook.answer = () => 200;
        await kept.advance(120);
        await kept.delivered();
        assert.deepEqual(hook.events.map(({ attemptNumber }) => attemptNumber), [0, 1]);
        assert.equal(hook.events[0].eventId, hook.events[1].eventId);
    } finally {
        await kept.stop();
        place.close();
    }
});

test('webhooks go by https where the certificate is trusted', async () => {
    const place = folder();
    const [key, cert] = ['key', 'cert'].map((end) => join(place.path, end));
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
        '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert],
    { stdio: 'ignore' });
    const safe = await receiver.start({ cert: readFileSync(cert), key: readFileSync(key) });
    const trusting = await emulator.start({ args: ['--webhook-ca', cert, '--secret', app.secret] });
    try {
        const order = { portal, client_id: app.id, type: 'contact.creation', url: `${safe.origin}/hook` };
        await trusting.emit(order);
        assert.ok(app.isSigned(await safe.got(), 'v3'));
        assert.equal((await trusting.delivered()).delivered, 1);
        await hub.settings({ webhook_retries: 0 });
        await hub.emit(order);
        assert.equal((await hub.delivered()).recent.at(-1).error, 'unreachable');
    } finally {
        await trusting.stop();
        await safe.stop();
        place.close();
    }
});

test('somebody deletes a contact for good in a browser', async () => {
    const browser = await launch();
    try {
        const page = await browser.newPage({ viewport: { width: 900, height: 900 } });
        await page.goto(`${hub.url}/apps`);
        await page.getByRole('link', { name: 'Contacts' }).nth(1).click();
        await isAccessible(page);
        const buttons = page.getByRole('button', { name: /^Delete for good: / });
        const before = await buttons.count();
        await buttons.first().click();
        await page.waitForURL(/\/apps\/contacts\/1002$/);
        assert.equal(await buttons.count(), before - 1);
        await hub.delivered();
        assert.ok(hook.types().includes('contact.privacyDeletion'));
    } finally {
        await browser.close();
    }
});

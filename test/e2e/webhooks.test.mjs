// What arrives at POST /webhooks/{app}: what is taken, what is refused, and
// what of it is there afterwards.  HubSpot's SDK signs and judges, too.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, beforeEach, describe, test } from 'node:test';
import { Signature } from '@hubspot/api-client';
import * as emulator from './support/emulator.mjs';
import * as portkeep from './support/keep.mjs';
import { stopAll, until } from './support/place.mjs';
import { exchange } from './support/raw.mjs';
import * as receiver from './support/receiver.mjs';
import { event, post, secretOf, send, sign, signed, urlOf } from './support/sender.mjs';

const otherId = '99999999-2222-3333-4444-555555555555';
let hub, keep, key, from;
before(async () => {
    hub = await emulator.start();
    keep = await portkeep.start({ hub, apps: {
        'crm-sync': {}, other: { client_id: otherId, webhook_signatures: 'v3 v2 v1' },
    } });
    for (const portal of [1001, 1002]) await keep.connect('crm-sync', portal);
    key = await keep.key({ verb: ['events', 'verify'] });
});
after(() => stopAll(keep, hub));
beforeEach(async () => { from = (await page('?cursor=now')).next; });

async function page(query) {
    const answer = await keep.api('GET', `/v1/apps/crm-sync/events${query}`, { key });
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
}
// What came since the test began.
const stored = async (query = '') =>
    (await page(`?cursor=${from}${query}`)).events.map((one) => one.event);
const counts = async () => (await keep.cli('status', '--json')).json.events
    .find(({ app }) => app === 'crm-sync');

async function isRefused(request, status, words) {
    const answer = await post(request);
    assert.equal(answer.status, status, answer.text);
    assert.match(answer.headers.get('content-type'), /problem\+json/);
    if (words) assert.match(answer.text, words);
}

describe('from the emulator', () => {
    before(() => hub.settings({ webhook_url: urlOf(keep), webhook_delay_ms: 20 }));
    after(() => hub.settings({ webhook_url: null, webhook_duplicates: null }));

    test('a change arrives as HubSpot sent it, in its order', async () => {
        await hub.emit({ portal: 1001, type: 'contact.propertyChange', count: 30, batch: 7 });
        const { delivered, given_up } = await hub.delivered();
        assert.deepEqual([delivered, given_up], [30, 0]);
        const events = await stored();
        assert.equal(new Set(events.map(({ sourceId }) => sourceId)).size, 30);
        for (const { portalId, subscriptionType } of events)
            assert.deepEqual([portalId, subscriptionType], [1001, 'contact.propertyChange']);
    });

    test('what HubSpot sends twice is stored once', async () => {
        await hub.emit({ portal: 1002, type: 'contact.propertyChange', count: 50, batch: 5, duplicate: 2 });
        await hub.delivered();
        const marks = (await stored()).map(({ sourceId }) => sourceId);
        assert.equal(marks.length, 50);
        assert.equal(new Set(marks).size, 50);
    });

    test('a wrong, a stale and an early signature, and one of another app, are refused', async () => {
        const orders = [{ bad_signature: true }, { timestamp_shift_ms: -301_000 },
            { timestamp_shift_ms: 62_000 }, { secret: secretOf(keep, 'other') }, { version: 'none' },
            { version: 'v1' }];
        await hub.settings({ webhook_retries: 0 });
        for (const order of orders) {
            await hub.emit({ portal: 1001, type: 'contact.creation', ...order });
            const { recent } = await hub.delivered();
            assert.equal(recent.at(-1).status, 401, JSON.stringify(order));
        }
        assert.deepEqual(await stored(), []);
    });

    test('a portal that is not connected yet gets its events when it is', async () => {
        await hub.emit({ portal: 1003, client_id: portkeep.clientId, type: 'contact.creation', count: 3, batch: 2 });
        assert.equal((await hub.delivered()).recent.at(-1).status, 200);
        assert.deepEqual(await stored('&portal=1003'), []);
        assert.equal((await counts()).parked, 3);
        await keep.connect('crm-sync', 1003);
        const events = await until('they are attributed', async () => {
            const { events } = await page('?portal=1003');
            const hubspots = events.filter(({ type }) => type === 'hubspot.event');
            return hubspots.length === 3 && hubspots;
        });
        assert.deepEqual(events.map(({ ref }) => ref), ['tenant-1003', 'tenant-1003', 'tenant-1003']);
        assert.equal((await counts()).parked, 0);
    });
});

describe('the signature', () => {
    test('may be of the previous client secret while it changes', async () => {
        const old = secretOf(keep);
        const sections = keep.sections['app crm-sync'];
        const path = sections.client_secret;
        sections.client_secret_previous = path;
        sections.client_secret = `file:${keep.file('crm-sync.new', 'the-new-client-secret\n')}`;
        keep.writeConfig();
        try {
            await keep.cli('reload');
            for (const secret of [old, 'the-new-client-secret'])
                assert.equal((await send(keep, [event()], { secret })).status, 200);
            await isRefused(signed(keep, [event()], { secret: 'the-oldest' }), 401);
        } finally {
            Object.assign(sections, { client_secret: path, client_secret_previous: undefined });
            keep.writeConfig();
            await keep.cli('reload');
        }
        await isRefused(signed(keep, [event()], { secret: 'the-new-client-secret' }), 401);
        assert.equal((await stored()).length, 2);
    });

    test('holds once: the same request again is answered, and stored no second time', async () => {
        const request = signed(keep, [event(), event()]);
        for (let i = 0; i < 3; i++) assert.equal((await post(request)).status, 200);
        assert.equal((await stored()).length, 2);
    });

    test('covers address, query, body and time', async () => {
        const one = signed(keep, [event()], { query: '?a=1' });
        await isRefused({ ...one, url: `${urlOf(keep)}?a=2` }, 401);
        await isRefused({ ...one, body: `${one.body} ` }, 401);
        await isRefused({ ...one, headers: { ...one.headers,
            'x-hubspot-request-timestamp': String(Date.now() - 1000) } }, 401);
        assert.equal((await post(one)).status, 200);
    });

    test('has to be there once, and in its form', async () => {
        const { headers } = signed(keep, []);
        const v3 = headers['x-hubspot-signature-v3'];
        const at = headers['x-hubspot-request-timestamp'];
        for (const [change, status] of [
            [{ 'x-hubspot-signature-v3': undefined }, 401],
            [{ 'x-hubspot-signature-v3': v3.slice(1) }, 401],
            [{ 'x-hubspot-signature-v3': `${v3}=` }, 401],
            [{ 'x-hubspot-request-timestamp': undefined }, 401],
            [{ 'x-hubspot-request-timestamp': `${at}.0` }, 401],
            [{ 'x-hubspot-request-timestamp': '99999999999999999999' }, 401],
        ]) {
            const changed = Object.fromEntries(Object.entries({ ...headers, ...change })
                .filter(([, value]) => value !== undefined));
            await isRefused({ ...signed(keep, []), headers: changed }, status);
        }
        const twice = await exchange(keep.public, [
            'POST /webhooks/crm-sync HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n' +
            `X-HubSpot-Signature-v3: ${v3}\r\nX-HubSpot-Signature-v3: ${v3}\r\n` +
            `X-HubSpot-Request-Timestamp: ${at}\r\nConnection: close\r\n\r\n[]`]);
        assert.deepEqual(twice.statuses, [400]);
    });

    test('of version 2 or 1 is taken only where the app allows it, and logged', async () => {
        const body = JSON.stringify([event()]);
        const hash = (app, version) => createHash('sha256').update(secretOf(keep, app) +
            (version === 'v2' ? `POST${urlOf(keep, app)}` : '') + body).digest('hex');
        for (const version of ['v1', 'v2']) {
            const of = (app) => ({ url: urlOf(keep, app), body, headers: {
                'x-hubspot-signature': hash(app, version), 'x-hubspot-signature-version': version,
            } });
            await isRefused(of('crm-sync'), 401);
            assert.equal((await post(of('other'))).status, 200);
        }
        assert.match(keep.log, /version=v?[12]/);
    });
});

describe('a body', () => {
    const good = () => JSON.stringify(event());

    test('over 512 KB is refused before it is read, one of 512 KB is not', async () => {
        const fits = JSON.stringify([event({ propertyValue: 'x'.repeat(500_000) })]);
        const full = `${fits.slice(0, -1)}${' '.repeat(524_288 - fits.length)}]`;
        assert.equal((await send(keep, full)).status, 200);
        await isRefused(signed(keep, ` ${full}`), 413);
        assert.equal((await stored()).length, 1);
    });

    test('that is no JSON is kept as one thing that nobody could read', async () => {
        const before = await counts();
        for (const body of ['not JSON', '[{]', '{"eventId":', '[] []', Buffer.from([0x5b, 0xff, 0x00, 0x5d])])
            assert.equal((await send(keep, body)).status, 200, String(body));
        const { parked } = await counts();
        assert.equal(parked - before.parked, 5);
        assert.deepEqual(await stored(), []);
    });

    test('has its good events stored whatever stands between them', async () => {
        const cases = [
            '1', 'null', '"text"', '[]', '{}',
            '{"portalId":"x"}', '{"portalId":-1,"eventId":1}', '{"portalId":1e400}',
            `{"portalId":1001,"portalId":1002,"eventId":7}`,
            `{"portalId":1001,"eventId":${'9'.repeat(400)}}`,
            `{"portalId":1001,"deep":${'['.repeat(200)}${']'.repeat(200)}}`,
        ];
        for (const bad of cases) {
            const [a, b] = [good(), good()];
            const answer = await send(keep, `[${a},${bad},${b}]`);
            assert.equal(answer.status, 200, `${bad.slice(0, 60)}: ${answer.text}`);
            const found = await stored();
            for (const one of [a, b])
                assert.ok(found.some((other) => JSON.stringify(other) === one), bad.slice(0, 60));
        }
        assert.equal((await stored()).length, 2 * cases.length);
    });

    test('of invalid UTF-8 in one event costs only that one', async () => {
        const [a, b] = [good(), good()];
        const body = Buffer.concat([Buffer.from(`[${a},{"portalId":1001,"eventId":5,"propertyValue":"`),
            Buffer.from([0xff, 0xfe]), Buffer.from(`"},${b}]`)]);
        assert.equal((await send(keep, body)).status, 200);
        assert.deepEqual(await stored(), [a, b].map((one) => JSON.parse(one)));
    });

    test('nested thousands deep, or of endless digits, takes nobody down', async () => {
        const pid = keep.pid('keeper');
        for (const body of ['['.repeat(100_000), `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
            '{"a":'.repeat(50_000), '9'.repeat(500_000), `[${'9'.repeat(300_000)}]`])
            assert.equal((await send(keep, body)).status, 200);
        assert.equal((await send(keep, [event()])).status, 200);
        assert.equal(keep.pid('keeper'), pid);
    });

    test('with a number beyond a double is handed on digit by digit', async () => {
        const text = good().replace('"propertyName"', '"big":123456789012345678901234567890.50,"propertyName"');
        assert.equal((await send(keep, `[${text}]`)).status, 200);
        const answer = await keep.api('GET', `/v1/apps/crm-sync/events?cursor=${from}`, { key });
        assert.ok(answer.text.includes(text));
    });
});

describe('HubSpot\'s SDK', () => {
    const method = 'POST';

    test('computes signatures that portkeep takes', async () => {
        const [url, body, timestamp] = [urlOf(keep), JSON.stringify([event()]), Date.now()];
        const signature = Signature.getSignature(method, 'v3', { clientSecret: secretOf(keep),
            requestBody: body, url, timestamp });
        const answer = await post({ url, body, headers: { 'x-hubspot-signature-v3': signature,
            'x-hubspot-request-timestamp': String(timestamp) } });
        assert.equal(answer.status, 200, answer.text);
        assert.equal((await stored()).length, 1);
    });

    test('and verify judges as the SDK does, for what a backend received itself', async () => {
        const hook = await receiver.start();
        const ask = async (app, request) => (await keep.api('POST', `/v1/apps/${app}/verify`, { key, body: {
            method: request.method, uri: request.url, headers: request.headers, body: request.body,
        } })).json;
        try {
            for (const [type, version] of [['fetch', 'v3'], ['workflow', 'v2'], ['card', 'v2']]) {
                hook.clear();
                const clientSecret = secretOf(keep, 'other');
                await hub.emit({ portal: 1001, client_id: otherId, secret: clientSecret, type,
                    url: `${hook.origin}/own?x=1`, ...(type !== 'card' && { body: '{"a":1}' }) });
                const request = await hook.got();
                assert.ok(Signature.isValid({ clientSecret, method: request.method, url: request.url,
                    requestBody: request.body, signatureVersion: version,
                    signature: request.headers[version === 'v3' ? 'x-hubspot-signature-v3' : 'x-hubspot-signature'],
                    timestamp: request.headers['x-hubspot-request-timestamp'] }), type);
                assert.equal((await ask('other', request)).valid, true, type);
                assert.equal((await ask('other', { ...request, body: `${request.body} ` })).valid, false, type);
                assert.equal((await ask('crm-sync', request)).valid, false, type);
            }
        } finally {
            await hook.stop();
        }
    });

    test('signs what verify takes, in all versions that the app allows', async () => {
        const [url, body, timestamp] = ['https://app.example.com/card?portalId=1001', '{"a":"é"}', Date.now()];
        for (const version of ['v1', 'v2', 'v3']) {
            const signature = Signature.getSignature(method, version, { clientSecret: secretOf(keep, 'other'),
                requestBody: body, url, timestamp });
            const headers = version === 'v3'
                ? { 'X-HubSpot-Signature-v3': signature, 'X-HubSpot-Request-Timestamp': String(timestamp) }
                : { 'X-HubSpot-Signature': signature, 'X-HubSpot-Signature-Version': version };
            const { json } = await keep.api('POST', '/v1/apps/other/verify', { key,
                body: { method, uri: url, headers, body } });
            assert.equal(json.valid, true, version);
            assert.equal(json.version, version);
        }
        assert.equal(sign(secretOf(keep), url, body, timestamp), Signature.getSignature(method, 'v3',
            { clientSecret: secretOf(keep), requestBody: body, url, timestamp }));
    });
});

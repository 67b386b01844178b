// Events taken from HubSpot's hand, and pulled: by a backend, by the operator,
// by `events forward` for a program under development.
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import * as emulator from './support/emulator.mjs';
import * as portkeep from './support/keep.mjs';
import { build, stopAll, until } from './support/place.mjs';
import { Program } from './support/program.mjs';
import * as receiver from './support/receiver.mjs';

let hub, keep, hook, key;
before(async () => {
    hub = await emulator.start();
    hook = await receiver.start();
    keep = await portkeep.start({
        hub,
        apps: {
            'crm-sync': {},
            'old': {
                client_id: '99999999-2222-3333-4444-555555555555',
                webhook_signatures: ['v3', 'v2', 'v1'],
            },
        },
    });
    await keep.connect('crm-sync', 1001);
    await keep.connect('crm-sync', 1002);
    key = await keep.key({ verb: ['events', 'portals'] });
});
after(() => stopAll(keep, hub, hook));
beforeEach(() => hook.clear());

let last = 0;
const event = (rest = {}) => ({
    eventId: ++last, subscriptionId: 5, portalId: 1001, appId: 7,
    occurredAt: Date.now(), subscriptionType: 'contact.propertyChange',
    attemptNumber: 0, objectId: 100 + last, propertyName: 'email',
    propertyValue: `person-${last}@example.com`, ...rest,
});

// As HubSpot signs it.
async function send(events, { at = Date.now(), secret, headers, query = '' } = {}) {
    const url = `${keep.public}/webhooks/crm-sync${query}`;
    const body = typeof events === 'string' ? events : JSON.stringify(events);
    const known = secret ?? readFileSync(join(keep.dir, 'crm-sync.secret'), 'utf8').trim();
    const signature = createHmac('sha256', known)
        .update(`POST${url}${body}${at}`).digest('base64');
    const answer = await fetch(url, {
        method: 'POST', body, headers: {
            'content-type': 'application/json',
            'x-hubspot-signature-v3': signature,
            'x-hubspot-request-timestamp': String(at), ...headers,
        },
    });
    return { status: answer.status, text: await answer.text(), headers: answer.headers };
}

async function page(query = '', options = {}) {
    const answer = await keep.api('GET', `/v1/apps/crm-sync/events${query}`, { key, ...options });
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
}

// The place in the log where nothing has come yet.
const here = async () => (await page('?cursor=now')).next;

describe('what HubSpot sends', () => {
    test('is answered with 200 and nothing else, and is there for who pulls', async () => {
        const from = await here();
        const [a, b] = [event(), event({ portalId: 1002 })];
        const answer = await send([a, b], { query: '?from=a%2Fb&x' });
        assert.equal(answer.status, 200, answer.text);
        assert.equal(answer.text, '');
        const { events } = await page(from ? `?cursor=${from}` : '');
        assert.deepEqual(events.map((one) => one.event), [a, b]);
        assert.equal(events[0].type, 'hubspot.event');
        assert.equal(events[0].source, 'push');
        assert.equal(events[0].app, 'crm-sync');
        assert.equal(events[0].ref, 'tenant-1001');
        assert.match(events[0].id, /^evt_[0-9a-f]{16}_00$/);
    });

    test('is refused with a reason when its signature does not hold', async () => {
        const cases = [
            [{ secret: 'another' }, 401, /webhook_url/],
            [{ at: Date.now() - 301_000 }, 401, /5 minutes/],
            [{ headers: { 'x-hubspot-signature-v3': 'x' } }, 401, /form/],
            [{ headers: { 'x-hubspot-signature-v3': '' } }, 401, /form/],
        ];
        for (const [how, status, why] of cases) {
            const answer = await send([event()], how);
            assert.equal(answer.status, status, answer.text);
            assert.match(answer.text, why);
            assert.match(answer.headers.get('content-type'), /problem\+json/);
        }
    });
});

// Without v3: what workflows and older subscriptions send.
async function sendOld(app, version, { body = JSON.stringify([event({ portalId: 1001 })]) } = {}) {
    const url = `${keep.public}/webhooks/${app}`;
    const secret = readFileSync(join(keep.dir, `${app}.secret`), 'utf8').trim();
    const source = secret + (version === 'v2' ? `POST${url}` : '') + body;
    return fetch(url, {
        method: 'POST', body, headers: {
            'x-hubspot-signature': createHash('sha256').update(source).digest('hex'),
            'x-hubspot-signature-version': version,
        },
    });
}

describe('older signatures', () => {
    for (const version of ['v2', 'v1'])
        test(`${version} is good only where the app allows it`, async () => {
            const answer = await sendOld('old', version);
            assert.equal(answer.status, 200, await answer.text());
            assert.equal((await sendOld('crm-sync', version)).status, 401);
        });
});

describe('a request that the backend got itself', () => {
    const uri = 'https://app.example.com/hubspot/card?portalId=1001&q=%2Fa';
    const secret = () => readFileSync(join(keep.dir, 'crm-sync.secret'), 'utf8').trim();
    const signed = (body, at = Date.now()) => ({
        method: 'POST', uri, body, headers: {
            'Content-Type': 'application/json',
            'X-HubSpot-Request-Timestamp': String(at),
            'X-HubSpot-Signature-v3': createHmac('sha256', secret())
                .update(`POST${uri.replace('%2F', '/')}${body}${at}`).digest('base64'),
        },
    });
    const verify = async (body) => {
        const answer = await keep.api('POST', '/v1/apps/crm-sync/verify',
            { key: await (verify.key ??= keep.key({ verb: 'verify' })), body });
        assert.equal(answer.status, 200, answer.text);
        return answer.json;
    };

    test('is verified, whatever bytes it has', async () => {
        assert.deepEqual(await verify(signed('{"a":"\u00e9\n"}')), { valid: true, version: 'v3' });
        const { body, ...rest } = signed('x'.repeat(300_000));
        const body_base64 = Buffer.from(body).toString('base64');
        assert.deepEqual(await verify({ ...rest, body_base64 }), { valid: true, version: 'v3' });
    });

    test('is not when anything of it is another', async () => {
        const good = signed('{}');
        for (const [wrong, why] of [
            [{ ...good, body: '{ }' }, /does not fit/],
            [{ ...good, method: 'PUT' }, /does not fit/],
            [{ ...good, uri: `${uri}&more` }, /does not fit/],
            [{ ...good, headers: {} }, /no signature/],
            [signed('{}', Date.now() - 301_000), /5 minutes/],
        ]) {
            const { valid, reason } = await verify(wrong);
            assert.equal(valid, false);
            assert.match(reason, why);
        }
    });

    test('needs the right to verify', async () => {
        const answer = await keep.api('POST', '/v1/apps/crm-sync/verify', { key, body: signed('') });
        assert.equal(answer.status, 403, answer.text);
    });
});

describe('a backend', () => {
    test('goes on where it was, a page at a time', async () => {
        const sent = [event(), event(), event()];
        const from = await here();
        await send(sent);
        const first = await page(`?cursor=${from}&limit=2`);
        const second = await page(`?cursor=${first.next}&limit=2`);
        const third = await page(`?cursor=${second.next}&limit=2`);
        assert.deepEqual([...first.events, ...second.events].map((one) => one.event), sent);
        assert.deepEqual(third.events, []);
    });

    test('goes on behind a batch that filled its page', async () => {
        const sent = [0, 1, 2].map(() => Array.from({ length: 100 }, () => event()));
        let next = await here();
        for (const batch of sent) await send(batch);
        for (const batch of sent) {
            const got = await page(`?cursor=${next}&limit=100`);
            assert.deepEqual(got.events.map((one) => one.event), batch);
            next = got.next;
        }
    });

    test('gets those of one portal when it asks for it', async () => {
        const from = await here();
        await send([event(), event({ portalId: 1002 }), event()]);
        const { events } = await page(`?cursor=${from}&portal=1002`);
        assert.deepEqual(events.map(({ portal }) => portal), [1002]);
    });

    test('waits for what comes, and has it at once', async () => {
        const from = await here();
        const waiting = page(`?cursor=${from}&wait=20`);
        const began = Date.now();
        const one = event();
        await send([one]);
        const { events } = await waiting;
        assert.deepEqual(events.map((got) => got.event), [one]);
        assert.ok(Date.now() - began < 10_000);
    });

    test('waits no longer than it said', async () => {
        const from = await here();
        const { events, next } = await page(`?cursor=${from}&wait=1`);
        assert.deepEqual(events, []);
        assert.equal(next, from);
    });

    test('needs the right to events', async () => {
        const other = await keep.key({ verb: 'call' });
        const answer = await keep.api('GET', '/v1/apps/crm-sync/events', { key: other });
        assert.equal(answer.status, 403, answer.text);
    });
});

const app = ['--app', 'crm-sync'];

describe('the operator', () => {
    test('lists, shows and follows events', async () => {
        const one = event();
        const tail = new Program(join(build, 'portkeep'), ['events', 'tail', '--json', '--app', 'crm-sync'],
            { cwd: keep.dir, env: { PATH: process.env.PATH, PORTKEEP_CONFIG: keep.config } });
        try {
            // Sent until it is seen: nobody knows when the tail began.
            const [, line] = await until('the tail has a line', async () => {
                await send([event({ objectId: one.objectId })]);
                return tail.text.match(/^(\{.*\})$/m);
            });
            assert.equal(JSON.parse(line).type, 'hubspot.event');
        } finally {
            await tail.stop().catch(() => undefined);
        }
        await send([one]);
        const { json } = await keep.cli('events', 'list', ...app, '--last', '1', '--json');
        const [{ id }] = json.events;
        const { stdout } = await keep.cli('events', 'list', ...app, '--last', '1');
        assert.match(stdout, /^ID +TYPE +PORTAL/);
        assert.ok(stdout.includes(id));
        assert.ok(!stdout.includes(one.propertyValue));
        const shown = (await keep.cli('events', 'show', id, ...app)).stdout;
        assert.deepEqual(JSON.parse(shown).event, one);
    });

    test('is told when there is no such event', async () => {
        const { stderr } = await keep.cli('events', 'show', 'evt_0000000000000001_00', ...app, { expect: 1 });
        assert.match(stderr, /no such event|no event/i);
    });

    test('sees in the status how the log stands', async () => {
        const { json } = await keep.cli('status', '--json');
        const mine = json.events.find((one) => one.app === 'crm-sync');
        assert.ok(mine.stored > 0 && mine.bytes > 0);
        const { stdout } = await keep.cli('status');
        assert.match(stdout, /events:\n +APP +STORED +BYTES +PENDING/);
    });
});

describe('forward', () => {
    const start = (...words) => new Program(join(build, 'portkeep'),
        ['events', 'forward', '--to', `${hook.origin}/hub`, ...app, ...words],
        { cwd: keep.dir, env: { PATH: process.env.PATH, PORTKEEP_CONFIG: keep.config } });

    const itsKeys = async () => (await keep.cli('keys', 'list', '--json')).json.keys
        .filter(({ name }) => name === 'portkeep events forward').length;

    test('brings events to a program, with a key of its own that ends with it', async () => {
        const forward = start('--all', '--state', 'how-far');
        try {
            await until('the oldest came', () => hook.requests.length > 0);
            const one = event();
            await send([one]);
            const request = await until('the new one came', () => hook.requests
                .find(({ body }) => body.includes(one.propertyValue)));
            assert.equal(request.path, '/hub');
            assert.deepEqual(request.events.event, one);
            assert.equal(request.headers['webhook-id'], request.events.id);
            assert.equal(request.headers.authorization, undefined);
            await until('the place is noted', () => existsSync(join(keep.dir, 'how-far')) &&
                readFileSync(join(keep.dir, 'how-far'), 'utf8').startsWith('evt_'));
            assert.equal(await itsKeys(), 1);
        } finally {
            await forward.stop();
        }
        assert.deepEqual(forward.end, { status: 0, signal: null });
        assert.equal(await itsKeys(), 0);
    });

    test('stops when the key is refused, and says so', async () => {
        keep.file('other.key', await keep.key({ verb: 'call' }));
        const { stderr } = await keep.cli('events', 'forward', '--to', hook.origin, '--from',
            keep.private, '--app', 'crm-sync', '--key-file', join(keep.dir, 'other.key'), { expect: 1 });
        assert.match(stderr, /refuses the key/);
    });
});

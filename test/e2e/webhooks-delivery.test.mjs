// From HubSpot to the app's backend: signed, in order, at least once, whatever
// the backend does.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import * as emulator from './support/emulator.mjs';
import * as portkeep from './support/keep.mjs';
import { stopAll, until } from './support/place.mjs';
import { event, send } from './support/sender.mjs';
import * as targets from './support/target.mjs';

let hub, keep, target, key;
const secretFile = (name, secret) => `file:${keep.file(name, `${secret}\n`)}`;

// A keep whose app delivers to the target.
async function startKeep(hub, target, rest = {}) {
    const keep = await portkeep.prepare({ hub });
    Object.assign(keep.sections['app crm-sync'], { webhook_target: target.url,
        webhook_secret: `file:${keep.file('whsec', `${target.secret}\n`)}`, ...rest });
    keep.writeConfig();
    await keep.ready();
    await keep.connect('crm-sync', 1001);
    await keep.connect('crm-sync', 1002);
    return keep;
}

before(async () => {
    hub = await emulator.start();
    target = await targets.start();
    keep = await startKeep(hub, target);
    key = await keep.key({ verb: 'events' });
    await hub.settings({ webhook_url: `${keep.public}/webhooks/crm-sync`, webhook_delay_ms: 20 });
});
after(() => stopAll(keep, hub, target));
beforeEach(async () => {
    await until('nothing is on its way', async () => (await standing()).pending === 0);
    target.clear();
});

const standing = async (of = keep) => (await of.cli('status', '--json')).json.events
    .find(({ app }) => app === 'crm-sync');

// The order in which they were accepted, by object.
async function accepted(of, key, query) {
    const byObject = new Map();
    for (let cursor = query; cursor !== undefined;) {
        const { json } = await of.api('GET', `/v1/apps/crm-sync/events?limit=100&cursor=${cursor}`, { key });
        for (const { id, type, event } of json.events)
            if (type === 'hubspot.event')
                byObject.set(event.objectId, [...byObject.get(event.objectId) ?? [], id]);
        cursor = json.events.length > 0 ? json.next : undefined;
    }
    return byObject;
}

function byObject(taken) {
    const found = new Map();
    for (const { id, event } of taken) {
        const ids = found.get(event.objectId) ?? [];
        if (!ids.includes(id)) found.set(event.objectId, [...ids, id]);
    }
    return found;
}

const now = async (of = keep, by = key) =>
    (await of.api('GET', '/v1/apps/crm-sync/events?cursor=now', { key: by })).json.next;

test('an event comes signed, in its envelope, with HubSpot\'s own bytes', async () => {
    await hub.emit({ portal: 1001, type: 'contact.propertyChange' });
    const [one] = await target.has(1);
    const [request] = target.requests;
    assert.equal(request.method, 'POST');
    assert.equal(request.path, '/hubspot/events');
    assert.equal(request.headers['webhook-id'], one.id);
    assert.equal(request.headers['content-type'], 'application/json');
    const { id, occurred_at, event: inside, ...rest } = one;
    assert.deepEqual(rest, { type: 'hubspot.event', app: 'crm-sync', portal: 1001,
        ref: 'tenant-1001', source: 'push' });
    assert.equal(inside.subscriptionType, 'contact.propertyChange');
    assert.equal(Math.floor(inside.occurredAt / 1000), Math.floor(Date.parse(occurred_at) / 1000));
    assert.match(id, /^evt_/);
    assert.ok(targets.isSigned(target.secret, request));
    assert.ok(!targets.isSigned(targets.newSecret(), request));
});

test('what HubSpot sends twice is delivered once', async () => {
    await hub.emit({ portal: 1002, type: 'contact.propertyChange', count: 40, batch: 4, duplicate: 2 });
    await hub.delivered();
    await target.has(40);
    await until('the queue is empty', async () => (await standing()).pending === 0);
    assert.equal(target.taken.length, 40);
});

test('each object keeps its order while many objects go side by side', async () => {
    const from = await now();
    target.answer = (_, n) => new Promise((resolve) => globalThis.setTimeout(resolve, n * 7 % 23, 200));
    await hub.emit({ portal: 1001, type: 'contact.propertyChange', count: 300, batch: 10,
        shuffle: true, objects: 15, object_id: 7000 });
    await target.has(300, 60_000);
    assert.ok(target.hook.mostOpen > 1, 'side by side');
    assert.deepEqual(byObject(target.taken), await accepted(keep, key, from));
});

test('a merge waits for both of its contacts, and they for it', async () => {
    const [a, b] = [501, 502];
    target.answer = ({ events }) => new Promise((resolve) =>
        globalThis.setTimeout(resolve, events.event?.objectId === a ? 120 : 0, 200));
    const sent = [event({ objectId: a }), event({ objectId: b }),
        event({ subscriptionType: 'contact.merge', objectId: undefined, propertyName: undefined,
            primaryObjectId: a, mergedObjectIds: [b], newObjectId: 503 }),
        event({ objectId: b }), event({ objectId: a })];
    assert.equal((await send(keep, sent)).status, 200);
    const taken = await target.has(sent.length);
    const at = taken.map(({ event }) => sent.findIndex(({ eventId }) => eventId === event.eventId));
    assert.equal(at[2], 2, at.join());
});

describe('a backend', () => {
    test('that is down gets the same events under the same ids when it is back', async () => {
        let seen;
        target.answer = ({ headers }) => { seen ??= headers['webhook-id']; return 503; };
        await hub.emit({ portal: 1001, type: 'contact.creation', object_id: 8001 });
        await until('it was tried', () => seen);
        await target.down();
        await send(keep, [event({ objectId: 8001 }), event({ objectId: 8002 })]);
        await until('the target is seen to be away', async () => (await standing()).pending === 3);
        target.answer = () => 200;
        await target.up();
        const taken = await target.has(3, 30_000);
        assert.equal(new Set(taken.map(({ id }) => id)).size, 3);
        const first = taken.filter(({ event }) => event.objectId === 8001);
        assert.equal(first[0].id, seen);
        assert.equal(first.length, 2);
    });

    test('that resets, redirects, fails, or says 200 and never stops, is taken as it means it', async () => {
        const how = {
            9001: (_, response) => { response.socket.resetAndDestroy(); },
            9002: () => [302, { location: 'http://127.0.0.1:9/elsewhere' }],
            9003: () => 500,
            9004: (_, response) => {
                response.writeHead(200);
                const more = () => { while (response.write(Buffer.alloc(65536))); };
                response.on('drain', more);
                more();
            },
        };
        const tries = {};
        target.answer = (request, _, response) => {
            const id = request.events.event.objectId;
            tries[id] = (tries[id] ?? 0) + 1;
            return tries[id] === 1 ? how[id](request, response) : 200;
        };
        await send(keep, Object.keys(how).map((id) => event({ objectId: Number(id) })));
        await until('all are settled', async () => (await standing()).pending === 0, 40_000);
        assert.deepEqual(tries, { 9001: 2, 9002: 2, 9003: 2, 9004: 1 });
        const byId = Map.groupBy(target.requests, ({ headers }) => headers['webhook-id']);
        assert.equal(byId.size, 4);
        for (const [, same] of byId) assert.equal(new Set(same.map(({ body }) => body)).size, 1);
    });

    test('that chokes on one event gets all others, but for those of its object', async () => {
        let isPoison = true;
        const poison = 9100;
        target.answer = ({ events }) => (isPoison && events.event?.objectId === poison ? 422 : 200);
        await send(keep, [event({ objectId: poison }), event({ objectId: poison }), event({ objectId: 9101 }),
            event({ objectId: 9102 }), event({ objectId: 9101 })]);
        await target.has(3);
        const { json } = await keep.cli('events', 'list', '--pending', '--json');
        assert.equal(json.events.length, 2);
        assert.ok(json.events[0].attempts >= 1);
        assert.deepEqual((await keep.cli('events', 'dead', '--json')).json.events, []);
        isPoison = false;
        const taken = await target.has(5, 30_000);
        const mine = taken.filter(({ event }) => event.objectId === poison).map(({ id }) => id);
        assert.deepEqual(mine, mine.toSorted());
    });

    test('that asks for patience gets it', async () => {
        let first;
        target.answer = (_, n) => {
            first ??= Date.now();
            return n === 1 ? [503, { 'retry-after': '8' }] : 200;
        };
        await send(keep, [event({ objectId: 9200 })]);
        await target.has(1, 30_000);
        assert.ok(Date.now() - first >= 7900, `${Date.now() - first} ms`);
    });

    test('that is gone (410) is left alone until it has another address', async () => {
        const section = keep.sections['app crm-sync'];
        const before = section.webhook_target;
        target.answer = ({ path }) => (path === '/hubspot/events' ? 410 : 200);
        await send(keep, [event({ objectId: 9301 })]);
        await until('it is said', async () => (await standing()).target === 'gone');
        const n = target.requests.length;
        await send(keep, [event({ objectId: 9301 }), event({ objectId: 9302 })]);
        await until('they are stored', async () => (await standing()).pending === 3);
        assert.equal(target.requests.length, n);
        section.webhook_target = `${before}/moved`;
        keep.writeConfig();
        await keep.cli('reload');
        const taken = await target.has(3);
        assert.equal(new Set(taken.map(({ id }) => id)).size, 3);
        assert.ok(target.requests.slice(n).every(({ path }) => path === '/hubspot/events/moved'));
        section.webhook_target = before;
        keep.writeConfig();
        await keep.cli('reload');
    });

    test('that takes a new secret sees both signatures while it changes', async () => {
        const section = keep.sections['app crm-sync'];
        const [old, fresh] = [target.secret, targets.newSecret()];
        Object.assign(section, { webhook_secret: secretFile('whsec.new', fresh),
            webhook_secret_previous: secretFile('whsec.old', old) });
        keep.writeConfig();
        await keep.cli('reload');
        await send(keep, [event()]);
        await target.has(1);
        const [request] = target.requests;
        assert.equal(request.headers['webhook-signature'].split(' ').length, 2);
        for (const secret of [old, fresh]) assert.ok(targets.isSigned(secret, request));
        section.webhook_secret_previous = undefined;
        keep.writeConfig();
        target.secret = fresh;
        await keep.cli('reload');
        await send(keep, [event()]);
        await target.has(2);
        assert.ok(!targets.isSigned(old, target.requests[1]));
    });
});

test('what was delivered is sent again on request, marked, under its old id', async () => {
    await send(keep, [event(), event()]);
    const [one, two] = await target.has(2);
    await until('they are settled', async () => (await standing()).pending === 0);
    await keep.cli('events', 'replay', one.id);
    await until('it came again', () => target.requests.length === 3);
    const answer = await keep.api('POST', `/v1/apps/crm-sync/events/${two.id}/replay`, { key });
    assert.ok(answer.status < 300, answer.text);
    await until('the other, too', () => target.requests.length === 4);
    for (const [i, { id }] of [one, two].entries()) {
        const request = target.requests[2 + i];
        assert.equal(request.headers['webhook-id'], id);
        assert.ok(request.headers['portkeep-replay']);
        assert.equal(request.body, target.requests.find(({ headers }) => headers['webhook-id'] === id).body);
    }
});

test('events of a portal that connects later come after the news of it', async () => {
    await send(keep, [event({ portalId: 1003 }), event({ portalId: 1003 })]);
    assert.equal((await standing()).parked, 2);
    await keep.connect('crm-sync', 1003);
    await target.has(2);
    assert.deepEqual(target.got.filter(({ portal }) => portal === 1003).map(({ type }) => type).toSorted(),
        ['hubspot.event', 'hubspot.event', 'portal.connected']);
});

test('an uninstall at HubSpot erases the portal, and the backend is told with the receipt', async () => {
    await send(keep, [event({ portalId: 1002, propertyValue: 'planted-in-an-event' }), event({ portalId: 1002 })]);
    await target.has(2);
    const before = target.requests.length;
    await hub.uninstall({ portal: 1002 });
    await keep.cli('reload'); // reads the journal at once
    const told = () => target.requests.slice(before).map(({ events }) => events);
    await until('it is told', () => told().some(({ type }) => type === 'portal.erased'));
    assert.deepEqual(told().map(({ type, portal }) => [type, portal]),
        [['portal.uninstalled', 1002], ['portal.erased', 1002]]);
    const { data } = told()[1];
    assert.equal(data.on_word_of, 'hubspot journal');
    assert.ok(data.erased.events >= 2);
    assert.ok(data.audit_head);
    assert.equal((await send(keep, [event({ portalId: 1002 })])).status, 200);
    assert.equal(keep.storedBytes().includes('planted-in-an-event'), false);
    const { json } = await keep.cli('events', 'list', '--portal', '1002', '--json');
    assert.deepEqual(json.events.filter(({ type }) => type === 'hubspot.event'), []);
    await keep.cli('audit', 'verify');
});

describe('batches', () => {
    let batching, hook, itsKey;
    before(async () => {
        hook = await targets.start();
        batching = await startKeep(hub, hook, { webhook_batch: 100 });
        itsKey = await batching.key({ verb: 'events' });
    });
    after(() => stopAll(batching, hook));

    test('bring up to a hundred at once, in order, under one id', async () => {
        const from = await now(batching, itsKey);
        hook.clear();
        hook.answer = () => new Promise((resolve) => globalThis.setTimeout(resolve, 30, 200));
        const all = Array.from({ length: 300 }, (_, i) => event({ objectId: 4000 + i % 10 }));
        for (let i = 0; i < 300; i += 100) await send(batching, all.slice(i, i + 100));
        await hook.has(300, 60_000);
        const sizes = hook.requests.map(({ events }) => events.events?.length ?? 1);
        assert.ok(Math.max(...sizes) <= 100 && Math.max(...sizes) > 20, sizes.join());
        assert.ok(hook.requests.filter(({ events }) => events.events)
            .every(({ headers }) => headers['webhook-id'].startsWith('bat_')));
        assert.deepEqual(byObject(hook.taken), await accepted(batching, itsKey, from));
    });

    test('that fail are taken apart, so that one bad event stops no other', async () => {
        hook.clear();
        let isPoison = true;
        const poison = (one) => one.event?.objectId === 4444;
        hook.answer = ({ events }) => (isPoison && [events.events ?? events].flat().some(poison) ? 500 : 200);
        await send(batching, Array.from({ length: 40 }, (_, i) => event({ objectId: i === 20 ? 4444 : 5000 + i })));
        await hook.has(39, 60_000);
        isPoison = false;
        await hook.has(40, 60_000);
    });
});

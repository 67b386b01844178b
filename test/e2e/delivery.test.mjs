// Events out to the app's backend: signed, in order, at least once.
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import * as emulator from './support/emulator.mjs';
import * as portkeep from './support/keep.mjs';
import { stopAll, until } from './support/place.mjs';
import * as receiver from './support/receiver.mjs';

const secret = randomBytes(32);
let hub, keep, hook, dir;
before(async () => {
    hub = await emulator.start();
    hook = await receiver.start();
    dir = mkdtempSync(join(tmpdir(), 'delivery-'));
    const file = join(dir, 'whsec');
    writeFileSync(file, `whsec_${secret.toString('base64')}\n`, { mode: 0o600 });
    keep = await portkeep.start({
        hub,
        apps: {
            'crm-sync': {
                webhook_target: `${hook.origin}/events`,
                webhook_secret: `file:${file}`,
            },
        },
    });
});
after(async () => {
    await stopAll(keep, hub, hook);
    rmSync(dir, { recursive: true });
});
beforeEach(() => hook.clear());

let last = 0;
const event = (objectId) => ({
    eventId: ++last, subscriptionId: 5, portalId: 1001, appId: 7,
    occurredAt: Date.now(), subscriptionType: 'contact.propertyChange',
    attemptNumber: 0, objectId, propertyName: 'email', propertyValue: `n${last}`,
});

async function send(...events) {
    const url = `${keep.public}/webhooks/crm-sync`;
    const body = JSON.stringify(events);
    const at = Date.now();
    const known = readFileSync(join(keep.dir, 'crm-sync.secret'), 'utf8').trim();
    const answer = await fetch(url, {
        method: 'POST', body, headers: {
            'content-type': 'application/json',
            'x-hubspot-signature-v3': createHmac('sha256', known)
                .update(`POST${url}${body}${at}`).digest('base64'),
            'x-hubspot-request-timestamp': String(at),
        },
    });
    assert.equal(answer.status, 200, await answer.text());
}

const numbers = () => hook.requests.map(({ events }) => events.event?.eventId);

describe('the backend gets', () => {
    test('a notice of the install, signed by Standard Webhooks', async () => {
        await keep.connect('crm-sync', 1001);
        const { headers, body, events } = await hook.got(1);
        assert.equal(events.type, 'portal.connected');
        assert.equal(events.portal, 1001);
        const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
        const mac = createHmac('sha256', secret).update(signed).digest('base64');
        assert.equal(headers['webhook-signature'], `v1,${mac}`);
        assert.equal(headers['webhook-id'], events.id);
    });

    test('each event once, those of one object in their order', async () => {
        for (let i = 0; i < 10; i++)
            await send(event(1), event(2), event(1));
        await until('all have come', () => hook.requests.length >= 30);
        for (const object of [1, 2]) {
            const seen = hook.requests.map(({ events }) => events.event)
                .filter(({ objectId }) => objectId === object).map(({ eventId }) => eventId);
            assert.deepEqual(seen, [...seen].sort((a, b) => a - b));
        }
        assert.equal(new Set(numbers()).size, 30);
    });

    test('again what it did not take, with the same id, and what waited for it after it', async () => {
        hook.answer = (_, n) => n === 1 ? 500 : 200;
        const [a, b] = [event(3), event(3)];
        await send(a);
        await send(b);
        await until('all have come', () => hook.requests.length >= 3);
        assert.deepEqual(numbers(), [a.eventId, a.eventId, b.eventId]);
        const ids = hook.requests.map(({ headers }) => headers['webhook-id']);
        assert.equal(ids[0], ids[1]);
    });

    test('again what was on its way when portkeep was killed', async () => {
        hook.answer = () => undefined;
        const [a, b] = [event(4), event(4)];
        await send(a, b);
        await hook.got(1);
        hook.answer = () => 200;
        await keep.program.stop('SIGKILL').catch(() => {});
        await keep.ready();
        await until('both have come', () => numbers().includes(b.eventId));
        const mine = numbers();
        assert.equal(mine[0], a.eventId);
        assert.equal(mine[1], a.eventId);
        assert.equal(mine.at(-1), b.eventId);
        const { json } = await keep.cli('status', '--json');
        const [log] = json.events;
        await until('nothing is pending', async () =>
            (await keep.cli('status', '--json')).json.events[0].pending === 0);
        assert.equal(log.dead, 0);
    });
});

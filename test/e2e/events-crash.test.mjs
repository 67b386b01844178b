// kill -9 of any process at any moment, under load: what HubSpot was told
// is stored reaches the backend, in order within its object, and what comes
// twice comes under one id.
//
//     PORTKEEP_KILLS=200 PORTKEEP_SEED=1 node --test test/e2e/events-crash.test.mjs
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import * as emulator from './support/emulator.mjs';
import * as portkeep from './support/keep.mjs';
import { stopAll, until } from './support/place.mjs';
import { children } from './support/program.mjs';
import { event, post, signed } from './support/sender.mjs';
import * as targets from './support/target.mjs';

const kills = Number(process.env.PORTKEEP_KILLS ?? 15);
const seed = Number(process.env.PORTKEEP_SEED ?? Date.now() % 1_000_000);
const senders = 4, objects = 25, batch = 5;

// The same numbers for the same seed (mulberry32).
let state = seed;
function random(below) {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
}

let hub, keep, target;
before(async () => {
    hub = await emulator.start();
    target = await targets.start();
    keep = await portkeep.prepare({ hub });
    Object.assign(keep.sections['app crm-sync'], { webhook_target: target.url,
        webhook_secret: `file:${keep.file('whsec', `${target.secret}\n`)}` });
    keep.writeConfig();
    await keep.ready();
    for (const portal of [1001, 1002]) await keep.connect('crm-sync', portal);
});
after(() => stopAll(keep, hub, target));

// Sends batches of its own objects one after the other, each until it is
// answered with 200, as HubSpot does.  `next` counts each object's events.
class Sender {
    next = new Map();
    repeats = 0;

    constructor(number) {
        this.number = number;
        this.done = this.run();
    }

    events() {
        return Array.from({ length: batch }, () => {
            const objectId = (this.number + 1) * 1000 + random(objects);
            const seq = this.next.get(objectId) ?? 0;
            this.next.set(objectId, seq + 1);
            return event({ objectId, portalId: 1001 + this.number % 2, propertyValue: String(seq) });
        });
    }

    async run() {
        while (!this.isEnough) {
            const events = this.events();
            while (!this.isGivenUp && !await this.isTaken(events)) this.repeats++;
            await pause(40);
        }
    }

    async isTaken(events) {
        const { status } = await post(signed(keep, events)).catch(() => ({}));
        if (status === 200) return true;
        await pause(20);
        return false;
    }
}

// What the target has had: in order, and under which ids.
class Record {
    next = new Map();
    ids = new Map();
    events = 0;
    repeats = 0;
    wrong = [];

    take({ id, event: { objectId, propertyValue } }) {
        const name = `${objectId}/${propertyValue}`;
        const known = this.ids.get(name);
        if (known !== undefined) {
            this.repeats++;
            if (known !== id) this.wrong.push(`${name} came as ${known} and as ${id}`);
            return;
        }
        const seq = this.next.get(objectId) ?? 0;
        if (Number(propertyValue) !== seq) this.wrong.push(`${name} came where ${seq} was due`);
        this.next.set(objectId, Number(propertyValue) + 1);
        this.ids.set(name, id);
        this.events++;
    }
}

async function killOne() {
    const all = [{ pid: keep.program.pid, name: 'portkeep' }, ...children(keep.program.pid)];
    const { pid, name } = all[random(all.length)];
    const { program } = keep;
    process.kill(pid, 'SIGKILL');
    if (name === 'portkeep' || name === 'portkeep-keeper') {
        // The service manager's part.
        await until('it has stopped', () => program.end, 40_000);
        const gone = all.slice(1).every(({ pid: one }) => {
            try { process.kill(one, 0); return false; } catch { return true; }
        });
        if (!gone) await until('its children have, too', () => all.slice(1).every(({ pid: one }) => {
            try { process.kill(one, 0); return false; } catch { return true; }
        }), 40_000);
        await keep.ready();
    }
    return name;
}

test(`${kills} kills lose nothing and disorder nothing (seed ${seed})`, { timeout: 60_000 + kills * 10_000 }, async (t) => {
    const record = new Record();
    target.answer = ({ events }) => {
        if (random(500) === 0) return 503;
        if (events.type === 'hubspot.event') record.take(events);
        target.hook.requests.length = 0; // they are noted
        return 200;
    };
    const all = Array.from({ length: senders }, (_, i) => new Sender(i));
    const killed = {};
    try {
        for (let i = 0; i < kills; i++) {
            await pause(random(600));
            const name = await killOne();
            killed[name] = (killed[name] ?? 0) + 1;
            assert.deepEqual(record.wrong, [], `after ${i + 1} kills, the last of ${name}`);
        }
    } catch (e) {
        for (const one of all) one.isGivenUp = true;
        throw e;
    } finally {
        for (const one of all) one.isEnough = true;
        await Promise.all(all.map(({ done }) => done));
    }
    const sent = all.flatMap(({ next }) => [...next.values()]).reduce((sum, n) => sum + n, 0);
    const missing = () => all.flatMap(({ next }) => [...next])
        .filter(([objectId, n]) => (record.next.get(objectId) ?? 0) < n);
    await until('all are delivered', () => missing().length === 0, 120_000)
        .catch((e) => { e.message += `: ${JSON.stringify(missing().slice(0, 20))}`; throw e; });
    assert.deepEqual(record.wrong, []);
    assert.equal(record.events, sent);
    assert.ok(sent > kills * 10, `${sent} events`);
    const again = all.reduce((sum, { repeats }) => sum + repeats, 0);
    t.diagnostic(`seed ${seed}: ${kills} kills (${Object.entries(killed).map(([name, n]) => `${n} ${name}`)
        .join(', ')}); ${sent} events answered with 200, all delivered in order, ${record.repeats} ` +
        `more than once under the same id; ${again} requests had to be repeated`);
});

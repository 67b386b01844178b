// The backends in examples/, each through the whole life of a connection.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as emulator from './support/emulator.mjs';
import * as portkeep from './support/keep.mjs';
import { Person } from './support/person.mjs';
import { freePort, root, stopAll, until } from './support/place.mjs';
import { Program } from './support/program.mjs';
import { event, send } from './support/sender.mjs';
import { newSecret } from './support/target.mjs';

const file = (name) => join(root, 'examples', name);
const backends = {
    Node: () => [process.execPath, [file('node/backend.mjs')]],
    Python: () => ['python3', [file('python/backend.py')]],
    PHP: (port) => ['php', ['-S', `127.0.0.1:${port}`, file('php/backend.php')]],
};

let hub;
before(async () => { hub = await emulator.start(); });
after(() => hub.stop());

const personOf = (tenant) => {
    const person = new Person();
    person.cookies.set('tenant', { hostname: 'localhost', name: 'tenant', value: tenant });
    return person;
};

// As portkeep signs it: {id, at, secret, body}, and what is wrong with it.
function delivery(secret, body, { id = 'evt_1', at = Math.floor(Date.now() / 1000), signed = body, mark = 'v1,' } = {}) {
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    const mac = createHmac('sha256', key).update(`${id}.${at}.${signed}`).digest('base64');
    return { method: 'POST', body, headers: {
        'content-type': 'application/json', 'webhook-id': id, 'webhook-timestamp': String(at),
        'webhook-signature': `${mark}${mac}`,
    } };
}

for (const [language, command] of Object.entries(backends))
    describe(`the backend in ${language}`, () => {
        const portal = 1001;
        const secret = newSecret();
        let keep, program, origin, target;
        const person = personOf('acme');
        const status = async (request) => (await fetch(target, request)).status;

        before(async () => {
            const port = await freePort();
            origin = `http://localhost:${port}`;
            target = `http://127.0.0.1:${port}/hubspot/events`;
            keep = await portkeep.prepare({ hub });
            Object.assign(keep.sections['app crm-sync'], {
                return_to: `${origin}/connected/`, webhook_target: target,
                webhook_secret: `file:${keep.file('whsec', `${secret}\n`)}`,
            });
            keep.writeConfig();
            await keep.ready();
            const [path, args] = command(port);
            program = new Program(path, args, { cwd: keep.dir, env: {
                PATH: process.env.PATH, PORT: String(port), PORTKEEP_URL: keep.private,
                PORTKEEP_KEY: await keep.key({ verb: ['connect', 'call'] }),
                WEBHOOK_SECRET: secret, STORE: join(keep.dir, 'portals.json'),
            } });
            await until('it listens', async () => {
                if (program.end) assert.fail(program.text);
                return (await new Person().go(origin)).status === 401;
            });
        });
        after(() => stopAll(program, keep));

        test('connects a portal for the tenant who asked for it', async () => {
            const home = await person.go(`${origin}/`);
            const [, link] = home.text.match(/<a href="([^"]+)">Connect with HubSpot</);
            const consent = await keep.toConsent(person, new URL(link, origin).href);
            const end = await person.press(consent, /^allow$/i, { choose: { portal } });
            assert.equal(end.url, `${origin}/contacts`, `${end.words}\n${program.text}`);
            assert.equal((await keep.portal('crm-sync', portal)).json.ref, 'acme');
        });

        test('reads that portal\'s contacts through the relay', async () => {
            const page = await person.go(`${origin}/contacts`);
            const direct = await keep.call('crm-sync', portal, '/crm/v3/objects/contacts');
            assert.ok(direct.json.results.length > 0);
            assert.deepEqual(JSON.parse(page.text), direct.json);
            assert.equal((await personOf('other').go(`${origin}/contacts`)).status, 404);
        });

        test('redeems no code that somebody else\'s link brought', async () => {
            const link = await keep.session('crm-sync',
                { ref: 'mallory', return_to: `${origin}/connected/mallory` });
            const victim = personOf('victim');
            const end = await victim.press(await keep.toConsent(victim, link), /^allow$/i, { choose: { portal: 1002 } });
            assert.match(end.url, /\/connected\/mallory\?.*connect=/);
            assert.equal(end.status, 404);
            assert.notEqual((await keep.portal('crm-sync', 1002)).json.ref, 'mallory');
        });

        test('takes an event that portkeep delivers', async () => {
            assert.equal((await send(keep, [event({ portalId: portal })])).status, 200);
            await program.line(new RegExp(`contact\\.propertyChange in ${portal}`));
            await until('none is pending', async () =>
                (await keep.cli('status', '--json')).json.events[0].pending === 0);
        });

        test('refuses what is forged, changed, or too old, and takes what is not', async () => {
            const body = JSON.stringify({ type: 'portal.erased', id: 'evt_1', portal });
            const late = Math.floor(Date.now() / 1000) - 310;
            const bad = {
                'another secret': delivery(newSecret(), body),
                'another body': delivery(secret, body, { signed: `${body} ` }),
                'another version': delivery(secret, body, { mark: 'v2,' }),
                'too old': delivery(secret, body, { at: late }),
                'from the future': delivery(secret, body, { at: late + 620 }),
                'no time': delivery(secret, body, { at: 'soon' }),
                'no signature': { method: 'POST', body },
            };
            for (const [what, request] of Object.entries(bad))
                assert.equal(await status(request), 401, what);
            assert.equal((await person.go(`${origin}/contacts`)).status, 200);
            const batch = JSON.stringify({ events: [{ type: 'portal.erased', id: 'evt_1', portal: 7 }] });
            const two = delivery(secret, batch);
            two.headers['webhook-signature'] = `v1,bm8= ${two.headers['webhook-signature']}`;
            assert.ok(await status(two) < 300, 'one of two signatures, a batch');
            assert.equal((await person.go(`${origin}/contacts`)).status, 200);
        });

        test('forgets the portal when it is uninstalled', async () => {
            await hub.uninstall({ portal });
            await keep.cli('reload'); // reads the journal at once
            await until('it is forgotten', async () =>
                (await person.go(`${origin}/contacts`)).status === 404);
        });
    });

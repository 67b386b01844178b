// TLS on both sides: the front with a certificate of its own, and HubSpot
// only where its certificate holds.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, renameSync } from 'node:fs';
import { createServer, request } from 'node:https';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect } from 'node:tls';
import { launch } from './support/chromium.mjs';
import * as emulator from './support/emulator.mjs';
import * as portkeep from './support/keep.mjs';
import { folder, stopAll, until } from './support/place.mjs';

let place;
before(() => { place = folder(); });
after(() => place.close());

// A certificate for that name, and its key: paths.
function certificate(name, host = 'localhost') {
    const [cert, key] = ['cert', 'key'].map((end) => join(place.path, `${name}.${end}`));
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt',
        'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${host}`,
        '-addext', `subjectAltName=DNS:${host}`, '-keyout', key, '-out', cert],
        { stdio: 'ignore' });
    return { cert, key };
}

// A GET that trusts that certificate: {status, headers, text, peer}.
const get = (url, { cert }) => new Promise((resolve, reject) => {
    const asked = request(url, { ca: readFileSync(cert), agent: false }, (answer) => {
        let text = '';
        const peer = answer.socket.getPeerCertificate().fingerprint256;
        answer.on('data', (data) => (text += data));
        answer.on('end', () => resolve({
            status: answer.statusCode, headers: answer.headers, text, peer,
        }));
    });
    asked.on('error', reject).end();
});

describe('the front with a certificate', () => {
    let hub, keep, files, url;
    before(async () => {
        hub = await emulator.start();
        files = certificate('front');
        keep = await portkeep.prepare({
            hub, apps: {
                'crm-sync': { return_to: undefined },
                'listed': {
                    client_id: '99999999-2222-3333-4444-555555555555',
                    marketplace: 'yes', sign_in_url: 'http://localhost:9/sign-in',
                },
            },
        });
        url = keep.public.replace('http:', 'https:');
        Object.assign(keep.sections.server,
            { public_url: url, tls_cert: files.cert, tls_key: `file:${files.key}` });
        keep.writeConfig();
        await keep.ready();
    });
    after(() => stopAll(keep, hub));

    const session = () => keep.session('crm-sync', { return_to: undefined });

    test('answers, and sends no HTTP to those who speak TLS', async () => {
        assert.equal((await get(`${url}/healthz`, files)).status, 200);
        await assert.rejects(fetch(`${keep.public}/healthz`));
    });

    for (const version of ['TLSv1', 'TLSv1.1'])
        test(`refuses ${version}`, async () => {
            const socket = connect({
                host: 'localhost', port: new URL(url).port, rejectUnauthorized: false,
                minVersion: version, maxVersion: version, ciphers: 'ALL:@SECLEVEL=0',
            });
            await assert.rejects(new Promise((resolve, reject) =>
                socket.on('secureConnect', resolve).on('error', reject)));
        });

    test('binds its cookie to the host', async () => {
        const { status, headers } = await get(await session(), files);
        assert.equal(status, 303);
        const [line] = headers['set-cookie'];
        assert.match(line, /^__Host-[\w.-]+=/);
        for (const word of [/; *Secure/i, /; *HttpOnly/i, /; *SameSite=Lax/i, /; *Path=\/(;|$)/i])
            assert.match(line, word);
        assert.doesNotMatch(line, /Domain=/i);
    });

    test('keeps it over HubSpot\'s redirect when the install began there', async () => {
        const back = 'https://app.hubspot.com/integrations/1002/done';
        const first = await get(`${url}/oauth/listed/callback?` +
            new URLSearchParams({ step: 'authorize', returnUrl: back }), files);
        const attempt = new URL(first.headers.location).searchParams.get('attempt');
        const made = await keep.api('POST', '/v1/apps/listed/connect-sessions',
            { body: { attempt, ref: 'market-1' } });
        const { headers } = await get(made.json.url, files);
        assert.match(headers['set-cookie'][0], /^__Host-.*; *SameSite=None/i);
        assert.match(headers['set-cookie'][0], /; *Secure/i);
    });

    test('lets a browser through the whole install', async () => {
        const browser = await launch();
        try {
            const context = await browser.newContext({ ignoreHTTPSErrors: true });
            const page = await context.newPage();
            await page.goto(await session());
            const [cookie] = await context.cookies(url);
            assert.ok(cookie.name.startsWith('__Host-') && cookie.secure && cookie.httpOnly);
            await page.locator('input[value="1002"]').check();
            await page.getByRole('button', { name: 'Allow' }).click();
            await page.waitForURL((one) => one.href.startsWith(url));
            assert.match(await page.innerText('body'), /is connected/);
        } finally {
            await browser.close();
        }
    });

    test('takes up a new certificate at reload', async () => {
        const before = await get(`${url}/healthz`, files);
        const fresh = certificate('fresh');
        for (const end of ['cert', 'key']) renameSync(fresh[end], files[end]);
        await keep.cli('reload');
        await until('the new one', async () =>
            (await get(`${url}/healthz`, files)).peer !== before.peer);
    });
});

describe('HubSpot\'s certificate', () => {
    let hub, api, keep, good, other;
    before(async () => {
        hub = await emulator.start();
        good = certificate('api');
        other = certificate('other', 'elsewhere.example');
        // It hands OAuth on to the emulator, and changes its certificate.
        api = createServer({ cert: readFileSync(good.cert), key: readFileSync(good.key) },
            async (asked, answer) => {
                const body = Buffer.concat(await asked.toArray());
                const { host, connection, 'content-length': _, ...headers } = asked.headers;
                const got = await fetch(hub.url + asked.url, {
                    method: asked.method, headers, body: body.length ? body : undefined,
                });
                answer.writeHead(got.status,
                    { 'content-type': got.headers.get('content-type') ?? 'text/plain' });
                answer.end(Buffer.from(await got.arrayBuffer()));
            });
        await new Promise((resolve) => api.listen(0, '127.0.0.1', resolve));
        keep = await portkeep.start({
            hub, hubspot: {
                api_url: `https://localhost:${api.address().port}`, ca_file: good.cert,
            },
        });
    });
    after(() => stopAll(keep, {
        stop() {
            api.closeAllConnections();
            api.close();
        },
    }, hub));

    const call = () => keep.call('crm-sync', 1001, '/account-info/v3/details');
    function use({ cert, key }) {
        api.setSecureContext({ cert: readFileSync(cert), key: readFileSync(key) });
        api.closeAllConnections();
    }

    test('that holds lets install and calls through', async () => {
        await keep.connect('crm-sync', 1001);
        assert.equal((await call()).json.portalId, 1001);
    });

    test('of another name or another maker stops every call', async () => {
        for (const wrong of [other, certificate('self-made')]) {
            use(wrong);
            const answer = await call();
            assert.equal(answer.status, 502, answer.text);
            assert.match(answer.headers.get('content-type'), /problem\+json/);
        }
        use(good);
        assert.equal((await call()).status, 200);
    });
});

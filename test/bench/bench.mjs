// Every figure of portkeep, beside its measure, in one run: alternating
// pairs, medians of their ratios, and the middle half as the spread.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as emulator from '../e2e/support/emulator.mjs';
import * as portkeep from '../e2e/support/keep.mjs';
import { build, folder, freePort, until } from '../e2e/support/place.mjs';
import { Program, run } from '../e2e/support/program.mjs';
import * as webhooks from './webhooks.mjs';
import { allReached, costOf, family, load, pairs, pssKb, report, spread } from './measure.mjs';

const isShort = Boolean(process.env.SHORT);
const n = isShort ? 4 : 12;
const seconds = isShort ? 1 : 2;
const only = process.argv.slice(2);
const wants = (name) => only.length === 0 || only.includes(name);

// nginx with one worker and nothing that costs it time beyond its task.
async function nginx(place, name, server, http = '') {
    const dir = join(place.path, name);
    mkdirSync(dir);
    const config = join(dir, 'nginx.conf');
    writeFileSync(config, `
        daemon off; master_process on; worker_processes 1;
        pid ${dir}/pid; error_log stderr warn;
        events { worker_connections 4096; }
        http {
            access_log off; keepalive_timeout 300s; keepalive_requests 100000000;
            tcp_nodelay on; server_tokens off; types {} default_type application/json;
            client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy;
            fastcgi_temp_path ${dir}/f; uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
            ${http}
            server { ${server} }
        }`);
    const program = new Program('/usr/sbin/nginx', ['-e', 'stderr', '-c', config, '-p', dir]);
    await until(`nginx ${name} has its worker`, () => family(program.pid).length === 2);
    return program;
}

function certificate(dir) {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt',
        'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost',
        '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
        '-keyout', join(dir, 'key.pem'), '-out', join(dir, 'cert.pem')],
        { stdio: 'ignore' });
}

const warm = (url, headers) => load(url, { seconds: 1, headers });
const ratios = (all, of) => spread(all.map(({ ours, theirs }) => of(ours) / of(theirs)));
const both = (all) => {
    const us = (side) => spread(all.map((one) => one[side].us)).median.toFixed(1);
    return `${us('ours')} us to ${us('theirs')} us a request`;
};

async function compare(what, bound, ours, theirs) {
    const cost = (side) => () => costOf(side.pids(), side.url,
        { seconds, headers: side.headers });
    await warm(ours.url, ours.headers);
    await warm(theirs.url, theirs.headers);
    const all = await pairs(n, cost(ours), cost(theirs));
    const ratio = ratios(all, (one) => one.us);
    report(`${what}, CPU a request`, `${bound} x nginx`, ratio, ratio.high <= bound, both(all));
}

const ofKeep = (keep, url, key) => ({
    url, headers: { Authorization: `Bearer ${key}` }, pids: () => family(keep.program.pid),
});

async function tokenApi(place) {
    const hub = await emulator.start();
    const keep = await portkeep.start({ hub });
    await keep.connect('crm-sync', 1001);
    const key = await keep.key({ verb: 'token' });
    const path = '/v1/apps/crm-sync/portals/1001/token';
    const body = (await keep.api('GET', path, { key })).text;
    const port = await freePort();
    const other = await nginx(place, 'return', `listen 127.0.0.1:${port};
        location / { add_header Cache-Control no-store; return 200 '${body}'; }`);
    await compare('token API', 1.3, ofKeep(keep, keep.private + path, key), {
        url: `http://127.0.0.1:${port}/`, headers: {}, pids: () => family(other.pid),
    });
    await other.stop();
    await keep.stop();
    await hub.stop();
}

async function relay(place, isTls) {
    const name = isTls ? 'TLS' : 'plain';
    const scheme = isTls ? 'https' : 'http';
    const json = JSON.stringify({ results: 'x'.repeat(1000) });
    const [apiPort, proxyPort, oauthPort] = [await freePort(), await freePort(), await freePort()];
    const dir = join(place.path, name);
    mkdirSync(dir);
    if (isTls) certificate(dir);
    // OAuth calls go on to the emulator, so that the portal can be connected
    // on the very host that the relay then calls.
    const hub = await emulator.start({ port: oauthPort });
    const api = await nginx(place, `api-${name}`, `
        listen 127.0.0.1:${apiPort} ${isTls ? 'ssl' : ''};
        ${isTls ? `ssl_certificate ${dir}/cert.pem; ssl_certificate_key ${dir}/key.pem;` : ''}
        location / { return 200 '${json}'; }
        location /oauth/ { proxy_pass http://127.0.0.1:${oauthPort}; }`);
    const proxy = await nginx(place, `proxy-${name}`, `
        listen 127.0.0.1:${proxyPort};
        location / {
            proxy_pass ${scheme}://api; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_set_header Host localhost:${apiPort};
            proxy_set_header Authorization "Bearer ${'t'.repeat(300)}";
            ${isTls ? `proxy_ssl_trusted_certificate ${dir}/cert.pem; proxy_ssl_verify on;
                proxy_ssl_name localhost; proxy_ssl_server_name on; proxy_ssl_session_reuse on;` : ''}
        }`, `upstream api { server 127.0.0.1:${apiPort}; keepalive 256;
            keepalive_requests 100000000; }`);
    const keep = await portkeep.start({
        hub,
        hubspot: {
            api_url: `${scheme}://localhost:${apiPort}`,
            ...(isTls && { ca_file: `${dir}/cert.pem` }),
        },
    });
    await keep.connect('crm-sync', 1001);
    const key = await keep.key({ verb: 'call' });
    const path = '/crm/v3/objects/contacts?limit=10';
    await compare(`API relay, ${name} upstream`, 1.2,
        ofKeep(keep, `${keep.private}/hubspot/crm-sync/1001${path}`, key),
        { url: `http://127.0.0.1:${proxyPort}${path}`, headers: {}, pids: () => family(proxy.pid) });
    for (const program of [proxy, api]) await program.stop();
    await keep.stop();
    await hub.stop();
}

async function callers() {
    const hub = await emulator.start({ settings: { expires_in: 2 } });
    const keep = await portkeep.start({ hub });
    await keep.connect('crm-sync', 1001);
    const key = await keep.key({ verb: 'token' });
    await until('the token has expired', async () =>
        Date.parse((await keep.portal('crm-sync', 1001)).json.expires_at) < Date.now());
    await hub.settings({ expires_in: 1800, latency_ms: 50 });
    const before = await hub.refreshes();
    const answers = await Promise.all(Array.from({ length: 1000 },
        () => keep.token('crm-sync', 1001, { key })));
    const failed = answers.filter(({ status }) => status !== 200).length;
    const refreshes = await hub.refreshes() - before;
    report('1,000 callers on one expired grant, refreshes', '1', { median: refreshes },
        refreshes === 1 && failed === 0, `${failed} callers failed`);
    await keep.stop();
    await hub.stop();
}

// The same work on both: 1,000 portals in turn, spread over the database.  With
// one key they are leased; with so many that the relay's cache has forgotten
// each pair before it comes again, every read is the keeper's.
async function reads(sides, what, nKeys) {
    const script = join(build, 'bench-portals.lua');
    for (const side of Object.values(sides)) {
        side.keys = [];
        for (let i = 0; i < nKeys; i++)
            side.keys.push(await side.keep.key({ name: `reader-${nKeys}-${i}`, verb: 'token' }));
    }
    const cost = (count) => async () => {
        const { keep, keys } = sides[count];
        writeFileSync(script, `local keys, i = {"${keys.join('", "')}"}, 0
            request = function()
                i = i + 1
                return wrk.format("GET", "/v1/apps/crm-sync/portals/" ..
                    (1000001 + i % 1000 * ${count / 1000}) .. "/token",
                    {Authorization = "Bearer " .. keys[math.floor(i / 1000) % #keys + 1]})
            end`);
        return costOf(family(keep.program.pid), keep.private, { seconds, script });
    };
    for (const count of [1000, 100_000]) await cost(count)();
    const all = await pairs(n, cost(100_000), cost(1000));
    const ratio = ratios(all, (one) => one.us);
    report(`${what}, 100,000 grants to 1,000, CPU a request`, '1.1', ratio,
        ratio.high <= 1.1, both(all));
}

async function grants() {
    const tool = join(build, 'bench-fill');
    if (!existsSync(tool)) throw new Error(`${tool} is not built`);
    const sides = {};
    const started = {};
    for (const count of [1000, 100_000]) {
        const hub = await emulator.start();
        const keep = await portkeep.start({ hub });
        await keep.program.stop();
        execFileSync(tool, [keep.database, keep.masterKey, 'crm-sync', String(count)]);
        execFileSync('chown', ['-R', '--reference', keep.data, keep.data]);
        started[count] = [];
        for (let i = 0; i < n; i++) {
            const from = performance.now();
            keep.serve();
            const [, port] = keep.sections.server.public_listen.split(':');
            await until('the first answer', () => fetch(`http://127.0.0.1:${port}/healthz`)
                .then(({ status }) => status === 200), 20_000);
            started[count].push(performance.now() - from);
            if (i < n - 1) await keep.program.stop();
        }
        const [, address] = (await keep.program.line(/private=(\S+)/));
        keep.private = `http://${address}`;
        sides[count] = { hub, keep };
        const took = spread(started[count]);
        report(`start to first answer with ${count} grants, ms`, '200', took, took.median < 200);
    }
    const large = sides[100_000].keep;
    const pss = pssKb(family(large.program.pid)) / 1024;
    report('memory idle with 100,000 grants, MB PSS', '60', { median: pss }, pss < 60);
    await reads(sides, 'token reads from the relay\'s leases', 1);
    await reads(sides, 'token reads from the keeper', 8);
    for (const { hub, keep } of Object.values(sides)) {
        await keep.stop();
        await hub.stop();
    }
}

async function install() {
    const { status, stdout } = await run(join(build, 'portkeep'), ['demo', '--once'],
        { env: { PATH: process.env.PATH } });
    assert.equal(status, 0, stdout);
    const [, value, unit] = stdout.match(/portkeep's own time\D*([\d.,]+) ?(ms|s)\b/);
    const took = Number(value) * (unit === 's' ? 1000 : 1);
    report('scripted install, own time, ms', '2000', { median: took }, took < 2000);
}

const place = folder();
console.log(`${n} pairs of ${seconds} s each; medians of ratios, and the middle half`);
let storeUs; // what SQLite alone takes for a request's rows, if it was asked
const figures = {
    token: () => tokenApi(place),
    relay: () => relay(place, false),
    'relay-tls': () => relay(place, true),
    callers, grants, install,
    'webhooks-sqlite': async () => { storeUs = await webhooks.sqlite(); },
    'webhooks-express': () => webhooks.againstExpress(storeUs),
    'webhooks-sustained': webhooks.sustained,
    'webhooks-million': webhooks.million,
};
let failed = false;
for (const [name, figure] of Object.entries(figures)) {
    if (!wants(name)) continue;
    try {
        await figure();
    } catch (e) {
        failed = true;
        console.log(`no figure     ${name}: ${e.message.split('\n').slice(0, 12).join('\n')}`);
    }
}
place.close();
process.exit(failed || !allReached() ? 1 : 0);

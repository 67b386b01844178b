// What HubSpot reports: how fast it is taken, beside what SQLite and an
// Express app make of it, and what a long queue does to that.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as emulator from '../e2e/support/emulator.mjs';
import * as portkeep from '../e2e/support/keep.mjs';
import { build, freePort, until } from '../e2e/support/place.mjs';
import { Program, children, run } from '../e2e/support/program.mjs';
import { secretOf, urlOf } from '../e2e/support/sender.mjs';
import * as targets from '../e2e/support/target.mjs';
import { cpuNs, family, pairs, pssKb, report, spread } from './measure.mjs';

const isShort = Boolean(process.env.SHORT);
const portals = 100, connections = 32, perRequest = 10;
const tool = (name) => join(build, `bench-${name}`);
const json = (name, ...words) => JSON.parse(execFileSync(tool(name), words.map(String), { encoding: 'utf8' }));
const publicPort = (keep) => keep.sections.server.public_listen.split(':')[1];

// A keep with a hundred portals; unless it is said otherwise, its backend is
// away, so that everything is queued and nothing delivered.
async function start({ hub, target, batch, events_max } = {}) {
    const keep = await portkeep.prepare({ hub, ...(events_max && { store: { events_max } }) });
    Object.assign(keep.sections['app crm-sync'], {
        webhook_target: target?.url ?? 'http://127.0.0.1:9/events', webhook_batch: batch,
        webhook_secret: `file:${keep.file('whsec', `${target?.secret ?? targets.newSecret()}\n`)}`,
    });
    keep.writeConfig();
    await keep.ready();
    await keep.program.stop();
    execFileSync(tool('fill'), [keep.database, keep.masterKey, 'crm-sync', String(portals)]);
    execFileSync('chown', ['-R', '--reference', keep.data, keep.data]);
    await keep.ready();
    return keep;
}

// {requests, refused, seconds, p50_us, p99_us}
async function send(keep, { port = publicPort(keep), seconds, rate = 0 }) {
    const { status, stdout, stderr } = await run(tool('post'), [port, urlOf(keep), join(keep.dir, 'crm-sync.secret'),
        portals, connections, seconds, rate].map(String));
    assert.equal(status, 0, stderr);
    const said = JSON.parse(stdout);
    assert.equal(said.refused, 0, `${said.refused} of ${said.requests} refused`);
    return said;
}

async function commits(keep) {
    const text = await (await fetch(`${keep.private}/metrics`)).text();
    return Number(text.match(/^portkeep_store_commits_total\S* (\d+)/m)[1]);
}
const standing = async (keep) => (await keep.cli('status', '--json')).json.events
    .find(({ app }) => app === 'crm-sync');

// Each round has a database of its own, which SQLite then has to beat.
export async function sqlite() {
    const hub = await emulator.start();
    const ratios = [], costs = [];
    let detail;
    for (let i = 0; i < (isShort ? 2 : 5); i++) {
        const keep = await start({ hub });
        await send(keep, { seconds: 1 });
        const [before, was] = [await commits(keep), (await standing(keep)).stored];
        const { requests, seconds } = await send(keep, { seconds: isShort ? 3 : 6 });
        const n = await commits(keep) - before;
        const { stored } = await standing(keep);
        assert.equal(stored - was, requests * perRequest);
        await keep.program.stop();
        const copy = join(keep.data, 'copy.db');
        // The first second is in the file, too: as many commits for it.
        const { seconds: took, cpu_seconds } = json('insert', keep.database, copy, Math.round(n * stored / (stored - was)));
        ratios.push((requests * perRequest / seconds) / (stored / took));
        costs.push(cpu_seconds * 1e6 / (stored / perRequest));
        detail = `${Math.round(requests * perRequest / seconds).toLocaleString('en')} to ` +
            `${Math.round(stored / took).toLocaleString('en')} events/s, ${(requests / n).toFixed(1)} requests a commit`;
        rmSync(copy);
        await keep.stop();
    }
    await hub.stop();
    const ratio = spread(ratios);
    report('webhook intake, of what SQLite inserts', '0.7', ratio, ratio.median >= 0.7, detail);
    return spread(costs).median;
}

async function express(keep) {
    const port = await freePort();
    const program = new Program(process.execPath, [join(dirname(fileURLToPath(import.meta.url)), 'express-app.mjs'),
        String(port), urlOf(keep), secretOf(keep)], { env: { ...process.env, NODE_ENV: 'production' } });
    await program.line(/ready/);
    return { port, program };
}

// CPU microseconds a request, of all processes and of some.
async function cost(keep, port, pids, seconds, named = []) {
    const parts = named.map(({ pid }) => cpuNs([pid]));
    const before = cpuNs(pids);
    const { requests } = await send(keep, { port, seconds });
    const us = (ns) => ns / 1000 / requests;
    return { us: us(cpuNs(pids) - before), parts: Object.fromEntries(named.map(({ name, pid }, i) =>
        [name, us(cpuNs([pid]) - parts[i])])) };
}

export async function againstExpress(storeUs) {
    const hub = await emulator.start();
    const keep = await start({ hub });
    const { port, program } = await express(keep);
    const ours = () => cost(keep, publicPort(keep), family(keep.program.pid), isShort ? 2 : 4,
        children(keep.program.pid));
    const theirs = () => cost(keep, port, family(program.pid), isShort ? 2 : 4);
    await ours();
    await theirs();
    const all = await pairs(isShort ? 3 : 8, ours, theirs);
    const ratio = spread(all.map(({ ours, theirs }) => theirs.us / ours.us));
    const median = (of) => spread(all.map(of)).median;
    report('webhook intake, requests a CPU second', '1.5 x Express (aim 3)', ratio, ratio.median >= 1.5,
        `${median(({ ours }) => ours.us).toFixed(1)} us to ${median(({ theirs }) => theirs.us).toFixed(1)} us`);
    const { hmac_us, json_us, seal_us } = json('parts', 1);
    const of = (name) => median(({ ours }) => ours.parts[name]);
    const keeper = of('portkeep-keeper');
    console.log(`             parts, us a request of ${perRequest} events: http and its end of ipc ` +
        `${of('portkeep-front').toFixed(1)}; keeper ${keeper.toFixed(1)}, of that hmac ${hmac_us.toFixed(1)}, json and ` +
        `dedupe keys ${json_us.toFixed(1)}, seal ${seal_us.toFixed(1)}` + (storeUs === undefined ? '' :
        `, store ${storeUs.toFixed(1)} (what SQLite alone takes for the rows), ipc, rows, turns and the rest ` +
        `${(keeper - hmac_us - json_us - seal_us - storeUs).toFixed(1)}`));
    await program.stop();
    await keep.stop();
    await hub.stop();
}

// A thousand events a second, and a backend that takes them.
export async function sustained() {
    const hub = await emulator.start();
    const target = await targets.start();
    target.hook.answer = () => { target.hook.requests = []; return 200; };
    const keep = await start({ hub, target, batch: 10 });
    await send(keep, { seconds: 1, rate: 100 });
    const seconds = isShort ? 5 : 20;
    const backlog = [];
    let isOver = false;
    const watch = (async () => {
        while (!isOver) backlog.push((await standing(keep)).pending);
    })();
    const { requests, p50_us, p99_us } = await send(keep, { seconds, rate: 100 });
    isOver = true;
    await watch;
    const at = Math.floor(backlog.length / 2);
    const mean = (list) => list.reduce((sum, n) => sum + n, 0) / list.length;
    const [early, late] = [mean(backlog.slice(0, at)), mean(backlog.slice(at))];
    report('webhook intake at 1,000 events/s, p99 ms', '50', { median: p99_us / 1000 },
        p99_us < 50_000 && requests >= seconds * 99, `p50 ${(p50_us / 1000).toFixed(1)} ms, ${requests} requests`);
    const drained = performance.now();
    await until('the backlog is gone', async () => (await standing(keep)).pending === 0);
    report('undelivered meanwhile, mean of the second half', 'as the first, or a second\'s', { median: late },
        late <= Math.max(early * 1.5, 1000), `first half ${early.toFixed(0)}, gone ` +
        `${((performance.now() - drained) / 1000).toFixed(1)} s after the end`);
    await keep.stop();
    await target.stop();
    await hub.stop();
}

// The backend is away, and a million events wait for it.
export async function million() {
    const hub = await emulator.start();
    const keep = await start({ hub, events_max: '20GB' });
    const most = isShort ? 200_000 : 1_000_000;
    const pids = () => family(keep.program.pid);
    const speed = async () => (({ requests, seconds }) => requests / seconds)(await send(keep, { seconds: isShort ? 2 : 4 }));
    await speed();
    const [empty, emptyPss] = [[await speed(), await speed()], pssKb(pids())];
    while ((await standing(keep)).pending < most) await send(keep, { seconds: 5 });
    const [full, fullPss] = [[await speed(), await speed(), await speed()], pssKb(pids())];
    const { pending } = await standing(keep);
    const ratio = spread(full).median / spread(empty).median;
    report(`webhook intake with ${pending.toLocaleString('en')} undelivered, of that with none`, '0.8',
        { median: ratio }, ratio >= 0.8, `${Math.round(spread(empty).median)} to ${Math.round(spread(full).median)} requests/s`);
    const grown = (fullPss - emptyPss) / 1024;
    report('memory meanwhile, MB PSS more', '16', { median: grown }, grown < 16,
        `${(emptyPss / 1024).toFixed(0)} to ${(fullPss / 1024).toFixed(0)} MB`);
    await keep.stop();
    await hub.stop();
}

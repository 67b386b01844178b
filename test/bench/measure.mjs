// CPU time of processes, load, and what a series of pairs says.
import { execFile } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { promisify } from 'node:util';

const tick = 1000 / 100; // ms a clock tick: USER_HZ is 100 on Linux

function stat(pid) {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const rest = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return {
        parent: Number(rest[1]),
        // user and system, its own and that of children that have ended
        cpu_ms: [11, 12, 13, 14].reduce((sum, i) => sum + Number(rest[i]), 0) * tick,
    };
}

// A process and all below it.
export function family(pid) {
    const parents = new Map();
    for (const name of readdirSync('/proc'))
        if (/^\d+$/.test(name))
            try {
                parents.set(Number(name), stat(name).parent);
            } catch { /* it has just ended */ }
    const all = [pid];
    for (let i = 0; i < all.length; i++)
        for (const [one, parent] of parents) if (parent === all[i]) all.push(one);
    return all;
}

export const cpuMs = (pids) => pids.reduce((sum, pid) => sum + stat(pid).cpu_ms, 0);

// Nanoseconds that the scheduler gave: finer than clock ticks.
export const cpuNs = (pids) => pids.reduce((sum, pid) =>
    sum + Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]), 0);

export const pssKb = (pids) => pids.reduce((sum, pid) =>
    sum + Number(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
        .match(/^Pss: +(\d+) kB/m)[1]), 0);

// {requests, seconds, p50_us, p99_us}; throws when any answer was not 2xx.
export async function load(url, { seconds, connections = 64, headers = {}, script }) {
    const { stdout } = await promisify(execFile)('wrk', ['-t1', `-c${connections}`,
        `-d${seconds}s`, '--latency', ...(script ? ['-s', script] : []),
        ...Object.entries(headers).flatMap(([k, v]) => ['-H', `${k}: ${v}`]), url]);
    const bad = stdout.match(/Non-2xx.*|Socket errors:.*/);
    if (bad) throw new Error(`${url}: ${bad[0]}`);
    const us = (name) => {
        const [, value, unit] = stdout.match(new RegExp(`${name}%\\s+([\\d.]+)(us|ms|s)`));
        return Number(value) * { us: 1, ms: 1000, s: 1e6 }[unit];
    };
    return {
        requests: Number(stdout.match(/(\d+) requests in/)[1]),
        p50_us: us('50'), p99_us: us('99'),
    };
}

// CPU microseconds a request that these processes spent under that load.
export async function costOf(pids, url, options) {
    const before = cpuNs(pids);
    const { requests, ...rest } = await load(url, options);
    return { us: (cpuNs(pids) - before) / 1000 / requests, requests, ...rest };
}

const at = (sorted, share) => {
    const i = (sorted.length - 1) * share;
    const low = sorted[Math.floor(i)];
    return low + (sorted[Math.ceil(i)] - low) * (i % 1);
};

export function spread(values) {
    const sorted = values.toSorted((a, b) => a - b);
    return { low: at(sorted, 0.25), median: at(sorted, 0.5), high: at(sorted, 0.75) };
}

// Runs both sides `n` times, taking turns at going first.
export async function pairs(n, ours, theirs) {
    const all = [];
    for (let i = 0; i < n; i++) {
        const first = i % 2 === 0 ? await ours() : undefined;
        const other = await theirs();
        all.push({ ours: first ?? await ours(), theirs: other });
    }
    return all;
}

const rows = [];
export function report(what, bound, { median, low, high }, isReached, more = '') {
    const show = (value) => value.toLocaleString('en', { maximumFractionDigits: 2 });
    const range = low === undefined ? '' : ` (${show(low)} to ${show(high)})`;
    rows.push({ what, isReached });
    console.log(`${isReached ? 'reached    ' : 'not reached'}  ${what}: ` +
        `${show(median)}${range}, bound ${bound}${more && `; ${more}`}`);
}
export const allReached = () => rows.every((row) => row.isReached);

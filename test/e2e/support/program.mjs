// A program that runs, its lines as they come, and its end.
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { patience, until } from './place.mjs';

export class Program {
    constructor(path, args, options = {}) {
        this.name = basename(path);
        this.text = '';
        this.child = spawn(path, args, {
            stdio: ['ignore', 'pipe', 'pipe'],
            ...options,
        });
        this.pid = this.child.pid;
        this.child.stdout.on('data', (data) => (this.text += data));
        this.child.stderr.on('data', (data) => (this.text += data));
        this.ended = new Promise((resolve) => {
            this.child.on('error', (error) => resolve({ error }));
            this.child.on('close', (status, signal) => resolve({ status, signal }));
        });
        this.ended.then((how) => (this.end = how));
    }

    get lines() {
        return this.text.split('\n');
    }

    // The first line that matches, now or later; fails when it ends before.
    async line(pattern, within = patience) {
        return until(`${this.name} says ${pattern}`, () => {
            const match = this.text.match(pattern);
            if (!match && this.end)
                throw new Error(`${this.name} ended: ${JSON.stringify(this.end)}\n` +
                    this.text.slice(-4000));
            return match ?? undefined;
        }, within).catch((e) => {
            e.message += `\n--- ${this.name}\n${this.text.slice(-4000)}`;
            throw e;
        });
    }

    async stop(signal = 'SIGTERM', within = patience) {
        if (!this.end) this.child.kill(signal);
        return until(`${this.name} ends`, () => this.end, within).catch((e) => {
            this.child.kill('SIGKILL');
            e.message += `\n--- ${this.name}\n${this.text.slice(-4000)}`;
            throw e;
        });
    }
}

// Runs to the end: {status, signal, stdout, stderr, json}.
export function run(path, args, { input = '', env, cwd } = {}) {
    return new Promise((resolve, reject) => {
        const child = spawn(path, args, { stdio: 'pipe', env, cwd });
        const out = { stdout: '', stderr: '' };
        child.on('error', reject);
        child.stdin.on('error', () => {}); // it may end without reading
        child.stdin.end(input);
        child.stdout.on('data', (data) => (out.stdout += data));
        child.stderr.on('data', (data) => (out.stderr += data));
        child.on('close', (status, signal) => resolve({
            status, signal, ...out,
            get json() { return JSON.parse(out.stdout); },
        }));
    });
}

const stat = (pid) => {
    try {
        const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
        const rest = text.slice(text.lastIndexOf(')') + 2).split(' ');
        return { pid, state: rest[0], parent: Number(rest[1]) };
    } catch {
        return undefined;
    }
};

// The living children of a process: [{pid, name}], name from its arguments.
export function children(parent) {
    return readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .map((name) => stat(Number(name)))
        .filter((one) => one?.parent === parent && one.state !== 'Z')
        .map(({ pid }) => {
            let words = '';
            try {
                words = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
            } catch { /* it has just ended */ }
            return { pid, name: basename(words.split('\0')[0]) };
        });
}

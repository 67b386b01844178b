// A place for one test: a folder that goes away, waiting for a condition,
// and what must be closed at the end.
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
export const build = join(root, process.env.PORTKEEP_BUILD ?? 'build-asan');
// The ASan build is several times slower, and so are two suites at once.
export const patience = 20_000;

// Started by root, portkeep becomes this user, who must reach its files.
export const isRoot = process.getuid() === 0;
const nobody = 65534;

export function giveAway(path) {
    if (isRoot) chownSync(path, nobody, nobody);
}

export function folder() {
    const path = mkdtempSync(join(tmpdir(), 'portkeep-test-'));
    chmodSync(path, 0o755);
    const close = () => rmSync(path, { recursive: true, force: true });
    return { path, close };
}

export function folderIn(parent, name) {
    const path = join(parent, name);
    mkdirSync(path, { mode: 0o700 });
    giveAway(path);
    return path;
}

// Asks until the answer is neither false nor undefined, and returns it.
export async function until(what, ask, within = patience) {
    const end = Date.now() + within;
    let last;
    for (;;) {
        try {
            const answer = await ask();
            if (answer !== false && answer !== undefined && answer !== null)
                return answer;
        } catch (e) {
            last = e;
        }
        if (Date.now() > end)
            throw new Error(`waited ${within} ms in vain: ${what}`, { cause: last });
        await pause(20);
    }
}

// A port that nobody listens on; for the one address that must be known
// before its listener exists, since public_url names it.
export function freePort() {
    return new Promise((resolve, reject) => {
        const server = createServer().on('error', reject);
        server.listen(0, '127.0.0.1', () => {
            const { port } = server.address();
            server.close(() => resolve(port));
        });
    });
}

// Stops all that was started, whatever goes wrong with one of them.
export async function stopAll(...started) {
    const ends = [];
    for (const one of started)
        ends.push(await Promise.allSettled([one?.stop()]).then(([end]) => end));
    const bad = ends.find((end) => end.status === 'rejected');
    if (bad) throw bad.reason;
}

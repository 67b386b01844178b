// What the checks of this folder read: the source tree and the programs.
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
export const build = join(root, process.env.PORTKEEP_RELEASE ?? 'build');

export const run = (program, ...args) =>
    execFileSync(program, args, {
        cwd: root,
        encoding: 'utf8',
        maxBuffer: 1 << 26,
    });

export const read = (path) => readFileSync(join(root, path), 'utf8');

export function tracked(...patterns) {
    return run('git', 'ls-files', '-z', '--', ...patterns)
        .split('\0')
        .filter(Boolean);
}

export const sources = tracked('src/*.c', 'src/*.h');
export const testSources = tracked('test/*.c', 'test/*.h');
export const folders = readdirSync(join(root, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .filter((name) => sources.some((path) => path.startsWith(`src/${name}/`)));
export const folderOf = (path) => relative('src', path).split('/')[0];

// The code alone: comments and what stands between quotes become spaces, so
// that line numbers stay.
export function code(text) {
    const blank = (all) => all.replace(/[^\n]/g, ' ');
    return text.replace(
        /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g,
        blank,
    );
}

// Every match as "path:line: text".
export function findings(path, text, pattern) {
    const found = [];
    text.split('\n').forEach((line, i) => {
        const match = line.match(pattern);
        if (match) found.push(`${path}:${i + 1}: ${match[0].trim()}`);
    });
    return found;
}

// The house rules that a machine can judge, STYLE.md in numbers.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { basename } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import {
    code, findings, folderOf, folders, read, root, run, sources, testSources,
    tracked,
} from './tree.mjs';

const none = (found) => assert.deepEqual(found, []);

// Who may include whom, besides itself.
const child = ['child', 'sandbox', 'proto', 'ipc', 'hubspot', 'base'];
const arrows = {
    base: [],
    ipc: ['base'],
    proto: ['ipc', 'base'],
    http: ['base'],
    hubspot: ['base'],
    sandbox: ['base'],
    child: ['sandbox', 'proto', 'ipc', 'base'],
    front: [...child, 'http'],
    relay: [...child, 'http'],
    courier: [...child, 'http'],
    emulator: [...child, 'http'],
    keeper: child,
    parent: [...child, 'http', 'cli'],
    cli: [...child, 'http', 'parent'],
};

// Libraries that only some folders may touch.
const libraries = {
    'sqlite3.h': ['keeper'],
    'libpq-fe.h': ['keeper'],
    'openssl/': ['http', 'hubspot', 'front', 'relay', 'courier', 'emulator',
        'parent', 'cli'],
    'seccomp.h': ['sandbox'],
    'linux/landlock.h': ['sandbox'],
};

test('folders depend one way', () => {
    const wrong = [];
    for (const path of sources) {
        const from = folderOf(path);
        assert.ok(arrows[from], `src/${from} is not in the table of arrows`);
        for (const [, to] of read(path).matchAll(/^#include "([^"]+)"/gm)) {
            const folder = to.includes('/') ? to.split('/')[0] : '(no folder)';
            if (folder !== from && !arrows[from].includes(folder))
                wrong.push(`${path} includes ${to}`);
        }
    }
    none(wrong);
});

test('libraries stay where they belong', () => {
    const wrong = [];
    for (const path of sources)
        for (const [, name] of read(path).matchAll(/^#include <([^>]+)>/gm))
            for (const [library, allowed] of Object.entries(libraries))
                if (name.startsWith(library) && !allowed.includes(folderOf(path)))
                    wrong.push(`${path} includes ${name}`);
    none(wrong);
});

test('what a module shares inside stays inside', () => {
    const wrong = [];
    for (const path of sources)
        for (const [, to] of read(path).matchAll(/^#include "([^"]+_int\.h)"/gm)) {
            const module = basename(to).replace(/_int\.h$/, '');
            const folder = folderOf(path);
            if (to.split('/')[0] !== folder ||
                (module !== folder && !basename(path).startsWith(module)))
                wrong.push(`${path} includes ${to}`);
        }
    none(wrong);
});

test('no file is longer than 800 lines', () => {
    none([...sources, ...testSources].filter(
        (path) => read(path).split('\n').length > 801));
});

test('no function is longer than 100 lines or more complex than 15', () => {
    const wrong = [];
    const rows = run('pmccabe', ...sources).split('\n').filter(Boolean);
    assert.ok(rows.length > 100);
    for (const row of rows) {
        const [complexity, , , , lines, where, name] = row.split(/\t| (?=\S+$)/);
        if (Number(complexity) > 15 || Number(lines) > 100)
            wrong.push(`${where} ${name}: ${lines} lines, complexity ${complexity}`);
    }
    none(wrong);
});

test('banned names are not called', () => {
    const names = 'strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|sscanf|gets|' +
        'alloca|strncpy|strncat|system|popen|rand|srand|random|mktemp|tmpnam';
    none(sources.flatMap((path) => findings(path, code(read(path)),
        new RegExp(`(?<![\\w.>])(${names})\\s*\\(`))));
});

test('no goto, no typedef for structs, no file without a subject', () => {
    none(sources.flatMap((path) => findings(path, code(read(path)),
        /\bgoto\s+\w+;|\btypedef\s+(struct|enum|union)\s+\w*\s*(\{|\w+;)/)));
    none(sources.filter((path) =>
        /^(util|utils|misc|common|helpers?)\.[ch]$/.test(basename(path))));
});

test('no #if inside a function', () => {
    const wrong = [];
    for (const path of sources.filter((name) => name.endsWith('.c'))) {
        let isInside = false;
        read(path).split('\n').forEach((line, i) => {
            if (line === '{') isInside = true;
            if (line.startsWith('}')) isInside = false;
            if (isInside && /^\s*#\s*if/.test(line)) wrong.push(`${path}:${i + 1}`);
        });
    }
    none(wrong);
});

test('base, http, ipc, proto and hubspot never log', () => {
    const silent = sources.filter((path) =>
        ['base', 'http', 'ipc', 'proto', 'hubspot'].includes(folderOf(path)) &&
        !/^src\/base\/log\.[ch]$/.test(path));
    none(silent.flatMap((path) => findings(path, code(read(path)),
        /\blog_(error|warn|info|debug|write)\s*\(|\bfprintf\s*\(\s*stderr/)));
});

test('every header has its guard and opens with words', () => {
    const wrong = [];
    for (const path of sources.filter((name) => name.endsWith('.h'))) {
        const guard = path.slice('src/'.length).replace(/[/.]/g, '_').toUpperCase();
        const text = read(path);
        if (!text.startsWith(`#ifndef ${guard}\n#define ${guard}\n`))
            wrong.push(`${path}: no guard ${guard}`);
        // Forward declarations and the standard's headers may come before.
        if (!text.slice(0, text.search(/[{(]/)).includes('/*'))
            wrong.push(`${path}: no opening comment`);
    }
    none(wrong);
});

test('every header compiles alone', async () => {
    const packages = ['libevent_core', 'openssl', 'libsodium', 'sqlite3',
        'jansson', 'libseccomp'];
    const includes = run('pkg-config', '--cflags', ...packages)
        .trim().split(/\s+/).filter(Boolean);
    const wrong = [];
    const waiting = sources.filter((name) => name.endsWith('.h'));
    const worker = async () => {
        for (let path = waiting.pop(); path; path = waiting.pop())
            await promisify(execFile)('gcc', ['-std=c17', '-fsyntax-only', '-Wall',
                '-Wextra', '-Werror', '-D_POSIX_C_SOURCE=200809L', '-Isrc',
                ...includes, '-include', path, '-x', 'c', '/dev/null'],
                { cwd: root }).catch((e) => wrong.push(`${path}: ${e.stderr}`));
    };
    await Promise.all([worker(), worker()]);
    none(wrong);
});

test('every folder has a README of at most 30 lines that names each file', () => {
    const wrong = [];
    for (const folder of folders) {
        const path = `src/${folder}/README.md`;
        if (tracked(path).length === 0) {
            wrong.push(`${path} is missing`);
            continue;
        }
        const text = read(path);
        if (text.split('\n').length > 31) wrong.push(`${path} is too long`);
        for (const file of sources.filter((name) => folderOf(name) === folder)) {
            const stem = basename(file).replace(/\.[ch]$/, '');
            // A line for foo.c is for foo.h too.
            const names = ['.c', '.h', '.[ch]', ''].map((end) => `\`${stem}${end}`);
            if (!names.some((one) => text.includes(one)))
                wrong.push(`${path} does not name ${basename(file)}`);
        }
        const files = [...text.matchAll(/`(\w+)\.([ch])`/g)];
        for (const [, stem, end] of files)
            if (!sources.includes(`src/${folder}/${stem}.${end}`))
                wrong.push(`${path} names ${stem}.${end}, which is not there`);
    }
    none(wrong);
});

test('README and DESIGN name only files that are there', () => {
    const all = tracked();
    const wrong = [];
    for (const path of ['README.md', 'DESIGN.md'])
        for (const [, name] of read(path).matchAll(/`([\w./-]+\.(?:c|h|mjs|md|yaml|example))`/g))
            if (!all.some((one) => one === name || one.endsWith(`/${name}`)))
                wrong.push(`${path} names ${name}, which is not there`);
    none(wrong);
});

test('nothing is left for later', () => {
    const mark = new RegExp('\\b(TO' + 'DO|FIX' + 'ME|XX' + 'X|HA' + 'CK)\\b');
    const texts = tracked('*.c', '*.h', '*.mjs', '*.sh', '*.md', '*.build',
        'Makefile', 'conf', 'test/run', 'test/lint');
    none(texts.filter((path) => path !== 'STYLE.md')
        .flatMap((path) => findings(path, read(path), mark)));
});

test('nothing names a machine', () => {
    const path = new RegExp('(^|[\\s"\'`(=])/(work|root|farm|home/\\w+)/|' +
        '"resol' + 'ved":');
    const texts = tracked().filter((name) => !name.startsWith('test/fuzz/corpus/'));
    none(texts.flatMap((name) => findings(name, read(name), path)));
});

test('limits stand in one place', () => {
    none(sources.filter((path) => path !== 'src/base/limits.h')
        .flatMap((path) => findings(path, read(path),
            /^#define (LIMIT|DEADLINE)_\w+/)));
});

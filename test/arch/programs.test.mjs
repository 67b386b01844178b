// The release programs as they lie on disk: what each is linked with, and
// whether the compiler's and the linker's hardening is really in them.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { build, code, folderOf, read, run, sources } from './tree.mjs';

const programs = ['portkeep', 'portkeep-front', 'portkeep-relay',
    'portkeep-keeper', 'portkeep-courier', 'portkeep-emulator'];
const path = (name) => join(build, name);

const symbols = (name) => new Set(run('nm', path(name)).split('\n')
    .map((line) => line.trim().split(/\s+/).at(-1).replace(/[.@].*/, '')));
const libraries = (name) => [...run('ldd', path(name))
    .matchAll(/^\s*(lib[\w+-]+(?:\.\d+)*?)[.\-]so|^\s*(lib[\w.+-]+)\.so/gm)]
    .map(([, a, b]) => a ?? b);

// The functions that a folder's headers declare, and no other folder names:
// two programs may each have a do_status of their own.
function declared(folder) {
    const [ours, others] = [[], []];
    for (const file of sources)
        (folderOf(file) === folder ? ours : others).push(file);
    const elsewhere = new Set(others.flatMap((file) => code(read(file)).match(/\w+/g)));
    const names = ours.filter((file) => file.endsWith('.h'))
        .flatMap((file) => [...code(read(file)).replace(/^#.*$/gm, '')
            .matchAll(/\b([a-z]\w+)\s*\(/g)].map(([, name]) => name));
    return new Set(names.filter((name) => name.startsWith(`${folder}_`) ||
        !elsewhere.has(name)));
}

const shared = (a, b) => [...a].filter((name) => b.has(name));

before(() => {
    for (const name of programs)
        assert.ok(existsSync(path(name)), `${path(name)} is not built`);
});

const noDatabase = ['portkeep-front', 'portkeep-relay', 'portkeep-courier',
    'portkeep-emulator', 'portkeep'];

for (const name of noDatabase)
    test(`${name} knows no database and no keeper`, () => {
        const has = symbols(name);
        assert.deepEqual(
            libraries(name).filter((one) => /sqlite|libpq/.test(one)), []);
        assert.deepEqual(
            [...has].filter((one) => /^(sqlite3_|PQ[a-z])/.test(one)), []);
        const keeper = shared(declared('keeper'), has);
        assert.deepEqual(keeper, []);
    });

test('portkeep-keeper speaks no HTTP and no TLS', () => {
    const has = symbols('portkeep-keeper');
    assert.deepEqual(libraries('portkeep-keeper').filter(
        (one) => /ssl|libcrypto|curl|nghttp/.test(one)), []);
    assert.deepEqual([...has].filter((one) => /^(SSL_|EVP_|X509_)/.test(one)), []);
    assert.deepEqual([...has].filter((one) => one.startsWith('http_')), []);
});

test('the checks above can see what they look for', () => {
    const keeper = symbols('portkeep-keeper');
    const relay = symbols('portkeep-relay');
    assert.ok(shared(declared('keeper'), keeper).length >= 20);
    assert.ok([...keeper].some((one) => one.startsWith('sqlite3_')));
    assert.ok(libraries('portkeep-keeper').some((one) => /sqlite/.test(one)));
    assert.ok([...relay].filter((one) => one.startsWith('http_')).length >= 5);
    assert.ok(libraries('portkeep-relay').some((one) => /libssl/.test(one)));
});

for (const name of programs)
    describe(name, () => {
        const elf = (...flags) => run('readelf', '-W', ...flags, path(name));

        test('is position independent and relocates before it runs', () => {
            assert.match(elf('-h'), /Type:\s+DYN/);
            const dynamic = elf('-d');
            assert.match(dynamic, /FLAGS_1\).*\bNOW\b.*\bPIE\b/);
            assert.doesNotMatch(dynamic, /TEXTREL|RPATH|RUNPATH/);
            assert.match(elf('-l'), /GNU_RELRO/);
        });

        test('has no executable stack and no writable code', () => {
            const segments = elf('-l').split('\n');
            const flags = (kind) => segments
                .filter((line) => line.trim().startsWith(kind))
                .map((line) => line.match(/0x\w+ 0x\w+ ([R ][W ][E ]) /)[1]);
            assert.deepEqual(flags('GNU_STACK'), ['RW ']);
            assert.ok(flags('LOAD').length > 2);
            assert.deepEqual(flags('LOAD').filter((f) => /W.*E/.test(f)), []);
        });

        test('guards its stack and its copies, and marks its branches', () => {
            const has = symbols(name);
            assert.ok(has.has('__stack_chk_fail'));
            assert.ok([...has].some((one) => /^__\w+_chk$/.test(one) &&
                one !== '__stack_chk_fail'), 'no fortified call');
            // Debian's own start files have no CET note, so the linked program
            // has none; its functions are marked all the same.
            const marks = run('objdump', '-d', '--no-show-raw-insn', path(name))
                .match(/\bendbr64\b/g);
            assert.ok(marks?.length > 10, `${marks?.length} marked branch targets`);
        });
    });

test('docs/messages.md says what the programs send', () => {
    assert.equal(run(path('portkeep'), 'help', '--messages'), read('docs/messages.md'));
});

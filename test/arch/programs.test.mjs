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

// The functions that a folder's headers declare.
function declared(folder) {
    const names = sources
        .filter((file) => folderOf(file) === folder && file.endsWith('.h'))
        .flatMap((file) => [...code(read(file)).replace(/^#.*$/gm, '')
            .matchAll(/\b([a-z]\w+)\s*\(/g)].map(([, name]) => name));
    return new Set(names.filter((name) => !name.startsWith('__')));
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
        // The command line makes a key file itself: vault_file.c alone.
        const keeper = shared(declared('keeper'), has).filter(
            (one) => name !== 'portkeep' || one !== 'vault_add_master_key');
        assert.deepEqual(keeper, []);
    });

test('portkeep-keeper speaks no HTTP and no TLS', () => {
    const has = symbols('portkeep-keeper');
    assert.deepEqual(libraries('portkeep-keeper').filter(
        (one) => /ssl|libcrypto|curl|nghttp/.test(one)), []);
    assert.deepEqual([...has].filter((one) => /^(SSL_|EVP_|X509_)/.test(one)), []);
    assert.deepEqual(shared(declared('http'), has), []);
});

test('the checks above can see what they look for', () => {
    const keeper = symbols('portkeep-keeper');
    const relay = symbols('portkeep-relay');
    assert.ok(shared(declared('keeper'), keeper).length >= 20);
    assert.ok([...keeper].some((one) => one.startsWith('sqlite3_')));
    assert.ok(libraries('portkeep-keeper').some((one) => /sqlite/.test(one)));
    assert.ok(shared(declared('http'), relay).length >= 10);
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
            assert.match(elf('-n'), /x86 feature:.*IBT.*SHSTK/);
        });
    });

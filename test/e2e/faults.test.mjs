// A wrong configuration, a database or a master key in trouble: a clear
// sentence and no start, and nothing is lost.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync, closeSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import * as emulator from './support/emulator.mjs';
import * as portkeep from './support/keep.mjs';
import { isRoot, stopAll, until } from './support/place.mjs';

// A value that cannot be right, for every key there is.  Relative paths are
// good (from the configuration's folder), and an empty value is the default.
const wrong = {
    'server public_url': ['http://keep.example.com', 'https://a.example/path', 'ftp://x', ''],
    'server public_listen': ['here', '127.0.0.1', '127.0.0.1:99999', '300.1.1.1:80'],
    'server private_listen': ['here', '127.0.0.1:-1'],
    'server admin_socket': [`/${'x'.repeat(200)}.sock`],
    'server revocation_max': ['5', 'soon', '-1s', '99h'],
    'server tls_cert': ['relative.pem'],
    'server tls_key': ['BEGIN PRIVATE KEY', '/not/a/file:prefix'],
    'server user': ['two words'],
    'server log_level': ['loud'],
    'store url': ['mysql://x', 'sqlite:', 'portkeep.db'],
    'store password': ['hunter2'],
    'store master_key': ['c2VjcmV0'],
    'hubspot api_url': ['api.hubapi.com', 'http://api.hubapi.com', 'https://x/y?z'],
    'hubspot authorize_url': ['app.hubspot.com', 'javascript:alert(1)'],
    'hubspot oauth_version': ['v1', '2026-04'],
    'hubspot ca_file': ['nothing/there.pem'],
    'app type': ['oauth2'],
    'app name': ['x'.repeat(200)],
    'app support_url': ['support'],
    'app privacy_url': ['javascript:alert(1)'],
    'app client_id': ['', 'two words'],
    'app client_secret': ['s3cret', ''],
    'app client_secret_previous': ['s3cret'],
    'app scopes': [''],
    'app optional_scopes': ['two,words'],
    'app conditional_scopes': ['crm.objects.contacts.read'],
    'app return_to': ['/relative', 'http://evil.example/x'],
    'app sign_in_url': ['sign-in'],
    'app marketplace': ['maybe'],
    'app erase_gone_after': ['7', 'never'],
    'app keep_user_email': ['perhaps'],
    'app webhook_target': ['hook', 'http://example.com/x'],
    'app webhook_secret': ['whsec_abc'],
    'app webhook_url': ['/hook'],
    'app webhook_signatures': ['v4'],
    'app events_from': ['pull'],
    'app webhook_secret_previous': ['whsec_abc'],
    'app webhook_batch': ['0', '101', 'many'],
    'app erase_grace': ['7', '-1d', '999d'],
    'store events_keep': ['forever', '30'],
    'store events_max': ['2', '10XB', '-1GB'],
    'hubspot journal_hosts': ['https://files.example.com', '*'],
};

describe('portkeep check', () => {
    let keep;
    before(async () => { keep = await portkeep.prepare(); });
    after(() => keep.stop());
    afterEach(() => keep.writeConfig());

    const check = (expect) => keep.cli('check', { expect });
    const lineOf = (text) => readFileSync(keep.config, 'utf8').split('\n')
        .findIndex((line) => line.startsWith(text)) + 1;

    test('finds nothing in a good configuration', () => check(0));

    test('the table above has every key', async () => {
        const { stdout } = await keep.cli('help', 'config');
        for (const name of Object.keys(wrong)) {
            const [, key] = name.split(' ');
            assert.match(stdout, new RegExp(`\\b${key}\\b`));
        }
        const keys = [...stdout.matchAll(/^ {0,4}([a-z][a-z_]+)\b/gm)]
            .map(([, key]) => key).filter((key) => key.includes('_'));
        for (const key of keys)
            assert.ok(Object.keys(wrong).some((name) => name.endsWith(` ${key}`)), key);
    });

    for (const [name, values] of Object.entries(wrong))
        for (const value of values)
            test(`refuses ${name} = ${value.slice(0, 30)}`, async () => {
                const [section, key] = name.split(' ');
                const where = section === 'app' ? 'app crm-sync' : section;
                const before = keep.sections[where];
                keep.sections[where] = { ...before, [key]: value };
                keep.writeConfig();
                keep.sections[where] = before;
                const { stdout, stderr } = await check(1);
                const text = stdout + stderr;
                // The key's line; the section's for what is missing; none for
                // files that it names.
                const lines = [lineOf(`${key} =`), lineOf(`[${where}]`), ''];
                assert.ok(lines.some((line) => text.includes(`portkeep.conf:${line}`)), text);
                assert.match(text, new RegExp(key), text);
            });

    for (const [what, text, pattern] of [
        ['an unknown key, with the nearest one', '[server]\npublic_ulr = x\n', /public_url/],
        ['an unknown section', '[sever]\nx = y\n', /server/],
        ['a key twice', '[hubspot]\noauth_version = v3\noauth_version = v3\n', /oauth_version/],
        ['a key before any section', 'public_url = https://x.example\n', /section/],
        ['a line that is neither key nor section', '[server]\nnonsense\n', /:2/],
        ['a line over the limit', `[server]\npublic_url = ${'x'.repeat(5000)}\n`, /:2/],
        ['a NUL byte', '[server]\npublic_url = a\0b\n', /:2/],
        ['an app name that does not fit a URL', '[app Crm Sync]\n', /:1/],
        ['a password in the database URL', '[store]\nurl = postgresql://u:p@h/d\n', /password/],
    ])
        test(`refuses ${what}`, async () => {
            writeFileSync(keep.config, text);
            const answer = await check(1);
            assert.match(answer.stdout + answer.stderr, pattern);
        });

    test('says all that is wrong, not the first thing only', async () => {
        writeFileSync(keep.config, '[server]\nbad_one = 1\nbad_two = 2\n');
        const answer = await check(1);
        for (const name of [/bad_one/, /bad_two/, /public_url/])
            assert.match(answer.stdout + answer.stderr, name);
    });

    test('refuses a secret file that is not there, or that others can read', async () => {
        const path = keep.sections['app crm-sync'].client_secret.slice('file:'.length);
        chmodSync(path, 0o644);
        assert.match((await check(1)).stdout, /chmod 600/i);
        chmodSync(path, 0o600);
        renameSync(path, `${path}.away`);
        assert.match((await check(1)).stdout, /no such|not there|exist/i);
        renameSync(`${path}.away`, path);
        await check(0);
    });

    test('an environment variable overrides, and may be wrong too', async () => {
        const answer = await keep.cli('check', {
            expect: 1,
            env: {
                PATH: process.env.PATH, PORTKEEP_CONFIG: keep.config,
                PORTKEEP_SERVER_REVOCATION_MAX: 'soon',
            },
        });
        assert.match(answer.stdout + answer.stderr, /REVOCATION_MAX|revocation_max/i);
    });

    test('serve refuses the same, and starts nothing', async () => {
        writeFileSync(keep.config, '[server]\nbad = 1\n');
        const program = keep.serve();
        const { status } = await program.ended;
        assert.equal(status, 1);
        assert.match(program.text, /portkeep\.conf:2/);
    });
});

describe('a start', () => {
    let hub, keep;
    beforeEach(async () => {
        hub = await emulator.start();
        keep = await portkeep.start({ hub });
        await keep.connect('crm-sync', 1001);
        await keep.program.stop();
    });
    afterEach(async () => {
        await stopAll(keep, hub);
    });

    // It must end with a sentence, and start again once it is mended.
    async function refuses(pattern) {
        const program = keep.serve();
        const end = await until('it gives up', () => program.end);
        assert.notEqual(end.status, 0);
        assert.match(program.text, pattern);
    }
    async function startsAgain() {
        await keep.ready();
        assert.equal((await keep.token('crm-sync', 1001)).status, 200);
    }

    test('with a database that another process holds', async () => {
        const other = await portkeep.prepare({ hub });
        other.sections = structuredClone(keep.sections);
        other.sections.server.admin_socket = other.admin;
        other.sections.server.public_listen = '127.0.0.1:0';
        other.writeConfig();
        await keep.ready();
        const program = other.serve();
        const end = await until('it gives up', () => program.end);
        assert.notEqual(end.status, 0);
        assert.match(program.text, /data.*another portkeep/i);
        assert.equal((await keep.token('crm-sync', 1001)).status, 200);
        await other.stop();
    });

    test('with a database that another program has locked', async () => {
        const other = spawn('sqlite3', [keep.database],
            { stdio: ['pipe', 'pipe', 'inherit'] });
        other.stdin.write('BEGIN EXCLUSIVE; SELECT 1;\n');
        try {
            await once(other.stdout, 'data');
            await refuses(/locked|busy|in use/i);
        } finally {
            other.kill();
        }
        await startsAgain();
    });

    test('with a database of a newer portkeep', async () => {
        execFileSync('sqlite3', [keep.database, 'PRAGMA user_version=999']);
        await refuses(/newer/i);
    });

    test('with a database that is another program\'s', async () => {
        execFileSync('sqlite3', [keep.database, 'PRAGMA application_id=1']);
        await refuses(/portkeep\.db/);
    });

    test('with a file that is no database', async () => {
        const right = readFileSync(keep.database);
        writeFileSync(keep.database, 'This is not a database. '.repeat(500));
        await refuses(/not a database|no database/i);
        writeFileSync(keep.database, right);
        await startsAgain();
    });

    test('with a database whose pages are corrupt', async () => {
        const right = readFileSync(keep.database);
        const fd = openSync(keep.database, 'r+');
        for (let at = 4096; at < statSync(keep.database).size; at += 4096)
            writeSync(fd, Buffer.alloc(100, 0xff), 0, 100, at);
        closeSync(fd);
        await refuses(/corrupt|damaged|malformed/i);
        writeFileSync(keep.database, right);
        await startsAgain();
    });

    test('with a database that cannot be written', async (t) => {
        if (isRoot) {
            chownSync(keep.database, 0, 0);
            chmodSync(keep.database, 0o644);
        } else chmodSync(keep.database, 0o444);
        await refuses(/read-?only|written|permission|owner/i);
        if (isRoot) chownSync(keep.database, 65534, 65534);
        chmodSync(keep.database, 0o600);
        await startsAgain();
    });

    for (const [what, text, mode, pattern] of [
        ['that is not there', undefined, 0o600, /master\.key/],
        ['that is empty', '', 0o600, /key/],
        ['that does not parse', 'id not-base64!\n', 0o600, /line 1|:1/],
        ['that is too short', `id ${Buffer.alloc(16).toString('base64')}\n`, 0o600, /32|line 1|:1/],
        ['that its group can read', 'same', 0o640, /chmod 600/i],
        ['that all can read', 'same', 0o604, /chmod 600/i],
        ['with one id twice', 'twice', 0o600, /line 2.*earlier/i],
    ])
        test(`with a master key file ${what}`, async () => {
            const right = readFileSync(keep.masterKey, 'utf8');
            rmSync(keep.masterKey);
            const texts = { same: right, twice: right + right };
            if (text !== undefined) keep.file('master.key', texts[text] ?? text, mode);
            if (text !== undefined) chmodSync(keep.masterKey, mode);
            await refuses(pattern);
            rmSync(keep.masterKey, { force: true });
            keep.file('master.key', right);
            await startsAgain();
        });

    test('with a master key file that is a link or a folder', async () => {
        renameSync(keep.masterKey, `${keep.masterKey}.away`);
        mkdirSync(keep.masterKey);
        await refuses(/regular file|folder|directory/i);
        rmSync(keep.masterKey, { recursive: true });
        renameSync(`${keep.masterKey}.away`, keep.masterKey);
        await startsAgain();
    });

    test('on an address that is taken', async () => {
        await keep.ready();
        const other = await portkeep.prepare({ hub });
        other.sections.server.public_listen = keep.sections.server.public_listen;
        other.writeConfig();
        const program = other.serve();
        assert.notEqual((await program.ended).status, 0);
        assert.match(program.text, /in use/i);
        await other.stop();
    });
});

test('a full disk refuses what needs it, keeps what is there, and recovers', {
    skip: !isRoot && 'mounting a small disk needs root',
}, async () => {
    const hub = await emulator.start();
    const keep = await portkeep.prepare({ hub });
    const mount = spawnSync('mount', ['-t', 'tmpfs', '-o',
        'size=2m,uid=65534,gid=65534,mode=0700', 'tmpfs', keep.data]);
    assert.equal(mount.status, 0, String(mount.stderr));
    try {
        await keep.ready();
        await keep.connect('crm-sync', 1001);
        const filler = join(keep.data, 'filler');
        const fd = openSync(filler, 'w');
        try {
            for (;;) writeSync(fd, Buffer.alloc(4096));
        } catch (e) {
            assert.equal(e.code, 'ENOSPC');
        }
        closeSync(fd);
        await until('a commit fails', async () => {
            const answer = await keep.api('POST', '/v1/apps/crm-sync/connect-sessions',
                { body: { ref: 'x'.repeat(200) } });
            return answer.status >= 500 && /problem\+json/.test(answer.headers.get('content-type'));
        });
        await until('the log says so', () => / error .*(full|space)/i.test(keep.log));
        rmSync(filler);
        if (keep.program.end) await keep.ready();
        await until('it works again', async () =>
            (await keep.token('crm-sync', 1001)).status === 200);
        await keep.connect('crm-sync', 1002);
        await keep.cli('audit', 'verify');
        await keep.program.stop();
    } finally {
        keep.program.child.kill('SIGKILL');
        spawnSync('umount', ['-l', keep.data]);
        await keep.stop();
        await hub.stop();
    }
});

test('with HubSpot unreachable it starts, serves and says so', async () => {
    const keep = await portkeep.start({});
    assert.equal((await fetch(`${keep.public}/healthz`)).status, 200);
    const key = await keep.master();
    assert.equal((await keep.token('crm-sync', 1001, { key })).status, 404);
    await keep.stop();
});

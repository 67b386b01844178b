// Backup and restore, export and import: nobody is locked in, and what was
// erased stays erased.
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as emulator from './support/emulator.mjs';
import * as portkeep from './support/keep.mjs';
import { stopAll, until } from './support/place.mjs';
import { setImmediate as nextTurn } from 'node:timers/promises';

let hub, keep;
before(async () => {
    hub = await emulator.start();
    keep = await portkeep.start({ hub });
    for (const portal of [1001, 1002]) await keep.connect('crm-sync', portal);
});
after(async () => {
    await stopAll(keep, hub);
});

describe('a backup', () => {
    const file = () => join(keep.dir, 'copy');

    test('is made while serving: two files that only the owner reads', async () => {
        await keep.cli('backup', file());
        for (const path of [file(), `${file()}.keys`])
            assert.equal(statSync(path).mode & 0o777, 0o600);
        assert.equal((await keep.token('crm-sync', 1001)).status, 200);
    });

    test('of which the keeper is killed leaves nothing behind', async () => {
        for (let i = 0; i < 600; i++)
            await keep.api('POST', '/v1/apps/crm-sync/connect-sessions', { body: { ref: `r${i}` } });
        const left = () => readdirSync(keep.data).filter((name) => name.startsWith('backup-'));
        const asked = keep.cli('backup', join(keep.dir, 'never'), { expect: undefined });
        while (left().length === 0) await nextTurn();
        process.kill(keep.pid('keeper'), 'SIGKILL');
        await asked;
        assert.ok(left().length > 0, 'it was killed in the middle');
        await keep.program.stop();
        await keep.ready();
        await until('they are gone', () => left().length === 0);
        assert.match(keep.log, / warn backup\.removed file=/);
    });

    test('does not overwrite one that is there', async () => {
        const before = readFileSync(file());
        await keep.cli('backup', file(), { expect: 1 });
        assert.deepEqual(readFileSync(file()), before);
    });

    test('has neither master key nor any token in the clear', async () => {
        const key = readFileSync(keep.masterKey, 'utf8').split(/\s+/)[1];
        const all = Buffer.concat([readFileSync(file()), readFileSync(`${file()}.keys`)]);
        assert.ok(!all.includes(Buffer.from(key, 'base64')));
        for (const secret of keep.secrets) assert.ok(!all.includes(secret));
    });

    test('is restored with both files, less what was erased since', async () => {
        await keep.api('DELETE', '/v1/apps/crm-sync/portals/1002');
        await keep.program.stop();
        for (const name of readdirSync(keep.data).filter((one) => /\.db/.test(one)))
            rmSync(join(keep.data, name));
        await keep.cli('restore', file());
        await keep.ready();
        assert.equal((await keep.token('crm-sync', 1001)).status, 200);
        assert.equal((await keep.token('crm-sync', 1002)).status, 404,
            'erased after the backup, so erased in it');
    });

    test('is in the audit log as restored, once', async () => {
        const restores = async () => (await keep.cli('audit', 'list', '--json')).json
            .entries.filter(({ kind }) => kind === 'restore');
        const [first, ...more] = await restores();
        assert.match(first.detail, /1 grants of the erasure list/);
        assert.deepEqual(more, []);
        await keep.cli('audit', 'verify');
        await keep.program.stop();
        await keep.ready();
        assert.equal((await restores()).length, 1);
    });

    test('is not restored over a database, nor without its keys', async () => {
        await keep.program.stop();
        await keep.cli('restore', file(), { expect: 1 });
        copyFileSync(file(), join(keep.dir, 'alone'));
        await keep.cli('restore', join(keep.dir, 'alone'), { expect: 1 });
        await keep.ready();
        assert.equal((await keep.token('crm-sync', 1001)).status, 200);
    });
});

describe('export and import', () => {
    const file = () => join(keep.dir, 'everything.jsonl');

    test('with tokens go into a file that only the owner reads, audited', async () => {
        await keep.cli('portals', 'export', '--all', '--with-tokens', file());
        assert.equal(statSync(file()).mode & 0o777, 0o600);
        for (const [, token] of readFileSync(file(), 'utf8')
            .matchAll(/"refresh_token": ?"([^"]+)"/g)) keep.secrets.add(token);
        const { stdout } = await keep.cli('audit', 'list', '--json');
        assert.match(stdout, /export/);
    });

    test('give another portkeep the same portals', async () => {
        const other = await portkeep.start({ hub });
        other.sections['app crm-sync'].client_secret =
            keep.sections['app crm-sync'].client_secret;
        const answer = await other.cli('portals', 'import', file());
        assert.match(answer.stdout, /1001/);
        assert.equal((await other.token('crm-sync', 1001)).status, 200);
        await other.stop();
    });

    test('report row by row, and one bad row costs only itself', async () => {
        const good = readFileSync(file(), 'utf8').trim().split('\n')[0];
        const rows = keep.file('rows.jsonl', [
            good,
            JSON.stringify({ app: 'crm-sync', portal: 4711, refresh_token: 'na1-unknown' }),
            '{"broken":',
        ].join('\n') + '\n');
        const answer = await keep.cli('portals', 'import', rows, '--app', 'crm-sync', { expect: 1 });
        const text = answer.stdout + answer.stderr;
        assert.match(text, /1001/);
        assert.match(text, /4711|line 2|row 2/);
        assert.match(text, /3/);
        assert.ok(!text.includes('na1-unknown'), 'no token is printed');
    });

    test('CSV is read too', async () => {
        const row = JSON.parse(readFileSync(file(), 'utf8').split('\n')[0]);
        const rows = keep.file('rows.csv',
            `portal,refresh_token,ref\n${row.portal},${row.refresh_token},"tenant, one"\n`);
        await keep.cli('portals', 'import', rows, '--app', 'crm-sync');
        assert.equal((await keep.portal('crm-sync', row.portal)).json.ref, 'tenant, one');
    });
});

describe('a database that is not there', () => {
    let lost;
    before(async () => {
        lost = await portkeep.start({ hub });
    });
    after(() => stopAll(lost));

    test('is made on a first start, which is said', async () => {
        await lost.program.line(/info store\.new master_key=/);
    });

    test('is missed loudly where something shows that there was one', async () => {
        await lost.connect('crm-sync', 1003);
        await lost.api('DELETE', '/v1/apps/crm-sync/portals/1003');
        await lost.program.stop();
        for (const name of readdirSync(lost.data).filter((one) => /\.db/.test(one)))
            rmSync(join(lost.data, name));
        await lost.ready();
        await lost.program.line(/error store\.new sign="the erasure list names grants"/);
    });
});

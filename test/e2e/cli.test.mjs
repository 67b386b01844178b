// The command line: exit statuses, --json, and words that help.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as emulator from './support/emulator.mjs';
import * as portkeep from './support/keep.mjs';
import { build, folder, stopAll } from './support/place.mjs';
import { run } from './support/program.mjs';

const program = join(build, 'portkeep');

describe('with a running service', () => {
    let hub, keep;
    before(async () => {
        hub = await emulator.start();
        keep = await portkeep.start({ hub });
        await keep.connect('crm-sync', 1001);
    });
    after(async () => {
        await stopAll(keep, hub);
    });

    test('status tells of processes, grants and the key in use', async () => {
        const { json, stdout } = await keep.cli('status', '--json');
        for (const word of ['front', 'relay', 'keeper', 'courier', 'active', '20261124-test'])
            assert.ok(stdout.includes(word), `${word} in ${stdout}`);
        assert.equal(typeof json, 'object');
        await keep.cli('status');
    });

    test('connect prints a link that works', async () => {
        const { stdout } = await keep.cli('connect', 'crm-sync', '--ref', 'by-hand');
        const [url] = stdout.match(/http:\/\/localhost:\d+\/connect\/\S+/);
        const answer = await fetch(url, { redirect: 'manual' });
        assert.equal(answer.status, 303);
        keep.secrets.add(new URL(url).searchParams.get('session'));
    });

    test('token prints a token and nothing else', async () => {
        const { stdout } = await keep.cli('token', 'crm-sync', '1001');
        const token = stdout.trim();
        assert.doesNotMatch(token, /\s/);
        keep.secrets.add(token);
        const answer = await fetch(`${hub.url}/account-info/v3/details`,
            { headers: { authorization: `Bearer ${token}` } });
        assert.equal(answer.status, 200);
    });

    test('api makes a call through the relay', async () => {
        const { json } = await keep.cli('api', 'crm-sync', '1001', 'GET',
            '/account-info/v3/details');
        assert.equal(json.portalId, 1001);
        const made = await keep.cli('api', 'crm-sync', '1001', 'POST',
            '/crm/v3/objects/contacts', '{"properties":{"email":"cli@example.com"}}');
        assert.equal(made.json.properties.email, 'cli@example.com');
        await keep.cli('api', 'crm-sync', '1001', 'GET', '/crm/v3/objects/contacts/0',
            { expect: 1 });
    });

    test('portals lists and shows, as table and as JSON', async () => {
        for (const words of [['portals'], ['portals', 'list'],
            ['portals', 'show', 'crm-sync', '1001']]) {
            assert.match((await keep.cli(...words)).stdout, /1001/);
            assert.ok(JSON.stringify((await keep.cli(...words, '--json')).json).includes('1001'));
        }
    });

    test('urls says what to register', async () => {
        const { stdout } = await keep.cli('urls', 'crm-sync');
        assert.ok(stdout.includes(`${keep.public}/oauth/crm-sync/callback`));
    });

    test('reload takes up a new app, and refuses a broken file whole', async () => {
        keep.sections['app second'] = keep.app('second',
            { client_id: '99999999-2222-3333-4444-555555555555' });
        keep.writeConfig();
        await keep.cli('reload');
        // The answer to the reload comes when the new front has taken over.
        const works = async () => (await fetch(await keep.session('second'),
            { redirect: 'manual' })).status === 303;
        assert.ok(await works());
        keep.sections['app second'].scopes = '';
        keep.writeConfig();
        const refused = await keep.cli('reload', { expect: 1 });
        assert.match(refused.stderr, /scopes/);
        assert.ok(await works());
        const { scopes } = portkeep;
        Object.assign(keep.sections['app second'], { scopes });
        keep.writeConfig();
        keep.file('second.secret', 'one\ntwo\n');
        const two = await keep.cli('reload', { expect: 1 });
        assert.match(two.stderr, /second\.secret: holds more than one line/);
        delete keep.sections['app second'];
        keep.writeConfig();
        await keep.cli('reload');
        assert.equal((await keep.token('crm-sync', 1001)).status, 200);
    });

    for (const [what, words] of Object.entries({
        'an app that is not there': ['token', 'nobody', '1001'],
        'a portal that is not connected': ['token', 'crm-sync', '4711'],
        'a key that is not there': ['keys', 'revoke', 'nothing'],
    }))
        test(`${what} is status 1 and a sentence`, async () => {
            const { stderr, stdout } = await keep.cli(...words, { expect: 1 });
            assert.ok(stderr.trim().length > 20, stderr);
            assert.equal(stdout, '');
        });

    test('a portal that is no number is wrong usage or a refusal', async () => {
        const answer = await keep.cli('token', 'crm-sync', 'abc', { expect: undefined });
        assert.ok([1, 2].includes(answer.status));
        assert.match(answer.stderr, /portal|abc/);
    });
});

describe('without a service', () => {
    let keep;
    before(async () => { keep = await portkeep.prepare(); });
    after(() => keep.stop());

    test('a client secret of two lines is refused by check and by serve', async () => {
        const other = await portkeep.prepare();
        other.file('crm-sync.secret', 'planted-new\nplanted-old\n');
        const reason = /client_secret: \S*crm-sync\.secret: holds more than one line/;
        const { stdout } = await other.cli('check', { expect: 1 });
        assert.match(stdout, reason);
        await other.serve().line(reason);
        assert.equal((await other.program.ended).status, 1);
        assert.ok(!(stdout + other.log).includes('planted-'));
        await other.stop();
    });

    for (const words of [['status'], ['portals'], ['token', 'crm-sync', '1001'],
        ['keys', 'list'], ['audit', 'verify'], ['reload']])
        test(`${words.join(' ')} is status 3 and says what to do`, async () => {
            const { stderr } = await keep.cli(...words, { expect: 3 });
            assert.match(stderr, /serve|running/);
        });

    for (const words of [[], ['tokne'], ['token'], ['token', 'a', 'b', 'c'],
        ['status', '--jsno'], ['portals', 'shwo', 'x', '1'], ['connect']])
        test(`\`portkeep ${words.join(' ')}\` is wrong usage`, async () => {
            const { stderr, stdout } = await keep.cli(...words,
                { expect: 2 });
            assert.ok((stderr + stdout).length > 20);
        });

    test('a verb with a typing error is named with its nearest', async () => {
        const { stderr } = await keep.cli('stauts', { expect: 2 });
        assert.match(stderr, /status/);
    });

    test('every verb has its help, and the manual has every verb', async () => {
        const { stdout: all } = await keep.cli('help');
        const { stdout: manual } = await keep.cli('help', '--man');
        const { stdout: completion } = await keep.cli('help', '--completion');
        const verbs = ['serve', 'demo', 'emulator', 'init', 'check', 'status', 'urls',
            'connect', 'portals', 'token', 'api', 'keys', 'masterkey', 'audit',
            'backup', 'restore', 'reload'];
        for (const verb of verbs) {
            assert.match(all, new RegExp(`\\b${verb}\\b`), verb);
            assert.ok(manual.includes(verb), verb);
            assert.ok(completion.includes(verb), verb);
            const { stdout } = await keep.cli('help', verb);
            assert.match(stdout, new RegExp(`portkeep ${verb}`));
        }
    });
});

describe('init', () => {
    let place;
    before(() => { place = folder(); });
    after(() => place.close());
    const init = () => run(program, ['init', 'crm-sync', '--local', '--client-id',
        '11111111-2222-3333-4444-555555555555'],
        { cwd: place.path, input: 'planted-init-secret\n' });

    test('writes a configuration that check accepts, and keys only we can read', async () => {
        const answer = await init();
        assert.equal(answer.status, 0, answer.stderr);
        assert.ok(!(answer.stdout + answer.stderr).includes('planted-init-secret'));
        assert.match(answer.stdout, /\/oauth\/crm-sync\/callback/);
        const check = await run(program, ['check'], { cwd: place.path });
        assert.equal(check.status, 0, check.stdout + check.stderr);
        const files = readdirSync(place.path);
        assert.ok(files.includes('portkeep.conf') && files.includes('master.key'), `${files}`);
        for (const name of files.filter((one) => /key|secret/.test(one)))
            assert.equal(statSync(join(place.path, name)).mode & 0o077, 0, name);
    });

    test('does not overwrite what is there', async () => {
        const before = readFileSync(join(place.path, 'master.key'));
        const answer = await init();
        assert.equal(answer.status, 1, answer.stdout);
        assert.match(answer.stderr, /already|exists|there/);
        assert.deepEqual(readFileSync(join(place.path, 'master.key')), before);
    });
});

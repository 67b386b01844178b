// README's "own app in five minutes", line by line as it stands there.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as emulator from './support/emulator.mjs';
import { Person } from './support/person.mjs';
import { build, folder, freePort, root, stopAll } from './support/place.mjs';
import { Program, run } from './support/program.mjs';

const program = join(build, 'portkeep');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
// [['init', ...], ['urls', ...], ...], without what stands behind #.
const lines = readme.match(/## Your own app[^]*?```\n([^]*?)```/)[1]
    .split('\n').map((line) => line.replace(/#.*/, '').trim().split(/\s+/))
    .filter(([first]) => first === 'portkeep').map(([, ...words]) => words);
const project = {
    uid: 'crm-sync', type: 'app',
    config: {
        name: 'CRM Sync', distribution: 'private',
        auth: {
            type: 'oauth',
            redirectUrls: ['http://localhost:8700/oauth/crm-sync/callback'],
            requiredScopes: ['oauth', 'crm.objects.contacts.read'],
        },
    },
};

let hub;
before(async () => { hub = await emulator.start(); });
after(() => hub.stop());

for (const has of ['a project\'s file', 'a name alone'])
    describe(`with ${has}`, () => {
        let place, service;
        after(async () => {
            await stopAll(service);
            place.close();
        });

        test('every line works as printed', async () => {
            place = folder();
            chmodSync(place.path, 0o755);
            const options = { cwd: place.path, env: { PATH: process.env.PATH } };
            const file = lines[0].at(-1);
            mkdirSync(join(place.path, file, '..'), { recursive: true });
            writeFileSync(join(place.path, file), JSON.stringify(project));
            const person = new Person();
            for (const line of lines) {
                const words = [...line];
                if (words[0] === 'serve') {
                    service = new Program(program, words, options);
                    await service.line(/serve\.ready/);
                    continue;
                }
                const more = [];
                if (words[0] === 'init') {
                    if (has === 'a name alone') words.splice(-2, 2, 'crm-sync');
                    more.push('--emulator', hub.url,
                        '--public-listen', `127.0.0.1:${await freePort()}`,
                        '--private-listen', `127.0.0.1:${await freePort()}`);
                }
                const { status, stdout, stderr } = await run(program,
                    [...words.map((word) => word === 'PORTAL' ? '1003' : word), ...more],
                    { ...options, input: 'some-client-id\nplanted-readme-secret\n' });
                assert.equal(status, 0, `${words.join(' ')}: ${stdout}${stderr}`);
                if (words[0] === 'connect') {
                    const page = await person.go(stdout.trim());
                    const end = await person.press(page, /^allow$/i, { choose: { portal: 1003 } });
                    assert.match(end.words, /is connected/);
                }
                if (words[0] === 'portals') assert.match(stdout, /1003/);
                if (words[0] === 'api') assert.ok(JSON.parse(stdout).results.length > 0);
            }
            assert.deepEqual(lines.map(([verb]) => verb),
                ['init', 'urls', 'serve', 'connect', 'portals', 'api']);
        });
    });

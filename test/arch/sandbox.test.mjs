// The table of process x forbidden call (sandbox/probe.c), tried out in every
// process of the release build while it serves.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { folder, folderIn } from '../e2e/support/place.mjs';
import { Program } from '../e2e/support/program.mjs';
import { build, root } from './tree.mjs';

const probe = join(root, process.env.PORTKEEP_BUILD ?? 'build-asan',
    'sandbox-probe');
// Processes that hold secrets cannot be traced by their own user.
const cannot = process.getuid() !== 0 ? 'wants root' :
    process.arch !== 'x64' ? 'knows the registers of x86-64 only' : false;

const table = cannot ? [] : execFileSync(probe, { encoding: 'utf8' })
    .trim().split('\n')
    .map((line) => line.split('\t'))
    .map(([call, ...roles]) => ({ call, roles }));

function configure(place) {
    const file = (name, text) => {
        const path = join(place.path, name);
        writeFileSync(path, text, { mode: 0o600 });
        return path;
    };
    const data = folderIn(place.path, 'data');
    const key = file('master.key',
        `20261124-test ${randomBytes(32).toString('base64')}\n`);
    const whsec = file('reports.whsec',
        `whsec_${randomBytes(32).toString('base64')}\n`);
    return file('portkeep.conf', `[server]
public_url = http://localhost:8700
public_listen = 127.0.0.1:0
private_listen = 127.0.0.1:0
admin_socket = ${place.path}/admin.sock
user = nobody
[store]
url = sqlite:${data}/portkeep.db
master_key = file:${key}
[app reports]
type = static
webhook_target = http://127.0.0.1:8702/events
webhook_secret = file:${whsec}
`);
}

describe('in the release build', { skip: cannot }, () => {
    let place, config;

    before(() => {
        place = folder();
        config = configure(place);
    });
    after(() => place.close());

    async function serve() {
        const service = new Program(join(build, 'portkeep'),
            ['serve', '-c', config]);
        await service.line(/serve\.ready/);
        const pid = (role) => service.text
            .match(new RegExp(`child\\.ready role=${role}/\\d+ pid=(\\d+)`))[1];
        return { service, pid };
    }

    for (const { call, roles } of table)
        test(`${call}: ${roles.join(', ')}`, async () => {
            const { service, pid } = await serve();
            // The keeper last: without it there is no service.
            roles.sort((a, b) => (a === 'keeper') - (b === 'keeper'));
            try {
                for (const role of roles) {
                    const tried = spawnSync(probe, [role, pid(role), call],
                        { encoding: 'utf8' });
                    assert.equal(tried.status, 0,
                        `${role}: ${tried.stdout}${tried.stderr}`);
                    if (tried.stdout.startsWith('killed'))
                        await service.line(new RegExp(
                            `child\\.sandbox_kill role=${role}/`));
                }
            } finally {
                await service.stop();
            }
        });

    test('the table has every process in it', () => {
        assert.deepEqual([...new Set(table.flatMap(({ roles }) => roles))]
            .sort(), ['courier', 'deliver', 'front', 'keeper', 'relay']);
    });
});

// Any process may be killed at any moment.  HubSpot's refresh tokens rotate
// here, so a reply that is lost is a portal that is lost: afterwards each
// grant is live, or needs_reconnect with a line in the audit log.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import * as emulator from './support/emulator.mjs';
import * as portkeep from './support/keep.mjs';
import * as upstream from './support/upstream.mjs';
import { patience, stopAll, until } from './support/place.mjs';

let hub, keep;
beforeEach(async () => {
    hub = await emulator.start({ settings: { rotate_refresh: true } });
    keep = await portkeep.start({ hub });
    await keep.connect('crm-sync', 1001);
});
afterEach(async () => {
    await hub.clearFaults().catch(() => {});
    await stopAll(keep, hub);
});

function refresh() {
    return keep.cli('portals', 'refresh', 'crm-sync', '1001', { expect: undefined });
}

// The whole service stops when the keeper dies; the service manager, here
// the test, starts it again.
async function startAgain() {
    await until('it has stopped', () => keep.program.end, 40_000);
    await keep.ready();
}

async function liveOrSaidSo() {
    const { json } = await until('the portal can be asked about', async () => {
        const answer = await keep.portal('crm-sync', 1001);
        return answer.status === 200 && answer;
    });
    if (json.state === 'active') {
        const done = await refresh();
        const now = (await keep.portal('crm-sync', 1001)).json.state;
        if (now === 'active') {
            assert.equal(done.status, 0, done.stderr);
            assert.equal((await keep.token('crm-sync', 1001)).status, 200);
            return 'live';
        }
    }
    const { stdout } = await keep.cli('audit', 'list', '--json');
    assert.match(stdout, /needs_reconnect|sign/);
    return 'said so';
}

for (const role of ['front', 'relay', 'courier'])
    test(`when ${role} is killed it comes back, and everything works`, async () => {
        await keep.kill(role);
        await until(`a new ${role}`, () => keep.pid(role));
        await until('it serves', async () =>
            (await keep.token('crm-sync', 1001)).status === 200);
        await until('refreshes work', async () => (await refresh()).status === 0);
        await keep.connect('crm-sync', 1002);
        assert.match(keep.log, new RegExp(`${role}`));
    });

test('when the keeper is killed all stop, and a new start knows everything', async () => {
    await keep.kill('keeper');
    await startAgain();
    assert.equal((await keep.token('crm-sync', 1001)).status, 200);
    assert.equal(await liveOrSaidSo(), 'live');
});

test('when the parent is killed no child stays behind', async () => {
    const pids = ['front', 'relay', 'keeper', 'courier'].map((role) => keep.pid(role));
    assert.ok(pids.every(Boolean));
    await keep.program.stop('SIGKILL');
    const isAlive = (pid) => {
        try { process.kill(pid, 0); return true; } catch { return false; }
    };
    await until('all children are gone', () => !pids.some(isAlive), 40_000);
    await keep.ready();
    assert.equal(await liveOrSaidSo(), 'live');
});

describe('between HubSpot\'s reply and the commit', () => {
    // HubSpot has rotated the token, and its answer is on the way.
    async function whileTheReplyIsOnItsWay(act) {
        await hub.fault({ path: emulator.tokenPath, do: 'delay', delay_ms: 1500 });
        const before = await hub.refreshes();
        const waiting = refresh();
        await until('HubSpot has rotated', async () => await hub.refreshes() > before);
        await act();
        await waiting;
    }

    test('a killed keeper loses nothing: the courier keeps the reply', async () => {
        await whileTheReplyIsOnItsWay(() => keep.kill('keeper'));
        await startAgain();
        assert.equal(await liveOrSaidSo(), 'live');
    });

    test('a killed courier leaves the grant live or says so', async () => {
        await whileTheReplyIsOnItsWay(() => keep.kill('courier'));
        await until('a new courier', () => keep.pid('courier'));
        await liveOrSaidSo();
    });

    test('everything killed at once leaves the grant live or says so', async () => {
        await whileTheReplyIsOnItsWay(async () => {
            const pids = ['keeper', 'courier', 'front', 'relay'].map((role) => keep.pid(role));
            for (const pid of [keep.program.pid, ...pids]) process.kill(pid, 'SIGKILL');
        });
        await startAgain();
        await liveOrSaidSo();
    });

    test('a reply that HubSpot never sent leaves the grant live or says so', async () => {
        await hub.fault({ path: emulator.tokenPath, do: 'drop_after' });
        await refresh();
        await liveOrSaidSo();
    });
});

test('killed at any moment of many refreshes, no grant is silently dead', async () => {
    // Each round lets the keeper live a little longer.
    for (let round = 0; round < 8; round++) {
        const waiting = refresh();
        const pid = keep.pid('keeper');
        const end = process.hrtime.bigint() + BigInt(round) * 4_000_000n;
        await until('the moment has come', () => process.hrtime.bigint() >= end);
        process.kill(pid, 'SIGKILL');
        await waiting;
        await startAgain();
        if (await liveOrSaidSo() !== 'live') await keep.connect('crm-sync', 1001);
    }
    await keep.cli('audit', 'verify');
});

test('an install that the keeper\'s death cuts off can be tried again', async () => {
    await hub.fault({ path: emulator.tokenPath, do: 'delay', delay_ms: 1000 });
    const waiting = keep.connect('crm-sync', 1002).catch(() => 'cut off');
    await until('the exchange has begun', async () =>
        (await hub.calls()).by_grant_type.authorization_code >= 2, patience);
    await keep.kill('keeper');
    await waiting;
    await startAgain();
    const done = await keep.connect('crm-sync', 1002);
    assert.equal(done.portal, 1002);
});

test('an install whose keeper dies while HubSpot is asked who it was is kept', async () => {
    const introspect = '/oauth/2026-03/token/introspect';
    await hub.fault({ path: introspect, do: 'delay', delay_ms: 1500 });
    const before = await hub.count(`POST ${introspect}`);
    const waiting = keep.connect('crm-sync', 1002).catch(() => 'cut off');
    await until('HubSpot is asked', async () =>
        await hub.count(`POST ${introspect}`) > before, patience);
    await keep.kill('keeper');
    await waiting;
    await startAgain();
    await until('it is connected without another click', async () =>
        (await keep.token('crm-sync', 1002)).status === 200);
});

test('an end that the keeper\'s death cuts off serves nothing and is taken up again', async () => {
    const uninstall = '/appinstalls/2026-03/external-install';
    const letGo = () => keep.api('DELETE', '/v1/apps/crm-sync/portals/1001');
    await hub.fault({ path: uninstall, do: 'delay', delay_ms: 1500 });
    const waiting = letGo().catch(() => 'cut off');
    await until('HubSpot is asked', async () =>
        await hub.count(`DELETE ${uninstall}`) > 0, patience);
    await keep.kill('keeper');
    await waiting;
    await startAgain();
    assert.notEqual((await keep.token('crm-sync', 1001)).status, 200);
    const receipt = await letGo();
    assert.equal(receipt.status, 200, receipt.text);
    assert.equal(receipt.json.remote, 'done');
    assert.equal((await keep.token('crm-sync', 1001)).status, 404);
    await keep.cli('audit', 'verify', '--head', receipt.json.audit_head);
});

test('SIGTERM lets running calls finish', async () => {
    const api = await upstream.start({ oauth: hub.url });
    const slow = await portkeep.start({ hub, hubspot: { api_url: api.url } });
    await slow.connect('crm-sync', 1001);
    const call = slow.call('crm-sync', 1001, '/slowly');
    await until('it has arrived', () => api.waiting.length > 0);
    slow.program.child.kill('SIGTERM');
    await until('no new connection is taken', () =>
        fetch(`${slow.public}/healthz`).then(() => false, () => true));
    api.goOn();
    const answer = await call;
    assert.equal(answer.status, 200);
    assert.equal(answer.text, 'firstsecond');
    const { status } = await until('it ends', () => slow.program.end, 40_000);
    assert.equal(status, 0);
    await slow.stop();
    await api.stop();
});

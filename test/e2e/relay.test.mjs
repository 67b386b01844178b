// The API relay: what goes through unchanged, what is replaced, what is not
// let through, and what happens when HubSpot misbehaves.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import * as emulator from './support/emulator.mjs';
import * as portkeep from './support/keep.mjs';
import * as upstream from './support/upstream.mjs';
import { exchange } from './support/raw.mjs';
import { stopAll, until } from './support/place.mjs';

// Bytes of a process that are no file's.
const memoryOf = (pid) => 1024 * Number(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
    .match(/^Anonymous: +(\d+) kB/m)[1]);
// How large the kernel lets a socket's buffer grow.
const socketMost = (which) => Number(readFileSync(`/proc/sys/net/ipv4/tcp_${which}`, 'utf8')
    .trim().split(/\s+/)[2]);

describe('in front of the emulator', () => {
    let hub, keep;
    before(async () => {
        hub = await emulator.start();
        keep = await portkeep.start({ hub });
        await keep.connect('crm-sync', 1001);
        await keep.connect('crm-sync', 1002);
    });
    after(async () => {
        await stopAll(keep, hub);
    });

    test('a call reaches HubSpot with the token of that portal', async () => {
        for (const portal of [1001, 1002]) {
            const answer = await keep.call('crm-sync', portal, '/account-info/v3/details');
            assert.equal(answer.status, 200, answer.text);
            assert.equal(answer.json.portalId, portal);
            assert.ok(answer.headers.get('request-id'));
        }
    });

    test('HubSpot\'s own errors pass through as they are', async () => {
        const answer = await keep.call('crm-sync', 1001, '/crm/v3/objects/contacts/99999999');
        assert.equal(answer.status, 404);
        assert.equal(answer.json.status, 'error');
        assert.ok(answer.json.correlationId);
        assert.equal(answer.headers.get('portkeep-upstream'), 'hubspot');
    });

    test('a missing scope is HubSpot\'s 403', async () => {
        const answer = await keep.call('crm-sync', 1001, '/crm/v3/objects/deals');
        assert.equal(answer.status, 403);
        assert.equal(answer.json.category, 'MISSING_SCOPES');
    });

    test('rate limit headers of HubSpot reach the caller', async () => {
        const { headers } = await keep.call('crm-sync', 1001, '/crm/v3/objects/contacts');
        assert.ok(Number(headers.get('x-hubspot-ratelimit-max')) > 0);
    });

    test('create, read, change and archive work', async () => {
        const path = '/crm/v3/objects/contacts';
        const email = `a-${randomBytes(4).toString('hex')}@example.com`;
        const made = await keep.call('crm-sync', 1001, path,
            { method: 'POST', body: { properties: { email } } });
        assert.equal(made.status, 201, made.text);
        const one = `${path}/${made.json.id}`;
        const changed = await keep.call('crm-sync', 1001, one,
            { method: 'PATCH', body: { properties: { firstname: 'Ada' } } });
        assert.equal(changed.json.properties.firstname, 'Ada');
        const gone = await keep.call('crm-sync', 1001, one, { method: 'DELETE' });
        assert.equal(gone.status, 204);
        assert.equal(gone.text, '');
        assert.equal((await keep.call('crm-sync', 1001, one)).status, 404);
    });

    test('a double slash after the portal is one', async () => {
        const answer = await keep.call('crm-sync', 1001, '//account-info/v3/details');
        assert.equal(answer.status, 200, answer.text);
    });

    test('HEAD has a head only', async () => {
        const answer = await keep.call('crm-sync', 1001, '/crm/v3/objects/contacts',
            { method: 'HEAD' });
        assert.ok(answer.status < 500);
        assert.equal(answer.text, '');
    });

    for (const [what, path, status] of [
        ['the OAuth endpoints', '/oauth/v1/token', 403],
        ['the OAuth endpoints by a detour', '/crm/../oauth/v1/token', 400],
        ['the OAuth endpoints in disguise', '/%6fauth/v1/token', 403],
        ['a detour that is encoded', '/crm/%2e%2e/oauth/v1/token', 400],
        ['a key in the query', '/crm/v3/objects/contacts?hapikey=abc', 400],
    ])
        test(`${what} cannot be reached`, async () => {
            const raw = await exchange(keep.private,
                `GET /hubspot/crm-sync/1001${path} HTTP/1.1\r\nHost: x\r\n` +
                `Authorization: Bearer ${await keep.master()}\r\nConnection: close\r\n\r\n`);
            assert.ok([status, 400, 403, 404].includes(raw.statuses[0]), raw.text);
            assert.match(raw.text, /problem\+json/);
            const { recent } = await hub.calls();
            assert.ok(!recent.some((call) => call.name.includes('/oauth/v1/token')));
        });

    for (const [what, app, portal, status] of [
        ['an unknown app', 'nobody', 1001, [403, 404]],
        ['a portal that is not connected', 'crm-sync', 4711, [404]],
        ['a portal that is not a number', 'crm-sync', 'abc', [400, 404]],
        ['a portal that is too large a number', 'crm-sync', '99999999999999999999999', [400, 404]],
        ['a negative portal', 'crm-sync', '-1', [400, 404]],
    ])
        test(`${what} is refused`, async () => {
            const answer = await keep.call(app, portal, '/crm/v3/objects/contacts');
            assert.ok(status.includes(answer.status), answer.text);
            assert.match(answer.headers.get('content-type'), /problem\+json/);
            for (const name of ['type', 'title', 'status', 'detail', 'request_id'])
                assert.ok(answer.json[name], name);
        });
});

describe('in front of an upstream of our own', () => {
    let hub, api, keep;
    before(async () => {
        hub = await emulator.start();
        // It answers API calls itself and hands OAuth to the emulator.
        api = await upstream.start({ oauth: hub.url });
        keep = await portkeep.start({ hub, hubspot: { api_url: api.url } });
        await keep.connect('crm-sync', 1001);
    });
    after(async () => {
        await stopAll(keep, api, hub);
    });

    test('method, path, query and body arrive as sent', async () => {
        const path = '/crm/v3/x%20y/z?a=1&b=%2F&c=ä'.replace('ä', '%C3%A4');
        for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
            const body = ['GET', 'OPTIONS'].includes(method) ? undefined : `{"m":"${method}"}`;
            const answer = await keep.call('crm-sync', 1001, path, { method, body });
            assert.equal(answer.status, 200, answer.text);
            const got = answer.json;
            assert.equal(got.method, method);
            assert.equal(got.url, path);
            assert.equal(got.body, body ?? '');
        }
    });

    test('the caller\'s key, cookies and forwarding headers stay behind', async () => {
        const answer = await keep.call('crm-sync', 1001, '/echo', {
            headers: {
                cookie: 'a=b', 'x-forwarded-for': '1.2.3.4', forwarded: 'for=1.2.3.4',
                'x-real-ip': '1.2.3.4', 'x-hubspot-kept': 'yes', te: 'trailers',
                'proxy-authorization': 'Basic eDp5',
            },
        });
        const { headers } = answer.json;
        for (const name of ['cookie', 'x-forwarded-for', 'forwarded', 'x-real-ip',
            'proxy-authorization'])
            assert.equal(headers[name], undefined, name);
        assert.equal(headers['x-hubspot-kept'], 'yes');
        assert.equal(headers.host, new URL(api.url).host);
        assert.match(headers.authorization, /^Bearer /);
        assert.ok(!headers.authorization.includes(await keep.master()));
        keep.secrets.add(headers.authorization.slice(7));
    });

    test('a large body goes through in both directions, byte for byte', async () => {
        const body = randomBytes(3 << 20).toString('hex');
        const hash = createHash('sha256').update(body).digest('hex');
        const answer = await keep.call('crm-sync', 1001, '/mirror',
            { method: 'POST', body, headers: { 'content-type': 'text/plain' } });
        assert.equal(answer.status, 200);
        assert.equal(createHash('sha256').update(answer.text).digest('hex'), hash);
    });

    test('a chunked request body goes through', async () => {
        const answer = await keep.call('crm-sync', 1001, '/mirror', {
            method: 'POST', duplex: 'half', body: upstream.streamOf(['one ', 'two ', 'three']),
        });
        assert.equal(answer.text, 'one two three');
    });

    test('an answer streams: its first piece comes before its last', async () => {
        const stream = await fetch(`${keep.private}/hubspot/crm-sync/1001/slowly`,
            { headers: { authorization: `Bearer ${await keep.master()}` } });
        const reader = stream.body.getReader();
        const first = await reader.read();
        assert.equal(Buffer.from(first.value).toString(), 'first');
        api.goOn();
        const second = await reader.read();
        assert.equal(Buffer.from(second.value).toString(), 'second');
    });

    test('a reinstall cuts nothing, and the next call has the new token', async () => {
        const bearer = async () => {
            const echo = await keep.call('crm-sync', 1001, '/echo');
            assert.equal(echo.status, 200, echo.text);
            const { authorization } = echo.json.headers;
            keep.secrets.add(authorization.slice(7));
            return authorization;
        };
        const before = await bearer();
        const stream = await fetch(`${keep.private}/hubspot/crm-sync/1001/slowly`,
            { headers: { authorization: `Bearer ${await keep.master()}` } });
        const reader = stream.body.getReader();
        await reader.read();
        await keep.connect('crm-sync', 1001);
        assert.notEqual(await bearer(), before);
        api.goOn();
        const second = await reader.read();
        assert.equal(Buffer.from(second.value).toString(), 'second');
        assert.ok((await reader.read()).done);
    });

    test('a slow reader does not make the relay hold the answer', async () => {
        const cut = new AbortController();
        const stream = await fetch(`${keep.private}/hubspot/crm-sync/1001/endless`, {
            headers: { authorization: `Bearer ${await keep.master()}` },
            signal: cut.signal,
        });
        await stream.body.getReader().read();
        const before = memoryOf(keep.pid('relay'));
        const sent = await until('the upstream is held back', () => api.isHeldBack());
        const grown = memoryOf(keep.pid('relay')) - before;
        assert.ok(grown < 4 << 20, `the relay's own memory grew by ${grown} bytes`);
        // What else was taken lies in the kernel, in the two connections.
        const kernel = 2 * (socketMost('rmem') + socketMost('wmem'));
        assert.ok(sent < kernel + (1 << 20), `${sent} bytes were taken`);
        cut.abort();
    });

    test('when the caller goes away so does the call', async () => {
        const cut = new AbortController();
        const waiting = keep.call('crm-sync', 1001, '/never', { signal: cut.signal });
        await until('it has arrived', () => api.open.has('/never'));
        cut.abort();
        await assert.rejects(waiting);
        await until('the upstream sees it go', () => !api.open.has('/never'));
    });

    test('a key that is revoked cuts the calls that run under it', async () => {
        const { json } = await keep.cli('keys', 'create', 'soon-gone', '--verb', 'call', '--json');
        keep.secrets.add(json.key);
        const stream = await fetch(`${keep.private}/hubspot/crm-sync/1001/slowly`,
            { headers: { authorization: `Bearer ${json.key}` } });
        const reader = stream.body.getReader();
        await reader.read();
        await keep.cli('keys', 'revoke', 'soon-gone');
        await assert.rejects(reader.read());
        api.goOn();
    });

    for (const [what, path] of Object.entries({
        'resets the connection': '/reset',
        'closes without an answer': '/close',
        'answers garbage': '/garbage',
        'sends two lengths': '/two-lengths',
        'sends length and chunked': '/length-and-chunked',
        'sends a broken chunk': '/broken-chunk-head',
        'sends a head without end': '/endless-head',
    }))
        test(`an upstream that ${what} is 502, in our words`, async () => {
            const answer = await keep.call('crm-sync', 1001, path, { method: 'POST', body: '{}' })
                .catch((e) => ({ broken: e }));
            // A broken chunk may come after our head has gone out.
            if (path === '/broken-chunk-head' && answer.broken) return;
            assert.equal(answer.status, 502, answer.text);
            assert.match(answer.headers.get('content-type'), /problem\+json/);
            assert.equal(answer.headers.get('portkeep-upstream'), null);
        });

    for (const [what, path] of Object.entries({
        'ends before its length': '/short',
        'breaks off between chunks': '/short-chunks',
    }))
        test(`an answer that ${what} does not look whole`, async () => {
            await assert.rejects(keep.call('crm-sync', 1001, path));
        });

    test('a GET on a connection that had gone stale is tried again', async () => {
        await keep.call('crm-sync', 1001, '/echo');
        api.closeIdle();
        for (let i = 0; i < 5; i++)
            assert.equal((await keep.call('crm-sync', 1001, '/echo')).status, 200);
    });

    test('a POST is never sent twice', async () => {
        api.seen.clear();
        await keep.call('crm-sync', 1001, '/reset?once', { method: 'POST', body: '{}' });
        assert.equal(api.seen.get('/reset?once'), 1);
    });

    test('1xx answers do not end the exchange', async () => {
        const answer = await keep.call('crm-sync', 1001, '/early-hints');
        assert.equal(answer.status, 200);
        assert.equal(answer.text, 'after the hints');
    });

    test('Expect: 100-continue is answered', async () => {
        const raw = await exchange(keep.private, [
            'POST /hubspot/crm-sync/1001/mirror HTTP/1.1\r\nHost: x\r\n' +
            `Authorization: Bearer ${await keep.master()}\r\n` +
            'Expect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n',
            '{}']);
        assert.deepEqual(raw.statuses.at(-1), 200, raw.text);
    });

    test('portkeep\'s own headers cannot be forged by an upstream', async () => {
        const answer = await keep.call('crm-sync', 1001, '/forged');
        assert.notEqual(answer.headers.get('request-id'), 'forged');
    });

    test('two requests on one connection are answered in turn', async () => {
        const one = (n, last) => `GET /hubspot/crm-sync/1001/echo?${n} HTTP/1.1\r\nHost: x\r\n` +
            `Authorization: Bearer ${key}\r\n${last ? 'Connection: close\r\n' : ''}\r\n`;
        const key = await keep.master();
        const raw = await exchange(keep.private, one(1) + one(2) + one(3, true));
        assert.deepEqual(raw.statuses, [200, 200, 200]);
        assert.ok(raw.text.indexOf('echo?1') < raw.text.indexOf('echo?2'));
        for (const [, token] of raw.text.matchAll(/Bearer ([^"]+)"/g))
            keep.secrets.add(token);
    });
});

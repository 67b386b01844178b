// Requests that no client sends: both listeners answer 400 and close, or the
// status that fits, and what follows on the connection is never taken for a
// request.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import * as emulator from './support/emulator.mjs';
import * as portkeep from './support/keep.mjs';
import { stopAll, until } from './support/place.mjs';
import { exchange } from './support/raw.mjs';

let hub, keep;
before(async () => {
    hub = await emulator.start();
    keep = await portkeep.start({ hub });
});
after(async () => {
    await stopAll(keep, hub);
});

// Every shape hides this behind it; it must never be answered.
const hidden = 'GET /healthz?smuggled HTTP/1.1\r\nHost: x\r\n\r\n';
// As if signed: what is unsigned is refused before its body is read.
const signed = `X-HubSpot-Signature-v3: ${'A'.repeat(43)}=\r\n` +
    `X-HubSpot-Request-Timestamp: ${Date.now()}\r\n`;
const post = (headers, body = '') =>
    `POST /webhooks/crm-sync HTTP/1.1\r\nHost: x\r\n${signed}${headers}\r\n\r\n${body}`;
const get = (line, headers = 'Host: x') => `${line}\r\n${headers}\r\n\r\n`;

const shapes = {
    'Content-Length and Transfer-Encoding':
        post('Content-Length: 5\r\nTransfer-Encoding: chunked', '0\r\n\r\n'),
    'Transfer-Encoding and Content-Length':
        post('Transfer-Encoding: chunked\r\nContent-Length: 5', '0\r\n\r\n'),
    'two Content-Lengths': post('Content-Length: 5\r\nContent-Length: 6', 'abcdef'),
    'the same Content-Length twice': post('Content-Length: 5\r\nContent-Length: 5', 'abcde'),
    'a list as Content-Length': post('Content-Length: 5, 5', 'abcde'),
    'a Content-Length with a sign': post('Content-Length: +5', 'abcde'),
    'a negative Content-Length': post('Content-Length: -1'),
    'a Content-Length in hex': post('Content-Length: 0x5', 'abcde'),
    'a Content-Length over 64 bits': post('Content-Length: 18446744073709551621', 'abcde'),
    'an empty Content-Length': post('Content-Length: '),
    'a bare LF after the request line': `GET /healthz HTTP/1.1\nHost: x\r\n\r\n`,
    'a bare LF after a header': `GET /healthz HTTP/1.1\r\nHost: x\nA: b\r\n\r\n`,
    'a bare LF at the end of the head': `GET /healthz HTTP/1.1\r\nHost: x\r\n\n`,
    'a bare CR within a header': get('GET /healthz HTTP/1.1', 'Host: x\r\nA: b\rc'),
    'obs-fold': get('GET /healthz HTTP/1.1', 'Host: x\r\nA: b\r\n c'),
    'obs-fold in the first header': get('GET /healthz HTTP/1.1', ' Host: x'),
    'a space before the colon': post('Content-Length : 5', 'abcde'),
    'a tab before the colon': post('Transfer-Encoding\t: chunked', '0\r\n\r\n'),
    'a header without a colon': get('GET /healthz HTTP/1.1', 'Host: x\r\nnonsense'),
    'a header without a name': get('GET /healthz HTTP/1.1', 'Host: x\r\n: value'),
    'a NUL in a header': get('GET /healthz HTTP/1.1', 'Host: x\r\nA: b\0c'),
    'a NUL in the target': get('GET /heal\0thz HTTP/1.1'),
    'a control character in a name': get('GET /healthz HTTP/1.1', 'Host: x\r\nA\x01: b'),
    'chunked that is not last': post('Transfer-Encoding: chunked, gzip', '0\r\n\r\n'),
    'chunked twice': post('Transfer-Encoding: chunked, chunked', '0\r\n\r\n'),
    'an unknown transfer coding': post('Transfer-Encoding: xchunked', '0\r\n\r\n'),
    'a vertical tab before chunked': post('Transfer-Encoding: \x0bchunked', '0\r\n\r\n'),
    'chunked under HTTP/1.0': 'POST /webhooks/crm-sync HTTP/1.0\r\nHost: x\r\n' +
        'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'a chunk size that overflows':
        post('Transfer-Encoding: chunked', '10000000000000000\r\nabc\r\n0\r\n\r\n'),
    'a chunk size that is negative':
        post('Transfer-Encoding: chunked', '-1\r\nabc\r\n0\r\n\r\n'),
    'a chunk size with 0x': post('Transfer-Encoding: chunked', '0x3\r\nabc\r\n0\r\n\r\n'),
    'a chunk that is longer than it says':
        post('Transfer-Encoding: chunked', '3\r\nabcdef\r\n0\r\n\r\n'),
    'a chunk line that ends in LF':
        post('Transfer-Encoding: chunked', '3\nabc\r\n0\r\n\r\n'),
    'a chunk extension with an open quote':
        post('Transfer-Encoding: chunked', '3;a="b\r\nabc\r\n0\r\n\r\n'),
    'a line\'s end within a chunk extension\'s quotes':
        post('Transfer-Encoding: chunked', '3;a="\r\n"\r\nabc\r\n0\r\n\r\n'),
    'a chunk extension that never ends':
        post('Transfer-Encoding: chunked', `3;${'x'.repeat(5000)}\r\nabc\r\n0\r\n\r\n`),
    'absolute form': get('GET http://localhost/healthz HTTP/1.1'),
    'asterisk form': get('OPTIONS * HTTP/1.1'),
    'authority form': get('CONNECT localhost:80 HTTP/1.1'),
    'a target without a slash': get('GET healthz HTTP/1.1'),
    'a space in the target': get('GET /heal thz HTTP/1.1'),
    'two spaces in the request line': get('GET  /healthz HTTP/1.1'),
    'a lower-case protocol': get('GET /healthz http/1.1'),
    'HTTP/2.0': get('GET /healthz HTTP/2.0'),
    'HTTP/0.9': 'GET /healthz\r\n\r\n',
    'no Host': get('GET /healthz HTTP/1.1', 'A: b'),
    'two Hosts': get('GET /healthz HTTP/1.1', 'Host: x\r\nHost: y'),
    'a Host with a path': get('GET /healthz HTTP/1.1', 'Host: x/y'),
    'TLS on the plain port': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
};

for (const side of ['public', 'private'])
    describe(`the ${side} listener`, () => {
        for (const [what, bytes] of Object.entries(shapes))
            test(`answers ${what} with 400 and closes`, async () => {
                const answer = await exchange(keep[side], bytes + hidden, { within: 4000 });
                assert.ok(answer.isClosed, `still open: ${answer.text}`);
                assert.equal(answer.statuses.length, 1, answer.text);
                assert.ok([400, 404, 405, 501, 505].includes(answer.statuses[0]), answer.text);
                assert.ok(!answer.text.includes('200 OK'), answer.text);
                if (![404, 405].includes(answer.statuses[0]))
                    assert.match(answer.text, /connection: close/i);
            });

        test('answers a head over the limit with 431', async () => {
            const answer = await exchange(keep[side],
                get('GET /healthz HTTP/1.1', `Host: x\r\nA: ${'x'.repeat(20_000)}`));
            assert.deepEqual(answer.statuses, [431], answer.text);
            assert.ok(answer.isClosed);
        });

        test('answers too many headers with 431', async () => {
            const many = Array.from({ length: 150 }, (_, n) => `A${n}: b`).join('\r\n');
            const answer = await exchange(keep[side],
                get('GET /healthz HTTP/1.1', `Host: x\r\n${many}`));
            assert.deepEqual(answer.statuses, [431], answer.text);
        });

        test('answers a target over the limit with 414', async () => {
            const answer = await exchange(keep[side],
                get(`GET /${'x'.repeat(9000)} HTTP/1.1`));
            assert.deepEqual(answer.statuses, [414], answer.text);
        });

        test('answers two requests in one packet in turn', async () => {
            const answer = await exchange(keep[side], get('GET /nowhere/1 HTTP/1.1') +
                get('GET /nowhere/2 HTTP/1.1', 'Host: x\r\nConnection: close'));
            assert.equal(answer.statuses.length, 2, answer.text);
        });

        test('reads a request that comes byte by byte', async () => {
            const socket = connect(new URL(keep[side]).port, '127.0.0.1');
            socket.setNoDelay(true);
            let text = '';
            socket.on('data', (data) => (text += data));
            for (const byte of get('GET /nowhere HTTP/1.1', 'Host: x\r\nConnection: close'))
                await new Promise((resolve) => socket.write(byte, resolve));
            await until('an answer', () => /^HTTP\/1\.1 \d+/.test(text));
            socket.destroy();
        });

        test('closes on a client that does not finish its head', async () => {
            const answer = await exchange(keep[side], 'GET /healthz HTTP/1.1\r\nHost: x\r\n',
                { within: 20_000 });
            assert.ok(answer.isClosed);
            assert.ok(answer.statuses.length === 0 || answer.statuses[0] === 408, answer.text);
        });

        test('closes on a client that drips its head', async () => {
            const started = Date.now();
            const socket = connect(new URL(keep[side]).port, '127.0.0.1');
            let isOpen = true;
            socket.on('close', () => (isOpen = false));
            socket.on('error', () => {});
            socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\nA: ');
            const drip = setInterval(() => isOpen && socket.write('x'), 200);
            await until('it is closed', () => !isOpen, 20_000).finally(() => clearInterval(drip));
            assert.ok(Date.now() - started < 15_000);
        });

        test('serves others while three hundred say nothing', async () => {
            const { port } = new URL(keep[side]);
            const idle = Array.from({ length: 300 }, () => connect(Number(port), '127.0.0.1'));
            idle.forEach((socket) => socket.on('error', () => {}));
            await until('all are connected', () => idle.every((one) => !one.connecting));
            const path = side === 'public' ? '/healthz' : '/readyz';
            assert.equal((await fetch(keep[side] + path)).status, 200);
            idle.forEach((socket) => socket.destroy());
        });
    });

test('a body of our own API over the limit is 413', async () => {
    const answer = await exchange(keep.private,
        'POST /v1/apps/crm-sync/connect-sessions HTTP/1.1\r\nHost: x\r\n' +
        `Authorization: Bearer ${await keep.master()}\r\n` +
        'Content-Type: application/json\r\nContent-Length: 70000\r\n\r\n' + '{"ref":"');
    assert.deepEqual(answer.statuses, [413], answer.text);
    assert.ok(answer.isClosed);
});

test('a chunked body over the limit is 413 too', async () => {
    const piece = `8000\r\n${'x'.repeat(0x8000)}\r\n`;
    const answer = await exchange(keep.private,
        'POST /v1/apps/crm-sync/connect-sessions HTTP/1.1\r\nHost: x\r\n' +
        `Authorization: Bearer ${await keep.master()}\r\n` +
        `Transfer-Encoding: chunked\r\n\r\n${piece.repeat(4)}`);
    assert.deepEqual(answer.statuses, [413], answer.text);
});

test('routes and methods that are not there say so', async () => {
    for (const [method, path, status] of [['GET', '/', 404], ['GET', '/v2/x', 404],
        ['POST', '/v1/apps/crm-sync/portals/1001/token', 405],
        ['GET', '/v1/apps/crm-sync/connect-sessions', 405]]) {
        const answer = await keep.api(method, path);
        assert.equal(answer.status, status, `${method} ${path} ${answer.text}`);
        assert.match(answer.headers.get('content-type'), /problem\+json/);
        if (status === 405) assert.ok(answer.headers.get('allow'));
    }
});

test('after all that both listeners still serve, and nothing crashed', async () => {
    assert.equal((await fetch(`${keep.public}/healthz`)).status, 200);
    assert.equal((await fetch(`${keep.private}/readyz`)).status, 200);
    assert.doesNotMatch(keep.log, /child\.(died|killed|crashed)/);
});

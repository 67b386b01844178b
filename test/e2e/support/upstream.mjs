// An API host that shows what arrived, and lies on request.  OAuth and
// account paths go on to the emulator, so that connecting works.
import { createServer } from 'node:http';

// A request body in pieces, for fetch.
export const streamOf = (pieces) => new ReadableStream({
    start(controller) {
        for (const piece of pieces)
            controller.enqueue(new TextEncoder().encode(piece));
        controller.close();
    },
});

// Bytes as they are, then the end of the connection.
const raw = (request, bytes) => {
    request.socket.write(bytes);
    request.socket.end();
};
const ok = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n';

const lies = {
    '/reset': (request) => request.socket.resetAndDestroy(),
    '/close': (request) => request.socket.end(),
    '/garbage': (request) => raw(request, '\x00\x01garbage\r\n\r\n'),
    '/two-lengths': (request) =>
        raw(request, `${ok}Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc`),
    '/length-and-chunked': (request) =>
        raw(request, `${ok}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
    '/broken-chunk-head': (request) =>
        raw(request, `${ok}Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n`),
    '/endless-head': (request) =>
        raw(request, `${ok}X-Long: ${'x'.repeat(100_000)}\r\n\r\n`),
    '/short': (request) => raw(request, `${ok}Content-Length: 100\r\n\r\nabc`),
    '/short-chunks': (request) =>
        raw(request, `${ok}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`),
    '/early-hints': (request) => raw(request, 'HTTP/1.1 103 Early Hints\r\n' +
        `Link: </x>\r\n\r\n${ok}Content-Length: 15\r\n\r\nafter the hints`),
    '/forged': (request) => raw(request, `${ok}Request-Id: forged\r\n` +
        'Content-Length: 2\r\n\r\nok'),
};

class Upstream {
    open = new Set();    // paths of calls that are not answered yet
    seen = new Map();    // url -> how often
    bytes = new Map();   // url -> bytes of the last body
    framing = new Map(); // url -> how that was framed
    waiting = [];
    held = 0;

    constructor(oauth) {
        this.oauth = oauth;
        this.server = createServer((request, response) => {
            this.seen.set(request.url, (this.seen.get(request.url) ?? 0) + 1);
            this.answer(request, response).catch(() => request.socket.destroy());
        });
        this.server.keepAliveTimeout = 60_000;
    }

    async answer(request, response) {
        const path = request.url.split('?')[0];
        if (/^\/(oauth|account-info|appinstalls|integrations)\//.test(path))
            return this.passOn(request, response);
        if (path in lies) return lies[path](request);
        if (path === '/never') {
            this.open.add(path);
            request.socket.on('close', () => this.open.delete(path));
            return;
        }
        if (path === '/slowly') {
            response.write('first');
            await new Promise((resolve) => this.waiting.push(resolve));
            return response.end('second');
        }
        if (path === '/endless') return this.flood(response);
        const body = Buffer.concat(await request.toArray());
        this.bytes.set(request.url, body.length);
        this.framing.set(request.url,
            request.headers['transfer-encoding'] ?? 'length');
        if (path === '/mirror') return response.end(body);
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({
            method: request.method, url: request.url,
            headers: request.headers, body: body.toString(),
        }));
    }

    async passOn(request, response) {
        const body = Buffer.concat(await request.toArray());
        const { host, connection, 'content-length': _, ...headers } = request.headers;
        const answer = await fetch(this.oauth + request.url, {
            method: request.method, headers,
            body: body.length > 0 ? body : undefined,
        });
        response.writeHead(answer.status, {
            'content-type': answer.headers.get('content-type') ?? 'text/plain',
        });
        response.end(Buffer.from(await answer.arrayBuffer()));
    }

    flood(response) {
        const piece = Buffer.alloc(65536, 'x');
        const more = () => {
            while (response.write(piece)) this.held += piece.length;
            this.held += piece.length;
        };
        response.on('drain', more);
        more();
    }

    // The bytes that were taken, once no more are; else false.
    isHeldBack() {
        const now = this.held;
        const same = this.lastHeld === now;
        this.lastHeld = now;
        this.still = same ? (this.still ?? 0) + 1 : 0;
        return this.still > 20 && now;
    }

    goOn() {
        this.waiting.splice(0).forEach((go) => go());
    }

    closeIdle() {
        this.server.closeIdleConnections();
    }

    stop() {
        this.goOn();
        this.server.closeAllConnections();
        return new Promise((resolve) => this.server.close(resolve));
    }
}

export async function start({ oauth }) {
    const upstream = new Upstream(oauth);
    await new Promise((resolve) => upstream.server.listen(0, '127.0.0.1', resolve));
    upstream.url = `http://127.0.0.1:${upstream.server.address().port}`;
    return upstream;
}

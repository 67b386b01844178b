// An app's backend that takes webhooks: remembers what came, and answers as
// it is told to.
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { until } from './place.mjs';

class Receiver {
    requests = []; // {method, url, path, headers, body, events, at}
    open = 0;
    mostOpen = 0;
    // May be replaced: gives a status, [status, headers], or a promise of it;
    // undefined: no answer, or one that it writes into the response itself.
    answer = () => 200;

    // tls: {cert, key} as PEM, for https.
    constructor(tls) {
        this.scheme = tls ? 'https' : 'http';
        const create = tls ? (handler) => createTlsServer(tls, handler) : createServer;
        this.server = create((request, response) => {
            this.mostOpen = Math.max(this.mostOpen, ++this.open);
            response.on('close', () => this.open--);
            const pieces = [];
            request.on('data', (piece) => pieces.push(piece));
            request.on('end', () => this.take(request, response, Buffer.concat(pieces).toString()));
        });
    }

    async take(request, response, body) {
        let events = [];
        try {
            events = JSON.parse(body);
        } catch { /* not all that is sent is JSON */ }
        const one = { method: request.method, path: request.url, url: `${this.origin}${request.url}`,
            headers: request.headers, body, events, at: Date.now() };
        this.requests.push(one);
        const answer = await this.answer(one, this.requests.length, response);
        if (answer === undefined) return;
        const [status, headers] = [answer].flat();
        response.writeHead(status, headers).end();
    }

    get events() {
        return this.requests.flatMap(({ events }) => events);
    }

    types() {
        return this.events.map(({ subscriptionType }) => subscriptionType);
    }

    // Waits for that many requests, and gives the last one.
    async got(n = 1) {
        await until(`${n} requests`, () => this.requests.length >= n);
        return this.requests[n - 1];
    }

    clear() {
        this.requests = [];
        this.mostOpen = 0;
        this.answer = () => 200;
    }

    async start() {
        await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
        // Certificates name localhost.
        const host = this.scheme === 'https' ? 'localhost' : '127.0.0.1';
        this.origin = `${this.scheme}://${host}:${this.server.address().port}`;
        return this;
    }

    stop() {
        this.server.closeAllConnections();
        return new Promise((resolve) => this.server.close(resolve));
    }
}

export const start = (tls) => new Receiver(tls).start();

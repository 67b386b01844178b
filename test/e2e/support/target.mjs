// An app's backend that takes events from portkeep: judges every signature
// as Standard Webhooks has it, and answers as it is told to.
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { until } from './place.mjs';
import * as receiver from './receiver.mjs';

export const newSecret = () => `whsec_${randomBytes(32).toString('base64')}`;

const signatureOf = (secret, { headers, body }) => 'v1,' +
    createHmac('sha256', Buffer.from(secret.slice('whsec_'.length), 'base64'))
        .update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`).digest('base64');

// Whether one of its signatures is of that secret.
export const isSigned = (secret, request) =>
    request.headers['webhook-signature']?.split(' ').includes(signatureOf(secret, request)) === true &&
    Math.abs(Date.now() / 1000 - Number(request.headers['webhook-timestamp'])) < 300;

// What was delivered, from one request: [{id, type, event, ...}].
const deliveries = ({ events }) => events.events ?? [events];

class Target {
    constructor(hook, secret) {
        Object.assign(this, { hook, secret, bad: [] });
        this.answer = () => 200;
    }

    get url() { return `${this.hook.origin}/hubspot/events`; }
    get requests() { return this.hook.requests; }
    // In the order in which they came.
    get got() { return this.requests.flatMap(deliveries); }
    // Of HubSpot's own, answered well.
    get taken() {
        return this.requests.filter(({ status }) => status < 300)
            .flatMap(deliveries).filter(({ type }) => type === 'hubspot.event');
    }

    clear() {
        this.hook.requests = [];
        this.answer = () => 200;
    }

    // As a deployment of the backend is: nobody listens on its port.
    async down() {
        this.port = this.hook.server.address().port;
        await this.hook.stop();
    }

    up() {
        return new Promise((resolve) => this.hook.server.listen(this.port, '127.0.0.1', resolve));
    }

    // Until that many events of HubSpot's were taken, repeats of one counted once.
    async has(n, within) {
        await until(`${n} events at the target`, () =>
            new Set(this.taken.map(({ id }) => id)).size >= n, within)
            .catch((e) => { e.message += ` (${this.taken.length})`; throw e; });
        return this.taken;
    }

    // Every test ends here, so none passes with a signature that is no good.
    async stop() {
        await this.hook.stop();
        assert.deepEqual(this.bad, []);
    }
}

export async function start({ secret = newSecret() } = {}) {
    const target = new Target(await receiver.start(), secret);
    target.hook.answer = async (request, n, response) => {
        if (!isSigned(target.secret, request)) target.bad.push(request);
        const answer = await target.answer(request, n, response);
        request.status = [answer ?? 599].flat()[0];
        return answer;
    };
    return target;
}

// HubSpot's hand by itself: events and their signatures, right or wrong, for
// what the emulator would not send.
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

let last = 0;

// An event that no other is the repeat of.
export const event = (rest = {}) => ({
    eventId: ++last, subscriptionId: 5, portalId: 1001, appId: 7,
    occurredAt: Date.now(), subscriptionType: 'contact.propertyChange',
    attemptNumber: 0, objectId: 100_000 + last, propertyName: 'email',
    propertyValue: `person-${last}@example.com`, ...rest,
});

export const urlOf = (keep, app = 'crm-sync') => `${keep.public}/webhooks/${app}`;
export const secretOf = (keep, app = 'crm-sync') =>
    readFileSync(join(keep.dir, `${app}.secret`), 'utf8').trim();

export const sign = (secret, url, body, at, method = 'POST') => createHmac('sha256', secret)
    .update(`${method}${url}`).update(body).update(String(at)).digest('base64');

// {url, body, headers}, ready for post; body: events, text or bytes.
export function signed(keep, what, { app, at = Date.now(), secret, headers, query = '' } = {}) {
    const url = urlOf(keep, app) + query;
    const body = typeof what === 'string' || Buffer.isBuffer(what) ? what : JSON.stringify(what);
    return {
        url, body, headers: {
            'content-type': 'application/json',
            'x-hubspot-signature-v3': sign(secret ?? secretOf(keep, app), url, body, at),
            'x-hubspot-request-timestamp': String(at), ...headers,
        },
    };
}

export async function post({ url, body, headers }) {
    const answer = await fetch(url, { method: 'POST', body, headers });
    return { status: answer.status, text: await answer.text(), headers: answer.headers };
}

export const send = (keep, what, how) => post(signed(keep, what, how));

// An app that talks to the emulator by itself, with its own client secret.
// Every call takes the hub first.
import { Signature } from '@hubspot/api-client';

export const id = 'my-app';
export const secret = 'my-secret';
export const portal = 1002;
export const scopes = ['oauth', ...['contacts', 'companies', 'deals'].flatMap((kind) =>
    [`crm.objects.${kind}.read`, `crm.objects.${kind}.write`])];

export async function oauth(hub, fields) {
    const answer = await fetch(`${hub.url}/oauth/2026-09/token`, {
        method: 'POST', body: new URLSearchParams({ client_id: id, client_secret: secret, ...fields }),
    });
    return answer.json();
}

// Connects a portal, and gives an access token of it.
export async function connect(hub, to = portal) {
    const { refresh_token } = await hub.connect(id, to, scopes);
    return (await oauth(hub, { grant_type: 'refresh_token', refresh_token })).access_token;
}

// The app's own token, for the webhooks journal.
export async function ownToken(hub, ...names) {
    const scope = names.map((name) => `developer.webhooks_journal.${name}`).join(' ');
    return (await oauth(hub, { grant_type: 'client_credentials', scope })).access_token;
}

// {status, body}; a whole URL goes where it says, no token goes along where
// it is null.
export async function call(hub, token, method, path, body) {
    const answer = await fetch(path.startsWith('http') ? path : `${hub.url}${path}`, {
        method, body: body && JSON.stringify(body),
        headers: token ? { authorization: `Bearer ${token}` } : {},
    });
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.includes('json');
    return { status: answer.status, body: isJson ? JSON.parse(text) : text };
}

export const contacts = '/crm/objects/2026-09/contacts';

// What HubSpot's SDK says to a request that a receiver took.
export function isSigned({ method, url, headers, body }, version, clientSecret = secret) {
    return Signature.isValid({
        clientSecret, method, url, requestBody: body, signatureVersion: version,
        signature: headers[version === 'v3' ? 'x-hubspot-signature-v3' : 'x-hubspot-signature'],
        timestamp: headers['x-hubspot-request-timestamp'],
    });
}

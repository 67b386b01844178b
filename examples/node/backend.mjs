// The backend of an app beside portkeep, for Node 20 and later: ../README.md
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
const { PORTKEEP_URL, PORTKEEP_KEY, WEBHOOK_SECRET, PORT } = process.env;
const secret = Buffer.from(WEBHOOK_SECRET.replace('whsec_', ''), 'base64');
const portals = new Map(); // tenant -> portal: a table of your database

async function portkeep(method, path, body) {
    const answer = await fetch(PORTKEEP_URL + path, { method, body: body && JSON.stringify(body),
        headers: { authorization: `Bearer ${PORTKEEP_KEY}`, 'content-type': 'application/json' } });
    if (!answer.ok) throw new Error(`portkeep: ${answer.status} ${await answer.text()}`);
    return answer.json();
}
function isFromPortkeep({ headers }, body) { // Standard Webhooks
    const [id, time, given] = ['id', 'timestamp', 'signature'].map((name) => headers[`webhook-${name}`] ?? '');
    const mac = createHmac('sha256', secret).update(`${id}.${time}.`).update(body).digest();
    return Math.abs(Date.now() / 1000 - Number(time)) <= 300 && given.split(' ').some((one) => {
        const sent = Buffer.from(one.replace('v1,', ''), 'base64');
        return one.startsWith('v1,') && sent.length === mac.length && timingSafeEqual(sent, mac);
    });
}
function take({ id, type, portal, event }) { // at least once: the same id may come again
    if (type === 'hubspot.event') console.log(`${id}: ${event.subscriptionType} in ${portal}`);
    if (type === 'portal.uninstalled' || type === 'portal.erased')
        for (const [tenant, its] of portals) if (its === portal) portals.delete(tenant);
}
async function answer(request, body) { // [status, what to say, headers]
    const url = new URL(request.url, `http://localhost:${PORT}`);
    if (`${request.method} ${url.pathname}` === 'POST /hubspot/events') {
        if (!isFromPortkeep(request, body)) return [401, 'wrong signature'];
        const one = JSON.parse(body);
        (one.events ?? [one]).forEach(take);
        return [204];
    } // All else is for signed-in people.  Put your own sign-in here: anybody can write this cookie.
    const tenant = request.headers.cookie?.match(/\btenant=([\w-]+)/)?.[1];
    if (!tenant) return [401, 'please sign in'];
    if (url.pathname === '/') return [200, '<a href="/connect">Connect with HubSpot</a>'];
    if (url.pathname === '/connect') { // the link's end is the page below, for this tenant alone
        const link = await portkeep('POST', '/v1/apps/crm-sync/connect-sessions',
            { ref: tenant, return_to: `${url.origin}/connected/${tenant}` });
        return [303, '', { location: link.url }];
    }
    if (url.pathname === `/connected/${tenant}`) { // somebody else's link must not connect this account
        const { portal } = await portkeep('POST', '/v1/apps/crm-sync/connect-results', { code: url.searchParams.get('connect') });
        portals.set(tenant, portal);
        return [303, '', { location: '/contacts' }];
    }
    if (url.pathname !== '/contacts' || !portals.has(tenant)) return [404, 'not found'];
    const contacts = await portkeep('GET', `/hubspot/crm-sync/${portals.get(tenant)}/crm/v3/objects/contacts`);
    return [200, JSON.stringify(contacts), { 'content-type': 'application/json' }];
}
createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    const [status, text, headers] = await answer(request, body).catch((e) => [502, console.error(e) ?? 'try again']);
    response.writeHead(status, { 'content-type': 'text/html', ...headers }).end(text);
}).listen(PORT, '127.0.0.1');

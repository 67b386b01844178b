// The five steps of an install, and everything that can go wrong in them.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as emulator from './support/emulator.mjs';
import * as portkeep from './support/keep.mjs';
import { Person } from './support/person.mjs';
import { stopAll, until } from './support/place.mjs';

let hub, keep;
before(async () => {
    hub = await emulator.start();
    keep = await portkeep.start({
        hub,
        apps: {
            'crm-sync': { optional_scopes: 'crm.objects.custom.read' },
            'listed': {
                client_id: '99999999-2222-3333-4444-555555555555',
                marketplace: 'yes',
                sign_in_url: 'http://localhost:9/sign-in',
            },
            'pages': {
                client_id: '88888888-2222-3333-4444-555555555555',
                return_to: undefined,
            },
        },
    });
});
after(async () => {
    await stopAll(keep, hub);
});

// A person who has allowed and whose browser is about to go to the callback.
async function atCallback(app, portal, options = { ref: `tenant-${portal}` }) {
    const person = new Person();
    const link = await keep.session(app, options);
    const page = await keep.toConsent(person, link);
    const end = await person.press(page, /^allow$/i, {
        choose: { portal },
        stay: (to) => to.startsWith(`${keep.public}/oauth/`),
    });
    for (const name of ['code', 'state'])
        keep.secrets.add(new URL(end.left).searchParams.get(name));
    return { person, url: new URL(end.left) };
}

const leavesTo = (to) => to.startsWith('http://localhost:9/');
const back = (person, url) => person.go(url.href, { stay: leavesTo });

// A page of portkeep's own: words, a request id, and never a token.
function isPage(page, status, words) {
    assert.equal(page.status, status, page.words);
    assert.match(page.headers.get('content-type'), /^text\/html/);
    assert.match(page.words, words);
    const id = page.headers.get('request-id');
    assert.ok(id && page.words.includes(id), 'no request id on the page');
}

describe('an install', () => {
    test('sends HubSpot everything that the consent page needs', async () => {
        const person = new Person();
        const answer = await person.request(await keep.session('crm-sync'));
        assert.equal(answer.status, 303);
        const to = new URL(answer.location);
        assert.equal(to.origin + to.pathname, `${hub.url}/oauth/authorize`);
        const has = Object.fromEntries(to.searchParams);
        assert.equal(has.client_id, portkeep.clientId);
        assert.equal(has.redirect_uri, `${keep.public}/oauth/crm-sync/callback`);
        assert.deepEqual(has.scope.split(' '), portkeep.scopes);
        assert.equal(has.optional_scope, 'crm.objects.custom.read');
        assert.equal(has.code_challenge_method, 'S256');
        assert.match(has.code_challenge, /^[\w-]{43}$/);
        assert.ok(has.state.length >= 43, 'the state has 256 bits');
        assert.ok(!to.search.includes('+'), 'a space is %20');
    });

    test('sets one cookie an attempt that only this host gets back', async () => {
        const person = new Person();
        const link = await keep.session('crm-sync');
        const first = await person.request(link);
        await person.request(link);
        const [line] = first.headers.getSetCookie();
        // Without TLS, on localhost only; tls.test.mjs has the other kind.
        for (const word of [/; *HttpOnly/i, /; *SameSite=Lax/i, /; *Path=\/(;|$)/i,
            /; *Max-Age=600/i])
            assert.match(line, word);
        assert.doesNotMatch(line, /Domain=/i);
        assert.equal(person.cookies.size, 2, 'two tabs, two cookies');
    });

    test('keeps at most eight cookies however often the link is opened', async () => {
        const person = new Person();
        const link = await keep.session('crm-sync');
        for (let i = 0; i < 12; i++) {
            const page = await person.request(link);
            assert.equal(page.status, 303, page.words);
        }
        assert.ok(person.cookies.size <= 8, `${person.cookies.size} cookies`);
    });

    test('ends with a grant whose ref the backend has bound', async () => {
        const done = await keep.connect('crm-sync', 1001, { ref: 'tenant-1001' });
        assert.equal(done.portal, 1001);
        assert.equal(done.ref, 'tenant-1001');
        assert.deepEqual(done.scopes.sort(), portkeep.scopes.toSorted());
        const { json } = await keep.portal('crm-sync', 1001);
        assert.equal(json.state, 'active');
        assert.equal(json.ref, 'tenant-1001');
    });

    test('says in the redirect what happened, in a code that works once', async () => {
        const person = new Person();
        const page = await keep.toConsent(person,
            await keep.session('crm-sync', { ref: 'tenant-1001' }));
        const end = await keep.allow(person, page, 1001);
        const left = new URL(end.left);
        assert.ok(left.searchParams.get('result'));
        const body = { code: left.searchParams.get('connect') };
        const path = '/v1/apps/crm-sync/connect-results';
        assert.equal((await keep.api('POST', path, { body })).status, 200);
        const again = await keep.api('POST', path, { body });
        assert.ok([404, 409, 410].includes(again.status), again.text);
        assert.match(again.headers.get('content-type'), /problem\+json/);
    });

    test('without a place to return to ends on a page that says so', async () => {
        const person = new Person();
        const link = await keep.session('pages', { return_to: undefined });
        const page = await keep.toConsent(person, link);
        const end = await keep.allow(person, page, 1002);
        isPage(end, 200, /connected/i);
        assert.match(end.words, /1002/);
    });

    test('reconnects without a gap: the token serves all the while', async () => {
        await keep.connect('crm-sync', 1001, { ref: 'tenant-1001' });
        const first = (await keep.portal('crm-sync', 1001)).json.generation;
        const { person, url } = await atCallback('crm-sync', 1001, { ref: 'tenant-1001' });
        assert.equal((await keep.token('crm-sync', 1001)).status, 200);
        await back(person, url);
        assert.equal((await keep.token('crm-sync', 1001)).status, 200);
        const { json } = await keep.portal('crm-sync', 1001);
        assert.ok(json.generation > first);
    });

    test('of two people at once on one portal gives one working grant', async () => {
        const both = [await atCallback('crm-sync', 1003, { ref: 'tenant-1003' }),
            await atCallback('crm-sync', 1003, { ref: 'tenant-1003' })];
        const ends = await Promise.all(
            both.map(({ person, url }) => back(person, url)));
        assert.ok(ends.every((end) => end.left || end.status < 500));
        assert.ok(ends.some((end) => end.left));
        const token = await keep.token('crm-sync', 1003);
        assert.equal(token.status, 200, token.text);
        const list = await keep.api('GET', '/v1/apps/crm-sync/portals');
        const rows = list.json.portals ?? list.json.results ?? list.json.data;
        assert.equal(rows.filter((one) => one.portal === 1003).length, 1);
    });

    test('gets the scopes that were granted, and names those that were not', async () => {
        // Portal 1001 is Free: it has no custom objects.
        const done = await keep.connect('crm-sync', 1001, { ref: 'tenant-1001' });
        assert.ok(!done.scopes.includes('crm.objects.custom.read'));
        const rich = await keep.connect('crm-sync', 1003, { ref: 'tenant-1003' });
        assert.ok(rich.scopes.includes('crm.objects.custom.read'));
    });
});

describe('a callback', () => {
    test('without a state is refused', async () => {
        const { person, url } = await atCallback('crm-sync', 1001);
        url.searchParams.delete('state');
        isPage(await back(person, url), 400, /link|start|again/i);
    });

    test('with a changed state is refused', async () => {
        const { person, url } = await atCallback('crm-sync', 1001);
        const state = url.searchParams.get('state');
        const wrong = state.slice(0, -4) + (state.endsWith('AAAA') ? 'BBBB' : 'AAAA');
        url.searchParams.set('state', wrong);
        isPage(await back(person, url), 400, /./);
    });

    test('with a state of another app is refused', async () => {
        const { person, url } = await atCallback('crm-sync', 1001);
        url.pathname = '/oauth/pages/callback';
        const page = await back(person, url);
        assert.ok(page.status >= 400 && page.status < 500, page.words);
    });

    test('in another browser is refused, and finishes in the right one', async () => {
        const { person, url } = await atCallback('crm-sync', 1001);
        isPage(await back(new Person(), url), 403, /browser/i);
        assert.ok((await back(person, url)).left);
    });

    test('that comes twice gets the first one\'s page', async () => {
        const { person, url } = await atCallback('crm-sync', 1001);
        const first = await back(person, url);
        const second = await back(person, url);
        assert.equal(second.left, first.left);
        assert.equal((await keep.token('crm-sync', 1001)).status, 200);
    });

    test('without a code is refused', async () => {
        const { person, url } = await atCallback('crm-sync', 1001);
        url.searchParams.delete('code');
        isPage(await back(person, url), 400, /./);
    });

    test('with a code of another attempt is refused by PKCE', async () => {
        const one = await atCallback('crm-sync', 1001);
        const two = await atCallback('crm-sync', 1001);
        one.url.searchParams.set('code', two.url.searchParams.get('code'));
        const page = await back(one.person, one.url);
        assert.ok(page.left || page.status >= 400);
        if (page.left)
            assert.notEqual(new URL(page.left).searchParams.get('result'), 'connected');
    });

    test('with a code that was used before is refused, and the grant serves on', async () => {
        const one = await atCallback('crm-sync', 1001);
        assert.ok((await back(one.person, one.url)).left);
        const two = await atCallback('crm-sync', 1001);
        two.url.searchParams.set('code', one.url.searchParams.get('code'));
        isPage(await back(two.person, two.url), 400, /HubSpot/);
        assert.equal((await keep.token('crm-sync', 1001)).status, 200);
    });

    test('whose reply has no refresh token makes no grant that would die', async () => {
        const { person, url } = await atCallback('pages', 1003, { return_to: undefined });
        await hub.settings({ omit_refresh_token: true });
        const page = await back(person, url);
        await hub.settings({ omit_refresh_token: false });
        isPage(page, 502, /HubSpot/);
        assert.equal((await keep.portal('pages', 1003)).status, 404);
    });

    test('with fewer scopes than wanted says so in the redirect', async () => {
        const person = new Person();
        const page = await keep.toConsent(person, await keep.session('crm-sync',
            { ref: 'tenant-1001', take_over: true }));
        const less = new URL(page.url);
        less.searchParams.set('scope', 'oauth crm.objects.contacts.read');
        const end = await keep.allow(person, await person.go(less.href), 1001);
        assert.equal(new URL(end.left).searchParams.get('result'), 'missing_scopes');
        const { json } = await keep.portal('crm-sync', 1001);
        assert.ok(!json.scopes.includes('crm.objects.contacts.write'));
        assert.ok(json.scopes_wanted.includes('crm.objects.contacts.write'));
    });

    test('with an expired code says so and offers another try', async () => {
        const { person, url } = await atCallback('crm-sync', 1001);
        await hub.control('POST', '/clock', { advance_s: 3600 });
        const page = await back(person, url);
        await hub.control('POST', '/clock', { advance_s: -3600 });
        assert.ok(page.status >= 400, page.words);
        assert.match(page.words, /again/i);
        assert.match(page.text, /href="[^"]*\/connect\/crm-sync/);
    });

    test('after Cancel says that nothing was connected', async () => {
        const person = new Person();
        const page = await keep.toConsent(person, await keep.session('crm-sync'));
        const end = await person.press(page, /cancel/i, { stay: leavesTo });
        if (end.left)
            assert.match(new URL(end.left).searchParams.get('result'), /cancel/);
        else
            isPage(end, 200, /cancel|not connected|nothing/i);
    });

    test('whose exchange HubSpot refuses for our redirect is our own fault', async () => {
        const { person, url } = await atCallback('crm-sync', 1001);
        await hub.fault({
            path: emulator.tokenPath, do: 'refuse',
            type: 'MISMATCH_REDIRECT_URI_AUTH_CODE',
        });
        const page = await back(person, url);
        assert.ok(page.status >= 400, page.words);
        assert.equal((await keep.token('crm-sync', 1001)).status, 200,
            'the grant from before still serves');
        await until('the log names it', () => /MISMATCH_REDIRECT_URI/.test(keep.log));
    });

    for (const [what, fault] of Object.entries({
        'is down': { do: 'drop' },
        'answers 500': { do: 'status', status: 500 },
        'answers 429': { do: 'status', status: 429 },
        'answers HTML': { do: 'html' },
        'answers garbage': { do: 'garbage' },
        'breaks off': { do: 'truncate' },
    }))
        test(`when the token endpoint ${what} ends on a page to try again from`, async () => {
            const { person, url } = await atCallback('crm-sync', 1001);
            await hub.fault({ path: emulator.tokenPath, times: 20, ...fault });
            const page = await back(person, url);
            await hub.clearFaults();
            // Not the browser's mistake, and not ours.
            isPage(page, fault.status === 429 ? 503 : 502, /HubSpot/);
            assert.match(page.words, /try again/i);
            assert.match(page.text, /href="[^"]*\/connect\/crm-sync/);
        });
});

describe('a session link', () => {
    test('is refused when it is not one of ours', async () => {
        const page = await new Person().go(`${keep.public}/connect/crm-sync?session=nonsense`);
        isPage(page, 410, /link/i);
    });

    test('survives mail scanners that open it first', async () => {
        const link = await keep.session('crm-sync', { ref: 'tenant-1001' });
        for (let i = 0; i < 3; i++)
            assert.equal((await new Person().request(link)).status, 303);
        const person = new Person();
        const end = await keep.allow(person, await keep.toConsent(person, link), 1001);
        assert.ok(end.left, end.words);
    });

    test('is used up by success', async () => {
        const person = new Person();
        const link = await keep.session('crm-sync', { ref: 'tenant-1001' });
        await keep.allow(person, await keep.toConsent(person, link), 1001);
        const page = await new Person().go(link);
        assert.ok(page.status >= 400 && page.status < 500, page.words);
    });

    test('for a named portal refuses another account', async () => {
        const person = new Person();
        const link = await keep.session('crm-sync', { ref: 'only', portal: 1003 });
        const before = await hub.count(`POST /oauth/2026-03/token/revoke`);
        const only = await keep.toConsent(person, link);
        assert.match(only.url, /\/oauth\/1003\/authorize/);
        assert.ok(!only.words.includes('1002'), 'HubSpot does not ask which account');
        // HubSpot's page lets a person change the account all the same.
        const page = await person.go(only.url.replace('/oauth/1003/', '/oauth/'));
        isPage(await keep.allow(person, page, 1002), 403, /another HubSpot account/i);
        assert.equal((await keep.portal('crm-sync', 1002)).status, 404);
        await until('its new token is revoked', async () =>
            await hub.count(`POST /oauth/2026-03/token/revoke`) > before);
    });

    for (const [what, body] of Object.entries({
        'a return_to that is not on the list': { return_to: 'https://evil.example/' },
        'a return_to with a user part': { return_to: 'http://localhost:9@evil.example/' },
        'a return_to with a backslash': { return_to: 'http://localhost:9\\connected' },
        'a scope that the app does not list': { optional_scopes: ['tickets'] },
        'a portal that is not a number': { portal: 'abc' },
        'a ref that is too long': { ref: 'x'.repeat(300) },
        'a body that is not an object': '[1]',
        'a body that is not JSON': '{"ref":',
    }))
        test(`is not made for ${what}`, async () => {
            const answer = await keep.api('POST', '/v1/apps/crm-sync/connect-sessions', {
                body: typeof body === 'string' ? body : { ref: 'r', ...body },
                headers: { 'content-type': 'application/json' },
            });
            assert.equal(answer.status, 400, answer.text);
            assert.ok(answer.json.detail.length > 10);
        });

    test('of an unknown app is a page', async () => {
        isPage(await new Person().go(`${keep.public}/connect/nobody?session=x`), 404, /./);
    });

    test('under another ref does not take a connected portal over', async () => {
        await keep.connect('crm-sync', 1001, { ref: 'tenant-1001' });
        const person = new Person();
        const link = await keep.session('crm-sync', { ref: 'intruder' });
        const end = await keep.allow(person, await keep.toConsent(person, link), 1001);
        assert.ok(!end.left || /already/.test(end.left), end.left);
        assert.equal((await keep.portal('crm-sync', 1001)).json.ref, 'tenant-1001');
    });

    test('that says take_over does, and the backend hears from whom', async () => {
        const done = await keep.connect('crm-sync', 1001,
            { ref: 'tenant-b', take_over: true });
        assert.equal(done.previous_ref, 'tenant-1001');
        assert.equal((await keep.portal('crm-sync', 1001)).json.ref, 'tenant-b');
    });
});

describe('an install that starts at HubSpot', () => {
    const returnUrl = 'https://app.hubspot.com/integrations/1002/done';

    test('without a state is refused for an app that is not listed', async () => {
        const { url } = await atCallback('crm-sync', 1002);
        url.searchParams.delete('state');
        url.searchParams.set('returnUrl', returnUrl);
        const page = await new Person().go(url.href);
        assert.equal(page.status, 400, page.words);
    });

    test('makes a grant without a ref and goes back to HubSpot', async () => {
        // The emulator's codes are bound to no PKCE when none was asked for.
        const person = new Person();
        const consent = await person.go(`${hub.url}/oauth/authorize?` +
            new URLSearchParams({
                client_id: '99999999-2222-3333-4444-555555555555',
                redirect_uri: `${keep.public}/oauth/listed/callback`,
                scope: portkeep.scopes.join(' '),
            }));
        const end = await person.press(consent, /^allow$/i, {
            choose: { portal: 1002 },
            stay: (to) => to.startsWith(keep.public),
        });
        const url = new URL(end.left);
        url.searchParams.set('returnUrl', returnUrl);
        const page = await person.go(url.href,
            { stay: (to) => to.startsWith('https://app.hubspot.com/') });
        assert.equal(page.left, returnUrl);
        assert.equal((await keep.portal('listed', 1002)).json.state, 'active');
    });

    for (const bad of ['http://app.hubspot.com/x', 'https://app.hubspot.com.evil.example/',
        'https://evil.example/', 'https://app.hubspot.com@evil.example/',
        'https://app.hubspot.com:8443/', 'https://app-EVIL.x.hubspot.com/',
        'https://app.hubspot.com\\@evil.example/', '//app.hubspot.com/'])
        test(`does not follow returnUrl ${bad}`, async () => {
            const url = new URL(`${keep.public}/oauth/listed/callback`);
            url.searchParams.set('step', 'authorize');
            url.searchParams.set('returnUrl', bad);
            const page = await new Person().request(url.href);
            assert.equal(page.status, 400, page.location ?? page.words);
        });

    test('signs the user in at the partner first, and finishes with a state', async () => {
        const person = new Person();
        const url = new URL(`${keep.public}/oauth/listed/callback`);
        url.searchParams.set('step', 'authorize');
        url.searchParams.set('returnUrl', returnUrl);
        const first = await person.request(url.href);
        assert.equal(first.status, 303, first.words);
        const signIn = new URL(first.location);
        assert.equal(signIn.origin + signIn.pathname, 'http://localhost:9/sign-in');
        const attempt = signIn.searchParams.get('attempt');
        const made = await keep.api('POST', '/v1/apps/listed/connect-sessions',
            { body: { attempt, ref: 'market-1' } });
        assert.equal(made.status, 201, made.text);
        const second = await person.request(made.json.url);
        assert.equal(second.status, 303, second.words);
        const to = new URL(second.location);
        assert.equal(to.origin + to.pathname, returnUrl);
        assert.ok(to.searchParams.get('state'));
    });
});

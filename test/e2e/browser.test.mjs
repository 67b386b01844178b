// A customer in a real browser: the whole install by clicks, and every page
// that they can meet, readable for all, in light and dark.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { fitsNarrow, isAccessible, launch } from './support/chromium.mjs';
import * as emulator from './support/emulator.mjs';
import * as portkeep from './support/keep.mjs';
import { stopAll } from './support/place.mjs';

let hub, keep, browser, context, page;
before(async () => {
    hub = await emulator.start();
    keep = await portkeep.start({
        hub,
        apps: {
            'crm-sync': {
                return_to: undefined,
                support_url: 'https://help.example.com/portkeep',
                optional_scopes: 'crm.objects.custom.read',
            },
        },
    });
    browser = await launch();
});
after(async () => {
    await browser?.close();
    await stopAll(keep, hub);
});
beforeEach(async () => {
    context = await browser.newContext({ viewport: { width: 1000, height: 800 } });
    page = await context.newPage();
});
afterEach(() => context.close());

const session = (options) => keep.session('crm-sync', { return_to: undefined, ...options });

async function toConsent(link, on = page) {
    await on.goto(link);
    await on.waitForURL((url) => url.href.startsWith(hub.url));
}
async function choose(portal, on = page) {
    const choice = on.locator(`input[value="${portal}"]`);
    if (await choice.count()) await choice.check();
    else await on.getByLabel(new RegExp(String(portal))).check();
}
const allow = (on = page) => on.getByRole('button', { name: /^allow$/i }).click();

// What every page of ours has.
async function isOurs(words) {
    await page.waitForURL((url) => url.href.startsWith(keep.public));
    const text = await page.innerText('body');
    assert.match(text, words, text);
    assert.equal(await page.locator('h1').count(), 1);
    assert.ok(await page.locator('html').getAttribute('lang'));
    assert.ok((await page.title()).length > 5);
    await isAccessible(page);
    await fitsNarrow(page);
    for (const secret of keep.secrets) assert.ok(!text.includes(secret));
}

test('an install by clicks ends on a page that says connected', async () => {
    await toConsent(await session());
    const words = await page.innerText('body');
    assert.match(words, /contact/i, 'scopes are told in words');
    await isAccessible(page);
    await choose(1003);
    await allow();
    await isOurs(/connected/i);
    assert.match(await page.innerText('body'), /CRM Sync/);
    assert.match(await page.innerText('body'), /1003/);
    assert.equal((await keep.token('crm-sync', 1003)).status, 200);
});

test('two tabs at once both finish', async () => {
    const second = await context.newPage();
    await toConsent(await session({ ref: 'tenant-1' }));
    await toConsent(await session({ ref: 'tenant-1' }), second);
    await choose(1003);
    await choose(1003, second);
    await allow();
    await isOurs(/connected/i);
    await allow(second);
    await second.waitForURL((url) => url.href.startsWith(keep.public));
    assert.match(await second.innerText('body'), /connected/i);
});

test('Cancel ends on a page that says so, and leads back', async () => {
    await toConsent(await session());
    await page.getByRole('button', { name: /cancel/i }).click();
    await isOurs(/cancel|not connected|nothing/i);
    await page.getByRole('link', { name: /again/i }).click();
    await page.waitForURL((url) => url.href.startsWith(hub.url));
});

describe('every other page', () => {
    // HubSpot's answer to Allow is held back, and where it would have sent
    // the browser is changed on the way.
    const callback = async (change) => {
        await toConsent(await session());
        await choose(1003);
        await page.route('**/oauth/authorize/decision', async (route) => {
            const answer = await route.fetch({ maxRedirects: 0 });
            const end = new URL(answer.headers().location);
            await change?.(end);
            await route.fulfill({ status: 303, headers: { location: end.href } });
        });
        await allow();
    };

    test('failed: HubSpot refuses the code', async () => {
        await callback((url) => url.searchParams.set('code', 'na1-wrong'));
        await isOurs(/again|could not/i);
    });

    test('busy: HubSpot cannot be reached', async () => {
        await hub.fault({ path: emulator.tokenPath, do: 'status', status: 503, times: 20 });
        await callback();
        await hub.clearFaults();
        await isOurs(/again|later/i);
    });

    test('state invalid', async () => {
        await callback((url) => url.searchParams.set('state', 'nonsense'));
        await isOurs(/link|again|start/i);
    });

    test('other browser', async () => {
        await callback(() => context.clearCookies());
        await isOurs(/browser/i);
    });

    test('link invalid', async () => {
        await page.goto(`${keep.public}/connect/crm-sync?session=nonsense`);
        await isOurs(/link/i);
    });

    test('unknown app', async () => {
        await page.goto(`${keep.public}/connect/nobody?session=x`);
        await isOurs(/./);
    });

    test('wrong account', async () => {
        await toConsent(await session({ portal: 1001 }));
        // HubSpot's page lets a person change the account all the same.
        await page.goto(page.url().replace('/oauth/1001/', '/oauth/'));
        await choose(1002);
        await allow();
        await isOurs(/another HubSpot account/i);
    });

    test('missing scopes', async () => {
        await toConsent(await session({ ref: 'tenant-less' }));
        const less = new URL(page.url());
        less.searchParams.set('scope', 'oauth crm.objects.contacts.read');
        await page.goto(less.href);
        await choose(1002);
        await allow();
        await isOurs(/not everything will work[^]*change and archive contacts/);
    });

    test('already connected to somebody else', async () => {
        await toConsent(await session({ ref: 'tenant-other' }));
        await choose(1003);
        await allow();
        await isOurs(/already/i);
    });

    test('nothing there', async () => {
        const answer = await page.goto(`${keep.public}/nowhere`);
        assert.equal(answer.status(), 404);
    });
});

test('the emulator\'s own pages are accessible too', async () => {
    await page.goto(`${hub.url}/apps`);
    await isAccessible(page);
    await fitsNarrow(page);
});

test('no page asks anybody else for anything', async () => {
    const asked = [];
    page.on('request', (request) => asked.push(new URL(request.url()).origin));
    await toConsent(await session({ ref: 'tenant-1' }));
    await choose(1003);
    await allow();
    await isOurs(/connected/i);
    assert.deepEqual([...new Set(asked)].sort(), [keep.public, hub.url].sort());
});

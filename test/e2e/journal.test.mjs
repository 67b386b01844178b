// HubSpot's webhooks journal: how an uninstall, a privacy deletion and, where
// wanted, all other events reach portkeep without any push.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as emulator from './support/emulator.mjs';
import * as portkeep from './support/keep.mjs';
import { stopAll, until } from './support/place.mjs';

const journal = '/webhooks-journal/journal/2026-03';
const subscriptions = 'POST /webhooks-journal/subscriptions/2026-03';

// The journal is read every minute; after a reload at once.
const look = (keep) => keep.cli('reload');
// A look that meets a courier which is just being replaced is repeated.
const lookUntil = (keep, what, isSo) => until(what, async () => {
    await look(keep);
    return isSo();
});

describe('the journal', () => {
    let hub, keep;
    before(async () => {
        hub = await emulator.start({ settings: { journal_delay_ms: 0 } });
        keep = await portkeep.start({
            hub,
            apps: {
                'crm-sync': {},
                pulls: { events_from: 'journal', client_id: '22222222-2222-3333-4444-555555555555' },
            },
        });
    });
    after(() => stopAll(keep, hub));

    test('is subscribed for the life cycle, and for each portal that connects', async () => {
        await until('the life cycle is subscribed', async () =>
            await hub.count(subscriptions) >= 2);
        const before = await hub.count(subscriptions);
        await keep.connect('crm-sync', 1001);
        await until('the portal is subscribed', async () =>
            await hub.count(subscriptions) > before);
    });

    test('tells of an uninstall, which erases the portal', async () => {
        await keep.connect('crm-sync', 1002);
        await hub.uninstall({ portal: 1002 });
        await lookUntil(keep, 'the portal is erased', async () =>
            (await keep.portal('crm-sync', 1002)).status === 404);
        const { json } = await keep.cli('portals', 'erased', '--json');
        const receipt = json.receipts.find(({ portal }) => portal === 1002);
        assert.equal(receipt.on_word_of, 'hubspot journal');
        assert.equal(receipt.remote, 'gone');
        await keep.cli('audit', 'verify');
    });

    test('does not end a portal that has connected again meanwhile', async () => {
        await keep.connect('crm-sync', 1003);
        await hub.uninstall({ portal: 1003 });
        await keep.connect('crm-sync', 1003);
        // It may be heard before the second install, too: then it was right.
        await lookUntil(keep, 'the word is heard', () =>
            /uninstall\.(old_)?word app=crm-sync portal=1003/.test(keep.log));
        await look(keep);
        await until('it is served', async () =>
            (await keep.token('crm-sync', 1003)).status === 200);
    });

    test('brings all events of an app that wants them from there', async () => {
        const key = await keep.key({ verb: 'events' });
        const before = await hub.count(subscriptions);
        await keep.connect('pulls', 1001);
        await until('its contacts are subscribed', async () =>
            await hub.count(subscriptions) >= before + 2);
        const { json: made } = await keep.call('pulls', 1001, '/crm/v3/objects/contacts', {
            method: 'POST', body: { properties: { email: 'journal@example.com' } },
        });
        const events = await lookUntil(keep, 'the event is in the log', async () => {
            const { json } = await keep.api('GET', '/v1/apps/pulls/events?portal=1001', { key });
            const found = json.events.filter(({ type }) => type === 'hubspot.event');
            return found.length > 0 && found;
        });
        assert.equal(events[0].source, 'journal');
        assert.equal(String(events[0].event.objectId), made.id);
    });

    test('takes a file about many accounts that are not connected here', async () => {
        await hub.control('POST', '/grants', {
            client_id: portkeep.clientId, scopes: portkeep.scopes,
            first_portal: 7000, count: 60,
        });
        const key = await keep.key({ verb: 'events' });
        await keep.connect('crm-sync', 1002);
        await hub.uninstall({ portal: 1002 });
        await lookUntil(keep, 'what was said last is heard', async () =>
            (await keep.portal('crm-sync', 1002)).status === 404);
        assert.equal((await keep.api('GET', '/v1/apps/crm-sync/events', { key })).status, 200);
        assert.doesNotMatch(keep.log, / error store\.failed/);
    });
});

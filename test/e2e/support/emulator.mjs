// HubSpot's stand-in, and the words in which tests ask it to misbehave.
import { join } from 'node:path';
import { build, until } from './place.mjs';
import { Program } from './program.mjs';

export const tokenPath = '/oauth/2026-03/token';

class Hub {
    constructor(program, url) {
        this.program = program;
        this.url = url;
    }

    async control(method, path, body) {
        const answer = await fetch(`${this.url}/_emulator${path}`, {
            method,
            headers: body ? { 'content-type': 'application/json' } : {},
            body: body && JSON.stringify(body),
        });
        const text = await answer.text();
        if (!answer.ok)
            throw new Error(`${method} /_emulator${path}: ${answer.status} ${text}`);
        return text ? JSON.parse(text) : undefined;
    }

    settings(values) {
        return this.control('PUT', '/settings', values);
    }

    // {path, nth, do, ...}; without nth the next call.
    fault(fault) {
        return this.control('POST', '/faults', { nth: 1, ...fault });
    }

    clearFaults() {
        return this.control('DELETE', '/faults');
    }

    refuseNextRefresh(type = 'BAD_REFRESH_TOKEN') {
        return this.fault({ path: tokenPath, do: 'refuse', type });
    }

    calls() {
        return this.control('GET', '/calls');
    }

    // How often that was called: 'POST /oauth/2026-03/token'.
    async count(what) {
        return (await this.calls()).by_path[what] ?? 0;
    }

    async refreshes() {
        return (await this.calls()).by_grant_type.refresh_token ?? 0;
    }

    // [{portal, name, token, scopes}]
    async staticTokens() {
        return (await this.control('GET', '/tokens')).results;
    }

    async newStaticToken(portal) {
        const { token } = await this.control('POST', '/tokens', {
            portal, name: 'Rotated', scopes: ['crm.objects.contacts.read'],
        });
        return token;
    }

    expire(what = {}) {
        return this.control('POST', '/expire', what);
    }

    revoke(what) {
        return this.control('POST', '/revoke', what);
    }

    uninstall(what) {
        return this.control('POST', '/uninstall', what);
    }

    // {portal, type, count, ...}: webhooks that nothing caused.
    emit(order) {
        return this.control('POST', '/emit', order);
    }

    webhooks(query = '') {
        return this.control('GET', `/webhooks${query}`);
    }

    // Until nothing is left to be sent; gives the counters.
    delivered(within) {
        return until('all webhooks are delivered', async () => {
            const counters = await this.webhooks();
            return counters.pending === 0 && counters;
        }, within);
    }

    advance(seconds) {
        return this.control('POST', '/clock', { advance_s: seconds });
    }

    // A connected portal at once: {portal, refresh_token}.
    async connect(client_id, portal, scopes = ['oauth']) {
        const { results } = await this.control('POST', '/grants', { client_id, first_portal: portal, scopes });
        return results[0];
    }

    reset() {
        return this.control('POST', '/reset', {});
    }

    stop() {
        return this.program.stop();
    }
}

export async function start({ settings, args = [], port = 0 } = {}) {
    const program = new Program(join(build, 'portkeep-emulator'),
        ['--listen', `127.0.0.1:${port}`, ...args]);
    const [, url] = await program.line(/(http:\/\/127\.0\.0\.1:\d+)/);
    const hub = new Hub(program, url);
    if (settings) await hub.settings(settings);
    return hub;
}

// portkeep itself: its folder, its configuration, its processes, its doors.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Person } from './person.mjs';
import { build, folder, folderIn, freePort, isRoot, until } from './place.mjs';
import { Program, children, run } from './program.mjs';

const portkeep = join(build, 'portkeep');
export const clientId = '11111111-2222-3333-4444-555555555555';
export const scopes = ['oauth', 'crm.objects.contacts.read',
    'crm.objects.contacts.write'];
// Where the app's backend would be: browsers that are sent there have left.
export const backend = 'http://localhost:9/connected';

// No test may end with one of its secrets in a log.
const marked = (what) => `planted-${what}-${randomBytes(12).toString('hex')}`;

const ini = (sections) => Object.entries(sections)
    .map(([name, keys]) => `[${name}]\n` + Object.entries(keys)
        .filter(([, value]) => value !== undefined)
        .map(([key, value]) => `${key} = ${[value].flat().join(' ')}\n`)
        .join(''))
    .join('\n');

export class Keep {
    constructor({ hub, apps, server, store, hubspot }) {
        this.hub = hub;
        this.place = folder();
        this.dir = this.place.path;
        this.config = join(this.dir, 'portkeep.conf');
        this.data = folderIn(this.dir, 'data');
        this.database = join(this.data, 'portkeep.db');
        this.masterKey = join(this.dir, 'master.key');
        this.admin = join(this.dir, 'admin.sock');
        this.secrets = new Set();
        this.programs = [];
        this.given = { apps, server, store, hubspot };
    }

    // A file in the folder that only its owner reads.
    file(name, text, mode = 0o600) {
        const path = join(this.dir, name);
        writeFileSync(path, text, { mode });
        return path;
    }

    async prepare() {
        const [port, privatePort] = [await freePort(), await freePort()];
        this.public = `http://localhost:${port}`;
        this.file('master.key', `20261124-test ${randomBytes(32).toString('base64')}\n`);
        const { apps, server, store, hubspot } = this.given;
        const sections = {
            server: {
                public_url: this.public,
                public_listen: `127.0.0.1:${port}`,
                private_listen: `127.0.0.1:${privatePort}`,
                admin_socket: this.admin,
                ...(isRoot && { user: 'nobody' }),
                ...server,
            },
            store: {
                url: `sqlite:${this.database}`,
                master_key: `file:${this.masterKey}`,
                ...store,
            },
            hubspot: {
                api_url: this.hub?.url ?? 'http://127.0.0.1:9',
                authorize_url: `${this.hub?.url ?? 'http://127.0.0.1:9'}/oauth/authorize`,
                ...hubspot,
            },
        };
        for (const [name, keys] of Object.entries(apps))
            sections[`app ${name}`] = this.app(name, keys);
        this.sections = sections;
        this.writeConfig();
    }

    app(name, keys) {
        if (keys.type === 'static') return { name: name.toUpperCase(), ...keys };
        const secret = keys.secret ?? marked('client-secret');
        this.secrets.add(secret);
        const { secret: _, ...rest } = keys;
        return {
            type: 'oauth',
            name: 'CRM Sync',
            client_id: clientId,
            client_secret: `file:${this.file(`${name}.secret`, `${secret}\n`)}`,
            scopes,
            return_to: backend,
            ...rest,
        };
    }

    writeConfig() {
        writeFileSync(this.config, ini(this.sections));
    }

    serve(args = []) {
        this.program = new Program(portkeep,
            ['serve', '-c', this.config, ...args], { cwd: this.dir });
        this.programs.push(this.program);
        return this.program;
    }

    async ready(args) {
        const [, rest] = await this.serve(args).line(/serve\.ready (.*)/);
        const [, address] = rest.match(/private=(\S+)/);
        this.private = `http://${address}`;
        return this;
    }

    // The process of that role, e.g. 'keeper'.
    pid(role) {
        return children(this.program.pid)
            .find(({ name }) => name === `portkeep-${role}`)?.pid;
    }

    async kill(role, signal = 'SIGKILL') {
        const pid = await until(`there is a ${role}`, () => this.pid(role));
        process.kill(pid, signal);
        await until(`${role} ${pid} is gone`, () => this.pid(role) !== pid);
    }

    async restart() {
        await this.program.stop();
        return this.ready();
    }

    // {status, stdout, stderr, json}; fails unless it ends with `expect`.
    async cli(...words) {
        const options = typeof words.at(-1) === 'object' ? words.pop() : {};
        const { expect, ...rest } = { expect: 0, ...options };
        const answer = await run(portkeep, words, {
            cwd: this.dir,
            env: { PATH: process.env.PATH, PORTKEEP_CONFIG: this.config },
            ...rest,
        });
        if (expect !== undefined && answer.status !== expect)
            assert.fail(`portkeep ${words.join(' ')}: status ${answer.status} ` +
                `${answer.signal ?? ''}, wanted ${expect}\n${answer.stdout}\n` +
                `${answer.stderr}\n--- serve\n${this.program?.text.slice(-3000)}`);
        return answer;
    }

    refresh(app, portal, options = {}) {
        return this.cli('portals', 'refresh', app, String(portal), options);
    }

    // A new API key: key({app: 'crm-sync', verb: ['token', 'call']}).
    async key({ name = `k${this.secrets.size}`, ...limits } = {}) {
        const flags = Object.entries(limits).flatMap(([limit, values]) =>
            [values].flat().flatMap((value) => [`--${limit}`, String(value)]));
        const { json } = await this.cli('keys', 'create', name, ...flags, '--json');
        this.secrets.add(json.key);
        return json.key;
    }

    // What a backend may do that may do everything.
    async master() {
        this.all ??= await this.key({
            name: 'everything',
            verb: ['token', 'call', 'connect', 'portals', 'disconnect'],
        });
        return this.all;
    }

    // A call to the private listener: {status, headers, json, text}.  An
    // object as body is sent as JSON, all else as it is.
    async api(method, path, { key, body, headers = {}, ...rest } = {}) {
        const credential = key === undefined ? await this.master() : key;
        const isJson = body?.constructor === Object;
        const answer = await fetch(this.private + path, {
            method,
            headers: {
                ...(credential && { authorization: `Bearer ${credential}` }),
                ...(isJson && { 'content-type': 'application/json' }),
                ...headers,
            },
            body: isJson ? JSON.stringify(body) : body,
            ...rest,
        });
        const text = await answer.text();
        return {
            status: answer.status, headers: answer.headers, text,
            get json() { return JSON.parse(text); },
        };
    }

    async token(app, portal, options) {
        const answer = await this.api('GET',
            `/v1/apps/${app}/portals/${portal}/token`, options);
        if (answer.status === 200) this.secrets.add(answer.json.access_token);
        return answer;
    }

    portal(app, portal) {
        return this.api('GET', `/v1/apps/${app}/portals/${portal}`);
    }

    call(app, portal, path, { method = 'GET', ...rest } = {}) {
        return this.api(method, `/hubspot/${app}/${portal}${path}`, rest);
    }

    // A session link, as the app's backend asks for one.
    async session(app, body = {}) {
        const answer = await this.api('POST', `/v1/apps/${app}/connect-sessions`,
            { body: { ref: 'tenant-1', return_to: backend, ...body } });
        assert.equal(answer.status, 201, answer.text);
        return answer.json.url;
    }

    // From the link to HubSpot's consent page.
    async toConsent(person, link) {
        const page = await person.go(link);
        assert.match(page.url, /\/oauth\/(\d+\/)?authorize/, page.words);
        assert.equal(page.status, 200, page.words);
        return page;
    }

    // Chooses the portal and allows; ends on a page or leaves to the backend.
    async allow(person, page, portal) {
        const end = await person.press(page, /^allow$/i, {
            choose: { portal },
            stay: (to) => to.startsWith('http://localhost:9/'),
        });
        for (const url of [...person.seen, end.left].filter(Boolean))
            for (const name of ['code', 'state', 'connect', 'session']) {
                const value = new URL(url).searchParams.get(name);
                if (value?.length > 15) this.secrets.add(value);
            }
        return end;
    }

    // The whole install, as customer and backend: what connect-results says.
    async connect(app, portal, { ref = `tenant-${portal}`, ...body } = {}) {
        const person = new Person();
        const link = await this.session(app, { ref, ...body });
        const page = await this.toConsent(person, link);
        const end = await this.allow(person, page, portal);
        assert.ok(end.left, `not sent back to the app: ${end.status} ${end.words}`);
        const code = new URL(end.left).searchParams.get('connect');
        const answer = await this.api('POST', `/v1/apps/${app}/connect-results`,
            { body: { code } });
        assert.equal(answer.status, 200, answer.text);
        return answer.json;
    }

    get log() {
        return this.programs.map((one) => one.text).join('');
    }

    // What stands in the database's files, as bytes.
    storedBytes() {
        return Buffer.concat(readdirSync(this.data)
            .map((name) => join(this.data, name))
            .filter((path) => statSync(path).isFile())
            .map((path) => readFileSync(path)));
    }

    // Every test ends here, so none passes that leaks a secret.
    async stop() {
        try {
            if (this.program) await this.program.stop();
            for (const secret of this.secrets)
                assert.ok(!this.log.includes(secret), `a secret is in the log: ` +
                    this.log.split('\n').find((line) => line.includes(secret)));
            assert.doesNotMatch(this.log,
                /ERROR: (Address|Leak)Sanitizer|runtime error:/);
        } finally {
            if (process.env.PORTKEEP_TEST_LOGS)
                writeFileSync(join(process.env.PORTKEEP_TEST_LOGS,
                    `${basename(this.dir)}.log`), this.log);
            this.place.close();
        }
    }
}

// Not started yet: for tests of the start itself.
export async function prepare({ hub, apps = { 'crm-sync': {} }, ...rest } = {}) {
    const keep = new Keep({ hub, apps, ...rest });
    await keep.prepare();
    return keep;
}

export async function start(options) {
    const keep = await prepare(options);
    try {
        await keep.ready();
        return keep;
    } catch (e) {
        keep.program.child.kill('SIGKILL');
        keep.place.close();
        throw e;
    }
}

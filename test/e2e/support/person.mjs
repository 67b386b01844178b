// A person with a browser, played by fetch: cookies, redirects, forms.

const unescape = (text) => text.replace(/&(amp|lt|gt|quot|#39|#x27);/g,
    (all, name) => ({ amp: '&', lt: '<', gt: '>', quot: '"' })[name] ?? "'");

function attributes(tag) {
    const found = {};
    for (const [, name, , , a, b, c] of
        tag.matchAll(/([\w-]+)(=("([^"]*)"|'([^']*)'|([^\s>]+)))?/g))
        found[name.toLowerCase()] = unescape(a ?? b ?? c ?? '');
    return found;
}

export class Person {
    constructor() {
        this.cookies = new Map(); // origin and name -> {name, value, attributes}
        this.seen = [];           // every URL that was in the address bar
    }

    cookieHeader(url) {
        const { hostname } = new URL(url);
        return [...this.cookies.values()]
            .filter((one) => one.hostname === hostname)
            .map((one) => `${one.name}=${one.value}`).join('; ');
    }

    keepCookies(url, answer) {
        const { hostname } = new URL(url);
        for (const line of answer.headers.getSetCookie()) {
            const [pair, ...rest] = line.split(/;\s*/);
            const [name, value] = [pair.slice(0, pair.indexOf('=')),
                pair.slice(pair.indexOf('=') + 1)];
            const is = (flag) => rest.some((one) => one.toLowerCase() === flag);
            const key = `${hostname} ${name}`;
            if (is('max-age=0') || value === '') this.cookies.delete(key);
            else this.cookies.set(key, { hostname, name, value, line });
        }
    }

    // One request, no redirect followed.
    async request(url, { method = 'GET', body, headers = {} } = {}) {
        const cookie = this.cookieHeader(url);
        const answer = await fetch(url, {
            method, body, redirect: 'manual',
            headers: { accept: 'text/html', ...(cookie && { cookie }), ...headers },
        });
        this.seen.push(url);
        this.keepCookies(url, answer);
        const text = await answer.text();
        const to = answer.headers.get('location');
        return {
            url, status: answer.status, headers: answer.headers, text,
            location: to ? new URL(to, url).href : undefined,
            title: unescape(text.match(/<title>([^<]*)/i)?.[1] ?? '').trim(),
            words: unescape(text.replace(/<(style|script)[\s\S]*?<\/\1>/gi, ' ')
                .replace(/<[^>]*>/g, ' ')).replace(/\s+/g, ' ').trim(),
        };
    }

    // Follows redirects; stops before an address for which stay() is true,
    // and gives that as `left`.
    async go(url, { stay = () => false, ...first } = {}) {
        let page = await this.request(url, first);
        for (let hops = 0; page.location && hops < 10; hops++) {
            if (stay(page.location)) return { ...page, left: page.location };
            page = await this.request(page.location);
        }
        return page;
    }

    forms(page) {
        return [...page.text.matchAll(/<form([^>]*)>([\s\S]*?)<\/form>/gi)]
            .map(([, head, inside]) => {
                const { action = '', method = 'get' } = attributes(head);
                const inputs = [...inside.matchAll(/<input([^>]*)>/gi)]
                    .map(([, one]) => attributes(one));
                const buttons = [...inside.matchAll(
                    /<button([^>]*)>([\s\S]*?)<\/button>/gi)]
                    .map(([, one, words]) => ({
                        ...attributes(one),
                        words: unescape(words.replace(/<[^>]*>/g, '')).trim(),
                    }));
                return {
                    url: new URL(action || page.url, page.url).href,
                    method: method.toUpperCase(), inputs, buttons,
                };
            });
    }

    // Presses the button with these words in whatever form has it.
    async press(page, words, { choose = {}, ...options } = {}) {
        const form = this.forms(page).find((one) =>
            one.buttons.some((button) => button.words.match(words)));
        if (!form)
            throw new Error(`no button ${words} on "${page.title}" ${page.words}`);
        const button = form.buttons.find((one) => one.words.match(words));
        const fields = new URLSearchParams();
        for (const input of form.inputs) {
            const isChoice = input.type === 'radio' || input.type === 'checkbox';
            if (isChoice && input.name in choose
                ? input.value === String(choose[input.name])
                : !isChoice || 'checked' in input)
                fields.append(input.name, input.value ?? 'on');
        }
        if (button.name) fields.append(button.name, button.value ?? '');
        return form.method === 'POST'
            ? this.go(form.url, {
                method: 'POST', body: fields.toString(),
                headers: { 'content-type': 'application/x-www-form-urlencoded' },
                ...options,
            })
            : this.go(`${form.url.split('?')[0]}?${fields}`, options);
    }
}

#include "cli/demo_int.h"

#include "base/limits.h"
#include "base/text.h"

#include <inttypes.h>
#include <time.h>

/*
 * A browser that does what a customer does: opens the link, follows
 * redirects one by one, keeps cookies by host, fills in HubSpot's form.
 */
#define COOKIES_MAX 16

struct cookie {
    struct str host, text; /* "name=value" */
};

struct browser {
    struct demo *demo;
    struct cookie cookies[COOKIES_MAX];
    size_t n_cookies;
    struct web_answer page; /* the last one */
};

static void
keep_cookies(struct browser *b, struct str host)
{
    for (size_t i = 0; i < b->page.n_headers; i++) {
        struct str rest = b->page.headers[i].value, text;
        if (!str_equal_nocase(b->page.headers[i].name, STR("Set-Cookie")) ||
            b->n_cookies == COOKIES_MAX || !str_cut(&rest, ';', &text))
            continue;
        b->cookies[b->n_cookies++] = (struct cookie){
            arena_copy(b->demo->arena, host), arena_copy(b->demo->arena, text)};
    }
}

static struct str
cookies_for(const struct browser *b, struct str host)
{
    struct str v[COOKIES_MAX];
    struct strs all = {v, 0};
    for (size_t i = 0; i < b->n_cookies; i++)
        if (str_equal(b->cookies[i].host, host))
            all.v[all.n++] = b->cookies[i].text;
    return arena_join(b->demo->arena, all, ';');
}

/* GET, or POST of a form.  False if nothing came. */
static bool
visit(struct browser *b, struct str url, struct str form)
{
    struct http_call_spec spec;
    struct http_header headers[2];
    struct str method = form.n > 0 ? STR("POST") : STR("GET");
    if (web_spec(b->demo->arena, method, url, &spec) != ERR_OK)
        return false;
    struct str cookies = cookies_for(b, spec.host);
    if (cookies.n > 0)
        headers[spec.n_headers++] =
            (struct http_header){STR("Cookie"), cookies};
    if (form.n > 0)
        headers[spec.n_headers++] = (struct http_header){
            STR("Content-Type"), STR("application/x-www-form-urlencoded")};
    spec.headers = headers;
    spec.body = form;
    web_answer_done(&b->page);
    web_call(&b->demo->web, &spec, &b->page);
    keep_cookies(b, spec.host);
    return b->page.err == ERR_OK;
}

/* What stands between `before` and the next quotation mark. */
static bool
take_attribute(struct str *rest, struct str before, struct str *out)
{
    for (size_t i = 0; i + before.n <= rest->n; i++) {
        if (memcmp(rest->p + i, before.p, before.n) != 0)
            continue;
        struct str after =
            str_of(rest->p + i + before.n, rest->n - i - before.n);
        if (!str_cut(&after, '"', out) || after.p == NULL)
            return false;
        *rest = after;
        return true;
    }
    return false;
}

/* The five entities that stand in HTML made from text. */
static struct str
plain_text(struct browser *b, struct str html)
{
    static const struct {
        struct str entity;
        char c;
    } entities[] = {{{"&amp;", 5}, '&'},
                    {{"&lt;", 4}, '<'},
                    {{"&gt;", 4}, '>'},
                    {{"&quot;", 6}, '"'},
                    {{"&#39;", 5}, '\''}};
    char *text = arena_alloc(b->demo->arena, html.n + 1);
    size_t n = 0;
    while (html.n > 0) {
        size_t skip = 1;
        text[n] = html.p[0];
        for (size_t i = 0; i < 5; i++)
            if (str_starts(html, entities[i].entity)) {
                text[n] = entities[i].c;
                skip = entities[i].entity.n;
            }
        n++;
        html.p += skip;
        html.n -= skip;
    }
    return str_of(text, n);
}

/* HubSpot's consent form with this account chosen and "Allow" pressed. */
static void
fill_form(struct browser *b, uint64_t portal, struct buf *form)
{
    struct str rest = buf_str(&b->page.body), name, value;
    while (take_attribute(&rest, STR("type=\"hidden\" name=\""), &name) &&
           take_attribute(&rest, STR(" value=\""), &value)) {
        struct str key = arena_copy(b->demo->arena, name);
        text_add_parameter(form, key.p, plain_text(b, value));
    }
    text_add_parameter(form, "portal",
                       arena_printf(b->demo->arena, "%" PRIu64, portal));
    text_add_parameter(form, "decision", STR("allow"));
}

/* Follows the redirect of the last page. */
static struct str
next_place(const struct browser *b)
{
    struct str to = web_header(&b->page, "Location");
    return b->page.status >= 300 && b->page.status < 400 ? to : STR("");
}

static int64_t
wall_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t); /* always exists */
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static const char *
go(struct browser *b, struct str link, uint64_t portal, struct demo_visit *v)
{
    struct demo *d = b->demo;
    struct buf auto_buf form = {0};
    buf_init(&form, LIMIT_API_BODY);
    if (!visit(b, link, STR("")) || next_place(b).n == 0)
        return "the connect link does not lead to HubSpot";
    v->leave_us = web_took_us(&b->page);
    if (!visit(b, arena_copy(d->arena, next_place(b)), STR("")) ||
        b->page.status != 200)
        return "HubSpot shows no consent page";
    v->consent_us = web_took_us(&b->page);
    fill_form(b, portal, &form);
    struct str action = arena_printf(d->arena, "%.*s/oauth/authorize/decision",
                                     STR_ARG(d->emulator_url));
    if (!visit(b, action, buf_str(&form)) || next_place(b).n == 0)
        return "HubSpot does not send the browser back";
    v->allow_us = web_took_us(&b->page);
    v->returned_at_us = wall_us();
    if (!visit(b, arena_copy(d->arena, next_place(b)), STR("")))
        return "portkeep does not take the code";
    v->return_us = web_took_us(&b->page);
    v->status = b->page.status;
    return v->status == 200 ? NULL : "the last page is no success";
}

void
demo_browse(struct demo *d, struct str link, uint64_t portal,
            struct demo_visit *out)
{
    struct browser b = {.demo = d};
    *out = (struct demo_visit){.status = 0};
    out->problem = go(&b, link, portal, out);
    web_answer_done(&b.page);
}

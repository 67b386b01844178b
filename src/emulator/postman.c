#include "emulator/postman.h"

#include "emulator/emission.h"
#include "emulator/news.h"
#include "emulator/own.h"
#include "emulator/signing.h"
#include "emulator/target.h"
#include "http/client.h"
#include "http/tls.h"

#include <event2/event.h>
#include <stdlib.h>

struct postman {
    struct postman_setup setup;
    struct dns *dns;
    struct tls_context *tls;
    struct http_client *client;
    struct event *timer; /* pending: until the next delivery is due */
    bool is_sending;     /* within postman_wake */
    bool is_closing;
};

/* One attempt in flight.  The delivery is known by its id: the world may be
 * reset meanwhile. */
struct trip {
    struct postman *postman;
    uint64_t id;
    struct outcome outcome;
};

#define IDLE_MS 2000 /* Node closes after 5 s; a POST is not sent twice */
#define BODY_MAX (16u << 20)
#define HEADERS_MAX (SIGNING_HEADERS + 3)

static struct str
error_text(enum err e)
{
    switch (e) {
    case ERR_OK:
        return STR_NONE;
    case ERR_TIMEOUT:
        return STR("timeout");
    case ERR_CLOSED:
        return STR("closed");
    case ERR_UPSTREAM:
        return STR("not_http");
    case ERR_FORBIDDEN:
        return STR("not_loopback");
    default:
        return STR("unreachable");
    }
}

/* Workflows read Retry-After as milliseconds (hubspot.md 4.3). */
static void
on_head(struct http_call *call, const struct http_head *head, void *arg)
{
    struct trip *t = arg;
    uint64_t ms;
    (void)call;
    t->outcome.status = head->status;
    if (str_to_u64(http_head_find(head, "Retry-After"), &ms) && ms < 86400000)
        t->outcome.retry_after_ms = (int64_t)ms;
}

static void
on_body(struct http_call *call, struct str piece, void *arg)
{
    (void)call;
    (void)piece; /* HubSpot does not read it either */
    (void)arg;
}

static void
settle(struct trip *t)
{
    struct postman *p = t->postman;
    outbox_settle(p->setup.world, t->id, &t->outcome);
    p->setup.on_change(p->setup.arg);
    free(t);
}

static void
on_end(struct http_call *call, enum err e, void *arg)
{
    struct trip *t = arg;
    (void)call;
    t->outcome.error = error_text(e);
    if (t->postman->is_closing)
        free(t); /* it is sent again after the next start */
    else
        settle(t); /* its on_change wakes us */
}

static const struct http_call_handler handler = {
    .on_head = on_head, .on_body = on_body, .on_end = on_end};

/* Everything about one attempt; texts live in the arena or the world. */
struct letter {
    struct str url, sign_url, secret, body;
    unsigned versions;
};

/* Why it cannot go; empty when it can. */
static struct str
write_letter(const struct world *w, const struct delivery *d,
             struct letter *out)
{
    const struct app *app = apps_find(&w->apps, d->client_id);
    const struct style *s = &d->style;
    struct str signed_as = str_from(w->settings.webhook_sign_url);
    out->url = s->url.p != NULL ? s->url
               : app != NULL    ? news_target(w, app)
                                : STR_NONE;
    if (!target_is_good(out->url))
        return STR("no_target");
    /* The setting says how the app's own target is known. */
    if (s->sign_url.p != NULL)
        out->sign_url = s->sign_url;
    else
        out->sign_url =
            s->url.p == NULL && signed_as.n > 0 ? signed_as : out->url;
    out->secret = s->secret;
    if (out->secret.p == NULL)
        out->secret = w->secret.p != NULL ? w->secret
                      : app != NULL       ? app->secret
                                          : STR_NONE;
    if (!signing_read_versions(s->versions.p != NULL
                                   ? s->versions
                                   : str_from(w->settings.webhook_versions),
                               &out->versions))
        return STR("bad_versions");
    return out->secret.p == NULL && out->versions != 0 ? STR("no_secret")
                                                       : STR_NONE;
}

static size_t
write_headers(struct postman *p, const struct delivery *d,
              const struct letter *l, struct arena *arena,
              struct http_header *out)
{
    struct env *env = p->setup.world->env;
    struct signing s = {
        .versions = l->versions,
        .secret = l->secret,
        .method = d->method,
        .url = l->sign_url,
        .body = l->body,
        /* The receiver's clock is real, so HubSpot's is here too. */
        .timestamp_ms = env->now_ms(env) + d->style.shift_ms,
        .is_bad = d->style.is_bad,
    };
    size_t n = signing_headers(&s, arena, out);
    out[n++] = (struct http_header){
        STR("User-Agent"),
        STR("HubSpot Connect 2.0 (https://developers.hubspot.com)")};
    if (l->body.n > 0)
        out[n++] = (struct http_header){STR("Content-Type"),
                                        STR("application/json;charset=utf-8")};
    return n;
}

static struct str
target_of(const struct url *u, struct arena *arena)
{
    return u->query.p == NULL
               ? u->path
               : arena_printf(arena, "%.*s?%.*s", STR_ARG(u->path),
                              STR_ARG(u->query));
}

static void
send_letter(struct postman *p, const struct delivery *d, const struct letter *l,
            struct arena *arena)
{
    struct http_header headers[HEADERS_MAX];
    struct url u;
    struct trip *t = own_alloc(sizeof(*t));
    *t = (struct trip){
        .postman = p, .id = d->id, .outcome = {.retry_after_ms = -1}};
    if (url_parse(l->url, &u) != ERR_OK)
        abort(); /* target_is_good parsed it */
    struct http_call_spec spec = {
        .scheme = u.scheme,
        .host = u.host,
        .port = u.port,
        .method = d->method,
        .target = target_of(&u, arena),
        .headers = headers,
        .n_headers = write_headers(p, d, l, arena, headers),
        .body = l->body,
        .timeout_ms = (unsigned)p->setup.world->settings.webhook_timeout_ms,
    };
    (void)http_call_start(p->client, &spec, &handler,
                          t); /* on_end tells how it went */
}

static void
send_one(struct postman *p, const struct delivery *d)
{
    struct world *w = p->setup.world;
    struct letter l = {0};
    struct str why = write_letter(w, d, &l);
    if (why.n > 0) {
        struct outcome o = {.error = why, .retry_after_ms = -1};
        outbox_settle(w, d->id, &o);
        p->setup.on_change(p->setup.arg);
        return;
    }
    struct arena *arena = arena_new();
    struct buf auto_buf body;
    buf_init(&body, BODY_MAX);
    delivery_add_body(d, &body);
    l.body = buf_str(&body);
    send_letter(p, d, &l, arena);
    arena_free(arena);
}

static void
arm(struct postman *p)
{
    struct world *w = p->setup.world;
    int64_t ms = outbox_next_ms(w), emission_ms = emission_next_ms(w);
    if (emission_ms >= 0 && (ms < 0 || emission_ms < ms))
        ms = emission_ms;
    if (ms < 0) {
        (void)event_del(p->timer); /* it may not be pending */
        return;
    }
    struct timeval time = {ms / 1000, ms % 1000 * 1000};
    if (event_add(p->timer, &time) != 0)
        abort();
}

/* Whatever wakes us from within is done by the loop that runs already. */
void
postman_wake(struct postman *p)
{
    struct delivery *d;
    if (p == NULL || p->is_sending)
        return;
    p->is_sending = true;
    emission_run(p->setup.world);
    while ((d = outbox_take(p->setup.world)) != NULL)
        send_one(p, d);
    p->is_sending = false;
    arm(p);
}

static void
on_time(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    postman_wake(arg);
}

struct postman *
postman_open(const struct postman_setup *setup)
{
    struct postman *p = own_alloc(sizeof(*p));
    p->setup = *setup;
    /* Without certificates https targets fail, all others work. */
    if (tls_client_new(setup->ca_file, &p->tls) != ERR_OK)
        p->tls = NULL;
    p->dns = dns_new(setup->base);
    struct http_client_setup client = {.base = setup->base,
                                       .dns = p->dns,
                                       .tls = p->tls,
                                       .filter = target_filter,
                                       .idle_ms = IDLE_MS};
    p->client = http_client_new(&client);
    p->timer = evtimer_new(setup->base, on_time, p);
    if (p->timer == NULL)
        abort();
    return p;
}

void
postman_close(struct postman *p)
{
    if (p == NULL)
        return;
    p->is_closing = true;
    http_client_free(p->client);
    dns_free(p->dns);
    tls_free(p->tls);
    event_free(p->timer);
    free(p);
}

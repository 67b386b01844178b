#include "hubspot/signatures.h"
#include "keeper/answer.h"
#include "keeper/apps.h"
#include "keeper/inbox.h"
#include "keeper/keeper.h"
#include "proto/front.h"

#include <inttypes.h>

/* From the request to its events: the signature, once, before a byte of the
 * body is read. */

#define URIS_MAX 3
/* HubSpot sends 100.  Users of any portal write the bodies of workflows: what
 * holds thousands of portals or events is one item, not a minute's work. */
#define EVENTS_MAX 1000

/* What a request turned out to be, kept over the rounds of its rows. */
struct checked {
    enum err err;
    enum signature_version version;
    struct arrivals all;
};

/* In a message what did not come is empty, and still points somewhere. */
static struct str
if_came(struct str header)
{
    return header.n > 0 ? header : STR_NONE;
}

static enum err
check(struct turn *t, const struct app *app, const struct front_webhook *w,
      enum signature_version *out_version)
{
    struct signature_headers headers = {.signature = if_came(w->signature),
                                        .version =
                                            if_came(w->signature_version),
                                        .v3 = if_came(w->signature_v3),
                                        .timestamp = if_came(w->timestamp)};
    struct hidden secrets[2];
    struct str uris[URIS_MAX];
    struct signature_candidates all = {.secrets = secrets, .uris = uris};
    struct signature_request r = {STR("POST"), w->body.s};
    struct signature_match match;
    struct signature s;
    enum err e = signature_read(&headers, &s);
    if (e != ERR_OK)
        return ERR_UNAUTHORIZED;
    if ((s.version == SIGNATURE_V2 && !app->conf->takes_v2) ||
        (s.version == SIGNATURE_V1 && !app->conf->takes_v1))
        return ERR_UNAUTHORIZED;
    if (s.version == SIGNATURE_V3 &&
        signature_check_time(s.timestamp_ms, turn_now_ms(t)) != ERR_OK)
        return ERR_UNAUTHORIZED;
    secrets[all.n_secrets++] = secret_view(app->client_secret);
    if (app->client_secret_old != NULL)
        secrets[all.n_secrets++] = secret_view(app->client_secret_old);
    for (size_t i = 0; i < app->conf->webhook_urls.n && i < URIS_MAX; i++) {
        struct str url = app->conf->webhook_urls.v[i];
        uris[all.n_uris++] =
            w->query.n == 0 ? url
                            : arena_printf(turn_arena(t), "%.*s?%.*s",
                                           STR_ARG(url), STR_ARG(w->query));
    }
    *out_version = s.version;
    return signature_check(&s, &all, &r, &match);
}

/* Signed, but no JSON: one item that nobody can read but an operator. */
static struct events
as_one(struct turn *t, struct str body)
{
    struct event *e = arena_alloc(turn_lasting(t), sizeof(*e));
    *e = (struct event){.bytes = body, .fault = EVENT_NOT_JSON};
    return (struct events){e, 1};
}

static struct checked *
look_at(struct turn *t, const struct front_webhook *w)
{
    struct app *app = apps_find(turn_keeper(t)->apps, w->app);
    struct checked *c = arena_alloc(turn_lasting(t), sizeof(*c));
    c->err = app == NULL || app->client_secret == NULL
                 ? ERR_NOT_FOUND
                 : check(t, app, w, &c->version);
    if (c->err == ERR_OK && events_read(w->body.s, EVENTS_MAX, turn_lasting(t),
                                        &c->all.events) != ERR_OK)
        c->all.events = as_one(t, w->body.s);
    if (c->err == ERR_OK)
        inbox_name_events(t, &c->all);
    return c;
}

static void
answer(struct turn *t, enum err e)
{
    bool is_later = e != ERR_OK && e != ERR_NOT_FOUND && e != ERR_UNAUTHORIZED;
    struct front_webhook_taken taken = {
        .err = (uint32_t)(is_later ? ERR_UNAVAILABLE : e),
        .retry_after_s = is_later ? INBOX_RETRY_S : 0,
    };
    answer_taken(t, &taken);
}

enum err
do_webhook(struct turn *t, const void *ask)
{
    const struct front_webhook *w = ask;
    void **memo = turn_memo(t);
    if (*memo == NULL)
        *memo = look_at(t, w);
    const struct checked *c = *memo;
    enum err e = c->err;
    if (e == ERR_OK)
        e = inbox_take(t, w->app, SOURCE_PUSH, &c->all);
    if (e == ERR_AGAIN)
        return e;
    if (e == ERR_OK && c->version != SIGNATURE_V3)
        turn_log(t, LOG_WARN, "webhook.old_signature", "app=%.*s version=%d",
                 STR_ARG(w->app), (int)c->version);
    answer(t, e);
    return ERR_OK;
}

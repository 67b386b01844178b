#include "keeper/place.h"

#include "base/text.h"
#include "keeper/apps.h"
#include "keeper/attempt.h"
#include "keeper/audit.h"
#include "keeper/event_keys.h"
#include "keeper/grant.h"
#include "keeper/inbox.h"
#include "keeper/journal.h"
#include "keeper/keeper.h"
#include "keeper/notice.h"
#include "keeper/portals.h"
#include "keeper/receipt.h"
#include "keeper/remote.h"
#include "keeper/revoke.h"
#include "keeper/session.h"

#include <inttypes.h>

struct str
place_actor(uint32_t origin)
{
    static const char *const names[] = {"", "browser", "marketplace", "import",
                                        "static"};
    return str_from(origin < sizeof(names) / sizeof(names[0]) ? names[origin]
                                                              : "");
}

/* The portal, by the token reply first, then by introspection.  0: neither
 * knows, or they do not agree, or the token is another app's. */
static uint64_t
portal_of(const struct place *p, const struct app *app)
{
    const struct courier_done *seen = p->seen;
    bool was_seen = seen->outcome == OUTCOME_OK;
    if (was_seen && seen->client_id.n > 0 && app != NULL &&
        !str_equal(seen->client_id, app->conf->client_id))
        return 0;
    if (was_seen && seen->hub_id != 0 && p->reply.hub_id != 0 &&
        seen->hub_id != p->reply.hub_id)
        return 0;
    if (p->reply.hub_id != 0)
        return p->reply.hub_id;
    return was_seen ? seen->hub_id : 0;
}

static struct strs
granted_scopes(const struct place *p, const struct app *app)
{
    if (p->reply.has_scopes)
        return p->reply.scopes;
    if (p->seen->outcome == OUTCOME_OK && p->seen->has_scopes)
        return p->seen->scopes;
    /* RFC 6749 5.1: absence means as asked. */
    return app->conf->scopes;
}

static struct strs
missing_scopes(struct turn *t, const struct app *app, struct strs granted)
{
    struct strs wanted = app->conf->scopes;
    struct strs out = {
        arena_alloc(turn_arena(t), (wanted.n + 1) * sizeof(struct str)), 0};
    for (size_t i = 0; i < wanted.n; i++)
        if (!strs_have(granted, wanted.v[i]))
            out.v[out.n++] = wanted.v[i];
    return out;
}

/* Where it is to land, and what is there already. */
struct site {
    struct app *app; /* NULL: gone from the configuration */
    uint64_t portal; /* 0: nobody says */
    struct grant grant;
    bool was_there;
    bool is_link_gone;            /* used up by another tab meanwhile */
    uint64_t generation;          /* the next one */
    struct str previous;          /* the tenant that the portal has now */
    struct hidden event_keys;     /* what seals its stored events */
    const struct store_ask *ends; /* of earlier grants, not confirmed yet */
};

/* Only what came of our own code, and only where nothing else can hang on
 * it: HubSpot may have given a grant of ours the same refresh token, and an
 * imported token may serve somebody else. */
static void
revoke_unplaced(struct turn *t, const struct place *p, const struct site *site)
{
    uint32_t origin = p->attempt->origin;
    if ((origin == ORIGIN_BROWSER || origin == ORIGIN_MARKETPLACE) &&
        site->app != NULL && site->portal != 0 && !site->was_there &&
        p->reply.refresh_token.s.n > 0)
        revoke_later(t, site->app, p->reply.refresh_token);
}

static void
turn_away(struct turn *t, struct place *p, const struct site *site,
          enum front_page page, struct str detail)
{
    struct front_finished f = {.page = (uint32_t)page, .detail = detail};
    if (p->context.session_code.s.n > 0 &&
        p->attempt->origin == ORIGIN_BROWSER && !site->is_link_gone)
        f.retry_url =
            session_url(t, p->attempt->app, p->context.session_code.s);
    audit_add(t, &(struct audit_entry){.kind = STR("connect"),
                                       .app = p->attempt->app,
                                       .actor = place_actor(p->attempt->origin),
                                       .outcome = STR("turned_away"),
                                       .detail = detail});
    revoke_unplaced(t, p, site);
    enum attempt_origin origin = (enum attempt_origin)p->attempt->origin;
    attempt_settle(t, p->id, p->attempt, p->waiter, &f);
    if (origin == ORIGIN_IMPORT || origin == ORIGIN_STATIC)
        answer_refusal(
            t, p->waiter,
            &(struct refusal_text){.err = ERR_CONFLICT, .detail = detail});
}

static struct str
seal_user(struct turn *t, const struct place *p, const struct app *app,
          uint64_t portal, uint64_t generation)
{
    struct buf auto_buf text = {0};
    const struct courier_done *seen = p->seen;
    if (seen->outcome != OUTCOME_OK || seen->user_id == 0)
        return STR_NONE;
    buf_init_secret(&text, 2048);
    buf_add_u64(&text, seen->user_id);
    if (app->conf->keeps_user_email) {
        buf_add_char(&text, ' ');
        buf_add(&text, seen->user_email);
    }
    return grant_seal(t, p->data_key, p->attempt->app, portal, generation,
                      "user", HIDDEN(buf_str(&text)));
}

/*
 * Raised by each connect, also over an erasure, which leaves the last one in
 * its receipt, and a restored backup, which leaves nothing behind: so it
 * begins with the time.
 */
static uint64_t
next_generation(struct turn *t, const struct grant *g)
{
    uint64_t now = (uint64_t)turn_now_s(t);
    return g->generation >= now ? g->generation + 1 : now;
}

static void
fill_grant(struct turn *t, const struct place *p, const struct site *site,
           struct grant *g)
{
    struct str name = p->attempt->app;
    uint64_t portal = site->portal;
    const struct token_reply *r = &p->reply;
    *g = (struct grant){.state = GRANT_ACTIVE,
                        .is_static = p->attempt->origin == ORIGIN_STATIC,
                        .generation = site->generation,
                        .version = site->grant.version + 1,
                        .connected_at = r->date != 0 ? r->date : r->received_at,
                        .refreshed_at = r->received_at,
                        .expires_in = r->expires_in,
                        .last_used_at = site->grant.last_used_at,
                        .scopes = granted_scopes(p, site->app),
                        .lease_fence = site->grant.lease_fence,
                        .privacy_until_ms = site->grant.privacy_until_ms};
    if (!g->is_static)
        g->expires_at = r->received_at + (int64_t)r->expires_in;
    g->sealed_access = grant_seal(t, p->data_key, name, portal, g->generation,
                                  "access", r->access_token);
    g->sealed_refresh = grant_seal(t, p->data_key, name, portal, g->generation,
                                   "refresh", r->refresh_token);
    g->sealed_user = seal_user(t, p, site->app, portal, g->generation);
    if (site->event_keys.s.n > 0)
        g->sealed_events = grant_seal(t, p->data_key, name, portal, 0,
                                      EVENT_KEYS_KIND, site->event_keys);
}

/* The attempt's data key is the grant's from now on; the old one is gone. */
static enum err
move_key(struct turn *t, const struct place *p, uint64_t portal)
{
    struct keeper *k = turn_keeper(t);
    struct buf auto_buf wrap = {0};
    struct str key = grant_key(turn_arena(t), p->attempt->app, portal);
    struct seal_place place = {.app = p->attempt->app,
                               .portal = portal,
                               .kind = STR("wrap"),
                               .row = key};
    buf_init(&wrap, 256);
    enum err e = vault_wrap(k->vault, p->data_key, &place, &wrap);
    if (e != ERR_OK)
        return e;
    struct data_key row = {buf_str(&wrap)};
    turn_put(t, STORE_DATA_KEYS, key, &data_key_record, &row, STORE_NEVER,
             vault_current(k->vault));
    return ERR_OK;
}

/* return_to?result=connected&connect=CODE, the code good once for 5 min. */
static struct str
result_url(struct turn *t, const struct place *p, uint64_t portal,
           const struct grant *g, struct str previous_ref, bool is_missing)
{
    struct buf auto_buf url = {0};
    struct result r = {.app = p->attempt->app,
                       .portal = portal,
                       .ref = p->context.ref,
                       .previous_ref = previous_ref,
                       .scopes = g->scopes};
    struct str code = result_create(t, &r);
    buf_init(&url, LIMIT_URL);
    buf_add(&url, p->context.return_to);
    if (!str_has(p->context.return_to, '?'))
        buf_add_char(&url, '?');
    text_add_parameter(&url, "result",
                       is_missing ? STR("missing_scopes") : STR("connected"));
    text_add_parameter(&url, "connect", code);
    return arena_copy(turn_arena(t), buf_str(&url));
}

static struct front_finished
outcome_of(struct turn *t, const struct place *p, const struct app *app,
           uint64_t portal, const struct grant *g, struct str previous_ref)
{
    struct front_finished f = {.page = PAGE_CONNECTED, .portal = portal};
    f.missing_scopes = missing_scopes(t, app, g->scopes);
    if (p->context.return_url.n > 0) {
        f.page = PAGE_NONE;
        f.location = p->context.return_url;
    } else if (p->context.return_to.n > 0) {
        f.page = PAGE_NONE;
        f.location =
            result_url(t, p, portal, g, previous_ref, f.missing_scopes.n > 0);
    } else if (f.missing_scopes.n > 0) {
        f.page = PAGE_MISSING_SCOPES;
        f.retry_url =
            session_reconnect_url(t, p->attempt->app, portal, g->generation);
    }
    return f;
}

static void
record_connect(struct turn *t, const struct place *p, uint64_t portal,
               const struct grant *g)
{
    bool was_seen = p->seen->outcome == OUTCOME_OK || g->is_static;
    turn_count(t, &turn_keeper(t)->n_connects);
    audit_add(t,
              &(struct audit_entry){
                  .kind = STR("connect"),
                  .app = p->attempt->app,
                  .portal = portal,
                  .generation = g->generation,
                  .actor = place_actor(p->attempt->origin),
                  .outcome = STR("ok"),
                  .detail = was_seen ? STR_NONE : STR("introspection failed"),
                  .sealed = g->sealed_user});
    turn_log(t, LOG_INFO, "grant.connected",
             "app=%.*s portal=%" PRIu64 " generation=%" PRIu64,
             STR_ARG(p->attempt->app), portal, g->generation);
}

/* What the row has now and its successor takes over, in the clear. */
static void
open_old(struct turn *t, struct str app, struct site *site)
{
    const struct grant *g = &site->grant;
    struct secret *auto_secret key = NULL;
    struct hidden ref = HIDDEN_NONE;
    if ((g->sealed_ref.n == 0 && g->sealed_events.n == 0) ||
        grant_open_key(t, app, site->portal, &key) != ERR_OK)
        return;
    if (grant_unseal(t, key, app, site->portal, g->generation, "ref",
                     g->sealed_ref, &ref) == ERR_OK)
        site->previous = ref.s;
    if (grant_unseal(t, key, app, site->portal, 0, EVENT_KEYS_KIND,
                     g->sealed_events, &site->event_keys) != ERR_OK)
        site->event_keys = HIDDEN_NONE; /* logged: its events are lost */
}

/* A ref is bound by connect-results.  Where no backend will call (no
 * return_to), the operator's own word in the session binds it. */
static struct str
ref_to_bind(const struct place *p, struct str previous)
{
    if (p->context.ref.n > 0 && p->context.return_to.n == 0)
        return p->context.ref;
    return previous;
}

static void
put_grant(struct turn *t, struct place *p, const struct site *site)
{
    struct str name = p->attempt->app;
    uint64_t portal = site->portal;
    uint32_t from = site->was_there ? site->grant.state : 0;
    struct grant g;
    fill_grant(t, p, site, &g);
    struct str ref = ref_to_bind(p, site->previous);
    g.sealed_ref = grant_seal(t, p->data_key, name, portal, g.generation, "ref",
                              HIDDEN(ref));
    if (move_key(t, p, portal) != ERR_OK) {
        turn_away(t, p, site, PAGE_BUSY, STR("no room for keys"));
        return;
    }
    grant_store_ref(t, name, portal, &g, STORE_NEVER,
                    grant_ref_tag(t, name, ref));
    grant_count_move(t, name, from, GRANT_ACTIVE);
    session_use_up(t, p->context.session_code.s);
    remote_cancel(t, site->ends);
    record_connect(t, p, portal, &g);
    if (site->was_there)
        revoke_replaced(t, name, portal);
    struct front_finished f =
        outcome_of(t, p, site->app, portal, &g, site->previous);
    enum attempt_origin origin = (enum attempt_origin)p->attempt->origin;
    attempt_settle(t, p->id, p->attempt, p->waiter, &f);
    if (origin == ORIGIN_IMPORT || origin == ORIGIN_STATIC)
        portal_answer(t, p->waiter, name, portal, &g, ref);
    turn_wake(t, grant_key(turn_arena(t), name, portal));
    notice_connected(
        t, &(struct notice){.app = name, .portal = portal, .ref = ref},
        site->was_there ? &site->grant : NULL, &g);
    inbox_unpark(t, name, portal);
    if (!g.is_static)
        journal_note_connect(t, name, portal);
}

/* ERR_AGAIN while rows are missing. */
static enum err
look_at_site(struct turn *t, struct place *p, struct site *out)
{
    struct str name = p->attempt->app, code = p->context.session_code.s;
    struct data_key key;
    struct grant_counts counts;
    struct session s;
    enum err link = ERR_OK;
    uint64_t last;
    *out = (struct site){.app = apps_find(turn_keeper(t)->apps, name)};
    out->portal = portal_of(p, out->app);
    out->was_there = grant_load(t, name, out->portal, &out->grant, &key);
    (void)grant_counts_load(t, name, &counts); /* named here */
    (void)notice_load(t, name);                /* named here */
    journal_name(t, name);
    last = receipt_last_generation(t, name, out->portal);
    out->ends = remote_find(t, name, out->portal);
    if (code.n > 0)
        link = session_load(t, code, &s);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (!out->was_there)
        out->grant = (struct grant){.generation = last};
    out->generation = next_generation(t, &out->grant);
    out->is_link_gone = link != ERR_OK;
    if (out->was_there)
        open_old(t, name, out);
    return ERR_OK;
}

static bool
has_other_tenant(const struct place *p, const struct site *site)
{
    return site->previous.n > 0 && p->context.ref.n > 0 &&
           !str_equal(site->previous, p->context.ref) &&
           !p->context.is_take_over;
}

static bool
is_away(const struct courier_done *seen)
{
    return seen->outcome == OUTCOME_TRANSIENT ||
           seen->outcome == OUTCOME_THROTTLED ||
           seen->outcome == OUTCOME_DROPPED;
}

/* Answered here where nothing may come of it. */
static bool
is_turned_away(struct turn *t, struct place *p, struct site *site)
{
    if (site->app != NULL && site->portal == 0 && is_away(p->seen))
        turn_away(t, p, site, PAGE_HUBSPOT_AWAY,
                  STR("HubSpot could not be asked which account this is."));
    else if (site->app == NULL || site->portal == 0)
        turn_away(t, p, site, PAGE_FAILED,
                  STR("HubSpot did not say which account this is, or "
                      "contradicted itself."));
    else if (p->context.portal != 0 && p->context.portal != site->portal)
        turn_away(t, p, site, PAGE_WRONG_ACCOUNT,
                  arena_printf(turn_arena(t),
                               "This link is for account %" PRIu64
                               ", but account %" PRIu64 " was chosen.",
                               p->context.portal, site->portal));
    else if (site->is_link_gone && !site->was_there)
        turn_away(t, p, site, PAGE_LINK_INVALID,
                  STR("This link has connected another account meanwhile."));
    else if (has_other_tenant(p, site))
        turn_away(t, p, site, PAGE_ALREADY_CONNECTED,
                  STR("This HubSpot account is already connected to another "
                      "account of the app."));
    else
        return false;
    return true;
}

enum err
place_grant(struct turn *t, struct place *p)
{
    struct site site;
    if (look_at_site(t, p, &site) == ERR_AGAIN)
        return ERR_AGAIN;
    if (is_turned_away(t, p, &site))
        return ERR_OK;
    if (site.was_there && site.grant.state == GRANT_ERASING &&
        (site.grant.erase_since_ms != 0 || !turn_is_late(t)))
        /* The end that was asked for first comes first, with its receipt. */
        turn_park(t, grant_key(turn_arena(t), p->attempt->app, site.portal));
    else
        put_grant(t, p, &site);
    return ERR_OK;
}

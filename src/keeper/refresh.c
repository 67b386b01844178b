#include "keeper/refresh.h"

#include "keeper/audit.h"
#include "keeper/backoff.h"
#include "keeper/keeper.h"
#include "keeper/notice.h"
#include "keeper/remote.h"
#include "keeper/revoke.h"

#include <inttypes.h>

#define LEASE_MS 60000     /* against an errand's deadline of 20 s */
#define RETRY_MS 500       /* first wait after a failure, then doubling */
#define RETRY_MAX_MS 60000 /* and the longest */
#define SPREAD_MS 1000     /* what a 429 held back comes within this */
#define DAY_MS 86400000

static int64_t
retry_at_ms(struct turn *t, uint32_t n_failures)
{
    struct env *env = turn_keeper(t)->env;
    return turn_now_ms(t) + backoff_ms(env, RETRY_MS, RETRY_MAX_MS, n_failures);
}

bool
refresh_is_running(struct turn *t, const struct grant *g)
{
    return grant_is_leased(g, turn_now_ms(t)) &&
           keeper_owner_lives(t, g->lease_owner);
}

static enum err
send_refresh(struct turn *t, struct app *app, uint64_t portal, struct grant *g)
{
    struct str name = app->conf->name;
    struct secret *auto_secret key = NULL;
    struct hidden token;
    if (grant_open_key(t, name, portal, &key) != ERR_OK ||
        grant_unseal(t, key, name, portal, g->generation, "refresh",
                     g->sealed_refresh, &token) != ERR_OK)
        return ERR_CRYPTO;
    struct courier_errand errand = {.kind = ERRAND_REFRESH,
                                    .client_id = app->conf->client_id,
                                    .client_secret =
                                        secret_view(app->client_secret),
                                    .token = token};
    struct errand_note note = {.app = name,
                               .portal = portal,
                               .generation = g->generation,
                               .version = g->version};
    errands_send(t, &errand, &note, do_refreshed);
    return ERR_OK;
}

enum err
refresh_want(struct turn *t, struct app *app, uint64_t portal, struct grant *g)
{
    struct keeper *k = turn_keeper(t);
    int64_t now = turn_now_ms(t), when;
    if (refresh_is_running(t, g))
        return ERR_OK;
    if (app->blocked_until_ms > now)
        return ERR_CONFIG;
    if (g->retry_at_ms > now) /* its row is due then */
        return ERR_OK;
    if (!app_may_send(app, now, &when)) {
        g->retry_at_ms = when + backoff_spread_ms(k->env, SPREAD_MS);
        grant_store(t, app->conf->name, portal, g, g->retry_at_ms);
        return ERR_OK;
    }
    enum err e = send_refresh(t, app, portal, g);
    if (e != ERR_OK)
        return e;
    g->lease_owner = keeper_owner(t);
    g->lease_fence++;
    g->lease_until_ms = now + LEASE_MS;
    grant_store(t, app->conf->name, portal, g, g->lease_until_ms);
    return ERR_OK;
}

void
refresh_record(struct turn *t, const struct errand_result *r,
               struct str outcome)
{
    audit_add(t, &(struct audit_entry){.kind = STR("refresh"),
                                       .app = r->note.app,
                                       .portal = r->note.portal,
                                       .generation = r->note.generation,
                                       .actor = STR("keeper"),
                                       .outcome = outcome,
                                       .detail = r->done.status});
}

static void
end_lease(struct grant *g)
{
    g->lease_owner = STR_NONE;
    g->lease_until_ms = 0;
}

/* What is planned for a grant that is not active stays planned. */
static void
store(struct turn *t, const struct errand_result *r, const struct grant *g,
      int64_t due)
{
    struct str key = grant_key(turn_arena(t), r->note.app, r->note.portal);
    if (g->state != GRANT_ACTIVE)
        due = turn_due(t, STORE_GRANTS, key);
    grant_store(t, r->note.app, r->note.portal, g, due);
}

static int64_t
next_due(struct turn *t, const struct grant *g)
{
    struct keeper *k = turn_keeper(t);
    uint32_t random;
    k->env->random(k->env, &random, sizeof(random));
    return grant_due_ms(g, turn_now_ms(t), random);
}

static bool
are_same(struct strs a, struct strs b)
{
    bool is_same = a.n == b.n;
    for (size_t i = 0; is_same && i < a.n; i++)
        is_same = strs_have(b, a.v[i]);
    return is_same;
}

/* Relays refuse by the scopes of their leases what HubSpot would refuse. */
static void
put_scopes(struct turn *t, const struct errand_result *r, struct grant *g)
{
    if (!r->done.has_scopes)
        return;
    if (!are_same(g->scopes, r->done.scopes))
        revoke_replaced(t, r->note.app, r->note.portal);
    g->scopes = r->done.scopes;
}

/* The life of a token counts from when its reply came, which may be long ago:
 * it lay in the spill file, or the disk was full. */
static void
put_tokens(struct turn *t, const struct errand_result *r, struct grant *g,
           const struct secret *key)
{
    const struct courier_done *d = &r->done;
    struct str app = r->note.app;
    uint64_t portal = r->note.portal;
    int64_t came_at = errand_came_at_s(&r->note, turn_now_s(t));
    g->version++;
    g->refreshed_at = came_at;
    g->expires_in = d->expires_in;
    g->expires_at = came_at + (int64_t)d->expires_in;
    g->sealed_access = grant_seal(t, key, app, portal, g->generation, "access",
                                  d->access_token);
    if (d->refresh_token.s.n > 0) /* RFC 6749 6: none means keep */
        g->sealed_refresh = grant_seal(t, key, app, portal, g->generation,
                                       "refresh", d->refresh_token);
    put_scopes(t, r, g);
    g->retry_at_ms = 0;
    g->last_error = STR_NONE;
    end_lease(g);
}

/* Refused before, it lives after all. */
static void
serve_again(struct turn *t, const struct errand_result *r, struct grant *g)
{
    if (g->state != GRANT_NEEDS_RECONNECT || g->is_word_confirmed)
        return;
    grant_count_move(t, r->note.app, g->state, GRANT_ACTIVE);
    g->state = GRANT_ACTIVE;
    g->sign_since = 0;
}

static void
store_tokens(struct turn *t, const struct errand_result *r, struct grant *g,
             const struct secret *key)
{
    put_tokens(t, r, g, key);
    serve_again(t, r, g);
    if (grant_is_fresh(g, turn_now_s(t)) || g->state != GRANT_ACTIVE) {
        g->n_failures = 0;
        store(t, r, g, next_due(t, g));
    } else {
        /* It cannot serve.  Without a wait its callers would ask for the
         * next one at once, and so on. */
        g->last_error = STR("short_lived");
        g->last_error_at = turn_now_s(t);
        g->retry_at_ms = retry_at_ms(t, ++g->n_failures);
        store(t, r, g, g->retry_at_ms);
    }
    turn_count(t, &turn_keeper(t)->n_refreshes);
    refresh_record(t, r, STR("ok"));
    turn_log(t, LOG_INFO, "grant.refreshed",
             "app=%.*s portal=%" PRIu64 " version=%" PRIu64,
             STR_ARG(r->note.app), r->note.portal, g->version);
}

/* Another pair was stored meanwhile, by a refresh or an install: what came is
 * kept, if it could be the only living one. */
static void
keep_spare(struct turn *t, const struct errand_result *r, struct grant *g,
           const struct secret *key)
{
    struct hidden stored;
    struct hidden came = r->done.refresh_token;
    if (r->done.outcome != OUTCOME_OK || came.s.n == 0 ||
        grant_unseal(t, key, r->note.app, r->note.portal, g->generation,
                     "refresh", g->sealed_refresh, &stored) != ERR_OK ||
        hidden_equal(stored, came))
        return;
    if (g->state == GRANT_NEEDS_RECONNECT) { /* it is the only one */
        store_tokens(t, r, g, key);
        return;
    }
    struct str row = grant_key(turn_arena(t), r->note.app, r->note.portal);
    g->sealed_spare = grant_seal(t, key, r->note.app, r->note.portal,
                                 g->generation, "spare", came);
    grant_store(t, r->note.app, r->note.portal, g,
                turn_due(t, STORE_GRANTS, row));
    refresh_record(t, r, STR("spare"));
}

/* The spare takes the refused token's place and is tried at once. */
static bool
try_spare(struct turn *t, const struct errand_result *r, struct grant *g,
          const struct secret *key)
{
    struct hidden spare;
    if (g->sealed_spare.n == 0 ||
        grant_unseal(t, key, r->note.app, r->note.portal, g->generation,
                     "spare", g->sealed_spare, &spare) != ERR_OK)
        return false;
    g->sealed_refresh = grant_seal(t, key, r->note.app, r->note.portal,
                                   g->generation, "refresh", spare);
    g->sealed_spare = STR_NONE;
    g->version++;
    g->retry_at_ms = turn_now_ms(t);
    end_lease(g);
    grant_store(t, r->note.app, r->note.portal, g, g->retry_at_ms);
    refresh_record(t, r, STR("refused, trying the spare"));
    return true;
}

/* A 477 is about this account alone: HubSpot is moving it. */
static int64_t
asked_for_ms(struct turn *t, const struct courier_done *d)
{
    int64_t wait = (int64_t)d->retry_after_s * 1000;
    return turn_now_ms(t) +
           (wait < RETRY_AFTER_MAX_MS ? wait : RETRY_AFTER_MAX_MS);
}

static void
fail(struct turn *t, const struct errand_result *r, struct grant *g,
     struct str error)
{
    g->n_failures++;
    g->last_error = error;
    g->last_error_at = turn_now_s(t);
    g->retry_at_ms = retry_at_ms(t, g->n_failures);
    if (g->retry_at_ms < asked_for_ms(t, &r->done))
        g->retry_at_ms = asked_for_ms(t, &r->done);
    end_lease(g);
    store(t, r, g, g->retry_at_ms);
    refresh_record(t, r, error);
    bool is_urgent = g->expires_at - turn_now_s(t) < g->expires_in / 10;
    turn_count(t, &turn_keeper(t)->n_refresh_failures);
    turn_log(t, is_urgent ? LOG_ERROR : LOG_WARN, "refresh.failed",
             "app=%.*s portal=%" PRIu64 " error=%.*s failures=%u",
             STR_ARG(r->note.app), r->note.portal, STR_ARG(error),
             g->n_failures);
}

/* A sign, not word: nothing is served, nothing is erased yet. */
void
refresh_need_reconnect(struct turn *t, const struct errand_result *r,
                       struct grant *g, int64_t due)
{
    grant_count_move(t, r->note.app, g->state, GRANT_NEEDS_RECONNECT);
    g->state = GRANT_NEEDS_RECONNECT;
    g->sealed_access = STR_NONE;
    g->sign_since = turn_now_s(t);
    g->last_error = STR("refused");
    g->last_error_at = turn_now_s(t);
    end_lease(g);
    grant_store(t, r->note.app, r->note.portal, g, due);
    refresh_record(t, r, STR("needs_reconnect"));
    revoke_leases(t, r->note.app, r->note.portal, 0);
    notice_needs_reconnect(t, r->note.app, r->note.portal, g, r->done.status);
    turn_log(t, LOG_ERROR, "grant.needs_reconnect",
             "app=%.*s portal=%" PRIu64 " status=%s", STR_ARG(r->note.app),
             r->note.portal, log_quote(r->done.status));
}

static void
take_refusal(struct turn *t, const struct errand_result *r, struct app *app,
             struct grant *g, const struct grant_counts *counts,
             const struct secret *key)
{
    uint64_t n = counts->n_active + counts->n_needs_reconnect;
    if (g->state == GRANT_ACTIVE && try_spare(t, r, g, key))
        return;
    if (g->state == GRANT_ACTIVE && app != NULL &&
        app_trusts_refusal(app, r->note.portal, n, turn_now_ms(t)))
        refresh_need_reconnect(t, r, g, turn_now_ms(t) + DAY_MS);
    else
        fail(t, r, g, STR("refused"));
}

static struct str
name_failure(const struct courier_done *d)
{
    switch (d->outcome) {
    case OUTCOME_THROTTLED:
        return STR("throttled");
    case OUTCOME_OUR_FAULT:
        return STR("credentials_refused");
    case OUTCOME_REFUSED:
        return STR("not_accepted");
    default:
        return STR("unreachable");
    }
}

static void
take_result(struct turn *t, const struct errand_result *r, struct app *app,
            struct grant *g, const struct grant_counts *counts,
            const struct secret *key)
{
    const struct courier_done *d = &r->done;
    if (d->outcome == OUTCOME_OK && d->hub_id != 0 &&
        d->hub_id != r->note.portal) {
        turn_log(t, LOG_ERROR, "refresh.wrong_account",
                 "app=%.*s portal=%" PRIu64 " came=%" PRIu64,
                 STR_ARG(r->note.app), r->note.portal, d->hub_id);
        fail(t, r, g, STR("wrong_account"));
    } else if (d->outcome == OUTCOME_OK) {
        store_tokens(t, r, g, key);
    } else if (d->outcome == OUTCOME_TOKEN_ENDED) {
        take_refusal(t, r, app, g, counts, key);
    } else {
        fail(t, r, g, name_failure(d));
    }
}

/* The grant was let go meanwhile: what HubSpot gave is let go, too. */
static enum err
take_orphan(struct turn *t, const struct errand_result *r, struct app *app)
{
    struct hidden token = r->done.refresh_token;
    if (r->done.outcome != OUTCOME_OK || token.s.n == 0)
        return ERR_OK;
    enum err e = remote_take_token(t, &r->note, token);
    if (e == ERR_NOT_FOUND && app != NULL)
        revoke_later(t, app, token);
    return e == ERR_AGAIN ? e : ERR_OK;
}

enum err
do_refreshed(struct turn *t, const void *ask)
{
    const struct errand_result *r = ask;
    struct grant g;
    struct data_key row;
    struct grant_counts counts;
    struct secret *auto_secret key = NULL;
    bool is_there = grant_load(t, r->note.app, r->note.portal, &g, &row);
    (void)grant_counts_load(t, r->note.app, &counts); /* named here */
    (void)notice_load(t, r->note.app);                /* named here */
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    /* The app may have left the configuration; its tokens are kept. */
    struct app *app = apps_find(turn_keeper(t)->apps, r->note.app);
    if (!is_there || g.erase_since_ms != 0)
        return take_orphan(t, r, app);
    if (app != NULL)
        app_note_outcome(t, app, &r->done);
    if (grant_open_key(t, r->note.app, r->note.portal, &key) != ERR_OK)
        fail(t, r, &g, STR("does_not_open"));
    else if (g.version != r->note.version || g.generation != r->note.generation)
        keep_spare(t, r, &g, key);
    else
        take_result(t, r, app, &g, &counts, key);
    turn_wake(t, grant_key(turn_arena(t), r->note.app, r->note.portal));
    return ERR_OK;
}

struct refresh_refusal
refresh_why(struct turn *t, enum err e, const struct grant *g,
            const struct app *app)
{
    int64_t now = turn_now_ms(t), wait = g->retry_at_ms - now;
    struct refresh_refusal why = {
        .err = ERR_UNREACHABLE,
        .detail =
            grant_is_fresh(g, turn_now_s(t))
                ? STR("HubSpot's token endpoint cannot be reached or gives no "
                      "usable answer. The refresh is repeated by itself.")
                : STR("The access token has run out and HubSpot's token "
                      "endpoint cannot be reached or gives no usable answer. "
                      "The refresh is repeated by itself."),
        .retry_after_s = wait > 0 ? (uint32_t)(wait / 1000 + 1) : 1};
    if (e == ERR_CRYPTO) {
        why.err = ERR_CRYPTO;
        why.detail = GRANT_UNOPENED;
    } else if (app->blocked_until_ms > now ||
               str_equal(g->last_error, STR("credentials_refused"))) {
        why.err = ERR_CONFIG;
        why.detail =
            STR("HubSpot refuses this app's client id or client secret. Check "
                "both in the configuration; no portal was disconnected.");
        if (app->blocked_until_ms - now > wait)
            why.retry_after_s =
                (uint32_t)((app->blocked_until_ms - now) / 1000 + 1);
    } else if (app->throttled_until_ms > now ||
               str_equal(g->last_error, STR("throttled"))) {
        why.err = ERR_THROTTLED;
        why.detail = STR("HubSpot's token endpoint asks for patience (429). "
                         "The refresh is repeated by itself.");
    }
    return why;
}

#include "keeper/refresh.h"

#include "keeper/answer.h"
#include "keeper/audit.h"
#include "keeper/ending.h"
#include "keeper/keeper.h"
#include "keeper/revoke.h"

#include <inttypes.h>

#define LEASE_MS 60000     /* against an errand's deadline of 20 s */
#define RETRY_MS 500       /* first wait after a failure, then doubling */
#define RETRY_MAX_MS 60000 /* jitter of a quarter both ways */
#define DAY_MS 86400000
#define HOUR_MS 3600000

static int64_t
retry_wait_ms(struct keeper *k, uint32_t n_failures)
{
    int64_t wait = RETRY_MS;
    uint32_t random;
    while (n_failures-- > 1 && wait < RETRY_MAX_MS)
        wait *= 2;
    if (wait > RETRY_MAX_MS)
        wait = RETRY_MAX_MS;
    k->env->random(k->env, &random, sizeof(random));
    return wait - wait / 4 + (int64_t)(random % (uint32_t)(wait / 2 + 1));
}

/* Leases of this node from before its birth are its own to take over. */
static bool
is_running(struct turn *t, const struct grant *g)
{
    struct keeper *k = turn_keeper(t);
    if (!grant_is_leased(g, turn_now_ms(t)))
        return false;
    bool is_ours = str_equal(g->lease_owner, k->node);
    return !is_ours || g->lease_until_ms - LEASE_MS >= k->started_at;
}

static enum err
send_refresh(struct turn *t, struct app *app, uint64_t portal, struct grant *g)
{
    struct str name = app->conf->name;
    struct secret *key;
    struct hidden token;
    enum err e = grant_open_key(t, name, portal, &key);
    if (e == ERR_OK)
        e = grant_unseal(t, key, name, portal, g->generation, "refresh",
                         g->sealed_refresh, &token);
    if (e != ERR_OK)
        return e;
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
    if (is_running(t, g))
        return ERR_OK;
    if (app->blocked_until_ms > now)
        return ERR_CONFIG;
    if (g->retry_at_ms > now) {
        keeper_due(k, g->retry_at_ms);
        return ERR_OK;
    }
    if (!app_may_send(app, now, &when)) {
        uint32_t random;
        k->env->random(k->env, &random, sizeof(random));
        g->retry_at_ms = when + random % 1000; /* not all at once */
        grant_store(t, app->conf->name, portal, g, g->retry_at_ms);
        return ERR_OK;
    }
    enum err e = send_refresh(t, app, portal, g);
    if (e != ERR_OK)
        return e;
    g->lease_owner = k->node;
    g->lease_fence++;
    g->lease_until_ms = now + LEASE_MS;
    grant_store(t, app->conf->name, portal, g, g->lease_until_ms);
    return ERR_OK;
}

static void
record(struct turn *t, const struct errand_result *r, struct str outcome)
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

static int64_t
next_due(struct turn *t, const struct grant *g)
{
    struct keeper *k = turn_keeper(t);
    uint32_t random;
    k->env->random(k->env, &random, sizeof(random));
    return grant_due_ms(g, turn_now_ms(t), random);
}

static void
store_tokens(struct turn *t, const struct errand_result *r, struct grant *g,
             const struct secret *key)
{
    const struct courier_done *d = &r->done;
    struct str app = r->note.app;
    uint64_t portal = r->note.portal;
    g->version++;
    g->refreshed_at = turn_now_s(t);
    g->expires_in = d->expires_in;
    g->expires_at = turn_now_s(t) + (int64_t)d->expires_in;
    g->sealed_access = grant_seal(t, key, app, portal, g->generation, "access",
                                  d->access_token);
    if (d->refresh_token.s.n > 0) /* RFC 6749 6: none means keep */
        g->sealed_refresh = grant_seal(t, key, app, portal, g->generation,
                                       "refresh", d->refresh_token);
    if (d->has_scopes)
        g->scopes = d->scopes;
    g->n_failures = 0;
    g->retry_at_ms = 0;
    g->last_error = STR_NONE;
    end_lease(g);
}

/* Somebody stored another pair meanwhile: what came is kept, if it could be
 * the only living one. */
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
    g->sealed_spare = grant_seal(t, key, r->note.app, r->note.portal,
                                 g->generation, "spare", came);
    grant_store(t, r->note.app, r->note.portal, g, next_due(t, g));
    record(t, r, STR("spare"));
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
    record(t, r, STR("refused, trying the spare"));
    return true;
}

static void
fail(struct turn *t, const struct errand_result *r, struct grant *g,
     struct str error)
{
    struct keeper *k = turn_keeper(t);
    k->n_refresh_failures++;
    g->n_failures++;
    g->last_error = error;
    g->last_error_at = turn_now_s(t);
    g->retry_at_ms = turn_now_ms(t) + retry_wait_ms(k, g->n_failures);
    end_lease(g);
    bool is_urgent = g->expires_at - turn_now_s(t) < g->expires_in / 10;
    log_write(is_urgent ? LOG_ERROR : LOG_WARN, "refresh.failed",
              "app=%.*s portal=%" PRIu64 " error=%.*s failures=%u",
              STR_ARG(r->note.app), r->note.portal, STR_ARG(error),
              g->n_failures);
    grant_store(t, r->note.app, r->note.portal, g, g->retry_at_ms);
    record(t, r, error);
}

/* A sign, not word: nothing is served, nothing is erased yet. */
static void
need_reconnect(struct turn *t, const struct errand_result *r, struct grant *g)
{
    grant_count_move(t, r->note.app, g->state, GRANT_NEEDS_RECONNECT);
    g->state = GRANT_NEEDS_RECONNECT;
    g->sealed_access = STR_NONE;
    g->sign_since = turn_now_s(t);
    g->last_error = STR("refused");
    g->last_error_at = turn_now_s(t);
    end_lease(g);
    grant_store(t, r->note.app, r->note.portal, g, turn_now_ms(t) + DAY_MS);
    record(t, r, STR("needs_reconnect"));
    revoke_leases(t, r->note.app, r->note.portal, 0);
    log_error("grant.needs_reconnect", "app=%.*s portal=%" PRIu64 " status=%s",
              STR_ARG(r->note.app), r->note.portal, log_quote(r->done.status));
}

static void
take_refusal(struct turn *t, const struct errand_result *r, struct app *app,
             struct grant *g, const struct grant_counts *counts,
             const struct secret *key)
{
    uint64_t n = counts->n_active + counts->n_needs_reconnect;
    if (try_spare(t, r, g, key))
        return;
    if (app_trusts_refusal(app, r->note.portal, n, turn_now_ms(t)))
        need_reconnect(t, r, g);
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
        log_error("refresh.wrong_account",
                  "app=%.*s portal=%" PRIu64 " came=%" PRIu64,
                  STR_ARG(r->note.app), r->note.portal, d->hub_id);
        fail(t, r, g, STR("wrong_account"));
    } else if (d->outcome == OUTCOME_OK) {
        turn_keeper(t)->n_refreshes++;
        store_tokens(t, r, g, key);
        grant_store(t, r->note.app, r->note.portal, g, next_due(t, g));
        record(t, r, STR("ok"));
        log_info("grant.refreshed",
                 "app=%.*s portal=%" PRIu64 " version=%" PRIu64,
                 STR_ARG(r->note.app), r->note.portal, g->version);
    } else if (d->outcome == OUTCOME_TOKEN_ENDED) {
        take_refusal(t, r, app, g, counts, key);
    } else {
        fail(t, r, g, name_failure(d));
    }
}

enum err
do_refreshed(struct turn *t, const void *ask)
{
    const struct errand_result *r = ask;
    struct keeper *k = turn_keeper(t);
    struct grant g;
    struct data_key row;
    struct grant_counts counts;
    struct secret *key;
    bool is_there = grant_load(t, r->note.app, r->note.portal, &g, &row);
    (void)grant_counts_load(t, r->note.app, &counts); /* named here */
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    struct app *app = apps_find(k->apps, r->note.app);
    if (app != NULL)
        app_note_outcome(app, k, r->done.outcome, r->done.retry_after_s);
    if (!is_there || app == NULL || g.generation != r->note.generation ||
        grant_open_key(t, r->note.app, r->note.portal, &key) != ERR_OK)
        return ERR_OK;
    if (g.version != r->note.version)
        keep_spare(t, r, &g, key);
    else
        take_result(t, r, app, &g, &counts, key);
    turn_wake(t, grant_key(turn_arena(t), r->note.app, r->note.portal));
    return ERR_OK;
}

void
refresh_probe(struct turn *t, struct app *app, uint64_t portal, struct grant *g)
{
    struct str name = app->conf->name;
    struct secret *key;
    struct hidden token;
    if (grant_open_key(t, name, portal, &key) != ERR_OK ||
        grant_unseal(t, key, name, portal, g->generation, "refresh",
                     g->sealed_refresh, &token) != ERR_OK)
        return;
    struct courier_errand errand = {.kind = ERRAND_INTROSPECT,
                                    .client_id = app->conf->client_id,
                                    .client_secret =
                                        secret_view(app->client_secret),
                                    .token = token};
    struct errand_note note = {.app = name,
                               .portal = portal,
                               .generation = g->generation,
                               .version = g->version};
    errands_send(t, &errand, &note, do_probed);
    grant_store(t, name, portal, g, turn_now_ms(t) + HOUR_MS);
}

/* It lives after all: served again, by a fresh refresh. */
static void
revive(struct turn *t, const struct errand_result *r, struct grant *g)
{
    grant_count_move(t, r->note.app, g->state, GRANT_ACTIVE);
    g->state = GRANT_ACTIVE;
    g->sign_since = 0;
    g->expires_at = 0;
    g->last_error = STR_NONE;
    g->retry_at_ms = 0;
    grant_store(t, r->note.app, r->note.portal, g, STORE_NEVER);
    record(t, r, STR("alive_again"));
}

enum err
do_probed(struct turn *t, const void *ask)
{
    const struct errand_result *r = ask;
    struct grant g;
    struct data_key row;
    struct grant_counts counts;
    bool is_there = grant_load(t, r->note.app, r->note.portal, &g, &row);
    (void)grant_counts_load(t, r->note.app, &counts); /* named here */
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    struct app *app = apps_find(turn_keeper(t)->apps, r->note.app);
    if (!is_there || app == NULL || g.state != GRANT_NEEDS_RECONNECT ||
        g.generation != r->note.generation)
        return ERR_OK;
    int64_t held_s = turn_now_s(t) - g.sign_since;
    if (r->done.outcome == OUTCOME_OK)
        revive(t, r, &g);
    else if (r->done.outcome != OUTCOME_INACTIVE)
        grant_store(t, r->note.app, r->note.portal, &g,
                    turn_now_ms(t) + HOUR_MS);
    else if (held_s >= (int64_t)app->conf->erase_gone_after_s)
        ending_erase(t, &(struct ending){.app = r->note.app,
                                         .portal = r->note.portal,
                                         .grant = &g,
                                         .word = STR("sign held"),
                                         .remote = STR("gone")});
    else
        grant_store(t, r->note.app, r->note.portal, &g,
                    turn_now_ms(t) + DAY_MS);
    return ERR_OK;
}

void
refresh_check_static(struct turn *t, struct app *app, uint64_t portal,
                     struct grant *g)
{
    struct str name = app->conf->name;
    struct secret *key;
    struct hidden token;
    if (grant_open_key(t, name, portal, &key) != ERR_OK ||
        grant_unseal(t, key, name, portal, g->generation, "access",
                     g->sealed_access, &token) != ERR_OK)
        return;
    struct courier_errand errand = {.kind = ERRAND_TOKEN_INFO, .token = token};
    struct errand_note note = {.app = name,
                               .portal = portal,
                               .generation = g->generation,
                               .version = g->version};
    errands_send(t, &errand, &note, do_static_checked);
}

/* Refused, it stays until a new one is added: nobody else can renew it. */
enum err
do_static_checked(struct turn *t, const void *ask)
{
    const struct errand_result *r = ask;
    struct grant g;
    struct data_key row;
    struct grant_counts counts;
    bool is_there = grant_load(t, r->note.app, r->note.portal, &g, &row);
    (void)grant_counts_load(t, r->note.app, &counts); /* named here */
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    turn_wake(t, grant_key(turn_arena(t), r->note.app, r->note.portal));
    if (!is_there || g.state != GRANT_ACTIVE || g.version != r->note.version ||
        (r->done.outcome != OUTCOME_TOKEN_ENDED &&
         r->done.outcome != OUTCOME_REFUSED))
        return ERR_OK;
    need_reconnect(t, r, &g);
    grant_store(t, r->note.app, r->note.portal, &g, STORE_NEVER);
    return ERR_OK;
}

enum err
refresh_why(const struct grant *g, const struct app *app, int64_t now_ms,
            struct str *out_detail, uint32_t *out_retry_after_s)
{
    int64_t wait = g->retry_at_ms - now_ms;
    *out_retry_after_s = wait > 0 ? (uint32_t)(wait / 1000 + 1) : 1;
    if (app->blocked_until_ms > now_ms ||
        str_equal(g->last_error, STR("credentials_refused"))) {
        *out_detail =
            STR("HubSpot refuses this app's client id or client secret. Check "
                "both in the configuration; no portal was disconnected.");
        return ERR_CONFIG;
    }
    if (str_equal(g->last_error, STR("throttled"))) {
        *out_detail = STR("HubSpot's token endpoint asks for patience (429). "
                          "The refresh is repeated by itself.");
        return ERR_THROTTLED;
    }
    *out_detail = STR("The access token has run out and HubSpot's token "
                      "endpoint cannot be reached or gives no usable answer. "
                      "The refresh is repeated by itself.");
    return ERR_UNREACHABLE;
}

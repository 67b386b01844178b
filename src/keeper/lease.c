#include "keeper/lease.h"

#include "keeper/answer.h"
#include "keeper/apikeys.h"
#include "keeper/apps.h"
#include "keeper/audit.h"
#include "keeper/grant.h"
#include "keeper/keeper.h"
#include "keeper/probe.h"
#include "keeper/refresh.h"
#include "keeper/session.h"

#include <inttypes.h>

/* A lease is asked for again after this; revocation is pushed before. */
#define LEASE_S 300
/* The use of a grant is noted at most this often. */
#define USE_NOTED_S 60
/* A caller's 401 refreshes a token only if it is older than this, */
#define REFUSED_AGE_S 60
/* and a grant at most this often. */
#define REFUSED_EVERY_S 300

static void
refuse(struct turn *t, enum err e, struct str detail, struct str reconnect_url,
       uint32_t retry_after_s)
{
    answer_lease(t, &(struct relay_lease){.err = (uint32_t)e,
                                          .detail = detail,
                                          .reconnect_url = reconnect_url,
                                          .retry_after_s = retry_after_s});
}

static void
refuse_refresh(struct turn *t, enum err e, const struct grant *g,
               const struct app *app)
{
    struct refresh_refusal why = refresh_why(t, e, g, app);
    refuse(t, why.err, why.detail, STR_NONE, why.retry_after_s);
}

static int64_t
lease_until_s(struct turn *t, const struct grant *g, const struct api_key *key)
{
    int64_t until = turn_now_s(t) + LEASE_S;
    if (!g->is_static && until > g->expires_at - grant_floor_s(g))
        until = g->expires_at - grant_floor_s(g);
    if (key->ends_at != 0 && until > key->ends_at)
        until = key->ends_at;
    return until;
}

/* In use now: it is refreshed ahead of time, unless something is planned. */
static void
note_use(struct turn *t, const struct relay_lease_ask *ask, struct grant *g)
{
    struct keeper *k = turn_keeper(t);
    struct str row = grant_key(turn_arena(t), ask->app, ask->portal);
    int64_t due = turn_due(t, STORE_GRANTS, row);
    uint32_t random;
    if (g->last_used_at >= g->refreshed_at &&
        turn_now_s(t) - g->last_used_at < USE_NOTED_S)
        return; /* the grant's row is written once a minute, not per lease */
    k->env->random(k->env, &random, sizeof(random));
    g->last_used_at = turn_now_s(t);
    if (due == STORE_NEVER)
        due = grant_due_ms(g, turn_now_ms(t), random);
    grant_store(t, ask->app, ask->portal, g, due);
}

static void
record(struct turn *t, const struct relay_lease_ask *ask, const struct grant *g,
       const struct api_key *key, int64_t until_s)
{
    audit_add(t, &(struct audit_entry){
                     .kind = STR("lease"),
                     .app = ask->app,
                     .portal = ask->portal,
                     .generation = g->generation,
                     .actor = apikey_actor(t, key),
                     .outcome = STR("ok"),
                     .detail = arena_printf(
                         turn_arena(t), "%s until %" PRId64,
                         ask->verb == VERB_TOKEN ? "token" : "call", until_s)});
}

static void
give(struct turn *t, const struct relay_lease_ask *ask, const struct app *app,
     struct grant *g, const struct api_key *key)
{
    struct secret *auto_secret data_key = NULL;
    struct hidden token;
    int64_t until = lease_until_s(t, g, key);
    if (grant_open_key(t, ask->app, ask->portal, &data_key) != ERR_OK ||
        grant_unseal(t, data_key, ask->app, ask->portal, g->generation,
                     "access", g->sealed_access, &token) != ERR_OK) {
        refuse_refresh(t, ERR_CRYPTO, g, app);
        return;
    }
    note_use(t, ask, g);
    record(t, ask, g, key, until);
    turn_count(t, &turn_keeper(t)->n_leases);
    bool is_read_only = ask->verb == VERB_CALL && (key->verbs & VERB_CALL) == 0;
    answer_lease(t, &(struct relay_lease){.err = ERR_OK,
                                          .access_token = token,
                                          .version = g->version,
                                          .expires_at = g->expires_at,
                                          .floor_s = grant_floor_s(g),
                                          .scopes = g->scopes,
                                          .key_number = key->number,
                                          .is_read_only = is_read_only,
                                          .lease_until = until * 1000});
}

/* HubSpot said 401 to this very version: once, if it is not brand-new. */
static bool
takes_refusal(struct turn *t, const struct relay_lease_ask *ask,
              const struct grant *g)
{
    int64_t now = turn_now_s(t);
    return ask->refused_version != 0 && ask->refused_version == g->version &&
           (g->is_static || now - g->refreshed_at >= REFUSED_AGE_S) &&
           now - g->refused_at >= REFUSED_EVERY_S;
}

static void
wait_for_refresh(struct turn *t, const struct relay_lease_ask *ask,
                 struct app *app, struct grant *g)
{
    enum err e =
        turn_is_late(t) ? ERR_TIMEOUT : refresh_want(t, app, ask->portal, g);
    if (e == ERR_OK)
        turn_park(t, grant_key(turn_arena(t), ask->app, ask->portal));
    else
        refuse_refresh(t, e, g, app);
}

/* Nothing can renew it; HubSpot says whether it still lives. */
static void
check_static(struct turn *t, const struct relay_lease_ask *ask, struct app *app,
             struct grant *g)
{
    enum err e = probe_static(t, app, ask->portal, g);
    if (e == ERR_OK)
        turn_park(t, grant_key(turn_arena(t), ask->app, ask->portal));
    else
        refuse_refresh(t, e, g, app);
}

static void
answer_known(struct turn *t, const struct relay_lease_ask *ask, struct app *app,
             struct grant *g, const struct api_key *key)
{
    if (g->state == GRANT_NEEDS_RECONNECT) {
        refuse(t, ERR_NEEDS_RECONNECT,
               g->is_static
                   ? STR("HubSpot no longer accepts this static token. Add a "
                         "new one: portkeep portals add --static.")
                   : STR("HubSpot ended this grant. Send the customer to "
                         "reconnect_url to connect again."),
               g->is_static ? STR_NONE
                            : session_reconnect_url(t, ask->app, ask->portal,
                                                    g->generation),
               0);
    } else if (g->state != GRANT_ACTIVE) {
        refuse(t, ERR_NOT_FOUND, STR("This portal is being disconnected."),
               STR_NONE, 0);
    } else if (takes_refusal(t, ask, g) && !turn_is_late(t)) {
        g->refused_at = turn_now_s(t);
        if (g->is_static) {
            check_static(t, ask, app, g);
            return;
        }
        g->expires_at = 0; /* HubSpot says so: it serves nobody any more */
        g->retry_at_ms = 0;
        wait_for_refresh(t, ask, app, g);
    } else if (grant_is_fresh(g, turn_now_s(t))) {
        give(t, ask, app, g, key);
    } else {
        wait_for_refresh(t, ask, app, g);
    }
}

enum err
do_lease(struct turn *t, const void *ask)
{
    const struct relay_lease_ask *a = ask;
    struct key_wish wish = {.credential = a->credential,
                            .app = a->app,
                            .portal = a->portal,
                            .verb = a->verb,
                            .address = a->address};
    struct api_key key;
    struct grant g;
    struct data_key row;
    struct str detail;
    bool is_there = grant_load(t, a->app, a->portal, &g, &row);
    enum err e = apikey_authorize(t, &wish, &key, &detail);
    if (e == ERR_AGAIN)
        return e;
    struct app *app = apps_find(turn_keeper(t)->apps, a->app);
    if (e != ERR_OK)
        refuse(t, e, detail, STR_NONE, 0);
    else if (app == NULL)
        refuse(t, ERR_NOT_FOUND,
               STR("There is no app of that name in the configuration."),
               STR_NONE, 0);
    else if (!is_there)
        refuse(t, ERR_NOT_FOUND,
               STR("This portal is not connected to this app."), STR_NONE, 0);
    else
        answer_known(t, a, app, &g, &key);
    return ERR_OK;
}

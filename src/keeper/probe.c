#include "keeper/probe.h"

#include "keeper/ending.h"
#include "keeper/errands.h"
#include "keeper/keeper.h"
#include "keeper/notice.h"
#include "keeper/refresh.h"
#include "keeper/uninstall.h"

#define DAY_MS 86400000
#define HOUR_MS 3600000

/* The token of that kind, and who asks about it. */
static bool
open_token(struct turn *t, const struct errand_note *note, const char *kind,
           struct str sealed, struct hidden *out)
{
    struct secret *auto_secret key = NULL;
    return grant_open_key(t, note->app, note->portal, &key) == ERR_OK &&
           grant_unseal(t, key, note->app, note->portal, note->generation, kind,
                        sealed, out) == ERR_OK &&
           out->s.n > 0;
}

static struct errand_note
note_of(const struct app *app, uint64_t portal, const struct grant *g)
{
    return (struct errand_note){.app = app->conf->name,
                                .portal = portal,
                                .generation = g->generation,
                                .version = g->version};
}

/* It lives after all: served again, by a fresh refresh. */
static void
revive(struct turn *t, const struct errand_result *r, struct grant *g)
{
    grant_count_move(t, r->note.app, g->state, GRANT_ACTIVE);
    g->state = GRANT_ACTIVE;
    uninstall_forget(g); /* whatever was said: HubSpot knows better */
    g->sign_since = 0;
    g->expires_at = 0;
    g->last_error = STR_NONE;
    g->n_failures = 0;
    g->retry_at_ms = 0;
    grant_store(t, r->note.app, r->note.portal, g, STORE_NEVER);
    refresh_record(t, r, STR("alive_again"));
}

/* It held at every probe, and it is not the app that HubSpot doubts.  After
 * a word the grace period decides. */
static bool
is_the_end(struct turn *t, const struct app *app, const struct grant *g)
{
    int64_t held_s = turn_now_s(t) - g->sign_since;
    return held_s >= (int64_t)app->conf->erase_gone_after_s &&
           app->n_blocked == 0 && !g->is_word_confirmed;
}

static enum err
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
    if (r->done.outcome == OUTCOME_OK)
        revive(t, r, &g);
    else if (r->done.outcome != OUTCOME_INACTIVE)
        grant_store(t, r->note.app, r->note.portal, &g,
                    turn_now_ms(t) + HOUR_MS);
    else if (is_the_end(t, app, &g))
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
probe_start(struct turn *t, struct app *app, uint64_t portal, struct grant *g)
{
    struct errand_note note = note_of(app, portal, g);
    struct hidden token;
    if (open_token(t, &note, "refresh", g->sealed_refresh, &token)) {
        struct courier_errand errand = {.kind = ERRAND_INTROSPECT,
                                        .client_id = app->conf->client_id,
                                        .client_secret =
                                            secret_view(app->client_secret),
                                        .token = token};
        errands_send(t, &errand, &note, do_probed);
    }
    grant_store(t, app->conf->name, portal, g, turn_now_ms(t) + HOUR_MS);
}

/* Refused, it stays until a new one is added: nobody else can renew it. */
static enum err
do_static_checked(struct turn *t, const void *ask)
{
    const struct errand_result *r = ask;
    struct grant g;
    struct data_key row;
    struct grant_counts counts;
    bool is_there = grant_load(t, r->note.app, r->note.portal, &g, &row);
    (void)grant_counts_load(t, r->note.app, &counts); /* named here */
    (void)notice_load(t, r->note.app);                /* named here */
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    turn_wake(t, grant_key(turn_arena(t), r->note.app, r->note.portal));
    bool is_refused = r->done.outcome == OUTCOME_TOKEN_ENDED ||
                      r->done.outcome == OUTCOME_REFUSED;
    if (is_there && is_refused && g.state == GRANT_ACTIVE &&
        g.generation == r->note.generation && g.version == r->note.version)
        refresh_need_reconnect(t, r, &g, STORE_NEVER);
    return ERR_OK;
}

enum err
probe_static(struct turn *t, struct app *app, uint64_t portal, struct grant *g)
{
    struct errand_note note = note_of(app, portal, g);
    struct hidden token;
    if (!open_token(t, &note, "access", g->sealed_access, &token))
        return ERR_CRYPTO;
    struct courier_errand errand = {.kind = ERRAND_TOKEN_INFO, .token = token};
    errands_send(t, &errand, &note, do_static_checked);
    grant_store(t, app->conf->name, portal, g, STORE_NEVER);
    return ERR_OK;
}

#include "keeper/uninstall.h"

#include "keeper/ending.h"
#include "keeper/errands.h"
#include "keeper/keeper.h"
#include "keeper/notice.h"
#include "keeper/revoke.h"

#include <inttypes.h>

#define OLD_MS 60000      /* clocks may differ by that */
#define AGAIN_MS 60000    /* HubSpot could not be asked */
#define DECIDE_MS 3600000 /* then the word's own time decides */

static struct str
word_of(const struct grant *g)
{
    return g->word_source == SOURCE_JOURNAL ? STR("hubspot journal")
                                            : STR("hubspot push");
}

void
uninstall_forget(struct grant *g)
{
    g->word_at_ms = g->word_since_ms = g->word_due_ms = 0;
    g->word_source = 0;
    g->is_word_confirmed = false;
}

static void
store(struct turn *t, struct str app, uint64_t portal, const struct grant *g)
{
    struct str row = grant_key(turn_arena(t), app, portal);
    grant_store(t, app, portal, g, turn_due(t, STORE_GRANTS, row));
}

void
uninstall_note(struct turn *t, struct str app, uint64_t portal, struct grant *g,
               int64_t occurred_at_ms, uint32_t source)
{
    if (occurred_at_ms <= 0) /* it does not say: it is HubSpot that is asked */
        occurred_at_ms = turn_now_ms(t);
    bool is_old = occurred_at_ms < g->connected_at * 1000 - OLD_MS;
    turn_log(t, LOG_INFO, is_old ? "uninstall.old_word" : "uninstall.word",
             "app=%.*s portal=%" PRIu64 " generation=%" PRIu64 " source=%.*s",
             STR_ARG(app), portal, g->generation,
             STR_ARG(parcel_source_name(source)));
    if (is_old || g->state == GRANT_ERASING || g->is_word_confirmed)
        return;
    if (g->word_since_ms != 0) { /* said again: the later word counts */
        if (occurred_at_ms > g->word_at_ms) {
            g->word_at_ms = occurred_at_ms;
            store(t, app, portal, g);
        }
        return;
    }
    g->word_at_ms = occurred_at_ms;
    g->word_since_ms = turn_now_ms(t);
    g->word_due_ms = turn_now_ms(t);
    g->word_source = source;
    store(t, app, portal, g);
}

static void
end_now(struct turn *t, struct str app, uint64_t portal, struct grant *g)
{
    ending_erase(t, &(struct ending){.app = app,
                                     .portal = portal,
                                     .grant = g,
                                     .word = word_of(g),
                                     .remote = STR("gone")});
}

/* Nothing is served any more; the grace period runs. */
static void
begin_grace(struct turn *t, struct str app, uint64_t portal, struct grant *g,
            uint32_t grace_s)
{
    g->is_word_confirmed = true;
    g->word_due_ms = turn_now_ms(t) + (int64_t)grace_s * 1000;
    grant_count_move(t, app, g->state, GRANT_NEEDS_RECONNECT);
    g->state = GRANT_NEEDS_RECONNECT;
    g->last_error = STR("uninstalled");
    g->last_error_at = g->sign_since = turn_now_s(t);
    store(t, app, portal, g);
    revoke_leases(t, app, portal, 0);
    notice_put(t, &(struct notice){.kind = PARCEL_UNINSTALLED,
                                   .app = app,
                                   .portal = portal,
                                   .generation = g->generation});
}

static void
confirm(struct turn *t, const struct app *app, uint64_t portal, struct grant *g)
{
    uint32_t grace_s = app->conf->erase_grace_s;
    if (grace_s == 0)
        end_now(t, app->conf->name, portal, g);
    else
        begin_grace(t, app->conf->name, portal, g, grace_s);
}

static void
drop_word(struct turn *t, const struct app *app, uint64_t portal,
          struct grant *g)
{
    turn_log(t, LOG_INFO, "uninstall.word_was_old", "app=%.*s portal=%" PRIu64,
             STR_ARG(app->conf->name), portal);
    uninstall_forget(g);
    store(t, app->conf->name, portal, g);
}

/* HubSpot could not be asked, or there is nothing to ask it with.  Before an
 * hour is over, it is due again in a minute. */
static void
decide_alone(struct turn *t, const struct app *app, uint64_t portal,
             struct grant *g)
{
    if (turn_now_ms(t) - g->word_since_ms < DECIDE_MS)
        return;
    if (g->word_at_ms >= g->connected_at * 1000)
        confirm(t, app, portal, g);
    else
        drop_word(t, app, portal, g);
}

static void
decide(struct turn *t, const struct errand_result *r, const struct app *app,
       struct grant *g)
{
    if (r->done.outcome == OUTCOME_INACTIVE)
        confirm(t, app, r->note.portal, g);
    else if (r->done.outcome == OUTCOME_OK)
        drop_word(t, app, r->note.portal, g);
    else
        decide_alone(t, app, r->note.portal, g);
}

static enum err
do_word_checked(struct turn *t, const void *ask)
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
    struct app *app = apps_find(turn_keeper(t)->apps, r->note.app);
    if (is_there && app != NULL && g.word_since_ms != 0 &&
        !g.is_word_confirmed && g.state != GRANT_ERASING &&
        g.generation == r->note.generation)
        decide(t, r, app, &g);
    return ERR_OK;
}

/* A static token cannot be asked about an install.  False: nor can this one. */
static bool
ask_hubspot(struct turn *t, struct app *app, uint64_t portal, struct grant *g)
{
    struct errand_note note = {
        .app = app->conf->name, .portal = portal, .generation = g->generation};
    struct secret *auto_secret key = NULL;
    struct hidden token = HIDDEN_NONE;
    if (grant_open_key(t, app->conf->name, portal, &key) != ERR_OK ||
        grant_unseal(t, key, app->conf->name, portal, g->generation, "refresh",
                     g->sealed_refresh, &token) != ERR_OK ||
        token.s.n == 0)
        return false;
    struct courier_errand errand = {.kind = ERRAND_INTROSPECT,
                                    .client_id = app->conf->client_id,
                                    .client_secret =
                                        secret_view(app->client_secret),
                                    .token = token};
    errands_send(t, &errand, &note, do_word_checked);
    return true;
}

void
uninstall_tend(struct turn *t, struct app *app, uint64_t portal,
               struct grant *g)
{
    if (g->is_word_confirmed) {
        end_now(t, app->conf->name, portal, g);
        return;
    }
    g->word_due_ms = turn_now_ms(t) + AGAIN_MS;
    store(t, app->conf->name, portal, g);
    if (!ask_hubspot(t, app, portal, g))
        decide_alone(t, app, portal, g);
}

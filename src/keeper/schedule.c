#include "keeper/schedule.h"

#include "keeper/attempt.h"
#include "keeper/audit.h"
#include "keeper/backoff.h"
#include "keeper/delivery.h"
#include "keeper/ending.h"
#include "keeper/erasures.h"
#include "keeper/errands.h"
#include "keeper/event_list.h"
#include "keeper/journal.h"
#include "keeper/keeper.h"
#include "keeper/notice.h"
#include "keeper/parking.h"
#include "keeper/privacy.h"
#include "keeper/probe.h"
#include "keeper/refresh.h"
#include "keeper/remote.h"
#include "keeper/retention.h"
#include "keeper/revoke.h"
#include "keeper/uninstall.h"

#include <event2/event.h>
#include <stdlib.h>

/*
 * A row that is due leaves the front of the queue each time it is looked at:
 * by what is done about it, or by a later time.  So no row hides others, and
 * however many are due at once (100,000 grants after a long stop), they start
 * at START_MAX a tick, the soonest first.
 */

#define TICK_MS 100
#define LOOK_AHEAD_MS 60000
#define SWEEP_MAX 64   /* rows of one table in one look */
#define START_MAX 10   /* refreshes that one look starts: 100 a second */
#define RUNNING_MAX 32 /* scheduled errands leave room for callers' */
#define PARKED_MAX_MS 20000
#define MINUTE_MS 60000
#define HOUR_MS 3600000
#define SPREAD_MS 30000 /* what was held back comes within this */

static const enum store_table ending_tables[] = {STORE_SESSIONS, STORE_ATTEMPTS,
                                                 STORE_RESULTS, STORE_PRIVACY};
#define N_ENDING (sizeof(ending_tables) / sizeof(ending_tables[0]))

static const struct store_ask *
find_due(struct turn *t, enum store_table table)
{
    return turn_find(t,
                     &(struct store_ask){.table = table,
                                         .by = STORE_BY_DUE,
                                         .due = turn_now_ms(t) + LOOK_AHEAD_MS,
                                         .limit = SWEEP_MAX});
}

/* As this turn sees the row, which others of the turn may have changed. */
static bool
is_due(struct turn *t, const struct store_ask *found, size_t i, int64_t *next)
{
    int64_t due = turn_due(t, found->table, found->rows[i].key);
    if (due > turn_now_ms(t) && due < *next)
        *next = due;
    return due <= turn_now_ms(t);
}

/* Its time is over. */
static void
end_rows(struct turn *t, const struct store_ask *found, int64_t *next)
{
    for (size_t i = 0; i < found->n_rows; i++) {
        if (!is_due(t, found, i, next))
            continue;
        if (found->table == STORE_ATTEMPTS)
            attempt_end(t, found->rows[i].key);
        else if (found->table == STORE_PRIVACY)
            privacy_end(t, found->rows[i].key);
        else
            turn_delete(t, found->table, found->rows[i].key);
    }
}

/* When a grant is looked at again for which nothing can be done now. */
static int64_t
later_ms(struct turn *t, const struct app *app, const struct grant *g,
         enum err e)
{
    struct env *env = turn_keeper(t)->env;
    int64_t now = turn_now_ms(t);
    if (e == ERR_CONFIG)
        return app->blocked_until_ms + backoff_spread_ms(env, SPREAD_MS);
    if (e == ERR_OK || g->state == GRANT_ERASING) /* its end was promised */
        return now + MINUTE_MS;
    return now + HOUR_MS + backoff_spread_ms(env, HOUR_MS);
}

/* ERR_OK: an errand leaves, or is planned. */
static enum err
tend(struct turn *t, struct str name, struct app *app, uint64_t portal,
     struct grant *g)
{
    if (g->erase_since_ms != 0)
        ending_go_on(t, name, portal, g);
    else if (app == NULL) /* it may come back into the configuration */
        return ERR_NOT_FOUND;
    else if (g->state == GRANT_ERASING)
        ending_resume(t, app, portal, g);
    else if (g->word_since_ms != 0 && g->word_due_ms <= turn_now_ms(t))
        uninstall_tend(t, app, portal, g);
    else if (g->state == GRANT_NEEDS_RECONNECT && !g->is_static)
        probe_start(t, app, portal, g);
    else if (!g->is_static)
        return refresh_want(t, app, portal, g);
    return ERR_OK;
}

static void
tend_grants(struct turn *t, const struct store_ask *found, int64_t *next)
{
    struct keeper *k = turn_keeper(t);
    size_t n_started = 0;
    for (size_t i = 0; i < found->n_rows; i++) {
        struct grant g;
        struct data_key row;
        struct str key = found->rows[i].key, name;
        uint64_t portal;
        if (!is_due(t, found, i, next) ||
            !grant_key_parse(key, &name, &portal) ||
            !grant_load(t, name, portal, &g, &row))
            continue;
        if (n_started == START_MAX ||
            errands_n_running(k->errands) >= RUNNING_MAX) {
            *next = turn_now_ms(t) + TICK_MS;
            return;
        }
        struct app *app = apps_find(k->apps, name);
        enum err e = tend(t, name, app, portal, &g);
        n_started += e == ERR_OK;
        if (turn_due(t, STORE_GRANTS, key) <= turn_now_ms(t))
            grant_store(t, name, portal, &g, later_ms(t, app, &g, e));
    }
}

static void
name_grants(struct turn *t, const struct store_ask *found)
{
    for (size_t i = 0; found != NULL && i < found->n_rows; i++) {
        struct grant g;
        struct data_key row;
        struct grant_counts counts;
        struct str name;
        uint64_t portal;
        if (grant_key_parse(found->rows[i].key, &name, &portal)) {
            (void)grant_load(t, name, portal, &g, &row); /* named */
            (void)grant_counts_load(t, name, &counts);   /* named */
            (void)notice_load(t, name);                  /* for a grace */
        }
    }
}

/* Of those whose reading begins in this turn. */
static void
name_journals(struct turn *t, const struct store_ask *found)
{
    for (size_t i = 0; found != NULL && i < found->n_rows; i++)
        if (found->rows[i].due <= turn_now_ms(t))
            journal_name(t, found->rows[i].key);
}

static void
tend_journals(struct turn *t, const struct store_ask *found, int64_t *next)
{
    for (size_t i = 0; i < found->n_rows; i++)
        if (is_due(t, found, i, next))
            journal_tend(t, found->rows[i].key);
}

/* A full look may have left rows behind: look again soon. */
static void
note_full(struct turn *t, const struct store_ask *found, int64_t *next)
{
    if (found->n_rows == SWEEP_MAX &&
        found->rows[SWEEP_MAX - 1].due <= turn_now_ms(t))
        *next = turn_now_ms(t) + TICK_MS;
}

static void
act_next(struct keeper *k, void *arg)
{
    k->is_sweeping = false;
    keeper_due(k, *(int64_t *)arg);
}

static void
name_data_keys(struct turn *t, const struct store_ask *found)
{
    struct data_key row;
    for (size_t i = 0; found != NULL && i < found->n_rows; i++)
        (void)turn_get(t, STORE_DATA_KEYS, found->rows[i].key, &data_key_record,
                       &row);
}

/* What a crash left of an erasure: its line in the list. */
static void
note_erasures(struct turn *t, const struct store_ask *found, int64_t *next)
{
    for (size_t i = 0; i < found->n_rows; i++)
        if (is_due(t, found, i, next))
            erasures_note_again(t, found->rows[i].key);
}

enum err
do_sweep(struct turn *t, const void *ask)
{
    const struct store_ask *grants = find_due(t, STORE_GRANTS);
    const struct store_ask *endings = find_due(t, STORE_ENDINGS);
    const struct store_ask *receipts = find_due(t, STORE_RECEIPTS);
    const struct store_ask *journals = find_due(t, STORE_JOURNALS);
    const struct store_ask *found[N_ENDING];
    int64_t *next = arena_alloc(turn_arena(t), sizeof(*next));
    bool is_end_due = false;
    (void)ask;
    *next = turn_now_ms(t) + LOOK_AHEAD_MS;
    for (size_t i = 0; i < N_ENDING; i++) {
        found[i] = find_due(t, ending_tables[i]);
        if (ending_tables[i] == STORE_ATTEMPTS)
            name_data_keys(t, found[i]);
    }
    name_grants(t, grants);
    name_journals(t, journals);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    for (size_t i = 0; i < N_ENDING; i++) {
        end_rows(t, found[i], next);
        note_full(t, found[i], next);
    }
    tend_journals(t, journals, next);
    tend_grants(t, grants, next);
    note_full(t, grants, next);
    note_erasures(t, receipts, next);
    for (size_t i = 0; i < endings->n_rows; i++)
        is_end_due |= is_due(t, endings, i, next);
    if (is_end_due)
        turn_follow(t, do_remote_retry, &errand_note_record,
                    &(struct errand_note){0});
    turn_after(t, act_next, next);
    return ERR_OK;
}

static void
look(struct keeper *k)
{
    int64_t now = k->env->now_ms(k->env), mono = k->env->mono_ms(k->env);
    if (k->is_sweeping || (now < k->next_due_ms && mono < k->next_sweep_ms))
        return;
    k->next_due_ms = now + LOOK_AHEAD_MS; /* the sweep says better */
    k->next_sweep_ms = mono + LOOK_AHEAD_MS;
    k->is_sweeping = true;
    if (turns_add(k->turns, do_sweep, NULL, NULL, 0, 0) != ERR_OK)
        k->is_sweeping = false; /* the next tick tries again */
}

void
schedule_tick(struct keeper *k)
{
    int64_t mono = k->env->mono_ms(k->env);
    turns_wake_late(k->turns, PARKED_MAX_MS);
    if (k->needs_scrub && mono >= k->scrub_at_ms)
        keeper_scrub(k);
    if (mono >= k->next_minute_ms) {
        audit_log_head(k->audit);
        turns_add_event(k->turns, do_parking_end, NULL, NULL);
        retention_tick(k);
        k->next_minute_ms = mono + MINUTE_MS;
    }
    delivery_tick(k);
    event_list_tick(k);
    look(k);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    schedule_tick(arg);
}

static void
on_beat(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    revoke_beat(arg);
}

static struct event *
every(struct keeper *k, int ms, event_callback_fn act)
{
    struct timeval period = {.tv_usec = ms * 1000};
    struct event *e = event_new(k->base, -1, EV_PERSIST, act, k);
    if (e == NULL || event_add(e, &period) != 0)
        abort(); /* no memory */
    return e;
}

void
schedule_start(struct keeper *k)
{
    k->next_due_ms = 0;
    k->next_sweep_ms = 0;
    k->next_minute_ms = 0;
    k->on_tick = every(k, TICK_MS, on_tick);
    k->on_beat = every(k, BEAT_MS, on_beat);
}

void
schedule_stop(struct keeper *k)
{
    if (k->on_tick != NULL)
        event_free(k->on_tick);
    if (k->on_beat != NULL)
        event_free(k->on_beat);
    k->on_tick = k->on_beat = NULL;
}

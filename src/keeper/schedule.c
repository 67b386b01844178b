#include "keeper/schedule.h"

#include "keeper/audit.h"
#include "keeper/ending.h"
#include "keeper/errands.h"
#include "keeper/install.h"
#include "keeper/keeper.h"
#include "keeper/refresh.h"
#include "keeper/remote.h"
#include "keeper/revoke.h"

#include <event2/event.h>
#include <stdlib.h>

#define TICK_MS 100
#define LOOK_AHEAD_MS 60000
#define SWEEP_MAX 64   /* rows of one table in one look */
#define RUNNING_MAX 32 /* scheduled errands leave room for callers' */
#define PARKED_MAX_MS 20000
#define MINUTE_MS 60000

static const struct {
    enum store_table table;
    bool has_key; /* a data key that goes with the row */
} ending_tables[] = {
    {STORE_SESSIONS, false},
    {STORE_ATTEMPTS, true},
    {STORE_RESULTS, false},
};
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

static void
note_next(struct turn *t, int64_t due, int64_t *next)
{
    if (due > turn_now_ms(t) && due < *next)
        *next = due;
}

/* Its time is over: the row goes, and the data key with it. */
static void
end_rows(struct turn *t, const struct store_ask *found, bool has_key,
         int64_t *next)
{
    for (size_t i = 0; i < found->n_rows; i++) {
        struct str key = found->rows[i].key;
        if (found->rows[i].due > turn_now_ms(t)) {
            note_next(t, found->rows[i].due, next);
            continue;
        }
        turn_delete(t, found->table, key);
        if (has_key)
            turn_delete(t, STORE_DATA_KEYS, key);
    }
}

static void
tend(struct turn *t, struct app *app, uint64_t portal, struct grant *g)
{
    if (g->state == GRANT_ERASING)
        ending_resume(t, app, portal, g);
    else if (g->state == GRANT_NEEDS_RECONNECT && !g->is_static)
        refresh_probe(t, app, portal, g);
    else if (refresh_want(t, app, portal, g) != ERR_OK)
        keeper_due(turn_keeper(t), app->blocked_until_ms);
}

static void
tend_grants(struct turn *t, const struct store_ask *found, int64_t *next)
{
    struct keeper *k = turn_keeper(t);
    for (size_t i = 0; i < found->n_rows; i++) {
        struct grant g;
        struct data_key row;
        struct str name;
        uint64_t portal;
        if (found->rows[i].due > turn_now_ms(t)) {
            note_next(t, found->rows[i].due, next);
            continue;
        }
        if (!grant_key_parse(found->rows[i].key, &name, &portal) ||
            !grant_load(t, name, portal, &g, &row))
            continue;
        struct app *app = apps_find(k->apps, name);
        if (errands_n_running(k->errands) >= RUNNING_MAX)
            *next = turn_now_ms(t) + TICK_MS;
        else if (app != NULL)
            tend(t, app, portal, &g);
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
        }
    }
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

enum err
do_sweep(struct turn *t, const void *ask)
{
    const struct store_ask *grants = find_due(t, STORE_GRANTS);
    const struct store_ask *endings = find_due(t, STORE_ENDINGS);
    const struct store_ask *found[N_ENDING];
    int64_t *next = arena_alloc(turn_arena(t), sizeof(*next));
    (void)ask;
    *next = turn_now_ms(t) + LOOK_AHEAD_MS;
    for (size_t i = 0; i < N_ENDING; i++) {
        found[i] = find_due(t, ending_tables[i].table);
        if (ending_tables[i].has_key)
            name_data_keys(t, found[i]);
    }
    name_grants(t, grants);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    for (size_t i = 0; i < N_ENDING; i++) {
        end_rows(t, found[i], ending_tables[i].has_key, next);
        note_full(t, found[i], next);
    }
    tend_grants(t, grants, next);
    note_full(t, grants, next);
    if (endings->n_rows > 0 && endings->rows[0].due <= turn_now_ms(t))
        turn_follow(t, do_remote_retry, &errand_note_record,
                    &(struct errand_note){0});
    for (size_t i = 0; i < endings->n_rows; i++)
        note_next(t, endings->rows[i].due, next);
    turn_after(t, act_next, next);
    return ERR_OK;
}

static void
do_minute(struct keeper *k)
{
    audit_log_head(k->audit);
    k->next_tick_due = k->env->now_ms(k->env) + MINUTE_MS;
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct keeper *k = arg;
    int64_t now = k->env->now_ms(k->env);
    (void)fd;
    (void)what;
    turns_wake_late(k->turns, PARKED_MAX_MS);
    if (k->needs_scrub)
        keeper_scrub(k);
    if (now >= k->next_tick_due)
        do_minute(k);
    if (now < k->next_due_ms)
        return;
    k->next_due_ms = now + LOOK_AHEAD_MS; /* the sweep says better */
    if (turns_add(k->turns, do_sweep, NULL, NULL, 0, 0) != ERR_OK)
        k->next_due_ms = now + 1000;
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
    k->next_tick_due = 0;
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

#include "keeper/retention.h"

#include "keeper/apps.h"
#include "keeper/keeper.h"
#include "keeper/queue.h"

#include <inttypes.h>

#define PAGE 200
#define PAGE_BYTES (4 << 20) /* of bodies, which have to be loaded to go */
#define SHRINK_PAGES 256     /* of the database, given back at once */

struct walk {
    struct str app;
    uint64_t after;
};
static const struct field walk_fields[] = {
    FIELD(struct walk, app),
    FIELD(struct walk, after),
};
static const struct record walk_record = RECORD(walk);

bool
retention_name(struct turn *t, struct str app, uint64_t number,
               struct parcel *out)
{
    struct arena *a = turn_arena(t);
    struct str key = parcel_key(a, app, number), body;
    struct queue *q = arena_alloc(a, sizeof(*q));
    struct event_keys none = {0};
    bool is_there = turn_get(t, STORE_EVENTS, key, &parcel_record, out);
    (void)queue_load(t, app, number, q); /* named here */
    /* The body not to be read, only to be seen: what is not cannot go. */
    enum err e =
        is_there ? parcel_open_body(t, key, out, &none, &body) : ERR_NOT_FOUND;
    return is_there && e != ERR_AGAIN && !turn_is_waiting(t);
}

void
retention_drop(struct turn *t, struct str app, uint64_t number,
               const struct parcel *p, struct event_log *log)
{
    struct arena *a = turn_arena(t);
    struct str key = parcel_key(a, app, number);
    struct queue *q = arena_alloc(a, sizeof(*q));
    struct parcel_entry *entries;
    size_t n = 0;
    (void)parcel_read(p, a, &entries, &n); /* damaged: it counted as none */
    if (queue_load(t, app, number, q))
        queue_drop(t, q, log);
    turn_delete(t, STORE_EVENTS, key);
    turn_delete(t, STORE_BODIES, key);
    log->n_parcels -= log->n_parcels > 0;
    log->n_events -= n < log->n_events ? n : log->n_events;
    log->n_bytes -= p->n_bytes < log->n_bytes ? p->n_bytes : log->n_bytes;
    if (p->seal == SEALED_BY_PARKING)
        log->n_parked -= n < log->n_parked ? n : log->n_parked;
}

static bool
is_old(struct turn *t, const struct parcel *p)
{
    return p->accepted_at_ms + turn_keeper(t)->events_keep_ms < turn_now_ms(t);
}

static bool
is_large(struct turn *t, const struct event_log *log)
{
    return log->n_bytes > turn_keeper(t)->events_max;
}

/* Undelivered ones stay, whatever their age, as long as there is somebody to
 * deliver them to; dead ones until they are old. */
static bool
may_go(struct turn *t, struct str app, const struct parcel *p,
       const struct queue *q)
{
    const struct app *a = apps_find(turn_keeper(t)->apps, app);
    bool has_target = a != NULL && a->conf->webhook_target.n > 0;
    if (p->seal == SEALED_BY_PARKING || (q->has_live && has_target))
        return false;
    return is_old(t, p) || !q->has_dead;
}

/* The next parcels, up to the first that is to stay, and no more than may be
 * loaded.  NULL while waiting. */
static const struct store_ask *
find_page(struct turn *t, const struct walk *w, const struct event_log *log,
          size_t *out_n)
{
    struct arena *a = turn_arena(t);
    struct store_ask ask = {.table = STORE_EVENTS,
                            .by = STORE_BY_PREFIX,
                            .key = arena_printf(a, "%.*s/", STR_ARG(w->app)),
                            .after = parcel_key(a, w->app, w->after),
                            .limit = PAGE};
    const struct store_ask *found = turn_find(t, &ask);
    uint64_t n_bytes = 0;
    *out_n = 0;
    while (found != NULL && *out_n < found->n_rows && n_bytes < PAGE_BYTES) {
        struct str key = found->rows[*out_n].key;
        struct parcel_key k;
        struct parcel p = {0};
        bool is_one = turn_get(t, STORE_EVENTS, key, &parcel_record, &p) &&
                      parcel_key_parse(key, &k);
        ++*out_n;
        if (is_one && !is_old(t, &p) && !is_large(t, log))
            break;
        if (is_one)
            (void)retention_name(t, w->app, k.number, &p); /* named here */
        n_bytes += p.n_bytes;
    }
    return found;
}

static void
act_shrink(struct keeper *k, void *arg)
{
    (void)arg;
    if (store_shrink(k->store, SHRINK_PAGES) == ERR_STORE)
        keeper_fail(k, "store.shrink_failed");
}

/* One parcel.  False: neither it nor what follows is old, or too much. */
static bool
look_at(struct turn *t, struct walk *w, struct str key, struct event_log *log,
        size_t *n_gone)
{
    struct parcel_key k;
    struct parcel p;
    struct queue *q = arena_alloc(turn_arena(t), sizeof(*q));
    if (!parcel_key_parse(key, &k))
        return true;
    w->after = k.number;
    if (!turn_get(t, STORE_EVENTS, key, &parcel_record, &p))
        return true;
    if (!is_old(t, &p) && !is_large(t, log))
        return false;
    if (retention_name(t, w->app, k.number, &p) &&
        queue_load(t, w->app, k.number, q) && may_go(t, w->app, &p, q)) {
        retention_drop(t, w->app, k.number, &p, log);
        ++*n_gone;
    }
    return true;
}

static enum err
do_retention(struct turn *t, const void *ask)
{
    struct walk w = *(const struct walk *)ask;
    struct event_log log;
    size_t n, n_gone = 0, i = 0;
    if (!event_log_load(t, w.app, &log))
        return ERR_AGAIN;
    const struct store_ask *found = find_page(t, &w, &log, &n);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    while (i < n && look_at(t, &w, found->rows[i].key, &log, &n_gone))
        i++;
    if (n_gone > 0) {
        event_log_store(t, w.app, &log);
        turn_after(t, act_shrink, NULL);
        turn_log(t, LOG_INFO, "events.ended", "app=%.*s parcels=%zu",
                 STR_ARG(w.app), n_gone);
    }
    if (i == n && (n < found->n_rows || found->n_rows == PAGE))
        turn_follow(t, do_retention, &walk_record, &w);
    return ERR_OK;
}

void
retention_tick(struct keeper *k)
{
    for (size_t i = 0; i < apps_count(k->apps); i++) {
        struct walk w = {.app = apps_at(k->apps, i)->conf->name};
        turns_add_event(k->turns, do_retention, &walk_record, &w);
    }
    act_shrink(k, NULL);
}

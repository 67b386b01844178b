#include "keeper/delivery_int.h"

#include "keeper/backoff.h"
#include "keeper/keeper.h"
#include "keeper/queue.h"

#include <inttypes.h>

#define GIVE_UP_MS (72 * INT64_C(3600000))
#define HOLD_MAX_MS INT64_C(3600000) /* believed of a Retry-After */
#define SENT_BYTES 9
#define HTTP_TIMEOUT 408
#define HTTP_GONE 410
#define HTTP_TOO_MANY 429

static const struct field delivered_fields[] = {
    FIELD(struct delivered, app),
    FIELD(struct delivered, target),
    FIELD(struct delivered, events),
    FIELD(struct delivered, http_status),
    FIELD(struct delivered, retry_after_s),
    FIELD(struct delivered, reason),
    FIELD(struct delivered, is_erased),
};
const struct record delivered_record = RECORD(delivered);

struct str
sent_pack(struct arena *arena, const struct sent_list *list)
{
    uint8_t *p = arena_alloc(arena, list->n * SENT_BYTES);
    for (size_t i = 0; i < list->n; i++) {
        for (size_t b = 0; b < 8; b++)
            p[i * SENT_BYTES + b] =
                (uint8_t)(list->v[i].number >> (56 - 8 * b));
        p[i * SENT_BYTES + 8] = list->v[i].index;
    }
    return str_of((const char *)p, list->n * SENT_BYTES);
}

struct sent_list
sent_unpack(struct arena *arena, struct str packed)
{
    struct sent_list list = {.n = packed.n / SENT_BYTES};
    const uint8_t *p = (const uint8_t *)packed.p;
    list.v = arena_alloc(arena, list.n * sizeof(*list.v));
    for (size_t i = 0; i < list.n; i++) {
        for (size_t b = 0; b < 8; b++)
            list.v[i].number = list.v[i].number << 8 | p[i * SENT_BYTES + b];
        list.v[i].index = p[i * SENT_BYTES + 8];
    }
    return list;
}

enum verdict {
    VERDICT_TAKEN,
    VERDICT_ERASED, /* there was nothing left to send */
    VERDICT_GONE,   /* the target wants nothing any more */
    VERDICT_SPLIT,  /* a batch failed: its events go alone */
    VERDICT_AWAY,   /* the target cannot */
    VERDICT_REFUSED /* it will not */
};

static bool
is_away(const struct delivered *d)
{
    return (d->http_status == 0 &&
            !str_equal(d->reason, STR("does_not_open"))) ||
           d->http_status >= 500 || d->http_status == HTTP_TIMEOUT ||
           d->http_status == HTTP_TOO_MANY;
}

static enum verdict
judge(const struct delivered *d, size_t n)
{
    if (d->is_erased && n == 1)
        return VERDICT_ERASED;
    if (d->http_status >= 200 && d->http_status < 300)
        return VERDICT_TAKEN;
    if (d->http_status == HTTP_GONE)
        return VERDICT_GONE;
    if (n > 1)
        return VERDICT_SPLIT;
    return is_away(d) ? VERDICT_AWAY : VERDICT_REFUSED;
}

/* What follows for the window, after the commit. */
struct settled {
    struct str app;
    enum verdict verdict;
    bool is_away, is_sent;
    uint32_t retry_after_s;
    struct sent_list events;
    int64_t *retry_at_ms; /* of each; 0: it is done with */
    uint32_t *n_attempts;
};

static void
settle_event(struct lane *l, const struct settled *s, size_t n)
{
    const struct sent *e = &s->events.v[n];
    struct item *i = window_find(&l->window, e->number, e->index);
    if (i == NULL || i->state != ITEM_SENT)
        return;
    if (s->verdict == VERDICT_SPLIT || s->verdict == VERDICT_GONE) {
        i->state = ITEM_READY;
        i->is_single |= s->verdict == VERDICT_SPLIT;
    } else if (s->retry_at_ms[n] != 0) {
        i->n_attempts = s->n_attempts[n];
        i->is_target_fault = s->verdict == VERDICT_AWAY;
        window_postpone(&l->window, i, s->retry_at_ms[n]);
    } else {
        window_drop(&l->window, i);
    }
}

static void
note_health(struct keeper *k, struct lane *l, const struct settled *s)
{
    int64_t now = k->env->now_ms(k->env);
    int64_t hold = (int64_t)s->retry_after_s * 1000;
    bool was_open = breaker_is_open(&l->breaker);
    if (!s->is_sent)
        return;
    if (s->is_away) {
        breaker_note_failure(&l->breaker, k->env);
        if (hold > 0)
            breaker_hold(&l->breaker,
                         now + (hold < HOLD_MAX_MS ? hold : HOLD_MAX_MS));
        if (!was_open && breaker_is_open(&l->breaker))
            log_warn("delivery.target_away", "app=%.*s wait_ms=%" PRId64,
                     STR_ARG(l->app), l->breaker.until_ms - now);
    } else if (breaker_note_success(&l->breaker)) {
        log_info("delivery.target_back", "app=%.*s", STR_ARG(l->app));
        window_wake(&l->window, now, true);
    }
}

static void
act_settled(struct keeper *k, void *arg)
{
    const struct settled *s = arg;
    struct lane *l = lane_find(k, s->app);
    if (l == NULL)
        return;
    l->is_gone |= s->verdict == VERDICT_GONE;
    for (size_t n = 0; n < s->events.n; n++)
        settle_event(l, s, n);
    note_health(k, l, s);
    lane_kick(k, l);
}

/* 5 s, 30 s, 2 min, 10 min, 30 min, 1 h, 2 h, then every 4 h, with jitter. */
static int64_t
delay_ms(struct env *env, uint32_t n_attempts)
{
    static const int64_t s[] = {5, 30, 120, 600, 1800, 3600, 7200, 14400};
    size_t last = sizeof(s) / sizeof(s[0]) - 1;
    size_t n = n_attempts - 1 < last ? n_attempts - 1 : last;
    return backoff_ms(env, s[n] * 1000, s[n] * 1000, 1);
}

/* What is worked on in the turn. */
struct outcome {
    const struct delivered *ask;
    enum verdict verdict;
    struct event_log log;
    struct gaps gaps;
    struct queue queue; /* of one parcel after another */
    struct settled *settled;
};

static void
give_up(struct turn *t, struct outcome *o, const struct sent *e)
{
    const struct lane *l = lane_find(turn_keeper(t), o->ask->app);
    const struct item *i =
        l != NULL ? window_find(&l->window, e->number, e->index) : NULL;
    const struct queue_try *y = &o->queue.try[e->index];
    for (size_t n = 0; i != NULL && n < i->n_links; n++)
        gaps_add(t, o->ask->app, &o->gaps, window_object(i, n), e->number,
                 e->index);
    queue_move(&o->queue, &o->log, 0, e->index, EVENT_DEAD);
    turn_log(t, LOG_ERROR, "event.dead",
             "app=%.*s id=evt_%016" PRIx64 "_%02x attempts=%u status=%u "
             "do=\"portkeep events dead lists them, events replay sends "
             "again\"",
             STR_ARG(o->ask->app), e->number, e->index, y->n_attempts,
             y->last_status);
}

static void
fail(struct turn *t, struct outcome *o, size_t n)
{
    const struct sent *e = &o->settled->events.v[n];
    struct queue_try *y = &o->queue.try[e->index];
    int64_t now = turn_now_ms(t);
    int64_t wait = (int64_t)o->ask->retry_after_s * 1000;
    int64_t delay;
    y->n_attempts++;
    if (y->since_ms == 0)
        y->since_ms = now;
    y->last_status = o->ask->http_status;
    y->last_reason = o->ask->reason;
    if (now - y->since_ms >= GIVE_UP_MS) {
        give_up(t, o, e);
        return;
    }
    delay = delay_ms(turn_keeper(t)->env, y->n_attempts);
    if (wait > delay)
        delay = wait < HOLD_MAX_MS ? wait : HOLD_MAX_MS;
    y->retry_at_ms = now + delay;
    if (y->retry_at_ms > y->since_ms + GIVE_UP_MS)
        y->retry_at_ms = y->since_ms + GIVE_UP_MS;
    o->settled->retry_at_ms[n] = y->retry_at_ms;
    o->settled->n_attempts[n] = y->n_attempts;
    turn_log(t, LOG_INFO, "event.not_taken",
             "app=%.*s id=evt_%016" PRIx64 "_%02x status=%u reason=%s "
             "attempts=%u wait_ms=%" PRId64,
             STR_ARG(o->ask->app), e->number, e->index, o->ask->http_status,
             log_quote(o->ask->reason), y->n_attempts, y->retry_at_ms - now);
}

static void
take(struct turn *t, struct outcome *o, const struct sent *e)
{
    const struct lane *l = lane_find(turn_keeper(t), o->ask->app);
    const struct item *i =
        l != NULL ? window_find(&l->window, e->number, e->index) : NULL;
    for (size_t n = 0; i != NULL && n < i->n_links; n++)
        gaps_remove(t, o->ask->app, &o->gaps, window_object(i, n));
    queue_move(&o->queue, &o->log, 0, e->index, EVENT_DELIVERED);
    if (!str_equal(o->log.gone_target, o->ask->target))
        o->log.is_target_gone = false; /* another one took its place */
}

/* One event; its parcel's queue rows are in o->queue. */
static void
apply(struct turn *t, struct outcome *o, size_t n)
{
    const struct sent *e = &o->settled->events.v[n];
    if (e->index >= o->queue.n ||
        queue_state(&o->queue, e->index) != EVENT_PENDING)
        return; /* erased meanwhile, or settled by an earlier answer */
    if (o->verdict == VERDICT_TAKEN)
        take(t, o, e);
    else if (o->verdict == VERDICT_ERASED)
        queue_move(&o->queue, &o->log, 0, e->index, EVENT_GONE);
    else
        fail(t, o, n);
}

static void
apply_all(struct turn *t, struct outcome *o)
{
    const struct sent_list *all = &o->settled->events;
    for (size_t n = 0; n < all->n;) {
        uint64_t number = all->v[n].number;
        (void)queue_load(t, o->ask->app, number, &o->queue); /* is there */
        for (; n < all->n && all->v[n].number == number; n++)
            apply(t, o, n);
        queue_store(t, &o->queue);
    }
}

static void
end_target(struct turn *t, struct outcome *o)
{
    o->log.is_target_gone = true;
    o->log.gone_target = o->ask->target;
    turn_log(t, LOG_ERROR, "delivery.target_gone",
             "app=%.*s status=410 do=\"the target wants no more events: give "
             "another webhook_target, or events replay once it is back\"",
             STR_ARG(o->ask->app));
}

enum err
do_delivered(struct turn *t, const void *ask)
{
    struct arena *a = turn_arena(t);
    const struct delivered *d = ask;
    struct outcome *o = arena_alloc(a, sizeof(*o));
    struct settled *s = arena_alloc(a, sizeof(*s));
    s->app = arena_copy(a, d->app);
    s->events = sent_unpack(a, d->events);
    o->ask = d;
    o->settled = s;
    (void)event_log_load(t, d->app, &o->log); /* named here */
    (void)gaps_load(t, d->app, &o->gaps);     /* named here */
    for (size_t n = 0; n < s->events.n; n++)
        if (n == 0 || s->events.v[n].number != s->events.v[n - 1].number)
            (void)queue_load(t, d->app, s->events.v[n].number,
                             &o->queue); /* named here */
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    o->verdict = s->verdict = judge(d, s->events.n);
    s->is_away = is_away(d);
    s->is_sent = d->http_status != 0 || s->is_away;
    s->is_sent &= !d->is_erased;
    s->retry_after_s = d->retry_after_s;
    s->retry_at_ms = arena_alloc(a, s->events.n * sizeof(*s->retry_at_ms));
    s->n_attempts = arena_alloc(a, s->events.n * sizeof(*s->n_attempts));
    if (o->verdict == VERDICT_GONE)
        end_target(t, o);
    else if (o->verdict != VERDICT_SPLIT)
        apply_all(t, o);
    if (o->verdict != VERDICT_SPLIT)
        event_log_store(t, d->app, &o->log);
    turn_after(t, act_settled, s);
    return ERR_OK;
}

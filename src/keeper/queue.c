#include "keeper/queue.h"

#include <assert.h>

/*
 * A story: index 1, replay 1, attempts 4, since 8, retry 8, status 4, length
 * of the reason 1, the reason.  Only events that have one are written.
 */
#define TRY_HEAD 27

static void
add_number(struct buf *out, uint64_t v, unsigned n)
{
    while (n-- > 0)
        buf_add_char(out, (char)(v >> 8 * n & 0xff));
}

static uint64_t
take_number(struct str *rest, unsigned n)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++)
        v = v << 8 | (uint8_t)rest->p[i];
    *rest = str_of(rest->p + n, rest->n - n);
    return v;
}

static void
add_try(struct buf *out, size_t index, const struct queue_try *y)
{
    struct str reason = y->last_reason;
    if (!y->is_replay && y->n_attempts == 0)
        return;
    if (reason.n > QUEUE_REASON_MAX)
        reason.n = QUEUE_REASON_MAX;
    add_number(out, index, 1);
    add_number(out, y->is_replay, 1);
    add_number(out, y->n_attempts, 4);
    add_number(out, (uint64_t)y->since_ms, 8);
    add_number(out, (uint64_t)y->retry_at_ms, 8);
    add_number(out, y->last_status, 4);
    add_number(out, reason.n, 1);
    buf_add(out, reason);
}

static bool
take_try(struct str *rest, struct queue *q, enum event_state of)
{
    struct queue_try y;
    if (rest->n < TRY_HEAD)
        return false;
    size_t index = take_number(rest, 1);
    y.is_replay = take_number(rest, 1) != 0;
    y.n_attempts = (uint32_t)take_number(rest, 4);
    y.since_ms = (int64_t)take_number(rest, 8);
    y.retry_at_ms = (int64_t)take_number(rest, 8);
    y.last_status = (uint32_t)take_number(rest, 4);
    size_t n = take_number(rest, 1);
    if (rest->n < n || index >= q->n)
        return false;
    y.last_reason = str_of(rest->p, n);
    *rest = str_of(rest->p + n, rest->n - n);
    if (q->state[index] == of)
        q->try[index] = y;
    return true;
}

/* Takes what a row says of its own kind of events. */
static bool
take_row(const struct queued *row, struct queue *q, enum event_state of)
{
    struct str rest = row->tries;
    if (row->states.n == 0 || row->states.n > PARCEL_EVENTS_MAX ||
        (q->n != 0 && q->n != row->states.n))
        return false;
    if (q->n == 0) /* what no row names was delivered */
        memset(q->state, EVENT_DELIVERED, sizeof(q->state));
    q->n = row->states.n;
    for (size_t i = 0; i < q->n; i++)
        if ((uint8_t)row->states.p[i] == of)
            q->state[i] = (uint8_t)of;
        else if (row->states.p[i] == EVENT_GONE)
            q->state[i] = EVENT_GONE;
    while (rest.n > 0)
        if (!take_try(&rest, q, of))
            return false;
    return true;
}

bool
queue_load(struct turn *t, struct str app, uint64_t number, struct queue *out)
{
    struct arena *a = turn_arena(t);
    struct str live_key = queue_live_key(a, app, number);
    struct str dead_key = queue_dead_key(a, app, number);
    struct queued live, dead;
    *out = (struct queue){.app = app, .number = number};
    out->has_live = turn_get(t, STORE_QUEUE, live_key, &queued_record, &live);
    out->has_dead = turn_get(t, STORE_QUEUE, dead_key, &queued_record, &dead);
    if (turn_is_waiting(t))
        return false;
    if ((out->has_live && !take_row(&live, out, EVENT_PENDING)) ||
        (out->has_dead && !take_row(&dead, out, EVENT_DEAD)))
        log_error("queue.bad_row", "key=%.*s", STR_ARG(live_key));
    return true;
}

bool
queue_decode(struct str body, struct arena *arena, struct queue *out)
{
    struct queued row;
    *out = (struct queue){0};
    return record_decode_old(&queued_record, body, arena, &row) == ERR_OK &&
           take_row(&row, out, EVENT_PENDING);
}

enum event_state
queue_state(const struct queue *q, size_t index)
{
    return index < q->n ? (enum event_state)q->state[index] : EVENT_DELIVERED;
}

static uint64_t *
count_of(struct event_log *log, enum event_state state)
{
    return state == EVENT_PENDING ? &log->n_pending
           : state == EVENT_DEAD  ? &log->n_dead
                                  : NULL;
}

static void
count_move(struct event_log *log, enum event_state from, enum event_state to)
{
    uint64_t *less = count_of(log, from), *more = count_of(log, to);
    if (less != NULL && *less > 0)
        --*less;
    if (more != NULL)
        ++*more;
    if (from == EVENT_PENDING && to == EVENT_DELIVERED)
        log->n_delivered++;
}

void
queue_move(struct queue *q, struct event_log *log, size_t n_events,
           size_t index, enum event_state to)
{
    if (q->n == 0) {
        assert(n_events > 0 && n_events <= PARCEL_EVENTS_MAX);
        memset(q->state, EVENT_DELIVERED, sizeof(q->state));
        q->n = n_events;
    }
    assert(index < q->n);
    count_move(log, (enum event_state)q->state[index], to);
    q->state[index] = (uint8_t)to;
}

static bool
has_any(const struct queue *q, enum event_state of)
{
    for (size_t i = 0; i < q->n; i++)
        if (q->state[i] == of)
            return true;
    return false;
}

static void
store_row(struct turn *t, const struct queue *q, struct str key, bool was_there,
          enum event_state of)
{
    struct buf auto_buf states = {0}, tries = {0};
    if (!has_any(q, of)) {
        if (was_there)
            turn_delete(t, STORE_QUEUE, key);
        return;
    }
    buf_init(&states, PARCEL_EVENTS_MAX);
    buf_init(&tries, PARCEL_EVENTS_MAX * (TRY_HEAD + QUEUE_REASON_MAX));
    for (size_t i = 0; i < q->n; i++) {
        buf_add_char(&states, (char)q->state[i]);
        if (q->state[i] == of)
            add_try(&tries, i, &q->try[i]);
    }
    struct queued row = {buf_str(&states), buf_str(&tries)};
    turn_put(t, STORE_QUEUE, key, &queued_record, &row, STORE_NEVER, STR_NONE);
}

void
queue_store(struct turn *t, const struct queue *q)
{
    struct arena *a = turn_arena(t);
    store_row(t, q, queue_live_key(a, q->app, q->number), q->has_live,
              EVENT_PENDING);
    store_row(t, q, queue_dead_key(a, q->app, q->number), q->has_dead,
              EVENT_DEAD);
}

void
queue_drop(struct turn *t, struct queue *q, struct event_log *log)
{
    for (size_t i = 0; i < q->n; i++)
        queue_move(q, log, q->n, i, EVENT_GONE);
    queue_store(t, q);
}

bool
queue_key_number(struct str key, uint64_t *out)
{
    struct parcel_key k;
    struct str rest = key, kind;
    if (!str_cut(&rest, '/', &kind) || !parcel_key_parse(rest, &k))
        return false;
    *out = k.number;
    return true;
}

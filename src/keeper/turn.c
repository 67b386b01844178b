#include "keeper/turn.h"

#include "keeper/audit.h"
#include "keeper/door.h"
#include "keeper/keeper.h"
#include "keeper/rows.h"
#include "keeper/turn_int.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>

/*
 *   QUEUED --turn--> DONE (answered after the commit)
 *     ^  |--handler parks it--> PARKED --wake, late--> QUEUED
 *     |--conflict, three times at most--|
 *
 * Requests of our own (errands that came back) are never refused: where the
 * disk is full they are POSTPONED and tried again.
 *
 * 1. Nothing is sent, and no request is freed, before the commit's answer.
 * 2. A handler that returns ERR_AGAIN has changed nothing and sent nothing.
 * 3. A request is in exactly one of: queue, this turn's batch, parked.
 */

#define BATCH_MAX 256     /* requests of one turn */
#define ROUNDS_MAX 8      /* loads of one turn: chains of rows are short */
#define TRIES_MAX 3       /* after conflicts */
#define OWN_TRIES_MAX 100 /* of requests that nobody could repeat */
#define WAITING_MAX 20000 /* queued and parked */
#define POSTPONE_MS 1000  /* before a request of our own is tried again */

enum effect_kind { EFFECT_ANSWER, EFFECT_PARK, EFFECT_WAKE, EFFECT_ACT };

struct effect {
    struct effect *next;
    enum effect_kind kind;
    uint64_t peer;
    uint32_t call;
    uint16_t type;
    const void *body;
    struct str on;
    struct request *request;
    void (*act)(struct keeper *k, void *arg);
    void *arg;
};

struct owned {
    struct owned *next;
    struct secret *secret;
};

struct turn {
    struct turns *all;
    struct arena *arena;
    struct rows *rows;
    struct request *running;
    int64_t now_ms;
    bool is_waiting, wants_scrub;
    struct effect *effects, **effects_end;
    struct owned *owned;
};

struct queue {
    struct request *first, **end;
};

struct turns {
    struct keeper *keeper;
    struct store *store;
    struct event *on_turn;
    struct queue queue, parked, postponed;
    size_t n_waiting;
    uint64_t number; /* of the next commit; random start, unique */
    uint64_t n_commits;
    int64_t late_before;     /* parked before this (monotonic) are late */
    int64_t postponed_until; /* monotonic */
};

static void
queue_init(struct queue *q)
{
    q->first = NULL;
    q->end = &q->first;
}

static void
queue_add(struct queue *q, struct request *r)
{
    r->next = NULL;
    *q->end = r;
    q->end = &r->next;
}

static struct request *
queue_take(struct queue *q)
{
    struct request *r = q->first;
    if (r == NULL)
        return NULL;
    q->first = r->next;
    if (q->first == NULL)
        q->end = &q->first;
    r->next = NULL;
    return r;
}

static void
request_free(struct turns *ts, struct request *r)
{
    ts->n_waiting--;
    arena_free(r->arena);
    free(r);
}

static int64_t
mono_ms(const struct turns *ts)
{
    return ts->keeper->env->mono_ms(ts->keeper->env);
}

static void
queue_for_turn(struct turns *ts, struct request *r)
{
    queue_add(&ts->queue, r);
    if (ts->on_turn != NULL)
        event_active(ts->on_turn, EV_TIMEOUT, 0);
}

enum err
turns_add(struct turns *ts, turn_handler handler, const struct record *record,
          const void *ask, uint64_t peer, uint32_t call)
{
    if (peer != 0 && ts->n_waiting >= WAITING_MAX)
        return ERR_LIMIT;
    struct request *r = calloc(1, sizeof(*r));
    if (r == NULL)
        abort();
    r->handler = handler;
    r->arena = arena_new_secret();
    r->peer = peer;
    r->call = call;
    r->arrived_ms = mono_ms(ts);
    if (record != NULL && record->size > 0) {
        void *copy = arena_alloc(r->arena, record->size);
        record_copy(record, ask, r->arena, copy);
        r->ask = copy;
    }
    ts->n_waiting++;
    queue_for_turn(ts, r);
    return ERR_OK;
}

/* The turn's own state, empty: at its start, and after a conflict. */
static void
turn_reset(struct turn *t)
{
    while (t->owned != NULL) {
        struct owned *o = t->owned;
        t->owned = o->next;
        secret_free(o->secret);
    }
    rows_free(t->rows);
    arena_clear(t->arena);
    t->rows = rows_new(t->arena);
    t->effects = NULL;
    t->effects_end = &t->effects;
    t->wants_scrub = false;
    t->now_ms = t->all->keeper->env->now_ms(t->all->keeper->env);
}

static enum err
run_one(struct turn *t, struct request *r)
{
    struct effect **effects_end = t->effects_end;
    size_t n_changes = rows_n_changes(t->rows);
    t->running = r;
    t->is_waiting = false;
    enum err e = r->handler(t, r->ask);
    if (e == ERR_AGAIN) /* invariant 2 */
        assert(effects_end == t->effects_end &&
               n_changes == rows_n_changes(t->rows));
    t->running = NULL;
    return e;
}

/* Every handler once, and those that wait for rows again after each load. */
static enum err
decide(struct turn *t, struct request **batch, size_t n)
{
    bool is_done[BATCH_MAX] = {false};
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        size_t n_waiting = 0;
        for (size_t i = 0; i < n; i++) {
            if (is_done[i])
                continue;
            if (run_one(t, batch[i]) == ERR_AGAIN)
                n_waiting++;
            else
                is_done[i] = true;
        }
        if (n_waiting == 0)
            return ERR_OK;
        enum err e = rows_load(t->rows, t->all->store);
        if (e != ERR_OK)
            return e;
    }
    return ERR_STORE;
}

/* A commit whose answer was lost is looked up by its number. */
static enum err
commit(struct turn *t)
{
    struct turns *ts = t->all;
    const struct store_change *changes;
    size_t n = rows_changes(t->rows, &changes);
    if (n == 0)
        return ERR_OK;
    uint64_t number = ts->number++;
    ts->n_commits++;
    enum err e = store_commit(ts->store, number, changes, n);
    if (e != ERR_STORE)
        return e;
    bool has_turn = false;
    if (store_has_turn(ts->store, number, &has_turn) != ERR_OK || !has_turn)
        return ERR_STORE;
    return ERR_OK;
}

static void
act_on(struct turn *t, struct effect *f)
{
    struct turns *ts = t->all;
    struct keeper *k = ts->keeper;
    switch (f->kind) {
    case EFFECT_ANSWER:
        keeper_answer(k, f->peer, f->call, f->type, f->body);
        break;
    case EFFECT_PARK:
        f->request->parked_on = arena_copy(f->request->arena, f->on);
        queue_add(&ts->parked, f->request);
        break;
    case EFFECT_WAKE: {
        struct queue still;
        queue_init(&still);
        for (struct request *r; (r = queue_take(&ts->parked)) != NULL;)
            if (str_equal(r->parked_on, f->on))
                queue_for_turn(ts, r);
            else
                queue_add(&still, r);
        if (still.first != NULL)
            ts->parked = still;
        break;
    }
    case EFFECT_ACT:
        f->act(k, f->arg);
        break;
    }
}

static bool
is_parked_by(const struct turn *t, const struct request *r)
{
    for (const struct effect *f = t->effects; f != NULL; f = f->next)
        if (f->kind == EFFECT_PARK && f->request == r)
            return true;
    return false;
}

static void
let_out(struct turn *t, struct request **batch, size_t n)
{
    struct turns *ts = t->all;
    if (t->wants_scrub && store_scrub(ts->store) != ERR_OK)
        keeper_fail(ts->keeper, "store.scrub_failed");
    for (size_t i = 0; i < n; i++)
        if (!is_parked_by(t, batch[i]))
            batch[i]->handler = NULL; /* done: freed below */
    for (struct effect *f = t->effects; f != NULL; f = f->next)
        act_on(t, f);
    for (size_t i = 0; i < n; i++)
        if (batch[i]->handler == NULL)
            request_free(ts, batch[i]);
}

/* The whole turn again, or its requests refused: nothing has left. */
static void
give_back(struct turn *t, struct request **batch, size_t n, enum err e)
{
    struct turns *ts = t->all;
    for (size_t i = 0; i < n; i++) {
        struct request *r = batch[i];
        unsigned tries = r->peer != 0 ? TRIES_MAX : OWN_TRIES_MAX;
        bool is_again = e == ERR_CONFLICT && ++r->n_tries < tries;
        if (is_again) {
            queue_for_turn(ts, r);
        } else if (r->peer == 0 && e != ERR_STORE) {
            /* What HubSpot answered is not thrown away: a full disk ends. */
            r->n_tries = 0;
            queue_add(&ts->postponed, r);
        } else {
            door_refuse(ts->keeper, r->handler, r->peer, r->call,
                        e == ERR_LIMIT ? ERR_UNAVAILABLE : e);
            request_free(ts, r);
        }
    }
}

static void
run_turn(struct turns *ts)
{
    struct request *batch[BATCH_MAX];
    struct turn t = {.all = ts, .arena = arena_new_secret()};
    size_t n = 0;
    while (n < BATCH_MAX && (batch[n] = queue_take(&ts->queue)) != NULL)
        n++;
    turn_reset(&t);
    enum err e = decide(&t, batch, n);
    if (e == ERR_OK)
        e = audit_close_turn(&t);
    if (e == ERR_OK)
        e = commit(&t);
    if (e == ERR_OK)
        let_out(&t, batch, n);
    else
        give_back(&t, batch, n, e);
    audit_end_turn(ts->keeper->audit, e == ERR_OK);
    turn_reset(&t);
    rows_free(t.rows);
    arena_free(t.arena);
    if (e == ERR_STORE)
        keeper_fail(ts->keeper, "store.failed");
}

void
turns_run(struct turns *ts)
{
    while (ts->queue.first != NULL && !ts->keeper->has_failed)
        run_turn(ts);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct turns *ts = arg;
    (void)fd;
    (void)what;
    if (ts->queue.first == NULL || ts->keeper->has_failed)
        return;
    run_turn(ts);
    if (ts->queue.first != NULL)
        event_active(ts->on_turn, EV_TIMEOUT, 0);
}

struct turns *
turns_new(struct keeper *k, struct store *store)
{
    struct turns *ts = calloc(1, sizeof(*ts));
    if (ts == NULL)
        abort();
    ts->keeper = k;
    ts->store = store;
    queue_init(&ts->queue);
    queue_init(&ts->parked);
    queue_init(&ts->postponed);
    k->env->random(k->env, &ts->number, sizeof(ts->number));
    ts->number >>= 2; /* room to count, and it fits a signed column */
    if (k->base != NULL) {
        ts->on_turn = event_new(k->base, -1, 0, on_turn, ts);
        if (ts->on_turn == NULL)
            abort();
    }
    return ts;
}

void
turns_free(struct turns *ts)
{
    struct request *r;
    if (ts == NULL)
        return;
    while ((r = queue_take(&ts->queue)) != NULL)
        request_free(ts, r);
    while ((r = queue_take(&ts->parked)) != NULL)
        request_free(ts, r);
    while ((r = queue_take(&ts->postponed)) != NULL)
        request_free(ts, r);
    if (ts->on_turn != NULL)
        event_free(ts->on_turn);
    free(ts);
}

size_t
turns_n_waiting(const struct turns *ts)
{
    return ts->n_waiting;
}

uint64_t
turns_n_commits(const struct turns *ts)
{
    return ts->n_commits;
}

static void
wake_postponed(struct turns *ts)
{
    int64_t now = mono_ms(ts);
    if (ts->postponed.first == NULL || now < ts->postponed_until)
        return;
    ts->postponed_until = now + POSTPONE_MS;
    for (struct request *r; (r = queue_take(&ts->postponed)) != NULL;)
        queue_for_turn(ts, r);
}

void
turns_wake_late(struct turns *ts, int64_t older_than_ms)
{
    struct queue still;
    wake_postponed(ts);
    queue_init(&still);
    ts->late_before = mono_ms(ts) - older_than_ms;
    for (struct request *r; (r = queue_take(&ts->parked)) != NULL;)
        if (r->arrived_ms <= ts->late_before)
            queue_for_turn(ts, r);
        else
            queue_add(&still, r);
    if (still.first != NULL)
        ts->parked = still;
}

struct keeper *
turn_keeper(struct turn *t)
{
    return t->all->keeper;
}

struct arena *
turn_arena(struct turn *t)
{
    return t->arena;
}

int64_t
turn_now_ms(struct turn *t)
{
    return t->now_ms;
}

int64_t
turn_now_s(struct turn *t)
{
    return t->now_ms / 1000;
}

bool
turn_is_waiting(struct turn *t)
{
    return t->is_waiting;
}

bool
turn_is_late(struct turn *t)
{
    return t->running->arrived_ms <= t->all->late_before;
}

uint64_t
turn_peer(struct turn *t)
{
    return t->running->peer;
}

uint32_t
turn_call(struct turn *t)
{
    return t->running->call;
}

void
turn_own(struct turn *t, struct secret *s)
{
    struct owned *o = arena_alloc(t->arena, sizeof(*o));
    o->secret = s;
    o->next = t->owned;
    t->owned = o;
}

bool
turn_get(struct turn *t, enum store_table table, struct str key,
         const struct record *record, void *out)
{
    const struct store_row *row = rows_get(t->rows, table, key);
    if (row == NULL) {
        t->is_waiting = true;
        return false;
    }
    if (row->version == 0)
        return false;
    if (record_decode_old(record, row->body, t->arena, out) == ERR_OK)
        return true;
    log_error("store.bad_row", "table=%d key=%s", (int)table, log_quote(key));
    return false;
}

int64_t
turn_due(struct turn *t, enum store_table table, struct str key)
{
    const struct store_row *row = rows_get(t->rows, table, key);
    return row == NULL ? STORE_NEVER : row->due;
}

struct str
turn_tag(struct turn *t, enum store_table table, struct str key)
{
    const struct store_row *row = rows_get(t->rows, table, key);
    return row == NULL ? STR_NONE : row->tag;
}

const struct store_ask *
turn_find(struct turn *t, const struct store_ask *ask)
{
    const struct store_ask *found = rows_find(t->rows, ask);
    if (found == NULL)
        t->is_waiting = true;
    return found;
}

void
turn_put(struct turn *t, enum store_table table, struct str key,
         const struct record *record, const void *from, int64_t due,
         struct str tag)
{
    struct buf auto_buf body = {0};
    buf_init_secret(&body, LIMIT_FRAME);
    record_encode(record, from, &body);
    assert(buf_err(&body) == ERR_OK); /* every field has its own limit */
    rows_put(t->rows, table, key, arena_copy(t->arena, buf_str(&body)), due,
             tag);
    if (due != STORE_NEVER)
        keeper_due(t->all->keeper, due);
}

void
turn_delete(struct turn *t, enum store_table table, struct str key)
{
    rows_delete(t->rows, table, key);
}

static struct effect *
add_effect(struct turn *t, enum effect_kind kind)
{
    struct effect *f = arena_alloc(t->arena, sizeof(*f));
    f->kind = kind;
    *t->effects_end = f;
    t->effects_end = &f->next;
    return f;
}

void
turn_scrub(struct turn *t)
{
    t->wants_scrub = true;
}

void
turn_answer_to(struct turn *t, uint64_t peer, uint32_t call, uint16_t type,
               const void *body, const struct record *record)
{
    if (peer == 0)
        return;
    struct effect *f = add_effect(t, EFFECT_ANSWER);
    void *copy = arena_alloc(t->arena, record->size + 1);
    record_copy(record, body, t->arena, copy);
    f->peer = peer;
    f->call = call;
    f->type = type;
    f->body = copy;
}

void
turn_answer(struct turn *t, uint16_t type, const void *body,
            const struct record *record)
{
    turn_answer_to(t, t->running->peer, t->running->call, type, body, record);
}

void
turn_park(struct turn *t, struct str on)
{
    struct effect *f = add_effect(t, EFFECT_PARK);
    f->on = arena_copy(t->arena, on);
    f->request = t->running;
}

void
turn_wake(struct turn *t, struct str on)
{
    add_effect(t, EFFECT_WAKE)->on = arena_copy(t->arena, on);
}

void
turn_after(struct turn *t, void (*act)(struct keeper *k, void *arg), void *arg)
{
    struct effect *f = add_effect(t, EFFECT_ACT);
    f->act = act;
    f->arg = arg;
}

struct follow {
    turn_handler handler;
    const struct record *record;
    const void *ask;
};

static void
act_follow(struct keeper *k, void *arg)
{
    struct follow *f = arg;
    if (turns_add(k->turns, f->handler, f->record, f->ask, 0, 0) != ERR_OK)
        log_error("turn.overflow", "waiting=%zu", turns_n_waiting(k->turns));
}

void
turn_follow(struct turn *t, turn_handler handler, const struct record *record,
            const void *ask)
{
    struct follow *f = arena_alloc(t->arena, sizeof(*f));
    void *copy = arena_alloc(t->arena, record->size + 1);
    record_copy(record, ask, t->arena, copy);
    *f = (struct follow){handler, record, copy};
    turn_after(t, act_follow, f);
}

struct rows *
turn_rows(struct turn *t)
{
    return t->rows;
}

#include "keeper/turn_int.h"

#include "keeper/audit.h"
#include "keeper/door.h"
#include "keeper/errands.h"
#include "keeper/keeper.h"

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
#define BULK_TURN 4194304 /* bytes of bulk in one turn */
#define BULK_WAITING (8 * BULK_TURN)

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

/* What was taken out of an empty queue and is to stay, in its order. */
static void
queue_put_back(struct queue *q, struct queue *still)
{
    if (still->first != NULL)
        *q = *still;
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
    queue_add(r->weight > 0 ? &ts->bulk : &ts->queue, r);
    ts->bulk_bytes += r->weight;
    if (ts->on_turn != NULL)
        event_active(ts->on_turn, EV_TIMEOUT, 0);
}

static struct request *
request_new(struct turns *ts, turn_handler handler, const struct record *record,
            const void *ask)
{
    struct request *r = calloc(1, sizeof(*r));
    if (r == NULL)
        abort();
    r->handler = handler;
    r->arena = arena_new_secret();
    r->arrived_ms = mono_ms(ts);
    if (record != NULL && record->size > 0) {
        void *copy = arena_alloc(r->arena, record->size);
        record_copy(record, ask, r->arena, copy);
        r->ask = copy;
    }
    ts->n_waiting++;
    return r;
}

enum err
turns_add(struct turns *ts, turn_handler handler, const struct record *record,
          const void *ask, uint64_t peer, uint32_t call)
{
    if (peer != 0 && ts->n_waiting >= WAITING_MAX)
        return ERR_LIMIT;
    struct request *r = request_new(ts, handler, record, ask);
    r->peer = peer;
    r->call = call;
    queue_for_turn(ts, r);
    return ERR_OK;
}

enum err
turns_add_bulk(struct turns *ts, turn_handler handler,
               const struct record *record, const void *ask, uint64_t peer,
               uint32_t call, size_t weight)
{
    if (ts->n_waiting >= WAITING_MAX || ts->bulk_bytes >= BULK_WAITING)
        return ERR_LIMIT;
    struct request *r = request_new(ts, handler, record, ask);
    r->peer = peer;
    r->call = call;
    r->weight = weight;
    queue_for_turn(ts, r);
    return ERR_OK;
}

void
turns_add_event(struct turns *ts, turn_handler handler,
                const struct record *record, const void *ask)
{
    if (ts->n_waiting >= WAITING_MAX)
        return;
    struct request *r = request_new(ts, handler, record, ask);
    r->is_event = true;
    queue_for_turn(ts, r);
}

void
turns_forget_peer(struct turns *ts, uint64_t peer)
{
    struct queue still;
    queue_init(&still);
    for (struct request *r; (r = queue_take(&ts->parked)) != NULL;)
        if (r->peer == peer)
            request_free(ts, r);
        else
            queue_add(&still, r);
    queue_put_back(&ts->parked, &still);
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
    t->recalled = NULL;
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

/*
 * Those that still wait for rows wait for the next turn: each may have to look
 * further because of what the ones before it changed.  The first one does not.
 */
static enum err
leave_for_later(struct turn *t, struct request **batch, size_t *n,
                const bool *is_done)
{
    size_t n_done = 0;
    if (!is_done[0])
        return ERR_STORE; /* a chain of rows without end */
    for (size_t i = 0; i < *n; i++)
        if (is_done[i])
            batch[n_done++] = batch[i];
        else
            queue_for_turn(t->all, batch[i]);
    *n = n_done;
    return ERR_OK;
}

/* Every handler once, and those that wait for rows again after each load. */
static enum err
decide(struct turn *t, struct request **batch, size_t *n_batch)
{
    size_t n = *n_batch;
    bool is_done[BATCH_MAX] = {false};
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        size_t n_waiting = 0;
        for (size_t i = 0; i < n; i++) {
            if (is_done[i])
                continue;
            enum err e = run_one(t, batch[i]);
            if (e != ERR_OK && e != ERR_AGAIN)
                return e; /* the store failed it */
            is_done[i] = e == ERR_OK;
            n_waiting += e == ERR_AGAIN;
        }
        if (n_waiting == 0)
            return ERR_OK;
        enum err e = rows_load(t->rows, t->all->store);
        if (e != ERR_OK)
            return e;
    }
    return leave_for_later(t, batch, n_batch, is_done);
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
        f->request->note = f->note;
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
        queue_put_back(&ts->parked, &still);
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
    if (t->wants_scrub)
        keeper_scrub(ts->keeper);
    for (size_t i = 0; i < n; i++)
        if (!is_parked_by(t, batch[i]))
            batch[i]->handler = NULL; /* done: freed below */
    /* Whoever parks does it before anybody is woken: the word that would wake
     * it may have come from this very turn, which it has not seen. */
    for (struct effect *f = t->effects; f != NULL; f = f->next)
        if (f->kind == EFFECT_PARK)
            act_on(t, f);
    /* On unknown ground nothing more goes out. */
    for (struct effect *f = t->effects; f != NULL; f = f->next)
        if (f->kind != EFFECT_PARK && !ts->keeper->has_failed)
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
    bool is_postponed = false;
    if (e == ERR_LIMIT)
        log_error("store.full", "do=\"the disk is full or the database at its "
                                "largest: make room\"");
    for (size_t i = 0; i < n; i++) {
        struct request *r = batch[i];
        unsigned tries = r->peer != 0 ? TRIES_MAX : OWN_TRIES_MAX;
        bool is_again = e == ERR_CONFLICT && ++r->n_tries < tries;
        if (is_again) {
            queue_for_turn(ts, r);
        } else if (r->peer == 0 && !r->is_event && e != ERR_STORE) {
            /* What HubSpot answered is not thrown away: a full disk ends. */
            r->n_tries = 0;
            queue_add(&ts->postponed, r);
            is_postponed = true;
        } else {
            door_refuse(ts->keeper, r->handler, r->peer, r->call,
                        e == ERR_STORE ? e : ERR_UNAVAILABLE);
            request_free(ts, r);
        }
    }
    if (is_postponed)
        errands_hold(ts->keeper);
}

static bool
is_idle(const struct turns *ts)
{
    return ts->queue.first == NULL && ts->bulk.first == NULL;
}

/* What is bulk comes last, and only so much of it. */
static size_t
take_batch(struct turns *ts, struct request **batch)
{
    size_t n = 0, bytes = 0;
    while (n < BATCH_MAX && (batch[n] = queue_take(&ts->queue)) != NULL)
        n++;
    while (n < BATCH_MAX && bytes < BULK_TURN &&
           (batch[n] = queue_take(&ts->bulk)) != NULL)
        bytes += batch[n++]->weight;
    ts->bulk_bytes -= bytes;
    return n;
}

static void
run_turn(struct turns *ts)
{
    struct request *batch[BATCH_MAX];
    struct turn t = {.all = ts, .arena = arena_new_secret()};
    size_t n = take_batch(ts, batch);
    turn_reset(&t);
    enum err e = decide(&t, batch, &n);
    if (e == ERR_OK)
        e = audit_close_turn(&t, t.rows);
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
    while (!is_idle(ts) && !ts->keeper->has_failed)
        run_turn(ts);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct turns *ts = arg;
    (void)fd;
    (void)what;
    if (is_idle(ts) || ts->keeper->has_failed)
        return;
    run_turn(ts);
    if (!is_idle(ts))
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
    queue_init(&ts->bulk);
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
    while ((r = queue_take(&ts->bulk)) != NULL)
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
    queue_put_back(&ts->parked, &still);
}

#include "keeper/delivery_int.h"

#include "keeper/keeper.h"
#include "keeper/peers.h"
#include "keeper/queue.h"

#include <stdlib.h>

/*
 * A lane is pumped while there is something to do: a turn reads a page of
 * the queue and lets out what may leave; each outcome is a turn, too, and
 * pumps again.
 *
 * 1. An event in flight is ITEM_SENT in its lane's window, until its outcome
 *    is on disk or its courier is gone.
 * 2. n_flights counts the requests of which the courier has not answered.
 */

static const struct field pump_fields[] = {
    FIELD(struct pump, app),
};
const struct record pump_record = RECORD(pump);

struct delivery *
delivery_new(struct keeper *k)
{
    struct delivery *d = calloc(1, sizeof(*d));
    if (d == NULL)
        abort();
    d->keeper = k;
    return d;
}

void
delivery_free(struct delivery *d)
{
    if (d == NULL)
        return;
    while (d->first != NULL) {
        struct lane *l = d->first;
        d->first = l->next;
        window_done(&l->window);
        free((char *)l->app.p);
        free(l);
    }
    free(d);
}

struct lane *
lane_find(struct keeper *k, struct str app)
{
    struct lane *l = k->delivery != NULL ? k->delivery->first : NULL;
    while (l != NULL && !str_equal(l->app, app))
        l = l->next;
    return l;
}

static struct lane *
lane_get(struct keeper *k, struct str app)
{
    struct lane *l = lane_find(k, app);
    if (l != NULL)
        return l;
    l = calloc(1, sizeof(*l));
    char *name = malloc(app.n + 1);
    if (l == NULL || name == NULL)
        abort();
    memcpy(name, app.p, app.n);
    name[app.n] = '\0';
    l->app = str_of(name, app.n);
    window_init(&l->window);
    l->next = k->delivery->first;
    k->delivery->first = l;
    return l;
}

struct app *
lane_app(struct keeper *k, const struct lane *l)
{
    struct app *a = apps_find(k->apps, l->app);
    return a != NULL && a->conf->webhook_target.n > 0 ? a : NULL;
}

unsigned
lane_room(struct keeper *k, const struct lane *l)
{
    unsigned most =
        breaker_allows(&l->breaker, k->env->now_ms(k->env), LANE_REQUESTS);
    if (l->is_gone || l->n_flights >= most ||
        k->delivery->n_bytes >= FLIGHT_BYTES_MAX ||
        peers_newest(k->peers, LIFE_PEER_DELIVER) == NULL)
        return 0;
    return most - l->n_flights;
}

struct item *
lane_ready(const struct lane *l)
{
    struct item *i = l->window.order.first;
    while (i != NULL && (i->state != ITEM_READY || !window_is_free(i, 0)))
        i = i->next;
    return i;
}

static bool
has_work(struct keeper *k, const struct lane *l)
{
    if (lane_app(k, l) == NULL)
        return false;
    return window_wants(&l->window) ||
           (lane_room(k, l) > 0 && lane_ready(l) != NULL);
}

void
lane_kick(struct keeper *k, struct lane *l)
{
    struct pump ask = {l->app};
    if (l->is_pumping || k->is_draining || !has_work(k, l))
        return;
    l->is_pumping = true;
    if (turns_add(k->turns, do_pump, &pump_record, &ask, 0, 0) != ERR_OK)
        l->is_pumping = false; /* the next tick tries again */
}

void
delivery_tick(struct keeper *k)
{
    int64_t now = k->env->now_ms(k->env);
    if (k->delivery == NULL)
        return;
    for (size_t i = 0; i < apps_count(k->apps); i++) {
        const struct life_app *conf = apps_at(k->apps, i)->conf;
        if (conf->webhook_target.n == 0)
            continue;
        struct lane *l = lane_get(k, conf->name);
        window_wake(&l->window, now, false);
        lane_kick(k, l);
    }
}

void
delivery_on_courier(struct keeper *k)
{
    if (k->delivery == NULL)
        return;
    for (struct lane *l = k->delivery->first; l != NULL; l = l->next)
        lane_kick(k, l);
}

/* Another target, or a secret that is right now, deserves a try at once. */
void
delivery_reload(struct keeper *k)
{
    if (k->delivery == NULL)
        return;
    for (struct lane *l = k->delivery->first; l != NULL; l = l->next) {
        l->is_gone = false;
        l->breaker = (struct breaker){0};
        window_wake(&l->window, k->env->now_ms(k->env), true);
        lane_kick(k, l);
    }
}

size_t
delivery_n_flights(const struct keeper *k)
{
    size_t n = 0;
    const struct lane *l = k->delivery != NULL ? k->delivery->first : NULL;
    for (; l != NULL; l = l->next)
        n += l->n_flights;
    return n;
}

bool
delivery_is_target_away(struct keeper *k, struct str app)
{
    const struct lane *l = lane_find(k, app);
    return l != NULL && breaker_is_open(&l->breaker);
}

struct put {
    struct str app;
    uint64_t number;
};

static void
act_note(struct keeper *k, void *arg)
{
    const struct put *p = arg;
    if (k->delivery == NULL)
        return;
    struct lane *l = lane_get(k, p->app);
    window_note(&l->window, p->number);
    lane_kick(k, l);
}

void
delivery_note(struct turn *t, struct str app, uint64_t number)
{
    struct put *p = arena_alloc(turn_arena(t), sizeof(*p));
    *p = (struct put){arena_copy(turn_arena(t), app), number};
    turn_after(t, act_note, p);
}

size_t
delivery_put(struct turn *t, struct str app, uint64_t number, size_t n)
{
    struct app *a = apps_find(turn_keeper(t)->apps, app);
    struct str key = queue_live_key(turn_arena(t), app, number);
    char states[PARCEL_EVENTS_MAX] = {EVENT_PENDING};
    struct queued row = {.states = str_of(states, n)};
    if (a == NULL || a->conf->webhook_target.n == 0)
        return 0;
    turn_put(t, STORE_QUEUE, key, &queued_record, &row, STORE_NEVER, STR_NONE);
    delivery_note(t, app, number);
    return n;
}

struct pumped {
    struct lane *lane; /* lives as long as the keeper */
    struct reading *reading;
    struct departure *departures;
    bool is_gone;
};

static void
act_pumped(struct keeper *k, void *arg)
{
    struct pumped *p = arg;
    struct lane *l = p->lane;
    l->is_pumping = false;
    l->is_gone = p->is_gone;
    if (!l->is_gone)
        departures_send(k, l, p->departures);
    if (p->reading != NULL)
        reading_take(l, p->reading);
    window_wake(&l->window, k->env->now_ms(k->env), false);
    lane_kick(k, l);
}

enum err
do_pump(struct turn *t, const void *ask)
{
    const struct pump *a = ask;
    struct keeper *k = turn_keeper(t);
    struct lane *l = lane_find(k, a->app);
    struct app *app = l != NULL ? lane_app(k, l) : NULL;
    struct event_log log;
    struct gaps gaps;
    struct pumped *p = arena_alloc(turn_arena(t), sizeof(*p));
    if (l == NULL)
        return ERR_OK;
    p->lane = l;
    if (app != NULL) {
        (void)event_log_load(t, a->app, &log); /* named here */
        (void)gaps_load(t, a->app, &gaps);     /* named here */
        if (reading_load(t, l, &p->reading) == ERR_AGAIN ||
            departures_load(t, l, &gaps, &p->departures) == ERR_AGAIN ||
            turn_is_waiting(t))
            return ERR_AGAIN;
        p->is_gone = log.is_target_gone &&
                     str_equal(log.gone_target, app->conf->webhook_target);
    }
    turn_after(t, act_pumped, p);
    return ERR_OK;
}

#include "emulator/outbox.h"

#include "base/arena.h"
#include "emulator/own.h"
#include "emulator/world.h"

#include <inttypes.h>
#include <stdlib.h>

#define SHUFFLED_FROM 16 /* the next one is any of the oldest of these */

/* The two lists of a lane. */
static struct delivery **
list_of(struct lane *l, enum delivery_state state, struct delivery ***out_last)
{
    bool is_ready = state == DELIVERY_READY;
    *out_last = is_ready ? &l->ready_last : &l->waiting_last;
    return is_ready ? &l->ready : &l->waiting;
}

static void
unlink_from_lane(struct delivery *d)
{
    struct delivery **last;
    struct delivery **first = list_of(d->lane, d->state, &last);
    if (d->previous != NULL)
        d->previous->next = d->next;
    else
        *first = d->next;
    if (d->next != NULL)
        d->next->previous = d->previous;
    else
        *last = d->previous;
    d->previous = d->next = NULL;
    d->lane->n_ready -= d->state == DELIVERY_READY;
}

static void
link_to_lane(struct delivery *d)
{
    struct delivery **last;
    struct delivery **first = list_of(d->lane, d->state, &last);
    d->previous = *last;
    d->next = NULL;
    if (*last != NULL)
        (*last)->next = d;
    else
        *first = d;
    *last = d;
    d->lane->n_ready += d->state == DELIVERY_READY;
}

/* All moves of a delivery: out of where it is, into where it goes. */
static void
move(struct world *w, struct delivery *d, enum delivery_state state)
{
    if (d->state == DELIVERY_OPEN)
        d->lane->open = NULL;
    else if (d->state != DELIVERY_FLYING)
        unlink_from_lane(d);
    bool was_flying = d->state == DELIVERY_FLYING;
    bool is_flying = state == DELIVERY_FLYING;
    d->lane->n_flying += (size_t)is_flying - (size_t)was_flying;
    w->outbox.n_flying += (uint64_t)is_flying - (uint64_t)was_flying;
    d->state = state;
    if (!is_flying)
        link_to_lane(d);
}

static struct lane *
lane_of(struct world *w, struct str client_id, uint64_t portal)
{
    struct outbox *o = &w->outbox;
    struct arena *arena = arena_new();
    struct str key =
        arena_printf(arena, "%.*s\n%" PRIu64, STR_ARG(client_id), portal);
    struct lane *l = map_get(&o->by_key, key);
    if (l == NULL) {
        l = own_alloc(sizeof(*l));
        *l = (struct lane){.key = own_text(key),
                           .client_id = own_text(client_id),
                           .portal = portal};
        o->lanes = own_room(o->lanes, o->n, &o->room, sizeof(*o->lanes));
        o->lanes[o->n++] = l;
        map_put(&o->by_key, l->key, l);
    }
    arena_free(arena);
    return l;
}

static void
enter(struct world *w, struct delivery *d, struct lane *l)
{
    d->id = ++w->outbox.last_id;
    d->lane = l;
    map_put(&w->outbox.by_id, map_key(&d->id), d);
}

static void
leave(struct world *w, struct delivery *d)
{
    map_take(&w->outbox.by_id, map_key(&d->id));
    w->outbox.n_held -= delivery_weight(d);
    delivery_free(d);
}

static void
drop_list(struct world *w, struct delivery *d)
{
    for (struct delivery *next; d != NULL; d = next) {
        next = d->next;
        leave(w, d);
    }
}

uint64_t
outbox_drop_all(struct world *w)
{
    struct outbox *o = &w->outbox;
    uint64_t before = o->n_held;
    for (size_t i = 0; i < o->n; i++) {
        struct lane *l = o->lanes[i];
        drop_list(w, l->open);
        drop_list(w, l->ready);
        drop_list(w, l->waiting);
        l->open = l->ready = l->waiting = NULL;
        l->ready_last = l->waiting_last = NULL;
        l->n_ready = 0;
    }
    return before - o->n_held;
}

void
outbox_done(struct outbox *o)
{
    size_t i = 0;
    for (struct delivery *d; (d = map_next(&o->by_id, &i)) != NULL;)
        delivery_free(d);
    for (i = 0; i < o->n; i++) {
        own_drop(&o->lanes[i]->key);
        own_drop(&o->lanes[i]->client_id);
        free(o->lanes[i]);
    }
    free(o->lanes);
    map_done(&o->by_id);
    map_done(&o->by_key);
    outbox_log_done(&o->log);
    *o = (struct outbox){0};
}

static void
close_batch(struct world *w, struct delivery *d)
{
    if (w->settings.webhook_shuffle)
        delivery_shuffle(d, w);
    move(w, d, DELIVERY_READY);
}

static struct delivery *
open_batch(struct world *w, struct lane *l)
{
    if (l->open != NULL)
        return l->open;
    struct delivery model = {.client_id = l->client_id, .portal = l->portal};
    struct delivery *d = delivery_new(&model);
    enter(w, d, l);
    d->due_ms = world_now_ms(w) + w->settings.webhook_delay_ms;
    l->open = d;
    return d;
}

static void
add_once(struct world *w, struct lane *l, uint64_t serial, struct str json)
{
    struct delivery *d = open_batch(w, l);
    delivery_add(d, serial, json);
    w->outbox.n_held++;
    if (d->n >= (size_t)w->settings.webhook_batch)
        close_batch(w, d);
}

void
outbox_add(struct world *w, const struct app *app, uint64_t portal,
           uint64_t serial, struct str json)
{
    uint64_t nth = (uint64_t)w->settings.webhook_duplicates;
    struct lane *l = lane_of(w, app->client_id,
                             w->settings.webhook_mix_portals ? 0 : portal);
    add_once(w, l, serial, json);
    if (nth == 0 || ++w->outbox.n_added % nth != 0)
        return;
    /* In a request of its own, as a sender's lost answer would have it. */
    if (l->open != NULL)
        close_batch(w, l->open);
    add_once(w, l, serial, json);
}

void
outbox_send(struct world *w, struct delivery *d)
{
    enter(w, d, lane_of(w, d->client_id, d->portal));
    w->outbox.n_held += delivery_weight(d);
    d->state = d->due_ms > 0 ? DELIVERY_WAITING : DELIVERY_READY;
    link_to_lane(d);
}

static size_t
lane_limit(const struct world *w, const struct lane *l)
{
    const struct app *app = apps_find(&w->apps, l->client_id);
    uint64_t most = app != NULL ? app->hooks.concurrency : 0;
    return most > 0 ? (size_t)most : (size_t)w->settings.webhook_concurrency;
}

static void
wake_due(struct world *w, struct lane *l, int64_t now_ms)
{
    if (l->open != NULL && l->open->due_ms <= now_ms)
        close_batch(w, l->open);
    for (struct delivery *d = l->waiting, *next; d != NULL; d = next) {
        next = d->next;
        if (d->due_ms <= now_ms)
            move(w, d, DELIVERY_READY);
    }
}

static struct delivery *
pick(struct world *w, struct lane *l)
{
    struct delivery *d = l->ready;
    if (!w->settings.webhook_shuffle || d == NULL)
        return d;
    size_t n = l->n_ready < SHUFFLED_FROM ? l->n_ready : SHUFFLED_FROM;
    for (size_t i = world_draw(w) % n; i > 0; i--)
        d = d->next;
    return d;
}

struct delivery *
outbox_take(struct world *w)
{
    struct outbox *o = &w->outbox;
    int64_t now_ms = world_now_ms(w);
    for (size_t i = 0; i < o->n; i++) {
        struct lane *l = o->lanes[(o->turn + i) % o->n];
        wake_due(w, l, now_ms);
        struct delivery *d = l->n_flying < lane_limit(w, l) ? pick(w, l) : NULL;
        if (d == NULL)
            continue;
        o->turn = (o->turn + i + 1) % o->n;
        o->n_requests++;
        d->sent_at_ms = now_ms;
        move(w, d, DELIVERY_FLYING);
        return d;
    }
    return NULL;
}

int64_t
outbox_next_ms(struct world *w)
{
    const struct outbox *o = &w->outbox;
    int64_t now_ms = world_now_ms(w), next = INT64_MAX;
    for (size_t i = 0; i < o->n; i++) {
        const struct lane *l = o->lanes[i];
        if (l->open != NULL && l->open->due_ms < next)
            next = l->open->due_ms;
        for (const struct delivery *d = l->waiting; d != NULL; d = d->next)
            next = d->due_ms < next ? d->due_ms : next;
    }
    if (next == INT64_MAX)
        return -1;
    return next > now_ms ? next - now_ms : 0;
}

void
outbox_settle(struct world *w, uint64_t id, const struct outcome *o)
{
    struct delivery *d = map_get(&w->outbox.by_id, map_key(&id));
    if (d == NULL || d->state != DELIVERY_FLYING)
        return; /* the world was reset meanwhile */
    int64_t now_ms = world_now_ms(w);
    outbox_log_add(&w->outbox.log, d, o, now_ms);
    int64_t wait_ms = delivery_wait_ms(d, o, w);
    if (wait_ms >= 0) {
        d->attempt++;
        d->due_ms = now_ms + wait_ms;
        move(w, d, DELIVERY_WAITING);
        return;
    }
    if (outcome_is_good(o))
        w->outbox.n_delivered += delivery_weight(d);
    else
        w->outbox.n_given_up += delivery_weight(d);
    d->lane->n_flying--;
    w->outbox.n_flying--;
    leave(w, d);
}

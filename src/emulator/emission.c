#include "emulator/emission.h"

#include "base/arena.h"
#include "emulator/news.h"
#include "emulator/own.h"

#include <stdlib.h>

#define MOST_AT_ONCE 5000 /* the loop has other things to do */
#define TICK_MS 5

static void
drop(struct emission *e)
{
    own_drop(&e->client_id);
    own_drop(&e->what.property);
    own_drop(&e->what.value);
    own_drop(&e->what.source);
    style_drop(&e->style);
    free(e);
}

void
emissions_done(struct emission **all)
{
    while (*all != NULL) {
        struct emission *e = *all;
        *all = e->next;
        drop(e);
    }
}

/* The real clock: a jump of the emulator's must not make a burst. */
static int64_t
real_ms(const struct world *w)
{
    return w->env->now_ms(w->env);
}

void
emission_start(struct world *w, const struct emission *model)
{
    struct emission *e = own_alloc(sizeof(*e)), **last = &w->emissions;
    *e = *model;
    e->client_id = own_text(model->client_id);
    e->what.property = own_text(model->what.property);
    e->what.value = own_text(model->what.value);
    e->what.source = own_text(model->what.source);
    e->style = style_copy(&model->style);
    e->started_ms = real_ms(w);
    /* Numbered as they happened, in whatever order they are sent. */
    e->first_serial = w->outbox.last_serial + 1;
    w->outbox.last_serial += e->count;
    e->next = NULL;
    while (*last != NULL)
        last = &(*last)->next;
    *last = e;
}

/* What is made in one go; a request's events are of one portal. */
struct bundle {
    struct world *w;
    const struct emission *e;
    const struct app *app;
    struct delivery *open;
};

static void
bundle_send(struct bundle *b)
{
    if (b->open != NULL)
        outbox_send(b->w, b->open);
    b->open = NULL;
}

static void
bundle_add(struct bundle *b, const struct happening *h, struct str json)
{
    if (b->open == NULL) {
        struct delivery model = {.client_id = b->e->client_id,
                                 .portal = h->portal,
                                 .style = b->e->style};
        b->open = delivery_new(&model);
    }
    delivery_add(b->open, h->serial, json);
    if (b->open->n >= b->e->batch)
        bundle_send(b);
}

static void
make_one(struct bundle *b, uint64_t number, struct arena *arena)
{
    const struct emission *e = b->e;
    struct happening h = e->what;
    struct happening_push push;
    struct buf auto_buf type_text, json;
    buf_init(&type_text, 128);
    buf_init(&json, 65536);
    h.merged = &h.to_id;
    h.portal += number / e->batch % e->n_portals;
    h.object_id += number % e->n_objects;
    h.serial = e->first_serial + number;
    h.event_id = news_event_id(b->w, h.portal);
    if (h.at_ms == 0)
        h.at_ms = world_now_ms(b->w);
    subscriptions_usual(&h, &type_text, &push);
    push.app_id = b->app->app_id;
    push.is_generic = e->is_generic;
    if (e->is_generic)
        push.subscription_type =
            arena_printf(arena, "object.%s", happening_name(h.kind).p);
    happening_add_push(&h, &push, &json);
    bundle_add(b, &h, buf_str(&json));
    if (e->nth_twice > 0 && (number + 1) % e->nth_twice == 0) {
        bundle_send(b); /* the repeat comes in a request of its own */
        bundle_add(b, &h, buf_str(&json));
    }
}

/* How many of one emission are due: whole batches, but for the end. */
static uint64_t
n_due(const struct world *w, const struct emission *e)
{
    uint64_t left = e->count - e->n_made, n = left;
    uint64_t held = w->outbox.n_held;
    uint64_t room = held < EMISSION_AHEAD ? EMISSION_AHEAD - held : 0;
    if (e->rate > 0) {
        uint64_t ms = (uint64_t)(real_ms(w) - e->started_ms);
        uint64_t by_now = ms * e->rate / 1000;
        n = by_now > e->n_made ? by_now - e->n_made : 0;
        n = n < left ? n : left;
    }
    n = n < room ? n : room;
    n = n < MOST_AT_ONCE ? n : MOST_AT_ONCE;
    return n == left ? n : n - n % e->batch;
}

/* Fisher and Yates over the numbers, where the order is to be lost. */
static uint64_t *
numbers_of(struct world *w, const struct emission *e, uint64_t n,
           struct arena *arena)
{
    uint64_t *all = arena_alloc(arena, n * sizeof(*all));
    for (uint64_t i = 0; i < n; i++)
        all[i] = e->n_made + i;
    for (uint64_t i = n; e->is_shuffled && i > 1; i--) {
        uint64_t k = world_draw(w) % i, one = all[k];
        all[k] = all[i - 1];
        all[i - 1] = one;
    }
    return all;
}

static void
make(struct world *w, struct emission *e, uint64_t n)
{
    struct bundle b = {
        .w = w, .e = e, .app = apps_find(&w->apps, e->client_id)};
    struct arena *arena = arena_new();
    uint64_t *numbers = numbers_of(w, e, n, arena);
    for (uint64_t i = 0; b.app != NULL && i < n; i++) {
        if (i % e->batch == 0)
            bundle_send(&b); /* the next one may be of another portal */
        make_one(&b, numbers[i], arena);
    }
    bundle_send(&b);
    e->n_made += n;
    arena_free(arena);
}

void
emission_run(struct world *w)
{
    for (struct emission **at = &w->emissions; *at != NULL;) {
        struct emission *e = *at;
        uint64_t n = n_due(w, e);
        if (n > 0)
            make(w, e, n);
        if (e->n_made < e->count) {
            at = &e->next;
            continue;
        }
        *at = e->next;
        drop(e);
    }
}

int64_t
emission_next_ms(const struct world *w)
{
    return w->emissions != NULL ? TICK_MS : -1;
}

uint64_t
emission_left(const struct world *w)
{
    uint64_t n = 0;
    for (const struct emission *e = w->emissions; e != NULL; e = e->next)
        n += e->count - e->n_made;
    return n;
}

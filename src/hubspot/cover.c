#include "hubspot/cover.h"

#include <assert.h>

/*
 * First what is certain: an alternative that holds another whole is dropped,
 * a wish with one alternative is fulfilled, and a wish that is fulfilled
 * whenever another one is goes.  What is left falls into parts that share
 * nothing; each is searched by branch and bound.
 */
#define WORDS (COVER_THINGS_MAX / 64)

struct things {
    uint64_t w[WORDS];
};

struct wish {
    struct things *v; /* its alternatives */
    size_t n, room;
    bool is_done;
    bool is_in_part; /* of the part that is searched now */
};

struct cover {
    struct arena *arena;
    uint64_t cost[COVER_THINGS_MAX];
    struct wish *wishes;
    size_t n, room;
    struct things chosen;
    struct things best; /* of the part that is searched now */
    uint64_t best_cost;
};

static bool
is_within(const struct things *a, const struct things *b)
{
    for (size_t i = 0; i < WORDS; i++)
        if ((a->w[i] & ~b->w[i]) != 0)
            return false;
    return true;
}

static bool
is_disjoint(const struct things *a, const struct things *b)
{
    for (size_t i = 0; i < WORDS; i++)
        if ((a->w[i] & b->w[i]) != 0)
            return false;
    return true;
}

static void
join(struct things *to, const struct things *more)
{
    for (size_t i = 0; i < WORDS; i++)
        to->w[i] |= more->w[i];
}

static struct things
without(const struct things *a, const struct things *b)
{
    struct things left;
    for (size_t i = 0; i < WORDS; i++)
        left.w[i] = a->w[i] & ~b->w[i];
    return left;
}

static uint64_t
cost_of(const struct cover *c, const struct things *all)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < WORDS; i++)
        for (uint64_t w = all->w[i]; w != 0; w &= w - 1)
            sum += c->cost[i * 64 + (size_t)__builtin_ctzll(w)];
    return sum;
}

struct cover *
cover_new(struct arena *arena)
{
    struct cover *c = arena_alloc(arena, sizeof(*c));
    c->arena = arena;
    for (size_t i = 0; i < COVER_THINGS_MAX; i++)
        c->cost[i] = 1;
    return c;
}

void
cover_cost(struct cover *c, unsigned thing, uint64_t cost)
{
    assert(thing < COVER_THINGS_MAX);
    c->cost[thing] = cost;
}

/* Twice the room, in the arena: what was before goes with it. */
static void *
grow(struct arena *arena, const void *v, size_t n, size_t *room, size_t size)
{
    *room = *room == 0 ? 4 : *room * 2;
    char *more = arena_alloc(arena, *room * size);
    if (n > 0)
        memcpy(more, v, n * size);
    return more;
}

void
cover_wish(struct cover *c)
{
    if (c->n == c->room)
        c->wishes =
            grow(c->arena, c->wishes, c->n, &c->room, sizeof(c->wishes[0]));
    c->wishes[c->n++] = (struct wish){.v = NULL};
}

void
cover_alternative(struct cover *c, const unsigned *things, size_t n)
{
    assert(c->n > 0);
    struct wish *w = &c->wishes[c->n - 1];
    if (w->n == w->room)
        w->v = grow(c->arena, w->v, w->n, &w->room, sizeof(w->v[0]));
    struct things *all = &w->v[w->n++];
    *all = (struct things){{0}};
    for (size_t i = 0; i < n; i++) {
        assert(things[i] < COVER_THINGS_MAX);
        all->w[things[i] / 64] |= UINT64_C(1) << (things[i] % 64);
    }
}

/* Takes what is chosen out of a wish; true: something became certain. */
static bool
reduce_wish(struct cover *c, struct wish *w)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->n; i++) {
        struct things left = without(&w->v[i], &c->chosen);
        bool is_worse = false;
        for (size_t k = 0; k < kept && !is_worse; k++)
            is_worse = is_within(&w->v[k], &left);
        if (is_worse)
            continue;
        size_t better = 0;
        for (size_t k = 0; k < kept; k++)
            if (!is_within(&left, &w->v[k]))
                w->v[better++] = w->v[k];
        w->v[better++] = left;
        kept = better;
    }
    w->n = kept;
    w->is_done = kept <= 1;
    if (kept != 1 || is_within(&w->v[0], &c->chosen))
        return false;
    join(&c->chosen, &w->v[0]);
    return true;
}

/* Whatever fulfils a fulfils b. */
static bool
implies(const struct wish *a, const struct wish *b)
{
    for (size_t i = 0; i < a->n; i++) {
        bool is_met = false;
        for (size_t k = 0; k < b->n && !is_met; k++)
            is_met = is_within(&b->v[k], &a->v[i]);
        if (!is_met)
            return false;
    }
    return true;
}

static void
drop_implied(struct cover *c)
{
    for (size_t i = 0; i < c->n; i++)
        for (size_t k = 0; k < c->n && !c->wishes[i].is_done; k++)
            if (k != i && !c->wishes[k].is_done &&
                implies(&c->wishes[k], &c->wishes[i]))
                c->wishes[i].is_done = true;
}

static struct things
reach_of(const struct wish *w)
{
    struct things all = {{0}};
    for (size_t i = 0; i < w->n; i++)
        join(&all, &w->v[i]);
    return all;
}

static bool
is_met(const struct wish *w, const struct things *chosen)
{
    for (size_t i = 0; i < w->n; i++)
        if (is_within(&w->v[i], chosen))
            return true;
    return false;
}

/*
 * What the open wishes cost at least: the cheapest alternative of each of
 * some that share nothing.  *out_next is one with the fewest alternatives.
 */
static uint64_t
bound(const struct cover *c, const struct things *chosen,
      const struct wish **out_next)
{
    struct things used = {{0}};
    uint64_t sum = 0;
    *out_next = NULL;
    for (size_t i = 0; i < c->n; i++) {
        const struct wish *w = &c->wishes[i];
        if (!w->is_in_part || is_met(w, chosen))
            continue;
        if (*out_next == NULL || w->n < (*out_next)->n)
            *out_next = w;
        struct things reach = reach_of(w), fresh = without(&reach, chosen);
        if (!is_disjoint(&fresh, &used))
            continue;
        uint64_t least = UINT64_MAX;
        for (size_t k = 0; k < w->n; k++) {
            struct things left = without(&w->v[k], chosen);
            uint64_t cost = cost_of(c, &left);
            least = cost < least ? cost : least;
        }
        sum += least;
        join(&used, &fresh);
    }
    return sum;
}

/* At most as deep as there are wishes in the part. */
static void
search(struct cover *c, const struct things *chosen, uint64_t cost)
{
    const struct wish *next;
    uint64_t least = bound(c, chosen, &next);
    if (cost + least >= c->best_cost)
        return;
    if (next == NULL) {
        c->best = *chosen;
        c->best_cost = cost;
        return;
    }
    for (size_t i = 0; i < next->n; i++) {
        struct things more = without(&next->v[i], chosen), all = *chosen;
        join(&all, &more);
        search(c, &all, cost + cost_of(c, &more));
    }
}

/* Marks the wishes that hang together with the first open one. */
static bool
take_part(struct cover *c)
{
    struct things part = {{0}};
    bool is_any = false, is_grown = true;
    for (size_t i = 0; i < c->n; i++)
        c->wishes[i].is_in_part = false;
    while (is_grown) {
        is_grown = false;
        for (size_t i = 0; i < c->n; i++) {
            struct wish *w = &c->wishes[i];
            struct things reach = reach_of(w);
            if (w->is_done || (is_any && is_disjoint(&reach, &part)))
                continue;
            join(&part, &reach);
            w->is_done = w->is_in_part = is_any = is_grown = true;
        }
    }
    return is_any;
}

void
cover_solve(struct cover *c)
{
    bool is_changed = true;
    for (unsigned i = 0; i < COVER_THINGS_MAX; i++)
        if (c->cost[i] == 0)
            c->chosen.w[i / 64] |= UINT64_C(1) << (i % 64);
    while (is_changed) {
        is_changed = false;
        for (size_t i = 0; i < c->n; i++)
            if (!c->wishes[i].is_done)
                is_changed |= reduce_wish(c, &c->wishes[i]);
    }
    drop_implied(c);
    while (take_part(c)) {
        c->best_cost = UINT64_MAX;
        search(c, &c->chosen, 0);
        c->chosen = c->best;
    }
}

bool
cover_has(const struct cover *c, unsigned thing)
{
    return (c->chosen.w[thing / 64] >> (thing % 64) & 1) != 0;
}

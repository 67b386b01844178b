#include "keeper/gaps.h"

#define GAP (OBJECT_HASH + 9)

static const struct field gaps_fields[] = {
    FIELD(struct gaps, list),
};
static const struct record gaps_record = RECORD(gaps);

static struct str
row_of(struct turn *t, struct str app)
{
    return arena_printf(turn_arena(t), "gaps/%.*s", STR_ARG(app));
}

bool
gaps_load(struct turn *t, struct str app, struct gaps *out)
{
    if (!turn_get(t, STORE_META, row_of(t, app), &gaps_record, out))
        *out = (struct gaps){0};
    return !turn_is_waiting(t);
}

static const char *
find(const struct gaps *g, const uint8_t *object)
{
    for (size_t at = 0; at + GAP <= g->list.n; at += GAP)
        if (memcmp(g->list.p + at, object, OBJECT_HASH) == 0)
            return g->list.p + at;
    return NULL;
}

bool
gaps_has(const struct gaps *g, const uint8_t *object)
{
    return find(g, object) != NULL;
}

struct str
gaps_find(const struct gaps *g, struct arena *arena, const uint8_t *object)
{
    const char *at = find(g, object);
    uint64_t number = 0;
    if (at == NULL)
        return STR_NONE;
    for (size_t i = 0; i < 8; i++)
        number = number << 8 | (uint8_t)at[OBJECT_HASH + i];
    return parcel_event_id(arena, number, (uint8_t)at[GAP - 1]);
}

static void
store(struct turn *t, struct str app, const struct gaps *g)
{
    struct str row = row_of(t, app);
    if (g->list.n > 0)
        turn_put(t, STORE_META, row, &gaps_record, g, STORE_NEVER, STR_NONE);
    else
        turn_delete(t, STORE_META, row);
}

/* The list without what stands at `at`. */
static struct str
without(struct turn *t, struct str list, const char *at)
{
    size_t before = (size_t)(at - list.p);
    char *p = arena_alloc(turn_arena(t), list.n);
    memcpy(p, list.p, before);
    memcpy(p + before, at + GAP, list.n - before - GAP);
    return str_of(p, list.n - GAP);
}

void
gaps_remove(struct turn *t, struct str app, struct gaps *g,
            const uint8_t *object)
{
    const char *at = find(g, object);
    if (at == NULL)
        return;
    g->list = without(t, g->list, at);
    store(t, app, g);
}

void
gaps_add(struct turn *t, struct str app, struct gaps *g, const uint8_t *object,
         uint64_t number, uint8_t index)
{
    const char *at = find(g, object);
    if (at != NULL)
        g->list = without(t, g->list, at);
    if (g->list.n >= GAPS_MAX * GAP)
        g->list = without(t, g->list, g->list.p);
    char *p = arena_alloc(turn_arena(t), g->list.n + GAP);
    if (g->list.n > 0)
        memcpy(p, g->list.p, g->list.n);
    char *gap = p + g->list.n;
    memcpy(gap, object, OBJECT_HASH);
    for (size_t i = 0; i < 8; i++)
        gap[OBJECT_HASH + i] = (char)(number >> (56 - 8 * i) & 0xff);
    gap[GAP - 1] = (char)index;
    g->list = str_of(p, g->list.n + GAP);
    store(t, app, g);
}

#include "keeper/rows.h"

#include <assert.h>
#include <stdlib.h>

/*
 * A row is noted (asked for, not loaded), then loaded, then perhaps changed.
 * `loaded` keeps the version that the store had: the compare-and-swap.
 */
struct held {
    struct held *next;  /* all, in order of first sight */
    struct held *chain; /* of its index cell */
    struct store_row row;
    bool is_loaded, is_changed, is_deleted;
    uint64_t loaded_version;
};

struct found {
    struct found *next;
    struct store_ask ask;
    bool is_loaded;
};

#define CELLS 1024

struct rows {
    struct arena *arena;
    struct held *first, **end;
    struct found *finds;
    size_t n_noted, n_changes;
    struct held *index[CELLS];
};

struct rows *
rows_new(struct arena *arena)
{
    struct rows *r = calloc(1, sizeof(*r));
    if (r == NULL)
        abort();
    r->arena = arena;
    r->end = &r->first;
    return r;
}

void
rows_free(struct rows *r)
{
    free(r);
}

/* Keys are hashes and names, and a turn is short. */
static size_t
cell_of(enum store_table table, struct str key)
{
    return (str_hash(key) ^ (uint32_t)table) % CELLS;
}

static struct held *
find(struct rows *r, enum store_table table, struct str key)
{
    struct held *h = r->index[cell_of(table, key)];
    while (h != NULL && (h->row.table != table || !str_equal(h->row.key, key)))
        h = h->chain;
    return h;
}

static struct held *
add(struct rows *r, enum store_table table, struct str key)
{
    struct held *h = arena_alloc(r->arena, sizeof(*h));
    size_t cell = cell_of(table, key);
    h->row.table = table;
    h->row.key = arena_copy(r->arena, key);
    h->row.due = STORE_NEVER;
    h->chain = r->index[cell];
    r->index[cell] = h;
    *r->end = h;
    r->end = &h->next;
    return h;
}

const struct store_row *
rows_get(struct rows *r, enum store_table table, struct str key)
{
    struct held *h = find(r, table, key);
    if (h == NULL) {
        h = add(r, table, key);
        r->n_noted++;
    }
    return h->is_loaded ? &h->row : NULL;
}

static bool
is_same(const struct store_ask *a, const struct store_ask *b)
{
    return a->table == b->table && a->by == b->by && a->due == b->due &&
           a->limit == b->limit && str_equal(a->key, b->key) &&
           str_equal(a->after, b->after) && str_equal(a->tag, b->tag);
}

const struct store_ask *
rows_find(struct rows *r, const struct store_ask *ask)
{
    struct found *f = r->finds;
    while (f != NULL && !is_same(&f->ask, ask))
        f = f->next;
    if (f != NULL)
        return f->is_loaded ? &f->ask : NULL;
    f = arena_alloc(r->arena, sizeof(*f));
    f->ask = *ask;
    f->ask.key = arena_copy(r->arena, ask->key);
    f->ask.after = arena_copy(r->arena, ask->after);
    f->ask.tag = arena_copy(r->arena, ask->tag);
    f->next = r->finds;
    r->finds = f;
    r->n_noted++;
    return NULL;
}

static void
take_row(struct rows *r, const struct store_row *row)
{
    struct held *h = find(r, row->table, row->key);
    if (h == NULL)
        h = add(r, row->table, row->key);
    if (h->is_loaded) /* seen before: the turn's own view stands */
        return;
    struct str key = h->row.key;
    h->row = *row;
    h->row.key = key;
    h->loaded_version = row->version;
    h->is_loaded = true;
}

/* The asks of one round: the finds, then the single rows. */
static size_t
collect(struct rows *r, struct store_ask *asks)
{
    size_t n = 0;
    for (struct found *f = r->finds; f != NULL; f = f->next)
        if (!f->is_loaded)
            asks[n++] = f->ask;
    for (struct held *h = r->first; h != NULL; h = h->next)
        if (!h->is_loaded)
            asks[n++] = (struct store_ask){
                .table = h->row.table, .by = STORE_BY_KEY, .key = h->row.key};
    return n;
}

enum err
rows_load(struct rows *r, struct store *store)
{
    struct store_ask *asks =
        arena_alloc(r->arena, (r->n_noted + 1) * sizeof(*asks));
    size_t n = collect(r, asks);
    enum err e = store_load(store, asks, n, r->arena);
    if (e != ERR_OK)
        return e;
    size_t at = 0;
    for (struct found *f = r->finds; f != NULL; f = f->next)
        if (!f->is_loaded) {
            f->ask = asks[at++];
            f->is_loaded = true;
        }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < asks[i].n_rows; k++)
            take_row(r, &asks[i].rows[k]);
    r->n_noted = 0;
    return ERR_OK;
}

static struct held *
change(struct rows *r, enum store_table table, struct str key)
{
    struct held *h = find(r, table, key);
    if (h == NULL)
        h = add(r, table, key);
    if (!h->is_changed)
        r->n_changes++;
    h->is_loaded = true;
    h->is_changed = true;
    return h;
}

void
rows_put(struct rows *r, enum store_table table, struct str key,
         struct str body, int64_t due, struct str tag)
{
    struct held *h = change(r, table, key);
    h->is_deleted = false;
    h->row.body = body;
    h->row.due = due;
    h->row.tag = arena_copy(r->arena, tag);
    if (tag.n == 0)
        h->row.tag = STR_NONE;
    if (h->row.version == 0)
        h->row.version = h->loaded_version + 1;
}

void
rows_delete(struct rows *r, enum store_table table, struct str key)
{
    const struct held *seen = find(r, table, key);
    assert(seen != NULL && seen->is_loaded);
    struct held *h = change(r, table, key);
    h->is_deleted = true;
    h->row.version = 0;
    h->row.due = STORE_NEVER;
    h->row.body = STR_NONE;
}

size_t
rows_n_changes(const struct rows *r)
{
    return r->n_changes;
}

size_t
rows_changes(struct rows *r, const struct store_change **out)
{
    struct store_change *changes =
        arena_alloc(r->arena, (r->n_changes + 1) * sizeof(*changes));
    size_t n = 0;
    for (struct held *h = r->first; h != NULL; h = h->next) {
        /* A row that came and went within the turn was never there. */
        if (!h->is_changed || (h->is_deleted && h->loaded_version == 0))
            continue;
        changes[n].row = h->row;
        changes[n].row.version = h->loaded_version;
        changes[n++].is_delete = h->is_deleted;
    }
    *out = changes;
    return n;
}

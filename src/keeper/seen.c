#include "keeper/seen.h"

#include "keeper/keeper.h"

#include <sodium.h>
#include <string.h>

/*
 * A row's key: 8 bytes of time, 8 of a hash of app and portal, 1 level, 2 of
 * its place in the chain.  Its body: up to ROW_KEYS shortened keys and, in
 * the first row of a chain, how many follow.
 *
 * Most portals have a few events in ten seconds: one row, COARSE.  Where that
 * is full (an import, say), the others go by a tenth of a second, FINE, so
 * that what has to be looked through stays short.
 */
#define ROW_KEYS \
    120 /* two rows a page; a few more, where the next is not at hand */
#define SHORT_KEY 16 /* of the keyed hash: 128 bits of it are plenty */
#define CHAIN_MAX 4000
#define KEPT_MS (48 * 3600 * INT64_C(1000))
#define AHEAD_MS (24 * 3600 * INT64_C(1000))
#define PAGE 100

enum level { COARSE, FINE };
static const uint64_t bucket_ms[] = {[COARSE] = 10000, [FINE] = 100};

struct seen {
    uint32_t n_more; /* rows behind the first */
    struct str keys;
};
static const struct field seen_fields[] = {
    FIELD(struct seen, n_more),
    FIELD(struct seen, keys),
};
static const struct record seen_record = RECORD(seen);

static void
put_number(uint8_t *at, uint64_t v, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        at[i] = (uint8_t)(v >> 8 * (n - 1 - i));
}

static uint64_t
take_time(const char *p)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < 8; i++)
        v = v << 8 | (uint8_t)p[i];
    return v;
}

/* The portal's part of its rows' keys: keyed, as all that outlives a grant
 * and might tell of it. */
#define HASH crypto_shorthash_BYTES
#define ROW_KEY (8 + HASH + 1 + 2)

static void
hash_portal(struct turn *t, const struct seen_batch *b,
            uint8_t out[static HASH])
{
    uint8_t text[8 + LIMIT_APP];
    size_t n = b->app.n < LIMIT_APP ? b->app.n : LIMIT_APP;
    put_number(text, b->portal, 8);
    memcpy(text + 8, b->app.p, n);
    (void)crypto_shorthash(out, text, 8 + n,
                           secret_bytes(turn_keeper(t)->ref_key));
}

static struct str
row_key(struct turn *t, const uint8_t *hash, const uint8_t *dedupe_key,
        enum level level, uint32_t chain)
{
    uint8_t *key = arena_alloc(turn_arena(t), ROW_KEY);
    uint64_t at_ms = take_time((const char *)dedupe_key);
    put_number(key, at_ms / bucket_ms[level] * bucket_ms[level], 8);
    memcpy(key + 8, hash, HASH);
    key[8 + HASH] = (uint8_t)level;
    put_number(key + 8 + HASH + 1, chain, 2);
    return str_of((const char *)key, ROW_KEY);
}

static bool
get(struct turn *t, struct str key, struct seen *out)
{
    *out = (struct seen){0};
    return turn_get(t, STORE_SEEN, key, &seen_record, out);
}

static bool
is_full(const struct seen *s)
{
    return s->keys.n >= ROW_KEYS * SHORT_KEY;
}

/* The rows of one event. */
static void
name_rows(struct turn *t, const uint8_t *hash, const uint8_t *key)
{
    struct seen first, more;
    if (!get(t, row_key(t, hash, key, COARSE, 0), &first) || !is_full(&first))
        return;
    if (!get(t, row_key(t, hash, key, FINE, 0), &first))
        return;
    for (uint32_t i = 1; i <= first.n_more; i++)
        (void)get(t, row_key(t, hash, key, FINE, i), &more); /* named */
    if (first.n_more > 0 || is_full(&first)) /* the one that would come next */
        (void)get(t, row_key(t, hash, key, FINE, first.n_more + 1), &more);
}

bool
seen_load(struct turn *t, const struct seen_batch *b)
{
    uint8_t hash[HASH];
    uint64_t done = 0, at;
    hash_portal(t, b, hash);
    for (size_t i = 0; i < b->n; i++) {
        at = take_time((const char *)b->keys[i]) / bucket_ms[FINE] + 1;
        if (at != done) /* neighbours have the same rows */
            name_rows(t, hash, b->keys[i]);
        done = at;
    }
    return !turn_is_waiting(t);
}

/* A row while a batch goes through it: written once, at the end. */
struct open_row {
    struct open_row *next;
    struct str key;
    uint32_t n_more;
    uint8_t *keys; /* with room for the whole batch */
    size_t n;
    bool is_changed;
};

struct rows_open {
    struct turn *t;
    const struct seen_batch *batch;
    uint8_t hash[HASH];
    struct open_row *first;
};

/* NULL: not loaded, since nobody thought that it was needed. */
static struct open_row *
open_row(struct rows_open *r, const uint8_t *dedupe_key, enum level level,
         uint32_t chain)
{
    struct arena *a = turn_arena(r->t);
    struct str key = row_key(r->t, r->hash, dedupe_key, level, chain);
    struct open_row *row = r->first;
    struct seen s;
    while (row != NULL && !str_equal(row->key, key))
        row = row->next;
    if (row != NULL)
        return row;
    if (!turn_has_row(r->t, STORE_SEEN, key))
        return NULL;
    (void)get(r->t, key, &s); /* zeroed if there is none */
    row = arena_alloc(a, sizeof(*row));
    *row = (struct open_row){.next = r->first,
                             .key = key,
                             .n_more = s.n_more,
                             .n = s.keys.n / SHORT_KEY};
    row->keys = arena_alloc(a, (row->n + r->batch->n) * SHORT_KEY);
    if (row->n > 0)
        memcpy(row->keys, s.keys.p, row->n * SHORT_KEY);
    r->first = row;
    return row;
}

static bool
has(const struct open_row *row, const uint8_t *short_key)
{
    uint64_t a, b, c, d;
    memcpy(&a, short_key, 8);
    memcpy(&b, short_key + 8, 8);
    for (size_t i = 0; i < row->n; i++) {
        memcpy(&c, row->keys + i * SHORT_KEY, 8);
        memcpy(&d, row->keys + i * SHORT_KEY + 8, 8);
        if (a == c && b == d)
            return true;
    }
    return false;
}

/* In the fine rows?  *out is where it goes if not. */
static bool
is_in_fine(struct rows_open *r, const uint8_t *dedupe_key,
           const uint8_t *short_key, struct open_row **out)
{
    struct open_row *first = open_row(r, dedupe_key, FINE, 0), *row = first;
    if (first == NULL)
        return false;
    *out = first;
    for (uint32_t i = 1; !has(row, short_key); i++) {
        if (i > first->n_more)
            break;
        row = open_row(r, dedupe_key, FINE, i);
        if (row == NULL)
            return false;
        *out = row;
    }
    if (has(row, short_key))
        return true;
    struct open_row *next =
        row->n < ROW_KEYS || first->n_more == CHAIN_MAX
            ? NULL
            : open_row(r, dedupe_key, FINE, first->n_more + 1);
    if (next == NULL)
        return false;
    first->n_more++;
    first->is_changed = true;
    *out = next;
    return false;
}

/* Was it here?  Remembered from now on, if not. */
static bool
note_one(struct rows_open *r, const uint8_t *dedupe_key)
{
    const uint8_t *short_key = dedupe_key + EVENT_KEY_LEN - SHORT_KEY;
    struct open_row *row = open_row(r, dedupe_key, COARSE, 0);
    if (row == NULL || has(row, short_key))
        return row != NULL;
    if (row->n >= ROW_KEYS && is_in_fine(r, dedupe_key, short_key, &row))
        return true;
    memcpy(row->keys + row->n++ * SHORT_KEY, short_key, SHORT_KEY);
    row->is_changed = true;
    return false;
}

void
seen_note(struct turn *t, const struct seen_batch *b)
{
    struct rows_open r = {.t = t, .batch = b};
    hash_portal(t, b, r.hash);
    for (size_t i = 0; i < b->n; i++)
        b->is_repeat[i] = note_one(&r, b->keys[i]);
    for (const struct open_row *row = r.first; row != NULL; row = row->next) {
        struct seen s = {
            .n_more = row->n_more,
            .keys = str_of((const char *)row->keys, row->n * SHORT_KEY)};
        if (row->is_changed)
            turn_put(t, STORE_SEEN, row->key, &seen_record, &s, STORE_NEVER,
                     STR_NONE);
    }
}

/* A key that begins with that time: what is behind it is younger. */
static struct str
time_key(struct turn *t, int64_t at_ms)
{
    uint8_t *key = arena_alloc(turn_arena(t), 8);
    put_number(key, (uint64_t)at_ms, 8);
    return str_of((const char *)key, 8);
}

enum err
seen_forget_old(struct turn *t, bool *out_is_more)
{
    int64_t now = turn_now_ms(t);
    struct store_ask from_the_start = {
        .table = STORE_SEEN, .by = STORE_BY_PREFIX, .limit = PAGE};
    struct store_ask from_tomorrow = from_the_start;
    from_tomorrow.after = time_key(t, now + AHEAD_MS);
    const struct store_ask *old = turn_find(t, &from_the_start);
    const struct store_ask *absurd = turn_find(t, &from_tomorrow);
    size_t n_old = 0;
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    while (n_old < old->n_rows &&
           take_time(old->rows[n_old].key.p) < (uint64_t)(now - KEPT_MS))
        turn_delete(t, STORE_SEEN, old->rows[n_old++].key);
    for (size_t i = 0; i < absurd->n_rows; i++)
        turn_delete(t, STORE_SEEN, absurd->rows[i].key);
    *out_is_more = n_old == PAGE || absurd->n_rows == PAGE;
    return ERR_OK;
}

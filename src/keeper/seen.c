#include "keeper/seen.h"

#include "hubspot/events.h"
#include "keeper/keeper.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/*
 * A row's key: 8 bytes bucket of time, 8 of a hash of app and portal, 2 of
 * its place in the chain.  Its body: how many rows follow (in the first
 * one), and up to ROW_KEYS shortened keys.
 */
#define BUCKET_MS 10000
#define ROW_KEYS 256
#define SHORT_KEY 16 /* of the keyed hash: 128 bits of it are plenty */
#define CHAIN_MAX 4000
#define KEPT_MS (48 * 3600 * INT64_C(1000))
#define PAGE 100

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

static struct str
row_key(struct turn *t, struct str app, uint64_t portal,
        const uint8_t *dedupe_key, uint32_t chain)
{
    struct arena *a = turn_arena(t);
    struct str name = arena_printf(a, "%.*s/%" PRIu64, STR_ARG(app), portal);
    uint64_t at_ms = take_time((const char *)dedupe_key);
    uint8_t *key = arena_alloc(a, 8 + crypto_shorthash_BYTES + 2);
    /* Keyed, as all that outlives a grant and might tell of it. */
    const uint8_t *secret = secret_bytes(turn_keeper(t)->ref_key);
    put_number(key, at_ms / BUCKET_MS * BUCKET_MS, 8);
    (void)crypto_shorthash(key + 8, (const uint8_t *)name.p, name.n, secret);
    put_number(key + 8 + crypto_shorthash_BYTES, chain, 2);
    return str_of((const char *)key, 8 + crypto_shorthash_BYTES + 2);
}

static bool
get(struct turn *t, struct str key, struct seen *out)
{
    *out = (struct seen){0};
    return turn_get(t, STORE_SEEN, key, &seen_record, out);
}

bool
seen_load(struct turn *t, struct str app, uint64_t portal,
          const uint8_t *dedupe_key)
{
    struct seen first, more;
    if (!get(t, row_key(t, app, portal, dedupe_key, 0), &first))
        return !turn_is_waiting(t);
    for (uint32_t i = 1; i <= first.n_more; i++)
        (void)get(t, row_key(t, app, portal, dedupe_key, i), &more); /* named */
    /* The one that would come next. */
    (void)get(t, row_key(t, app, portal, dedupe_key, first.n_more + 1), &more);
    return !turn_is_waiting(t);
}

static bool
has(const struct seen *s, const uint8_t *short_key)
{
    for (size_t at = 0; at + SHORT_KEY <= s->keys.n; at += SHORT_KEY)
        if (memcmp(s->keys.p + at, short_key, SHORT_KEY) == 0)
            return true;
    return false;
}

static void
add(struct turn *t, struct str row, struct seen *s, const uint8_t *short_key)
{
    char *keys = arena_alloc(turn_arena(t), s->keys.n + SHORT_KEY);
    if (s->keys.n > 0)
        memcpy(keys, s->keys.p, s->keys.n);
    memcpy(keys + s->keys.n, short_key, SHORT_KEY);
    s->keys = str_of(keys, s->keys.n + SHORT_KEY);
    turn_put(t, STORE_SEEN, row, &seen_record, s, STORE_NEVER, STR_NONE);
}

bool
seen_note(struct turn *t, struct str app, uint64_t portal,
          const uint8_t *dedupe_key)
{
    const uint8_t *short_key = dedupe_key + EVENT_KEY_LEN - SHORT_KEY;
    struct str first_row = row_key(t, app, portal, dedupe_key, 0);
    struct seen first, last;
    (void)get(t, first_row, &first);
    if (has(&first, short_key))
        return true;
    if (first.n_more == 0 && first.keys.n < ROW_KEYS * SHORT_KEY) {
        add(t, first_row, &first, short_key);
        return false;
    }
    for (uint32_t i = 1; i <= first.n_more; i++) {
        (void)get(t, row_key(t, app, portal, dedupe_key, i), &last);
        if (has(&last, short_key))
            return true;
    }
    if (first.n_more == 0 || last.keys.n >= ROW_KEYS * SHORT_KEY) {
        if (first.n_more == CHAIN_MAX)
            return false; /* a million in ten seconds: taken, not noted */
        first.n_more++;
        last = (struct seen){0};
        turn_put(t, STORE_SEEN, first_row, &seen_record, &first, STORE_NEVER,
                 STR_NONE);
    }
    add(t, row_key(t, app, portal, dedupe_key, first.n_more), &last, short_key);
    return false;
}

enum err
seen_forget_old(struct turn *t, bool *out_is_more)
{
    const struct store_ask *found = turn_find(
        t, &(struct store_ask){
               .table = STORE_SEEN, .by = STORE_BY_PREFIX, .limit = PAGE});
    size_t n_old = 0;
    if (found == NULL)
        return ERR_AGAIN;
    for (size_t i = 0; i < found->n_rows; i++) {
        struct str key = found->rows[i].key;
        if (key.n >= 8 &&
            (int64_t)take_time(key.p) > turn_now_ms(t) - KEPT_MS)
            break;
        turn_delete(t, STORE_SEEN, key);
        n_old++;
    }
    *out_is_more = n_old == PAGE;
    return ERR_OK;
}

#include "keeper/event_keys.h"

#include "keeper/keeper.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

/* The text that is sealed: the oldest key's number, then the keys. */
#define HEAD 4

static struct secret *
own_new(struct turn *t, const uint8_t *bytes)
{
    struct secret *s = secret_new_empty(DATA_KEY_BYTES);
    if (s == NULL)
        return NULL;
    memcpy(secret_bytes(s), bytes, DATA_KEY_BYTES);
    turn_own(t, s);
    return s;
}

/* One key gives two: itself, and one that hashes. */
static bool
append(struct turn *t, struct event_keys *keys, const uint8_t *bytes)
{
    static const char purpose[] = "portkeep objects of events";
    uint8_t hash[DATA_KEY_BYTES];
    auto_wipe(hash);
    (void)crypto_generichash(hash, sizeof(hash), (const uint8_t *)purpose,
                             sizeof(purpose) - 1, bytes,
                             DATA_KEY_BYTES); /* sizes are right */
    keys->seal[keys->n] = own_new(t, bytes);
    keys->hash[keys->n] = own_new(t, hash);
    if (keys->seal[keys->n] == NULL || keys->hash[keys->n] == NULL)
        return false;
    keys->n++;
    return true;
}

static struct str
name_of(struct turn *t, struct str app, uint64_t portal, const struct grant *g)
{
    return arena_printf(turn_arena(t), "event_keys/%.*s/%" PRIu64 "/%" PRIu64,
                        STR_ARG(app), portal, g->generation);
}

static void
remember(struct turn *t, struct str name, const struct event_keys *keys)
{
    struct event_keys *kept = turn_recall(t, name);
    if (kept == NULL) {
        kept = arena_alloc(turn_arena(t), sizeof(*kept));
        turn_remember(t, name, kept);
    }
    *kept = *keys;
}

static enum err
read_keys(struct turn *t, struct str text, struct event_keys *out)
{
    const uint8_t *p = (const uint8_t *)text.p;
    if (text.n < HEAD || (text.n - HEAD) % DATA_KEY_BYTES != 0 ||
        (text.n - HEAD) / DATA_KEY_BYTES > EVENT_KEYS_MAX)
        return ERR_CRYPTO;
    out->first = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
                 (uint32_t)p[2] << 8 | p[3];
    for (size_t at = HEAD; at < text.n; at += DATA_KEY_BYTES)
        if (!append(t, out, p + at))
            return ERR_LIMIT;
    return ERR_OK;
}

/* Their generation is 0: a reinstall takes them along. */
enum err
event_keys_open(struct turn *t, struct str app, uint64_t portal,
                const struct grant *g, struct event_keys *out)
{
    struct str name = name_of(t, app, portal, g);
    struct event_keys *kept = turn_recall(t, name);
    struct secret *auto_secret data_key = NULL;
    struct hidden text;
    *out = (struct event_keys){0};
    if (g->sealed_events.n == 0)
        return ERR_OK;
    if (kept != NULL) {
        *out = *kept;
        return ERR_OK;
    }
    enum err e = grant_open_key(t, app, portal, &data_key);
    if (e == ERR_OK)
        e = grant_unseal(t, data_key, app, portal, 0, EVENT_KEYS_KIND,
                         g->sealed_events, &text);
    if (e == ERR_OK)
        e = read_keys(t, text.s, out);
    if (e == ERR_OK)
        remember(t, name, out);
    return e;
}

static void
add_number(struct buf *b, uint32_t n)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_add_char(b, (char)(n >> shift & 0xff));
}

enum err
event_keys_add(struct turn *t, struct str app, uint64_t portal, struct grant *g,
               struct event_keys *keys)
{
    uint8_t fresh[DATA_KEY_BYTES];
    auto_wipe(fresh);
    struct secret *auto_secret data_key = NULL;
    struct buf auto_buf text = {0};
    if (keys->n == EVENT_KEYS_MAX)
        return ERR_LIMIT;
    enum err e = grant_open_key(t, app, portal, &data_key);
    if (e != ERR_OK)
        return e;
    randombytes_buf(fresh, sizeof(fresh));
    if (keys->n == 0)
        keys->first = 1;
    if (!append(t, keys, fresh))
        return ERR_LIMIT;
    buf_init_secret(&text, HEAD + EVENT_KEYS_MAX * DATA_KEY_BYTES);
    add_number(&text, keys->first);
    for (size_t i = 0; i < keys->n; i++)
        buf_add(&text, secret_view(keys->seal[i]).s);
    g->sealed_events = grant_seal(t, data_key, app, portal, 0, EVENT_KEYS_KIND,
                                  HIDDEN(buf_str(&text)));
    remember(t, name_of(t, app, portal, g), keys);
    return ERR_OK;
}

enum err
event_keys_rekey(struct turn *t, const struct seal_place *grant,
                 const struct secret *old, const struct secret *new,
                 struct str *sealed)
{
    uint8_t fresh[DATA_KEY_BYTES];
    auto_wipe(fresh);
    struct buf auto_buf keys = {0};
    struct hidden text;
    enum err e = grant_unseal(t, old, grant->app, grant->portal, 0,
                              EVENT_KEYS_KIND, *sealed, &text);
    if (e != ERR_OK || text.s.n == 0)
        return e;
    if (text.s.n >= HEAD + EVENT_KEYS_MAX * DATA_KEY_BYTES)
        return ERR_LIMIT; /* what was begun before has to come to its end */
    randombytes_buf(fresh, sizeof(fresh));
    buf_init_secret(&keys, HEAD + EVENT_KEYS_MAX * DATA_KEY_BYTES);
    buf_add(&keys, text.s);
    buf_add(&keys, str_of((const char *)fresh, sizeof(fresh)));
    *sealed = grant_seal(t, new, grant->app, grant->portal, 0, EVENT_KEYS_KIND,
                         HIDDEN(buf_str(&keys)));
    return ERR_OK;
}

enum err
event_keys_drop_old(struct turn *t, struct str app, uint64_t portal,
                    struct grant *g)
{
    struct event_keys keys;
    struct secret *auto_secret data_key = NULL;
    struct buf auto_buf text = {0};
    enum err e = event_keys_open(t, app, portal, g, &keys);
    if (e == ERR_OK && keys.n < 2)
        return ERR_NOT_FOUND;
    if (e != ERR_OK)
        return e;
    e = grant_open_key(t, app, portal, &data_key);
    if (e != ERR_OK)
        return e;
    buf_init_secret(&text, HEAD + DATA_KEY_BYTES);
    add_number(&text, keys.first + (uint32_t)keys.n - 1);
    buf_add(&text, secret_view(keys.seal[keys.n - 1]).s);
    g->sealed_events = grant_seal(t, data_key, app, portal, 0, EVENT_KEYS_KIND,
                                  HIDDEN(buf_str(&text)));
    return ERR_OK;
}

struct secret *
event_keys_seal(const struct event_keys *keys, uint64_t number)
{
    if (number < keys->first || number - keys->first >= keys->n)
        return NULL;
    return keys->seal[number - keys->first];
}

struct str
event_keys_parking_row(struct arena *arena, struct str app, int64_t day)
{
    return arena_printf(arena, PARKING_PREFIX "%.*s/%" PRId64, STR_ARG(app),
                        day);
}

struct seal_place
event_keys_parking_place(struct str app, struct str row)
{
    return (struct seal_place){.app = app, .kind = STR("wrap"), .row = row};
}

static enum err
make_parking(struct turn *t, const struct seal_place *place,
             struct secret **out)
{
    struct vault *v = turn_keeper(t)->vault;
    struct buf auto_buf wrap = {0};
    buf_init(&wrap, 256);
    enum err e = vault_new_data_key(v, place, out, &wrap);
    if (e == ERR_OK)
        turn_put(t, STORE_DATA_KEYS, place->row, &data_key_record,
                 &(struct data_key){buf_str(&wrap)}, STORE_NEVER,
                 vault_current(v));
    return e;
}

enum err
event_keys_parking(struct turn *t, struct str app, int64_t day, bool is_new,
                   struct event_keys *out)
{
    struct str row = event_keys_parking_row(turn_arena(t), app, day);
    struct event_keys *kept = turn_recall(t, row);
    struct seal_place place = event_keys_parking_place(app, row);
    struct secret *auto_secret key = NULL;
    struct data_key wrapped;
    enum err e = ERR_NOT_FOUND;
    if (kept != NULL) {
        *out = *kept;
        return ERR_OK;
    }
    bool is_there =
        turn_get(t, STORE_DATA_KEYS, row, &data_key_record, &wrapped);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (is_there)
        e = vault_unwrap(turn_keeper(t)->vault,
                         turn_tag(t, STORE_DATA_KEYS, row), wrapped.wrap,
                         &place, &key);
    else if (is_new)
        e = make_parking(t, &place, &key);
    if (e != ERR_OK)
        return e;
    *out = (struct event_keys){.first = (uint32_t)day};
    if (!append(t, out, secret_bytes(key)))
        return ERR_LIMIT;
    remember(t, row, out);
    return ERR_OK;
}

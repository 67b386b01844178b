#include "keeper/parcel.h"

#include "base/text.h"
#include "keeper/keeper.h"
#include "keeper/seal.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

static const struct field parcel_fields[] = {
    FIELD(struct parcel, kind),           FIELD(struct parcel, source),
    FIELD(struct parcel, seal),           FIELD(struct parcel, portal),
    FIELD(struct parcel, generation),     FIELD(struct parcel, key_number),
    FIELD(struct parcel, accepted_at_ms), FIELD(struct parcel, n_bytes),
    FIELD(struct parcel, entries),
};
const struct record parcel_record = RECORD(parcel);

static const struct field queued_fields[] = {
    FIELD(struct queued, states),
    FIELD(struct queued, tries),
};
const struct record queued_record = RECORD(queued);

/* Of a row in STORE_BODIES. */
struct body {
    struct str sealed;
};
static const struct field body_fields[] = {
    FIELD(struct body, sealed),
};
static const struct record body_record = RECORD(body);

/* As a record, for seal_record. */
struct notice_body {
    struct str text;
};
static const struct field notice_body_fields[] = {
    FIELD(struct notice_body, text),
};
static const struct record notice_body_record = RECORD(notice_body);

struct str
parcel_kind_name(uint32_t kind)
{
    static const char *const names[] = {
        [PARCEL_HUBSPOT] = "hubspot.event",
        [PARCEL_CONNECTED] = "portal.connected",
        [PARCEL_SCOPES_CHANGED] = "portal.scopes_changed",
        [PARCEL_NEEDS_RECONNECT] = "portal.needs_reconnect",
        [PARCEL_UNINSTALLED] = "portal.uninstalled",
        [PARCEL_ERASED] = "portal.erased",
        [PARCEL_PRIVACY_DELETION] = "contact.privacy_deletion",
        [PARCEL_UNREADABLE] = "unreadable",
    };
    bool is_known = kind > 0 && kind < sizeof(names) / sizeof(names[0]);
    return str_from(is_known ? names[kind] : "unknown");
}

struct str
parcel_source_name(uint32_t source)
{
    static const char *const names[] = {[SOURCE_PUSH] = "push",
                                        [SOURCE_JOURNAL] = "journal",
                                        [SOURCE_PORTKEEP] = "portkeep"};
    bool is_known = source > 0 && source < sizeof(names) / sizeof(names[0]);
    return str_from(is_known ? names[source] : "unknown");
}

struct str
parcel_key(struct arena *arena, struct str app, uint64_t number)
{
    return arena_printf(arena, "%.*s/%016" PRIx64, STR_ARG(app), number);
}

/* Exactly n lower-case hex digits. */
static bool
read_hex(struct str text, size_t n, uint64_t *out)
{
    uint64_t v = 0;
    if (text.n != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = text.p[i];
        if (c >= '0' && c <= '9')
            v = v << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            v = v << 4 | (uint64_t)(c - 'a' + 10);
        else
            return false;
    }
    *out = v;
    return true;
}

bool
parcel_key_parse(struct str key, struct parcel_key *out)
{
    struct str rest = key;
    return str_cut(&rest, '/', &out->app) && out->app.n > 0 &&
           read_hex(rest, 16, &out->number);
}

struct str
parcel_tag(struct arena *arena, struct str app, uint64_t portal)
{
    return arena_printf(arena, "%.*s/%" PRIu64, STR_ARG(app), portal);
}

struct str
parcel_parked_tag(struct arena *arena, struct str app, uint64_t portal)
{
    return arena_printf(arena, PARKING_PREFIX "%.*s/%" PRIu64, STR_ARG(app),
                        portal);
}

struct str
parcel_event_id(struct arena *arena, uint64_t number, size_t index)
{
    return arena_printf(arena, "evt_%016" PRIx64 "_%02zx", number, index);
}

bool
parcel_event_id_parse(struct str id, uint64_t *out_number, size_t *out_index)
{
    struct str prefix = STR("evt_");
    uint64_t index;
    if (!str_starts(id, prefix) || id.n != prefix.n + 16 + 1 + 2 ||
        id.p[prefix.n + 16] != '_' ||
        !read_hex(str_of(id.p + prefix.n, 16), 16, out_number) ||
        !read_hex(str_of(id.p + id.n - 2, 2), 2, &index))
        return false;
    *out_index = (size_t)index;
    return true;
}

/*
 * An entry: 8 bytes time, 1 class, 1 erased, 4 at, 4 length, 1 number of
 * objects, then their hashes.
 */
#define ENTRY_HEAD 19

static void
add_number(uint8_t **at, uint64_t v, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        *(*at)++ = (uint8_t)(v >> 8 * (n - 1 - i));
}

static uint64_t
take_number(const uint8_t **at, unsigned n)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++)
        v = v << 8 | *(*at)++;
    return v;
}

void
parcel_write(struct parcel *p, struct arena *arena,
             const struct parcel_entry *entries, size_t n)
{
    size_t size = 0;
    for (size_t i = 0; i < n; i++)
        size += ENTRY_HEAD + (size_t)entries[i].n_objects * OBJECT_HASH;
    uint8_t *bytes = arena_alloc(arena, size), *at = bytes;
    for (size_t i = 0; i < n; i++) {
        const struct parcel_entry *e = &entries[i];
        size_t n_hashes = (size_t)e->n_objects * OBJECT_HASH;
        add_number(&at, (uint64_t)e->occurred_at_ms, 8);
        add_number(&at, e->class, 1);
        add_number(&at, e->is_erased, 1);
        add_number(&at, e->at, 4);
        add_number(&at, e->n, 4);
        add_number(&at, e->n_objects, 1);
        if (n_hashes > 0)
            memcpy(at, e->objects, n_hashes);
        at += n_hashes;
    }
    p->entries = str_of((const char *)bytes, size);
}

static bool
take_entry(const uint8_t **at, const uint8_t *end, struct parcel_entry *out)
{
    if (end - *at < ENTRY_HEAD)
        return false;
    out->occurred_at_ms = (int64_t)take_number(at, 8);
    out->class = (uint8_t)take_number(at, 1);
    out->is_erased = take_number(at, 1) != 0;
    out->at = (uint32_t)take_number(at, 4);
    out->n = (uint32_t)take_number(at, 4);
    out->n_objects = (uint8_t)take_number(at, 1);
    out->objects = *at;
    if ((size_t)(end - *at) < (size_t)out->n_objects * OBJECT_HASH)
        return false;
    *at += (size_t)out->n_objects * OBJECT_HASH;
    return true;
}

bool
parcel_read(const struct parcel *p, struct arena *arena,
            struct parcel_entry **out, size_t *out_n)
{
    const uint8_t *at = (const uint8_t *)p->entries.p;
    const uint8_t *end = at + p->entries.n;
    size_t n = 0;
    struct parcel_entry *entries =
        arena_alloc(arena, PARCEL_EVENTS_MAX * sizeof(*entries));
    while (at < end) {
        if (n == PARCEL_EVENTS_MAX || !take_entry(&at, end, &entries[n]))
            return false;
        n++;
    }
    *out = entries;
    *out_n = n;
    return true;
}

void
parcel_hash_object(const struct secret *hash_key, uint64_t portal,
                   struct str type, uint64_t id,
                   uint8_t out[static OBJECT_HASH])
{
    uint8_t numbers[16], *at = numbers;
    crypto_generichash_state state;
    struct hidden key = secret_view(hash_key);
    add_number(&at, portal, 8);
    add_number(&at, id, 8);
    /* Never fail: the sizes are right. */
    (void)crypto_generichash_init(&state, (const uint8_t *)key.s.p, key.s.n,
                                  OBJECT_HASH);
    (void)crypto_generichash_update(&state, numbers, sizeof(numbers));
    (void)crypto_generichash_update(&state, (const uint8_t *)type.p, type.n);
    (void)crypto_generichash_final(&state, out, OBJECT_HASH);
}

static struct seal_place
place_of_body(struct str key, const struct parcel *p)
{
    struct parcel_key k = {0};
    (void)parcel_key_parse(key, &k); /* keys are made here alone */
    return (struct seal_place){.app = k.app,
                               .portal = p->portal,
                               .generation = p->generation,
                               .kind = STR("events"),
                               .row = key};
}

#define NOTICE_PURPOSE "notice"

void
parcel_put_body(struct turn *t, struct str key, const struct parcel *p,
                const struct secret *seal_key, struct str body)
{
    struct buf auto_buf sealed = {0};
    struct body row;
    struct seal_place place = place_of_body(key, p);
    if (p->seal == SEALED_BY_MASTER) {
        struct notice_body notice = {body};
        row.sealed =
            seal_record(t, NOTICE_PURPOSE, key, &notice_body_record, &notice);
    } else {
        buf_init(&sealed, PARCEL_BODY_MAX);
        /* Fails only beyond the buffer's limit; a request has a lower one. */
        if (vault_seal(seal_key, &place, HIDDEN(body), &sealed) != ERR_OK)
            abort();
        row.sealed = buf_str(&sealed);
    }
    turn_put(t, STORE_BODIES, key, &body_record, &row, STORE_NEVER,
             p->seal == SEALED_BY_MASTER ? seal_key_id(row.sealed) : STR_NONE);
}

static enum err
open_notice(struct turn *t, struct str key, struct str sealed, struct str *out)
{
    struct notice_body notice;
    enum err e =
        seal_open(t, NOTICE_PURPOSE, key, &notice_body_record, sealed, &notice);
    if (e == ERR_OK)
        *out = notice.text;
    return e;
}

enum err
parcel_open_body(struct turn *t, struct str key, const struct parcel *p,
                 const struct event_keys *keys, struct str *out)
{
    struct buf auto_buf text = {0};
    struct seal_place place = place_of_body(key, p);
    struct body row;
    if (!turn_get(t, STORE_BODIES, key, &body_record, &row))
        return turn_is_waiting(t) ? ERR_AGAIN : ERR_NOT_FOUND;
    if (p->seal == SEALED_BY_MASTER)
        return open_notice(t, key, row.sealed, out);
    const struct secret *seal_key = event_keys_seal(keys, p->key_number);
    if (seal_key == NULL)
        return ERR_CRYPTO;
    buf_init_secret(&text, PARCEL_BODY_MAX);
    enum err e = vault_unseal(seal_key, &place, row.sealed, &text);
    if (e == ERR_OK)
        *out = arena_copy(turn_arena(t), buf_str(&text));
    return e;
}

struct str
queue_live_key(struct arena *arena, struct str app, uint64_t number)
{
    return arena_printf(arena, "live/%.*s/%016" PRIx64, STR_ARG(app), number);
}

struct str
queue_dead_key(struct arena *arena, struct str app, uint64_t number)
{
    return arena_printf(arena, "dead/%.*s/%016" PRIx64, STR_ARG(app), number);
}

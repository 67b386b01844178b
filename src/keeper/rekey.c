#include "keeper/rekey.h"

#include "keeper/attempt.h"
#include "keeper/event_keys.h"
#include "keeper/grant.h"
#include "keeper/keeper.h"
#include "keeper/parcel.h"
#include "keeper/remote.h"

struct swap {
    const struct secret *old, *new;
};

void
rekey_name(struct turn *t, struct str row)
{
    struct str app;
    uint64_t portal;
    struct grant g;
    struct attempt a;
    if (str_starts(row, STR(REMOTE_PREFIX)))
        remote_name(t, row);
    else if (grant_key_parse(row, &app, &portal))
        (void)turn_get(t, STORE_GRANTS, row, &grant_record, &g); /* named */
    else
        (void)turn_get(t, STORE_ATTEMPTS, row, &attempt_record, &a); /* too */
}

static enum err
swap_field(struct turn *t, const struct seal_place *p, uint64_t generation,
           const char *kind, const struct swap *keys, struct str *sealed)
{
    struct hidden text;
    enum err e = grant_unseal(t, keys->old, p->app, p->portal, generation, kind,
                              *sealed, &text);
    if (e == ERR_OK)
        *sealed =
            grant_seal(t, keys->new, p->app, p->portal, generation, kind, text);
    return e;
}

static enum err
rekey_grant(struct turn *t, struct str row, const struct seal_place *p,
            const struct swap *keys)
{
    struct grant g;
    if (!turn_get(t, STORE_GRANTS, row, &grant_record, &g))
        return ERR_NOT_FOUND;
    struct {
        const char *kind;
        struct str *sealed;
        uint64_t generation;
    } fields[] = {{"refresh", &g.sealed_refresh, g.generation},
                  {"access", &g.sealed_access, g.generation},
                  {"spare", &g.sealed_spare, g.generation},
                  {"ref", &g.sealed_ref, g.generation},
                  {"user", &g.sealed_user, g.generation}};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        enum err e = swap_field(t, p, fields[i].generation, fields[i].kind,
                                keys, fields[i].sealed);
        if (e != ERR_OK)
            return e;
    }
    enum err e = event_keys_rekey(t, p, keys->old, keys->new, &g.sealed_events);
    if (e == ERR_OK)
        grant_store(t, p->app, p->portal, &g, turn_due(t, STORE_GRANTS, row));
    return e;
}

static enum err
rekey_what_it_seals(struct turn *t, struct str row, const struct seal_place *p,
                    const struct swap *keys)
{
    if (str_starts(row, STR(REMOTE_PREFIX)))
        return remote_rekey(t, row, keys->old, keys->new);
    if (p->portal != 0)
        return rekey_grant(t, row, p, keys);
    return attempt_rekey(t, row, keys->old, keys->new);
}

enum err
rekey_row(struct turn *t, struct str row, const struct seal_place *place,
          const struct secret *old)
{
    struct vault *v = turn_keeper(t)->vault;
    struct secret *auto_secret new = NULL;
    struct buf auto_buf wrap = {0};
    buf_init(&wrap, 256);
    enum err e = vault_new_data_key(v, place, &new, &wrap);
    if (e == ERR_OK)
        e = rekey_what_it_seals(t, row, place, &(struct swap){old, new});
    if (e == ERR_OK)
        turn_put(t, STORE_DATA_KEYS, row, &data_key_record,
                 &(struct data_key){buf_str(&wrap)}, STORE_NEVER,
                 vault_current(v));
    return e;
}

void
rekey_ref(struct turn *t, struct str row)
{
    struct secret *auto_secret key = NULL;
    struct str app;
    uint64_t portal;
    struct grant g;
    struct hidden ref;
    if (!grant_key_parse(row, &app, &portal) ||
        !turn_get(t, STORE_GRANTS, row, &grant_record, &g) ||
        turn_tag(t, STORE_GRANTS, row).n == 0 ||
        grant_open_key(t, app, portal, &key) != ERR_OK ||
        grant_unseal(t, key, app, portal, g.generation, "ref", g.sealed_ref,
                     &ref) != ERR_OK)
        return;
    struct str new_tag = grant_ref_tag(t, app, ref.s);
    if (!str_equal(turn_tag(t, STORE_GRANTS, row), new_tag))
        grant_store_ref(t, app, portal, &g, turn_due(t, STORE_GRANTS, row),
                        new_tag);
}

bool
rekey_is_parking(struct str row)
{
    return str_starts(row, STR(PARKING_PREFIX));
}

void
rekey_name_parcel(struct turn *t, struct str row)
{
    struct parcel_key k;
    struct parcel p;
    struct grant g;
    struct data_key key;
    struct event_keys none = {0};
    struct str body;
    if (!turn_get(t, STORE_EVENTS, row, &parcel_record, &p) ||
        p.seal != SEALED_BY_GRANT || !parcel_key_parse(row, &k))
        return;
    (void)grant_load(t, k.app, p.portal, &g, &key); /* named here */
    enum err named = parcel_open_body(t, row, &p, &none, &body);
    (void)named;
}

/* Hashes are keyed, too: they are made anew from the events. */
static void
hash_again(struct turn *t, const struct parcel *p, struct str body,
           const struct secret *hash_key, struct parcel_entry *e)
{
    struct events read;
    bool is_inside = e->at <= body.n && e->n <= body.n - e->at;
    if (!is_inside || e->n == 0 ||
        events_read(str_of(body.p + e->at, e->n), 1, turn_arena(t), &read) !=
            ERR_OK ||
        read.n != 1)
        return;
    const struct event_facts *f = &read.v[0].facts;
    uint8_t *hashes = arena_alloc(turn_arena(t), f->n_objects * OBJECT_HASH);
    for (size_t i = 0; i < f->n_objects; i++)
        parcel_hash_object(hash_key, p->portal, f->objects[i].type,
                           f->objects[i].id, hashes + i * OBJECT_HASH);
    e->objects = hashes;
    e->n_objects = (uint8_t)f->n_objects;
}

static enum err
reseal_parcel(struct turn *t, struct str row, struct parcel *p,
              const struct event_keys *keys)
{
    struct parcel_entry *entries;
    struct str body;
    size_t n;
    enum err e = parcel_open_body(t, row, p, keys, &body);
    if (e != ERR_OK)
        return e;
    if (!parcel_read(p, turn_arena(t), &entries, &n))
        return ERR_CRYPTO;
    for (size_t i = 0; i < n; i++)
        hash_again(t, p, body, keys->hash[keys->n - 1], &entries[i]);
    p->key_number = keys->first + keys->n - 1;
    parcel_write(p, turn_arena(t), entries, n);
    struct str tag = turn_tag(t, STORE_EVENTS, row);
    turn_put(t, STORE_EVENTS, row, &parcel_record, p, STORE_NEVER, tag);
    parcel_put_body(t, row, p, keys->seal[keys->n - 1], body);
    return ERR_OK;
}

enum err
rekey_parcel(struct turn *t, struct str row)
{
    struct parcel_key k;
    struct parcel p;
    struct grant g;
    struct data_key key;
    struct event_keys keys;
    if (!turn_get(t, STORE_EVENTS, row, &parcel_record, &p) ||
        p.seal != SEALED_BY_GRANT || !parcel_key_parse(row, &k) ||
        !grant_load(t, k.app, p.portal, &g, &key) || g.erase_since_ms != 0)
        return ERR_NOT_FOUND;
    enum err e = event_keys_open(t, k.app, p.portal, &g, &keys);
    if (e != ERR_OK)
        return e;
    if (keys.n == 0 || p.key_number == keys.first + keys.n - 1)
        return ERR_NOT_FOUND;
    return reseal_parcel(t, row, &p, &keys);
}

void
rekey_name_grant(struct turn *t, struct str row)
{
    struct str app;
    uint64_t portal;
    struct grant g;
    struct data_key key;
    if (grant_key_parse(row, &app, &portal))
        (void)grant_load(t, app, portal, &g, &key); /* named here */
}

/* What is still to stay forgotten is known by the old keys' hashes. */
enum err
rekey_end_grant(struct turn *t, struct str row)
{
    struct str app;
    uint64_t portal;
    struct grant g;
    struct data_key key;
    if (!grant_key_parse(row, &app, &portal) ||
        !grant_load(t, app, portal, &g, &key) || g.sealed_events.n == 0 ||
        g.privacy_until_ms > turn_now_ms(t))
        return ERR_NOT_FOUND;
    enum err e = event_keys_drop_old(t, app, portal, &g);
    if (e == ERR_OK)
        grant_store(t, app, portal, &g, turn_due(t, STORE_GRANTS, row));
    return e;
}

#include "keeper/rekey.h"

#include "keeper/attempt.h"
#include "keeper/event_keys.h"
#include "keeper/grant.h"
#include "keeper/keeper.h"
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
                  {"user", &g.sealed_user, g.generation},
                  {EVENT_KEYS_KIND, &g.sealed_events, 0}};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        enum err e = swap_field(t, p, fields[i].generation, fields[i].kind,
                                keys, fields[i].sealed);
        if (e != ERR_OK)
            return e;
    }
    grant_store(t, p->app, p->portal, &g, turn_due(t, STORE_GRANTS, row));
    return ERR_OK;
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

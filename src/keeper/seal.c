#include "keeper/seal.h"

#include "base/text.h"
#include "keeper/keeper.h"

#include <sodium.h>
#include <stdlib.h>

static struct seal_place
place_of(const char *purpose, struct str row)
{
    return (struct seal_place){.kind = str_from(purpose), .row = row};
}

struct str
seal_record(struct turn *t, const char *purpose, struct str row,
            const struct record *record, const void *from)
{
    struct vault *v = turn_keeper(t)->vault;
    struct secret *auto_secret key = NULL;
    struct buf auto_buf plain = {0}, sealed = {0};
    struct seal_place place = place_of(purpose, row);
    buf_init_secret(&plain, LIMIT_API_BODY);
    buf_init(&sealed, 2 * LIMIT_API_BODY);
    record_encode(record, from, &plain);
    buf_add_char(&sealed, (char)vault_current(v).n);
    buf_add(&sealed, vault_current(v));
    /* The current key is always there; each text has its own limit. */
    if (buf_err(&plain) != ERR_OK ||
        vault_derive(v, vault_current(v), str_from(purpose), &key) != ERR_OK ||
        vault_seal(key, &place, HIDDEN(buf_str(&plain)), &sealed) != ERR_OK)
        abort();
    return arena_copy(turn_arena(t), buf_str(&sealed));
}

struct str
seal_key_id(struct str sealed)
{
    size_t n = sealed.n > 0 ? (uint8_t)sealed.p[0] : 0;
    return sealed.n > n ? str_of(sealed.p + 1, n) : STR_NONE;
}

enum err
seal_open(struct turn *t, const char *purpose, struct str row,
          const struct record *record, struct str sealed, void *out)
{
    struct vault *v = turn_keeper(t)->vault;
    struct secret *auto_secret key = NULL;
    struct buf auto_buf plain = {0};
    struct str id = seal_key_id(sealed);
    struct seal_place place = place_of(purpose, row);
    if (id.n == 0 || vault_derive(v, id, str_from(purpose), &key) != ERR_OK)
        return ERR_CRYPTO;
    buf_init_secret(&plain, LIMIT_API_BODY);
    struct str box = str_of(sealed.p + 1 + id.n, sealed.n - 1 - id.n);
    enum err e = vault_unseal(key, &place, box, &plain);
    if (e != ERR_OK)
        return ERR_CRYPTO;
    struct str kept = arena_copy(turn_arena(t), buf_str(&plain));
    return record_decode_old(record, kept, turn_arena(t), out);
}

enum err
seal_derive(struct turn *t, struct str key_id, const char *purpose,
            struct str text, uint8_t out[static 32])
{
    struct secret *auto_secret key = NULL;
    enum err e =
        vault_derive(turn_keeper(t)->vault, key_id, str_from(purpose), &key);
    if (e != ERR_OK)
        return e;
    (void)crypto_generichash(out, 32, (const uint8_t *)text.p, text.n,
                             secret_bytes(key),
                             secret_len(key)); /* sizes are right */
    return ERR_OK;
}

struct str
seal_hash(struct turn *t, struct str text)
{
    uint8_t hash[32];
    struct buf auto_buf hex = {0};
    (void)crypto_generichash(hash, sizeof(hash), (const uint8_t *)text.p,
                             text.n, NULL, 0); /* sizes are right */
    buf_init(&hex, 2 * sizeof(hash));
    text_add_hex(&hex, str_of((const char *)hash, sizeof(hash)));
    return arena_copy(turn_arena(t), buf_str(&hex));
}

struct str
seal_random(struct turn *t, size_t n)
{
    struct env *env = turn_keeper(t)->env;
    uint8_t *bytes = arena_alloc(turn_arena(t), n);
    struct buf auto_buf text = {0};
    env->random(env, bytes, n);
    buf_init_secret(&text, 2 * n + 8);
    text_add_base64url(&text, str_of((const char *)bytes, n));
    return arena_copy(turn_arena(t), buf_str(&text));
}

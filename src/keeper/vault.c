#include "keeper/vault_int.h"

#include "base/record.h"

#include <assert.h>
#include <sodium.h>

#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES
#define WRAP_BYTES (NONCE_BYTES + DATA_KEY_BYTES + TAG_BYTES)

/* Where a text may be opened: five short names. */
#define PLACE_MAX 4096
#define PURPOSE_MAX 64

_Static_assert(DATA_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
               "data keys are keys of the cipher");
_Static_assert(MASTER_KEY_BYTES == crypto_generichash_KEYBYTES,
               "master keys are keys of the hash");

static const struct field seal_place_fields[] = {
    FIELD(struct seal_place, app),        FIELD(struct seal_place, portal),
    FIELD(struct seal_place, generation), FIELD(struct seal_place, kind),
    FIELD(struct seal_place, row),
};
static const struct record seal_place_record = RECORD(seal_place);

struct str
vault_current(const struct vault *v)
{
    return master_key_id(&v->keys[v->n_keys - 1]);
}

size_t
vault_n_keys(const struct vault *v)
{
    return v->n_keys;
}

struct str
vault_key_id(const struct vault *v, size_t i)
{
    assert(i < v->n_keys);
    return master_key_id(&v->keys[i]);
}

static const struct master_key *
find(const struct vault *v, struct str id)
{
    for (size_t i = 0; i < v->n_keys; i++)
        if (str_equal(master_key_id(&v->keys[i]), id))
            return &v->keys[i];
    return NULL;
}

bool
vault_has_key(const struct vault *v, struct str id)
{
    return find(v, id) != NULL;
}

/*
 * A master key is never a cipher's key itself.  What it wraps with and what
 * is derived from it come from BLAKE2b keyed with it, over texts that no
 * purpose can make equal.
 */
static void
expand(const struct master_key *master, const char *label, struct str purpose,
       uint8_t out[static DATA_KEY_BYTES])
{
    crypto_generichash_state state;
    struct str parts[] = {str_from(label), purpose};
    int rc = crypto_generichash_init(&state, secret_bytes(master->key),
                                     MASTER_KEY_BYTES, DATA_KEY_BYTES);
    assert(rc == 0);
    for (size_t i = 0; i < 2; i++)
        (void)crypto_generichash_update(&state, (const uint8_t *)parts[i].p,
                                        parts[i].n); /* always 0 */
    rc = crypto_generichash_final(&state, out, DATA_KEY_BYTES);
    assert(rc == 0);
    (void)rc;
    sodium_memzero(&state, sizeof(state));
}

static void
wrapping_key(const struct master_key *master, uint8_t out[static 32])
{
    expand(master, "portkeep wrap", STR_NONE, out);
}

static enum err
seal(const uint8_t *key, const struct seal_place *place, struct str text,
     struct buf *out)
{
    char *p;
    struct buf auto_buf ad;
    buf_init(&ad, PLACE_MAX);
    record_encode(&seal_place_record, place, &ad);
    if (buf_err(&ad) != ERR_OK || text.n > SIZE_MAX - NONCE_BYTES - TAG_BYTES)
        return ERR_LIMIT;
    size_t n = NONCE_BYTES + text.n + TAG_BYTES;
    if (buf_reserve(out, n, &p) != ERR_OK)
        return ERR_LIMIT;
    uint8_t *nonce = (uint8_t *)p;
    randombytes_buf(nonce, NONCE_BYTES);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(
        nonce + NONCE_BYTES, NULL, (const uint8_t *)text.p, text.n,
        (const uint8_t *)ad.p, ad.n, NULL, nonce, key); /* always 0 */
    buf_commit(out, n);
    return ERR_OK;
}

static enum err
unseal(const uint8_t *key, const struct seal_place *place, struct str sealed,
       uint8_t *out)
{
    struct buf auto_buf ad;
    buf_init(&ad, PLACE_MAX);
    record_encode(&seal_place_record, place, &ad);
    if (buf_err(&ad) != ERR_OK || sealed.n < NONCE_BYTES + TAG_BYTES)
        return ERR_CRYPTO;
    const uint8_t *nonce = (const uint8_t *)sealed.p;
    int rc = crypto_aead_xchacha20poly1305_ietf_decrypt(
        out, NULL, NULL, nonce + NONCE_BYTES, sealed.n - NONCE_BYTES,
        (const uint8_t *)ad.p, ad.n, nonce, key);
    return rc == 0 ? ERR_OK : ERR_CRYPTO;
}

enum err
vault_wrap(struct vault *v, const struct secret *data_key,
           const struct seal_place *place, struct buf *out_wrap)
{
    uint8_t key[DATA_KEY_BYTES];
    auto_wipe(key);
    assert(secret_len(data_key) == DATA_KEY_BYTES);
    wrapping_key(&v->keys[v->n_keys - 1], key);
    return seal(key, place, secret_view(data_key).s, out_wrap);
}

enum err
vault_new_data_key(struct vault *v, const struct seal_place *place,
                   struct secret **out_key, struct buf *out_wrap)
{
    struct secret *key = secret_new_empty(DATA_KEY_BYTES);
    if (key == NULL)
        return ERR_LIMIT;
    randombytes_buf(secret_bytes(key), DATA_KEY_BYTES);
    enum err e = vault_wrap(v, key, place, out_wrap);
    if (e != ERR_OK) {
        secret_free(key);
        return e;
    }
    *out_key = key;
    return ERR_OK;
}

enum err
vault_unwrap(struct vault *v, struct str key_id, struct str wrap,
             const struct seal_place *place, struct secret **out_key)
{
    uint8_t key[DATA_KEY_BYTES];
    auto_wipe(key);
    const struct master_key *master = find(v, key_id);
    if (master == NULL)
        return ERR_NOT_FOUND;
    if (wrap.n != WRAP_BYTES)
        return ERR_CRYPTO;
    struct secret *data_key = secret_new_empty(DATA_KEY_BYTES);
    if (data_key == NULL)
        return ERR_LIMIT;
    wrapping_key(master, key);
    enum err e = unseal(key, place, wrap, secret_bytes(data_key));
    if (e != ERR_OK) {
        secret_free(data_key);
        return e;
    }
    *out_key = data_key;
    return ERR_OK;
}

enum err
vault_seal(const struct secret *key, const struct seal_place *place,
           struct hidden text, struct buf *out)
{
    struct hidden k = secret_view(key);
    assert(k.s.n == DATA_KEY_BYTES);
    return seal((const uint8_t *)k.s.p, place, text.s, out);
}

enum err
vault_unseal(const struct secret *key, const struct seal_place *place,
             struct str sealed, struct buf *out)
{
    char *p;
    struct hidden k = secret_view(key);
    assert(k.s.n == DATA_KEY_BYTES);
    if (sealed.n < NONCE_BYTES + TAG_BYTES)
        return ERR_CRYPTO;
    size_t n = sealed.n - NONCE_BYTES - TAG_BYTES;
    if (buf_reserve(out, n, &p) != ERR_OK)
        return ERR_LIMIT;
    enum err e = unseal((const uint8_t *)k.s.p, place, sealed, (uint8_t *)p);
    if (e == ERR_OK)
        buf_commit(out, n);
    return e;
}

enum err
vault_derive(const struct vault *v, struct str key_id, struct str purpose,
             struct secret **out_key)
{
    const struct master_key *master = find(v, key_id);
    assert(purpose.n > 0 && purpose.n <= PURPOSE_MAX);
    if (master == NULL)
        return ERR_NOT_FOUND;
    struct secret *key = secret_new_empty(DATA_KEY_BYTES);
    if (key == NULL)
        return ERR_LIMIT;
    expand(master, "portkeep derive ", purpose, secret_bytes(key));
    *out_key = key;
    return ERR_OK;
}

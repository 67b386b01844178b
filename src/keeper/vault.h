#ifndef KEEPER_VAULT_H
#define KEEPER_VAULT_H

#include "base/buf.h"
#include "base/secret.h"

/*
 * Envelope encryption.  Master keys wrap one random data key a grant; data
 * keys seal what the grant holds.  XChaCha20-Poly1305 throughout; a sealed
 * text opens only with the place that it was sealed for, so that one moved
 * to another row, grant or generation does not open.
 *
 *     struct seal_place place = {.app = app, .portal = 7, .kind =
 * STR("refresh")}; e = vault_seal(data_key, &place, token, &out);
 *
 * Master keys never leave this file; nothing here writes to disk.
 */
struct vault;

struct seal_place {
    struct str app;
    uint64_t portal;
    uint64_t generation;
    struct str kind; /* "refresh", "access", "wrap", "ref", ... */
    struct str row;  /* the row's key where app and portal do not name it */
};

#define MASTER_KEY_BYTES 32
#define DATA_KEY_BYTES 32

/*
 * The master key file: a line a key, `id base64`, newest last; empty lines
 * and lines that start with # do not count.  Read from fd, which stays open.
 * problem says what is wrong and what to do: not a regular file, readable by
 * group or others, not the user's own or root's, no key, a line that does
 * not parse, two keys with one id.
 */
enum err vault_open(int fd, struct vault **out,
                    struct buf *problem) WARN_UNUSED;
void vault_free(struct vault *v);

/* A new line for that file, written to fd at its end, fsynced.  The id is
 * the day and four random letters: 20261124-kfqz. */
enum err vault_add_master_key(int fd, struct buf *out_id) WARN_UNUSED;

/* The key that wraps: the newest. */
struct str vault_current(const struct vault *v);
size_t vault_n_keys(const struct vault *v);
struct str vault_key_id(const struct vault *v, size_t i);
bool vault_has_key(const struct vault *v, struct str id);

/* A random data key, and its wrap by the current key.  ERR_LIMIT when the
 * slab is full. */
enum err vault_new_data_key(struct vault *v, const struct seal_place *place,
                            struct secret **out_key,
                            struct buf *out_wrap) WARN_UNUSED;
enum err vault_wrap(struct vault *v, const struct secret *data_key,
                    const struct seal_place *place,
                    struct buf *out_wrap) WARN_UNUSED;
/* ERR_NOT_FOUND: no such master key; ERR_CRYPTO: it does not open. */
enum err vault_unwrap(struct vault *v, struct str key_id, struct str wrap,
                      const struct seal_place *place,
                      struct secret **out_key) WARN_UNUSED;

/* key: any secret of DATA_KEY_BYTES.  Appends nonce and ciphertext. */
enum err vault_seal(const struct secret *key, const struct seal_place *place,
                    struct hidden text, struct buf *out) WARN_UNUSED;
/* Appends the text; out must be a secret buffer where the text is one. */
enum err vault_unseal(const struct secret *key, const struct seal_place *place,
                      struct str sealed, struct buf *out) WARN_UNUSED;

/*
 * Keys for what belongs to no grant, derived from a master key and a
 * purpose ("state", "pkce", "spill", "attempt"): the same on every node.
 * key_id: ERR_NOT_FOUND if it is not there.
 */
enum err vault_derive(const struct vault *v, struct str key_id,
                      struct str purpose, struct secret **out_key) WARN_UNUSED;

#endif

#ifndef KEEPER_SEAL_H
#define KEEPER_SEAL_H

#include "keeper/turn.h"
#include "keeper/vault.h"

/*
 * Records sealed under a key that is derived from a master key: what belongs
 * to no grant yet (states, sessions, attempts).  The master key's id stands
 * in front, so that they open after a rotation as long as that key is there.
 *
 *     sealed = seal_record(t, "session", row, &session_record, &session);
 */

/* In the turn's arena. */
struct str seal_record(struct turn *t, const char *purpose, struct str row,
                       const struct record *record, const void *from);
/* ERR_CRYPTO: changed, of another purpose or row, or its key is retired. */
enum err seal_open(struct turn *t, const char *purpose, struct str row,
                   const struct record *record, struct str sealed,
                   void *out) WARN_UNUSED;
/* 32 bytes that follow from a master key, a purpose and a text: the PKCE
 * verifier of an attempt needs to be stored nowhere. */
enum err seal_derive(struct turn *t, struct str key_id, const char *purpose,
                     struct str text, uint8_t out[static 32]) WARN_UNUSED;
/* Which master key a sealed text names. */
struct str seal_key_id(struct str sealed);

/* BLAKE2b-256 as lower-case hex, in the turn's arena: the key of a row that
 * is found by a secret. */
struct str seal_hash(struct turn *t, struct str text);
/* n random bytes as base64url, in the turn's arena. */
struct str seal_random(struct turn *t, size_t n);

#endif

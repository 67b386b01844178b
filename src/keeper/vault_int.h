#ifndef KEEPER_VAULT_INT_H
#define KEEPER_VAULT_INT_H

#include "keeper/vault.h"

/*
 * The ring of master keys, which vault.c uses and vault_file.c fills.
 */
#define VAULT_KEYS 64   /* lines of one file; each retired key leaves it */
#define VAULT_ID_MAX 64 /* bytes of a key's id */

struct master_key {
    char id[VAULT_ID_MAX];
    size_t id_len;
    struct secret *key; /* MASTER_KEY_BYTES */
};

struct vault {
    struct master_key keys[VAULT_KEYS];
    size_t n_keys; /* the last one wraps */
};

static inline struct str
master_key_id(const struct master_key *k)
{
    return str_of(k->id, k->id_len);
}

#endif

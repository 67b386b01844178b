#ifndef KEEPER_APIKEYS_H
#define KEEPER_APIKEYS_H

#include "base/secret.h"
#include "keeper/turn.h"
#include "proto/relay.h"

/*
 * The API keys of backends: named, limited, stored as a hash of themselves.
 *
 *     e = apikey_authorize(t, &wish, &key, &detail);   -- names its row first
 */
struct api_key {
    uint64_t number;
    struct str name;
    struct strs apps;      /* empty: all */
    struct strs portals;   /* decimal; empty: all */
    uint32_t verbs;        /* enum key_verb */
    struct strs addresses; /* CIDR; empty: any */
    int64_t ends_at;       /* unix s; 0: never */
    int64_t created_at;
    int64_t last_used_at; /* to the minute */
};
extern const struct record api_key_record;

struct key_wish {
    struct hidden credential;
    struct str app;
    uint64_t portal; /* 0: no particular one */
    uint32_t verb;   /* one of enum key_verb */
    struct str address;
};

/*
 * ERR_AGAIN while waiting; ERR_UNAUTHORIZED: unknown, revoked, ended;
 * ERR_FORBIDDEN: not among its rights.  detail says which, without help for
 * guessing.  Notes the use, at most once a minute.
 */
enum err apikey_authorize(struct turn *t, const struct key_wish *wish,
                          struct api_key *out,
                          struct str *out_detail) WARN_UNUSED;
/* The same without noting the use, for a handler that still has rows to name
 * and decides later. */
enum err apikey_check(struct turn *t, const struct key_wish *wish,
                      struct api_key *out, struct str *out_detail) WARN_UNUSED;
struct str apikey_actor(struct turn *t, const struct api_key *key);

/* Is the address within one of the CIDR ranges (IPv4 and IPv6)? */
bool apikey_address_is_in(struct str address, struct str cidr);

/* Handlers of the command line. */
enum err do_key_create(struct turn *t, const void *ask);
enum err do_keys_list(struct turn *t, const void *ask);
enum err do_key_revoke(struct turn *t, const void *ask);
/* The relay's report of uses. */
enum err do_used(struct turn *t, const void *ask);

#endif

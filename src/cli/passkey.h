#ifndef CLI_PASSKEY_H
#define CLI_PASSKEY_H

#include "cli/admin.h"

/*
 * An API key for one run of the command line, so that the operator goes the
 * way of every backend: made at its beginning, with an end of its own, and
 * revoked at the end of the run.
 *
 *     status = passkey_make(&key, admin, &ask);
 *     ... buf_str(&key.authorization) ...
 *     passkey_done(&key);
 */
struct passkey {
    struct admin *admin;      /* NULL: there is no key to revoke */
    struct buf authorization; /* "Bearer pkeep_..."; wipes itself */
    uint64_t number;
};

void passkey_init(struct passkey *k);
int passkey_make(struct passkey *k, struct admin *a,
                 const struct admin_key_create *ask);
/* Revokes it, if it was made. */
void passkey_done(struct passkey *k);

#endif

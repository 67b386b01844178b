#ifndef EMULATOR_INSTALLS_H
#define EMULATOR_INSTALLS_H

#include "emulator/accounts.h"
#include "emulator/map.h"

struct world;

/*
 * Installs that began on the Marketplace and wait for the partner to sign
 * its user in: step=authorize went out, step=finalize is still to come
 * (hubspot.md 1.3).
 */
struct install {
    struct str id;
    struct str client_id;
    struct str redirect_uri;
    struct account *account;
    struct strs scopes;
    struct install *next; /* newer */
};

struct installs {
    struct map by_id;
    struct install *oldest, *newest;
};

void installs_done(struct installs *all);
/* model gives all but the id; copied.  The oldest of 1,000 makes room. */
struct install *installs_begin(struct world *w, const struct install *model);
struct install *installs_find(const struct installs *all, struct str id);

#endif

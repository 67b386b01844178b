#ifndef KEEPER_LEASE_H
#define KEEPER_LEASE_H

#include "keeper/turn.h"

/*
 * Tokens for relays: who may have which, refreshed first when less than the
 * floor is left, written into the audit log by the commit that gives it.
 */
enum err do_lease(struct turn *t, const void *ask);

#endif

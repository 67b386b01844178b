#ifndef KEEPER_VERIFY_H
#define KEEPER_VERIFY_H

#include "keeper/turn.h"

/*
 * RELAY_VERIFY: whether HubSpot sent what a backend got itself.  The answer
 * is a verdict with a reason, and never the secret that it is reached by.
 */
enum err do_verify(struct turn *t, const void *ask);

#endif

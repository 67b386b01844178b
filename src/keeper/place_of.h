#ifndef KEEPER_PLACE_OF_H
#define KEEPER_PLACE_OF_H

#include "keeper/turn.h"
#include "keeper/vault.h"

/*
 * For which place a stored data key was wrapped, told by its row's key: a
 * grant's, an install attempt's, or a pending end's.  False: the row that it
 * belongs to is gone, or turn_is_waiting.
 */
bool place_of_wrap(struct turn *t, struct str row, struct seal_place *out);

#endif

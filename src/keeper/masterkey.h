#ifndef KEEPER_MASTERKEY_H
#define KEEPER_MASTERKEY_H

#include "keeper/turn.h"

/*
 * Master key rotation, online.  The file gets a line by its owner; a reload
 * hands the keeper the new ring; then wraps are renewed page by page, opened
 * page by page, and the old key is retired.
 */
enum err do_masterkey_list(struct turn *t, const void *ask);
enum err do_masterkey_rewrap(struct turn *t, const void *ask);
enum err do_masterkey_verify(struct turn *t, const void *ask);
enum err do_masterkey_retire(struct turn *t, const void *ask);

#endif

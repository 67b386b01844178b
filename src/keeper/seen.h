#ifndef KEEPER_SEEN_H
#define KEEPER_SEEN_H

#include "keeper/turn.h"

/*
 * Which events were here already (STORE_SEEN).  A row holds the keys of a
 * portal's events of ten seconds, 256 at most, and further rows follow it:
 * a batch costs a row or two, and since keys begin with the time, new rows
 * lie together.  Rows older than 48 h go; HubSpot repeats for 24.
 */

/* The rows of one event are named; false while they are missing. */
bool seen_load(struct turn *t, struct str app, uint64_t portal,
               const uint8_t *dedupe_key);
/* Was it here?  Remembered from now on, if not.  After seen_load. */
bool seen_note(struct turn *t, struct str app, uint64_t portal,
               const uint8_t *dedupe_key);
/* A page of what is too old goes.  ERR_AGAIN. */
enum err seen_forget_old(struct turn *t, bool *out_is_more) WARN_UNUSED;

#endif

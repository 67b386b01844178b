#ifndef KEEPER_GAPS_H
#define KEEPER_GAPS_H

#include "keeper/parcel.h"

/*
 * Objects of which an event was given up and nothing was delivered since: the
 * next one goes with `Portkeep-Gap: ID`.  One row an app in STORE_META; of
 * the oldest gaps, beyond GAPS_MAX, nobody is told.
 */
#define GAPS_MAX 256

struct gaps {
    struct str list; /* packed: hash of the object, number, index */
};

/* False while the row is missing; none are in it where there is no row. */
bool gaps_load(struct turn *t, struct str app, struct gaps *out);
/* The id of the event that is missing; empty: none is. */
struct str gaps_find(const struct gaps *g, struct arena *arena,
                     const uint8_t *object);
bool gaps_has(const struct gaps *g, const uint8_t *object);
/* Changed in the turn, if there is something to change. */
void gaps_add(struct turn *t, struct str app, struct gaps *g,
              const uint8_t *object, uint64_t number, uint8_t index);
void gaps_remove(struct turn *t, struct str app, struct gaps *g,
                 const uint8_t *object);

#endif

#ifndef KEEPER_PARKING_H
#define KEEPER_PARKING_H

#include "keeper/turn.h"

/*
 * Events of portals that are not connected (yet): HubSpot may send before
 * the install has come through.  They wait for 72 hours, sealed under a key
 * of the day they came; see inbox.h for how they get there.
 */
#define PARKED_MS (72 * 3600 * INT64_C(1000))

/* At birth. */
enum err do_parking_resume(struct turn *t, const void *ask);
/* Every minute: what has waited too long goes, and days' keys; and what
 * seen.h no longer needs. */
enum err do_parking_end(struct turn *t, const void *ask);

#endif

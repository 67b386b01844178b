#ifndef KEEPER_RETENTION_H
#define KEEPER_RETENTION_H

#include "keeper/event_log.h"
#include "keeper/parcel.h"

/*
 * How long events stay: those older than `events_keep` go unless they are
 * still to be delivered, and so do the oldest delivered ones while an app's
 * log is larger than `events_max`.  Every minute, by pages, and the space
 * goes back to the file system.  What is parked has an end of its own.
 */
void retention_tick(struct keeper *k); /* every minute */

/*
 * Any parcel with all of its rows: naming them, false while they are missing
 * or where there is none; then letting it go, out of the counts too.
 */
bool retention_name(struct turn *t, struct str app, uint64_t number,
                    struct parcel *out);
void retention_drop(struct turn *t, struct str app, uint64_t number,
                    const struct parcel *p, struct event_log *log);

#endif

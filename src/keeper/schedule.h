#ifndef KEEPER_SCHEDULE_H
#define KEEPER_SCHEDULE_H

#include "keeper/turn.h"

/*
 * What is due: refreshes ahead of time, retries, probes, pending ends, and
 * rows whose time is over.  Nothing is looked for before the soonest row.
 */
void schedule_start(struct keeper *k);
void schedule_stop(struct keeper *k);
/* What each tick does. */
void schedule_tick(struct keeper *k);
/* One look; handlers for what is due are queued. */
enum err do_sweep(struct turn *t, const void *ask);

#endif

#ifndef KEEPER_REPLAY_H
#define KEEPER_REPLAY_H

#include "keeper/turn.h"

/*
 * Events once more: back into the queue, with their ids, marked as replays
 * (Portkeep-Replay).  What is pending anyway stays as it is, what was erased
 * or is parked is left out.  Whoever replays says that the target is there:
 * a 410 is forgotten.
 */
enum err do_event_replay(struct turn *t, const void *ask);
/* One page of a bulk replay; the caller goes on from `next`. */
enum err do_events_replay(struct turn *t, const void *ask);

#endif

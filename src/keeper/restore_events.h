#ifndef KEEPER_RESTORE_EVENTS_H
#define KEEPER_RESTORE_EVENTS_H

#include "keeper/erasures.h"
#include "keeper/store.h"

/*
 * The events of a restored backup, before anything is served: those of
 * portals that were erased since go, those that name a contact that was to be
 * forgotten since are marked, so that nobody gets them, and the keeper, which
 * alone can open them, is told to take their bytes out.  No keys are needed.
 *
 * turn: a number for each commit, counted up.
 */
enum err restore_erase_events(struct store *s, struct str app, uint64_t portal,
                              uint64_t *turn) WARN_UNUSED;
/* *out_is_any: there were some. */
enum err restore_forget_contact(struct store *s,
                                const struct erasures_deletion *d,
                                int64_t deleted_at, uint64_t *turn,
                                bool *out_is_any) WARN_UNUSED;
/* Counts what is there: less than in the service that made the backup. */
enum err restore_count_events(struct store *s, uint64_t *turn) WARN_UNUSED;

#endif

#ifndef KEEPER_PRIVACY_H
#define KEEPER_PRIVACY_H

#include "hubspot/events.h"
#include "keeper/erasures.h"
#include "keeper/grant.h"

/*
 * A person asked HubSpot to be forgotten: what we keep about that contact
 * goes, too (hubspot.md 5.3).  Events that name it are erased one by one,
 * the WAL is truncated, the app's backend is told, and for four days the
 * contact's keyed hash stays (STORE_PRIVACY), so that late events of it are
 * not taken.
 */

#define PRIVACY_OPEN "open:" /* no app's name has a colon */

/* HubSpot said so: kept with this turn's commit, done page by page. */
void privacy_note(struct turn *t, struct str app, uint64_t portal,
                  const struct event_object *object, int64_t occurred_at_ms);

/* Does the event name what was deleted?  The rows that tell are named by
 * privacy_name; only while g->privacy_until_ms has not passed. */
void privacy_name(struct turn *t, struct str app, uint64_t portal,
                  const struct grant *g, const struct event *event);
/* Is that row's deletion done, but for its line in the erasure list? */
bool privacy_is_done(struct turn *t, struct str row);
/* The row with which a restored backup begins to forget, too. */
struct store_row privacy_restored(struct arena *arena,
                                  const struct erasures_deletion *e,
                                  struct str name, struct buf *body);
/* For the sweep: a row of STORE_PRIVACY is due. */
void privacy_end(struct turn *t, struct str row);
bool privacy_has_deleted(struct turn *t, struct str app, uint64_t portal,
                         const struct grant *g, const struct event *event);

#endif

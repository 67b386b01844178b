#ifndef KEEPER_UNINSTALL_H
#define KEEPER_UNINSTALL_H

#include "keeper/apps.h"
#include "keeper/grant.h"

/*
 * HubSpot's word that the app was uninstalled, from the journal or a signed
 * push.  Words can be late, and a portal may have connected again: one older
 * than connected_at by more than 60 s changes nothing; any other is confirmed
 * by introspecting the stored refresh token.  Inactive: the grant ends, with
 * its receipt; active: the word was old; not to be had for an hour: the
 * word's own time decides.
 *
 *   active --word--> word noted, due --confirmed--> (grace) --> erased
 *                                \--active, too old--> as before
 */

/* Notes it in the grant's row, which this turn stores. */
void uninstall_note(struct turn *t, struct str app, uint64_t portal,
                    struct grant *g, int64_t occurred_at_ms, uint32_t source);
/* It is not so, or no longer; the caller stores g. */
void uninstall_forget(struct grant *g);
/* For the schedule: a grant with a word is due. */
void uninstall_tend(struct turn *t, struct app *app, uint64_t portal,
                    struct grant *g);

#endif

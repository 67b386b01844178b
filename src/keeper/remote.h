#ifndef KEEPER_REMOTE_H
#define KEEPER_REMOTE_H

#include "keeper/ending.h"
#include "keeper/errands.h"

/*
 * Ends that HubSpot has not confirmed: of an erased grant only the refresh
 * token is left, sealed under a data key of its own, used to uninstall and
 * revoke and for nothing else, for 72 hours at most.
 */
#define REMOTE_PREFIX "ending:" /* no app's name has a colon */

/* False: there is no token to keep. */
bool remote_keep(struct turn *t, const struct ending *e);
/* Those of one portal; NULL while waiting. */
const struct store_ask *remote_find(struct turn *t, struct str app,
                                    uint64_t portal);
/* The portal is connected again: an uninstall now would end the new grant.
 * found: of remote_find. */
void remote_cancel(struct turn *t, const struct store_ask *found);
/* A refresh that was under way when the grant ended brought another token,
 * perhaps the only living one.  ERR_AGAIN; ERR_NOT_FOUND: no such end. */
enum err remote_take_token(struct turn *t, const struct errand_note *note,
                           struct hidden token) WARN_UNUSED;
/* An errand of these came back. */
enum err do_remote_step(struct turn *t, const void *ask);
/* Tries those that are due. */
enum err do_remote_retry(struct turn *t, const void *ask);
/* Names the rows of one. */
void remote_name(struct turn *t, struct str row);
/* What is kept, sealed anew under a new data key (see rekey.h). */
enum err remote_rekey(struct turn *t, struct str row, const struct secret *old,
                      const struct secret *new) WARN_UNUSED;

#endif

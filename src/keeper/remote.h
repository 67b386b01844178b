#ifndef KEEPER_REMOTE_H
#define KEEPER_REMOTE_H

#include "keeper/ending.h"

/*
 * Ends that HubSpot has not confirmed: of an erased grant only the refresh
 * token is left, sealed under a data key of its own, used to uninstall and
 * revoke and for nothing else, for 72 hours at most.
 */
#define REMOTE_PREFIX "ending/"

void remote_keep(struct turn *t, const struct ending *e);
/* An errand of these came back. */
enum err do_remote_step(struct turn *t, const void *ask);
/* Tries those that are due. */
enum err do_remote_retry(struct turn *t, const void *ask);

#endif

#ifndef KEEPER_REFRESH_H
#define KEEPER_REFRESH_H

#include "keeper/apps.h"
#include "keeper/errands.h"
#include "keeper/grant.h"

/*
 * One refresher a grant, however many wait.  The lease and the intent are
 * one row and one commit; the reply is stored if the version that was sent
 * is still the stored one, whoever holds the lease by then; a reply that
 * came too late is kept as a spare.
 */

/*
 * Sees to it that a refresh runs or is planned, and stores the grant for
 * that.  ERR_OK: wait for turn_wake of grant_key.  ERR_CONFIG: our own
 * credentials are in doubt, none is sent.  Rows: grant_load, counts.
 */
enum err refresh_want(struct turn *t, struct app *app, uint64_t portal,
                      struct grant *g) WARN_UNUSED;
/* The errand came back. */
enum err do_refreshed(struct turn *t, const void *ask);
/* A static token that HubSpot refused to a caller: asks HubSpot about it;
 * wait for turn_wake of grant_key. */
void refresh_check_static(struct turn *t, struct app *app, uint64_t portal,
                          struct grant *g);
enum err do_static_checked(struct turn *t, const void *ask);
/* Introspects a grant that shows a sign of its end. */
void refresh_probe(struct turn *t, struct app *app, uint64_t portal,
                   struct grant *g);
enum err do_probed(struct turn *t, const void *ask);

/* What a caller hears who cannot be given a token. */
enum err refresh_why(const struct grant *g, const struct app *app,
                     int64_t now_ms, struct str *out_detail,
                     uint32_t *out_retry_after_s);

#endif

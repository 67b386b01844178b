#ifndef KEEPER_REFRESH_H
#define KEEPER_REFRESH_H

#include "keeper/apps.h"
#include "keeper/errands.h"
#include "keeper/grant.h"

/*
 * One refresher a grant, however many wait.  The lease and the intent are
 * one row and one commit; the reply is stored if the version that was sent
 * is still the stored one, whoever holds the lease by then; a reply that
 * came too late is kept as a spare.  probe.c looks after grants that HubSpot
 * refused.
 */

/*
 * Sees to it that a refresh runs or is planned, and stores the grant for
 * that.  ERR_OK: wait for turn_wake of grant_key.  ERR_CONFIG: our own
 * credentials are in doubt, none is sent; ERR_CRYPTO: what is stored does
 * not open.  Rows: grant_load, counts.
 */
enum err refresh_want(struct turn *t, struct app *app, uint64_t portal,
                      struct grant *g) WARN_UNUSED;
/* A refresh of it is under way: here, or at another node. */
bool refresh_is_running(struct turn *t, const struct grant *g);
/* The errand came back. */
enum err do_refreshed(struct turn *t, const void *ask);
/* What a caller hears who cannot be given a token; e is refresh_want's. */
struct refresh_refusal {
    enum err err;
    struct str detail;
    uint32_t retry_after_s;
};
struct refresh_refusal refresh_why(struct turn *t, enum err e,
                                   const struct grant *g,
                                   const struct app *app);
/* HubSpot no longer accepts it: a sign of its end, not word. */
void refresh_need_reconnect(struct turn *t, const struct errand_result *r,
                            struct grant *g, int64_t due);
/* Into the audit log, as what became of a refresh or a probe. */
void refresh_record(struct turn *t, const struct errand_result *r,
                    struct str outcome);

#endif

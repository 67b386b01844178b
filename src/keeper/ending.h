#ifndef KEEPER_ENDING_H
#define KEEPER_ENDING_H

#include "keeper/answer.h"
#include "keeper/apps.h"
#include "keeper/grant.h"

/*
 * Letting go of a portal: uninstall at HubSpot, revoke, erase here, receipt.
 *
 *   ACTIVE --disconnect--> ERASING --uninstalled, revoked--> (none), receipt
 *                             \--HubSpot unreachable--> (none), receipt
 *                                 `remote: pending`; the refresh token alone
 *                                 waits, sealed under a key of its own, for
 *                                 72 h at most; then a second receipt
 */
struct ending {
    struct str app;
    uint64_t portal;
    struct grant *grant;
    struct str word;      /* on whose: key:3, uid:0, sign held */
    struct str remote;    /* done, pending, gone, none */
    struct waiter waiter; /* gets the receipt; peer 0: nobody */
};

/* Its tokens and what leads to it go in this turn, everything else in those
 * that follow, see cascade.h; the receipt is its answer.  Where that has begun
 * already, it goes on.  Rows: grant_load, counts. */
void ending_erase(struct turn *t, const struct ending *e);

/* Handlers. */
enum err do_portal_delete(struct turn *t, const void *ask); /* relay */
enum err do_admin_disconnect(struct turn *t, const void *ask);
enum err do_admin_erase(struct turn *t, const void *ask);
enum err do_receipts_list(struct turn *t, const void *ask);
/* An erasure that the last keeper did not end. */
void ending_go_on(struct turn *t, struct str app, uint64_t portal,
                  struct grant *g);
/* An ERASING grant whose errand was lost with the last keeper. */
void ending_resume(struct turn *t, struct app *app, uint64_t portal,
                   struct grant *g);

#endif

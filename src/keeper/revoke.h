#ifndef KEEPER_REVOKE_H
#define KEEPER_REVOKE_H

#include "base/secret.h"
#include "keeper/apps.h"
#include "keeper/turn.h"

/*
 * Taking back: leases of relays, at once and by the beat (rule 8 of
 * DESIGN.md), and tokens at HubSpot.
 */

/* After the commit: relays forget what they hold of this grant or key.
 * portal 0, key_number 0, app empty: any. */
void revoke_leases(struct turn *t, struct str app, uint64_t portal,
                   uint64_t key_number);
/* After the commit: relays ask anew for this grant's token, and what runs
 * goes on with the old one, which HubSpot still takes. */
void revoke_replaced(struct turn *t, struct str app, uint64_t portal);
/* Asks HubSpot to revoke a refresh token that found no place; once. */
void revoke_later(struct turn *t, struct app *app, struct hidden refresh_token);
/* To each relay: I am here, this many revocations so far. */
void revoke_beat(struct keeper *k);

#endif

#ifndef KEEPER_PROBE_H
#define KEEPER_PROBE_H

#include "keeper/apps.h"
#include "keeper/grant.h"

/*
 * Asking HubSpot whether what it refused still lives: each day about grants
 * that need a reconnect, and at once about a static token that it refused to
 * a caller.  A sign that held long enough is the end.
 */
void probe_start(struct turn *t, struct app *app, uint64_t portal,
                 struct grant *g);
/* ERR_OK: wait for turn_wake of grant_key.  ERR_CRYPTO: it does not open. */
enum err probe_static(struct turn *t, struct app *app, uint64_t portal,
                      struct grant *g) WARN_UNUSED;

#endif

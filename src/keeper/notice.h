#ifndef KEEPER_NOTICE_H
#define KEEPER_NOTICE_H

#include "keeper/event_log.h"
#include "keeper/parcel.h"

/*
 * What portkeep itself tells an app's backend: portal.connected,
 * portal.scopes_changed, portal.needs_reconnect, portal.uninstalled,
 * portal.erased, contact.privacy_deletion.  One event, one parcel, in the
 * same log and queue as HubSpot's; sealed under the master key, so that it
 * outlives the grant it tells of.  It holds no personal data but the ref.
 */
struct notice {
    uint32_t kind; /* enum parcel_kind */
    struct str app;
    uint64_t portal, generation;
    struct str ref;  /* empty: none */
    struct str data; /* a JSON object: what the kind tells; empty: none */
};

/* Names the rows it needs; false while they are missing. */
bool notice_load(struct turn *t, struct str app);
void notice_put(struct turn *t, const struct notice *n);
/* A grant is there, in the place of `old` (NULL: of none).  n: app, portal,
 * ref. */
void notice_connected(struct turn *t, struct notice *n, const struct grant *old,
                      const struct grant *g);
/* status: HubSpot's word for why. */
void notice_needs_reconnect(struct turn *t, struct str app, uint64_t portal,
                            const struct grant *g, struct str status);
/* Takes an opened body apart; out->kind, app, portal stay.  ERR_SYNTAX. */
enum err notice_read(struct str body, struct arena *arena,
                     struct notice *out) WARN_UNUSED;
/* Sealed anew under the newest master key; ERR_CRYPTO.  row: its key. */
enum err notice_reseal(struct turn *t, struct str row) WARN_UNUSED;

#endif

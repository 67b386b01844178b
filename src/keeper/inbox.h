#ifndef KEEPER_INBOX_H
#define KEEPER_INBOX_H

#include "keeper/event_log.h"
#include "keeper/parcel.h"

/*
 * Events in, from push and from the journal: split, told apart from their
 * repeats, sealed and stored in one turn.
 *
 *     body --signature--> events --by portal--> connected: a parcel
 *                                           --> unknown: the parking, 72 h
 *                                           --> erased: counted, dropped
 */

#define INBOX_RETRY_S 10 /* HubSpot decides by itself when it tries again */

/* FRONT_WEBHOOK.  Verified once, whatever rounds its rows take. */
enum err do_webhook(struct turn *t, const void *ask);

/* Events as they came, and what each is known by: worked out once, in
 * turn_lasting, whatever rounds their rows take. */
struct arrivals {
    struct events events;
    uint8_t (*keys)[EVENT_KEY_LEN];
};
void inbox_name_events(struct turn *t, struct arrivals *all);

/*
 * Takes read events of one app.  ERR_AGAIN while rows are missing; ERR_LIMIT:
 * the log is full, nothing was taken; ERR_UNAVAILABLE: some found no room. Else
 * all that is good is changed in this turn, and what follows from it
 * (uninstalls, privacy deletions) is on its way.
 */
enum err inbox_take(struct turn *t, struct str app, uint32_t source,
                    const struct arrivals *all) WARN_UNUSED;

/* A grant has appeared: what is parked for it becomes its own.  As a request
 * of its own, page by page. */
void inbox_unpark(struct turn *t, struct str app, uint64_t portal);

#endif

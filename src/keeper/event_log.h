#ifndef KEEPER_EVENT_LOG_H
#define KEEPER_EVENT_LOG_H

#include "keeper/turn.h"

/*
 * What an app's event log holds in all: one row an app in STORE_META, moved
 * in the commit that moves what it counts.  It also gives out the numbers
 * of parcels: unix ms * 65536, counted up within one ms and whenever the
 * clock was set back, so that their order is that of acceptance.
 */
struct event_log {
    uint64_t last_number;
    uint64_t n_parcels, n_events, n_bytes; /* in the log, delivered or not */
    uint64_t n_pending, n_dead;            /* events of them */
    uint64_t n_parked;                     /* events in the parking */
    uint64_t n_taken, n_repeats, n_bad;    /* ever */
    uint64_t n_erased_dropped;             /* of portals that were erased */
    uint64_t n_delivered;                  /* ever */
    /* The target said 410: nothing is sent until it is changed. */
    bool is_target_gone;
    struct str gone_target; /* which one said so */
};
extern const struct record event_log_record;

/* Zeroed if there is none.  False: turn_is_waiting. */
bool event_log_load(struct turn *t, struct str app, struct event_log *out);
void event_log_store(struct turn *t, struct str app, const struct event_log *l);
uint64_t event_log_next_number(struct turn *t, struct event_log *l);

#endif

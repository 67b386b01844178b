#ifndef EMULATOR_EMISSION_H
#define EMULATOR_EMISSION_H

#include "emulator/delivery.h"
#include "emulator/happening.h"

struct world;

/*
 * Events by the thousand, on order: made at a rate, or as fast as they are
 * sent, so that a million of them never lie in memory at once.
 *
 *     emission_start(w, &model);
 *     ... emission_run(w) whenever emission_next_ms says so ...
 */
#define EMISSION_AHEAD 20000 /* events made and not yet done with */

struct emission {
    struct str client_id;
    struct happening what; /* property and value are its own */
    uint64_t count, n_made;
    uint64_t rate;      /* events a second; 0: as fast as they are sent */
    uint64_t n_objects; /* object ids from what.object_id on, in turn */
    uint64_t n_portals; /* portals from what.portal on, a batch each */
    uint64_t batch;     /* events a request */
    uint64_t nth_twice; /* every n-th goes twice; 0: none */
    bool is_shuffled;
    bool is_generic; /* object.* in place of contact.* */
    struct style style;
    uint64_t first_serial;
    int64_t started_ms;
    struct emission *next;
};

/* model is copied with its texts. */
void emission_start(struct world *w, const struct emission *model);
/* Makes what is due of all of them. */
void emission_run(struct world *w);
/* Milliseconds until emission_run has something to do; -1: nothing runs. */
int64_t emission_next_ms(const struct world *w);
/* Events that are still to be made. */
uint64_t emission_left(const struct world *w);
void emissions_done(struct emission **all);

#endif

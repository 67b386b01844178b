#ifndef RELAY_COUNTERS_H
#define RELAY_COUNTERS_H

#include <stdint.h>

/*
 * What the relay counts about itself since it started; metrics.c writes them
 * in Prometheus' form.  No portal and no app is in them.
 */
struct counters {
    uint64_t tokens;         /* token API: answers with a token */
    uint64_t cached;         /* leases that were found */
    uint64_t refusals;       /* problems of our own, any kind */
    uint64_t api_calls;      /* routes that ask the keeper */
    uint64_t calls;          /* HubSpot's API: begun */
    uint64_t answers[6];     /* HubSpot's answers by hundreds of the status */
    uint64_t failures;       /* calls without an answer of HubSpot */
    uint64_t repeats;        /* sent again with a newer token */
    uint64_t cuts;           /* ended by a revocation */
    uint64_t bytes_sent;     /* bodies towards HubSpot */
    uint64_t bytes_received; /* bodies of HubSpot */
    uint64_t gaps;           /* revocations that were missed */
};

#endif

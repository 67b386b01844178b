#ifndef TEST_SIM_CAST_H
#define TEST_SIM_CAST_H

#include "world.h"

/*
 * Those who want something of the keeper: backends, browsers, operators.
 * Each call is remembered until it is answered, and judged then.
 */
#define CAST_CALLS 256
#define CAST_BROWSERS 8

enum call_kind { CALL_LEASE, CALL_END, CALL_OTHER };

struct call {
    bool is_used, is_judged;
    enum call_kind kind;
    uint64_t portal;
    uint64_t n_connects; /* of that portal when it was asked */
    struct heard heard;
};

struct browser {
    bool is_away; /* at HubSpot, to come back */
    struct heard begun, done;
};

struct cast {
    struct world *world;
    struct stage *stage;
    struct call *calls;
    struct browser *browsers;
    unsigned n_codes;
    uint64_t n_connects[WORLD_PORTALS + 1]; /* begun so far, imports too */
    char second_key[96];                    /* "": none, or revoked */
    bool was_rotated;
    unsigned n_leases, n_receipts, n_pages;
};

void cast_open(struct cast *c, struct world *w);
void cast_close(struct cast *c);
/* One of them does something. */
void cast_act(struct cast *c);
/* What was answered since is right; each once. */
void cast_judge(struct cast *c);
/* At the end: each call has been answered. */
void cast_expect_all_answered(struct cast *c);

#endif

#ifndef KEEPER_TURN_INT_H
#define KEEPER_TURN_INT_H

#include "keeper/rows.h"
#include "keeper/turn.h"

/*
 * What turns.c (queueing and running) and turn.c (what handlers use) share.
 */
enum effect_kind { EFFECT_ANSWER, EFFECT_PARK, EFFECT_WAKE, EFFECT_ACT };

struct effect {
    struct effect *next;
    enum effect_kind kind;
    uint64_t peer;
    uint32_t call;
    uint16_t type;
    const void *body;
    struct str on;
    struct request *request;
    uint64_t note;
    void (*act)(struct keeper *k, void *arg);
    void *arg;
};

struct owned {
    struct owned *next;
    struct secret *secret;
};

struct recalled {
    struct recalled *next;
    struct str name;
    void *what;
};

struct turn {
    struct turns *all;
    struct arena *arena;
    struct rows *rows;
    struct request *running;
    int64_t now_ms;
    bool is_waiting, wants_scrub;
    struct effect *effects, **effects_end;
    struct owned *owned;
    struct recalled *recalled;
};

struct queue {
    struct request *first, **end;
};

struct turns {
    struct keeper *keeper;
    struct store *store;
    struct event *on_turn;
    struct queue queue, bulk, parked, postponed;
    size_t n_waiting;
    size_t bulk_bytes; /* of what waits in bulk */
    uint64_t number;   /* of the next commit; random start, unique */
    uint64_t n_commits;
    int64_t late_before;     /* parked before this (monotonic) are late */
    int64_t postponed_until; /* monotonic */
};

#endif

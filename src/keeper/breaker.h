#ifndef KEEPER_BREAKER_H
#define KEEPER_BREAKER_H

#include "base/env.h"

#include <stdbool.h>

/*
 * Leaves a target alone that fails:
 *
 *   CLOSED --BREAKER_AFTER failures in a row--> OPEN --wait--> one probe
 *      ^------------------------------success---------------------/  |
 *                                              OPEN, longer <--failure
 *
 * A failure here is the target's own: no answer, or one that says that it
 * cannot.  An answer that refuses one event shows that the target is there.
 */
#define BREAKER_AFTER 5

struct breaker {
    unsigned n_failures; /* in a row */
    unsigned n_opened;   /* in a row */
    int64_t until_ms;    /* unix ms: open until then; 0: closed */
};

bool breaker_is_open(const struct breaker *b);
/* How many requests may be on their way. */
unsigned breaker_allows(const struct breaker *b, int64_t now_ms, unsigned most);
void breaker_note_failure(struct breaker *b, struct env *env);
/* True: it was open. */
bool breaker_note_success(struct breaker *b);
/* The target asks for patience. */
void breaker_hold(struct breaker *b, int64_t until_ms);

#endif

#ifndef HUBSPOT_COVER_H
#define HUBSPOT_COVER_H

#include "base/arena.h"

/*
 * The cheapest set of things that satisfies every wish, where each wish is a
 * choice of alternatives and all of one alternative is needed together.
 *
 *     struct cover *c = cover_new(arena);
 *     cover_cost(c, thing, cost);
 *     cover_wish(c);  cover_alternative(c, things, n); ...
 *     cover_solve(c);
 *     if (cover_has(c, thing)) ...
 *
 * The answer is the exact minimum of the sum of costs.  Of equal ones it is
 * the same on every run, and leans to alternatives named first.
 */
#define COVER_THINGS_MAX 384

struct cover;

/* All of it is in the arena. */
struct cover *cover_new(struct arena *arena);
/* 1 unless said.  A cost of 0: it is there anyhow. */
void cover_cost(struct cover *c, unsigned thing, uint64_t cost);
/* A new wish, to which the alternatives that follow belong.  A wish without
 * any is left out of account. */
void cover_wish(struct cover *c);
void cover_alternative(struct cover *c, const unsigned *things, size_t n);

void cover_solve(struct cover *c);
bool cover_has(const struct cover *c, unsigned thing);

#endif

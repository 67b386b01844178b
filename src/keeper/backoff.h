#ifndef KEEPER_BACKOFF_H
#define KEEPER_BACKOFF_H

#include "base/env.h"

/*
 * How long to wait after the n-th failure in a row: first_ms, then twice as
 * long each time up to most_ms, with jitter of a quarter both ways, so that
 * what failed together does not come back together.
 */
int64_t backoff_ms(struct env *env, int64_t first_ms, int64_t most_ms,
                   unsigned n);
/* Any of 0 to most_ms - 1, to part what would happen at once. */
int64_t backoff_spread_ms(struct env *env, int64_t most_ms);

#endif

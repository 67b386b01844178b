#include "keeper/backoff.h"

int64_t
backoff_spread_ms(struct env *env, int64_t most_ms)
{
    uint64_t random;
    env->random(env, &random, sizeof(random));
    return most_ms > 0 ? (int64_t)(random % (uint64_t)most_ms) : 0;
}

int64_t
backoff_ms(struct env *env, int64_t first_ms, int64_t most_ms, unsigned n)
{
    int64_t wait = first_ms;
    while (n-- > 1 && wait < most_ms)
        wait *= 2;
    if (wait > most_ms)
        wait = most_ms;
    return wait - wait / 4 + backoff_spread_ms(env, wait / 2 + 1);
}

#include "keeper/breaker.h"

#include "keeper/backoff.h"

#define OPEN_MS 5000
#define OPEN_MAX_MS 300000

bool
breaker_is_open(const struct breaker *b)
{
    return b->until_ms != 0;
}

unsigned
breaker_allows(const struct breaker *b, int64_t now_ms, unsigned most)
{
    if (b->until_ms == 0)
        return most;
    return now_ms >= b->until_ms ? 1 : 0;
}

void
breaker_note_failure(struct breaker *b, struct env *env)
{
    int64_t now = env->now_ms(env);
    if (++b->n_failures < BREAKER_AFTER && b->until_ms == 0)
        return;
    if (now < b->until_ms) /* it left before the others failed */
        return;
    b->until_ms = now + backoff_ms(env, OPEN_MS, OPEN_MAX_MS, ++b->n_opened);
}

bool
breaker_note_success(struct breaker *b)
{
    bool was_open = b->until_ms != 0;
    *b = (struct breaker){0};
    return was_open;
}

void
breaker_hold(struct breaker *b, int64_t until_ms)
{
    if (until_ms > b->until_ms)
        b->until_ms = until_ms;
}

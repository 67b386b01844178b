#include "base/env.h"

#include <sodium.h>
#include <time.h>

static int64_t
clock_ms(clockid_t id)
{
    struct timespec t;
    (void)clock_gettime(id, &t); /* both clocks always exist */
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t
real_now_ms(struct env *env)
{
    (void)env;
    return clock_ms(CLOCK_REALTIME);
}

static int64_t
real_mono_ms(struct env *env)
{
    (void)env;
    return clock_ms(CLOCK_MONOTONIC);
}

static void
real_random(struct env *env, void *out, size_t n)
{
    (void)env;
    randombytes_buf(out, n);
}

struct env *
env_real(void)
{
    static struct env real = {real_now_ms, real_mono_ms, real_random};
    return &real;
}

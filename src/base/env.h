#ifndef BASE_ENV_H
#define BASE_ENV_H

#include <stddef.h>
#include <stdint.h>

/*
 * Time and randomness, the two things that a state machine may not read
 * behind the back of a test.
 *
 *     int64_t now = env->now_ms(env);     -- milliseconds since 1970, UTC
 */
struct env {
    int64_t (*now_ms)(struct env *env);  /* wall clock; may jump */
    int64_t (*mono_ms)(struct env *env); /* never goes back */
    void (*random)(struct env *env, void *out, size_t n);
};

/* The machine's own clocks and the kernel's randomness. */
struct env *env_real(void);

static inline int64_t
env_now_s(struct env *env)
{
    return env->now_ms(env) / 1000;
}

#endif

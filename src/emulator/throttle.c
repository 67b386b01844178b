#include "emulator/throttle.h"

#include "emulator/own.h"

#include <stdlib.h>

void
throttle_done(struct throttle *t)
{
    free(t->times);
    *t = (struct throttle){0};
}

/* The i-th newest, from 0. */
static int64_t
newest(const struct throttle *t, size_t i)
{
    return t->times[(t->next + t->limit - 1 - i) % t->limit];
}

bool
throttle_take(struct throttle *t, size_t limit, int64_t window_ms,
              int64_t now_ms)
{
    if (t->limit != limit) { /* the setting changed: begin anew */
        throttle_done(t);
        t->times = own_alloc(limit * sizeof(*t->times));
        t->limit = limit;
    }
    if (t->n == limit && newest(t, limit - 1) > now_ms - window_ms)
        return false;
    t->times[t->next] = now_ms;
    t->next = (t->next + 1) % limit;
    t->n += t->n < limit;
    return true;
}

size_t
throttle_left(const struct throttle *t, int64_t window_ms, int64_t now_ms)
{
    /* The times ascend, so the first too old one is found by halving. */
    size_t low = 0, high = t->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (newest(t, middle) > now_ms - window_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return t->limit - low;
}

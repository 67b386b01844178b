#ifndef EMULATOR_THROTTLE_H
#define EMULATOR_THROTTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A rolling window: at most `limit` calls within any `window_ms`, exactly,
 * by the times of the last `limit` calls.  A zeroed one is empty.
 */
struct throttle {
    int64_t *times; /* a ring; times[next] is the oldest */
    size_t limit;   /* length of the ring */
    size_t next;
    size_t n;
};

void throttle_done(struct throttle *t);
/* False, and nothing counted, when the window is full. */
bool throttle_take(struct throttle *t, size_t limit, int64_t window_ms,
                   int64_t now_ms);
/* How many more calls the window takes now. */
size_t throttle_left(const struct throttle *t, int64_t window_ms,
                     int64_t now_ms);

#endif

#ifndef HTTP_DEADLINE_H
#define HTTP_DEADLINE_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdint.h>

/*
 * Deadlines by the thousand with one timer.  Moving a deadline is one store;
 * the list is looked through only when the soonest one that was ever set has
 * passed, so a busy connection costs nothing here.
 *
 *     deadline_start(&all, &d, on_due);
 *     deadline_set(&d, 10000);      -- again and again
 *     deadline_stop(&d);
 *
 * Exact to about 10 ms, never early by more than that.
 */
struct deadlines {
    struct event timer;
    struct deadline *first;
    struct deadline *cursor; /* next one to look at while looking through */
    int64_t armed_at;        /* when the timer goes off; INT64_MAX: never */
};

struct deadline {
    struct deadlines *all; /* NULL: not started */
    struct deadline *next, *before;
    void (*on_due)(struct deadline *d);
    int64_t at; /* INT64_MAX: none */
};

/* on_timer must call deadlines_pass. */
void deadlines_init(struct deadlines *all, struct event_base *base,
                    event_callback_fn on_timer, void *arg);
/* Calls on_due of each that has passed; it may stop or set any of them. */
void deadlines_pass(struct deadlines *all);
void deadlines_done(struct deadlines *all);

void deadline_start(struct deadlines *all, struct deadline *d,
                    void (*on_due)(struct deadline *d));
void deadline_stop(struct deadline *d);
void deadline_set(struct deadline *d, int64_t in_ms);
void deadline_clear(struct deadline *d);

/* Milliseconds of a clock that never goes back; exact to a few of them. */
int64_t deadline_now(void);

#endif

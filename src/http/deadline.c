#include "http/deadline.h"

#include <stddef.h>
#include <time.h>

/* What passes within this is due now: the timer's and the clock's grain. */
#define GRAIN_MS 8

int64_t
deadline_now(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_MONOTONIC_COARSE, &t); /* cannot fail */
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
arm(struct deadlines *all, int64_t at, int64_t now)
{
    int64_t in = at > now ? at - now : 1;
    struct timeval t = {.tv_sec = (time_t)(in / 1000),
                        .tv_usec = (suseconds_t)(in % 1000 * 1000)};
    all->armed_at = at;
    (void)event_add(&all->timer, &t); /* fails on want of memory only */
}

void
deadlines_pass(struct deadlines *all)
{
    int64_t now = deadline_now(), soonest = INT64_MAX;
    all->armed_at = INT64_MAX;
    for (struct deadline *d = all->first; d != NULL; d = all->cursor) {
        all->cursor = d->next;
        if (d->at <= now + GRAIN_MS) {
            d->at = INT64_MAX;
            d->on_due(d);
        } else if (d->at < soonest) {
            soonest = d->at;
        }
    }
    if (soonest < all->armed_at)
        arm(all, soonest, now);
}

void
deadlines_init(struct deadlines *all, struct event_base *base,
               event_callback_fn on_timer, void *arg)
{
    *all = (struct deadlines){.armed_at = INT64_MAX};
    (void)evtimer_assign(&all->timer, base, on_timer, arg);
}

void
deadlines_done(struct deadlines *all)
{
    (void)event_del(&all->timer);
}

void
deadline_start(struct deadlines *all, struct deadline *d,
               void (*on_due)(struct deadline *d))
{
    *d = (struct deadline){
        .all = all, .next = all->first, .on_due = on_due, .at = INT64_MAX};
    if (all->first != NULL)
        all->first->before = d;
    all->first = d;
}

void
deadline_stop(struct deadline *d)
{
    struct deadlines *all = d->all;
    if (all == NULL)
        return;
    if (all->cursor == d)
        all->cursor = d->next;
    if (d->next != NULL)
        d->next->before = d->before;
    if (d->before != NULL)
        d->before->next = d->next;
    else
        all->first = d->next;
    d->all = NULL;
}

void
deadline_set(struct deadline *d, int64_t in_ms)
{
    int64_t now = deadline_now();
    d->at = now + in_ms;
    if (d->at < d->all->armed_at)
        arm(d->all, d->at, now);
}

void
deadline_clear(struct deadline *d)
{
    d->at = INT64_MAX;
}

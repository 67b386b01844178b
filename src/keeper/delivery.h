#ifndef KEEPER_DELIVERY_H
#define KEEPER_DELIVERY_H

#include "keeper/parcel.h"

/*
 * Events out, to an app's webhook_target, at least once.
 *
 *   PENDING --2xx--> DELIVERED
 *      |  \--else--> PENDING, later; after three days --> DEAD
 *      |--privacy deletion, end of the grant--> GONE
 *
 * The queue on disk is the truth: who is in flight is remembered here only,
 * and a keeper that starts sends what is still live.  Events that name an
 * object wait for the earlier ones that name it; others go at once, side by
 * side.  A target that fails is left alone for a while as a whole (breaker),
 * an event that fails only holds up its own objects.
 */
struct delivery;

struct delivery *delivery_new(struct keeper *k);
void delivery_free(struct delivery *d);
/* A deliver courier is there, or gone. */
void delivery_on_courier(struct keeper *k);
/* Every 100 ms. */
void delivery_tick(struct keeper *k);
/* After a reload: targets and secrets may be others. */
void delivery_reload(struct keeper *k);
/*
 * Puts a parcel of n events into the queue, if the app has a target, and
 * returns how many that are: the caller's event_log.n_pending grows by it.
 */
size_t delivery_put(struct turn *t, struct str app, uint64_t number,
                    size_t n) WARN_UNUSED;
/* Requests on their way; none is added while the keeper drains. */
size_t delivery_n_flights(const struct keeper *k);
/* It is left alone just now, because it fails. */
bool delivery_is_target_away(struct keeper *k, struct str app);
/* Something was put into the queue there, by other hands. */
void delivery_note(struct turn *t, struct str app, uint64_t number);

#endif

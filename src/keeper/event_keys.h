#ifndef KEEPER_EVENT_KEYS_H
#define KEEPER_EVENT_KEYS_H

#include "keeper/grant.h"

/*
 * The keys that a grant's events are sealed under.  They stand in the grant's
 * row, sealed under its data key, so they end with it; unlike the data key
 * they stay over a reinstall, which must not lose what waits for delivery.
 * Made at the first event.  `rotate --compromised` adds a new one; the
 * oldest goes when nothing is sealed under it any more.
 *
 * Each key gives two: one seals, one hashes the objects that events name.
 */
#define EVENT_KEYS_MAX 4
#define EVENT_KEYS_KIND "events" /* of grant_seal; generation 0 */

struct event_keys {
    uint32_t first; /* number of the oldest; they count up */
    size_t n;       /* the newest, first + n - 1, seals */
    struct secret *seal[EVENT_KEYS_MAX]; /* until the turn's end */
    struct secret *hash[EVENT_KEYS_MAX];
};

/*
 * Opens g's keys, at most once a turn and grant.  n is 0 where it has none
 * yet.  ERR_CRYPTO: they do not open.
 */
enum err event_keys_open(struct turn *t, struct str app, uint64_t portal,
                         const struct grant *g,
                         struct event_keys *out) WARN_UNUSED;
/* One more, the newest from now on; changes g->sealed_events, which the
 * caller stores. */
enum err event_keys_add(struct turn *t, struct str app, uint64_t portal,
                        struct grant *g, struct event_keys *keys) WARN_UNUSED;
/* The same, in the grant's row alone, for one whose data key is being
 * replaced: opened with the old one, sealed under the new. */
enum err event_keys_rekey(struct turn *t, const struct seal_place *grant,
                          const struct secret *old, const struct secret *new,
                          struct str *sealed) WARN_UNUSED;
/* All but the newest go; changes g->sealed_events, as above.  ERR_NOT_FOUND:
 * there are no others. */
enum err event_keys_drop_old(struct turn *t, struct str app, uint64_t portal,
                             struct grant *g) WARN_UNUSED;
/* NULL: no such key. */
struct secret *event_keys_seal(const struct event_keys *keys, uint64_t number);

/* The key of an app's parking on a day (unix days), the same two: wrapped in
 * STORE_DATA_KEYS under "park:APP/DAY".  is_new: made if there is none.
 * ERR_AGAIN; ERR_NOT_FOUND: destroyed, or never there. */
enum err event_keys_parking(struct turn *t, struct str app, int64_t day,
                            bool is_new, struct event_keys *out) WARN_UNUSED;
#define PARKING_PREFIX "park:" /* no app's name has a colon */
struct str event_keys_parking_row(struct arena *arena, struct str app,
                                  int64_t day);
struct seal_place event_keys_parking_place(struct str app, struct str row);

#endif

#ifndef KEEPER_WINDOW_H
#define KEEPER_WINDOW_H

#include "keeper/parcel.h"

/*
 * Which events of one app are looked at for delivery just now, and what each
 * has to wait for.  The queue on disk may hold millions; this holds some
 * hundred of them, and of the rest only from where on it has to be read:
 *
 *     disk   ....x..x..xxxx..x......................
 *                |  window     ^scan                ^high
 *
 * Events that name an object form a chain, and only its first may leave.
 * What cannot be taken in (its object waits for a retry, or its chain is
 * long) is forgotten again; its objects remember from which parcel on they
 * have more, and when one is free the reading goes back to there.
 *
 * 1. Nothing that is younger than a skipped event of an object is taken in
 *    before it: `later_from` stands at every object that it names.
 * 2. Behind an event that failed nobody waits in the window.
 */
#define WINDOW_MAX 512      /* events, and at most one parcel more */
#define WINDOW_RETRIES 4096 /* events that wait for their next try */
#define WINDOW_OBJECTS 16384
#define WINDOW_CHAIN 64 /* events of one object */

struct object;
struct item;

struct link {
    struct item *item;
    struct object *object;
    struct link *prev, *next; /* in the object's chain */
};

enum item_state { ITEM_READY, ITEM_SENT, ITEM_RETRY };

struct item {
    struct item *prev, *next; /* in the order of acceptance, or of retries */
    uint64_t number;
    uint8_t index;
    enum item_state state;
    bool is_replay;
    bool is_single;       /* its batch failed: alone from now on */
    bool is_target_fault; /* it failed because the target was away */
    uint32_t n_attempts;
    int64_t retry_at_ms; /* unix ms */
    uint32_t n_bytes;
    unsigned picked; /* for which request, while one is put together */
    size_t n_links;
    struct link links[];
};

struct item_list {
    struct item *first, *last;
    size_t n;
};

struct window {
    struct item_list order;   /* ready and sent */
    struct item_list retries; /* no order */
    struct object **buckets;
    size_t n_objects;
    size_t n_wanted; /* objects that the reading looks for */
    uint64_t scan;   /* the last number that was read */
    uint64_t high;   /* and the highest ever */
    uint64_t must;   /* it must be read up to here again */
    bool is_more;    /* there may be something behind scan */
    uint64_t n_notes;
    int64_t next_retry_ms; /* the soonest of retries; unix ms */
};

/* An event as it was found in the queue. */
struct sighting {
    uint64_t number;
    uint8_t index;
    bool is_replay;
    uint32_t n_attempts;
    int64_t retry_at_ms;
    uint32_t n_bytes;
    const uint8_t *objects; /* n_objects * OBJECT_HASH */
    size_t n_objects;
};

void window_init(struct window *w);
void window_done(struct window *w);
/* May and should more be read? */
bool window_wants(const struct window *w);
/* Something was put into the queue there. */
void window_note(struct window *w, uint64_t number);
/* In the order of the queue. */
void window_take(struct window *w, const struct sighting *s);
/* Up to there it is read.  False: the rest of this page need not be. */
bool window_read_to(struct window *w, uint64_t number);
/* There is nothing behind. */
void window_read_all(struct window *w);
struct item *window_find(const struct window *w, uint64_t number,
                         uint8_t index);
/* The hash of the n-th object that it names. */
const uint8_t *window_object(const struct item *i, size_t n);
/* Has it nothing to wait for but events that are picked for that request?
 * 0: for none at all. */
bool window_is_free(const struct item *i, unsigned request);
/* It is done with. */
void window_drop(struct window *w, struct item *i);
/* It is tried again then. */
void window_postpone(struct window *w, struct item *i, int64_t at_ms);
/* Those that may be tried again by now; all that failed because the target
 * was away, if it is back. */
void window_wake(struct window *w, int64_t now_ms, bool is_target_back);

#endif

#ifndef KEEPER_DELIVERY_INT_H
#define KEEPER_DELIVERY_INT_H

#include "keeper/apps.h"
#include "keeper/breaker.h"
#include "keeper/delivery.h"
#include "keeper/gaps.h"
#include "keeper/window.h"
#include "proto/courier.h"

/*
 * What the files of delivery share: one lane an app.
 *
 *   delivery_read.c     the queue's pages into the window
 *   delivery_send.c     requests out of the window, to the courier
 *   delivery_outcome.c  what the target answered, onto the disk
 */
#define LANE_REQUESTS 32           /* on their way, of one app */
#define FLIGHT_BYTES_MAX (4 << 20) /* on their way, of all apps */

struct lane {
    struct lane *next;
    struct str app; /* the lane's own */
    struct window window;
    struct breaker breaker;
    unsigned n_flights;
    bool is_pumping; /* a request of ours is queued */
    bool is_gone;    /* the target said 410; as the last pump saw it */
};

struct delivery {
    struct keeper *keeper;
    struct lane *first;
    size_t n_bytes; /* on their way */
};

/* NULL: nothing was ever delivered for it. */
struct lane *lane_find(struct keeper *k, struct str app);
struct app *lane_app(struct keeper *k, const struct lane *l);
/* Starts a turn for it, if there is something to do. */
void lane_kick(struct keeper *k, struct lane *l);
/* The first event that could leave now; NULL: none. */
struct item *lane_ready(const struct lane *l);
unsigned lane_room(struct keeper *k, const struct lane *l);

struct pump {
    struct str app;
};
extern const struct record pump_record;
enum err do_pump(struct turn *t, const void *ask);

/* A page of the queue, read; taken into the window after the commit. */
struct reading;
/* ERR_AGAIN.  *out NULL: there is nothing to read. */
enum err reading_load(struct turn *t, const struct lane *l,
                      struct reading **out) WARN_UNUSED;
void reading_take(struct lane *l, const struct reading *r);

/* Events of one request, by number and index. */
struct sent {
    uint64_t number;
    uint8_t index;
};
struct sent_list {
    struct sent *v;
    size_t n;
};

/* What became of a request.  Packed: sent_list. */
struct delivered {
    struct str app, target;
    struct str events;
    uint32_t http_status; /* 0: no answer */
    uint32_t retry_after_s;
    struct str reason;
    bool is_erased; /* it was not sent: there is nothing left of it */
};
extern const struct record delivered_record;
struct str sent_pack(struct arena *arena, const struct sent_list *list);
struct sent_list sent_unpack(struct arena *arena, struct str packed);
enum err do_delivered(struct turn *t, const void *ask);

/* What may leave, decided in a turn. */
struct departure;
/* ERR_AGAIN. */
enum err departures_load(struct turn *t, struct lane *l, struct gaps *gaps,
                         struct departure **out) WARN_UNUSED;
void departures_send(struct keeper *k, struct lane *l, struct departure *d);

#endif

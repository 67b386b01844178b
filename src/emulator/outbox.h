#ifndef EMULATOR_OUTBOX_H
#define EMULATOR_OUTBOX_H

#include "emulator/delivery.h"
#include "emulator/map.h"
#include "emulator/outbox_log.h"

struct app;

/*
 * Deliveries that are not done with, in lanes: HubSpot limits the requests
 * in flight for each account of an app.  Does no input or output: postman.c
 * takes what may go and says what became of it.
 *
 *     while ((d = outbox_take(w)) != NULL)
 *         ... send ...
 *     outbox_settle(w, id, &outcome);
 *
 * Nothing here holds a promise of order: HubSpot makes none.
 */
struct lane {
    struct str key; /* client id, newline, portal */
    struct str client_id;
    uint64_t portal;
    struct delivery *open;            /* more events join it */
    struct delivery *ready, *waiting; /* oldest first, see the lasts */
    struct delivery *ready_last, *waiting_last;
    size_t n_flying;
    size_t n_ready;
};

struct outbox {
    struct map by_key; /* lanes */
    struct lane **lanes;
    size_t n, room;
    size_t turn;      /* the lane that is asked first */
    struct map by_id; /* deliveries */
    uint64_t last_id, last_serial;
    uint64_t last_event_id; /* of portals that do not exist */
    uint64_t n_added;       /* events since the beginning, for duplicates */
    uint64_t n_requests;    /* attempts */
    uint64_t n_delivered, n_given_up; /* events */
    uint64_t n_held;                  /* events that are not done with */
    uint64_t n_flying;                /* requests */
    struct outbox_log log;
};

void outbox_done(struct outbox *o);
/* Drops everything that is not in flight; returns how many events. */
uint64_t outbox_drop_all(struct world *w);

/* An event for an app: joins a batch that goes a little later. */
void outbox_add(struct world *w, const struct app *app, uint64_t portal,
                uint64_t serial, struct str json);
/* A whole delivery, ready at once or when it is due; the outbox's now. */
void outbox_send(struct world *w, struct delivery *d);

/* One that may go now, in flight from here on; NULL: none. */
struct delivery *outbox_take(struct world *w);
/* In how many milliseconds outbox_take may have one; -1: not by itself. */
int64_t outbox_next_ms(struct world *w);
/* The end of an attempt; an id that is not known any more does nothing. */
void outbox_settle(struct world *w, uint64_t id, const struct outcome *o);

#endif

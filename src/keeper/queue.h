#ifndef KEEPER_QUEUE_H
#define KEEPER_QUEUE_H

#include "keeper/event_log.h"
#include "keeper/parcel.h"

/*
 * The queue on disk: which events of a parcel are still to be delivered, and
 * which were given up.  A parcel's live row goes with its last pending event,
 * its dead row with the last dead one.
 *
 *     if (!queue_load(t, app, number, &q))      -- names both rows
 *         return ERR_AGAIN;
 *     queue_move(&q, &log, index, EVENT_DELIVERED);
 *     queue_store(t, &q);
 *
 * The counts in the app's event_log move with the events.
 */
#define QUEUE_REASON_MAX 40

struct queue_try {
    bool is_replay;
    uint32_t n_attempts;
    int64_t since_ms;     /* of the first attempt; unix ms */
    int64_t retry_at_ms;  /* unix ms; 0: at once */
    uint32_t last_status; /* HTTP; 0: no answer */
    struct str last_reason;
};

struct queue {
    struct str app;
    uint64_t number;
    bool has_live, has_dead;
    size_t n; /* events; 0: neither row is there */
    uint8_t state[PARCEL_EVENTS_MAX];
    struct queue_try try[PARCEL_EVENTS_MAX];
};

/* False while rows are missing. */
bool queue_load(struct turn *t, struct str app, uint64_t number,
                struct queue *out);
/* A live row as it stands, without its dead one: for reading alone. */
bool queue_decode(struct str body, struct arena *arena, struct queue *out);
/* An event that has left the queue counts as delivered. */
enum event_state queue_state(const struct queue *q, size_t index);
/* n_events: of the parcel, for one that has left the queue.  Moves the
 * counts; a dead event's story stays. */
void queue_move(struct queue *q, struct event_log *log, size_t n_events,
                size_t index, enum event_state to);
/* Writes both rows, or lets them go. */
void queue_store(struct turn *t, const struct queue *q);
/* The parcel goes: both rows and their part of the counts. */
void queue_drop(struct turn *t, struct queue *q, struct event_log *log);

/* The number in a key of that table. */
bool queue_key_number(struct str key, uint64_t *out);

#endif

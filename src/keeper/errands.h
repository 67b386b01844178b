#ifndef KEEPER_ERRANDS_H
#define KEEPER_ERRANDS_H

#include "keeper/turn.h"
#include "proto/courier.h"

/*
 * Calls to HubSpot, made by the courier.  An errand leaves after the commit
 * that decided it, carries a note to its own future, and comes back as a
 * request: the handler gets a struct errand_result.
 *
 *     errands_send(t, &errand, &note, do_refreshed);
 *
 * Every errand comes back exactly once; without a courier, after
 * its deadline, or when the courier dies it comes back OUTCOME_TRANSIENT.
 */
struct errand_note {
    struct str app;
    uint64_t portal;
    uint64_t generation;
    uint64_t version; /* of the token that was sent */
    struct str row;   /* the attempt's or ending's key */
    uint64_t peer;    /* who waits for the outcome */
    uint32_t call;
    uint32_t step;
    int64_t came_at_ms; /* when the reply came; 0 until then */
};
extern const struct record errand_note_record;

struct errand_result {
    struct errand_note note;
    struct courier_done done;
};

/* When the reply came, by our clock; never after now. */
int64_t errand_came_at_s(const struct errand_note *note, int64_t now_s);
/* HubSpot gave no usable answer: it may be asked again. */
bool errand_is_transient(const struct courier_done *done);

struct errands;

struct errands *errands_new(struct keeper *k);
void errands_free(struct errands *es);
/* A courier is there: it gets the spill key and what waited. */
void errands_on_courier(struct keeper *k);
/* The newest master key is another one now: couriers seal to it from now on,
 * so that the old one can be retired. */
void errands_renew_spill_key(struct keeper *k);
/* Replies wait for the disk: couriers keep them as long as that is said again
 * every few seconds, for the case that this process is killed meanwhile. */
void errands_hold(struct keeper *k);
size_t errands_n_running(const struct errands *es);

/* After the commit.  The errand's texts may be in the turn's arena. */
void errands_send(struct turn *t, const struct courier_errand *errand,
                  const struct errand_note *note, turn_handler on_done);

/*
 * At birth, before anything else: the replies that came after the last
 * keeper's death become requests again.  The file is emptied when all of
 * them are committed; else the next keeper reads it once more.
 */
enum err errands_read_spill(struct keeper *k, struct buf *problem) WARN_UNUSED;

#endif

#ifndef KEEPER_TURN_H
#define KEEPER_TURN_H

#include "base/log.h"
#include "base/record.h"
#include "ipc/channel.h"
#include "keeper/store.h"

struct keeper;
struct turn;

/*
 * A turn takes the requests that arrived, loads the rows they name, lets
 * each handler decide, commits all changes at once, and only then lets
 * anything out: answers, errands, revocations.
 *
 *     static enum err do_show(struct turn *t, const void *ask) {
 *         struct grant g;
 *         bool is_there = turn_get(t, STORE_GRANTS, key, &grant_record, &g);
 *         if (turn_is_waiting(t))
 *             return ERR_AGAIN;           -- run again when it is loaded
 *         ...
 *     }
 *
 * A handler names its rows, then looks whether it must wait, then changes
 * and answers.  It may run several times for one request (rows to load, a
 * conflict), so it changes nothing but through the functions here.  Requests
 * of one turn see each other's changes, in order.
 */

/* ERR_OK: decided; ERR_AGAIN: rows are missing; else what the store said, and
 * the turn fails. */
typedef enum err (*turn_handler)(struct turn *t, const void *ask);

/* One request, from a channel, an errand that came back, or a timer. */
struct request {
    struct request *next;
    turn_handler handler;
    const void *ask;     /* in arena */
    struct arena *arena; /* wipes */
    uint64_t peer;       /* who waits for the answer; 0: nobody */
    uint32_t call;
    unsigned n_tries;
    int64_t arrived_ms;   /* monotonic */
    struct str parked_on; /* what it waits for, or waited for last */
    uint64_t note;        /* what it is to know when it runs again */
    bool is_event;        /* nobody asked: where it cannot be, it is lost */
    void *memo;           /* see turn_memo */
    size_t weight;        /* bulk: bytes that nobody has vouched for yet */
};

struct turns;

struct turns *turns_new(struct keeper *k, struct store *store);
void turns_free(struct turns *ts);
/* ask is copied by its record (NULL: no ask).  Runs when the loop comes
 * round.  ERR_LIMIT: too many wait already. */
enum err turns_add(struct turns *ts, turn_handler handler,
                   const struct record *record, const void *ask, uint64_t peer,
                   uint32_t call) WARN_UNUSED;
/* As turns_add, for what needs no answer and is not missed. */
void turns_add_event(struct turns *ts, turn_handler handler,
                     const struct record *record, const void *ask);
/*
 * As turns_add, for what may come in a flood: it runs after everything else
 * and no more than 4 MB of it a turn.  weight: its bytes, at least 1.
 */
enum err turns_add_bulk(struct turns *ts, turn_handler handler,
                        const struct record *record, const void *ask,
                        uint64_t peer, uint32_t call,
                        size_t weight) WARN_UNUSED;
/* Who asked is gone: parked requests of that peer go, too. */
void turns_forget_peer(struct turns *ts, uint64_t peer);
/* Requests that wait, parked ones too. */
size_t turns_n_waiting(const struct turns *ts);
/* Parked requests that have waited longer get their handler run again, with
 * turn_is_late true. */
void turns_wake_late(struct turns *ts, int64_t older_than_ms);
/* Runs what is queued, now. */
void turns_run(struct turns *ts);
/* How often the store was asked and told. */
uint64_t turns_n_commits(const struct turns *ts);

/* What a handler may use. */
struct keeper *turn_keeper(struct turn *t);
struct arena *turn_arena(struct turn *t); /* wipes; until the turn's end */
int64_t turn_now_ms(struct turn *t);      /* one time for the whole turn */
int64_t turn_now_s(struct turn *t);
bool turn_is_waiting(struct turn *t);
bool turn_is_late(struct turn *t); /* parked for too long: answer now */
bool turn_was_parked(struct turn *t);
uint64_t turn_peer(struct turn *t);
uint32_t turn_call(struct turn *t);
/* The secret is freed at the turn's end. */
void turn_own(struct turn *t, struct secret *s);

/*
 * What a handler worked out from its ask alone and need not work out again
 * when it runs again; NULL at first.  Its memory: turn_lasting.
 */
void **turn_memo(struct turn *t);
struct arena *turn_lasting(struct turn *t); /* wipes; until the answer */
/* For other requests of the same turn, too: under a name, until its end. */
void *turn_recall(struct turn *t, struct str name);
void turn_remember(struct turn *t, struct str name, void *what);

/* False: no such row, or not loaded yet (turn_is_waiting says which). */
bool turn_get(struct turn *t, enum store_table table, struct str key,
              const struct record *record, void *out);
/* Is it loaded, there or not? */
bool turn_has_row(struct turn *t, enum store_table table, struct str key);
/* due and tag of the row that turn_get found. */
int64_t turn_due(struct turn *t, enum store_table table, struct str key);
struct str turn_tag(struct turn *t, enum store_table table, struct str key);
/* Rows by prefix, tag or due; NULL while waiting. The rows can then be read
 * with turn_get without another load. */
const struct store_ask *turn_find(struct turn *t, const struct store_ask *ask);

void turn_put(struct turn *t, enum store_table table, struct str key,
              const struct record *record, const void *from, int64_t due,
              struct str tag);
void turn_delete(struct turn *t, enum store_table table, struct str key);

/* After the commit, in this order: scrub, then what follows. */
void turn_scrub(struct turn *t);
void turn_answer(struct turn *t, uint16_t type, const void *body,
                 const struct record *record);
/* To another waiter than this request's own. */
void turn_answer_to(struct turn *t, uint64_t peer, uint32_t call, uint16_t type,
                    const void *body, const struct record *record);
/* This request waits until turn_wake of that text, then runs anew. */
void turn_park(struct turn *t, struct str on);
/* The same; turn_note is that number from then on, and 0 before. */
void turn_park_noting(struct turn *t, struct str on, uint64_t note);
uint64_t turn_note(struct turn *t);
void turn_wake(struct turn *t, struct str on);
/* Anything else that must not happen before the commit; arg is in the
 * turn's arena. */
void turn_after(struct turn *t, void (*act)(struct keeper *k, void *arg),
                void *arg);
/* What is logged and counted is what was committed. */
void turn_log(struct turn *t, enum log_level level, const char *event,
              const char *format, ...) __attribute__((format(printf, 4, 5)));
void turn_count(struct turn *t, uint64_t *counter);
/* A request without a waiter, in the next turn. */
void turn_follow(struct turn *t, turn_handler handler,
                 const struct record *record, const void *ask);

#endif

#ifndef RELAY_ASKS_H
#define RELAY_ASKS_H

#include "relay/leases.h"

struct channel;

/*
 * Questions to the keeper that are on their way.  However many callers ask
 * the same at the same time, the keeper is asked once.
 *
 *     struct ask_wait *w = &mine->wait;       -- in the waiter's own memory
 *     *w = (struct ask_wait){.on_answer = on_answer, .arg = mine};
 *     e = asks_start(asks, w, key, &question, id, 0);
 *
 * on_answer is called exactly once, never from within asks_start, unless
 * asks_cancel comes first.  A question that nobody waits for any more is
 * still answered, into the leases.
 */
struct asks;
struct ask;

struct ask_answer {
    enum err err;
    struct lease *lease; /* with ERR_OK; good within the call */
    struct str detail;   /* the keeper's, with any other; may be empty */
    struct str reconnect_url;
    uint32_t retry_after_s;
};

struct ask_wait {
    void (*on_answer)(const struct ask_answer *answer, void *arg);
    void *arg;
    /* asks.c's own */
    struct ask *ask; /* NULL when it waits for nothing */
    struct ask_wait *next, *before;
};

struct asks *asks_new(struct leases *leases, struct channel *keeper);
/* Cancels all of them.  Takes NULL. */
void asks_free(struct asks *all);
/* The keeper is gone.  Its calls have ended before (ipc/channel.h). */
void asks_lose_keeper(struct asks *all);

/*
 * refused_version: HubSpot refused this version of the token; 0: none.
 * ERR_UNAUTHORIZED: the credential is no key of ours.  ERR_UNAVAILABLE: there
 * is no keeper.  In both cases nothing waits.
 */
enum err asks_start(struct asks *all, struct ask_wait *wait,
                    struct lease_key key, const struct lease_question *q,
                    struct str request_id,
                    uint64_t refused_version) WARN_UNUSED;
void asks_cancel(struct ask_wait *wait);
/*
 * As leases_find.  A lease near its end is answered too, and the keeper asked
 * for the next one, once, for nobody; its no ends the lease.
 */
struct lease *asks_find(struct asks *all, struct lease_key key,
                        const struct lease_question *q, struct str request_id);
/* How many were sent to the keeper so far. */
uint64_t asks_count(const struct asks *all);

#endif

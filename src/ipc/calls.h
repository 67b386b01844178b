#ifndef IPC_CALLS_H
#define IPC_CALLS_H

#include "ipc/channel.h"

/*
 * The calls of one channel that wait for their replies.  Each ends exactly
 * once: by its reply, at its deadline, with its channel, or by being
 * cancelled, which is silent.
 *
 *     id = calls_add(&calls, &what)->id;
 *     calls_end(calls_take(&calls, id), ERR_OK, m, reply);
 *
 * Ending functions run code that may add, cancel and end other calls here.
 */
struct call {
    struct call *next;
    uint32_t id;
    uint16_t reply_type;
    int64_t deadline_ms; /* monotonic; 0: it could not even be sent */
    enum err fate;       /* how it ends at the deadline */
    channel_on_reply on_reply;
    void *arg;
};

struct calls {
    struct call *first; /* newest first */
    size_t n;
    uint32_t next_id; /* never 0 */
};

void calls_init(struct calls *calls);
/* A copy of `what` with an id of its own. */
struct call *calls_add(struct calls *calls, const struct call *what);
/* Out of the list and the caller's; NULL if it is not there. */
struct call *calls_take(struct calls *calls, uint32_t id);
/* All that there are when it begins; those that are added meanwhile, by a
 * function that tries again, stay. */
void calls_end_all(struct calls *calls, enum err reason);
void calls_end_late(struct calls *calls, int64_t now_ms);

/* Tells the caller and frees. */
void calls_end(struct call *c, enum err e, const struct message *m,
               const void *reply);

#endif

#ifndef IPC_CHANNEL_H
#define IPC_CHANNEL_H

#include "base/record.h"

struct event_base;

/*
 * A channel carries messages between two processes over a Unix socket:
 * calls, replies to them, and events.  Frame: length (4 bytes), kind (1),
 * type (2), id (4), then the record.  What may arrive is a table of
 * messages, the conversation; anything else closes the channel.
 *
 *     ch = channel_new(base, fd, &front_conversation, &handler, arg);
 *     channel_call(ch, &connect_begin, &ask, DEADLINE_CALL_MS, on_begun, x);
 *
 * Descriptors travel with a message (SCM_RIGHTS), one at most.
 */
struct channel;

struct message {
    uint16_t type;  /* unique in its conversation */
    uint16_t reply; /* type of the reply; 0: an event */
    const struct record *record;
    const char *purpose; /* one sentence, for docs/messages.md */
    const char *from;    /* who sends it: "front", "keeper" */
    bool has_fd;         /* a descriptor travels with it */
};

struct conversation {
    const char *name;
    const struct message *messages;
    size_t n_messages;
};

/* A call that arrived and waits for its reply. */
struct incoming {
    struct channel *channel;
    uint32_t id; /* 0 for an event */
    const struct message *message;
    const void *body;    /* the decoded struct; good until the handler ends */
    struct arena *arena; /* where its lists are; good as long */
    int fd;              /* -1, or the handler's to close */
};

struct channel_handler {
    void (*on_message)(const struct incoming *in, void *arg);
    /* Once, when the peer is gone or broke the rules.  All calls in flight
     * have got ERR_CLOSED before.  The channel may be freed here. */
    void (*on_close)(struct channel *ch, enum err reason, void *arg);
};

/* fd becomes the channel's and non-blocking. */
struct channel *channel_new(struct event_base *base, int fd,
                            const struct conversation *conversation,
                            const struct channel_handler *handler, void *arg);
/* Calls in flight get ERR_CLOSED; on_close is not called.  Takes NULL. */
void channel_free(struct channel *ch);

/*
 * reply is the decoded struct on ERR_OK, else NULL (ERR_TIMEOUT, ERR_CLOSED,
 * ERR_LIMIT for too many calls in flight); good until the function returns.
 */
typedef void (*channel_on_reply)(enum err e, const struct message *m,
                                 const void *reply, void *arg);
/* on_reply is called exactly once, never from within channel_call, unless
 * the call is cancelled by the id returned. */
uint32_t channel_call(struct channel *ch, uint16_t type, const void *body,
                      unsigned deadline_ms, channel_on_reply on_reply,
                      void *arg);
void channel_cancel(struct channel *ch, uint32_t id);

/* id is incoming.id.  A reply to a call that is no longer there is dropped
 * by the other side. */
void channel_reply(struct channel *ch, uint32_t id, uint16_t type,
                   const void *body);
void channel_event(struct channel *ch, uint16_t type, const void *body);
/* As channel_event, with a descriptor; the caller still closes its own. */
void channel_event_fd(struct channel *ch, uint16_t type, const void *body,
                      int fd);
/* Writes what is queued, blocking at most timeout_ms: before _exit. */
void channel_flush(struct channel *ch, unsigned timeout_ms);

/* The message of that type, or NULL. */
const struct message *conversation_find(const struct conversation *c,
                                        uint16_t type);

#endif

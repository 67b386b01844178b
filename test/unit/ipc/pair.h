#ifndef TEST_IPC_PAIR_H
#define TEST_IPC_PAIR_H

#include "ipc/channel.h"

#include <event2/event.h>

/*
 * Two channels that are each other's ends, or one channel and a raw socket
 * for a peer that breaks the rules; and a small conversation of their own.
 */
enum talk_type { TALK_ASK = 1, TALK_ANSWER, TALK_NEWS, TALK_GIFT, TALK_OTHER };

struct talk {
    uint64_t number;
    struct str text;
};
extern const struct conversation talk_conversation;

/* What one end has heard. */
struct ear {
    struct channel *channel; /* NULL once closed */
    size_t n_messages, n_replies, n_closed;
    uint64_t last_number;
    uint16_t last_type;
    size_t last_length;
    int last_fd; /* of TALK_GIFT; the test's to close; -1 */
    enum err close_reason, last_err;
    bool does_answer, does_free_on_message, does_free_on_reply, does_ask_again;
    struct ear *other;
};

struct pair {
    struct event_base *base;
    struct ear a, b;
    int raw; /* the socket in place of b; -1 */
};

void pair_open(struct pair *p);
/* b is a bare socket. */
void pair_open_raw(struct pair *p);
void pair_close(struct pair *p);

/* Turns the loop until *count is at least n; fails the test after 10 s. */
void pair_until(struct pair *p, const size_t *count, size_t n);
/* Turns the loop as long as something is ready. */
void pair_turn(struct pair *p);

/* For channel_call, with an ear as its arg. */
void ear_on_reply(enum err e, const struct message *m, const void *reply,
                  void *arg);
#endif

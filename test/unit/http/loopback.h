#ifndef TEST_LOOPBACK_H
#define TEST_LOOPBACK_H

#include "base/buf.h"

#include <event2/event.h>

/*
 * One loop with both ends in it: the code under test, and a peer that says
 * exactly the bytes that a test wants.
 *
 *     struct raw raw = raw_connect(&lb, port);
 *     raw_say(&raw, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
 *     WAIT(&lb, raw_has(&raw, "hello"));
 *     raw_close(&raw);
 */
struct loopback {
    struct event_base *base;
    struct event *tick;
};

void loopback_init(struct loopback *lb);
void loopback_done(struct loopback *lb);

/* A listening socket on a port of the system's choice. */
int loopback_listen(uint16_t *out_port);

/* Turns the loop until the condition holds; fails after 20 s. */
#define WAIT(lb, condition)                                           \
    do {                                                              \
        for (unsigned turns = 0; !(condition); turns++)               \
            loopback_turn(lb, turns, #condition, __FILE__, __LINE__); \
    } while (0)
void loopback_turn(struct loopback *lb, unsigned n, const char *what,
                   const char *file, int line);
/* Some turns, for what must not happen. */
void loopback_rest(struct loopback *lb);

struct raw {
    struct loopback *lb;
    int fd;
    struct buf in;  /* all that came */
    bool has_ended; /* closed by the other side, or reset */
    bool is_reset;
};

struct raw raw_connect(struct loopback *lb, uint16_t port);
/* The next connection to a listening socket; waits for it. */
struct raw raw_accept(struct loopback *lb, int listener);
void raw_say(struct raw *r, const char *text);
void raw_say_bytes(struct raw *r, struct str bytes);
bool raw_has(struct raw *r, const char *text);
/* The bytes that came are these and no others. */
bool raw_is(struct raw *r, const char *text);
bool raw_has_ended(struct raw *r);
size_t raw_count(struct raw *r, const char *text);
void raw_forget(struct raw *r);
void raw_close(struct raw *r);
/* So that the other side sees a reset. */
void raw_reset(struct raw *r);

#endif

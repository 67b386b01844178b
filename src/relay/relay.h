#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include "base/buf.h"
#include "relay/answers.h"
#include "relay/counters.h"
#include "relay/upstream.h"

struct api_call;
struct asks;
struct ask_answer;
struct channel;
struct child;
struct env;
struct event;
struct leases;
struct passage;

/*
 * The one relay of this process: what its files share.  main.c makes it, the
 * listener gives it to each handler.
 *
 * An exchange that waits for something sets an exchange_user (http_set_user)
 * that listener.c tells what happens to it.
 */
struct relay {
    struct child *child;
    struct env *env;
    struct channel *keeper; /* NULL once it is gone */
    struct leases *leases;
    struct asks *asks;
    struct http_server *server;
    struct upstream upstream;
    struct passage *passages; /* running; see passage.h */
    struct api_call *polls;   /* that wait for events; see api.c */
    struct buf scratch;       /* one answer with a token; wipes itself */
    struct counters counters;
    struct event *report_timer;    /* uses, every 10 s */
    struct event *on_exchange_end; /* once it drains */
};

/* Any of them may be NULL. */
struct exchange_user {
    void (*on_body)(struct exchange_user *u, struct str piece, bool is_last);
    void (*on_writable)(struct exchange_user *u);
    void (*on_end)(struct exchange_user *u); /* once; the exchange is gone */
};

/* refusals.c: problems of our own, counted. */
void relay_refuse(struct relay *r, struct http_exchange *x,
                  const struct request_id *id, const struct problem *p);
/* 405; allowed is the list for the header of that name. */
void relay_refuse_method(struct relay *r, struct http_exchange *x,
                         const struct request_id *id, struct str allowed);
/* With the sentence that fits e; for those that need no more words. */
void relay_refuse_err(struct relay *r, struct http_exchange *x,
                      const struct request_id *id, enum err e);
/* The keeper's no, in its words where it has some. */
void relay_refuse_answer(struct relay *r, struct http_exchange *x,
                         const struct request_id *id,
                         const struct ask_answer *a);
/* A call that ended without an answer of HubSpot's: what happened, and
 * whether the request may have been executed. */
void relay_refuse_call(struct relay *r, struct http_exchange *x,
                       const struct request_id *id, enum err e, bool was_sent);

/* listener.c: what the HTTP server calls, with the relay as argument. */
extern const struct http_handler relay_handler;

#endif

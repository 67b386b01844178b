#ifndef CLI_WEB_H
#define CLI_WEB_H

#include "base/arena.h"
#include "base/buf.h"
#include "http/client.h"

struct event_base;

/*
 * HTTP for programs that may wait: start calls, then wait for them all.
 *
 *     struct web web;
 *     web_open(&web);
 *     web_start(&web, &spec, &answer);
 *     web_wait(&web);
 *     ... answer.err, answer.status, answer.body ...
 *     web_answer_done(&answer);
 *     web_close(&web);
 */
struct web {
    struct event_base *base;
    struct dns *dns;
    struct http_client *client;
    size_t n_running;
};

#define WEB_HEADERS 32 /* of an answer that are kept */

struct web_answer {
    struct web *web;
    enum err err; /* ERR_OK: the whole answer came */
    unsigned status;
    struct http_header headers[WEB_HEADERS];
    size_t n_headers;
    struct buf body;
    int64_t started_us, ended_us;
    struct arena *arena;
    /* Where the body goes instead, as it comes; NULL: into `body`. */
    void (*on_piece)(struct str piece, void *arg);
    void *arg;
};

/* For the machine's own services: plain HTTP. */
void web_open(struct web *web);
/* Ends what runs. */
void web_close(struct web *web);

/* out holds its on_piece and arg already, or is zero; it must stay until
 * the call has ended. */
void web_start(struct web *web, const struct http_call_spec *spec,
               struct web_answer *out);
/* Until every call that was started has ended. */
void web_wait(struct web *web);
/* Both in one. */
void web_call(struct web *web, const struct http_call_spec *spec,
              struct web_answer *out);
void web_answer_done(struct web_answer *answer);

/* The value of a header; empty if it is not there. */
struct str web_header(const struct web_answer *answer, const char *name);
/* Microseconds from the start of the call to the end of its answer. */
int64_t web_took_us(const struct web_answer *answer);

/* Method and URL into a call; the target is made in the arena. */
enum err web_spec(struct arena *arena, struct str method, struct str url,
                  struct http_call_spec *out) WARN_UNUSED;

#endif

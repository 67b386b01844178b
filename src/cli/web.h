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
    struct http_client *client; /* NULL once it was stopped */
    struct tls_context *tls;    /* NULL: plain HTTP only */
    bool is_beside;             /* the loop is another one's */
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
struct web_setup {
    bool has_tls;       /* with the system's certificates */
    dns_filter filter;  /* of addresses; NULL: any */
    struct web *beside; /* uses its loop, and is closed before it */
};
/* ERR_SYSTEM: there are no certificates of the system. */
enum err web_open_as(struct web *web,
                     const struct web_setup *setup) WARN_UNUSED;
/* Ends what runs. */
void web_close(struct web *web);
/* The same from within the loop, e.g. at a signal; no call can be started
 * after it. */
void web_stop(struct web *web);
/* Waits for so long, or until web_stop. */
void web_pause(struct web *web, unsigned ms);

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

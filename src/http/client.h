#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "base/buf.h"
#include "http/dns.h"
#include "http/head.h"
#include "http/url.h"

struct event_base;
struct tls_context;

/*
 * The calling side: a pool of kept-alive connections by host, port and
 * scheme, and calls on them.
 *
 *     call = http_call_start(client, &spec, &handler, arg);
 *
 * No redirect is ever followed.  A call that finds its kept connection
 * closed before a byte of the answer came is sent once more, if the method is
 * idempotent (RFC 9110 9.2.2) or no byte of it was sent; a streamed body only
 * while it has at most 16 KiB.  Nothing else is retried.
 */
struct http_client;
struct http_call;

struct http_client_setup {
    struct event_base *base;
    struct dns *dns;
    struct tls_context *tls; /* for https; may be NULL where there is none */
    dns_filter filter;       /* checked before each connect; may be NULL */
    void *filter_arg;
    size_t max_connections; /* of one host; 0: LIMIT_UPSTREAM */
    unsigned idle_ms;       /* a kept connection is closed after; 0: 30 s */
    unsigned connect_ms;    /* for one address, with TLS; 0: 8 s */
};

struct http_client *http_client_new(const struct http_client_setup *setup);
/* Cancels all calls (their on_end is called with ERR_CLOSED). */
void http_client_free(struct http_client *c);

struct http_call_spec {
    struct str scheme; /* "http" or "https" */
    struct str host;
    uint16_t port; /* 0: the scheme's own */
    struct str method;
    struct str target; /* path and query */
    /* Host, Content-Length and Transfer-Encoding are added and must not be
     * among these, nor may Connection and Expect. */
    const struct http_header *headers;
    size_t n_headers;
    struct str body;  /* whole bodies of our own, up to 16 MiB; copied */
    bool is_streamed; /* the body comes by http_call_piece instead */
    bool has_length;  /* of a streamed body; else chunked */
    uint64_t length;
    bool is_secret;      /* the request is built in memory that is wiped */
    unsigned timeout_ms; /* for the whole call; 0: none */
    unsigned silence_ms; /* between two signs of life; 0: 30 s */
};

struct http_call_handler {
    /* Final heads only (1xx are swallowed).  Good until on_end. */
    void (*on_head)(struct http_call *call, const struct http_head *head,
                    void *arg);
    void (*on_body)(struct http_call *call, struct str piece, void *arg);
    /* Streamed requests: there is room again.  May be NULL. */
    void (*on_writable)(struct http_call *call, void *arg);
    /*
     * Exactly once, never from within the functions below, but by
     * http_client_free.  ERR_OK: the whole answer came.  ERR_UNREACHABLE
     * (nothing was sent; also for a certificate that is not good), ERR_CLOSED
     * (broke off), ERR_TIMEOUT, ERR_UPSTREAM (not HTTP), ERR_LIMIT (head, or
     * own body), ERR_FORBIDDEN (address refused), ERR_NOT_FOUND (no such
     * host), ERR_UNAVAILABLE (LIMIT_CALLS calls wait for this host).  The call
     * is gone when this returns.
     */
    void (*on_end)(struct http_call *call, enum err e, void *arg);
};

struct http_call *http_call_start(struct http_client *c,
                                  const struct http_call_spec *spec,
                                  const struct http_call_handler *handler,
                                  void *arg);
/* Streamed request body.  Returns the unsent bytes, see on_writable. */
size_t http_call_piece(struct http_call *call, struct str piece);
void http_call_finish(struct http_call *call);
/* Stop and go on with reading the answer. */
void http_call_pause(struct http_call *call);
void http_call_resume(struct http_call *call);
/* Ends it now; on_end is not called. */
void http_call_cancel(struct http_call *call);
/* Whether any byte of this call was written to a connection. */
bool http_call_was_sent(const struct http_call *call);
/* For on_end: more words for a log, e.g. "certificate has expired"; or "". */
const char *http_call_why(const struct http_call *call);

#endif

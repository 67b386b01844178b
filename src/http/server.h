#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "base/arena.h"
#include "http/head.h"

struct event_base;
struct tls_context;
struct http_server;

/*
 * The accepting side.  One exchange is one request and its answer.
 *
 *     static void on_request(struct http_exchange *x, void *arg) {
 *         http_respond_text(x, 200, STR("text/plain"), STR("hello\n"));
 *     }
 *
 * A request is handed over whole (on_request, body at most max_body) unless
 * on_head calls http_stream_body; then its pieces come by on_body.  The next
 * request of a connection is read only when the exchange has ended.
 *
 * It answers by itself, and closes: 400 for bytes that do not parse, 408 for
 * a head or body that is too slow, 413 for a body over max_body, 414 and 431
 * for a head over its limits, 503 over max_connections.  Those answers go
 * through on_refused where it is set, so that they look like all others.
 * 100-continue is sent when the body is first wanted.
 */
struct http_exchange;

struct http_handler {
    void (*on_head)(struct http_exchange *x, void *arg); /* may be NULL */
    void (*on_request)(struct http_exchange *x, void *arg);
    /* Streamed requests.  An empty piece with is_last ends the body; nothing
     * comes once the answer has ended. */
    void (*on_body)(struct http_exchange *x, struct str piece, bool is_last,
                    void *arg);
    /* The unsent bytes of a streamed answer fell below half the window. */
    void (*on_writable)(struct http_exchange *x, void *arg);
    /* Exactly once for each exchange that on_head or on_request saw.
     * ERR_OK: answered and sent.  ERR_CLOSED: the client went away, also
     * when it only said that it sends no more.
     * ERR_TIMEOUT: it was too slow.  ERR_SYNTAX, ERR_LIMIT: its body was
     * refused.  x is gone when this returns.  Never called from within the
     * functions below, but by http_server_free. */
    void (*on_end)(struct http_exchange *x, enum err reason, void *arg);
    /* One more header of a refusal, asked for first; may be NULL.  Its text
     * is good until the next call. */
    void (*on_refused_header)(struct http_header *out, void *arg);
    /* Fills a body and its content type for a refusal; may be NULL. */
    void (*on_refused)(unsigned status, struct buf *out_body,
                       struct str *out_type, void *arg);
};

struct http_server_setup {
    struct event_base *base;
    int fd;                  /* listening, non-blocking; the server's now */
    struct tls_context *tls; /* NULL: plain.  Stays the caller's */
    size_t max_body;         /* of requests that are handed over whole, unless
                              * http_set_max_body says otherwise */
    size_t max_connections;  /* 0: LIMIT_CONNECTIONS */
    bool is_secret;          /* buffers are wiped before they are used again */
    unsigned head_ms;        /* 0: DEADLINE_HEAD_MS */
    unsigned body_ms;        /* 0: DEADLINE_BODY_MS; also for sending */
    unsigned idle_ms;        /* 0: DEADLINE_IDLE_MS */
    const struct http_handler *handler;
    void *arg;
};

struct http_server *http_server_new(const struct http_server_setup *setup);
/* Accepts no more, closes idle connections; running exchanges go on, and
 * their connections close after them. */
void http_server_drain(struct http_server *s);
size_t http_server_n_running(const struct http_server *s);
/* Ends everything now. */
void http_server_free(struct http_server *s);

/* The request.  Good until on_end. */
const struct http_head *http_request(const struct http_exchange *x);
struct str http_request_body(const struct http_exchange *x);
/* The peer's IP address as text, without the port. */
struct str http_peer(const struct http_exchange *x);
/* The exchange's own arena: all that lives as long as it. */
struct arena *http_arena(struct http_exchange *x);
void http_set_user(struct http_exchange *x, void *user);
void *http_user(const struct http_exchange *x);

/* From on_head only: the body comes by on_body, on_request is not called. */
void http_stream_body(struct http_exchange *x);
/* From on_head only: this request's body may be so long. */
void http_set_max_body(struct http_exchange *x, size_t max_body);
/* Stop and go on with reading the streamed body. */
void http_pause_body(struct http_exchange *x);
void http_resume_body(struct http_exchange *x);

/*
 * A whole answer.  Date, Content-Length and Connection are added; a HEAD
 * request gets the head only.  Headers and body are copied or sent at once.
 */
void http_respond(struct http_exchange *x, unsigned status,
                  const struct http_header *headers, size_t n_headers,
                  struct str body);
void http_respond_text(struct http_exchange *x, unsigned status,
                       struct str type, struct str body);

/*
 * A streamed answer.  has_length false means chunked (or until close for
 * HTTP/1.0); the headers must hold neither Content-Length nor
 * Transfer-Encoding nor Connection.  is_bodiless: HEAD, 204, 304; then
 * length, if has_length, is written but nothing follows.
 */
struct http_answer {
    unsigned status;
    const struct http_header *headers;
    size_t n_headers;
    bool has_length;
    bool is_bodiless;
    bool has_date; /* headers bring their own Date */
    uint64_t length;
};
void http_answer_begin(struct http_exchange *x, const struct http_answer *a);
/* Returns the unsent bytes: over LIMIT_RELAY_WINDOW the caller waits for
 * on_writable. */
size_t http_answer_piece(struct http_exchange *x, struct str piece);
void http_answer_end(struct http_exchange *x);
bool http_is_answered(const struct http_exchange *x);

/* Closes the connection at once: an answer that broke off must not look
 * whole.  on_end follows with `reason`. */
void http_abort(struct http_exchange *x, enum err reason);

#endif

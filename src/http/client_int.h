#ifndef HTTP_CLIENT_INT_H
#define HTTP_CLIENT_INT_H

#include "http/chunk.h"
#include "http/client.h"
#include "http/stream.h"
#include "http/tls_peer.h"

/*
 * What the files of the client share: client.c (hosts and who waits for them),
 * client_outbound.c (one connection to a host), client_call.c (what the caller
 * does with a call) and client_reply.c (reading the answer).
 */
struct host {
    struct http_client *client;
    struct host *next;
    struct buf name; /* as given */
    uint16_t port;
    bool is_tls;
    struct tls_ticket ticket;

    struct outbound *first; /* all connections */
    struct outbound *idle;  /* of these, the one used last first */
    size_t n_connections;
    size_t n_opening;

    struct http_call *waiting, **waiting_end;
    size_t n_waiting;
    struct task pump;
};

enum outbound_state {
    OUTBOUND_NEW,
    OUTBOUND_RESOLVING,
    OUTBOUND_CONNECTING, /* with the TLS handshake */
    OUTBOUND_IDLE,
    OUTBOUND_RUNNING, /* a call is on it */
    OUTBOUND_CLOSED,
    OUTBOUND_STATES
};

struct outbound {
    struct host *host;
    struct outbound *next, *before;           /* of all of the host */
    struct outbound *next_idle, *before_idle; /* of the idle ones */
    struct dns_query *query;
    struct dns_addresses addresses;
    size_t n_tried;
    const char *why; /* the first of them failed; or NULL */

    enum outbound_state state;
    bool is_going;          /* outbound_go is at work up the stack */
    bool is_resting;        /* IDLE for long already */
    size_t n_calls;         /* that ran on it */
    struct http_call *call; /* NULL while RUNNING: it was cancelled */
    struct deadline deadline;
    struct stream stream;
    struct task drop;
};

struct http_call {
    struct http_client *client;
    struct http_call *next, *before; /* of all of the client, or spare */
    struct http_call_handler handler;
    void *arg;
    struct host *host;
    struct http_call *next_waiting;
    struct outbound *o; /* NULL while it waits */
    bool is_waiting;

    /* The request */
    struct buf request; /* head and body, or their beginning */
    bool is_idempotent;
    bool is_head_method;
    bool is_secret;
    bool is_chunked;
    bool is_finished; /* no more is written by the caller */
    bool is_whole;    /* `request` holds all that was written */
    bool is_full;     /* on_writable is owed */
    bool was_repeated;
    bool was_sent;
    bool has_length;
    uint64_t body_left;   /* of what the caller has to write */
    uint64_t sent_before; /* the stream's count when the call came on it */

    /* The answer */
    bool has_head;
    bool is_paused;
    bool is_reusable; /* the connection is, after this call */
    unsigned n_interim;
    struct chunk_reader chunks;
    uint64_t reply_left;

    enum err failed; /* what a call that never started ends with */
    const char *why;
    int64_t total_at; /* INT64_MAX: none */
    unsigned silence_ms;
    struct deadline deadline;
    struct task fail;
    struct task drop;

    struct http_head head; /* large, and cleared by its parser */
};

struct http_client {
    struct http_client_setup setup;
    struct loop loop;
    struct host *hosts;
    size_t n_hosts;
    struct http_call *calls;
    struct http_call *spare;
    size_t n_spare;
    bool is_freed;
    struct task drop;
};

/* client.c */
struct host *client_host(struct http_client *c, bool is_tls, struct str name,
                         uint16_t port);
/* Starts it at once on an idle connection, or lets it wait for one. */
void host_add_call(struct host *h, struct http_call *call);
/* The same in front of all others, for one that is sent once more. */
void host_return_call(struct host *h, struct http_call *call);
void host_remove_call(struct host *h, struct http_call *call);
/* Who waits gets what is idle, or a new connection; at the turn's end. */
void host_due(struct host *h);

/* client_outbound.c */
void outbound_open(struct host *h);
void outbound_close(struct outbound *o);
void outbound_start_call(struct outbound *o, struct http_call *call);
/* Its call has ended well, and so may the next one. */
void outbound_rest(struct outbound *o);
void outbound_due(struct outbound *o);

/* client_call.c */
/* The one way out: unlinks it, tells the caller, lets the connection go. */
void call_end(struct http_call *call, enum err e);
/* Its connection broke, and it may be sent once more. */
void call_return(struct http_call *call);
/* Moves the deadline on after a sign of life. */
void call_touch(struct http_call *call);

/* client_reply.c */
/* Reads what came.  False: nothing more to do now. */
bool reply_go(struct outbound *o);

#endif

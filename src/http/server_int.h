#ifndef HTTP_SERVER_INT_H
#define HTTP_SERVER_INT_H

#include "http/chunk.h"
#include "http/server.h"
#include "http/stream.h"

/*
 * What the files of the server share: server.c (listening, the list of
 * connections), server_connection.c (reading requests), server_body.c,
 * server_answer.c (writing answers) and server_exchange.c (the object between
 * them and the handler).
 */
enum connection_state {
    CONNECTION_NEW,
    CONNECTION_OPENING,   /* TLS shakes hands */
    CONNECTION_WAITING,   /* nothing of a next request is there */
    CONNECTION_HEAD,      /* a part of its head is */
    CONNECTION_RUNNING,   /* an exchange goes on */
    CONNECTION_LINGERING, /* all is said; what still comes is thrown away */
    CONNECTION_CLOSED,
    CONNECTION_STATES
};

struct connection {
    struct http_server *server;
    struct connection *next, *before;
    char peer[46]; /* an IPv6 address as text */
    bool is_over;  /* over max_connections: gets a 503 and goes */

    enum connection_state state;
    bool is_going;           /* connection_go is at work up the stack */
    bool is_resting;         /* WAITING for long already */
    int64_t waits_since;     /* in WAITING */
    size_t n_dropped;        /* bytes thrown away while lingering */
    struct http_exchange *x; /* NULL unless HEAD or RUNNING */
    struct deadline deadline;
    struct stream stream;
    struct task drop;
};

struct http_exchange {
    struct connection *connection;
    struct http_exchange *next; /* while it is spare */
    struct arena *arena;
    void *user;

    /* The request */
    bool is_seen;     /* the handler knows it; on_end is owed */
    bool is_streamed; /* the body goes to on_body */
    bool is_paused;
    bool is_body_done;
    bool is_continued;    /* 100 was sent, or nothing waits for it */
    uint64_t body_left;   /* with HTTP_LENGTH */
    uint64_t body_n;      /* came so far */
    uint64_t body_marked; /* of these, when the deadline was last moved */
    struct chunk_reader chunks;
    struct buf body_buf; /* a body that does not fit behind its head */
    struct str body;

    /* The answer */
    bool is_begun;
    bool is_ended;
    bool is_chunked;
    bool is_bodiless;
    bool has_length;
    bool is_closing; /* the connection ends with this exchange */
    bool is_full;    /* on_writable is owed */
    bool is_aborted;
    enum err abort_reason;
    uint64_t answer_left; /* with has_length */

    struct http_head head; /* large, and cleared by its parser */
};

struct http_server {
    struct http_server_setup setup;
    struct loop loop;
    struct event accept_event;
    struct deadline accept_again; /* after running out of descriptors */
    struct connection *first;
    size_t n_connections;
    size_t n_running;
    struct http_exchange *spare;
    size_t n_spare;
    bool is_draining;
    bool is_freed;
    struct task drop;
};

/* server.c */
void server_remove(struct http_server *s, struct connection *c);

/* server_connection.c */
void connection_new(struct http_server *s, int fd, struct ssl_st *ssl,
                    const char *peer, bool is_over);
/* Ends it at once, and its exchange with `reason`. */
void connection_close(struct connection *c, enum err reason);
/* Sends what is unsent, says that no more comes, waits for the client. */
void connection_linger(struct connection *c);
/* The stream changed, or the handler did something: move on. */
void connection_due(struct connection *c);

/* server_exchange.c */
struct http_exchange *exchange_new(struct connection *c);
/* The one way out: tells the handler if it is owed, keeps x for the next. */
void exchange_end(struct http_exchange *x, enum err reason);
void exchange_free(struct http_exchange *x);

/* server_body.c */
/* Moves the body on by what came.  False: nothing more to do now. */
bool body_go(struct http_exchange *x);
/* All of it came: the handler gets the request, or the last piece. */
void body_finish(struct http_exchange *x);
/* It is too large, or does not parse. */
void body_refuse(struct http_exchange *x, enum err e);

/* server_answer.c */
/* An answer of our own, when no exchange is left or none ever was; the
 * connection ends with it. */
void answer_refusal(struct connection *c, unsigned status, bool is_head);

#endif

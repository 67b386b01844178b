#ifndef HTTP_STREAM_H
#define HTTP_STREAM_H

#include "base/str.h"
#include "http/loop.h"

#include <sys/socket.h>

struct ssl_st; /* OpenSSL's SSL; see tls_io.h */

/*
 * A connected socket with or without TLS, and its bytes in both directions.
 *
 *     stream_init(&s, loop, go, owner);
 *     stream_accept(&s, fd, NULL);
 *
 * Whenever something changed (bytes came, bytes left, it opened, ended or
 * broke) it calls go(owner), which looks at the stream and moves on; the
 * stream never calls anything from within the functions below.  It makes one
 * system call a turn and direction, and none for epoll while bytes flow.
 *
 * Bytes in: stream_input is what is unread; stream_take takes some off its
 * front; stream_pin takes some that stay in place until stream_unpin, so that a
 * head can be used while the body behind it comes and goes.
 * Bytes out: what is written during a turn leaves together at its end, or
 * with stream_flush.
 */
/* After so long without a byte a connection rests, see stream_rest. */
#define STREAM_REST_MS 2000

enum stream_state {
    STREAM_CLOSED,
    STREAM_CONNECTING,
    STREAM_HANDSHAKING, /* TLS */
    STREAM_OPEN,
};

struct stream {
    struct loop *loop;
    void (*go)(void *owner);
    void *owner;
    struct ssl_st *ssl; /* NULL: plain */
    int fd;

    enum stream_state state;
    bool is_secret;    /* buffers are wiped before they are given back */
    bool has_ended;    /* the peer sent all it wanted */
    bool is_broken;    /* no byte can be read any more */
    bool cannot_write; /* what is written is thrown away */
    bool is_reading;   /* the read event is in the loop */
    bool is_writing;   /* the write event is: the socket is full */
    bool has_more;     /* TLS holds bytes that did not fit into the block */
    const char *why;   /* what broke it, for people; "" while nothing has */
    uint64_t n_sent;   /* bytes that the socket or TLS took */

    struct event read_event, write_event;
    struct task task;

    char *in; /* a block, or NULL */
    size_t in_pin, in_at, in_end, in_high;

    char *out; /* a block, or heap memory if out_room says so */
    size_t out_at, out_end, out_room, out_high;
};

void stream_init(struct stream *s, struct loop *loop, void (*go)(void *owner),
                 void *owner);
/* Both take the descriptor and the SSL object.  go is called when it opens;
 * a plain accepted one is open at once. */
void stream_accept(struct stream *s, int fd, struct ssl_st *ssl);
void stream_connect(struct stream *s, int fd, struct ssl_st *ssl);
/* Frees everything it holds; unsent bytes are lost.  May be repeated. */
void stream_close(struct stream *s);
/* As stream_close, and the peer sees that something was cut off. */
void stream_reset(struct stream *s);
/* go is called at the end of this turn. */
void stream_due(struct stream *s);
/* Nothing is expected soon: TLS lets its buffers go until something comes. */
void stream_rest(struct stream *s);

static inline struct str
stream_input(const struct stream *s)
{
    if (s->in == NULL)
        return STR_NONE;
    return str_of(s->in + s->in_at, s->in_end - s->in_at);
}
/* Bytes that nobody takes fill one block; then no more are read. */
void stream_take(struct stream *s, size_t n);
/* Takes n bytes that stay where they are, with all taken before. */
void stream_pin(struct stream *s, size_t n);
void stream_unpin(struct stream *s);
/* How many bytes can be unread at once behind what is pinned. */
static inline size_t
stream_window(const struct stream *s)
{
    return BLOCK_SIZE - s->in_pin;
}

/* Room for n bytes, to be filled at once and counted with stream_wrote. */
char *stream_room(struct stream *s, size_t n);
void stream_wrote(struct stream *s, size_t n);
/* Large pieces leave at once, without a copy, if the socket takes them. */
void stream_write(struct stream *s, struct str piece);
static inline size_t
stream_unsent(const struct stream *s)
{
    return s->out_end - s->out_at;
}
void stream_flush(struct stream *s);
/* No more is written: TLS's and TCP's word for it. */
void stream_shut(struct stream *s);

#endif

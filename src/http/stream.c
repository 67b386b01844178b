#include "http/stream_int.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

/*
 *   CLOSED -accept-> HANDSHAKING (TLS) -> OPEN -close-> CLOSED
 *   CLOSED -connect-> CONNECTING -> HANDSHAKING (TLS) -> OPEN
 *
 * The read event stays in the loop as long as a byte could be read: then a
 * request costs no call for epoll.  The write event is there only while the
 * socket is full, or connecting.
 *
 * After a read that did not fill the block the socket is taken for empty;
 * after one that did, epoll is level-triggered and says so again.
 */

static void on_read(evutil_socket_t fd, short what, void *arg);
static void on_write(evutil_socket_t fd, short what, void *arg);
static void on_task(struct task *t);

void
stream_init(struct stream *s, struct loop *loop, void (*go)(void *owner),
            void *owner)
{
    *s = (struct stream){.loop = loop,
                         .go = go,
                         .owner = owner,
                         .fd = -1,
                         .why = "",
                         .task = {.run = on_task}};
}

static size_t
room_in(const struct stream *s)
{
    return s->in == NULL ? BLOCK_SIZE : BLOCK_SIZE - s->in_end;
}

/* Puts the read event in or out. */
static void
watch(struct stream *s)
{
    bool wants = s->state >= STREAM_HANDSHAKING && !s->has_ended &&
                 !s->is_broken && room_in(s) > 0;
    if (wants == s->is_reading)
        return;
    s->is_reading = wants;
    /* Both fail only when memory or the epoll descriptor do. */
    if (wants)
        (void)event_add(&s->read_event, NULL);
    else
        (void)event_del(&s->read_event);
}

static void
start(struct stream *s, int fd, struct ssl_st *ssl)
{
    int on = 1;
    assert(s->state == STREAM_CLOSED);
    s->fd = fd;
    s->ssl = ssl;
    s->has_ended = s->is_broken = s->cannot_write = s->has_more = false;
    s->why = "";
    s->n_sent = 0;
    /* Answers are written whole, so waiting to fill a packet gains nothing;
     * on a socket that is not TCP it fails and does not matter. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)event_assign(&s->read_event, s->loop->base, fd, EV_READ | EV_PERSIST,
                       on_read, s);
    (void)event_assign(&s->write_event, s->loop->base, fd,
                       EV_WRITE | EV_PERSIST, on_write, s);
    if (ssl != NULL)
        tls_attach(ssl, fd);
}

void
stream_accept(struct stream *s, int fd, struct ssl_st *ssl)
{
    start(s, fd, ssl);
    s->state = ssl != NULL ? STREAM_HANDSHAKING : STREAM_OPEN;
    watch(s);
}

void
stream_connect(struct stream *s, int fd, struct ssl_st *ssl)
{
    start(s, fd, ssl);
    s->state = STREAM_CONNECTING;
    stream_watch_writes(s, true);
}

static void
give_in(struct stream *s)
{
    if (s->in == NULL)
        return;
    stream_wipe(s, s->in, s->in_high);
    loop_give_block(s->loop, s->in);
    s->in = NULL;
    s->in_pin = s->in_at = s->in_end = s->in_high = 0;
}

void
stream_close(struct stream *s)
{
    loop_not_due(s->loop, &s->task);
    give_in(s);
    stream_drop_out(s);
    if (s->state == STREAM_CLOSED)
        return;
    stream_watch_writes(s, false);
    s->state = STREAM_CLOSED;
    watch(s);
    if (s->ssl != NULL)
        tls_drop(s->ssl);
    s->ssl = NULL;
    (void)close(s->fd); /* nothing can be done about a failure */
    s->fd = -1;
}

void
stream_reset(struct stream *s)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (s->state != STREAM_CLOSED)
        (void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &at_once,
                         sizeof(at_once));
    stream_close(s);
}

void
stream_due(struct stream *s)
{
    loop_due(s->loop, &s->task);
}

void
stream_rest(struct stream *s)
{
    if (s->ssl != NULL)
        tls_rest(s->ssl);
}

/* Reading */

static enum io
read_once(struct stream *s, char *p, size_t n, size_t *out_n)
{
    if (s->ssl != NULL)
        return tls_read(s->ssl, p, n, out_n);
    ssize_t got = recv(s->fd, p, n, 0);
    if (got > 0) {
        *out_n = (size_t)got;
        return IO_DONE;
    }
    if (got == 0)
        return IO_ENDED;
    if (errno == EAGAIN || errno == EINTR)
        return IO_WANTS_READ;
    s->why = strerror(errno);
    return IO_BROKEN;
}

static void
note_read(struct stream *s, enum io io)
{
    if (io == IO_ENDED)
        s->has_ended = true;
    else if (io == IO_BROKEN)
        s->is_broken = true;
    else if (io == IO_WANTS_WRITE)
        stream_watch_writes(s, true);
}

/* One read of a socket, or all that TLS has ready. */
static void
fill(struct stream *s)
{
    s->has_more = false;
    if (s->in == NULL)
        s->in = loop_take_block(s->loop);
    while (room_in(s) > 0) {
        size_t n = 0;
        enum io io = read_once(s, s->in + s->in_end, room_in(s), &n);
        s->in_end += n;
        if (s->in_end > s->in_high)
            s->in_high = s->in_end;
        if (io != IO_DONE) {
            note_read(s, io);
            break;
        }
        if (s->ssl == NULL || !tls_has_more(s->ssl))
            break;
    }
    s->has_more = s->ssl != NULL && room_in(s) == 0 && tls_has_more(s->ssl);
    if (s->in_end == 0)
        give_in(s);
}

void
stream_take(struct stream *s, size_t n)
{
    assert(n <= s->in_end - s->in_at);
    s->in_at += n;
    if (s->in_at < s->in_end)
        return;
    s->in_at = s->in_end = s->in_pin;
    if (s->in_pin == 0)
        give_in(s);
    if (s->has_more)
        stream_due(s);
}

void
stream_pin(struct stream *s, size_t n)
{
    assert(n <= s->in_end - s->in_at);
    s->in_at += n;
    s->in_pin = s->in_at;
}

void
stream_unpin(struct stream *s)
{
    size_t n = s->in_end - s->in_at;
    s->in_pin = 0;
    if (n == 0) {
        give_in(s);
    } else if (s->in_at > BLOCK_SIZE / 4) {
        /* So that any head fits behind it and leaves room for a body. */
        memmove(s->in, s->in + s->in_at, n);
        s->in_at = 0;
        s->in_end = n;
    }
    if (s->has_more)
        stream_due(s);
}

/* Events */

static void
shake(struct stream *s)
{
    enum io io = tls_handshake(s->ssl);
    stream_watch_writes(s, io == IO_WANTS_WRITE);
    if (io == IO_ENDED || io == IO_BROKEN) {
        s->is_broken = true;
        s->why = tls_why(s->ssl);
    }
    if (io != IO_DONE)
        return;
    s->state = STREAM_OPEN;
    if (tls_has_more(s->ssl))
        fill(s);
}

static void
open_up(struct stream *s)
{
    int e = 0;
    socklen_t n = sizeof(e);
    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &e, &n) != 0)
        e = errno;
    stream_watch_writes(s, false);
    if (e != 0) {
        s->is_broken = true;
        s->why = strerror(e);
        return;
    }
    s->state = s->ssl != NULL ? STREAM_HANDSHAKING : STREAM_OPEN;
    if (s->ssl != NULL)
        shake(s);
}

static void
move_on(struct stream *s)
{
    s->go(s->owner);
    if (stream_unsent(s) > 0 && !s->is_writing)
        stream_flush(s);
    watch(s);
}

static void
on_read(evutil_socket_t fd, short what, void *arg)
{
    struct stream *s = arg;
    struct loop *l = s->loop;
    (void)fd;
    (void)what;
    loop_enter(l);
    if (s->state == STREAM_HANDSHAKING)
        shake(s);
    else
        fill(s);
    move_on(s);
    loop_leave(l);
}

static void
on_write(evutil_socket_t fd, short what, void *arg)
{
    struct stream *s = arg;
    struct loop *l = s->loop;
    (void)fd;
    (void)what;
    loop_enter(l);
    if (s->state == STREAM_CONNECTING) {
        open_up(s);
    } else if (s->state == STREAM_HANDSHAKING) {
        shake(s);
    } else {
        stream_flush(s);
        /* TLS may have wanted to write in order to read. */
        if (s->ssl != NULL && room_in(s) > 0 && s->state == STREAM_OPEN)
            fill(s);
    }
    move_on(s);
    loop_leave(l);
}

static void
on_task(struct task *t)
{
    struct stream *s =
        (struct stream *)((char *)t - offsetof(struct stream, task));
    if (s->has_more && s->state == STREAM_OPEN && room_in(s) > 0)
        fill(s);
    move_on(s);
}

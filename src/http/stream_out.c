#include "http/stream_int.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>

/*
 * Bytes out.  They gather in one buffer, which is a block until more than that
 * is unsent, and leave with one call.  A piece too large for the block goes
 * from where it lies, behind what is unsent; only what the socket does not
 * take is copied.
 */

void
stream_watch_writes(struct stream *s, bool wants)
{
    if (wants == s->is_writing)
        return;
    s->is_writing = wants;
    if (wants)
        (void)event_add(&s->write_event, NULL);
    else
        (void)event_del(&s->write_event);
}

void
stream_drop_out(struct stream *s)
{
    if (s->out == NULL)
        return;
    stream_wipe(s, s->out, s->out_high);
    if (s->out_room == BLOCK_SIZE)
        loop_give_block(s->loop, s->out);
    else
        free(s->out);
    s->out = NULL;
    s->out_at = s->out_end = s->out_room = s->out_high = 0;
}

static void
give_up_writing(struct stream *s)
{
    s->cannot_write = true;
    stream_drop_out(s);
    stream_watch_writes(s, false);
    stream_due(s);
}

static enum io
send_plain(struct stream *s, struct iovec *parts, size_t n, size_t *out_n)
{
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = n};
    ssize_t sent =
        n == 1 ? send(s->fd, parts->iov_base, parts->iov_len, MSG_NOSIGNAL)
               : sendmsg(s->fd, &message, MSG_NOSIGNAL);
    if (sent >= 0) {
        *out_n = (size_t)sent;
        return IO_DONE;
    }
    if (errno == EAGAIN || errno == EINTR)
        return IO_WANTS_WRITE;
    s->why = strerror(errno);
    return IO_BROKEN;
}

static enum io
write_once(struct stream *s, size_t *out_n)
{
    char *p = s->out + s->out_at;
    if (s->ssl != NULL)
        return tls_write(s->ssl, p, stream_unsent(s), out_n);
    struct iovec part = {p, stream_unsent(s)};
    return send_plain(s, &part, 1, out_n);
}

void
stream_flush(struct stream *s)
{
    if (s->state != STREAM_OPEN)
        return;
    while (stream_unsent(s) > 0) {
        size_t n = 0;
        enum io io = write_once(s, &n);
        s->out_at += n;
        s->n_sent += n;
        if (io == IO_BROKEN || io == IO_ENDED) {
            give_up_writing(s);
            return;
        }
        /* A socket that took a part is full; TLS writes record by record. */
        bool is_full = io == IO_DONE && s->ssl == NULL && stream_unsent(s) > 0;
        if (io != IO_DONE || is_full) {
            /* Where TLS has to read first, the next read tries again. */
            stream_watch_writes(s, io != IO_WANTS_READ);
            return;
        }
    }
    stream_drop_out(s);
    stream_watch_writes(s, false);
}

/* Makes room for n more bytes behind out_end. */
static void
grow(struct stream *s, size_t n)
{
    size_t unsent = stream_unsent(s), room = BLOCK_SIZE;
    while (room < unsent + n)
        room *= 2;
    char *p = s->out;
    if (s->out_room < room) {
        p = room == BLOCK_SIZE ? loop_take_block(s->loop) : malloc(room);
        if (p == NULL)
            abort();
    }
    if (unsent > 0)
        memmove(p, s->out + s->out_at, unsent);
    if (p != s->out) {
        stream_drop_out(s);
        s->out = p;
        s->out_room = room;
        s->out_high = unsent;
    }
    s->out_at = 0;
    s->out_end = unsent;
}

char *
stream_room(struct stream *s, size_t n)
{
    if (s->out_room - s->out_end < n)
        grow(s, n);
    return s->out + s->out_end;
}

void
stream_wrote(struct stream *s, size_t n)
{
    assert(n <= s->out_room - s->out_end);
    s->out_end += n;
    if (s->out_end > s->out_high)
        s->out_high = s->out_end;
    if (s->cannot_write)
        stream_drop_out(s);
}

/* What is unsent and the piece in one call, the piece from where it lies.
 * Returns how much of the piece is gone. */
static size_t
write_through(struct stream *s, struct str piece)
{
    size_t n = 0, unsent = stream_unsent(s);
    struct iovec parts[2];
    size_t n_parts = 0;
    if (unsent > 0)
        parts[n_parts++] = (struct iovec){s->out + s->out_at, unsent};
    parts[n_parts++] = (struct iovec){(void *)(uintptr_t)piece.p, piece.n};
    enum io io = send_plain(s, parts, n_parts, &n);
    if (io == IO_BROKEN) {
        give_up_writing(s);
        return piece.n;
    }
    s->n_sent += n;
    if (n < unsent) {
        s->out_at += n;
        stream_watch_writes(s, true);
        return 0;
    }
    stream_drop_out(s);
    if (n - unsent < piece.n)
        stream_watch_writes(s, true);
    return n - unsent;
}

void
stream_write(struct stream *s, struct str piece)
{
    if (piece.n == 0 || s->cannot_write)
        return;
    bool is_large = s->out_end + piece.n > BLOCK_SIZE;
    if (is_large && s->state == STREAM_OPEN && !s->is_writing) {
        if (s->ssl != NULL) {
            stream_flush(s);
        } else {
            size_t gone = write_through(s, piece);
            piece = str_of(piece.p + gone, piece.n - gone);
        }
    }
    if (piece.n == 0 || s->cannot_write)
        return;
    memcpy(stream_room(s, piece.n), piece.p, piece.n);
    stream_wrote(s, piece.n);
}

void
stream_shut(struct stream *s)
{
    if (s->state != STREAM_OPEN || s->cannot_write)
        return;
    if (s->ssl != NULL)
        tls_shut(s->ssl);
    (void)shutdown(s->fd, SHUT_WR); /* the peer may be gone already */
    s->cannot_write = true;
}

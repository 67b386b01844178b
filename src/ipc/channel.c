#define _GNU_SOURCE
#include "ipc/channel.h"

#include "base/limits.h"
#include "ipc/calls.h"
#include "ipc/fd.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/*
 *   OPEN --peer closes, bad bytes, queue full--> CLOSING --next loop--> gone
 *
 * 1. A call is in `calls` from channel_call until its reply function runs.
 * 2. In CLOSING nothing is read, written or called but what close_now does.
 * 3. While a handler runs (depth > 0) the channel is not freed.
 */

#define HEAD_BYTES 11 /* length 4, kind 1, type 2, id 4 */
#define READ_BYTES 65536
/* Descriptors that wait for their bytes: a keeper's birth sends three an app
 * and a few more in one go. */
#define FD_QUEUE (LIMIT_APPS * 3 + 64)
/* They come one a read, with the first byte of their frame. */
#define FD_RECEIVED 2
#define TICK_MS 250 /* how finely deadlines of calls are kept */

enum frame_kind { KIND_CALL = 1, KIND_REPLY, KIND_EVENT };

/* A descriptor goes out with the byte at this offset of all bytes sent. */
struct queued_fd {
    uint64_t at;
    int fd;
};

struct channel {
    int fd;
    const struct conversation *conversation;
    const struct channel_handler *handler;
    void *arg;
    struct event *on_read, *on_write, *on_tick, *on_closing;
    struct arena *arena;
    /* moves */
    struct buf in, out;
    uint64_t n_sent;
    struct queued_fd fds[FD_QUEUE];
    size_t n_fds;
    int received_fds[FD_RECEIVED];
    size_t n_received;
    struct calls calls;
    unsigned depth;
    bool is_closing, is_freed;
    enum err reason;
};

static int64_t
now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* always exists */
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

const struct message *
conversation_find(const struct conversation *c, uint16_t type)
{
    for (size_t i = 0; i < c->n_messages; i++)
        if (c->messages[i].type == type)
            return &c->messages[i];
    return NULL;
}

static void
start_closing(struct channel *ch, enum err reason)
{
    if (ch->is_closing)
        return;
    ch->is_closing = true;
    ch->reason = reason;
    (void)event_del(ch->on_read); /* neither fails on a made event */
    (void)event_del(ch->on_write);
    event_active(ch->on_closing, EV_TIMEOUT, 0);
}

static void
free_now(struct channel *ch)
{
    event_free(ch->on_read);
    event_free(ch->on_write);
    event_free(ch->on_tick);
    event_free(ch->on_closing);
    for (size_t i = 0; i < ch->n_fds; i++)
        fd_close(&ch->fds[i].fd);
    for (size_t i = 0; i < ch->n_received; i++)
        fd_close(&ch->received_fds[i]);
    fd_close(&ch->fd);
    buf_done(&ch->in);
    buf_done(&ch->out);
    arena_free(ch->arena);
    free(ch);
}

static void
enter(struct channel *ch)
{
    ch->depth++;
}

static void
leave(struct channel *ch)
{
    if (--ch->depth == 0 && ch->is_freed)
        free_now(ch);
}

static void
on_closing(evutil_socket_t fd, short what, void *arg)
{
    struct channel *ch = arg;
    (void)fd;
    (void)what;
    enter(ch);
    calls_end_all(&ch->calls, ERR_CLOSED);
    if (!ch->is_freed)
        ch->handler->on_close(ch, ch->reason, ch->arg);
    leave(ch);
}

/* How many bytes may go out before the next queued descriptor's byte. */
static size_t
sendable(const struct channel *ch, int *out_fd)
{
    *out_fd = -1;
    if (ch->n_fds == 0)
        return ch->out.n;
    if (ch->fds[0].at > ch->n_sent)
        return (size_t)(ch->fds[0].at - ch->n_sent);
    *out_fd = ch->fds[0].fd;
    return 1;
}

static void
forget_sent_fd(struct channel *ch)
{
    fd_close(&ch->fds[0].fd);
    ch->n_fds--;
    memmove(ch->fds, ch->fds + 1, ch->n_fds * sizeof(ch->fds[0]));
}

/* ERR_AGAIN: the socket is full. */
static enum err
write_out(struct channel *ch)
{
    size_t done = 0;
    enum err e = ERR_OK;
    while (done < ch->out.n) {
        int fd;
        size_t n = sendable(ch, &fd);
        if (n > ch->out.n - done)
            n = ch->out.n - done;
        ssize_t sent = fd_send(ch->fd, ch->out.p + done, n, fd);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0) {
            e = errno == EAGAIN ? ERR_AGAIN : ERR_CLOSED;
            break;
        }
        if (fd >= 0)
            forget_sent_fd(ch);
        done += (size_t)sent;
        ch->n_sent += (size_t)sent;
    }
    buf_consume(&ch->out, done);
    return e;
}

static void
put_head(char head[static HEAD_BYTES], size_t length, enum frame_kind kind,
         uint16_t type, uint32_t id)
{
    uint32_t n = (uint32_t)length;
    uint8_t bytes[HEAD_BYTES] = {
        (uint8_t)(n >> 24), (uint8_t)(n >> 16),  (uint8_t)(n >> 8),
        (uint8_t)n,         (uint8_t)kind,       (uint8_t)(type >> 8),
        (uint8_t)type,      (uint8_t)(id >> 24), (uint8_t)(id >> 16),
        (uint8_t)(id >> 8), (uint8_t)id};
    memcpy(head, bytes, HEAD_BYTES);
}

static bool
queue_fd(struct channel *ch, uint64_t at, int fd)
{
    int copy = ch->n_fds < FD_QUEUE ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (copy >= 0)
        ch->fds[ch->n_fds++] = (struct queued_fd){.at = at, .fd = copy};
    return copy >= 0;
}

static void
send_frame(struct channel *ch, enum frame_kind kind, uint16_t type, uint32_t id,
           const void *body, int fd)
{
    const struct message *m = conversation_find(ch->conversation, type);
    char *head;
    assert(m != NULL);
    if (ch->is_closing)
        return;
    size_t start = ch->out.n;
    bool was_empty = start == 0;
    if (buf_reserve(&ch->out, HEAD_BYTES, &head) != ERR_OK) {
        start_closing(ch, ERR_LIMIT);
        return;
    }
    buf_commit(&ch->out, HEAD_BYTES);
    record_encode(m->record, body, &ch->out);
    size_t length = ch->out.n - start - HEAD_BYTES;
    if (buf_err(&ch->out) != ERR_OK || length > LIMIT_FRAME) {
        start_closing(ch, ERR_LIMIT);
        return;
    }
    put_head(ch->out.p + start, length, kind, type, id);
    if (fd >= 0 && !queue_fd(ch, ch->n_sent + start, fd)) {
        start_closing(ch, ERR_LIMIT);
        return;
    }
    /* Written when the loop comes round: one write for all of a turn. */
    if (was_empty)
        event_active(ch->on_write, EV_WRITE, 0);
}

static uint64_t
get_number(const char *p, size_t width)
{
    uint64_t v = 0;
    for (size_t i = 0; i < width; i++)
        v = v << 8 | (uint8_t)p[i];
    return v;
}

static int
take_received_fd(struct channel *ch)
{
    if (ch->n_received == 0)
        return -1;
    int fd = ch->received_fds[0];
    ch->n_received--;
    memmove(ch->received_fds, ch->received_fds + 1,
            ch->n_received * sizeof(int));
    return fd;
}

static enum err
deliver_reply(struct channel *ch, const struct message *m, uint32_t id,
              const void *body)
{
    struct call *c = calls_take(&ch->calls, id);
    if (c == NULL) /* cancelled or too late */
        return ERR_OK;
    bool is_right = c->reply_type == m->type;
    calls_end(c, is_right ? ERR_OK : ERR_SYNTAX, is_right ? m : NULL,
              is_right ? body : NULL);
    return is_right ? ERR_OK : ERR_SYNTAX;
}

static enum err
deliver(struct channel *ch, enum frame_kind kind, uint16_t type, uint32_t id,
        struct str bytes)
{
    const struct message *m = conversation_find(ch->conversation, type);
    if (m == NULL || kind < KIND_CALL || kind > KIND_EVENT ||
        (kind == KIND_CALL) != (m->reply != 0) ||
        (kind == KIND_EVENT) != (id == 0))
        return ERR_SYNTAX;
    void *body = arena_alloc(ch->arena, m->record->size + 1);
    enum err e = record_decode(m->record, bytes, ch->arena, body);
    if (e != ERR_OK)
        return e;
    if (kind == KIND_REPLY)
        return deliver_reply(ch, m, id, body);
    struct incoming in = {.channel = ch,
                          .id = kind == KIND_CALL ? id : 0,
                          .message = m,
                          .body = body,
                          .arena = ch->arena,
                          .fd = m->has_fd ? take_received_fd(ch) : -1};
    ch->handler->on_message(&in, ch->arg);
    return ERR_OK;
}

/* All whole frames that are there. */
static enum err
take_frames(struct channel *ch)
{
    size_t at = 0;
    enum err e = ERR_OK;
    while (e == ERR_OK && !ch->is_closing && !ch->is_freed &&
           ch->in.n - at >= HEAD_BYTES) {
        const char *head = ch->in.p + at;
        size_t length = get_number(head, 4);
        if (length > LIMIT_FRAME) {
            e = ERR_LIMIT;
            break;
        }
        if (ch->in.n - at - HEAD_BYTES < length)
            break;
        e = deliver(ch, (enum frame_kind)get_number(head + 4, 1),
                    (uint16_t)get_number(head + 5, 2),
                    (uint32_t)get_number(head + 7, 4),
                    str_of(head + HEAD_BYTES, length));
        arena_clear(ch->arena);
        at += HEAD_BYTES + length;
    }
    buf_consume(&ch->in, at);
    /* A descriptor that no message took has no business here. */
    if (e == ERR_OK && ch->n_received > (ch->in.n > 0 ? 1U : 0U))
        e = ERR_SYNTAX;
    return e;
}

/* ERR_AGAIN: nothing more for now. */
static enum err
read_in(struct channel *ch)
{
    char *p;
    int fd;
    if (buf_reserve(&ch->in, READ_BYTES, &p) != ERR_OK)
        return ERR_LIMIT;
    ssize_t got = fd_receive(ch->fd, p, READ_BYTES, &fd);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? ERR_AGAIN : ERR_CLOSED;
    if (fd >= 0) {
        if (ch->n_received == FD_RECEIVED) {
            fd_close(&fd);
            return ERR_LIMIT;
        }
        ch->received_fds[ch->n_received++] = fd;
    }
    if (got == 0)
        return ERR_CLOSED;
    buf_commit(&ch->in, (size_t)got);
    return ERR_OK;
}

static void
on_read(evutil_socket_t fd, short what, void *arg)
{
    struct channel *ch = arg;
    (void)fd;
    (void)what;
    enter(ch);
    enum err e = read_in(ch);
    if (e == ERR_OK)
        e = take_frames(ch);
    if (e != ERR_OK && e != ERR_AGAIN && !ch->is_freed)
        start_closing(ch, e);
    leave(ch);
}

/* The peer is gone, but what it said before is still there to be read. */
static void
hear_last_words(struct channel *ch)
{
    enum err e = ERR_OK;
    enter(ch);
    while (e == ERR_OK && !ch->is_closing && !ch->is_freed) {
        e = read_in(ch);
        if (e == ERR_OK)
            e = take_frames(ch);
    }
    if (!ch->is_freed)
        start_closing(ch, e == ERR_AGAIN ? ERR_CLOSED : e);
    leave(ch);
}

static void
on_write(evutil_socket_t fd, short what, void *arg)
{
    struct channel *ch = arg;
    (void)fd;
    (void)what;
    enum err e = write_out(ch);
    if (e == ERR_AGAIN)
        (void)event_add(ch->on_write, NULL); /* cannot fail: made before */
    else if (e != ERR_OK)
        hear_last_words(ch);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct channel *ch = arg;
    (void)fd;
    (void)what;
    enter(ch);
    calls_end_late(&ch->calls, now_ms());
    if (ch->calls.n == 0)
        (void)event_del(ch->on_tick); /* never fails */
    leave(ch);
}

struct channel *
channel_new(struct event_base *base, int fd,
            const struct conversation *conversation,
            const struct channel_handler *handler, void *arg)
{
    struct channel *ch = calloc(1, sizeof(*ch));
    if (ch == NULL)
        abort();
    ch->fd = fd;
    ch->conversation = conversation;
    ch->handler = handler;
    ch->arg = arg;
    calls_init(&ch->calls);
    ch->arena = arena_new();
    buf_init_secret(&ch->in, LIMIT_FRAME + HEAD_BYTES + READ_BYTES);
    buf_init_secret(&ch->out, LIMIT_CHANNEL_QUEUE);
    ch->on_read = event_new(base, fd, EV_READ | EV_PERSIST, on_read, ch);
    ch->on_write = event_new(base, fd, EV_WRITE, on_write, ch);
    ch->on_tick = event_new(base, -1, EV_PERSIST, on_tick, ch);
    ch->on_closing = event_new(base, -1, 0, on_closing, ch);
    if (ch->on_read == NULL || ch->on_write == NULL || ch->on_tick == NULL ||
        ch->on_closing == NULL || event_add(ch->on_read, NULL) != 0)
        abort(); /* no memory */
    if (fd_set_nonblocking(fd) != ERR_OK)
        start_closing(ch, ERR_SYSTEM);
    return ch;
}

void
channel_free(struct channel *ch)
{
    if (ch == NULL || ch->is_freed)
        return;
    ch->is_freed = true;
    enter(ch);
    calls_end_all(&ch->calls, ERR_CLOSED);
    leave(ch);
}

/* Why a call cannot even be sent; ERR_OK if it can. */
static enum err
refuse_call(const struct channel *ch)
{
    if (ch->is_closing)
        return ERR_CLOSED;
    return ch->calls.n >= LIMIT_CALLS ? ERR_LIMIT : ERR_OK;
}

uint32_t
channel_call(struct channel *ch, uint16_t type, const void *body,
             unsigned deadline_ms, channel_on_reply on_reply, void *arg)
{
    const struct message *m = conversation_find(ch->conversation, type);
    assert(m != NULL && m->reply != 0 && !ch->is_freed);
    enum err refusal = refuse_call(ch);
    struct call call = {.reply_type = m->reply,
                        .fate = ERR_TIMEOUT,
                        .deadline_ms = now_ms() + deadline_ms,
                        .on_reply = on_reply,
                        .arg = arg};
    if (refusal != ERR_OK) {
        call.fate = refusal;
        call.deadline_ms = 0;
    }
    uint32_t id = calls_add(&ch->calls, &call)->id;
    struct timeval tick = {.tv_usec = TICK_MS * 1000};
    if (ch->calls.n == 1)
        (void)event_add(ch->on_tick, &tick); /* made before: cannot fail */
    if (refusal == ERR_OK)
        send_frame(ch, KIND_CALL, type, id, body, -1);
    else
        event_active(ch->on_tick, EV_TIMEOUT, 0);
    return id;
}

void
channel_cancel(struct channel *ch, uint32_t id)
{
    free(calls_take(&ch->calls, id));
}

void
channel_reply(struct channel *ch, uint32_t id, uint16_t type, const void *body)
{
    send_frame(ch, KIND_REPLY, type, id, body, -1);
}

void
channel_event(struct channel *ch, uint16_t type, const void *body)
{
    send_frame(ch, KIND_EVENT, type, 0, body, -1);
}

void
channel_event_fd(struct channel *ch, uint16_t type, const void *body, int fd)
{
    send_frame(ch, KIND_EVENT, type, 0, body, fd);
}

void
channel_flush(struct channel *ch, unsigned timeout_ms)
{
    int64_t until = now_ms() + timeout_ms;
    while (!ch->is_closing && write_out(ch) == ERR_AGAIN) {
        int64_t left = until - now_ms();
        struct pollfd p = {.fd = ch->fd, .events = POLLOUT};
        if (left <= 0 || poll(&p, 1, (int)left) <= 0)
            return;
    }
}

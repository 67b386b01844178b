#define _GNU_SOURCE
#include "ipc/channel.h"

#include "base/limits.h"
#include "ipc/calls.h"
#include "ipc/fd.h"
#include "ipc/outbox.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
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

#define READ_BYTES 65536
/* They come one a read, with the first byte of their frame. */
#define FD_RECEIVED 2
#define TICK_MS 250 /* how finely deadlines of calls are kept */

struct channel {
    int fd;
    const struct conversation *conversation;
    const struct channel_handler *handler;
    void *arg;
    struct event *on_read, *on_write, *on_tick, *on_closing;
    struct arena *arena;
    /* moves */
    struct buf in;
    struct outbox out;
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
    for (size_t i = 0; i < ch->n_received; i++)
        fd_close(&ch->received_fds[i]);
    fd_close(&ch->fd);
    buf_done(&ch->in);
    outbox_done(&ch->out);
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

static void
send_frame(struct channel *ch, enum frame_kind kind, uint16_t type, uint32_t id,
           const void *body, int fd)
{
    const struct message *m = conversation_find(ch->conversation, type);
    struct frame f = {kind, type, id, NULL, body, fd};
    assert(m != NULL);
    f.record = m->record;
    if (ch->is_closing)
        return;
    bool was_empty = outbox_is_empty(&ch->out);
    if (outbox_put(&ch->out, &f) != ERR_OK)
        start_closing(ch, ERR_LIMIT);
    else if (was_empty)
        /* Written when the loop comes round: one write for all of a turn. */
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
           ch->in.n - at >= FRAME_HEAD_BYTES) {
        const char *head = ch->in.p + at;
        size_t length = get_number(head, 4);
        if (length > LIMIT_FRAME) {
            e = ERR_LIMIT;
            break;
        }
        if (ch->in.n - at - FRAME_HEAD_BYTES < length)
            break;
        e = deliver(ch, (enum frame_kind)get_number(head + 4, 1),
                    (uint16_t)get_number(head + 5, 2),
                    (uint32_t)get_number(head + 7, 4),
                    str_of(head + FRAME_HEAD_BYTES, length));
        arena_clear(ch->arena);
        at += FRAME_HEAD_BYTES + length;
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
    enum err e = outbox_write(&ch->out, ch->fd);
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
    buf_init_secret(&ch->in, LIMIT_FRAME + FRAME_HEAD_BYTES + READ_BYTES);
    outbox_init(&ch->out);
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
    while (!ch->is_closing && outbox_write(&ch->out, ch->fd) == ERR_AGAIN) {
        int64_t left = until - now_ms();
        struct pollfd p = {.fd = ch->fd, .events = POLLOUT};
        if (left <= 0 || poll(&p, 1, (int)left) <= 0)
            return;
    }
}

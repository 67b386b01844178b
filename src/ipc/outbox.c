#include "ipc/outbox.h"

#include "ipc/fd.h"

#include <errno.h>
#include <fcntl.h>

void
outbox_init(struct outbox *o)
{
    buf_init_secret(&o->bytes, LIMIT_CHANNEL_QUEUE);
    o->n_sent = 0;
    o->n_fds = 0;
}

void
outbox_done(struct outbox *o)
{
    for (size_t i = 0; i < o->n_fds; i++)
        fd_close(&o->fds[i].fd);
    buf_done(&o->bytes);
}

bool
outbox_is_empty(const struct outbox *o)
{
    return o->bytes.n == 0;
}

static void
put_head(char *head, size_t length, const struct frame *f)
{
    uint32_t n = (uint32_t)length;
    uint8_t bytes[FRAME_HEAD_BYTES] = {
        (uint8_t)(n >> 24),     (uint8_t)(n >> 16),
        (uint8_t)(n >> 8),      (uint8_t)n,
        (uint8_t)f->kind,       (uint8_t)(f->type >> 8),
        (uint8_t)f->type,       (uint8_t)(f->id >> 24),
        (uint8_t)(f->id >> 16), (uint8_t)(f->id >> 8),
        (uint8_t)f->id};
    memcpy(head, bytes, FRAME_HEAD_BYTES);
}

static bool
queue_fd(struct outbox *o, uint64_t at, int fd)
{
    int copy = o->n_fds < OUTBOX_FDS ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (copy >= 0)
        o->fds[o->n_fds++] = (struct queued_fd){.at = at, .fd = copy};
    return copy >= 0;
}

enum err
outbox_put(struct outbox *o, const struct frame *f)
{
    size_t start = o->bytes.n;
    char *head;
    if (buf_reserve(&o->bytes, FRAME_HEAD_BYTES, &head) != ERR_OK)
        return ERR_LIMIT;
    buf_commit(&o->bytes, FRAME_HEAD_BYTES);
    record_encode(f->record, f->body, &o->bytes);
    size_t length = o->bytes.n - start - FRAME_HEAD_BYTES;
    if (buf_err(&o->bytes) != ERR_OK || length > LIMIT_FRAME)
        return ERR_LIMIT;
    put_head(o->bytes.p + start, length, f);
    if (f->fd >= 0 && !queue_fd(o, o->n_sent + start, f->fd))
        return ERR_LIMIT;
    return ERR_OK;
}

/* How many bytes may go out before the next queued descriptor's byte. */
static size_t
sendable(const struct outbox *o, int *out_fd)
{
    *out_fd = -1;
    if (o->n_fds == 0)
        return o->bytes.n;
    if (o->fds[0].at > o->n_sent)
        return (size_t)(o->fds[0].at - o->n_sent);
    *out_fd = o->fds[0].fd;
    return 1;
}

static void
forget_sent_fd(struct outbox *o)
{
    fd_close(&o->fds[0].fd);
    o->n_fds--;
    memmove(o->fds, o->fds + 1, o->n_fds * sizeof(o->fds[0]));
}

enum err
outbox_write(struct outbox *o, int socket)
{
    size_t done = 0;
    enum err e = ERR_OK;
    while (done < o->bytes.n) {
        int fd;
        size_t n = sendable(o, &fd);
        if (n > o->bytes.n - done)
            n = o->bytes.n - done;
        ssize_t sent = fd_send(socket, o->bytes.p + done, n, fd);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0) {
            e = errno == EAGAIN ? ERR_AGAIN : ERR_CLOSED;
            break;
        }
        if (fd >= 0)
            forget_sent_fd(o);
        done += (size_t)sent;
        o->n_sent += (size_t)sent;
    }
    buf_consume(&o->bytes, done);
    return e;
}

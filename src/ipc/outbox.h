#ifndef IPC_OUTBOX_H
#define IPC_OUTBOX_H

#include "base/limits.h"
#include "base/record.h"

/*
 * The writing side of a channel: frames in the order in which they were put,
 * with descriptors that leave with their first byte.
 *
 *     e = outbox_put(&out, &frame);
 *     e = outbox_write(&out, fd);      -- as much as the socket takes
 *
 * An outbox that refused a frame may hold a part of it: its channel closes.
 */
#define FRAME_HEAD_BYTES 11 /* length 4, kind 1, type 2, id 4 */

enum frame_kind { KIND_CALL = 1, KIND_REPLY, KIND_EVENT };

struct frame {
    enum frame_kind kind;
    uint16_t type;
    uint32_t id;
    const struct record *record;
    const void *body;
    int fd; /* -1: none; copied */
};

/* Descriptors that wait for their bytes: a keeper's birth sends three an app
 * and a few more in one go. */
#define OUTBOX_FDS (LIMIT_APPS * 3 + 64)

/* A descriptor goes out with the byte at this offset of all bytes sent. */
struct queued_fd {
    uint64_t at;
    int fd;
};

struct outbox {
    struct buf bytes;
    uint64_t n_sent;
    struct queued_fd fds[OUTBOX_FDS];
    size_t n_fds;
};

void outbox_init(struct outbox *o);
void outbox_done(struct outbox *o);
bool outbox_is_empty(const struct outbox *o);
/* ERR_LIMIT: too long, or too much waits already. */
enum err outbox_put(struct outbox *o, const struct frame *f) WARN_UNUSED;
/* ERR_AGAIN: the socket is full; ERR_CLOSED. */
enum err outbox_write(struct outbox *o, int socket) WARN_UNUSED;

#endif

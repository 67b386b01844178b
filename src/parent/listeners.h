#ifndef PARENT_LISTENERS_H
#define PARENT_LISTENERS_H

#include "parent/config.h"

/*
 * The doors of the service, opened before anything else so that a second
 * instance, or a port in use, is told before it can do harm.
 *
 *     e = listeners_open(&config, &listeners, &why);
 *
 * The data directory is locked as long as they are open: one service, one
 * directory.
 */
struct listeners {
    int public_fd, private_fd; /* bound */
    int admin_fd;              /* bound and listening */
    int data_dir_fd;           /* holds the lock */
    char admin_path[108];      /* "" until it is ours to unlink */
};

#define LISTENERS_NONE                                                       \
    {                                                                        \
        .public_fd = -1, .private_fd = -1, .admin_fd = -1, .data_dir_fd = -1 \
    }

/* why says which door, what is wrong and what to do.  Fills in as far as it
 * came; listeners_close takes it in any case. */
enum err listeners_open(const struct config *config, struct listeners *out,
                        struct buf *why) WARN_UNUSED;
/* Connections wait from now on, until front and relay take them. */
enum err listeners_listen(const struct listeners *l) WARN_UNUSED;
/* No more connections: the parent's own copies are closed. */
void listeners_stop(struct listeners *l);
/* And the rest. */
void listeners_close(struct listeners *l);

/* ADDRESS:PORT, with the port that the kernel chose for 0. */
void listeners_add_address(int fd, struct buf *out);

#endif

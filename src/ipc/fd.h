#ifndef IPC_FD_H
#define IPC_FD_H

#include "base/err.h"

#include <stddef.h>
#include <sys/types.h>

/*
 * Bytes and one descriptor over a Unix socket (SCM_RIGHTS), and the
 * properties of descriptors that every process wants the same way.
 */

/* As send(2) and recv(2): bytes moved, 0 at the end, or -1 with errno.
 * fd -1: none.  A received descriptor is close-on-exec. */
ssize_t fd_send(int socket, const void *p, size_t n, int fd);
ssize_t fd_receive(int socket, void *p, size_t n, int *out_fd);

enum err fd_set_nonblocking(int fd) WARN_UNUSED;
enum err fd_pair(int out_pair[2]) WARN_UNUSED;
/* Closes and sets to -1; -1 is fine. */
void fd_close(int *fd);

#endif

#define _GNU_SOURCE
#include "ipc/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for one descriptor, aligned as the kernel wants it. */
union control {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int))];
};

ssize_t
fd_send(int socket, const void *p, size_t n, int fd)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)p, .iov_len = n};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    union control control;
    if (fd >= 0) {
        memset(&control, 0, sizeof(control));
        m.msg_control = &control;
        m.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof(int));
    }
    return sendmsg(socket, &m, MSG_NOSIGNAL);
}

ssize_t
fd_receive(int socket, void *p, size_t n, int *out_fd)
{
    struct iovec part = {.iov_base = p, .iov_len = n};
    union control control;
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = CMSG_LEN(sizeof(int))};
    *out_fd = -1;
    ssize_t got = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
    if (got < 0)
        return got;
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (c != NULL && c->cmsg_level == SOL_SOCKET &&
        c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(out_fd, CMSG_DATA(c), sizeof(int));
    /* More than one: the kernel closed the rest, the peer broke the rule. */
    if ((m.msg_flags & MSG_CTRUNC) != 0) {
        fd_close(out_fd);
        errno = EPROTO;
        return -1;
    }
    return got;
}

enum err
fd_set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return ERR_SYSTEM;
    return ERR_OK;
}

enum err
fd_pair(int out_pair[2])
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return ERR_SYSTEM;
    out_pair[0] = pair[0];
    out_pair[1] = pair[1];
    return ERR_OK;
}

void
fd_close(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd); /* nothing is left to do about it */
    *fd = -1;
}

#define _GNU_SOURCE
#include "parent/admin.h"

#include "base/log.h"
#include "ipc/fd.h"
#include "parent/family.h"
#include "sandbox/user.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define RETRY_MS 1000 /* after the process has run out of descriptors */

struct admin_door {
    int fd;
    struct family *family;
    uid_t allowed[3];
    struct event *on_connection, *on_retry;
};

static bool
is_allowed(const struct admin_door *d, uid_t uid)
{
    for (size_t i = 0; i < 3; i++)
        if (d->allowed[i] == uid)
            return true;
    return false;
}

static void
let_in(struct admin_door *d, int fd)
{
    struct ucred who;
    socklen_t len = sizeof(who);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0)
        return;
    if (is_allowed(d, who.uid))
        family_give_admin(d->family, fd, who.uid);
    else
        log_warn("admin.refused", "uid=%u pid=%d", who.uid, (int)who.pid);
}

static void
on_connection(evutil_socket_t socket, short what, void *arg)
{
    struct admin_door *d = arg;
    struct timeval later = {.tv_sec = RETRY_MS / 1000};
    (void)what;
    int fd = accept4(socket, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        let_in(d, fd);
        fd_close(&fd);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
        (void)event_del(d->on_connection);    /* neither fails on a made */
        (void)event_add(d->on_retry, &later); /* event */
    }
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
    struct admin_door *d = arg;
    (void)fd;
    (void)what;
    (void)event_add(d->on_connection, NULL); /* made before: cannot fail */
}

struct admin_door *
admin_door_open(struct event_base *base, int fd, struct family *family,
                struct str user)
{
    struct admin_door *d = calloc(1, sizeof(*d));
    struct user found = {.uid = geteuid()};
    if (d == NULL)
        abort(); /* no memory */
    if (geteuid() == 0 && user_find(user, &found) != ERR_OK)
        found.uid = 0; /* looked up once before: only root is let in */
    d->fd = fd;
    d->family = family;
    d->allowed[1] = geteuid();
    d->allowed[2] = found.uid;
    d->on_connection =
        event_new(base, fd, EV_READ | EV_PERSIST, on_connection, d);
    d->on_retry = event_new(base, -1, 0, on_retry, d);
    if (d->on_connection == NULL || d->on_retry == NULL ||
        event_add(d->on_connection, NULL) != 0)
        abort(); /* no memory */
    return d;
}

void
admin_door_close(struct admin_door *d)
{
    if (d == NULL)
        return;
    event_free(d->on_connection);
    event_free(d->on_retry);
    free(d);
}

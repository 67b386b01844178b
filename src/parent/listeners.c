#define _GNU_SOURCE
#include "parent/listeners.h"

#include "ipc/fd.h"
#include "parent/files.h"
#include "parent/place.h"
#include "sandbox/user.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024
#define ADMIN_BACKLOG 16

static enum err
complain(struct buf *why, struct str place, const char *what)
{
    buf_addf(why, "%.*s: %s", STR_ARG(place), what);
    return ERR_CONFIG;
}

static enum err
open_tcp(const struct config_address *a, const char *key, int *out_fd,
         struct buf *why)
{
    int on = 1;
    int type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
    int fd = socket(a->address.ss_family, type, 0);
    if (fd >= 0 &&
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        bind(fd, (const struct sockaddr *)&a->address, a->len) == 0) {
        *out_fd = fd;
        return ERR_OK;
    }
    int problem = errno;
    fd_close(&fd);
    buf_addf(why, "[server] %s %.*s: %s", key, STR_ARG(a->text),
             strerror(problem));
    if (problem == EADDRINUSE)
        buf_add_text(why, "; is another program, or another portkeep, "
                          "listening there?");
    return ERR_CONFIG;
}

/* One service, one data directory. */
static enum err
lock_data_dir(const struct config *c, int *out_fd, struct buf *why)
{
    enum err e = files_make_data_dir(c, why);
    if (e != ERR_OK)
        return e;
    int fd = open(c->data_dir.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return complain(why, c->data_dir, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        fd_close(&fd);
        return complain(why, c->data_dir,
                        "another portkeep is running on this data directory");
    }
    *out_fd = fd;
    return ERR_OK;
}

static bool
fill_address(struct str path, struct sockaddr_un *out)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (path.n >= sizeof(a.sun_path))
        return false;
    memcpy(a.sun_path, path.p, path.n);
    *out = a;
    return true;
}

/* /run is empty after a boot: the socket's directory is made, one level. */
static void
make_parent_dir(struct str path)
{
    struct buf auto_buf dir = {0};
    size_t n = path.n;
    while (n > 1 && path.p[n - 1] != '/')
        n--;
    buf_init(&dir, path.n + 1);
    buf_add(&dir, str_of(path.p, n > 1 ? n - 1 : n));
    if (mkdir(buf_text(&dir), 0755) == 0)
        (void)chmod(buf_text(&dir), 0755); /* our umask is stricter */
}

/* Does somebody listen there? */
static bool
is_answered(const struct sockaddr_un *a)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool is_open =
        fd >= 0 && (connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0 ||
                    errno == EAGAIN);
    fd_close(&fd);
    return is_open;
}

/* What a service that was killed has left behind. */
static enum err
remove_stale(struct str path, const struct sockaddr_un *a, struct buf *why)
{
    struct stat about;
    if (lstat(a->sun_path, &about) != 0)
        return errno == ENOENT ? ERR_OK : complain(why, path, strerror(errno));
    if (!S_ISSOCK(about.st_mode))
        return complain(why, path,
                        "is there and is not a socket: move it away, or "
                        "change [server] admin_socket");
    if (is_answered(a))
        return complain(why, path,
                        "another portkeep listens on this admin_socket");
    if (unlink(a->sun_path) != 0 && errno != ENOENT)
        return complain(why, path, strerror(errno));
    return ERR_OK;
}

/* 0600, and the service user's: who may connect is looked at once more. */
static enum err
protect(const struct config *c, const char *path)
{
    struct user user;
    if (chmod(path, 0600) != 0)
        return ERR_SYSTEM;
    if (geteuid() != 0 || user_find(c->user, &user) != ERR_OK)
        return ERR_OK;
    return chown(path, user.uid, user.gid) == 0 ? ERR_OK : ERR_SYSTEM;
}

static enum err
open_admin(const struct config *c, struct listeners *l, struct buf *why)
{
    struct sockaddr_un a;
    struct str path = c->admin_socket;
    if (!fill_address(path, &a))
        return complain(why, path, "is too long for a socket");
    make_parent_dir(path);
    enum err e = remove_stale(path, &a, why);
    if (e != ERR_OK)
        return e;
    l->admin_fd =
        socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->admin_fd < 0 ||
        bind(l->admin_fd, (const struct sockaddr *)&a, sizeof(a)) != 0) {
        buf_addf(why, "[server] admin_socket %.*s: %s", STR_ARG(path),
                 strerror(errno));
        return ERR_CONFIG;
    }
    memcpy(l->admin_path, a.sun_path, sizeof(l->admin_path));
    if (protect(c, a.sun_path) != ERR_OK || listen(l->admin_fd, ADMIN_BACKLOG))
        return complain(why, path, strerror(errno));
    return ERR_OK;
}

_Static_assert(sizeof(((struct listeners *)0)->admin_path) ==
                   sizeof(((struct sockaddr_un *)0)->sun_path),
               "a socket's path");

enum err
listeners_open(const struct config *config, struct listeners *out,
               struct buf *why)
{
    enum err e = lock_data_dir(config, &out->data_dir_fd, why);
    if (e == ERR_OK)
        e = open_tcp(&config->public_listen, "public_listen", &out->public_fd,
                     why);
    if (e == ERR_OK)
        e = open_tcp(&config->private_listen, "private_listen",
                     &out->private_fd, why);
    if (e == ERR_OK)
        e = open_admin(config, out, why);
    return e;
}

enum err
listeners_listen(const struct listeners *l)
{
    if (listen(l->public_fd, BACKLOG) != 0 ||
        listen(l->private_fd, BACKLOG) != 0)
        return ERR_SYSTEM;
    return ERR_OK;
}

void
listeners_stop(struct listeners *l)
{
    fd_close(&l->public_fd);
    fd_close(&l->private_fd);
    fd_close(&l->admin_fd);
}

void
listeners_close(struct listeners *l)
{
    listeners_stop(l);
    if (l->admin_path[0] != '\0')
        (void)unlink(l->admin_path); /* what is left is taken for stale */
    fd_close(&l->data_dir_fd);
}

void
listeners_add_address(int fd, struct buf *out)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof(a);
    if (getsockname(fd, (struct sockaddr *)&a, &len) == 0)
        place_add_text(&a, out);
}

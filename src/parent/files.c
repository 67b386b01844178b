#define _GNU_SOURCE
#include "parent/files.h"

#include "base/limits.h"
#include "ipc/fd.h"
#include "sandbox/user.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RELEASE_LOOK_MS 20

/* Who the children will be: [server] user under root, else we. */
static uid_t
service_uid(const struct config *config)
{
    struct user user;
    if (geteuid() == 0 && user_find(config->user, &user) == ERR_OK)
        return user.uid;
    return geteuid();
}

static enum err
complain(struct str path, const char *what, struct buf *why)
{
    buf_addf(why, "%.*s: %s", STR_ARG(path), what);
    return ERR_CONFIG;
}

/* A regular file with something in it, for reading. */
static enum err
open_regular(struct str path, int *out_fd, struct stat *out_about,
             struct buf *why)
{
    int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd = open(path.p, flags);
    if (fd < 0)
        return complain(path, strerror(errno), why);
    const char *what = NULL;
    if (fstat(fd, out_about) != 0)
        what = strerror(errno);
    else if (!S_ISREG(out_about->st_mode))
        what = "is not a regular file";
    else if (out_about->st_size == 0)
        what = "is empty";
    if (what != NULL) {
        fd_close(&fd);
        return complain(path, what, why);
    }
    *out_fd = fd;
    return ERR_OK;
}

enum err
files_open_secret(const struct config *config,
                  const struct config_secret *secret, int *out_fd,
                  struct buf *why)
{
    struct stat about;
    int fd;
    enum err e = open_regular(secret->path, &fd, &about, why);
    if (e != ERR_OK)
        return e;
    /* systemd may share a credential with the unit's user by an ACL, which
     * shows in the bits of the group. */
    bool is_credential = str_starts(secret->source, STR("credential:"));
    mode_t refused = is_credential ? S_IWGRP | S_IRWXO : S_IRWXG | S_IRWXO;
    const char *what = NULL;
    if ((about.st_mode & refused) != 0)
        what = "holds a secret and can be reached by others: chmod 600";
    else if (about.st_uid != 0 && about.st_uid != geteuid() &&
             about.st_uid != service_uid(config))
        what = "belongs to another user, who could change it: chown it";
    if (what != NULL) {
        fd_close(&fd);
        return complain(secret->path, what, why);
    }
    *out_fd = fd;
    return ERR_OK;
}

enum err
files_open_plain(struct str path, int *out_fd, struct buf *why)
{
    struct stat about;
    return open_regular(path, out_fd, &about, why);
}

enum err
files_give(const struct config *config, int fd)
{
    struct user user;
    if (geteuid() != 0)
        return ERR_OK;
    if (user_find(config->user, &user) != ERR_OK ||
        fchown(fd, user.uid, user.gid) != 0)
        return ERR_SYSTEM;
    return ERR_OK;
}

enum err
files_check_data_dir(const struct config *config, struct buf *why)
{
    struct stat about;
    struct str path = config->data_dir;
    const char *what = NULL;
    if (stat(path.p, &about) != 0)
        what = errno == ENOENT ? NULL : strerror(errno);
    else if (!S_ISDIR(about.st_mode))
        what = "is not a directory";
    else if (about.st_uid != service_uid(config))
        what = geteuid() == 0
                   ? "does not belong to [server] user: chown it"
                   : "does not belong to the user who starts portkeep: chown "
                     "it";
    else if ((about.st_mode & (S_IWGRP | S_IRWXO)) != 0)
        what = "can be reached by others: chmod 700";
    return what == NULL ? ERR_OK : complain(path, what, why);
}

enum err
files_make_data_dir(const struct config *config, struct buf *why)
{
    struct str path = config->data_dir;
    if (mkdir(path.p, 0700) != 0)
        return errno == EEXIST ? files_check_data_dir(config, why)
                               : complain(path, strerror(errno), why);
    int fd = open(path.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return complain(path, strerror(errno), why);
    enum err e = files_give(config, fd);
    fd_close(&fd);
    if (e != ERR_OK)
        return complain(path, "cannot be given to [server] user", why);
    return ERR_OK;
}

enum err
files_open_data(const struct config *config, const char *name, int *out_fd,
                struct buf *why)
{
    struct buf auto_buf path = {0};
    int flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
    buf_init(&path, config->data_dir.n + 64);
    buf_addf(&path, "%.*s/%s", STR_ARG(config->data_dir), name);
    int fd = open(buf_text(&path), flags, 0600);
    if (fd < 0)
        return complain(buf_str(&path), strerror(errno), why);
    if (files_give(config, fd) != ERR_OK) {
        fd_close(&fd);
        return complain(buf_str(&path), "cannot be given to [server] user",
                        why);
    }
    *out_fd = fd;
    return ERR_OK;
}

void
files_hold(int fd)
{
    /* Shared locks conflict with nothing but the look below, which is over
     * before anybody is born. */
    (void)flock(fd, LOCK_SH | LOCK_NB);
}

static bool
is_released(int fd)
{
    return flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

bool
files_await_release(const struct config *config, const char *name,
                    int64_t wait_ms)
{
    struct buf auto_buf why = {0};
    struct timespec pause = {.tv_nsec = RELEASE_LOOK_MS * 1000000};
    int fd = -1;
    buf_init(&why, LIMIT_URL);
    if (files_open_data(config, name, &fd, &why) != ERR_OK)
        return true; /* the start says so itself, soon */
    bool is_free = is_released(fd);
    for (; !is_free && wait_ms > 0; wait_ms -= RELEASE_LOOK_MS) {
        (void)nanosleep(&pause, NULL); /* a signal only shortens it */
        is_free = is_released(fd);
    }
    fd_close(&fd);
    return is_free;
}

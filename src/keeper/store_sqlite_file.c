#include "keeper/store_sqlite_int.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool
file_is_absolute(const char *path, struct buf *problem)
{
    if (path[0] == '/')
        return true;
    buf_addf(problem, "%s: give the whole path, from / on", path);
    return false;
}

enum err
file_make_new(const char *path, int *out_fd, struct buf *problem)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                  S_IRUSR | S_IWUSR);
    if (fd < 0 && errno == EEXIST) {
        buf_addf(problem,
                 "%s exists already: move it away or name another file", path);
        return ERR_CONFLICT;
    }
    if (fd < 0) {
        buf_addf(problem, "%s cannot be made: %s", path, strerror(errno));
        return ERR_SYSTEM;
    }
    *out_fd = fd;
    return ERR_OK;
}

enum err
file_sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    assert(slash != NULL);
    char *directory =
        slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
    if (directory == NULL)
        abort();
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(directory);
    if (fd < 0)
        return ERR_SYSTEM;
    int rc = fsync(fd);
    (void)close(fd); /* nothing was written through it */
    return rc == 0 ? ERR_OK : ERR_SYSTEM;
}

enum err
target_open(struct target *t, const char *path, struct buf *problem)
{
    int fd;
    sqlite3 *db;
    enum err e = file_make_new(path, &fd, problem);
    if (e != ERR_OK)
        return e;
    e = database_open(path, &db, problem);
    int rc = SQLITE_OK;
    /* The file is synced once, at its end; a half one is taken away. */
    if (e == ERR_OK)
        rc = database_exec(db, "PRAGMA journal_mode = MEMORY;"
                               "PRAGMA synchronous = OFF;"
                               "PRAGMA cache_size = -4096;");
    if (rc != SQLITE_OK) {
        database_explain(rc, db, path, problem);
        (void)sqlite3_close(db); /* no statement is open */
        e = ERR_STORE;
    }
    if (e != ERR_OK) {
        (void)close(fd);
        (void)unlink(path); /* it was ours, and new */
        return e;
    }
    *t = (struct target){path, fd, db};
    return ERR_OK;
}

/* Leaves the file if it went well so far and can be made durable. */
enum err
target_close(struct target *t, enum err e, struct buf *problem)
{
    int rc = sqlite3_close(t->db);
    assert(rc == SQLITE_OK);
    (void)rc;
    if (e == ERR_OK &&
        (fsync(t->fd) != 0 || file_sync_directory(t->path) != ERR_OK)) {
        buf_addf(problem, "%s cannot be made durable: look at the disk",
                 t->path);
        e = ERR_STORE;
    }
    (void)close(t->fd); /* after the database: closing drops its locks */
    if (e != ERR_OK)
        (void)unlink(t->path); /* it was ours, and new */
    return e;
}

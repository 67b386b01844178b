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

#define _GNU_SOURCE
#include "cli/demo_int.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Looks for bytes in every file that the service has written. */

static size_t
count_in(const char *text, size_t n, struct str bytes)
{
    size_t found = 0;
    const char *at = text;
    while ((at = memmem(at, n - (size_t)(at - text), bytes.p, bytes.n))) {
        found++;
        at++;
    }
    return found;
}

static size_t
count_in_file(const char *path, struct str bytes)
{
    struct stat st;
    size_t found = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return 0;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        char *text = malloc((size_t)st.st_size);
        ssize_t n = text != NULL ? pread(fd, text, (size_t)st.st_size, 0) : -1;
        if (n > 0)
            found = count_in(text, (size_t)n, bytes);
        free(text);
    }
    (void)close(fd); /* only read */
    return found;
}

size_t
demo_count_in_data(const struct demo *d, struct str bytes)
{
    size_t found = 0;
    struct str folder = arena_printf(d->arena, "%s/data", d->folder);
    DIR *dir = opendir(folder.p);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL)
        found += count_in_file(
            arena_printf(d->arena, "%s/%s", folder.p, entry->d_name).p, bytes);
    if (dir != NULL)
        (void)closedir(dir); /* only read */
    return found;
}

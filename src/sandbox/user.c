#define _GNU_SOURCE
#include "sandbox/user.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <unistd.h>

#define FILE_MAX 1048576 /* of /etc/passwd and /etc/group */
#define GROUPS_MAX 64    /* of one user */
#define COLUMNS 7

/* The whole file, appended. */
static enum err
read_file(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 1;
    if (fd < 0)
        return ERR_SYSTEM;
    while (got > 0) {
        char *p;
        if (buf_reserve(out, 4096, &p) != ERR_OK)
            break;
        got = read(fd, p, 4096);
        if (got > 0)
            buf_commit(out, (size_t)got);
    }
    (void)close(fd); /* only read */
    return got == 0 ? ERR_OK : ERR_SYSTEM;
}

/* name:x:1000:1000:... cut at its colons. */
static size_t
cut_columns(struct str line, struct str columns[static COLUMNS])
{
    size_t n = 0;
    while (n < COLUMNS && str_cut(&line, ':', &columns[n]))
        n++;
    return n;
}

static bool
to_id(struct str text, uint32_t *out)
{
    uint64_t v;
    if (!str_to_u64(text, &v) || v >= UINT32_MAX)
        return false;
    *out = (uint32_t)v;
    return true;
}

enum err
user_find(struct str name, struct user *out)
{
    struct buf auto_buf file = {0};
    buf_init(&file, FILE_MAX);
    if (read_file("/etc/passwd", &file) != ERR_OK)
        return ERR_NOT_FOUND;
    struct str rest = buf_str(&file), line, columns[COLUMNS];
    while (str_cut(&rest, '\n', &line)) {
        uint32_t uid, gid;
        if (cut_columns(line, columns) < 4 || !str_equal(columns[0], name) ||
            !to_id(columns[2], &uid) || !to_id(columns[3], &gid))
            continue;
        *out = (struct user){.uid = uid, .gid = gid};
        return ERR_OK;
    }
    return ERR_NOT_FOUND;
}

static bool
has_member(struct str members, struct str name)
{
    struct str one;
    while (str_cut(&members, ',', &one))
        if (str_equal(one, name))
            return true;
    return false;
}

/* The user's own group and all whose list names the user. */
static size_t
find_groups(struct str name, gid_t own, gid_t groups[static GROUPS_MAX])
{
    struct buf auto_buf file = {0};
    size_t n = 0;
    groups[n++] = own;
    buf_init(&file, FILE_MAX);
    if (read_file("/etc/group", &file) != ERR_OK)
        return n;
    struct str rest = buf_str(&file), line, columns[COLUMNS];
    while (n < GROUPS_MAX && str_cut(&rest, '\n', &line)) {
        uint32_t gid;
        if (cut_columns(line, columns) >= 4 && to_id(columns[2], &gid) &&
            has_member(columns[3], name))
            groups[n++] = gid;
    }
    return n;
}

enum err
user_become(struct str name, struct buf *problem)
{
    gid_t groups[GROUPS_MAX];
    struct user user;
    if (name.n == 0 || geteuid() != 0)
        return ERR_OK;
    if (user_find(name, &user) != ERR_OK) {
        buf_addf(problem,
                 "there is no user \"%.*s\" in /etc/passwd: create it or set "
                 "[server] user",
                 STR_ARG(name));
        return ERR_CONFIG;
    }
    size_t n = find_groups(name, user.gid, groups);
    if (setgroups(n, groups) != 0 ||
        setresgid(user.gid, user.gid, user.gid) != 0 ||
        setresuid(user.uid, user.uid, user.uid) != 0) {
        buf_addf(problem, "cannot become the user \"%.*s\": %s", STR_ARG(name),
                 strerror(errno));
        return ERR_SYSTEM;
    }
    if (user.uid != 0 && setuid(0) == 0) {
        buf_add_text(problem,
                     "root's rights came back after they were dropped");
        return ERR_SYSTEM;
    }
    return ERR_OK;
}

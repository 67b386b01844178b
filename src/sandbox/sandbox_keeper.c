#define _GNU_SOURCE
#include "sandbox/sandbox_int.h"

#include <fcntl.h>

/*
 * The keeper holds every secret, so it speaks to nobody but through the
 * channels that it was given: no socket, connect, bind or accept.  It opens,
 * locks and cuts files as SQLite does; a filter does not see paths, so it is
 * Landlock that keeps them in data_dir, and where the kernel has none, only
 * the user's own rights do.
 */
static const struct rule rules[] = {
    ALLOW(open),
    ALLOW(openat),
    ALLOW(stat),
    ALLOW(lstat),
    /* By name too: the row for descriptors is in sandbox.c. */
    ALLOW_IF(newfstatat, 1, SCMP_A3(SCMP_CMP_EQ, 0)),
    ALLOW_IF(newfstatat, 1, SCMP_A3(SCMP_CMP_EQ, AT_SYMLINK_NOFOLLOW)),
    ALLOW(access),
    ALLOW(faccessat),
    ALLOW(faccessat2),
    ALLOW(readlink),
    ALLOW(readlinkat),
    ALLOW(getcwd),
    ALLOW(unlink),
    ALLOW_IF(unlinkat, 1, SCMP_A2(SCMP_CMP_EQ, 0)),
    ALLOW(fchmod),
    ALLOW(umask),
    ALLOW(pread64),
    ALLOW(pwrite64),
    ALLOW(ftruncate),
    ALLOW(fallocate),
    ALLOW(fsync),
    ALLOW(fdatasync),
    ALLOW(fstatfs),
    ALLOW(flock),
    ALLOW_IF(fcntl, 1, SCMP_A1(SCMP_CMP_EQ, F_GETLK)),
    ALLOW_IF(fcntl, 1, SCMP_A1(SCMP_CMP_EQ, F_SETLK)),
    ALLOW_IF(fcntl, 1, SCMP_A1(SCMP_CMP_EQ, F_SETLKW)),
    /* SQLite sleeps a moment while another process holds a lock. */
    ALLOW(nanosleep),
    ALLOW(clock_nanosleep),
};

enum err
sandbox_keeper(const char *data_dir, struct sandbox_result *out,
               struct buf *problem)
{
    const struct sandbox_plan plan = {
        .rules = rules, .n_rules = LENGTH_OF(rules), .directory = data_dir};
    return sandbox_apply(&plan, out, problem);
}

#ifndef PARENT_BIRTH_H
#define PARENT_BIRTH_H

#include "base/err.h"
#include "base/str.h"

#include <sys/types.h>

/*
 * fork and exec of a program that stands beside this one, and nowhere else:
 * no PATH, no environment.  The new process has standard error for its log,
 * its life channel on descriptor 3, and nothing more.
 *
 *     e = birth_find_place(&place);            -- once
 *     e = birth_start(&place, "portkeep-front", life, &pid);
 */

struct birth_place {
    char folder[4096]; /* with a slash at its end */
    /* In the build of the tests: nobody looks for leaks in a sandbox. */
    bool is_sandboxed;
};

/* The folder of this program's own file (/proc/self/exe). */
enum err birth_find_place(struct birth_place *out) WARN_UNUSED;

/* life stays the caller's.  ERR_NOT_FOUND: there is no such program. */
enum err birth_start(const struct birth_place *place, const char *program,
                     int life, pid_t *out_pid) WARN_UNUSED;

#endif

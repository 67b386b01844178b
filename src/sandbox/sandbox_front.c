#define _GNU_SOURCE
#include "sandbox/sandbox_int.h"

#include <netinet/in.h>
#include <sys/socket.h>

/*
 * The front parses what strangers send.  It takes connections from a
 * listener that it was given and answers on them; it can reach nobody by
 * itself and sees no file.
 */
static const struct rule rules[] = {
    ALLOW(accept4),
    ALLOW(listen),
    ALLOW(shutdown),
    ALLOW(getsockname),
    ALLOW(getpeername),
    ALLOW_IF(getsockopt, 1, SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET)),
    ALLOW_IF(getsockopt, 1, SCMP_A1(SCMP_CMP_EQ, IPPROTO_TCP)),
    ALLOW_IF(setsockopt, 1, SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET)),
    ALLOW_IF(setsockopt, 1, SCMP_A1(SCMP_CMP_EQ, IPPROTO_TCP)),
};

enum err
sandbox_front(struct sandbox_result *out, struct buf *problem)
{
    const struct sandbox_plan plan = {.rules = rules,
                                      .n_rules = LENGTH_OF(rules)};
    return sandbox_apply(&plan, out, problem);
}

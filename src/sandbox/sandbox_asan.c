#include "sandbox/sandbox_int.h"

#include <errno.h>

/*
 * The build of the tests: what is not allowed fails, so that a report of the
 * sanitizer about what came before still reaches the log.  Its runtime gets
 * what it uses while it runs; what it uses only to report may fail.
 */
static const struct rule rules[] = {
    ALLOW(sigaltstack),
    ALLOW(getrlimit),
    ALLOW_IF(prlimit64, 1, SCMP_A2(SCMP_CMP_EQ, 0)),
};

bool
sandbox_may_be_off(void)
{
    return true;
}

uint32_t
build_default_action(void)
{
    return SCMP_ACT_ERRNO(EPERM);
}

const struct rule *
build_rules(size_t *out_n)
{
    *out_n = LENGTH_OF(rules);
    return rules;
}

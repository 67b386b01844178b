#include "sandbox/sandbox_int.h"

/* The build that users run: whatever is not allowed ends the process. */

bool
sandbox_may_be_off(void)
{
    return false;
}

uint32_t
build_default_action(void)
{
    return SCMP_ACT_KILL_PROCESS;
}

const struct rule *
build_rules(size_t *out_n)
{
    *out_n = 0;
    return NULL;
}

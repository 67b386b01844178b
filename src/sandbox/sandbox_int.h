#ifndef SANDBOX_SANDBOX_INT_H
#define SANDBOX_SANDBOX_INT_H

#include "sandbox/sandbox.h"

#include <seccomp.h>

/*
 * What the pages of this folder share: a row of a filter, a plan made of
 * such rows, and the one function that carries a plan out.
 *
 *     static const struct rule rules[] = {ALLOW(accept4)};
 *     const struct sandbox_plan plan = {.rules = rules, .n_rules = 1};
 *     return sandbox_apply(&plan, out, problem);
 */
#define RULE_ARGS 3
#define PORT_DNS 53

/* A system call that is allowed when all these arguments compare so. */
struct rule {
    int syscall;
    unsigned n_args;
    struct scmp_arg_cmp args[RULE_ARGS];
};

#define ALLOW(name)               \
    {                             \
        .syscall = SCMP_SYS(name) \
    }
#define ALLOW_IF(name, n, ...)                                            \
    {                                                                     \
        .syscall = SCMP_SYS(name), .n_args = (n), .args = { __VA_ARGS__ } \
    }

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

struct sandbox_plan {
    const struct rule *rules; /* what this process has beyond all others */
    size_t n_rules;
    const char *directory; /* files are opened in here; NULL: nowhere */
    const uint16_t *ports; /* TCP ports to connect to */
    size_t n_ports;
};

/* No new privileges, Landlock, then the filter: no way back. */
enum err sandbox_apply(const struct sandbox_plan *plan,
                       struct sandbox_result *out,
                       struct buf *problem) WARN_UNUSED;

/* landlock.c.  ERR_NOT_FOUND: this kernel has none. */
enum err landlock_apply(const struct sandbox_plan *plan) WARN_UNUSED;

/* What depends on the build: sandbox_release.c or sandbox_asan.c. */
uint32_t build_default_action(void);
const struct rule *build_rules(size_t *out_n);

#endif

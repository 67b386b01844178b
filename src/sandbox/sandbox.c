#define _GNU_SOURCE
#include "sandbox/sandbox_int.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/*
 * The part that all processes have in common: the calls of an event loop
 * that reads and writes what it already holds, and of a memory allocator.
 * No memory becomes executable any more, so code cannot be brought in.
 */
static const struct rule common[] = {
    /* What is open already */
    ALLOW(read),
    ALLOW(write),
    ALLOW(readv),
    ALLOW(writev),
    ALLOW(recvfrom),
    ALLOW(recvmsg),
    ALLOW(sendto),
    ALLOW(sendmsg),
    ALLOW(close),
    ALLOW(dup),
    ALLOW(lseek),
    ALLOW(fstat),
    ALLOW_IF(newfstatat, 1, SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH)),
    ALLOW_IF(fcntl, 1, SCMP_A1(SCMP_CMP_EQ, F_GETFD)),
    ALLOW_IF(fcntl, 1, SCMP_A1(SCMP_CMP_EQ, F_SETFD)),
    ALLOW_IF(fcntl, 1, SCMP_A1(SCMP_CMP_EQ, F_GETFL)),
    ALLOW_IF(fcntl, 1, SCMP_A1(SCMP_CMP_EQ, F_SETFL)),
    ALLOW_IF(fcntl, 1, SCMP_A1(SCMP_CMP_EQ, F_DUPFD_CLOEXEC)),
    ALLOW_IF(ioctl, 1, SCMP_A1(SCMP_CMP_EQ, FIONREAD)),
    ALLOW_IF(ioctl, 1, SCMP_A1(SCMP_CMP_EQ, FIONBIO)),
    /* Waiting */
    ALLOW(epoll_ctl),
    ALLOW(epoll_wait),
    ALLOW(epoll_pwait),
    ALLOW(epoll_pwait2),
    ALLOW(poll),
    ALLOW(ppoll),
    ALLOW(futex),
    ALLOW(sched_yield),
    ALLOW(restart_syscall),
    /* Time, randomness, itself */
    ALLOW(clock_gettime),
    ALLOW(clock_getres),
    ALLOW(gettimeofday),
    ALLOW(time),
    ALLOW(getrandom),
    ALLOW(getpid),
    ALLOW(gettid),
    ALLOW(getuid),
    ALLOW(geteuid),
    ALLOW(getgid),
    ALLOW(getegid),
    ALLOW(getrusage),
    ALLOW(sysinfo),
    ALLOW(sched_getaffinity),
    /* Memory */
    ALLOW(brk),
    ALLOW(munmap),
    ALLOW(mremap),
    ALLOW(madvise),
    ALLOW(mlock),
    ALLOW(munlock),
    ALLOW_IF(mmap, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)),
    ALLOW_IF(mprotect, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)),
    /* Signals to itself, and the end */
    ALLOW(rt_sigaction),
    ALLOW(rt_sigprocmask),
    ALLOW(rt_sigreturn),
    ALLOW(exit),
    ALLOW(exit_group),
};

/* Looked for by libraries in passing; an error is what they expect. */
static const int lookups[] = {
    SCMP_SYS(open),     SCMP_SYS(openat),     SCMP_SYS(openat2),
    SCMP_SYS(stat),     SCMP_SYS(lstat),      SCMP_SYS(statx),
    SCMP_SYS(access),   SCMP_SYS(faccessat),  SCMP_SYS(faccessat2),
    SCMP_SYS(readlink), SCMP_SYS(readlinkat),
};

enum err
sandbox_harden(void)
{
    struct rlimit none = {0, 0};
    if (prctl(PR_SET_DUMPABLE, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
        return ERR_SYSTEM;
    return ERR_OK;
}

static int
add_rules(scmp_filter_ctx filter, const struct rule *rules, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int e = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, rules[i].syscall,
                                       rules[i].n_args, rules[i].args);
        if (e != 0)
            return e;
    }
    return 0;
}

static int
add_lookups(scmp_filter_ctx filter)
{
    uint32_t refuse = SCMP_ACT_ERRNO(EACCES);
    for (size_t i = 0; i < LENGTH_OF(lookups); i++) {
        int e = seccomp_rule_add(filter, refuse, lookups[i], 0);
        if (e != 0)
            return e;
    }
    return seccomp_rule_add(filter, refuse, SCMP_SYS(newfstatat), 1,
                            SCMP_A3(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, 0));
}

/* abort() must still work: SIGABRT, to itself and nobody else. */
static int
add_abort(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 2,
                            SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()),
                            SCMP_A2(SCMP_CMP_EQ, SIGABRT));
}

static int
fill(scmp_filter_ctx filter, const struct sandbox_plan *plan)
{
    size_t n_build;
    const struct rule *build = build_rules(&n_build);
    /* A foreign calling convention is an attack, not a mistake. */
    int e = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH,
                             SCMP_ACT_KILL_PROCESS);
    if (e == 0)
        e = add_rules(filter, common, LENGTH_OF(common));
    if (e == 0)
        e = add_rules(filter, plan->rules, plan->n_rules);
    if (e == 0)
        e = add_rules(filter, build, n_build);
    if (e == 0)
        e = add_abort(filter);
    if (e == 0 && plan->directory == NULL)
        e = add_lookups(filter);
    return e;
}

static enum err
load_filter(const struct sandbox_plan *plan, struct buf *problem)
{
    scmp_filter_ctx filter = seccomp_init(build_default_action());
    int e = filter == NULL ? -ENOMEM : fill(filter, plan);
    if (e == 0)
        e = seccomp_load(filter); /* sets no-new-privs itself */
    if (filter != NULL)
        seccomp_release(filter);
    if (e == 0)
        return ERR_OK;
    buf_addf(problem,
             "the kernel did not take the seccomp filter (error %d): "
             "CONFIG_SECCOMP_FILTER is needed",
             -e);
    return ERR_SYSTEM;
}

enum err
sandbox_apply(const struct sandbox_plan *plan, struct sandbox_result *out,
              struct buf *problem)
{
    struct sandbox_result result = {.has_landlock = false};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        buf_add_text(problem, "the kernel refused no_new_privs");
        return ERR_SYSTEM;
    }
    enum err e = landlock_apply(plan);
    if (e == ERR_OK)
        result.has_landlock = true;
    else if (e != ERR_NOT_FOUND) {
        buf_add_text(problem, "Landlock is there but refused the rules");
        return e;
    }
    e = load_filter(plan, problem);
    if (e == ERR_OK)
        *out = result;
    return e;
}

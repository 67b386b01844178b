#define _GNU_SOURCE
#include "inject.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The instruction `syscall` of x86-64. */
static const uint8_t syscall_bytes[] = {0x0f, 0x05};

#define RED_ZONE 128 /* below the stack pointer, still in use */
#define SCRATCH 4096 /* room that we take below that */
#define TRIES 200    /* of 10 ms, until it waits in a system call */

struct inject {
    pid_t pid;
    int memory;
    struct user_regs_struct saved;
    size_t n_data;
    int signal; /* that ended it; 0: it lives */
};

/* Until it stops; false once it has ended. */
static bool
wait_stopped(struct inject *t)
{
    int status;
    while (waitpid(t->pid, &status, __WALL) < 0)
        if (errno != EINTR)
            return false;
    if (WIFSIGNALED(status))
        t->signal = WTERMSIG(status);
    return WIFSTOPPED(status);
}

static bool
is_in_syscall(const struct inject *t)
{
    uint8_t code[sizeof(syscall_bytes)];
    off_t at = (off_t)(t->saved.rip - sizeof(code));
    return (int64_t)t->saved.orig_rax >= 0 &&
           pread(t->memory, code, sizeof(code), at) == sizeof(code) &&
           memcmp(code, syscall_bytes, sizeof(code)) == 0;
}

static bool
stop_in_syscall(struct inject *t)
{
    const struct timespec moment = {.tv_nsec = 10000000};
    for (int i = 0; i < TRIES; i++) {
        if (ptrace(PTRACE_INTERRUPT, t->pid, NULL, NULL) != 0 ||
            !wait_stopped(t) ||
            ptrace(PTRACE_GETREGS, t->pid, NULL, &t->saved) != 0)
            return false;
        if (is_in_syscall(t))
            return true;
        (void)ptrace(PTRACE_CONT, t->pid, NULL, NULL); /* it is stopped */
        (void)nanosleep(&moment, NULL); /* it runs: give it time to wait */
    }
    return false;
}

struct inject *
inject_open(pid_t pid)
{
    char path[64];
    struct inject *t = calloc(1, sizeof(*t));
    if (t == NULL)
        abort();
    t->pid = pid;
    (void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
    t->memory = open(path, O_RDWR | O_CLOEXEC);
    if (t->memory >= 0 &&
        ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACESYSGOOD) == 0 &&
        stop_in_syscall(t))
        return t;
    (void)fprintf(stderr, "cannot take hold of process %d: %s\n", (int)pid,
                  strerror(errno));
    inject_close(t);
    return NULL;
}

/* The call that it was stopped in ends with EINTR, which every event loop
 * takes for nothing. */
void
inject_close(struct inject *t)
{
    if (t == NULL)
        return;
    struct user_regs_struct regs = t->saved;
    regs.rax = (unsigned long long)-EINTR;
    regs.orig_rax = (unsigned long long)-1;
    if (t->signal == 0 && t->memory >= 0) {
        (void)ptrace(PTRACE_SETREGS, t->pid, NULL, &regs); /* or it is gone */
        (void)ptrace(PTRACE_DETACH, t->pid, NULL, NULL);
    }
    if (t->memory >= 0)
        (void)close(t->memory);
    free(t);
}

uint64_t
inject_data(struct inject *t, const void *p, size_t n)
{
    uint64_t at = (t->saved.rsp - RED_ZONE - SCRATCH + t->n_data) & ~15ULL;
    t->n_data += n + 16;
    if (t->n_data > SCRATCH ||
        pwrite(t->memory, p, n, (off_t)at) != (ssize_t)n) {
        (void)fprintf(stderr, "cannot write into process %d\n", (int)t->pid);
        exit(2);
    }
    return at;
}

bool
inject_call(struct inject *t, long number, const uint64_t args[static 6],
            int64_t *out_result)
{
    struct user_regs_struct regs = t->saved;
    regs.rip -= sizeof(syscall_bytes);
    regs.rax = (unsigned long long)number;
    regs.orig_rax = (unsigned long long)-1; /* nothing is to be restarted */
    regs.rdi = args[0];
    regs.rsi = args[1];
    regs.rdx = args[2];
    regs.r10 = args[3];
    regs.r8 = args[4];
    regs.r9 = args[5];
    if (ptrace(PTRACE_SETREGS, t->pid, NULL, &regs) != 0)
        return false;
    /* Into the call, and out of it. */
    for (int i = 0; i < 2; i++)
        if (ptrace(PTRACE_SYSCALL, t->pid, NULL, NULL) != 0 || !wait_stopped(t))
            return false;
    if (ptrace(PTRACE_GETREGS, t->pid, NULL, &regs) != 0)
        return false;
    /* A filter that kills lets it come this far: one step more tells. */
    if (ptrace(PTRACE_SINGLESTEP, t->pid, NULL, NULL) != 0 || !wait_stopped(t))
        return false;
    *out_result = (int64_t)regs.rax;
    return true;
}

int
inject_signal(const struct inject *t)
{
    return t->signal;
}

#ifndef TEST_ARCH_SANDBOX_INJECT_H
#define TEST_ARCH_SANDBOX_INJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Makes a running process ask the kernel for something, by ptrace: as if an
 * attacker ran code in it.  The process must wait in a system call, which an
 * idle service does; it goes on there afterwards if it still lives.
 *
 *     t = inject_open(pid);
 *     inject_call(t, SYS_getpid, args, &result);
 *     inject_close(t);
 */
struct inject;

/* NULL: no such process, no right, or it would not wait; says so. */
struct inject *inject_open(pid_t pid);
/* Lets it go on.  Takes NULL. */
void inject_close(struct inject *t);

/* Bytes into the process; where they are there. */
uint64_t inject_data(struct inject *t, const void *p, size_t n);

/* What the kernel answered, negative for an error.  False: the call ended
 * the process, by the signal that inject_signal tells. */
bool inject_call(struct inject *t, long number, const uint64_t args[static 6],
                 int64_t *out_result);
int inject_signal(const struct inject *t);

#endif

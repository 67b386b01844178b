#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include "base/buf.h"

/*
 * One function a process, each on its own page: what it may still ask of the
 * kernel.  Anything else kills the process (seccomp), except in the ASan
 * build, where it fails with an error.  All of them refuse exec, ptrace,
 * signals to others, new namespaces and core dumps, and set no-new-privs;
 * Landlock closes the file system where the kernel has it.
 *
 *     e = sandbox_front(&problem);
 */
struct sandbox_result {
    bool has_landlock;
};

/* Accepted connections only: no open, socket, connect. */
enum err sandbox_front(struct sandbox_result *out,
                       struct buf *problem) WARN_UNUSED;
/* Accepts, connects (TCP, and UDP for the resolver); no open. */
enum err sandbox_relay(struct sandbox_result *out,
                       struct buf *problem) WARN_UNUSED;
/* Connects; no open, no accept. */
enum err sandbox_courier(struct sandbox_result *out,
                         struct buf *problem) WARN_UNUSED;
/* Opens in data_dir only; no sockets at all. */
enum err sandbox_keeper(const char *data_dir, struct sandbox_result *out,
                        struct buf *problem) WARN_UNUSED;

/*
 * Before any of them: becomes `user` (by name, with its groups) if started
 * by root, else stays.  The user is looked up in /etc/passwd, not by NSS.
 */
enum err sandbox_become(struct str user, struct buf *problem) WARN_UNUSED;

/* Not dumpable, no core: first thing in every process with a secret. */
enum err sandbox_harden(void) WARN_UNUSED;

#endif

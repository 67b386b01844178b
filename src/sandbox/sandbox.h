#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include "base/buf.h"
#include "base/limits.h"

/*
 * One function a process, each on its own page: what it may still ask of the
 * kernel.  Anything else kills the process (seccomp), except in the ASan
 * build, where it fails with an error.  All of them refuse exec, ptrace,
 * signals to others, new namespaces and core dumps, and set no-new-privs;
 * Landlock closes the file system where the kernel has it.
 *
 *     e = sandbox_front(&result, &problem);
 *
 * Looking for a file by name is the one thing that gets an error (EACCES)
 * and not death where no file may be opened: the C library and OpenSSL look
 * for optional files late, and live without them.
 */
struct sandbox_result {
    bool has_landlock;
};

/* Accepted connections only: no open, socket, connect. */
enum err sandbox_front(struct sandbox_result *out,
                       struct buf *problem) WARN_UNUSED;
/*
 * Accepts, connects (TCP, and UDP for the resolver); no open.  From Linux
 * 6.7 only to this TCP port, that of api_url, and to the resolver's.
 */
enum err sandbox_relay(uint16_t port, struct sandbox_result *out,
                       struct buf *problem) WARN_UNUSED;
/* Connects, as the relay, to these ports; no open, no accept. */
#define SANDBOX_PORTS (LIMIT_APPS + 2) /* a target an app; HubSpot's two */
struct sandbox_ports {
    uint16_t v[SANDBOX_PORTS];
    size_t n;
};
enum err sandbox_courier(const struct sandbox_ports *to,
                         struct sandbox_result *out,
                         struct buf *problem) WARN_UNUSED;
/* Opens in data_dir only; no sockets at all. */
enum err sandbox_keeper(const char *data_dir, struct sandbox_result *out,
                        struct buf *problem) WARN_UNUSED;

/* Not dumpable, no core: first thing in every process with a secret. */
enum err sandbox_harden(void) WARN_UNUSED;

/* Whether a process of this build may run without: only with ASan. */
bool sandbox_may_be_off(void);

#endif

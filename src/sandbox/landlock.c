#define _GNU_SOURCE
#include "sandbox/sandbox_int.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * The kernel's interface as of its version 6 (Linux 6.12); the headers of a
 * distribution may be older than the kernel that runs.  A newer kernel takes
 * a shorter struct, an older one a longer struct whose rest is zero.
 */
struct ruleset {
    uint64_t files;
    uint64_t net;
    uint64_t scoped;
};

struct net_rule {
    uint64_t allowed;
    uint64_t port;
};

#define FILES_V1 ((1ULL << 13) - 1)
#define FILE_REFER (1ULL << 13)
#define FILE_TRUNCATE (1ULL << 14)
#define FILE_IOCTL_DEV (1ULL << 15)
#define NET_BIND (1ULL << 0)
#define NET_CONNECT (1ULL << 1)
#define SCOPE_ABSTRACT_SOCKETS (1ULL << 0)
#define SCOPE_SIGNALS (1ULL << 1)
#define RULE_NET_PORT 2

/* What a database does in its own directory. */
#define FILES_OF_A_DATABASE                                         \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
     LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
     LANDLOCK_ACCESS_FS_MAKE_REG | FILE_TRUNCATE)

static struct ruleset
everything(long version)
{
    struct ruleset all = {.files = FILES_V1};
    if (version >= 2)
        all.files |= FILE_REFER;
    if (version >= 3)
        all.files |= FILE_TRUNCATE;
    if (version >= 4)
        all.net = NET_BIND | NET_CONNECT;
    if (version >= 5)
        all.files |= FILE_IOCTL_DEV;
    if (version >= 6)
        all.scoped = SCOPE_ABSTRACT_SOCKETS | SCOPE_SIGNALS;
    return all;
}

static enum err
allow_directory(int ruleset, const char *directory, uint64_t handled)
{
    struct landlock_path_beneath_attr rule = {
        .allowed_access = FILES_OF_A_DATABASE & handled,
        .parent_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC),
    };
    if (rule.parent_fd < 0)
        return ERR_SYSTEM;
    long e = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
                     &rule, 0);
    (void)close(rule.parent_fd); /* an O_PATH descriptor has nothing to lose */
    return e == 0 ? ERR_OK : ERR_SYSTEM;
}

static enum err
allow_port(int ruleset, uint16_t port)
{
    struct net_rule rule = {.allowed = NET_CONNECT, .port = port};
    if (syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule, 0) != 0)
        return ERR_SYSTEM;
    return ERR_OK;
}

static enum err
add_rules(int ruleset, const struct ruleset *all,
          const struct sandbox_plan *plan)
{
    enum err e = ERR_OK;
    if (plan->directory != NULL)
        e = allow_directory(ruleset, plan->directory, all->files);
    for (size_t i = 0; e == ERR_OK && i < plan->n_ports; i++)
        if (all->net != 0)
            e = allow_port(ruleset, plan->ports[i]);
    return e;
}

enum err
landlock_apply(const struct sandbox_plan *plan)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
                           LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return ERR_NOT_FOUND;
    struct ruleset all = everything(version);
    int ruleset =
        (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
    if (ruleset < 0)
        return ERR_SYSTEM;
    enum err e = add_rules(ruleset, &all, plan);
    if (e == ERR_OK && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
        e = ERR_SYSTEM;
    (void)close(ruleset); /* the rules hold without it */
    return e;
}

#ifndef PARENT_SETTINGS_H
#define PARENT_SETTINGS_H

#include "parent/config.h"
#include "parent/process.h"

/*
 * What each role is told of the configuration, and which descriptors it is
 * given: no more than its work needs.
 *
 *     e = settings_send(&what, x, false, &why);
 */
struct settings {
    const struct config *config;
    bool is_sandboxed;
    int public_fd, private_fd; /* listening; stay the caller's */
};

/* Is there work for such a process?  For the courier that delivers only
 * where an app has a webhook_target. */
bool settings_want(const struct settings *s, enum role role);

/*
 * Settings, apps, descriptors, apply.  ERR_CONFIG where a file that the role
 * needs cannot be opened: why says it, and the child has not been told to
 * apply.
 */
enum err settings_send(const struct settings *s, struct process *x,
                       bool is_reload, struct buf *why) WARN_UNUSED;

/* This machine's name as the audit log has it: [a-z0-9-], never empty. */
#define SETTINGS_NODE_MAX 32
void settings_node(char out[static SETTINGS_NODE_MAX + 1]);

#endif

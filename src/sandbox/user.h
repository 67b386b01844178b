#ifndef SANDBOX_USER_H
#define SANDBOX_USER_H

#include "base/buf.h"

#include <sys/types.h>

/*
 * Dropping root's rights.  Users and groups are looked up in /etc/passwd and
 * /etc/group, not by NSS, which may load code and open sockets.
 *
 *     e = user_become(STR("portkeep"), &problem);
 */
struct user {
    uid_t uid;
    gid_t gid;
};

/* ERR_NOT_FOUND: there is no such user in /etc/passwd. */
enum err user_find(struct str name, struct user *out) WARN_UNUSED;

/*
 * Becomes `name`, with its groups, if this process is root; stays who it is
 * otherwise, and for an empty name.  Once it returns ERR_OK there is no way
 * back.  problem says what is wrong and what to do.
 */
enum err user_become(struct str name, struct buf *problem) WARN_UNUSED;

#endif

#ifndef PARENT_ADMIN_H
#define PARENT_ADMIN_H

#include "base/str.h"

struct event_base;
struct family;

/*
 * The command line's door: connections to the admin socket are looked at and
 * handed to the keeper.  Who may come in is the process at the other end
 * (SO_PEERCRED): root, the service's own user, and [server] user.
 */
struct admin_door;

/* fd stays the caller's; user is looked at now. */
struct admin_door *admin_door_open(struct event_base *base, int fd,
                                   struct family *family, struct str user);
/* Takes NULL. */
void admin_door_close(struct admin_door *d);

#endif

#ifndef EMULATOR_TARGET_H
#define EMULATOR_TARGET_H

#include "base/str.h"

#include <sys/socket.h>

/*
 * Where the emulator may send webhooks: loopback only, as it listens on
 * loopback only.  What it makes up must never reach a real service by a
 * typing error, or by a targetUrl that was left in an app's file.
 */

/* http or https, and a name or address of this machine. */
bool target_is_good(struct str url);
/* A dns_filter: asked once more before each connect. */
bool target_filter(const struct sockaddr *address, void *unused);

#endif

#ifndef PARENT_PLACE_H
#define PARENT_PLACE_H

#include "parent/config.h"

/*
 * Places on a network as the configuration writes them: addresses to listen
 * on, and whether a URL's host is this machine or a private network.
 *
 *     e = place_parse(STR("127.0.0.1:8700"), &address);
 *
 * Nothing here resolves a name.
 */

/* IPv4:PORT, [IPv6]:PORT or localhost:PORT; port 0 lets the kernel choose.
 * out->text is the given text.  ERR_SYNTAX. */
enum err place_parse(struct str text, struct config_address *out) WARN_UNUSED;

/* ADDRESS:PORT of a socket's own name, e.g. after the kernel chose. */
void place_add_text(const struct sockaddr_storage *address, struct buf *out);

bool place_is_loopback(const struct config_address *address);

enum place_reach {
    PLACE_THIS_MACHINE, /* localhost and loopback addresses */
    PLACE_PRIVATE,      /* RFC 1918, RFC 4193, link-local */
    PLACE_PUBLIC,       /* any other address */
    PLACE_NAME,         /* a name: nobody knows yet */
};

/* host as url_parse gives it: IPv6 in brackets. */
enum place_reach place_reach_of(struct str host);

#endif

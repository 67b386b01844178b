#ifndef HTTP_DESTINATION_H
#define HTTP_DESTINATION_H

#include "http/url.h"

#include <sys/socket.h>

/*
 * Where calls go: the host of api_url and no other.  A name in the public
 * DNS may point anywhere, so an address inside the operator's network is
 * refused before the connect, unless api_url itself says localhost: then
 * only this machine's own addresses are good.
 *
 *     e = destination_parse(&d, settings.api_url);
 *     setup.filter = destination_filter; setup.filter_arg = &d;
 */
struct destination {
    struct url url;    /* points into the text it was parsed from */
    struct str prefix; /* of every path; without a slash at its end */
    bool is_local;
};

enum err destination_parse(struct destination *out,
                           struct str api_url) WARN_UNUSED;
/* A dns_filter. */
bool destination_filter(const struct sockaddr *address, void *destination);
/* A dns_filter for calls without TLS: this machine and private networks. */
bool destination_private_filter(const struct sockaddr *address, void *unused);

#endif

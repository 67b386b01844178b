#ifndef RELAY_PROXY_HEADERS_H
#define RELAY_PROXY_HEADERS_H

#include "http/head.h"

struct arena;

/*
 * Which headers pass through the relay.  Nothing is copied: the lists point
 * into the heads that they were made from.
 *
 *     struct proxy_headers list;
 *     proxy_headers_for_hubspot(&list, http_request(x), bearer);
 *
 * Towards HubSpot nothing goes that speaks of the caller's connection, its
 * other hops, its cookies or traces, or that could name another method.
 * Towards the caller everything goes but what belongs to one connection.
 */
#define PROXY_HEADERS_ADDED 4 /* our own, at most */

struct proxy_headers {
    size_t n;
    bool has_date;
    struct http_header v[LIMIT_HEADERS + PROXY_HEADERS_ADDED];
};

/* bearer: the whole value of Authorization. */
void proxy_headers_for_hubspot(struct proxy_headers *out,
                               const struct http_head *request,
                               struct str bearer);
/* Adds Request-Id, Portkeep-Upstream, and RateLimit where HubSpot told its
 * own; the arena holds the texts of these. */
void proxy_headers_for_caller(struct proxy_headers *out,
                              const struct http_head *answer,
                              struct str request_id, struct arena *arena);

#endif

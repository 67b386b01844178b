#ifndef HTTP_DNS_H
#define HTTP_DNS_H

#include "base/err.h"
#include "base/str.h"

#include <sys/socket.h>

struct event_base;

/*
 * Names to addresses without NSS and without threads, by libevent's
 * resolver.  resolv.conf and hosts are read at dns_new, before the sandbox.
 * Answers are kept 30 s; the last good one is served for up to 10 min when
 * the resolver fails.  IP literals and localhost need no resolver.
 */
struct dns;
struct dns_query;

/* filter: may an address be connected to at all?  NULL: any. */
typedef bool (*dns_filter)(const struct sockaddr *address, void *arg);

struct dns *dns_new(struct event_base *base);
void dns_free(struct dns *d);

typedef void (*dns_done)(enum err e, const struct sockaddr *address,
                         socklen_t len, void *arg);
/*
 * Calls done exactly once, perhaps before it returns (then NULL is
 * returned), with ERR_OK, ERR_NOT_FOUND, ERR_TIMEOUT or ERR_FORBIDDEN (all
 * addresses filtered out).  The query can be cancelled while it runs.
 */
struct dns_query *dns_resolve(struct dns *d, struct str host, uint16_t port,
                              dns_filter filter, dns_done done, void *arg);
void dns_cancel(struct dns_query *q);

#endif

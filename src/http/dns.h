#ifndef HTTP_DNS_H
#define HTTP_DNS_H

#include "base/err.h"
#include "base/str.h"

#include <netinet/in.h>
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

/* May an address be connected to at all?  Asked before each connect. */
typedef bool (*dns_filter)(const struct sockaddr *address, void *arg);

union dns_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* Of one name; the rest are left out. */
#define DNS_ADDRESSES 8

struct dns_addresses {
    union dns_address v[DNS_ADDRESSES]; /* with the port; IPv4 before IPv6 */
    size_t n;
};

struct dns *dns_new(struct event_base *base);
/* Running queries end without their callback.  Takes NULL. */
void dns_free(struct dns *d);

/* `found` is there with ERR_OK only, and good until done returns. */
typedef void (*dns_done)(enum err e, const struct dns_addresses *found,
                         void *arg);
/*
 * Calls done exactly once, perhaps before it returns (then NULL is
 * returned), with ERR_OK, ERR_NOT_FOUND or ERR_TIMEOUT.  The query can be
 * cancelled while it runs; the client must be freed before dns is.
 */
struct dns_query *dns_resolve(struct dns *d, struct str host, uint16_t port,
                              dns_done done, void *arg);
void dns_cancel(struct dns_query *q);

socklen_t dns_address_len(const union dns_address *address);

#endif

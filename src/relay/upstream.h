#ifndef RELAY_UPSTREAM_H
#define RELAY_UPSTREAM_H

#include "http/client.h"
#include "http/destination.h"

struct child;

/*
 * Where calls go: the host of api_url, and no other, ever.
 *
 *     e = upstream_open(&u, child, &problem);   -- before the sandbox
 *     upstream_run(&u, base);                   -- after it
 */
struct upstream {
    struct destination destination;
    struct dns *dns;
    struct tls_context *tls; /* NULL: no certificates, so http only */
    struct http_client *client;
};

/* Reads certificates and resolv.conf.  ERR_CONFIG, ERR_SYSTEM. */
enum err upstream_open(struct upstream *u, const struct child *c,
                       struct buf *problem) WARN_UNUSED;
/* Takes api_url of new settings; u keeps the old one on failure. */
enum err upstream_set(struct upstream *u, const struct child *c,
                      struct buf *problem) WARN_UNUSED;
void upstream_run(struct upstream *u, struct event_base *base);
/* Calls that run are over. */
void upstream_close(struct upstream *u);

#endif

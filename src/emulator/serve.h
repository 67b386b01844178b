#ifndef EMULATOR_SERVE_H
#define EMULATOR_SERVE_H

#include "http/server.h"

struct world;
struct site;

/*
 * The emulated HubSpot on a listening socket: makes calls out of requests,
 * has faults and latency happen to them, and sends the answers.
 *
 *     struct site *site = site_open(&setup);
 *     site_close(site);
 */
struct site_setup {
    struct event_base *base;
    struct world *world;
    int fd;                       /* listening, non-blocking; the site's now */
    struct tls_context *tls;      /* NULL: plain */
    void (*on_change)(void *arg); /* after a call that may have changed it */
    void *arg;
};

struct site *site_open(const struct site_setup *setup);
void site_close(struct site *s);

#endif

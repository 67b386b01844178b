#ifndef EMULATOR_ROUTE_H
#define EMULATOR_ROUTE_H

#include "emulator/call.h"

/*
 * The one table of what can be asked, and who may ask it.
 *
 *     route_find(c);      -- fills route, params and name
 *     route_run(c);       -- the door, then the handler
 */
enum access {
    ACCESS_OPEN,    /* no bearer: pages and the OAuth endpoints */
    ACCESS_CONTROL, /* the emulator's own API: loopback hosts only */
    ACCESS_APP,     /* a bearer by client credentials */
    ACCESS_TOKEN,   /* a bearer of any grant */
    ACCESS_READ,    /* a bearer with the read scope of the CRM type */
    ACCESS_WRITE,
    ACCESS_SEARCH, /* as read, under the limit of searches */
};

struct route {
    const char *method;
    const char *path;
    enum access access;
    void (*run)(struct call *c);
};

/* Fills c->route (NULL: none), c->params, c->name. */
void route_find(struct call *c);
/* Answers. */
void route_run(struct call *c);

#endif

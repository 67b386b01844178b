#ifndef RELAY_API_H
#define RELAY_API_H

#include "relay/relay.h"

/*
 * portkeep's own API under /v1, /metrics and /readyz: a table of routes, each
 * one message to the keeper and its answer back (proto/relay.h).
 */
void api_do(struct relay *r, struct http_exchange *x);
/* Before its body comes: lets a long one in where the route takes it. */
void api_on_head(struct http_exchange *x);

/* At the end: long polls are answered now, so that none holds it up. */
void api_end_polls(struct relay *r);

/* As DELETE /v1/apps/{app}/portals/{portal}, for the API relay. */
void api_delete_portal(struct relay *r, struct http_exchange *x,
                       const struct request_id *id, struct str app,
                       uint64_t portal);

#endif

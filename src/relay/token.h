#ifndef RELAY_TOKEN_H
#define RELAY_TOKEN_H

#include "relay/routes.h"

/*
 * The token API: GET /v1/apps/{app}/portals/{portal}/token.  From a lease it
 * costs one hash, one answer put together in memory that is wiped, and one
 * write.
 */
void token_do(struct relay *r, struct http_exchange *x,
              const struct request_id *id, const struct route_values *v);

#endif

#ifndef RELAY_PROXY_H
#define RELAY_PROXY_H

#include "relay/relay.h"

/*
 * The API relay: ANY /hubspot/{app}/{portal}/{path}.  Judges what can be
 * judged by the head alone, finds the caller's lease or asks for one, and
 * leaves the rest to a passage.
 *
 *     if (proxy_is_for(target)) proxy_do(r, x, is_streamed);
 */
bool proxy_is_for(struct str target);
/* Whether the request's body is passed on piece by piece. */
bool proxy_wants_stream(const struct http_head *head);
void proxy_do(struct relay *r, struct http_exchange *x, bool is_streamed);

#endif

#ifndef RELAY_PASSAGE_H
#define RELAY_PASSAGE_H

#include "relay/asks.h"
#include "relay/held.h"
#include "relay/proxy_path.h"
#include "relay/relay.h"

/*
 * A passage is one request on its way through the relay to HubSpot, and the
 * answer on its way back.  Both stream; whichever side is slow, the other
 * waits.
 *
 *     struct passage *p = passage_new(r, x, id, &path, is_streamed);
 *     passage_ask(p, key, &question);   or   passage_run(p, lease);
 *
 * It lives in the exchange's arena, and goes with the exchange.
 */
struct http_call;
struct passage;

struct passage_setup {
    struct relay *relay;
    struct http_exchange *x;
    struct request_id id;
    struct proxy_path path; /* points into the request */
    struct lease_key key;
    struct lease_question question; /* points into the request */
    bool is_streamed; /* the body comes piece by piece, not whole */
};

struct passage *passage_new(const struct passage_setup *setup);
/* The keeper decides first. */
void passage_ask(struct passage *p);
/* Under a lease that was found in this turn. */
void passage_run(struct passage *p, struct lease *lease);

/* Ends all that run under a right that was taken away. */
void passages_cut(struct relay *r, const struct relay_revoked *what);

#endif

#ifndef TEST_SERVER_FIXTURE_H
#define TEST_SERVER_FIXTURE_H

#include "http/server.h"
#include "http/server_int.h"
#include "loopback.h"

/*
 * A server whose paths are behaviours, for a peer that speaks raw bytes.
 *
 *     /            "hello", or the request's body
 *     /hold        nothing, until the test answers `held`
 *     /big         `left` zeros in chunks
 *     /echo        each piece of the body as it comes
 *     /take        collects the streamed body in `streamed`
 *     /early       401 at the head, whatever body follows
 *     /short       half of what Content-Length says
 *     /abort       "begun"; the test aborts `held`
 *     /abort-in-*  aborts from within the callback; /free-in-* frees
 */
struct fixture {
    struct loopback lb;
    struct http_server *server;
    uint16_t port;
    struct http_exchange *held; /* of /hold and /abort */
    unsigned n_ended;
    enum err reason; /* of the last end */
    unsigned n_requests;
    size_t left; /* that /big has to send still */
    size_t most_unsent;
    struct buf streamed; /* body that came to /take */
    bool is_paused;
};

struct fixture *fixture_open(const struct http_server_setup *setup);
/* For cmocka; state is the fixture. */
int fixture_set_up(void **state);
int fixture_set_up_hasty(void **state); /* deadlines of 60 ms */
int fixture_set_up_small(void **state); /* two connections */
int fixture_tear_down(void **state);

/* Says the text on a connection of its own; the answer must have `status`,
 * look like all refusals, and the connection must end. */
void assert_refused(struct fixture *f, struct str text, unsigned status);

#define HOST "Host: a\r\n"

#endif

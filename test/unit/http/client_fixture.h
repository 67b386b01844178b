#ifndef TEST_CLIENT_FIXTURE_H
#define TEST_CLIENT_FIXTURE_H

#include "http/client.h"
#include "http/client_int.h"
#include "loopback.h"

/*
 * A client, and a listening socket on which the test plays the upstream byte
 * by byte.
 */
enum deed { NOTHING, CANCEL, FREE, PAUSE };

struct fixture {
    struct loopback lb;
    struct dns *dns;
    struct http_client *client;
    int listener;
    uint16_t port;
    bool is_refusing; /* the filter's word */
};

/* What became of one call, and what to do in its callbacks. */
struct seen {
    struct fixture *f;
    struct http_call *call;
    enum deed at_head, at_body, at_end;
    unsigned n_head, n_end, n_writable;
    unsigned status;
    struct buf body;
    enum err e;
    bool was_sent;
    char why[80];
};

extern const struct http_call_handler client_handler;

struct fixture *fixture_open(struct http_client_setup setup);
/* For cmocka; state is the fixture. */
int fixture_set_up(void **state);
int fixture_set_up_narrow(void **state); /* one connection to a host */
int fixture_set_up_hasty(void **state);  /* kept for 60 ms */
int fixture_tear_down(void **state);

/* What the spec leaves out is GET of /t?q from the listener. */
void call_start_spec(struct fixture *f, struct seen *seen,
                     struct http_call_spec spec);
void call_start(struct fixture *f, struct seen *seen);
/* It ends once, and so. */
void call_expect(struct fixture *f, struct seen *seen, enum err want);
void seen_done(struct seen *seen);

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

#endif

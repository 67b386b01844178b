#ifndef TEST_RIG_H
#define TEST_RIG_H

#include "../nursery.h"
#include "http/client.h"
#include "http/server.h"
#include "proto/relay.h"

/*
 * The real portkeep-relay with everything around it played by the test:
 * parent (nursery), keeper, HubSpot and callers, all on one loop.
 *
 *     rig_open(&rig, program);
 *     struct rig_call *c = rig_get(&rig, "/v1/apps/crm/portals/7/token");
 *     rig_wait_call(&rig, c);
 *     assert_int_equal(c->status, 200);
 *     rig_close(&rig);
 *
 * The keeper beats every 50 ms and says yes to everything; HubSpot says what
 * it got.  A test puts its own functions in their places.
 */
struct rig;

struct rig_call {
    struct rig *rig;
    struct http_call *call;
    bool is_begun, is_done;
    enum err err;
    unsigned status;
    char headers[4096]; /* "name: value\n" each, names in lower case */
    struct buf body;
    size_t n_received; /* with keeps_nothing, only counted */
    bool keeps_nothing;
    bool pauses_at_head;    /* takes nothing until http_call_resume */
    size_t to_send, n_sent; /* a streamed body of 'x' */
};

struct rig_raw {
    struct rig *rig;
    int fd;
    char text[65536];
    size_t n;
    bool is_closed;
};

struct rig {
    struct nursery nursery;
    struct event *beat;
    uint64_t epoch;
    bool is_beating;
    /* The keeper */
    void (*on_ask)(struct rig *rig, const struct incoming *in);
    void (*on_api)(struct rig *rig, const struct incoming *in);
    size_t n_asks;
    uint64_t version;  /* of the token it gives */
    bool is_read_only; /* the key it knows */
    int64_t lease_ms;  /* of what it allows; 0: a minute */
    struct relay_used used[8];
    char used_app[8][LIMIT_APP];
    size_t n_used;
    /* HubSpot */
    struct http_server *hubspot;
    uint16_t hubspot_port;
    char url[64];
    void (*on_hubspot)(struct rig *rig, struct http_exchange *x);
    const struct http_handler *hubspot_handler; /* NULL: one of its own */
    size_t n_calls;
    char request[16384]; /* the last one: line, headers, body */
    /* Callers */
    uint16_t relay_port;
    struct http_client *client;
    struct dns *dns;
    char key[64];
    char authorization[80];
    struct rig_call *calls[1200];
    size_t n_all_calls;
    void *own; /* the test's */
};

/* Before rig_birth a test may change settings and functions. */
void rig_open(struct rig *rig);
void rig_birth(struct rig *rig, const char *program);
void rig_close(struct rig *rig);

struct rig_call *rig_get(struct rig *rig, const char *target);
/* body NULL: none.  Content-Type is JSON. */
struct rig_call *rig_send(struct rig *rig, const char *method,
                          const char *target, const char *body);
/* As they are, without the key. */
struct rig_call *rig_send_spec(struct rig *rig,
                               const struct http_call_spec *spec);
void rig_wait_call(struct rig *rig, const struct rig_call *c);
/* The value of that header, in a buffer of its own; NULL if absent. */
const char *rig_header(const struct rig_call *c, const char *name);
const char *rig_body(struct rig_call *c);

/* Bytes on a connection of their own; all that comes back until it closes. */
struct rig_raw *rig_raw(struct rig *rig, const char *text, size_t n);
void rig_raw_done(struct rig_raw *raw);

/* What the keeper says. */
void rig_yes(struct rig *rig, const struct incoming *in);
void rig_no(const struct incoming *in, enum err e, const char *detail);
void rig_revoke(struct rig *rig, struct relay_revoked what);
/* Runs the loop for so long; for what must not happen. */
void rig_run_ms(struct rig *rig, unsigned ms);

#endif

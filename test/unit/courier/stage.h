#ifndef TEST_COURIER_STAGE_H
#define TEST_COURIER_STAGE_H

#include "../nursery.h"
#include "http/server.h"
#include "proto/courier.h"

#include <sodium.h>

/*
 * A courier that runs, with everything around it played: its parent (see
 * nursery.h), its keeper, and a HubSpot that answers, holds its answer back
 * or hangs up, as `manner` says.
 *
 *     stage_run(s, ERRAND_REFRESH);
 *     assert_int_equal(s->done.outcome, OUTCOME_OK);
 */
/* What HubSpot does with the next requests. */
enum manner { ANSWERS, HOLDS_BACK, HANGS_UP };

struct stage {
    struct nursery nursery;
    struct http_server *hubspot;
    char api_url[64];
    enum manner manner;
    unsigned status;
    struct http_header header; /* one more, if it has a name */
    const char *type, *body;
    struct http_exchange *held;
    bool is_held;
    unsigned n_requests;
    char method[16], target[128], form[2048], authorization[128];
    /* The errand's end */
    bool is_done;
    enum err err;
    struct courier_done done; /* in arena */
    struct arena *arena;
    /* The spill file, to read */
    int spill_fd;
    uint8_t public_key[crypto_box_PUBLICKEYBYTES];
    uint8_t secret_key[crypto_box_SECRETKEYBYTES];
};

/* The program to try; set before the first test. */
extern const char *stage_program;

/* For cmocka: *state becomes the stage. */
int stage_open(void **state);
int stage_close(void **state);

/* HubSpot's answer to what it held back. */
void stage_respond(struct stage *s, struct http_exchange *x);

void stage_ask(struct stage *s, enum errand_kind kind);
/* As stage_ask, and waits for what came of it. */
void stage_run(struct stage *s, enum errand_kind kind);
/* For a call that a test makes by itself. */
void stage_on_reply(enum err e, const struct message *m, const void *reply,
                    void *arg);

#endif

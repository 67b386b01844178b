#ifndef TEST_FRONT_STAGE_H
#define TEST_FRONT_STAGE_H

#include "../nursery.h"
#include "http/client.h"
#include "proto/front.h"

/*
 * A front that runs, with everything around it played: its parent (see
 * nursery.h), its keeper, which says what `begun`, `finished` and `taken`
 * hold, and a browser.
 *
 *     stage_get(s, &a, "/connect/crm-sync?session=s");
 *     assert_int_equal(a.status, 303);
 */
#define STAGE_CONNECTIONS 600 /* of the browser, at a time */

#define STAGE_HEADERS 8

struct stage;

struct answer {
    struct stage *stage;
    bool is_done;
    enum err err;
    unsigned status;
    struct http_head head; /* texts in the stage's arena */
    char body[32768];
    size_t n_body;
};

struct stage {
    struct nursery nursery;
    struct arena *arena;
    uint16_t port;
    bool is_https;
    struct life_app apps[2];
    char ca_file[64];
    /* The browser */
    struct dns *dns;
    struct tls_context *tls;
    struct http_client *browser;
    /* The keeper: what it was asked, what it says */
    bool holds_back;
    struct incoming held;
    bool is_held;
    unsigned n_asked;
    struct front_begin begin;
    struct front_finish finish;
    struct front_begun begun;
    struct front_finished finished;
    struct front_webhook webhook;
    struct front_webhook_taken taken;
};

struct request {
    const char *method, *target;
    struct http_header headers[STAGE_HEADERS]; /* those with a name */
    struct str body;
    uint64_t length; /* a body that is announced and does not come */
};

/* The program to try; set before the first test. */
extern const char *stage_program;

/* For cmocka: *state becomes the stage. */
int stage_open(void **state);
int stage_open_https(void **state);
int stage_close(void **state);

/* The keeper's answer to what it held back. */
void stage_reply(struct stage *s, const struct incoming *in);

struct http_call *stage_start(struct stage *s, struct answer *a,
                              const struct request *r);
/* As stage_start, and waits for the answer. */
void stage_visit(struct stage *s, struct answer *a, const struct request *r);
void stage_get(struct stage *s, struct answer *a, const char *target);

void assert_header(const struct answer *a, const char *name,
                   const char *wanted);
/* What every answer of a visit must have. */
void assert_strict_headers(const struct answer *a);

#endif

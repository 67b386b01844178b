#ifndef TEST_KEEPER_STAGE_H
#define TEST_KEEPER_STAGE_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "keeper/keeper.h"
#include "keeper/store_memory.h"
#include "proto/admin.h"
#include "proto/courier.h"
#include "proto/front.h"
#include "proto/relay.h"

/*
 * The keeper on a memory store, with siblings played by the test: time stands
 * still until it is moved, HubSpot answers what the test says, and messages
 * go over real channels.
 *
 *     struct stage *s = stage_new();
 *     stage_connect(s, 1001);
 *     struct heard_lease l = stage_lease(s, 1001);
 *     stage_free(s);
 */
struct stage {
    struct keeper keeper;
    struct child child;
    struct event_base *base;
    struct channel *front, *relay, *courier, *admin;
    int64_t now_ms;
    uint64_t random_state;
    /* HubSpot, as the courier meets it */
    uint32_t outcome[8];   /* by errand kind; 0: OK */
    unsigned n_errands[8]; /* by errand kind */
    uint64_t hub_id;
    uint32_t expires_in;
    unsigned n_tokens;  /* numbers the tokens given */
    bool holds_errands; /* they wait until stage_release */
    struct held_errand *held;
    char api_key[96];
    uint64_t n_revoked; /* RELAY_REVOKED events seen */
};

struct stage *stage_new(void);
void stage_free(struct stage *s);
/* Lets everything that can happen now happen. */
void stage_settle(struct stage *s);
void stage_later(struct stage *s, int64_t ms);
void stage_release(struct stage *s);
/* The keeper dies where it stands and is born again on the same store. */
void stage_rebirth(struct stage *s);

struct heard {
    bool has_answer;
    uint32_t err;
    uint32_t page;
    char location[8192];
    char tag[64];
    char cookie[128];
    char token[256];
    char detail[512];
    char reconnect_url[4096];
    char json[65536];
    uint64_t version;
    int64_t lease_until;
};
/* Waits for the answer at `out`, which stays the caller's. */
void stage_ask_lease(struct stage *s, uint64_t portal, uint64_t refused,
                     struct heard *out);
void stage_lease(struct stage *s, uint64_t portal, struct heard *out);
void stage_begin(struct stage *s, const char *session_url, struct heard *out);
void stage_finish(struct stage *s, const struct heard *begun, const char *code,
                  struct heard *out);
void stage_session(struct stage *s, const char *ref, const char *return_to,
                   uint64_t portal, struct heard *out);
void stage_admin(struct stage *s, uint16_t type, const void *ask,
                 struct heard *out);
void stage_relay(struct stage *s, uint16_t type, const void *ask,
                 struct heard *out);
/* The whole install; fails the test where it fails. */
void stage_connect(struct stage *s, uint64_t portal);

#endif

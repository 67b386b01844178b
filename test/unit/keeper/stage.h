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
#define STAGE_KINDS 12 /* of errands */

/* How HubSpot answers an errand of one kind. */
struct stage_answer {
    uint32_t outcome; /* 0: OK */
    uint32_t http_status;
    uint32_t retry_after_s;
    const char *status; /* HubSpot's word for a refusal */
    bool has_no_refresh_token;
};

struct stage;
/* Takes an errand in the stage's place; good until it returns. */
typedef void (*stage_on_errand)(struct stage *s, uint32_t id,
                                const struct courier_errand *ask, void *arg);

/* One request to the app's backend. */
struct stage_post {
    uint32_t call;
    int64_t at_ms;
    bool is_replay, is_open; /* not answered yet */
    uint32_t status;         /* the answer */
    char *id, *gap, *signature, *timestamp, *body;
};

/* How the backend answers, and what it got. */
struct stage_target {
    const char *url; /* webhook_target; NULL: none */
    uint32_t batch;
    uint32_t status; /* 0: 200 */
    bool is_away;    /* no answer at all */
    uint32_t retry_after_s;
    bool holds; /* posts wait for stage_answer_posts */
    uint32_t (*judge)(struct stage *s, const struct stage_post *p);
    void *arg;
    struct stage_post *posts;
    size_t n, room;
};

struct stage {
    struct keeper keeper;
    struct child child;
    struct arena *arena; /* for as long as the stage */
    struct event_base *base;
    struct channel *front, *relay, *courier, *deliver, *admin;
    struct stage_target target;
    int64_t now_ms;  /* wall and monotonic */
    int64_t wall_ms; /* added to the wall alone */
    uint64_t random_state;
    /* The configuration, as the next birth or reload finds it. */
    const char *master_keys;
    bool lacks_app;                         /* no section for "crm" any more */
    void (*edit_app)(struct life_app *crm); /* NULL: as it is */
    const char *old_secret; /* of "crm", still good; NULL: none */
    uint64_t events_max;    /* 0: plenty */
    /* HubSpot, as the courier meets it */
    struct stage_answer answer[STAGE_KINDS];
    unsigned n_errands[STAGE_KINDS];
    char sent[STAGE_KINDS][64]; /* the last token, or code, of that kind */
    uint64_t hub_id;
    const char *scopes; /* granted */
    uint32_t expires_in;
    unsigned n_tokens;  /* numbers the tokens given */
    bool holds_errands; /* they wait until stage_release */
    struct held_errand *held;
    stage_on_errand on_errand; /* NULL: the stage answers */
    void *on_errand_arg;
    void (*on_journal)(const struct incoming *in, void *arg); /* pieces, too */
    struct spill *spill; /* the courier's, into spill_fd */
    int spill_fd, erasures_fd;
    char api_key[96];
    uint64_t n_beats;    /* RELAY_BEAT events seen */
    uint64_t n_revoked;  /* RELAY_REVOKED events seen */
    uint64_t n_replaced; /* those of them that cut nothing */
};

struct stage *stage_new(void);
void stage_free(struct stage *s);
/* Lets everything that can happen now happen. */
void stage_settle(struct stage *s);
/* Time passes, then one sweep. */
void stage_later(struct stage *s, int64_t ms);
/* As the loop has it: a tick each 100 ms. */
void stage_ticks(struct stage *s, unsigned n);
/* Answers what is held, oldest first, and holds no more. */
void stage_release(struct stage *s);
/* Answers the oldest that is held of that kind, and goes on holding. */
void stage_release_one(struct stage *s, enum errand_kind kind);
size_t stage_n_held(const struct stage *s);
/* The keeper dies where it stands and is born again on the same store.  What
 * is held is lost; or, before, ends as a courier ends it that outlives the
 * keeper: replies with tokens lie in the spill file. */
void stage_rebirth(struct stage *s);
void stage_spill(struct stage *s);
/* New settings, from what `master_keys` and `lacks_app` say. */
enum err stage_reload(struct stage *s, struct buf *problem);
/* A relay in the place of the one that is gone; a courier. */
void stage_lose_relay(struct stage *s);
void stage_lose_courier(struct stage *s);
/* For on_errand: the answer, which the courier keeps for a while where it
 * brings tokens; or only that, as it goes on when the keeper is gone. */
void stage_reply(struct stage *s, uint32_t id, const struct courier_errand *ask,
                 const struct courier_done *done);
void stage_keep(struct stage *s, const struct courier_errand *ask,
                const struct courier_done *done);
bool stage_brings_tokens(uint32_t kind);
uint64_t stage_count(struct stage *s, enum store_table table);
/* Entries of the audit log with these words in kind and outcome. */
unsigned stage_count_audit(struct stage *s, const char *kind,
                           const char *outcome);
/* The row's grant; fails the test if there is none. */
struct grant;
void stage_grant(struct stage *s, uint64_t portal, struct grant *out,
                 int64_t *out_due);
/* What must hold whenever nothing is under way: counts as the rows are, each
 * data key belongs to something, the audit chain unbroken. */
void stage_check(struct stage *s);

int64_t stage_now_ms(void);

/* The app's backend: stage_target.c. */
void stage_on_deliver(const struct incoming *in, void *arg);
void stage_answer_post(struct stage *s, struct stage_post *p, uint32_t status);
void stage_answer_posts(struct stage *s, uint32_t status);
size_t stage_n_open(const struct stage *s);
void stage_forget_posts(struct stage_target *g);
/* From now on, by a reload. */
void stage_set_target(struct stage *s, const char *url, uint32_t batch);
/* Events come in, as do_webhook has them once the signature holds; one of a
 * contact of portal 1001, whose number makes it unlike others and stands in
 * it as "#NUMBER#". */
void stage_take(struct stage *s, const char *json);
void stage_event(struct stage *s, unsigned number, unsigned contact);
/* n batches of 100 events of the same moment, in one turn if it takes them. */
void stage_flood(struct stage *s, unsigned n);
struct event_log;
struct event_log stage_event_log(struct stage *s);
/* Time passes in steps, each with a tick. */
void stage_pass(struct stage *s, int64_t ms, int64_t step_ms);
/* The courier that delivers dies, and another one comes. */
void stage_lose_deliver(struct stage *s);

struct heard {
    bool has_answer;
    int64_t at_ms; /* when it came */
    unsigned n_answers;
    uint32_t err;
    uint32_t page;
    char location[8192];
    char tag[64];
    char cookie[128];
    char token[256];
    char detail[512];
    char reconnect_url[4096];
    char json[65536];
    char *whole; /* NULL, or room for LIMIT_FRAME bytes of json */
    uint64_t version;
    int64_t lease_until;
    int64_t expires_at;
    uint32_t retry_after_s;
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
/* ask: without waiting for things to settle. */
void stage_ask_admin(struct stage *s, uint16_t type, const void *ask,
                     struct heard *out);
void stage_admin(struct stage *s, uint16_t type, const void *ask,
                 struct heard *out);
void stage_disconnect(struct stage *s, uint64_t portal, struct heard *out);
void stage_relay(struct stage *s, uint16_t type, const void *ask,
                 struct heard *out);
/* The whole install; fails the test where it fails. */
void stage_connect(struct stage *s, uint64_t portal);

#endif

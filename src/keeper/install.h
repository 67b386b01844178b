#ifndef KEEPER_INSTALL_H
#define KEEPER_INSTALL_H

#include "keeper/errands.h"
#include "keeper/session.h"
#include "proto/front.h"

/*
 * An install, from the connect link to the grant.
 *
 *   begin.c    1  the browser is sent to HubSpot; nothing is stored: the
 *                 attempt travels sealed in `state`
 *   finish.c   3  it comes back; the attempt is stored, single use
 *   settle.c   4  the token reply is committed before anything else
 *              5  introspection; place.c: the grant takes its place
 *   attempt.c     the row that all this is about
 *
 *   (none) --finish--> ASKED --reply--> REPLIED --introspected--> SETTLED
 *                        \--refused--------------------------------^
 *
 * A static token and an imported refresh token go the same way, without a
 * browser.
 */
enum attempt_origin {
    ORIGIN_BROWSER = 1,
    ORIGIN_MARKETPLACE, /* a callback without state */
    ORIGIN_IMPORT,
    ORIGIN_STATIC,
};

enum attempt_status { ATTEMPT_ASKED = 1, ATTEMPT_REPLIED, ATTEMPT_SETTLED };

struct attempt {
    uint32_t origin;
    uint32_t status;
    struct str app;
    int64_t started_at;
    struct str sealed_context; /* struct attempt_context */
    struct str sealed_reply;   /* struct token_reply, under its data key */
    struct str sealed_outcome; /* front_finished: a second hit gets it too */
};
extern const struct record attempt_record;

/* What the browser's attempt, or the operator, wanted. */
struct attempt_context {
    struct hidden session_code; /* empty: none */
    struct str ref;
    struct str return_to;
    struct strs optional_scopes;
    uint64_t portal;
    bool is_take_over;
    struct str return_url;     /* back to the Marketplace */
    struct hidden given_token; /* by the operator: static, or to import */
};

/* What HubSpot gave for the code. */
struct token_reply {
    struct hidden access_token;
    struct hidden refresh_token;
    uint32_t expires_in;
    uint64_t hub_id;
    struct strs scopes;
    bool has_scopes;
    int64_t date;        /* HubSpot's clock; 0: it did not say */
    int64_t received_at; /* ours */
};

/* What travels in `state`. */
struct state {
    struct hidden session_code;
    struct str id;          /* 32 random bytes, base64url: the attempt's row */
    struct str cookie_hash; /* of the browser's cookie */
    struct str app;
    int64_t started_at;
};
extern const struct record state_record;

#define ATTEMPT_LIFE_S 600

/* Handlers, for the door and for errands. */
enum err do_begin(struct turn *t, const void *ask);
enum err do_finish(struct turn *t, const void *ask);
enum err do_exchanged(struct turn *t, const void *ask);
enum err do_introspected(struct turn *t, const void *ask);
/* At birth: an attempt whose reply was committed, and nothing after it. */
enum err do_resume_attempts(struct turn *t, const void *ask);

/* What travels to the partner's sign-in page and back as `attempt`. */
struct attempt_url {
    struct str return_url;
    int64_t started_at;
};
extern const struct record attempt_url_record;

/* Stores a new attempt and sends its first errand. */
struct attempt_start {
    enum attempt_origin origin;
    struct str app;
    struct str id;
    const struct attempt_context *context;
    struct courier_errand errand; /* without client id and secret */
};
void attempt_begin(struct turn *t, const struct attempt_start *start);

/* Of an app: https://keep.example.com/oauth/crm-sync/callback */
struct str install_redirect_uri(struct turn *t, struct str app);
/* May the browser be sent back there?  (hubspot.md 1.3) */
bool install_is_return_url(const struct keeper *k, struct str url);

#endif

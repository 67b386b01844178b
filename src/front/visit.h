#ifndef FRONT_VISIT_H
#define FRONT_VISIT_H

#include "front/front_int.h"
#include "front/page.h"
#include "http/server.h"
#include "ipc/channel.h"

/*
 * One request of one browser, from its head to its answer.
 *
 *     struct visit *v = visit_new(front, exchange);
 *     visit_page(v, &(struct page){.page = PAGE_EXPIRED});
 *     visit_free(v);      -- when the exchange has ended
 *
 * Every answer has the same strict headers and a Request-Id; none may be
 * kept by any cache.  What a visit holds is wiped with it: codes, states and
 * cookies pass through.
 */
#define VISIT_ID 20 /* characters of a request id */

struct visit {
    struct front *front;
    struct http_exchange *exchange;
    struct arena *arena; /* wipes */
    struct str request_id;
    int64_t began_ms; /* monotonic */
    struct str route; /* "connect", for the log; never the query */
    struct str app;   /* the name in the path; empty: none */
    bool is_head;
    bool is_post;
    /* moves */
    struct asking *asking; /* where the question counts; NULL: none runs */
    size_t n_asked;        /* bytes of it */
    uint32_t call_id;
    bool is_large;                        /* counts in front->n_large */
    struct str cookies[COOKIES_SEEN + 1]; /* values of Set-Cookie */
    size_t n_cookies;
    unsigned status;    /* of the answer; 0: none yet */
    const char *answer; /* what it was, for the log */
};

/* A request id, also for what never became a visit. */
void visit_make_id(struct front *front, char out[static VISIT_ID]);

struct visit *visit_new(struct front *front, struct http_exchange *x);
/* Logs it, forgets what the keeper would answer.  Takes NULL. */
void visit_free(struct visit *v);

/* The app's configuration; NULL for a name that is no app to connect. */
const struct life_app *visit_app(const struct visit *v);

/* A question to the keeper, which must be there.  on_reply gets the visit,
 * and calls visit_is_answered first. */
struct visit_question {
    struct asking *asking; /* of the front: where it counts */
    size_t n_bytes;        /* that count there */
    uint16_t type;
    const void *body;
    unsigned deadline_ms;
    channel_on_reply on_reply;
};
void visit_ask(struct visit *v, const struct visit_question *q);
/* False, and logged, unless err is ERR_OK. */
bool visit_is_answered(struct visit *v, enum err e) WARN_UNUSED;

/* For the answer that follows. */
void visit_add_cookie(struct visit *v, struct str set_cookie);

/* Answers; exactly one of them, once.  The title, the links of the app and
 * the request id are filled in. */
void visit_page(struct visit *v, const struct page *page);
void visit_redirect(struct visit *v, struct str location);
void visit_body(struct visit *v, unsigned status, struct str type,
                struct str body);
/* Notes what was answered, for what answers by itself. */
void visit_note(struct visit *v, unsigned status, const char *answer);

#endif

#ifndef FRONT_VISIT_H
#define FRONT_VISIT_H

#include "front/front_int.h"
#include "front/page.h"
#include "http/server.h"

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
    /* moves */
    bool is_asking; /* the keeper; under this id */
    uint32_t call_id;
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

/* For the answer that follows. */
void visit_add_cookie(struct visit *v, struct str set_cookie);

/* Answers; exactly one of them, once.  The title, the links of the app and
 * the request id are filled in. */
void visit_page(struct visit *v, const struct page *page);
void visit_redirect(struct visit *v, struct str location);
void visit_body(struct visit *v, unsigned status, struct str type,
                struct str body);

#endif

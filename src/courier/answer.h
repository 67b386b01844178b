#ifndef COURIER_ANSWER_H
#define COURIER_ANSWER_H

#include "http/head.h"
#include "proto/courier.h"

#include <jansson.h>

/*
 * HubSpot's answer to an errand, taken apart into the typed message that the
 * keeper gets: it never sees JSON of HubSpot's.
 *
 *     struct answer a;
 *     answer_take_head(&a, head, now_s);
 *     struct reading r;
 *     reading_init(&r);
 *     reading_take(&r, &a, asked, body);    -- all of r.done is filled
 *     reading_done(&r);
 *
 * Parsed only if it says that it is JSON.  What is absent, of a wrong type
 * or too long reads as empty; the verdict is made of what is left.
 */

/* What a head says; plain values, so that the head can go. */
struct answer {
    unsigned status;
    bool is_json;
    bool is_html;
    int64_t date;           /* unix seconds; 0: none */
    uint32_t retry_after_s; /* 0: none */
};

void answer_take_head(struct answer *out, const struct http_head *head,
                      int64_t now_s);

struct reading {
    struct courier_done done; /* texts point into what stands below */
    json_t *json;
    struct arena *arena;
};

void reading_init(struct reading *r);
/* asked: its kind, and its secrets, which no message may repeat. */
void reading_take(struct reading *r, const struct answer *a,
                  const struct courier_errand *asked, struct str body);
/* No whole answer came: why is in e.  a->status is 0 without a head. */
void reading_take_failure(struct reading *r, const struct answer *a,
                          const struct courier_errand *asked, enum err e);
/* Wipes. */
void reading_done(struct reading *r);

#endif

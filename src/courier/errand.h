#ifndef COURIER_ERRAND_H
#define COURIER_ERRAND_H

#include "base/env.h"
#include "http/client.h"
#include "http/destination.h"
#include "proto/courier.h"

struct event_base;

/*
 * One running errand: one HTTP call to HubSpot and what it answered.
 *
 *     e = errand_start(&office, asked, call_id, &errand);
 *     -- later, once: office.on_done(errand, &done, arg); then it is gone
 *
 * It is sent once.  Whether it is asked again is the keeper's to decide.
 */
struct errand;

/* Where errands run; the same for all of them. */
struct errand_office {
    struct event_base *base;
    struct http_client *client;
    const struct destination *destination;
    struct str version; /* of the paths: 2026-03 */
    struct env *env;
    /* done and what it points to is good until this returns. */
    void (*on_done)(struct errand *e, const struct courier_done *done,
                    void *arg);
    void *arg;
};

/*
 * asked is copied, its secrets into the slab.  ERR_EXPIRED: not_after_ms has
 * passed; ERR_LIMIT: no room for one more; ERR_INVALID: it is no request
 * that could be sent.  Nothing is sent then and on_done is not called.
 * on_done is never called from within.
 */
enum err errand_start(const struct errand_office *office,
                      const struct courier_errand *asked, uint32_t call_id,
                      struct errand **out) WARN_UNUSED;
/* on_done is not called. */
void errand_cancel(struct errand *e);

uint32_t errand_call_id(const struct errand *e);
/* What was asked, without its secrets. */
const struct courier_errand *errand_asked(const struct errand *e);

/* Its answer may hold a token that stands nowhere else. */
bool errand_brings_tokens(const struct errand *e);

#define ERRAND_SECRETS 4 /* cells of the slab that one errand takes */

#endif

#ifndef COURIER_DELIVERY_H
#define COURIER_DELIVERY_H

#include "base/env.h"
#include "http/client.h"
#include "proto/courier.h"

struct event_base;

/*
 * One running delivery: one POST to an app's backend and what it answered.
 *
 *     e = delivery_start(&office, asked, call_id, &delivery);
 *     -- later, once: office.on_done(delivery, &done, arg); then it is gone
 *
 * It is sent once, no redirect is followed, and of the answer only the head
 * counts: a body is read to keep the connection, and cut off at
 * LIMIT_TARGET_BODY.
 */
struct delivery;

/* Where deliveries run; the same for all of them. */
struct delivery_office {
    struct event_base *base;
    struct http_client *https; /* any address */
    struct http_client *http;  /* this machine and private networks */
    struct env *env;
    /* done and what it points to is good until this returns. */
    void (*on_done)(struct delivery *d, const struct courier_delivered *done,
                    void *arg);
    void *arg;
};

/*
 * What is asked is copied where it has to be.  ERR_EXPIRED: not_after_ms has
 * passed; ERR_INVALID: it is no request that could be sent.  Nothing is sent
 * then and on_done is not called.  on_done is never called from within.
 */
enum err delivery_start(const struct delivery_office *office,
                        const struct courier_deliver *asked, uint32_t call_id,
                        struct delivery **out) WARN_UNUSED;
/* on_done is not called. */
void delivery_cancel(struct delivery *d);

uint32_t delivery_call_id(const struct delivery *d);

#endif

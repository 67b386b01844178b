#ifndef COURIER_JOURNAL_H
#define COURIER_JOURNAL_H

#include "base/env.h"
#include "courier/shelf.h"
#include "http/client.h"
#include "http/destination.h"
#include "proto/courier.h"

struct event_base;

/*
 * Reading HubSpot's webhooks journal (hubspot.md 4.5): which file comes next,
 * and that file, from where HubSpot says it is.
 *
 *     e = journal_start(&office, asked, call_id, &reading);
 *     -- later, once: office.on_done(reading, &read, arg); then it is gone
 *
 * The file is asked for without the token, by https from hosts that the
 * operator has named, or from this machine where api_url is on it too.
 */
struct journal;

/* Where readings run; the same for all of them. */
struct journal_office {
    struct event_base *base;
    struct http_client *client;
    const struct destination *destination; /* of api_url */
    struct str version;                    /* of the paths: 2026-03 */
    struct strs hosts;                     /* HOST, or *.HOST */
    struct shelf *shelf;                   /* where files go */
    struct env *env;
    /* read and what it points to is good until this returns. */
    void (*on_done)(struct journal *j, const struct courier_journal_read *read,
                    void *arg);
    void *arg;
};

/*
 * ERR_EXPIRED: not_after_ms has passed; ERR_INVALID: it is no request that
 * could be sent.  Nothing is sent then and on_done is not called.  on_done is
 * never called from within.
 */
enum err journal_start(const struct journal_office *office,
                       const struct courier_journal *asked, uint32_t call_id,
                       struct journal **out) WARN_UNUSED;
/* on_done is not called. */
void journal_cancel(struct journal *j);

uint32_t journal_call_id(const struct journal *j);

/* May a file be downloaded from there? */
bool journal_may_fetch(const struct journal_office *office,
                       const struct url *url);

#endif

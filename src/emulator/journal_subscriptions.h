#ifndef EMULATOR_JOURNAL_SUBSCRIPTIONS_H
#define EMULATOR_JOURNAL_SUBSCRIPTIONS_H

#include "base/doc.h"
#include "emulator/happening.h"

#include <jansson.h>

/*
 * What an app wants written into its journal, one subscription for each
 * portal and type of record, life cycle events for all portals at once.
 *
 *     e = journal_subscriptions_add(&s, body, now_ms, &one, &why);
 */
#define JOURNAL_SUBSCRIPTIONS 1000 /* hubspot.md 3.2 */

struct journal_subscription {
    uint64_t id;
    json_t *body; /* as it was asked for */
    int64_t created_at_ms;
};

struct journal_subscriptions {
    struct journal_subscription *v;
    size_t n, room;
    uint64_t last_id;
};

void journal_subscriptions_done(struct journal_subscriptions *all);

/*
 * ERR_INVALID: *out_why says what is missing.  ERR_CONFLICT: there is one
 * already.  ERR_LIMIT.  The result is good until the next change.
 */
enum err journal_subscriptions_add(struct journal_subscriptions *all,
                                   json_t *body, int64_t now_ms,
                                   const struct journal_subscription **out,
                                   const char **out_why) WARN_UNUSED;
const struct journal_subscription *
journal_subscriptions_find(const struct journal_subscriptions *all,
                           uint64_t id);
/* False: there is none. */
bool journal_subscriptions_remove(struct journal_subscriptions *all,
                                  uint64_t id);
/* 0: of all portals */
uint64_t journal_subscription_portal(const struct journal_subscription *s);
void journal_subscription_add_json(const struct journal_subscription *s,
                                   uint64_t app_id, struct doc *d);

/* The next one from *at on that wants h; NULL: no more. */
const struct journal_subscription *
journal_subscriptions_match(const struct journal_subscriptions *all,
                            const struct happening *h, size_t *at);

void journal_subscriptions_add_state(const struct journal_subscriptions *all,
                                     struct doc *d);
void journal_subscriptions_load_state(struct journal_subscriptions *all,
                                      const json_t *journal);

#endif

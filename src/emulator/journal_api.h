#ifndef EMULATOR_JOURNAL_API_H
#define EMULATOR_JOURNAL_API_H

#include "emulator/call.h"

/*
 * The webhooks journal as apps see it (hubspot.md 4.5): reads answer with a
 * URL of a file that is fetched without a token, or with 204.  Paths under
 * journal-local take ?installPortalId=.
 */
void do_journal_earliest(struct call *c);
void do_journal_latest(struct call *c);
void do_journal_next(struct call *c);
void do_journal_batch_earliest(struct call *c);
void do_journal_batch_latest(struct call *c);
void do_journal_batch_next(struct call *c);
void do_journal_batch_read(struct call *c); /* {"inputs":[offsets]} */
/* The file: what the bucket that HubSpot keeps them in would answer. */
void do_journal_file(struct call *c);

/* journal_subscribe.c */
void do_journal_subscribe(struct call *c);
void do_journal_subscriptions(struct call *c);
void do_journal_subscription(struct call *c);
void do_journal_unsubscribe(struct call *c);
void do_journal_unsubscribe_portal(struct call *c);
void do_journal_add_filter(struct call *c);
void do_journal_filter(struct call *c);
void do_journal_filters(struct call *c); /* of a subscription */
void do_journal_remove_filter(struct call *c);

/* The caller's journal; NULL: its token lacks developer.webhooks_journal. +
 * scope, and that is answered. */
struct journal *journal_of_call(struct call *c, const char *scope);

#endif

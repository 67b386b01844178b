#ifndef KEEPER_JOURNAL_H
#define KEEPER_JOURNAL_H

#include "keeper/apps.h"
#include "keeper/errands.h"

/*
 * HubSpot's webhooks journal, read by an app's own token (hubspot.md 4.5):
 * installs and uninstalls, privacy deletions, and all events of apps that
 * have `events_from = journal`.
 *
 *   due --app token--> subscribe what is new --> read the next file
 *    ^                                              |
 *    |--a minute, nothing new; later, a failure-----+
 *    \--the last piece's commit moves the offset--piece by piece--/
 *
 * One row an app in STORE_JOURNALS; its lease sees to it that one keeper
 * reads.  Repeats, after a crash within a file, fall to seen.h.
 */
struct journal {
    struct str offset;  /* of the last file that is in whole; empty: none */
    int64_t read_at_ms; /* when HubSpot last answered */
    struct str owner;   /* whose reading runs, see keeper_owner */
    int64_t lease_until_ms;
    uint32_t n_failures;
    struct str last_error;
    struct strs fresh; /* portals that connected: subscribe them next */
    /* The daily pass through all grants: see journal_pass.c. */
    int64_t pass_at_ms;   /* when it last began; 0: never */
    struct str pass_from; /* where it stands; empty: it does not run */
    bool is_gap;          /* events were missed: it asks about all */
    uint64_t n_events;
};
extern const struct record journal_record;

/* Each configured app gets a row.  At birth, and after a reload. */
enum err do_journals_start(struct turn *t, const void *ask);
/* For the sweep: names a due row's rows, and sees to it. */
void journal_name(struct turn *t, struct str app);
void journal_tend(struct turn *t, struct str app);

/* A portal has connected.  journal_name before. */
void journal_note_connect(struct turn *t, struct str app, uint64_t portal);

/* Sends what is to be subscribed or asked about just now; the caller stores
 * the row.  With an app token. */
void journal_pass(struct turn *t, struct app *app, struct journal *j);
void journal_pass_name(struct turn *t, const struct app *app,
                       const struct journal *j);
void journal_store(struct turn *t, struct str app, const struct journal *j,
                   int64_t due_ms);

#endif

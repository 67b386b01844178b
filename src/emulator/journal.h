#ifndef EMULATOR_JOURNAL_H
#define EMULATOR_JOURNAL_H

#include "base/doc.h"
#include "emulator/happening.h"
#include "emulator/journal_filters.h"
#include "emulator/journal_subscriptions.h"

struct app;
struct world;

/*
 * The webhooks journal of an app (hubspot.md 4.5): files of events, each
 * known by its offset, kept for three days of the emulator's time.
 *
 *     struct journal *j = journal_of(w, client_id);
 *     const struct journal_file *f = journal_first(w, j, 0);
 *     f = journal_after(j, f, 0);
 *
 * Events join an open file, which nobody sees; a read closes it, at the
 * earliest `journal_delay_ms` after its first event.
 */
#define JOURNAL_KEPT_MS (3 * 86400000ll)

struct journal_event {
    uint64_t portal;
    struct str json;
};

struct journal_file {
    struct str offset; /* a UUID */
    int64_t at_ms;     /* of its first event */
    bool is_open;
    struct journal_event *events;
    size_t n, room;
};

struct journal {
    struct str client_id;
    struct journal_file **files; /* oldest first; the last may be open */
    size_t n, room;
    struct journal_subscriptions subscriptions;
    struct journal_filters filters;
};

struct journals {
    struct journal **v;
    size_t n, room;
};

void journals_done(struct journals *all);
struct journal *journal_of(struct world *w, struct str client_id);

/* Writes h down where a subscription of the app wants it. */
void journal_tell(struct world *w, const struct app *app,
                  const struct happening *h);
/* Writes down an element of journalEvents. */
void journal_add(struct world *w, struct journal *j, uint64_t portal,
                 struct str json);
/* Ends subscriptions with their filters: one (false: there is none), or all
 * to a portal, as an uninstall does. */
bool journal_forget(struct journal *j, uint64_t subscription_id);
void journal_forget_portal(struct journal *j, uint64_t portal);

/*
 * Files that can be read; portal not 0: only those with events of it.  NULL:
 * none.  journal_refresh first: it closes what is due, forgets what is old, and
 * says whether it did anything.
 */
bool journal_refresh(struct world *w, struct journal *j);
const struct journal_file *journal_first(const struct journal *j,
                                         uint64_t portal);
const struct journal_file *journal_last(const struct journal *j,
                                        uint64_t portal);
const struct journal_file *journal_after(const struct journal *j,
                                         const struct journal_file *f,
                                         uint64_t portal);
const struct journal_file *journal_before(const struct journal *j,
                                          const struct journal_file *f,
                                          uint64_t portal);
/* NULL for an offset that is not known, or not any more. */
const struct journal_file *journal_find(const struct journal *j,
                                        struct str offset);
/* {"offset","journalEvents","publishedAt"} */
void journal_add_file(const struct journal_file *f, uint64_t portal,
                      struct buf *out);

/* For the file of the state. */
void journals_add_state(const struct journals *all, struct doc *d);
void journals_load_state(struct world *w, const json_t *list);

#endif

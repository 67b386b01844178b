#ifndef EMULATOR_JOURNAL_FILTERS_H
#define EMULATOR_JOURNAL_FILTERS_H

#include "base/doc.h"
#include "emulator/crm.h"

#include <jansson.h>

/*
 * Filters of journal subscriptions: a subscription that has some writes
 * down only what happens to records for which one of them holds whole.
 *
 *     if (journal_filters_pass(&j->filters, s->id, record)) ...
 */
struct journal_filter {
    uint64_t id, subscription_id;
    json_t *body; /* {"conditions":[...]} */
    int64_t created_at_ms;
};

struct journal_filters {
    struct journal_filter *v;
    size_t n, room;
    uint64_t last_id;
};

void journal_filters_done(struct journal_filters *all);
/* ERR_INVALID for conditions that cannot be read. */
enum err journal_filters_add(struct journal_filters *all,
                             uint64_t subscription_id, json_t *body,
                             int64_t now_ms, uint64_t *out_id) WARN_UNUSED;
const struct journal_filter *
journal_filters_find(const struct journal_filters *all, uint64_t id);
/* False: there is none. */
bool journal_filters_remove(struct journal_filters *all, uint64_t id);
void journal_filters_remove_of(struct journal_filters *all,
                               uint64_t subscription_id);
/* {"id","filter","createdAt"} */
void journal_filter_add_json(const struct journal_filter *f, struct doc *d);

/* r NULL: the record is not known, nothing is held against it. */
bool journal_filters_pass(const struct journal_filters *all,
                          uint64_t subscription_id, const struct record *r);

void journal_filters_add_state(const struct journal_filters *all,
                               struct doc *d);
void journal_filters_load_state(struct journal_filters *all,
                                const json_t *journal);

#endif

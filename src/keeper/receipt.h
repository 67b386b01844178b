#ifndef KEEPER_RECEIPT_H
#define KEEPER_RECEIPT_H

#include "keeper/audit.h"
#include "keeper/ending.h"

/*
 * Deletion receipts: what was erased, when, on whose word, chained into the
 * audit log.  They name no person.
 */
struct receipt {
    struct str app;
    uint64_t portal;
    uint64_t generation;
    int64_t erased_at;
    struct str word;
    struct str remote;     /* done, pending, gone, none, given_up */
    struct str master_key; /* that wrapped the destroyed data key */
    bool had_refresh, had_access, had_ref, had_user;
    struct str audit_head; /* before this erasure's own entry */
    /* What else went; receipts of before there were events say nothing. */
    bool has_counts;
    struct erased_parts counts;
};
extern const struct record receipt_record;

/* Of a grant that this turn lets go; its parts are the turn's. */
void receipt_make(struct turn *t, struct str app, uint64_t portal,
                  const struct grant *g, struct receipt *out);

/* Stores it, and an audit entry that carries its hash.  due: when its line in
 * the erasure list is looked after, or STORE_NEVER.  Its key, in the turn's
 * arena. */
struct str receipt_store(struct turn *t, const struct receipt *r, int64_t due);
/* Of the grants of that portal that are gone, the last one's; 0: none, or
 * turn_is_waiting. */
uint64_t receipt_last_generation(struct turn *t, struct str app,
                                 uint64_t portal);
/* The last one of that portal.  ERR_AGAIN, ERR_NOT_FOUND. */
enum err receipt_last(struct turn *t, struct str app, uint64_t portal,
                      struct receipt *out) WARN_UNUSED;
/* The last one is the waiter's answer, or that there was nothing.  As a
 * handler returns. */
enum err receipt_answer_last(struct turn *t, struct str app, uint64_t portal,
                             struct waiter waiter) WARN_UNUSED;
/*
 * For the walk along the audit chain: does the receipt of which the entry
 * tells exist, as it was when it was given?  ERR_AGAIN; ERR_OK; ERR_NOT_FOUND:
 * it is another, or gone.  Entries of anything else: ERR_OK, *out_is_one false.
 */
enum err receipt_verify(struct turn *t, const struct audit_entry *entry,
                        bool *out_is_one) WARN_UNUSED;
/* Its JSON, in the turn's arena. */
struct str receipt_json(struct turn *t, const struct receipt *r);
void receipt_add(struct doc *d, const struct receipt *r);

#endif

#ifndef KEEPER_RECEIPT_H
#define KEEPER_RECEIPT_H

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
};
extern const struct record receipt_record;

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
/* Its JSON, in the turn's arena. */
struct str receipt_json(struct turn *t, const struct receipt *r);
void receipt_add(struct doc *d, const struct receipt *r);

#endif

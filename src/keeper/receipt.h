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

/* Stores it, and an audit entry that carries its hash. */
void receipt_store(struct turn *t, const struct receipt *r);
/* Its JSON, in the turn's arena. */
struct str receipt_json(struct turn *t, const struct receipt *r);
void receipt_add(struct doc *d, const struct receipt *r);

#endif

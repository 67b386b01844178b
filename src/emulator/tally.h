#ifndef EMULATOR_TALLY_H
#define EMULATOR_TALLY_H

#include "base/doc.h"
#include "emulator/map.h"

/*
 * What was called: a counter for each method and path (parameters in
 * braces), and the last 1,000 calls.  No tokens, no codes, no bodies.
 */
#define TALLY_RECENT 1000

struct tally_call {
    int64_t at_ms;
    struct str method;
    struct str name;      /* /crm/v3/objects/contacts/{id} */
    struct str path;      /* as it came; empty if it holds a token */
    struct str client_id; /* empty where it is not known */
    struct str note;      /* grant type; must be a literal */
    struct str fault;     /* as note */
    uint64_t portal;      /* 0: not known */
    unsigned status;      /* 0: dropped without an answer */
};

struct tally {
    struct map counters;
    struct map notes; /* counters by grant type */
    struct tally_entry *recent;
    uint64_t n; /* calls in all */
};

void tally_done(struct tally *t);
void tally_add(struct tally *t, const struct tally_call *call);
/* {"total","by_path","by_grant_type","recent"}; path not empty: only calls
 * with that name or path. */
void tally_add_json(const struct tally *t, struct str path, struct doc *d);

#endif

#ifndef EMULATOR_FAULTS_H
#define EMULATOR_FAULTS_H

#include "base/arena.h"
#include "base/err.h"

/*
 * Faults on order: the n-th call of a path goes wrong in a chosen way.
 *
 *     POST /_emulator/faults {"path": "/oauth/2026-03/token", "nth": 2,
 *                             "do": "drop_after"}
 *
 * A path is compared with the request's path and with its name (parameters
 * in braces); with * at the end it is a beginning.
 */
enum fault_kind {
    FAULT_REFUSE,     /* HubSpot's own refusal; type says which */
    FAULT_DELAY,      /* done at once, answered late */
    FAULT_DROP,       /* closed without an answer, nothing done */
    FAULT_DROP_AFTER, /* done, closed without an answer */
    FAULT_STATUS,     /* an answer with that status, nothing done */
    FAULT_GARBAGE,    /* 200 and JSON's type, but not JSON; nothing done */
    FAULT_TRUNCATE,   /* done; the answer breaks off before its length */
    FAULT_HTML,       /* a CDN's page instead of JSON; nothing done */
};

struct fault {
    enum fault_kind kind;
    struct str method; /* empty: any */
    struct str path;
    uint64_t nth;   /* from now, the first is 1 */
    uint64_t times; /* how many in a row; 0: all from there on */
    uint64_t n_seen;
    unsigned status;     /* 0: 500 */
    uint32_t delay_ms;   /* before the answer, whatever the kind */
    int64_t retry_after; /* seconds; -1: no such header */
    struct str type;     /* BAD_HUB, EXPIRED_AUTHENTICATION, DAILY... */
    struct str body;     /* p NULL: HubSpot's own for that status */
};

struct faults {
    struct fault **v;
    size_t n, room;
};

void faults_done(struct faults *all);
/* Copies. */
void faults_add(struct faults *all, const struct fault *model);
/* False if no kind is called that. */
bool fault_kind_find(struct str name, enum fault_kind *out);
const char *fault_kind_name(enum fault_kind kind);

struct fault_call {
    struct str method, path, name;
};
/*
 * Counts the call, and says which fault falls on it: a copy in the arena, or
 * NULL.  A fault that has done its work is forgotten.
 */
const struct fault *faults_take(struct faults *all,
                                const struct fault_call *call,
                                struct arena *arena);

#endif

#ifndef CLI_PLAN_H
#define CLI_PLAN_H

#include "base/arena.h"
#include "hubspot/catalogue.h"
#include "hubspot/endpoints.h"

/*
 * The smallest set of scopes for calls of HubSpot's API, wherever the calls
 * come from.
 *
 *     struct plan *p = plan_new(arena);
 *     plan_add(p, &(struct plan_call){.method = ..., .path = ...});
 *     plan_solve(p, EDITION_FREE);
 *     ... p->scopes, p->kinds ...
 *
 * Calls of one kind, that is of one endpoint and object type, are held once
 * and counted, so that a log of any length fits.  Nothing is guessed: kinds
 * whose scopes are not known stay in the plan as that.
 */
struct plan_call {
    struct str method;
    struct str path;  /* as it was called; a query is passed over */
    struct str where; /* "calls.txt:3", for people */
    uint64_t n;       /* how often; 0 is 1 */
    bool is_optional; /* the app can do without */
};

struct plan_kind {
    struct plan_call example; /* the first; its n counts all */
    struct endpoint endpoint;
    struct plan_kind *next; /* of the same hash */
};

enum plan_place {
    PLAN_REQUIRED,
    PLAN_CONDITIONAL, /* needs a higher edition than every account has */
    PLAN_OPTIONAL,    /* only calls that the app can do without need it */
    PLAN_OF_APP,      /* client credentials: stands in no configuration */
    PLAN_UNPUBLISHED, /* nobody can ask for it */
};

struct plan_scope {
    const struct catalogue_scope *scope;
    enum plan_place place;
    struct plan_kind **needed_by;
    size_t n_needed_by;
};

struct plan {
    struct arena *arena;
    struct plan_kind **kinds; /* in the order of their first calls */
    size_t n_kinds, room;
    uint64_t n_calls;
    uint64_t n_unknown; /* kinds of unknown calls */
    uint64_t n_dropped; /* unknown ones over the limit, not among the kinds */
    struct plan_kind *buckets[1024];
    struct plan_scope *scopes; /* by name; plan_solve fills this */
    size_t n_scopes;
};

/* Unknown calls are all of a kind of their own: so many are held. */
#define PLAN_UNKNOWN_MAX 1000

/* All of it is in the arena; texts of calls are copied when held. */
struct plan *plan_new(struct arena *arena);
void plan_add(struct plan *p, const struct plan_call *call);

/* `edition` is what every account has at least.  Once, after the last call. */
void plan_solve(struct plan *p, enum hubspot_edition edition);

/* The scopes of one place, for a line of configuration. */
struct strs plan_names(const struct plan *p, enum plan_place place);

#endif

#ifndef HUBSPOT_ENDPOINTS_H
#define HUBSPOT_ENDPOINTS_H

#include "base/arena.h"
#include "hubspot/objects.h"

/*
 * Which scopes a call of HubSpot's API needs.
 *
 *     struct endpoint e;
 *     struct scope_needs needs;
 *     endpoint_find(STR("GET"), STR("/crm/v3/objects/deals/7"), &e);
 *     if (e.kind == ENDPOINT_NEEDS_SCOPES)
 *         endpoint_needs(&e, &needs);    -- any of these, all of each
 *
 * Where HubSpot's own lists disagree it is the cautious reading.  What is in
 * no list stays unknown: nothing is guessed, and unknown never means free.
 * A look-up allocates nothing and takes well under a microsecond.
 */
enum endpoint_kind {
    ENDPOINT_UNKNOWN,     /* no such endpoint is known */
    ENDPOINT_UNSPECIFIED, /* it is known, but no list names its scopes */
    ENDPOINT_OPEN,        /* takes no scope */
    ENDPOINT_NEEDS_SCOPES,
};

struct endpoint_rule;
struct endpoint_area;

struct endpoint {
    enum endpoint_kind kind;
    /* These two name the family, static; NULL: unknown. */
    const struct endpoint_area *area;
    const struct endpoint_rule *rule;
    /* The object types in the path, of a pair in its order; NULL: none, or
     * one that is not known. */
    const struct object_type *type, *other;
    struct str unknown_type; /* as it stands in the path */
};

#define NEEDS_MAX 48 /* the longest list of alternatives has 30 */
#define NEEDS_ALL_MAX 4

/* All scopes of one alternative are needed together; the texts are static. */
struct scope_needs {
    struct scope_all {
        struct str v[NEEDS_ALL_MAX];
        size_t n;
    } any_of[NEEDS_MAX];
    size_t n;
};

/*
 * `path` may have a query and a slash at its end, no host.  HEAD is as GET.
 */
void endpoint_find(struct str method, struct str path, struct endpoint *out);

/* Without alternatives that another one makes superfluous; the first is the
 * one to ask for.  None unless the kind is ENDPOINT_NEEDS_SCOPES. */
void endpoint_needs(const struct endpoint *e, struct scope_needs *out);

/* What else there is to know about it, a sentence; NULL: nothing. */
const char *endpoint_note(const struct endpoint *e);

/* "/crm/objects/{version}/{type}/search"; nothing for an unknown one. */
void endpoint_add_family(const struct endpoint *e, struct buf *out);

/*
 * The families whose calls take the scope, alone or with others, a text
 * each: "GET, POST /crm/{version}/imports".  In the arena.
 */
struct strs endpoint_users(struct arena *arena, struct str scope);

/* For whoever walks the table: areas and the rules in them, in order. */
size_t endpoint_n_areas(void);
const struct endpoint_area *endpoint_area_at(size_t i);

#endif

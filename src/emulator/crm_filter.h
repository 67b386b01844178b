#ifndef EMULATOR_CRM_FILTER_H
#define EMULATOR_CRM_FILTER_H

#include "base/err.h"
#include "emulator/crm.h"

#include <jansson.h>

/*
 * The conditions of a CRM search: groups of filters, of which one group must
 * hold whole (hubspot.md 3.2 has the limits).
 *
 *     e = crm_filter_read(type, body, arena, &filter, &why);
 *     if (crm_filter_holds(&filter, record, arena)) ...
 */
enum crm_operator {
    CRM_EQ,
    CRM_NEQ,
    CRM_LT,
    CRM_LTE,
    CRM_GT,
    CRM_GTE,
    CRM_BETWEEN,
    CRM_IN,
    CRM_NOT_IN,
    CRM_HAS_PROPERTY,
    CRM_NOT_HAS_PROPERTY,
    CRM_CONTAINS_TOKEN,
    CRM_NOT_CONTAINS_TOKEN,
};

struct crm_condition {
    size_t property;
    enum crm_operator operator;
    struct str value, high; /* high: of BETWEEN */
    struct strs values;     /* of IN and NOT_IN */
};

struct crm_group {
    struct crm_condition *v;
    size_t n;
};

struct crm_filter {
    const struct crm_type *type;
    struct crm_group *groups; /* none: everything holds */
    size_t n;
    struct strs words; /* of the free text query; all must be found */
};

/* filterGroups, filters and query of a search.  ERR_INVALID and a sentence. */
enum err crm_filter_read(const struct crm_type *type, const json_t *body,
                         struct arena *arena, struct crm_filter *out,
                         struct str *out_why) WARN_UNUSED;
bool crm_filter_holds(const struct crm_filter *f, const struct record *r,
                      struct arena *arena);
/* <0, 0, >0 by the property's own order; no value comes last. */
int crm_filter_compare(const struct crm_type *type, size_t property,
                       const struct record *a, const struct record *b,
                       struct arena *arena);

#endif

#ifndef EMULATOR_CRM_VIEW_H
#define EMULATOR_CRM_VIEW_H

#include "base/doc.h"
#include "emulator/call.h"
#include "emulator/crm.h"

/*
 * How much of a record is shown: which properties, and which associations.
 *
 *     struct crm_view view = crm_view_of_query(c, type);
 *     crm_view_add(&view, record, &d);
 */
struct crm_view {
    const struct crm_type *type;
    bool shows[CRM_MOST_PROPERTIES];
    bool shows_links[CRM_KINDS];
};

/* properties= and associations= of the query. */
struct crm_view crm_view_of_query(struct call *c, const struct crm_type *type);
/* "properties" of a body; none: what comes without being asked for. */
struct crm_view crm_view_of_body(struct call *c, const struct crm_type *type,
                                 const json_t *body);
/* Everything that has a value, as after a write. */
struct crm_view crm_view_full(const struct crm_type *type,
                              const struct record *r);

/* The record's members without the braces around them. */
void crm_view_add_members(const struct crm_view *view, const struct record *r,
                          struct doc *d);
void crm_view_add(const struct crm_view *view, const struct record *r,
                  struct doc *d);
/* Both types' names: contact_to_company. */
struct str crm_link_name(enum crm_kind from, enum crm_kind to,
                         struct arena *arena);

#endif

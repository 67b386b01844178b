#ifndef COURIER_ROLE_H
#define COURIER_ROLE_H

#include "child/child.h"

/*
 * The two kinds of couriers: one program, one role in each process.  Members
 * are those of struct child_role, called as it says.
 *
 *     const struct courier_role *role = c->settings.is_deliver
 *                                           ? &courier_deliver
 *                                           : &courier_oauth;
 */
struct courier_role {
    enum err (*start)(struct child *c, struct buf *problem);
    enum err (*confine)(const struct child *c, struct sandbox_result *out,
                        struct buf *problem);
    void (*run)(struct child *c);
    void (*drain)(struct child *c, bool is_brief);
    void (*orphaned)(struct child *c);
};

/* Errands and the journal: to HubSpot alone. */
extern const struct courier_role courier_oauth;
/* Deliveries: to webhook targets alone. */
extern const struct courier_role courier_deliver;

#define COURIER_SECRETS 1024 /* cells of the slab */

#endif

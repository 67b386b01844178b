#ifndef EMULATOR_DOOR_H
#define EMULATOR_DOOR_H

#include "emulator/route.h"

struct crm_type;

/*
 * Who may come in: bearer, limits and scopes, in HubSpot's order.
 */

/* False: refused, and answered. */
bool door_admit(struct call *c);

/* Has the caller's grant the scope of the type?  False: refused, answered. */
bool door_has_scope(struct call *c, const struct crm_type *type,
                    bool is_writing);

/* The client of an OAuth endpoint; NULL: refused and answered. */
struct app *door_client(struct call *c, struct str id, struct str secret);

/* Calls a day of the private apps of the caller's account; 0: no limit. */
uint64_t door_daily_limit(const struct call *c);

#endif

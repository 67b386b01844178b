#ifndef KEEPER_PORTALS_INT_H
#define KEEPER_PORTALS_INT_H

#include "keeper/portals.h"

/* Shared by portals.c (what is shown) and portals_api.c (who may see it). */

enum err portal_show(struct turn *t, struct str app, uint64_t portal);
enum err portals_list(struct turn *t, const struct relay_portals_list *a);
/* Names the rows of that page, so that nothing is missing later. */
enum err portals_name(struct turn *t, const struct relay_portals_list *a);
void portal_note_export(struct turn *t, struct str app, uint64_t portal,
                        const struct grant *g, bool with_tokens);

#endif

#ifndef EMULATOR_CRM_LINKS_H
#define EMULATOR_CRM_LINKS_H

#include "emulator/call.h"

/*
 * Associations between two records.  The v4 paths, which the dated ones
 * share, and the older v3 ones.
 */
void do_links(struct call *c);
void do_link_default(struct call *c);
void do_link(struct call *c);
void do_unlink(struct call *c);
void do_v3_links(struct call *c);
void do_v3_link(struct call *c);

#endif

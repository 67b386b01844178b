#ifndef EMULATOR_CRM_SEARCH_H
#define EMULATOR_CRM_SEARCH_H

#include "emulator/call.h"

/* POST .../search: filters, free text, order, pages of up to 200, and never
 * more than 10,000 results. */
void do_search(struct call *c);

#endif

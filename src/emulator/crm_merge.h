#ifndef EMULATOR_CRM_MERGE_H
#define EMULATOR_CRM_MERGE_H

#include "emulator/call.h"

/*
 * POST .../{type}/merge {"primaryObjectId","objectIdToMerge"}: a new record
 * takes the place of both, with the primary one's values before the other's.
 */
void do_merge(struct call *c);

#endif

#ifndef EMULATOR_CRM_BATCH_H
#define EMULATOR_CRM_BATCH_H

#include "emulator/call.h"

/*
 * Up to 100 records in one call.  What fails alone stands in `errors` and
 * makes the answer 207, as HubSpot has it; bad values refuse the whole batch
 * unless its inputs carry an objectWriteTraceId.
 */
void do_batch_read(struct call *c);
void do_batch_create(struct call *c);
void do_batch_update(struct call *c);
void do_batch_upsert(struct call *c);
void do_batch_archive(struct call *c);

#endif

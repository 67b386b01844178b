#ifndef KEEPER_EVENT_STATUS_H
#define KEEPER_EVENT_STATUS_H

#include "base/doc.h"
#include "keeper/turn.h"

/*
 * How the event logs stand, app by app: for `portkeep status` and for
 * metrics.  event_status_name names the rows; false while they are missing.
 */
bool event_status_name(struct turn *t);
/* "events":[...] */
void event_status_add(struct turn *t, struct doc *d);
void event_status_add_metrics(struct turn *t, struct buf *out);

#endif

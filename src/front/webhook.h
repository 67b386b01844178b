#ifndef FRONT_WEBHOOK_H
#define FRONT_WEBHOOK_H

#include "front/visit.h"

/*
 * POST /webhooks/{app}: what HubSpot reports.  Whether a signature holds is
 * the keeper's to say; what can be seen without a secret is refused here, most
 * of it before the body comes.  The 200 says that all of it is on disk.
 */

/* Once the head is there: refuses, or lets a long body in. */
void webhook_on_head(struct visit *v);
/* Once the body is there, if it was not refused. */
void do_webhook(struct visit *v);

#endif

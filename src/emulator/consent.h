#ifndef EMULATOR_CONSENT_H
#define EMULATOR_CONSENT_H

#include "emulator/call.h"

/*
 * HubSpot's consent page: GET /oauth/authorize, where a customer sees what an
 * app wants and says yes or no, and the answer to that form.
 */
void do_authorize(struct call *c);
/* Fields: portal, decision=allow or cancel, and all that authorize had. */
void do_decision(struct call *c);

/* For installs that begin elsewhere: may an app be sent back to this? */
bool consent_is_redirect(struct str url);

#endif

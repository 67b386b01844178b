#ifndef EMULATOR_OAUTH_TOKEN_H
#define EMULATOR_OAUTH_TOKEN_H

#include "emulator/call.h"

/*
 * POST /oauth/{version}/token: exchange, refresh, client credentials.
 */
void do_token(struct call *c);
/* The grant type for the tally, also of calls that a fault answers. */
void oauth_note(struct call *c);

/*
 * A parameter of an OAuth endpoint: in the body; version 1 alone also takes
 * it from the query.  p is NULL if it is missing.
 */
struct str oauth_param(struct call *c, const char *name);
/* client_id and client_secret; NULL: refused and answered. */
struct app *oauth_client(struct call *c);

#endif

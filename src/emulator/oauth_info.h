#ifndef EMULATOR_OAUTH_INFO_H
#define EMULATOR_OAUTH_INFO_H

#include "emulator/call.h"

/*
 * What OAuth knows about a token, and taking it back (hubspot.md 1.8).
 * Revoking a refresh token leaves access tokens alone and uninstalls nothing.
 */
void do_introspect(struct call *c);
void do_revoke(struct call *c);
void do_v1_access_token(struct call *c);
void do_v1_refresh_token(struct call *c);
void do_v1_revoke(struct call *c);
/* Of a private app's static token. */
void do_static_token_info(struct call *c);

#endif

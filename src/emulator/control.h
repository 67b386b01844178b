#ifndef EMULATOR_CONTROL_H
#define EMULATOR_CONTROL_H

#include "emulator/call.h"

/*
 * The emulator's own API, for tests: JSON under /_emulator/.  A body may be
 * missing where all its members are optional.
 */
void do_calls(struct call *c); /* ?path= */
void do_reset(struct call *c);
void do_clock(struct call *c); /* {"advance_s"} */
void do_get_settings(struct call *c);
void do_put_settings(struct call *c);
void do_add_fault(struct call *c); /* see faults.h */
void do_clear_faults(struct call *c);
void do_emit(struct call *c);          /* control_emit.c */
void do_get_webhooks(struct call *c);  /* control_webhooks.c; ?after, limit */
void do_drop_webhooks(struct call *c); /* all that is not in flight */

/* control_grants.c.  {"portal","client_id","token"}: all of these that are
 * given must fit. */
void do_expire(struct call *c);         /* access tokens end now */
void do_control_revoke(struct call *c); /* refresh tokens are void */
void do_control_uninstall(struct call *c);
void do_list_tokens(struct call *c); /* static ones */
void do_add_token(struct call *c);   /* {"portal","scopes","name"} */
void do_list_apps(struct call *c);
/* {"client_id","scopes","first_portal","count"}: connected portals at once */
void do_mint_grants(struct call *c);

/* The body as an object, an empty one where there is no body. */
json_t *control_body(struct call *c);
/* {"done": n} */
void control_answer_done(struct call *c, uint64_t n);

#endif

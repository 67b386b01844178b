#ifndef EMULATOR_ACCOUNT_INFO_H
#define EMULATOR_ACCOUNT_INFO_H

#include "emulator/call.h"

/* What an app can ask about the account that it is connected to, and the
 * call by which it uninstalls itself (hubspot.md 2, 5, 9). */
void do_details(struct call *c);
void do_me(struct call *c);
void do_daily_usage(struct call *c);
void do_external_uninstall(struct call *c);

#endif

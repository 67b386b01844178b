#ifndef EMULATOR_APPS_PAGE_H
#define EMULATOR_APPS_PAGE_H

#include "emulator/call.h"

/*
 * /apps: what is connected to each account, with a button to uninstall it,
 * and installs that begin on the Marketplace (hubspot.md 1.3).
 */
void do_apps(struct call *c);
void do_apps_uninstall(struct call *c);
void do_apps_install(struct call *c);
/* The partner signed its user in and comes back with a state. */
void do_install_continue(struct call *c);
/* Where returnUrl leads in the end. */
void do_install_finished(struct call *c);

#endif

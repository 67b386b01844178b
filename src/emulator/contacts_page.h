#ifndef EMULATOR_CONTACTS_PAGE_H
#define EMULATOR_CONTACTS_PAGE_H

#include "emulator/call.h"

/*
 * /apps/contacts/{portal}: the contacts of an account, each with a button
 * that deletes it for good, as a privacy request has it (hubspot.md 5.3).
 */
void do_contacts(struct call *c);
void do_contacts_erase(struct call *c); /* fields: portal, id */

#endif

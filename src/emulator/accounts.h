#ifndef EMULATOR_ACCOUNTS_H
#define EMULATOR_ACCOUNTS_H

#include "emulator/map.h"
#include "emulator/throttle.h"
#include "hubspot/scopes.h"

struct crm;

/*
 * Portals: HubSpot's customer accounts.  1001 Free, 1002 Professional and
 * 1003 Enterprise always exist; more can be added.
 *
 *     struct account *a = accounts_find(&w->accounts, 1001);
 */
struct account {
    uint64_t portal;
    struct str name;   /* "Acme Free" */
    struct str domain; /* the customer's own web domain */
    struct str user_email;
    uint64_t user_id;
    enum hubspot_edition edition;
    struct crm *crm;          /* NULL until it is first asked for */
    struct throttle searches; /* CRM search counts for the whole account */
    int64_t day;              /* since 1970, of n_today */
    uint64_t n_today;         /* calls of private apps on that day */
    uint64_t last_event_id;   /* of webhooks */
};

struct accounts {
    struct map by_portal;
    struct account **v; /* in the order they were added */
    size_t n, room;
};

void accounts_done(struct accounts *all);
void accounts_add_standard(struct accounts *all);
/* The account that is there already, or a new one. */
struct account *accounts_add(struct accounts *all, uint64_t portal,
                             struct str name, enum hubspot_edition edition);
/* NULL if there is none. */
struct account *accounts_find(const struct accounts *all, uint64_t portal);
/* The same by the digits of its number. */
struct account *accounts_find_text(const struct accounts *all,
                                   struct str digits);

#endif

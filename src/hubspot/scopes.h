#ifndef HUBSPOT_SCOPES_H
#define HUBSPOT_SCOPES_H

#include "base/buf.h"

/*
 * HubSpot's scopes: what they allow in words a customer understands, and the
 * lowest edition of HubSpot that has them.
 *
 *     struct hubspot_scope scope;
 *     if (hubspot_scope_find(STR("crm.objects.deals.read"), &scope))
 *         hubspot_scope_add_words(&scope, &page);   -- "Read deals"
 *
 * Editions change without notice: they are advice, the scopes of a token
 * reply decide.
 */
enum hubspot_edition {
    EDITION_FREE,
    EDITION_STARTER,
    EDITION_PROFESSIONAL,
    EDITION_ENTERPRISE,
};

struct hubspot_scope {
    struct str verb;    /* "Read", "Change" */
    struct str subject; /* "deals"; the words are both, one after the other */
    enum hubspot_edition edition;
    bool is_app_level; /* only with client credentials, never of a portal */
};

/* False for a name that is in no published list. */
bool hubspot_scope_find(struct str name, struct hubspot_scope *out);
void hubspot_scope_add_words(const struct hubspot_scope *scope,
                             struct buf *out);
const char *hubspot_edition_name(enum hubspot_edition edition);

#endif

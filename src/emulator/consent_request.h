#ifndef EMULATOR_CONSENT_REQUEST_H
#define EMULATOR_CONSENT_REQUEST_H

#include "emulator/call.h"

/*
 * What the query of an authorize link asks for, checked as HubSpot checks it
 * (hubspot.md 1.1 and 1.4).
 */
struct consent {
    struct app *app;
    struct account *account; /* NULL until one is chosen */
    struct str redirect_uri;
    struct str scope, optional_scope; /* as they came */
    struct strs scopes, optional;
    struct str state;
    struct str challenge, challenge_method;
};

/* text is a query or a form.  False: an error page is the answer. */
bool consent_read(struct call *c, struct str text, struct consent *out);
/* The required scopes that the account's edition lacks. */
struct strs consent_missing(struct call *c, const struct consent *q,
                            const struct account *a);
/* What it grants: all required ones, those of the optional ones that the
 * edition has, and oauth. */
struct strs consent_granted(struct call *c, const struct consent *q,
                            const struct account *a);

#endif

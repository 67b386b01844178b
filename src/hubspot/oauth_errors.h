#ifndef HUBSPOT_OAUTH_ERRORS_H
#define HUBSPOT_OAUTH_ERRORS_H

#include "base/str.h"

/*
 * The refusals of HubSpot's OAuth endpoints: the `status` word, RFC 6749's
 * `error` that goes with it, HubSpot's sentence, and what it means for a
 * connection (hubspot.md 1.9).
 *
 *     const struct hubspot_oauth_error *e = hubspot_oauth_error_find(status);
 *     if (e != NULL && e->meaning == OAUTH_CONNECTION_ENDED) ...
 */
enum hubspot_oauth_meaning {
    OAUTH_CONNECTION_ENDED, /* uninstalled, revoked, account gone */
    OAUTH_CODE_REFUSED,     /* this install failed: begin it again */
    OAUTH_APP_AT_FAULT,     /* credentials, redirect: hits every portal */
    OAUTH_BAD_REQUEST,      /* we asked for something that is not possible */
};

struct hubspot_oauth_error {
    struct str status;  /* BAD_REFRESH_TOKEN */
    struct str error;   /* invalid_grant */
    struct str message; /* HubSpot's sentence */
    enum hubspot_oauth_meaning meaning;
};

/* NULL for a status that HubSpot does not document. */
const struct hubspot_oauth_error *hubspot_oauth_error_find(struct str status);

#endif

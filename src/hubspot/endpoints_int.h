#ifndef HUBSPOT_ENDPOINTS_INT_H
#define HUBSPOT_ENDPOINTS_INT_H

#include "hubspot/endpoints.h"

/*
 * The table of endpoints.  An area is the beginning of a path, the version
 * in it written @; its rules are about what follows, tried in order.
 *
 *     path    * one segment; ** all that is left, even nothing; a|b either;
 *             {type}, {other} object types
 *     needs   + both, | either, + binds tighter; NULL: no list says; "": no
 *             scope.  {read}, {write}, {schema_read}, {schema_write} are the
 *             scopes of {type}, with other_ before them those of {other};
 *             {any} is the read scope of any type.
 */
enum endpoint_method {
    GET = 1,
    POST = 2,
    PUT = 4,
    PATCH = 8,
    DELETE = 16,
    ANY = 31,
};

/* A rule of paths with the version at one of the two usual places only. */
enum endpoint_place {
    VERSION_SECOND = 1, /* /crm/v3/objects */
    VERSION_LAST = 2,   /* /crm/objects/v3 */
};

struct endpoint_rule {
    unsigned methods;
    unsigned place; /* enum endpoint_place; 0: any */
    const char *path;
    const char *needs;
    const char *note;
};

struct endpoint_area {
    struct str path;
    const struct endpoint_rule *rules;
    size_t n_rules;
};

extern const struct endpoint_area endpoints_crm[];
extern const size_t n_endpoints_crm;
extern const struct endpoint_area endpoints_content[];
extern const size_t n_endpoints_content;
extern const struct endpoint_area endpoints_hubs[];
extern const size_t n_endpoints_hubs;

/* Notes that hold for more than one endpoint. */
#define OLD_KEY                                                   \
    "HubSpot's lists for 2025-09 and 2026-09 name the developer " \
    "account's key here, and no scope."
#define READ_AS_WRITE "It only reads, yet HubSpot lists a write scope for it."
#define WRITE_AS_READ "It changes something, yet HubSpot lists the read scope."
#define OF_APP                                                         \
    "Called with a token of the app itself (client credentials), not " \
    "of an account."
#define ANY_TOKEN "Any OAuth token will do."
#define BOTH_ENDS                                                      \
    "Some of HubSpot's lists ask for the first type's scope only; to " \
    "have both is safe."
#define OTHER_PATH "Concluded from the same call under another path."
#define OWN_TYPE "The scope of the record's own type is the safe one."

#endif

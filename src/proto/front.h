#ifndef PROTO_FRONT_H
#define PROTO_FRONT_H

#include "ipc/channel.h"

/*
 * The front and the keeper: an install's beginning and its end, and what
 * HubSpot reports.  The front knows HTTP and pages, the keeper knows who may
 * connect what, and which signature holds.
 */
enum front_type {
    FRONT_BEGIN = 1,
    FRONT_BEGUN,
    FRONT_FINISH,
    FRONT_FINISHED,
    FRONT_WEBHOOK,
    FRONT_WEBHOOK_TAKEN,
};

/* Which page the browser sees where it is not sent on. */
enum front_page {
    PAGE_NONE = 0, /* redirect to location */
    PAGE_CONNECTED,
    PAGE_CANCELLED,         /* the customer said no at HubSpot */
    PAGE_FAILED,            /* HubSpot refused, see detail */
    PAGE_EXPIRED,           /* the attempt is older than 10 minutes */
    PAGE_WRONG_ACCOUNT,     /* another portal than the session names */
    PAGE_MISSING_SCOPES,    /* connected, but scopes were not granted */
    PAGE_ALREADY_CONNECTED, /* the portal belongs to another ref */
    PAGE_OTHER_BROWSER,     /* the cookie of the attempt is not here */
    PAGE_LINK_INVALID,      /* session unknown, used or too old */
    PAGE_STATE_INVALID,     /* state missing or changed */
    PAGE_UNKNOWN_APP,
    PAGE_BUSY,             /* try again later; nothing was lost */
    PAGE_HUBSPOT_AWAY,     /* unreachable, or in trouble of its own */
    PAGE_HUBSPOT_PATIENCE, /* it asks everybody to wait (429) */
    PAGE_COUNT
};

/* GET /connect/{app} */
struct front_begin {
    struct str request_id;
    struct str app;
    struct hidden session; /* the link's code */
};

struct front_begun {
    uint32_t page;
    struct str location; /* HubSpot's consent page, with everything in it */
    /* The attempt's tag: the state begins with it and a dot, the cookie's
     * name ends with it.  Sorts by time. */
    struct str tag;
    struct hidden cookie;
    uint32_t cookie_max_age_s;
    bool is_cross_site; /* SameSite=None: the install began at HubSpot */
};

/* GET /oauth/{app}/callback: the query as it came, decoded, and the cookie
 * whose name carries the state's tag. */
struct front_finish {
    struct str request_id;
    struct str app;
    struct hidden state;
    struct hidden cookie;
    struct hidden code;
    struct str error;
    struct str error_description;
    struct str step;       /* Marketplace: authorize, finalize */
    struct str return_url; /* Marketplace: back to HubSpot */
};

struct front_finished {
    uint32_t page;
    struct str location;
    struct str tag;       /* clear this attempt's cookie; empty: none */
    struct str detail;    /* one plain sentence, or empty */
    struct str retry_url; /* "try again"; empty: none possible */
    uint64_t portal;      /* 0: not known */
    struct strs missing_scopes;
};

/* POST /webhooks/{app}: the headers as they came; empty: not there. */
struct front_webhook {
    struct str request_id;
    struct str app;
    struct str query; /* without its question mark */
    struct str signature_v3, timestamp;
    struct str signature, signature_version; /* v1 and v2 */
    struct hidden body;
};

/* ERR_OK: all of it is on disk.  ERR_NOT_FOUND: no such app; ERR_UNAUTHORIZED:
 * no signature holds; ERR_UNAVAILABLE: HubSpot shall try again. */
struct front_webhook_taken {
    uint32_t err;
    uint32_t retry_after_s;
};

extern const struct conversation front_conversation;

#endif

#ifndef PROTO_RELAY_H
#define PROTO_RELAY_H

#include "ipc/channel.h"

/*
 * The relay and the keeper.  The relay forwards the caller's credential with
 * everything it asks, and the keeper decides; a lease lets the relay answer
 * the same question by itself until lease_until, as long as beats come.
 */
enum relay_type {
    RELAY_LEASE_ASK = 1,
    RELAY_LEASE,
    RELAY_SESSION_CREATE,
    RELAY_RESULT_REDEEM,
    RELAY_REF_BIND,
    RELAY_PORTALS_LIST,
    RELAY_PORTAL_SHOW,
    RELAY_PORTAL_DELETE,
    RELAY_METRICS,
    RELAY_VERIFY,
    RELAY_EVENTS_LIST,
    RELAY_EVENT_REPLAY,
    RELAY_ANSWER,
    RELAY_USED,
    RELAY_BEAT,
    RELAY_REVOKED,
};

/* What a caller wants; the verbs of API keys. */
enum key_verb {
    VERB_TOKEN = 1 << 0,
    VERB_CALL = 1 << 1,
    VERB_CALL_READ = 1 << 2, /* GET and HEAD only, and POST .../search */
    VERB_CONNECT = 1 << 3,
    VERB_PORTALS = 1 << 4,
    VERB_DISCONNECT = 1 << 5,
    VERB_EVENTS = 1 << 6,
    VERB_VERIFY = 1 << 7,
};

/* May this caller have this portal's token, for this verb? */
struct relay_lease_ask {
    struct str request_id;
    struct hidden credential; /* pkeep_... */
    struct str address;       /* the caller's */
    struct str app;
    uint64_t portal;
    uint32_t verb; /* VERB_TOKEN or VERB_CALL */
    /* HubSpot answered 401 to this version: refresh it if it still is the
     * stored one.  0: none. */
    uint64_t refused_version;
};

struct relay_lease {
    uint32_t err; /* enum err; not ERR_OK: only the next three count */
    struct str detail;
    struct str reconnect_url;
    uint32_t retry_after_s;
    struct hidden access_token;
    uint64_t version;   /* of the token */
    int64_t expires_at; /* unix seconds; 0: a static token, never */
    int64_t floor_s;    /* never answer with less of it left */
    struct strs scopes;
    uint64_t key_number; /* which key asked: see RELAY_REVOKED */
    bool is_read_only;   /* the key's `call` is limited to reading */
    int64_t lease_until; /* unix ms: ask again after */
};

/* The API calls, one message a route.  Each is answered by RELAY_ANSWER. */
struct relay_session_create { /* POST .../connect-sessions */
    struct str request_id;
    struct hidden credential;
    struct str address;
    struct str app;
    struct str ref;
    struct str return_to;
    struct strs optional_scopes; /* of the app's optional and conditional */
    uint64_t portal;             /* only this account; 0: any */
    struct hidden attempt;       /* a Marketplace install in the middle */
    bool is_take_over;           /* the portal may change its ref */
};

struct relay_result_redeem { /* POST .../connect-results */
    struct str request_id;
    struct hidden credential;
    struct str address;
    struct str app;
    struct hidden code;
};

struct relay_ref_bind { /* PUT .../portals/{portal}/ref */
    struct str request_id;
    struct hidden credential;
    struct str address;
    struct str app;
    uint64_t portal;
    struct str ref;
};

struct relay_portals_list { /* GET .../portals */
    struct str request_id;
    struct hidden credential;
    struct str address;
    struct str app;
    struct str ref;    /* empty: all */
    struct str cursor; /* empty: from the beginning */
    uint32_t limit;    /* 1 to 100 */
};

struct relay_portal { /* GET and DELETE .../portals/{portal} */
    struct str request_id;
    struct hidden credential;
    struct str address;
    struct str app;
    uint64_t portal;
};

/* POST .../verify: a request that the backend itself got from HubSpot. */
struct relay_verify {
    struct str request_id;
    struct hidden credential;
    struct str address;
    struct str app;
    struct str method;
    struct str uri; /* whole, as HubSpot was told it */
    struct str signature_v3, timestamp;
    struct str signature, signature_version; /* v1 and v2 */
    struct hidden body;
};

struct relay_events_list { /* GET .../events */
    struct str request_id;
    struct hidden credential;
    struct str address;
    struct str app;
    uint64_t portal;   /* 0: all that the key may see */
    struct str cursor; /* empty: from the oldest; "now": what comes */
    uint32_t limit;    /* 1 to 100 */
    uint32_t wait_ms;  /* with nothing there, until something comes */
};

struct relay_event_replay { /* POST .../events/{id}/replay */
    struct str request_id;
    struct hidden credential;
    struct str address;
    struct str app;
    struct str id;
};

/* err ERR_OK: json is the body of the answer. */
struct relay_answer {
    uint32_t err;
    struct str json;
    struct str detail;
    struct str reconnect_url;
    uint32_t retry_after_s;
};

/* Every 10 s: how often a lease was used since. */
struct relay_used {
    struct str app;
    uint64_t portal;
    uint64_t key_number;
    uint32_t verb;
    uint64_t n_uses;
};

/* Every BEAT_MS.  epoch counts the revocations that were sent; a gap means
 * that the relay missed one, and it forgets everything. */
struct relay_beat {
    uint64_t epoch;
};

/* Forget, and cut running exchanges.  Zero or empty means all of them. */
struct relay_revoked {
    uint64_t epoch;
    struct str app;
    uint64_t portal;
    uint64_t key_number;
    bool is_replaced; /* by a newer token: what runs goes on to its end */
};

extern const struct conversation relay_conversation;

#endif

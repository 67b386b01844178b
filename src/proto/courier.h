#ifndef PROTO_COURIER_H
#define PROTO_COURIER_H

#include "ipc/channel.h"

/*
 * The courier and the keeper: one errand is one call to HubSpot's OAuth or
 * account endpoints.  The courier keeps nothing of it afterwards.
 */
enum courier_type {
    COURIER_ERRAND = 1,
    COURIER_DONE,
    COURIER_SPILL_KEY,
};

enum errand_kind {
    ERRAND_EXCHANGE = 1, /* code to tokens */
    ERRAND_REFRESH,
    ERRAND_INTROSPECT, /* token is a refresh token */
    ERRAND_REVOKE,     /* token is a refresh token */
    ERRAND_UNINSTALL,  /* token is an access token */
    ERRAND_TOKEN_INFO, /* token is a static token: portal and scopes */
};

struct courier_errand {
    uint32_t kind;
    struct str app; /* with portal and version: for the spill file only */
    uint64_t portal;
    uint64_t version;     /* of the refresh token that is sent */
    int64_t not_after_ms; /* unix ms: too late to send it */
    struct str client_id;
    struct hidden client_secret;
    struct hidden token;
    struct hidden code;
    struct hidden verifier; /* PKCE */
    struct str redirect_uri;
    struct str context; /* the keeper's own note; for the spill file only */
};

/* What HubSpot's answer means; what it said is in `status`. */
enum errand_outcome {
    OUTCOME_OK = 1,
    OUTCOME_INACTIVE,     /* introspection: active is false */
    OUTCOME_TOKEN_ENDED,  /* BAD_REFRESH_TOKEN, BAD_HUB: a sign of an end */
    OUTCOME_CODE_REFUSED, /* BAD_AUTH_CODE, EXPIRED_AUTH_CODE, ... */
    OUTCOME_OUR_FAULT,    /* client id, secret, redirect: for every portal */
    OUTCOME_THROTTLED,    /* 429, 477 */
    OUTCOME_TRANSIENT,    /* unreachable, timeout, 5xx, not JSON */
    OUTCOME_DROPPED,      /* not_after_ms had passed: nothing was sent */
    OUTCOME_REFUSED,      /* any other 4xx */
};

struct courier_done {
    uint32_t kind;
    uint32_t outcome;
    uint32_t http_status; /* 0: no answer came */
    struct str status;    /* HubSpot's `status` or `error`, shortened */
    struct str message;   /* HubSpot's sentence, shortened; may be empty */
    uint32_t retry_after_s;
    int64_t date; /* HubSpot's Date header, unix seconds; 0: none */
    struct hidden access_token;
    struct hidden refresh_token;
    uint32_t expires_in;
    uint64_t hub_id; /* 0: the answer did not say */
    uint64_t user_id;
    struct str user_email;
    struct str hub_domain;
    struct str client_id; /* introspection: whose token it is */
    struct strs scopes;
    bool has_scopes;
};

/* The keeper's public key (crypto_box): token replies that come after the
 * keeper is gone are sealed to it and appended to the spill file. */
struct courier_spill_key {
    struct str public_key;
};

/* One line of the spill file: what was asked, and the sealed courier_done. */
struct spill_entry {
    struct str app;
    uint64_t portal;
    uint64_t version;
    uint32_t kind;
    struct str context;
    int64_t at_ms;
    struct hidden done; /* courier_done, encoded */
};
extern const struct record courier_done_record;
extern const struct record spill_entry_record;

extern const struct conversation courier_conversation;

#endif

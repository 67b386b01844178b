#ifndef PROTO_COURIER_H
#define PROTO_COURIER_H

#include "ipc/channel.h"

/*
 * The courier and the keeper: one errand is one call to HubSpot, or to an
 * app's backend.  The courier keeps nothing of it afterwards.  There are two
 * kinds of couriers: `oauth` goes to HubSpot alone, `deliver` to the
 * webhook targets alone.
 */
enum courier_type {
    COURIER_ERRAND = 1,
    COURIER_DONE,
    COURIER_SPILL_KEY,
    COURIER_DELIVER,
    COURIER_DELIVERED,
    COURIER_JOURNAL,
    COURIER_JOURNAL_READ,
    COURIER_PIECE,
    COURIER_PIECE_READ,
    COURIER_HOLD,
};

enum errand_kind {
    ERRAND_EXCHANGE = 1, /* code to tokens */
    ERRAND_REFRESH,
    ERRAND_INTROSPECT, /* token is a refresh token */
    ERRAND_REVOKE,     /* token is a refresh token */
    ERRAND_UNINSTALL,  /* token is an access token */
    ERRAND_TOKEN_INFO, /* token is a static token: portal and scopes */
    ERRAND_APP_TOKEN,  /* client credentials; text: the scopes */
    ERRAND_SUBSCRIBE,  /* the journal's; token is an app token, text the
                          subscription as JSON; 409 is OUTCOME_OK */
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
    struct str text;    /* what the kind says */
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

/* One request to an app's backend (Standard Webhooks 1.0). */
struct courier_deliver {
    struct str url;
    struct str id;        /* webhook-id */
    struct str timestamp; /* webhook-timestamp, unix seconds */
    struct str signature; /* webhook-signature: one or two of them */
    struct hidden body;   /* JSON */
    bool is_replay;       /* Portkeep-Replay: true */
    struct str gap;       /* Portkeep-Gap: a dead event's id; empty: none */
    int64_t not_after_ms; /* unix ms: too late to send it */
};

/* 2xx: it is taken.  A redirect is an answer like any other. */
struct courier_delivered {
    uint32_t http_status; /* 0: no answer came, see reason */
    uint32_t retry_after_s;
    struct str reason; /* timeout, refused, no_such_host, tls, ... */
};

/* Reads the journal's next file after offset, and holds its events. */
struct courier_journal {
    struct str app;
    struct hidden token;  /* an app token */
    struct str offset;    /* empty: the earliest */
    int64_t not_after_ms; /* unix ms: too late to send it */
};

struct courier_journal_read {
    uint32_t outcome;     /* enum errand_outcome; OUTCOME_REFUSED: offset */
    uint32_t http_status; /* 204: there is nothing yet */
    struct str status, message;
    uint32_t retry_after_s;
    struct str offset; /* of this file: commit it with its last piece */
    uint64_t handle;   /* held until its last piece is read, or 60 s */
    uint32_t n_pieces; /* of at most 100 events */
};

struct courier_piece {
    uint64_t handle;
    uint32_t index;
};

struct courier_piece_read {
    uint32_t err;         /* ERR_NOT_FOUND: no longer held; read anew */
    struct hidden events; /* a JSON array, HubSpot's bytes */
};

/* The keeper's public key (crypto_box): token replies that come after the
 * keeper is gone are sealed to it and appended to the spill file. */
struct courier_spill_key {
    struct str public_key;
};

/* Token replies that were handed over cannot be committed yet: they are kept
 * that much longer, counted from now. */
struct courier_hold {
    uint32_t for_ms;
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

#ifndef PROTO_LIFE_H
#define PROTO_LIFE_H

#include "ipc/channel.h"

/*
 * The parent and each child: settings and descriptors at birth and at
 * reload, readiness, the end.  The child's end is descriptor 3.
 *
 * Order at birth: settings, one app message an app, descriptors, apply; the
 * child answers ready when its sandbox stands, and gets work only then.  At
 * reload the same again; what is not sent again is gone.
 */
enum life_type {
    LIFE_SETTINGS = 1,
    LIFE_APP,
    LIFE_DESCRIPTOR,
    LIFE_APPLY,
    LIFE_READY,
    LIFE_STOP,
    LIFE_WANT_RELOAD,
    LIFE_RELOADED,
    LIFE_RELOAD_ENDED,
    LIFE_DRAINING,
    LIFE_WANT_SUCCESSOR,
};

/* What the parent fills in depends on the role; the rest stays empty. */
struct life_settings {
    uint32_t index; /* which one of its role */
    uint32_t log_level;
    struct str user;   /* to become when started by root; empty: stay */
    bool is_sandboxed; /* false only in the ASan build's --no-sandbox */
    struct str public_url;
    struct str api_url;       /* front: none; relay, courier: HubSpot's API */
    struct str authorize_url; /* keeper */
    struct str oauth_version; /* courier */
    struct str ca_file;       /* relay, courier; empty: the system's */
    struct str node;          /* keeper: this machine's name in the audit log */
    struct str data_dir;      /* keeper: the only place it opens files in */
    struct str store_path;    /* keeper: the database file, in data_dir */
    uint32_t revocation_max_ms; /* relay */
    bool is_deliver;            /* courier: goes to webhook targets only */
    struct strs journal_hosts;  /* courier: whom journal files come from */
    struct strs target_urls;    /* courier that delivers: all there are */
    uint32_t events_keep_s;     /* keeper: how long events stay */
    uint64_t events_max;        /* keeper: and how many bytes of them */
};

struct life_app {
    struct str name; /* the id in URLs: crm-sync */
    bool is_static;
    struct str title; /* "CRM Sync", on pages */
    struct str support_url;
    struct str privacy_url;
    struct str client_id;
    struct strs scopes;
    struct strs optional_scopes;
    struct strs conditional_scopes;
    struct strs return_to;
    struct str sign_in_url;
    bool is_marketplace;
    bool keeps_user_email;
    uint32_t erase_gone_after_s;
    uint32_t erase_grace_s;    /* from an uninstall's word to the erasure */
    struct str webhook_target; /* empty: none */
    struct strs webhook_urls;  /* as HubSpot knows it: 1 to 3 */
    bool takes_v2, takes_v1;   /* signatures; v3 is always taken */
    bool is_journal;           /* events come from the journal, not by push */
    uint32_t webhook_batch;    /* events in one request, at most */
};

enum life_descriptor_kind {
    LIFE_FD_LISTEN = 1,         /* front: public; relay: private */
    LIFE_FD_TLS_CHAIN,          /* front */
    LIFE_FD_TLS_KEY,            /* front */
    LIFE_FD_WORK,               /* front, relay, courier: the keeper */
    LIFE_FD_PEER,               /* keeper: one more channel, see peer */
    LIFE_FD_MASTER_KEY,         /* keeper */
    LIFE_FD_CLIENT_SECRET,      /* keeper, with app */
    LIFE_FD_CLIENT_SECRET_OLD,  /* keeper, with app */
    LIFE_FD_SPILL,              /* keeper, courier: replies that outlived */
    LIFE_FD_ERASURES,           /* keeper: the erasure list, append only */
    LIFE_FD_WEBHOOK_SECRET,     /* keeper, with app */
    LIFE_FD_WEBHOOK_SECRET_OLD, /* keeper, with app */
};

enum life_peer {
    LIFE_PEER_FRONT = 1,
    LIFE_PEER_RELAY,
    LIFE_PEER_COURIER,
    LIFE_PEER_ADMIN,
    LIFE_PEER_DELIVER,
};

struct life_descriptor {
    uint32_t kind; /* enum life_descriptor_kind */
    uint32_t peer; /* enum life_peer, with LIFE_FD_PEER */
    uint32_t peer_index;
    uint32_t peer_uid; /* with LIFE_PEER_ADMIN: who connected */
    uint64_t n_deaths; /* with other peers: of their kind, unasked, so far */
    struct str app;
    struct str path; /* of a secret's file, to name it in complaints */
};

/* is_reload: the answer is LIFE_RELOADED instead of LIFE_READY. */
struct life_apply {
    bool is_reload;
};

/* Once the sandbox stands: which user, whether Landlock was there. */
struct life_ready {
    struct str problem; /* empty, or why it cannot start */
    bool has_landlock;
};

struct life_reloaded {
    struct str problem;
};

/* To the keeper: how a whole reload ended, refused ones too.  n_wishes: of its
 * LIFE_WANT_RELOAD, how many had been heard when that reload began. */
struct life_reload_ended {
    struct str problem; /* empty: all is in use */
    uint64_t n_wishes;
};

/* is_brief: end now what runs; else drain for DEADLINE_DRAIN_MS. */
struct life_stop {
    bool is_brief;
};

extern const struct conversation life_conversation;

#endif

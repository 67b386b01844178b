#ifndef PROTO_ADMIN_H
#define PROTO_ADMIN_H

#include "ipc/channel.h"

/*
 * The operator's command line and the keeper.  Every call is answered by
 * ADMIN_ANSWER with a JSON document; the command line prints it as it is
 * with --json, else as a table.  Bulk work is one call a row or a page, so
 * that the command line can show progress and stop anywhere.
 */
enum admin_type {
    ADMIN_ANSWER = 1,
    ADMIN_STATUS,
    ADMIN_CONNECT,
    ADMIN_TOKEN,
    ADMIN_PORTALS_LIST,
    ADMIN_PORTAL_SHOW,
    ADMIN_PORTAL_REFRESH,
    ADMIN_PORTAL_DISCONNECT,
    ADMIN_PORTAL_ERASE,
    ADMIN_PORTAL_EXPORT,
    ADMIN_PORTAL_IMPORT,
    ADMIN_PORTAL_ADD_STATIC,
    ADMIN_RECEIPTS_LIST,
    ADMIN_KEY_CREATE,
    ADMIN_KEYS_LIST,
    ADMIN_KEY_REVOKE,
    ADMIN_MASTERKEY_LIST,
    ADMIN_MASTERKEY_REWRAP,
    ADMIN_MASTERKEY_VERIFY,
    ADMIN_MASTERKEY_RETIRE,
    ADMIN_AUDIT_LIST,
    ADMIN_AUDIT_VERIFY,
    ADMIN_BACKUP,
    ADMIN_RELOAD,
    ADMIN_EVENTS_LIST,
    ADMIN_EVENT_SHOW,
    ADMIN_EVENTS_REPLAY,
};

/* err not ERR_OK: detail says what was wrong and what to do. */
struct admin_answer {
    uint32_t err;
    struct hidden json; /* may hold a token or a new key */
    struct str detail;
    struct str reconnect_url;
};

/* Verbs that need no more than their name. */
struct admin_plain {
    bool is_brief; /* status: without the counts that need a full scan */
};

struct admin_connect {
    struct str app;
    struct str ref;
    struct str return_to;
    uint64_t portal; /* 0: any account */
};

struct admin_portal {
    struct str app;
    uint64_t portal;
};

struct admin_page {
    struct str app;  /* empty: all apps */
    struct str ref;  /* empty: all */
    uint64_t portal; /* export: this one only; 0: all */
    struct str cursor;
    uint32_t limit;   /* 1 to 1000 */
    bool with_tokens; /* export --all: the refresh tokens, audited */
};

struct admin_import {
    struct str app;
    uint64_t portal; /* 0: what HubSpot says */
    struct str ref;
    struct hidden refresh_token;
};

struct admin_add_static {
    struct str app;
    struct hidden token;
    struct str ref;
};

struct admin_key_create {
    struct str name;
    struct strs apps;      /* empty: all */
    struct strs portals;   /* decimal; empty: all */
    uint32_t verbs;        /* enum key_verb */
    struct strs addresses; /* CIDR; empty: any */
    int64_t ends_at;       /* unix seconds; 0: never */
};

struct admin_name {
    struct str name; /* a key's number or name; a master key's id */
};

struct admin_step {
    struct str cursor;   /* empty: from the beginning */
    bool is_compromised; /* rewrap: new data keys too */
};

struct admin_audit {
    uint64_t after; /* entries after this number */
    uint32_t limit;
    struct str head; /* verify: node:number:hash that must be in the chain */
    uint32_t last;   /* list: the newest that many; 0: all after `after` */
};

/* The two files of a backup are created in the data directory under this
 * name and moved by the command line. */
struct admin_backup {
    struct str name;
    bool with_events; /* else stored events are left out */
};

enum event_filter {
    EVENTS_ALL = 0,
    EVENTS_PENDING, /* not delivered yet */
    EVENTS_DEAD,    /* given up */
    EVENTS_PARKED,  /* of portals that are not connected */
};

struct admin_events {
    struct str app;
    uint64_t portal;   /* 0: all */
    uint32_t filter;   /* enum event_filter */
    struct str cursor; /* empty: from the oldest; "now": what comes */
    uint32_t limit;    /* 1 to 1000 */
    uint32_t wait_ms;  /* with nothing there, until something comes */
};

struct admin_event {
    struct str app;
    struct str id;
};

/* One page of a bulk replay: the answer has the next cursor. */
struct admin_replay {
    struct str app;
    struct str id;   /* this one only; empty: by what follows */
    uint64_t portal; /* 0: all */
    bool is_dead_only;
    int64_t from_ms, to_ms; /* when they were taken in; 0: open */
    struct str cursor;
};

extern const struct conversation admin_conversation;

#endif

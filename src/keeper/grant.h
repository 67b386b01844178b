#ifndef KEEPER_GRANT_H
#define KEEPER_GRANT_H

#include "base/record.h"
#include "keeper/turn.h"
#include "keeper/vault.h"

/*
 * A grant is one app's right to one portal.  Its row, its data key, and the
 * rules about it that need no outside world.
 *
 *   (none) --connect--> ACTIVE --sign of an end--> NEEDS_RECONNECT
 *                         ^---------connect------------/   |
 *                         |--word of an end--> ERASING <---/--> (none)
 *
 * ERASING serves nobody.  It is a call to HubSpot first, that an install may
 * still overtake; once rows are erased (erase_since_ms), nothing does.
 */
enum grant_state {
    GRANT_ACTIVE = 1,
    GRANT_NEEDS_RECONNECT,
    GRANT_ERASING,
};

/* What an erasure has taken so far, by kind; `tokens`: enum erased_token. */
struct erased_parts {
    uint32_t tokens;
    uint64_t n_events, n_queued, n_parked; /* queued: of the events */
    uint64_t n_notices;
    uint64_t n_deletions; /* contacts that were to stay forgotten */
    uint64_t n_links;     /* connect links and results */
};
enum erased_token {
    ERASED_REFRESH = 1,
    ERASED_ACCESS = 2,
    ERASED_REF = 4,
    ERASED_USER = 8,
};

struct grant {
    uint32_t state;
    bool is_static;
    uint64_t generation;  /* raised by each connect */
    uint64_t version;     /* raised by each new access token */
    int64_t connected_at; /* HubSpot's Date of the exchange, unix s */
    int64_t refreshed_at; /* when the stored access token came */
    int64_t expires_at;   /* of it; 0: never (static) */
    uint32_t expires_in;  /* as HubSpot said */
    int64_t last_used_at; /* the last lease, 0: never */
    struct strs scopes;   /* granted */
    struct str sealed_refresh, sealed_access, sealed_spare;
    struct str sealed_ref;  /* the tenant; see ref_tag for finding it */
    struct str sealed_user; /* user id, and e-mail where configured */
    /* The refresh that runs: who, which try, until when (unix ms). */
    struct str lease_owner;
    uint64_t lease_fence;
    int64_t lease_until_ms;
    /* Trouble. */
    uint32_t n_failures; /* in a row */
    int64_t retry_at_ms;
    struct str last_error;
    int64_t last_error_at;
    int64_t sign_since; /* needs_reconnect since then */
    int64_t refused_at; /* the last refresh on a caller's 401 */
    /* ERASING, see ending.h: on whose word, and which keeper is at it. */
    struct str ending_word, ending_owner;
    struct str sealed_events; /* see event_keys.h */
    int64_t privacy_until_ms; /* until then: see privacy.h */
    /* The word of an uninstall, see uninstall.h; 0: none. */
    int64_t word_at_ms, word_since_ms;
    int64_t word_due_ms; /* grant_store sees to it that the row is due then */
    uint32_t word_source;
    bool is_word_confirmed; /* what is left is the grace period */
    /* Rows are being erased, see cascade.h; 0: not (yet). */
    int64_t erase_since_ms;
    struct str ending_remote;
    bool is_end_told; /* portal.uninstalled is in the log */
    struct erased_parts erased;
};
extern const struct record grant_record;

/* The data key's row: its wrap; the row's tag is the master key's id. */
struct data_key {
    struct str wrap;
};
extern const struct record data_key_record;

/* "app/portal", in the arena. */
struct str grant_key(struct arena *arena, struct str app, uint64_t portal);
bool grant_key_parse(struct str key, struct str *out_app, uint64_t *out_portal);

const char *grant_state_name(uint32_t state);

/* The least life that an answered token has: 60 s, or a fifth. */
int64_t grant_floor_s(const struct grant *g);
bool grant_is_fresh(const struct grant *g, int64_t now_s);
/* At 80 % of its life, spread by a random 10 %; STORE_NEVER for grants that
 * nobody has used since the last refresh, and static ones. */
int64_t grant_due_ms(const struct grant *g, int64_t now_ms, uint32_t random);
/* Somebody else's refresh runs. */
bool grant_is_leased(const struct grant *g, int64_t now_ms);

/* What callers are told where its data key does not open. */
#define GRANT_UNOPENED                                                        \
    STR("What is stored of this portal does not open: its data key is gone, " \
        "or under a master key that is not here. portkeep's log says which. " \
        "Connecting the portal again mends it.")
/* Loads grant and data key row.  False: not there, or turn_is_waiting.  Where
 * only its data key is gone, it is there, and does not open. */
bool grant_load(struct turn *t, struct str app, uint64_t portal,
                struct grant *out, struct data_key *out_key);
/* The data key in the clear, the caller's to free: a turn opens more of them
 * than the slab has cells.  Alarms when it does not open, or is gone. */
enum err grant_open_key(struct turn *t, struct str app, uint64_t portal,
                        struct secret **out) WARN_UNUSED;
/* kind: "refresh", "access", "spare", "ref", "user".  The text is in the
 * turn's arena. */
enum err grant_unseal(struct turn *t, const struct secret *key, struct str app,
                      uint64_t portal, uint64_t generation, const char *kind,
                      struct str sealed, struct hidden *out) WARN_UNUSED;
struct str grant_seal(struct turn *t, const struct secret *key, struct str app,
                      uint64_t portal, uint64_t generation, const char *kind,
                      struct hidden text);
void grant_store(struct turn *t, struct str app, uint64_t portal,
                 const struct grant *g, int64_t due);
/* By which tag the grants of a tenant are found. */
struct str grant_ref_tag(struct turn *t, struct str app, struct str ref);
/* Under the key before, while that is being replaced; else none. */
struct str grant_old_ref_tag(struct turn *t, struct str app, struct str ref);
/* As grant_store, with another ref's tag. */
void grant_store_ref(struct turn *t, struct str app, uint64_t portal,
                     const struct grant *g, int64_t due, struct str tag);

/* How many grants an app has, by state: one row an app. */
struct grant_counts {
    uint64_t n_active, n_needs_reconnect, n_erasing;
};
extern const struct record grant_counts_record;
/* The row in STORE_META: these, and the app. */
#define GRANT_COUNTS "counts/"
struct str grant_counts_key(struct arena *arena, struct str app);
/* Outside of turns, too. */
void grant_counts_add(struct grant_counts *c, uint32_t state, int by);
bool grant_counts_load(struct turn *t, struct str app,
                       struct grant_counts *out);
/* from and to: enum grant_state, 0 for none. */
void grant_count_move(struct turn *t, struct str app, uint32_t from,
                      uint32_t to);

#endif

#ifndef RELAY_LEASES_H
#define RELAY_LEASES_H

#include "base/buf.h"
#include "base/limits.h"
#include "base/secret.h"
#include "proto/relay.h"

struct env;

/*
 * The keeper's answers that the relay may repeat by itself: who may have
 * which portal's token until when.  A fixed number of them, the one that was
 * not used for longest goes first.
 *
 *     struct lease_key key = leases_key(leases, &question);
 *     struct lease *lease = leases_find(leases, key);
 *     if (lease == NULL) ...                    -- ask the keeper
 *
 * A lease is found only while beats come (architecture.md, rule 8), before
 * lease_until, and with more than the floor of its token's life left.  One
 * hash, nothing allocated.  The caller's key is not kept.
 */
struct leases;

struct lease_question {
    struct hidden credential;
    struct str address;
    struct str app;
    uint64_t portal;
    uint32_t verb; /* enum key_verb */
};

/* A keyed hash of all of a question: nobody outside can aim at one. */
struct lease_key {
    uint64_t a, b;
};

struct lease {
    struct secret *token;
    uint64_t version;
    int64_t expires_at; /* unix seconds; 0: never */
    int64_t floor_s;
    int64_t since;       /* unix ms: when it came */
    int64_t lease_until; /* unix ms */
    uint64_t portal;
    uint64_t key_number;
    uint32_t verb;
    bool is_read_only;
    uint64_t n_uses; /* not yet reported */
    char app_text[LIMIT_APP];
    struct str app;        /* in app_text */
    char expires_text[32]; /* RFC 3339, or empty */
    struct buf scopes;     /* a JSON array */
    /* leases.c's own */
    struct lease_key key;
    struct lease *next_of_hash, *next_of_portal;
    bool was_due;
    struct lease *newer, *older;
};

struct leases_setup {
    struct env *env;
    size_t n_max; /* no more than the slab has cells */
    unsigned revocation_max_ms;
    void (*on_used)(const struct relay_used *used, void *arg);
    void *arg;
};

struct leases *leases_new(const struct leases_setup *setup);
/* What was not reported is lost: leases_report before.  Takes NULL. */
void leases_free(struct leases *all);
void leases_set_revocation_max(struct leases *all, unsigned ms);

struct lease_key leases_key(const struct leases *all,
                            const struct lease_question *q);
/* NULL: the keeper must be asked.  Good within this turn. */
struct lease *leases_find(struct leases *all, struct lease_key key);
/* True once a lease, when less than a fifth of its life is left: the time to
 * ask for the next, so that no caller waits for that. */
bool leases_take_due(struct leases *all, struct lease *l);
/*
 * Takes the keeper's yes, in the place of an older one.  Good within this
 * turn, also when it may not be found again.  ERR_UPSTREAM: the token has
 * bytes that cannot stand in a header; ERR_EXPIRED: it has too little life.
 */
enum err leases_put(struct leases *all, struct lease_key key,
                    const struct lease_question *q,
                    const struct relay_lease *from,
                    struct lease **out) WARN_UNUSED;
/* Forgets that one, e.g. when the keeper says no.  An absent one is fine. */
void leases_drop(struct leases *all, struct lease_key key);

/*
 * A beat, or a revocation.  False: revocations were missed, everything was
 * forgotten, and the caller cuts all that runs.
 */
bool leases_beat(struct leases *all, uint64_t epoch) WARN_UNUSED;
bool leases_revoke(struct leases *all,
                   const struct relay_revoked *what) WARN_UNUSED;
bool leases_revoked_matches(const struct relay_revoked *what, struct str app,
                            uint64_t portal, uint64_t key_number);
/* The keeper is gone, or is not to be believed. */
void leases_forget_all(struct leases *all);
/* Whether a beat came within revocation_max. */
bool leases_are_fresh(const struct leases *all);

/* on_used for every lease with uses since the last report. */
void leases_report(struct leases *all);
size_t leases_count(const struct leases *all);

#endif

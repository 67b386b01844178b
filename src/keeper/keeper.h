#ifndef KEEPER_KEEPER_H
#define KEEPER_KEEPER_H

#include "base/env.h"
#include "base/limits.h"
#include "base/log.h"
#include "child/child.h"
#include "keeper/store.h"
#include "keeper/turn.h"
#include "keeper/vault.h"

/*
 * What the keeper is made of.  One of them a process; each member belongs to
 * the file that is named after it, and is read elsewhere through that file's
 * functions.
 */
#define RELOAD_WISHES 16
struct reload_wish {
    uint64_t number; /* 0: free */
    uint64_t peer;
    uint32_t call;
};

/* A grant, by a hash of its name, whose data key was said not to open. */
#define KEY_ALARMS 64
struct key_alarm {
    uint64_t grant;
    int64_t until_ms; /* monotonic: not said again before */
};

struct keeper {
    struct event_base *base; /* NULL in tests that run turns by hand */
    struct env *env;
    struct child *child;   /* NULL in tests */
    struct arena *lasting; /* what stays over reloads: the node's name */
    struct str node, public_url, authorize_url;
    struct vault *vault;
    struct secret *ref_key;     /* hashes tenants' refs, see grant_ref_tag */
    struct secret *old_ref_key; /* NULL but while it is being replaced */
    struct store *store;
    struct turns *turns;
    struct audit *audit;
    struct apps *apps;
    struct peers *peers;
    struct errands *errands;
    struct backup *backup; /* NULL: none is being made */
    struct delivery *delivery;
    struct event *on_tick, *on_beat;
    int spill_fd, erasures_fd; /* -1: none */
    uint64_t events_max;       /* bytes of one app's event log */
    int64_t events_keep_ms;    /* how long an event stays in it */
    uint64_t birth;            /* random: leases of other births are dead */
    /* moves */
    int64_t next_due_ms;    /* unix ms: no row is due before */
    int64_t next_sweep_ms;  /* monotonic: and a look without one, in case the
                             * clock was set back */
    int64_t next_minute_ms; /* monotonic: minute's work, see schedule.c */
    int64_t next_poll_ms;   /* monotonic: a long poll ends; 0: none waits */
    bool is_draining;       /* nobody waits for events, none are sent */
    bool is_sweeping;       /* a look is queued, or waits for the disk */
    uint64_t epoch;         /* revocations sent to relays */
    bool needs_scrub;       /* the last one could not be done */
    int64_t scrub_at_ms;    /* monotonic: then it is tried again */
    struct reload_wish wishes[RELOAD_WISHES]; /* see settings.c */
    uint64_t n_wishes;
    struct key_alarm key_alarms[KEY_ALARMS]; /* grant.c's */
    bool has_failed; /* on unknown ground: answers nothing, ends */
    int64_t started_at;
    uint64_t n_leases, n_refreshes, n_refresh_failures, n_connects, n_erased;
};

/* The store is on unknown ground, or the log cannot be written: stop, and
 * let the service manager start anew. */
void keeper_fail(struct keeper *k, const char *event);
/*
 * Clears what was deleted from the store's files.  Where another program
 * reads the database, or the disk is full, that is done a second later, and
 * again until it works; what was deleted is overwritten in any case.
 */
void keeper_scrub(struct keeper *k);
/* A row was written that is due then. */
void keeper_due(struct keeper *k, int64_t due_ms);
/*
 * The first turn: opens what is sealed under the master key, so that a wrong
 * key file is noticed before anything is served.
 */
enum err do_first_turn(struct turn *t, const void *ask);
/* The newest master key seals the keeper's own secrets, too. */
bool keeper_is_resealed(struct turn *t);
void keeper_reseal(struct turn *t);
/*
 * Another key for the hashes of refs.  The one before stays beside it until
 * every tag has been made anew, and both are looked up meanwhile.  Events
 * that come again over that moment are not known as repeats.
 */
void keeper_renew_refs(struct turn *t);
void keeper_end_old_refs(struct turn *t);
/* Outside of turns: are they sealed under that master key?  ERR_STORE. */
enum err keeper_is_sealed_under(struct keeper *k, struct str key_id,
                                bool *out) WARN_UNUSED;

/* node#birth, in the turn's arena: whose what runs is.  A keeper's leases die
 * with it, whatever the clock says. */
struct str keeper_owner(struct turn *t);
/* Is it this keeper, or another node's? */
bool keeper_owner_lives(struct turn *t, struct str owner);

/* Sends an answer, if the one who asked is still there. */
void keeper_answer(struct keeper *k, uint64_t peer, uint32_t call,
                   uint16_t type, const void *body);

#endif

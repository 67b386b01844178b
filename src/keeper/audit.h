#ifndef KEEPER_AUDIT_H
#define KEEPER_AUDIT_H

#include "base/record.h"

struct keeper;
struct rows;
struct turn;

/*
 * The audit log: one hash chain a node.  An entry is written by the commit
 * that does what it records; where it cannot be written, nothing is done and
 * nothing answered.  Entries hold no personal data: what names a person
 * stands in `sealed`, under the grant's data key, and dies with it.
 *
 *     audit_add(t, &(struct audit_entry){.kind = STR("lease"), ...});
 */
struct audit_entry {
    /* What the caller fills in; all may be empty but kind. */
    struct str kind; /* connect, lease, refresh, disconnect, key.create, ... */
    struct str app;
    uint64_t portal;
    uint64_t generation;
    struct str actor;   /* key:3, uid:0, browser, keeper */
    struct str outcome; /* ok, or a short reason */
    struct str detail;
    struct str sealed;
    /* What audit.c fills in. */
    uint64_t number;
    int64_t at_ms;
    struct str node;
    struct str previous; /* hash of the entry before, AUDIT_HASH_BYTES */
};
extern const struct record audit_entry_record;

#define AUDIT_HASH_BYTES 32

struct audit;

struct audit *audit_new(struct keeper *k);
void audit_free(struct audit *a);
/* Finds the end of this node's chain in the store. */
enum err audit_resume(struct audit *a) WARN_UNUSED;

void audit_add(struct turn *t, const struct audit_entry *entry);
/* For turn.c: puts the turn's entries among its changes... */
enum err audit_close_turn(struct turn *t, struct rows *rows) WARN_UNUSED;
/* ... and takes up the new head, or forgets them. */
void audit_end_turn(struct audit *a, bool was_committed);

/* node:number:hash, appended. */
void audit_add_head(const struct audit *a, struct buf *out);
uint64_t audit_number(const struct audit *a);
/* To the log, every minute. */
void audit_log_head(struct audit *a);

/* The key of an entry, in the arena: sorts by number. */
struct str audit_key(struct arena *arena, struct str node, uint64_t number);
/* BLAKE2b of the stored bytes. */
void audit_hash(struct str body, uint8_t out[static AUDIT_HASH_BYTES]);

#endif

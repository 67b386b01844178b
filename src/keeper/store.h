#ifndef KEEPER_STORE_H
#define KEEPER_STORE_H

#include "base/arena.h"
#include "base/buf.h"

/*
 * Where the keeper's rows are.  A turn of the keeper is one store_load, then
 * decisions, then one store_commit: two round trips, however many requests.
 * Every row is changed by compare-and-swap on its version.
 *
 *     struct store_ask ask = {.table = STORE_GRANTS, .key = key};
 *     e = store_load(store, &ask, 1, arena);
 *
 * A row is a key, a version, a time at which it is due, a tag to find it by
 * and a body (a base/record of its owner).  No body holds a secret in the
 * clear.  Which back end it is, is decided by what is linked: store_sqlite.c,
 * store_memory.c (tests).
 */
enum store_table {
    STORE_META = 1,  /* name -> counters, the audit head */
    STORE_GRANTS,    /* app/portal -> the grant; due: next refresh or probe */
    STORE_DATA_KEYS, /* as the row it belongs to -> wrapped key; tag: key id */
    STORE_API_KEYS,  /* hash -> the key's rights */
    STORE_SESSIONS,  /* hash of the link's code; due: its end */
    STORE_ATTEMPTS,  /* install attempts that came back; due: their end */
    STORE_RESULTS,   /* hash of a connect-results code; due: its end */
    STORE_ENDINGS,   /* uninstalls HubSpot has not confirmed; due: next try */
    STORE_RECEIPTS,  /* app/portal/time -> what was erased */
    STORE_AUDIT,     /* node/number -> an entry; only ever added */
    STORE_EVENTS,    /* app/number -> a parcel of events, see parcel.h */
    STORE_BODIES,    /* the same -> its sealed bytes */
    STORE_QUEUE,     /* live/app/number, dead/app/number -> what is to send */
    STORE_SEEN,      /* time and portal -> events that were here already */
    STORE_JOURNALS,  /* app -> where it reads HubSpot's journal; due: next */
    STORE_PRIVACY,   /* portal and object -> a privacy deletion; due: end */
    STORE_TABLES
};

#define STORE_NEVER INT64_MAX

struct store_row {
    enum store_table table;
    struct str key;
    uint64_t version; /* 0: there is no such row */
    int64_t due;      /* unix ms, or STORE_NEVER */
    struct str tag;   /* empty: none, and no list by tag finds it */
    struct str body;
};

enum store_by {
    STORE_BY_KEY,    /* exactly `key`; rows[0] always exists, see version */
    STORE_BY_PREFIX, /* keys that start with `key`, after `after`, in order */
    STORE_BY_TAG,    /* tag equal to `tag`, keys after `after`, in order */
    STORE_BY_DUE,    /* due at `due` or before, soonest first */
};

struct store_ask {
    enum store_table table;
    enum store_by by;
    struct str key, after, tag;
    int64_t due;
    size_t limit; /* most rows; not for STORE_BY_KEY */
    /* out, in the arena */
    struct store_row *rows;
    size_t n_rows;
};

struct store_change {
    struct store_row row; /* version: what was loaded; 0: must not exist */
    bool is_delete;       /* with version 0: holds if there is still none */
};

struct store;

/*
 * Opens, and migrates to the newest schema, never destructively.  place: the
 * database file for SQLite; ignored by memory.  problem gets a sentence that
 * says what is wrong and what to do: locked by another process, read-only,
 * not a database, corrupt, written by a newer portkeep.  ERR_CONFLICT:
 * another keeper has it; ERR_INVALID: not a whole path, not one of ours, or
 * newer; ERR_STORE.  Nothing that is refused is changed.
 */
enum err store_open(const char *place, struct store **out,
                    struct buf *problem) WARN_UNUSED;
void store_close(struct store *s);

/* All asks in one consistent view.  ERR_STORE. */
enum err store_load(struct store *s, struct store_ask *asks, size_t n_asks,
                    struct arena *arena) WARN_UNUSED;

/*
 * All changes or none, durable when it returns; each row's version goes up
 * by one.  turn is a number that no other commit has.  ERR_CONFLICT: a row
 * is no longer at its version.  ERR_LIMIT: the disk is full, nothing
 * changed.  ERR_STORE: it is not known whether it happened: ask
 * store_has_turn, and stop if that fails too.
 */
enum err store_commit(struct store *s, uint64_t turn,
                      const struct store_change *changes,
                      size_t n_changes) WARN_UNUSED;
/* Only the newest turns are remembered. */
enum err store_has_turn(struct store *s, uint64_t turn,
                        bool *out_has) WARN_UNUSED;

/* How many rows carry that tag; tag.p NULL: how many rows at all. */
enum err store_count(struct store *s, enum store_table table, struct str tag,
                     uint64_t *out_n) WARN_UNUSED;

/*
 * After an erasure: nothing that was deleted or overwritten is left in the
 * file or its log.  ERR_UNAVAILABLE: another program reads just now, ask
 * again later; ERR_LIMIT: the disk is full; ERR_STORE.
 */
enum err store_scrub(struct store *s) WARN_UNUSED;

/*
 * Gives space that deleted rows left behind back to the file system, at most
 * that many pages of it, or nothing where there is little.  ERR_UNAVAILABLE,
 * ERR_LIMIT: not now; ERR_STORE.
 */
enum err store_shrink(struct store *s, size_t n_pages) WARN_UNUSED;

/*
 * A consistent copy, online: `file` gets everything but STORE_DATA_KEYS,
 * `keys_file` only those rows, as they are at the begin.  Both 0600, made
 * new, fsynced.  Each step copies at most n_rows; loads and commits may come
 * between.  ERR_AGAIN: there is more; anything else is the end, on failure
 * neither file is left behind, problem says why, and the backup is freed.
 * store_scrub gives ERR_UNAVAILABLE meanwhile.
 */
struct store_backup;
struct store_backup_wish {
    const char *file, *keys_file;
    bool with_events; /* else STORE_EVENTS, _BODIES and _QUEUE stay empty */
};
enum err store_backup_begin(struct store *s,
                            const struct store_backup_wish *wish,
                            struct store_backup **out,
                            struct buf *problem) WARN_UNUSED;
/* out_rows: those copied since the begin. */
enum err store_backup_step(struct store_backup *b, unsigned n_rows,
                           uint64_t *out_rows, struct buf *problem) WARN_UNUSED;
/* Ends and frees it; leaves no file.  Before the store is closed. */
void store_backup_cancel(struct store_backup *b);
/* The other way, into a place where nothing is yet.  Not open meanwhile. */
enum err store_restore(const char *place, const char *file,
                       const char *keys_file, struct buf *problem) WARN_UNUSED;

#endif

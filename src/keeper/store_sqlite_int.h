#ifndef KEEPER_STORE_SQLITE_INT_H
#define KEEPER_STORE_SQLITE_INT_H

#include "keeper/store.h"

#include <sqlite3.h>

/*
 * What the files of the SQLite back end share: the open store, one
 * connection set up our way (database_*), its tables (schema_*).
 *
 *     e = database_open(path, &db, problem);
 *     e = schema_migrate(db, SCHEMA_NEWEST) ...
 */
enum statement {
    ROW_GET,
    ROW_RANGE,
    ROW_TAGGED,
    ROW_DUE,
    ROW_INSERT,
    ROW_UPDATE,
    ROW_DELETE,
    ROW_COUNT,
    ROW_COUNT_TAG,
    TABLE_STATEMENTS
};

enum step {
    STEP_BEGIN_READ,
    STEP_BEGIN_WRITE,
    STEP_COMMIT,
    STEP_ROLLBACK,
    STEP_TURN_ADD,
    STEP_TURN_HAS,
    STEPS
};

struct recent;

struct store {
    sqlite3 *db;
    struct recent *recent;
    int lock_fd; /* held for the store's life; closed after the database */
    char *place;
    /* Each is made at its first use and kept. */
    sqlite3_stmt *rows[STORE_TABLES][TABLE_STATEMENTS];
    sqlite3_stmt *steps[STEPS];
    /* What moves. */
    int64_t turn_slot; /* counts on; the row is this modulo TURNS_KEPT */
    int n_backups;     /* that read the database just now */
    int wal_pages;     /* as the last commit left the log */
    bool is_failed;    /* a commit or sync failed: nothing is known any more */
};

#define TURNS_KEPT 1000
#define PAGE_BYTES 4096

extern const char *const store_table_names[STORE_TABLES];

/*
 * A connection with everything foreign switched off.  The file must exist;
 * an empty one is a new database.  problem: one sentence.
 */
enum err database_open(const char *path, sqlite3 **out,
                       struct buf *problem) WARN_UNUSED;
/* All statements of sql; SQLite's own code, for database_explain. */
int database_exec(sqlite3 *db, const char *sql);
int database_get_int(sqlite3 *db, const char *sql, int64_t *out) WARN_UNUSED;
/* Under the name `source`; makes the file where there is none. */
int database_attach(sqlite3 *db, const char *path) WARN_UNUSED;
/* What the code means for path and what to do about it. */
void database_explain(int code, sqlite3 *db, const char *path,
                      struct buf *problem);
/* From here on no page reaches the file with leftovers in its free part. */
void database_keep_clean(sqlite3 *db);

#define SCHEMA_APPLICATION 0x706b6570 /* "pkep" */
extern const int64_t schema_newest;
/*
 * ERR_INVALID with a sentence if the database named `schema` ("main", or
 * attached) is not ours or too new; *out_version 0: there is nothing in it.
 */
enum err schema_check(sqlite3 *db, const char *schema, const char *path,
                      int64_t *out_version, struct buf *problem) WARN_UNUSED;
/* Up to that version, each step in a transaction of its own. */
int schema_migrate(sqlite3 *db, int64_t version) WARN_UNUSED;

/* Rows that were read lately, for loads by key; a commit's are forgotten. */
struct recent *recent_new(void);
void recent_free(struct recent *r);
bool recent_get(struct recent *r, enum store_table table, struct str key,
                struct arena *arena, struct store_row *out);
/* Copies it, if it is of a table whose rows are read again and again. */
void recent_keep(struct recent *r, const struct store_row *row);
void recent_forget(struct recent *r, enum store_table table, struct str key);

/*
 * A new file, 0600, open; ERR_CONFLICT if there is one, with the sentence.
 */
enum err file_make_new(const char *path, int *out_fd,
                       struct buf *problem) WARN_UNUSED;
/* Makes the names in the file's directory durable. */
enum err file_sync_directory(const char *path) WARN_UNUSED;
/* False, with the sentence, for anything but an absolute path. */
bool file_is_absolute(const char *path, struct buf *problem);

/* One new file under way. */
struct target {
    const char *path;
    int fd;
    sqlite3 *db;
};
/* The file must not be there. */
enum err target_open(struct target *t, const char *path,
                     struct buf *problem) WARN_UNUSED;
/* e: how it went so far.  Leaves the file, durable, or takes it away. */
enum err target_close(struct target *t, enum err e,
                      struct buf *problem) WARN_UNUSED;

/* The two files of a backup. */
enum part { PART_REST, PART_DATA_KEYS };
static inline bool
part_has(enum part part, enum store_table table)
{
    return (part == PART_DATA_KEYS) == (table == STORE_DATA_KEYS);
}

/*
 * What pairs two files: the installation's random name, made at its first
 * backup, and how many backups it has made.  An older main file goes with
 * newer data keys (what was erased since does not open), never the other way
 * round, and never with another installation's.
 */
#define BACKUPS "CAST('backups' AS BLOB)"

#endif

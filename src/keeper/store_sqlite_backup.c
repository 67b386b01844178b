#include "keeper/store_sqlite_int.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * Backup and restore.  Rows are copied, never pages, so that nothing that
 * was deleted, and no wrapped key, comes along in the free parts of a page.
 * The two files of a backup are databases of their own: one without the
 * table of data keys, one with that table only.
 *
 * A backup goes on in steps, between which the store is read and written: its
 * two connections keep on seeing what was there when it began.  Meanwhile the
 * log cannot begin anew, so it grows, and no scrub is possible.
 */
enum part { PART_REST, PART_DATA_KEYS };

#define SYNC_ROWS 1024

/*
 * What pairs two files: the installation's random name, made at its first
 * backup, and how many backups it has made.  An older main file goes with
 * newer data keys (what was erased since does not open), never the other way
 * round, and never with another installation's.
 */
#define INSTALLATION "CAST('installation' AS BLOB)"
#define BACKUPS "CAST('backups' AS BLOB)"
#define COUNT_BACKUP                                                       \
    "BEGIN IMMEDIATE;"                                                     \
    "INSERT INTO meta(key, version, body)"                                 \
    " VALUES(" INSTALLATION ", 1, randomblob(16)) ON CONFLICT DO NOTHING;" \
    "INSERT INTO meta(key, version, body) VALUES(" BACKUPS ", 1, x'')"     \
    " ON CONFLICT(key) DO UPDATE SET version = version + 1;"               \
    "COMMIT;"
#define MAKE_PAIR                                        \
    "CREATE TABLE main.pair(installation BLOB NOT NULL," \
    " sequence INTEGER NOT NULL) STRICT;"
#define WRITE_PAIR                                                       \
    "INSERT INTO main.pair SELECT a.body, b.version FROM source.meta a," \
    " source.meta b WHERE a.key = " INSTALLATION " AND b.key = " BACKUPS

/* One new file under way. */
struct target {
    const char *path;
    int fd;
    sqlite3 *db;
};

static enum err
target_open(struct target *t, const char *path, struct buf *problem)
{
    int fd;
    sqlite3 *db;
    enum err e = file_make_new(path, &fd, problem);
    if (e != ERR_OK)
        return e;
    e = database_open(path, &db, problem);
    int rc = SQLITE_OK;
    /* The file is synced once, at its end; a half one is taken away. */
    if (e == ERR_OK)
        rc = database_exec(db, "PRAGMA journal_mode = MEMORY;"
                               "PRAGMA synchronous = OFF;"
                               "PRAGMA cache_size = -4096;");
    if (rc != SQLITE_OK) {
        database_explain(rc, db, path, problem);
        (void)sqlite3_close(db); /* no statement is open */
        e = ERR_STORE;
    }
    if (e != ERR_OK) {
        (void)close(fd);
        (void)unlink(path); /* it was ours, and new */
        return e;
    }
    *t = (struct target){path, fd, db};
    return ERR_OK;
}

/* Leaves the file if it went well so far and can be made durable. */
static enum err
target_close(struct target *t, enum err e, struct buf *problem)
{
    int rc = sqlite3_close(t->db);
    assert(rc == SQLITE_OK);
    (void)rc;
    if (e == ERR_OK &&
        (fsync(t->fd) != 0 || file_sync_directory(t->path) != ERR_OK)) {
        buf_addf(problem, "%s cannot be made durable: look at the disk",
                 t->path);
        e = ERR_STORE;
    }
    (void)close(t->fd); /* after the database: closing drops its locks */
    if (e != ERR_OK)
        (void)unlink(t->path); /* it was ours, and new */
    return e;
}

static int
attach(sqlite3 *db, const char *path)
{
    sqlite3_stmt *st;
    int rc = sqlite3_prepare_v2(db, "ATTACH ?1 AS source", -1, &st, NULL);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_bind_text(st, 1, path, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        (void)sqlite3_step(st); /* finalize repeats its result */
    int last = sqlite3_finalize(st);
    return rc == SQLITE_OK ? last : rc;
}

/* SQLITE_NOTFOUND: the source has no such table. */
static int
copy_table(sqlite3 *db, enum store_table table)
{
    char sql[192];
    int64_t n;
    const char *name = store_table_names[table];
    (void)snprintf(sql, sizeof(sql),
                   "SELECT count(*) FROM source.sqlite_schema"
                   " WHERE type = 'table' AND name = '%s'",
                   name);
    int rc = database_get_int(db, sql, &n);
    if (rc != SQLITE_OK || n != 1)
        return rc != SQLITE_OK ? rc : SQLITE_NOTFOUND;
    /* The star lets SQLite copy whole records.  Data keys may come from an
     * older schema than the rest, so theirs are named. */
    const char *columns =
        table == STORE_DATA_KEYS ? "key, version, due, tag, body" : "*";
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO main.%s SELECT %s FROM "
                   "source.%s",
                   name, columns, name);
    return database_exec(db, sql);
}

static bool
is_in(enum part part, enum store_table table)
{
    return (part == PART_DATA_KEYS) == (table == STORE_DATA_KEYS);
}

static int
copy_part(sqlite3 *db, enum part part)
{
    int rc = database_exec(db, "BEGIN");
    for (unsigned t = 1; rc == SQLITE_OK && t < STORE_TABLES; t++)
        if (is_in(part, t))
            rc = copy_table(db, t);
    if (rc == SQLITE_OK)
        rc = database_exec(db, "COMMIT");
    if (rc != SQLITE_OK && sqlite3_get_autocommit(db) == 0)
        (void)database_exec(db, "ROLLBACK"); /* the file goes away anyway */
    return rc;
}

/* The tables of one part, empty. */
static int
make_part(sqlite3 *db, enum part part)
{
    char sql[64];
    int rc = schema_migrate(db, schema_newest);
    for (unsigned t = 1; rc == SQLITE_OK && t < STORE_TABLES; t++) {
        if (is_in(part, t))
            continue;
        (void)snprintf(sql, sizeof(sql), "DROP TABLE %s", store_table_names[t]);
        rc = database_exec(db, sql);
    }
    return rc;
}

/* Set up, and looking at the source as it is now, until the end. */
static int
begin_part(const char *place, struct target *t, enum part part)
{
    int rc = make_part(t->db, part);
    if (rc == SQLITE_OK)
        rc = database_exec(t->db, MAKE_PAIR);
    if (rc == SQLITE_OK)
        rc = attach(t->db, place);
    if (rc == SQLITE_OK)
        rc = database_exec(t->db, "BEGIN");
    return rc == SQLITE_OK ? database_exec(t->db, WRITE_PAIR) : rc;
}

static int
end_part(sqlite3 *db)
{
    int rc = database_exec(db, "COMMIT");
    return rc == SQLITE_OK ? database_exec(db, "DETACH source") : rc;
}

struct store_backup {
    struct store *store;
    struct target parts[2];
    char *paths[2];
    /* moves */
    enum part part;
    unsigned table;    /* the next rows are this one's */
    size_t n_unsynced; /* rows */
    uint64_t n_rows;
};

static void
backup_free(struct store_backup *b)
{
    b->store->n_backups--;
    for (size_t i = 0; i < 2; i++)
        free(b->paths[i]);
    free(b);
}

/* Both files, or neither. */
static enum err
backup_close(struct store_backup *b, enum err e, struct buf *problem)
{
    e = target_close(&b->parts[PART_DATA_KEYS], e, problem);
    e = target_close(&b->parts[PART_REST], e, problem);
    if (e != ERR_OK)
        (void)unlink(b->paths[PART_DATA_KEYS]); /* ours and new */
    backup_free(b);
    return e;
}

static enum err
backup_failed(struct store_backup *b, int rc, struct buf *problem)
{
    struct target *t = &b->parts[b->part];
    bool is_source = (rc & 0xff) == SQLITE_CORRUPT;
    bool is_full = (rc & 0xff) == SQLITE_FULL;
    database_explain(rc, t->db, is_source ? b->store->place : t->path, problem);
    return backup_close(b, is_full ? ERR_LIMIT : ERR_STORE, problem);
}

/*
 * Both parts begin to read in this call.  They are one view: this process is
 * the only writer, and it is here.
 */
static enum err
backup_open(struct store_backup *b, struct buf *problem)
{
    struct target *parts = b->parts;
    struct store *s = b->store;
    int counted = database_exec(s->db, COUNT_BACKUP);
    if (counted != SQLITE_OK) {
        database_explain(counted, s->db, s->place, problem);
        if (sqlite3_get_autocommit(s->db) == 0)
            (void)database_exec(s->db, "ROLLBACK"); /* nothing is lost */
        backup_free(b);
        return (counted & 0xff) == SQLITE_FULL ? ERR_LIMIT : ERR_STORE;
    }
    enum err e = target_open(&parts[PART_REST], b->paths[PART_REST], problem);
    if (e == ERR_OK) {
        e = target_open(&parts[PART_DATA_KEYS], b->paths[PART_DATA_KEYS],
                        problem);
        if (e != ERR_OK)
            e = target_close(&parts[PART_REST], e, problem);
    }
    if (e != ERR_OK) {
        backup_free(b);
        return e;
    }
    for (b->part = PART_REST; b->part <= PART_DATA_KEYS; b->part++) {
        int rc = begin_part(b->store->place, &parts[b->part], b->part);
        if (rc != SQLITE_OK)
            return backup_failed(b, rc, problem);
    }
    b->part = PART_REST;
    return ERR_OK;
}

enum err
store_backup_begin(struct store *s, const char *file, const char *keys_file,
                   struct store_backup **out, struct buf *problem)
{
    if (!file_is_absolute(file, problem) ||
        !file_is_absolute(keys_file, problem))
        return ERR_INVALID;
    if (s->is_failed) {
        buf_addf(problem, "%s failed earlier: start the keeper anew", s->place);
        return ERR_STORE;
    }
    struct store_backup *b = calloc(1, sizeof(*b));
    if (b == NULL)
        abort();
    b->store = s;
    b->paths[PART_REST] = strdup(file);
    b->paths[PART_DATA_KEYS] = strdup(keys_file);
    if (b->paths[PART_REST] == NULL || b->paths[PART_DATA_KEYS] == NULL)
        abort();
    b->table = 1;
    s->n_backups++;
    enum err e = backup_open(b, problem);
    if (e == ERR_OK)
        *out = b;
    return e;
}

/* The next rows of the table, in the order of their keys. */
static int
copy_rows(sqlite3 *db, enum store_table table, unsigned n, unsigned *out_n)
{
    char sql[384];
    const char *name = store_table_names[table];
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO main.%s(key, version, due, tag, body)"
                   " SELECT key, version, due, tag, body FROM source.%s"
                   " WHERE key > ifnull((SELECT max(key) FROM main.%s), x'')"
                   " ORDER BY key LIMIT %u",
                   name, name, name, n); /* names are ours and short */
    int rc = database_exec(db, sql);
    if (rc == SQLITE_OK)
        *out_n = (unsigned)sqlite3_changes(db);
    return rc;
}

/* The table after this one; false: there is none. */
static bool
go_on(struct store_backup *b)
{
    for (;;) {
        if (++b->table == STORE_TABLES) {
            if (b->part == PART_DATA_KEYS)
                return false;
            b->part = PART_DATA_KEYS;
            b->table = 1;
        }
        if (is_in(b->part, b->table))
            return true;
    }
}

static enum err
backup_end(struct store_backup *b, struct buf *problem)
{
    for (b->part = PART_REST; b->part <= PART_DATA_KEYS; b->part++) {
        int rc = end_part(b->parts[b->part].db);
        if (rc != SQLITE_OK)
            return backup_failed(b, rc, problem);
    }
    return backup_close(b, ERR_OK, problem);
}

enum err
store_backup_step(struct store_backup *b, unsigned n_rows, uint64_t *out_rows,
                  struct buf *problem)
{
    unsigned n = 0;
    struct target *t = &b->parts[b->part];
    int rc = copy_rows(t->db, b->table, n_rows, &n);
    if (rc != SQLITE_OK)
        return backup_failed(b, rc, problem);
    b->n_rows += n;
    b->n_unsynced += n;
    *out_rows = b->n_rows;
    /* In small portions, so that the sync at the end is a short one, too. */
    if (b->n_unsynced >= SYNC_ROWS) {
        b->n_unsynced = 0;
        (void)fdatasync(t->fd); /* the one at the end counts */
    }
    if (n == n_rows || go_on(b))
        return ERR_AGAIN;
    return backup_end(b, problem);
}

void
store_backup_cancel(struct store_backup *b)
{
    struct buf auto_buf unread;
    buf_init(&unread, 1024);
    if (b != NULL)
        (void)backup_close(b, ERR_UNAVAILABLE, &unread); /* says just that */
}

static const char *
part_name(enum part part)
{
    return part == PART_DATA_KEYS ? "the file of data keys" : "the main file";
}

/* The database goes on counting from the newer of the two. */
#define TAKE_PAIR "CREATE TEMP TABLE pair AS SELECT * FROM source.pair"
#define COUNT_ON                                                   \
    "UPDATE main.meta SET version = max(version, (SELECT sequence" \
    " FROM source.pair)) WHERE key = " BACKUPS

static enum err
refuse_pair(const char *keys, const char *what, struct buf *problem)
{
    buf_addf(problem,
             "%s is of %s: name the newest file of data keys of the "
             "same service",
             keys, what);
    return ERR_INVALID;
}

/* The main file first: its pair is kept for that of the keys. */
static enum err
check_pair(struct target *t, const char *file, enum part part,
           struct buf *problem)
{
    int64_t n_tables, n_same = 0, n_newer = 0;
    int rc = database_get_int(t->db,
                              "SELECT count(*) FROM source.sqlite_schema"
                              " WHERE type = 'table' AND name = 'pair'",
                              &n_tables);
    if (rc == SQLITE_OK && n_tables == 0)
        return refuse_pair(file, "an older portkeep, without its pair's name",
                           problem);
    if (rc == SQLITE_OK && part == PART_REST)
        rc = database_exec(t->db, TAKE_PAIR);
    if (rc == SQLITE_OK && part == PART_DATA_KEYS) {
        rc = database_get_int(t->db,
                              "SELECT count(*) FROM temp.pair a, source.pair b"
                              " WHERE a.installation = b.installation",
                              &n_same);
        if (rc == SQLITE_OK)
            rc = database_get_int(t->db,
                                  "SELECT count(*) FROM temp.pair a,"
                                  " source.pair b"
                                  " WHERE b.sequence >= a.sequence",
                                  &n_newer);
        if (rc == SQLITE_OK && n_same != 1)
            return refuse_pair(file, "another installation", problem);
        if (rc == SQLITE_OK && n_newer != 1)
            return refuse_pair(file, "an older backup than the main file",
                               problem);
        if (rc == SQLITE_OK)
            rc = database_exec(t->db, COUNT_ON);
    }
    if (rc == SQLITE_OK)
        return ERR_OK;
    database_explain(rc, t->db, file, problem);
    return ERR_STORE;
}

/* Sets main up as the source is before it takes the rest of the rows. */
static enum err
read_part(struct target *t, const char *file, enum part part,
          struct buf *problem)
{
    int64_t version = 0;
    int rc = attach(t->db, file);
    if (rc != SQLITE_OK) {
        database_explain(rc, t->db, file, problem);
        return ERR_STORE;
    }
    enum err e = schema_check(t->db, "source", file, &version, problem);
    if (e != ERR_OK)
        return e;
    bool is_rest = part == PART_REST;
    if (version > 0)
        rc = schema_migrate(t->db, is_rest ? version : schema_newest);
    if (rc == SQLITE_OK)
        rc = version > 0 ? copy_part(t->db, part) : SQLITE_NOTFOUND;
    if (rc == SQLITE_OK)
        e = check_pair(t, file, part, problem);
    if (e != ERR_OK)
        return e;
    if (rc == SQLITE_OK)
        rc = database_exec(t->db, "DETACH source");
    if (rc == SQLITE_OK)
        return ERR_OK;
    if (rc == SQLITE_NOTFOUND) {
        buf_addf(problem, "%s is not %s of a backup: name that one", file,
                 part_name(part));
        return ERR_INVALID;
    }
    bool is_target = (rc & 0xff) == SQLITE_FULL;
    database_explain(rc, t->db, is_target ? t->path : file, problem);
    return is_target ? ERR_LIMIT : ERR_STORE;
}

/* A log left by another database would be read into the new one. */
static enum err
check_no_log(const char *place, struct buf *problem)
{
    static const char *const tails[] = {"-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        struct buf auto_buf path;
        buf_init(&path, PATH_MAX);
        buf_addf(&path, "%s%s", place, tails[i]);
        if (access(buf_text(&path), F_OK) != 0)
            continue;
        buf_addf(problem,
                 "%s exists: it belongs to a database that was here; move it "
                 "away together with that one",
                 buf_text(&path));
        return ERR_CONFLICT;
    }
    return ERR_OK;
}

/* ATTACH would make a file that is missing. */
static enum err
check_readable(const char *file, struct buf *problem)
{
    if (access(file, R_OK) == 0)
        return ERR_OK;
    buf_addf(problem, "%s cannot be read: %s", file, strerror(errno));
    return ERR_SYSTEM;
}

enum err
store_restore(const char *place, const char *file, const char *keys_file,
              struct buf *problem)
{
    struct target t;
    if (!file_is_absolute(place, problem) || !file_is_absolute(file, problem) ||
        !file_is_absolute(keys_file, problem))
        return ERR_INVALID;
    enum err e = check_no_log(place, problem);
    if (e == ERR_OK)
        e = check_readable(file, problem);
    if (e == ERR_OK)
        e = check_readable(keys_file, problem);
    if (e == ERR_OK)
        e = target_open(&t, place, problem);
    if (e != ERR_OK)
        return e;
    e = read_part(&t, file, PART_REST, problem);
    if (e == ERR_OK)
        e = read_part(&t, keys_file, PART_DATA_KEYS, problem);
    return target_close(&t, e, problem);
}

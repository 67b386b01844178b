#include "keeper/store_sqlite_int.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

/*
 * Backup and restore.  Rows are copied, never pages, so that nothing that
 * was deleted, and no wrapped key, comes along in the free parts of a page.
 * The two files of a backup are databases of their own: one without the
 * table of data keys, one with that table only.
 */
enum part { PART_REST, PART_DATA_KEYS };

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
                               "PRAGMA synchronous = OFF;");
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

static enum err
write_part(const char *place, struct target *t, enum part part,
           struct buf *problem)
{
    int rc = make_part(t->db, part);
    if (rc == SQLITE_OK)
        rc = attach(t->db, place);
    if (rc == SQLITE_OK)
        rc = copy_part(t->db, part);
    if (rc == SQLITE_OK)
        rc = database_exec(t->db, "DETACH source");
    if (rc == SQLITE_OK)
        return ERR_OK;
    bool is_source = (rc & 0xff) == SQLITE_CORRUPT;
    database_explain(rc, t->db, is_source ? place : t->path, problem);
    return (rc & 0xff) == SQLITE_FULL ? ERR_LIMIT : ERR_STORE;
}

/*
 * Each part is read in a transaction of its own.  They are one view all the
 * same: this process is the only writer, and it is here.
 */
enum err
store_backup(struct store *s, const char *file, const char *keys_file,
             struct buf *problem)
{
    struct target rest, keys;
    if (!file_is_absolute(file, problem) ||
        !file_is_absolute(keys_file, problem))
        return ERR_INVALID;
    if (s->is_failed) {
        buf_addf(problem, "%s failed earlier: start the keeper anew", s->place);
        return ERR_STORE;
    }
    enum err e = target_open(&rest, file, problem);
    if (e != ERR_OK)
        return e;
    e = target_open(&keys, keys_file, problem);
    if (e != ERR_OK)
        return target_close(&rest, e, problem);
    e = write_part(s->place, &rest, PART_REST, problem);
    if (e == ERR_OK)
        e = write_part(s->place, &keys, PART_DATA_KEYS, problem);
    e = target_close(&keys, e, problem);
    e = target_close(&rest, e, problem);
    if (e != ERR_OK)
        (void)unlink(keys_file); /* ours and new: both or neither */
    return e;
}

static const char *
part_name(enum part part)
{
    return part == PART_DATA_KEYS ? "the file of data keys" : "the main file";
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

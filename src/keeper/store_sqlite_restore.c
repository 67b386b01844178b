#include "keeper/store_sqlite_int.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

/*
 * A database from the two files of a backup.  The main file says which schema
 * it is of; the new database is migrated from there at its first start.
 */

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

static int
copy_part(sqlite3 *db, enum part part)
{
    int rc = database_exec(db, "BEGIN");
    for (unsigned t = 1; rc == SQLITE_OK && t < STORE_TABLES; t++)
        if (part_has(part, t))
            rc = copy_table(db, t);
    if (rc == SQLITE_OK)
        rc = database_exec(db, "COMMIT");
    if (rc != SQLITE_OK && sqlite3_get_autocommit(db) == 0)
        (void)database_exec(db, "ROLLBACK"); /* the file goes away anyway */
    return rc;
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
    int rc = database_attach(t->db, file);
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

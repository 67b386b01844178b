#include "keeper/store_sqlite_int.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * Rows are copied, never pages, so that nothing that was deleted, and no
 * wrapped key, comes along in the free parts of a page.  The two files of a
 * backup are databases of their own: one without the table of data keys, one
 * with that table only.  store_sqlite_restore.c puts them together again.
 *
 * A backup goes on in steps, between which the store is read and written: its
 * two connections keep on seeing what was there when it began.  Meanwhile the
 * log cannot begin anew, so it grows, and no scrub is possible.
 */
#define SYNC_ROWS 1024

#define INSTALLATION "CAST('installation' AS BLOB)"
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

/* The tables of one part, empty. */
static int
make_part(sqlite3 *db, enum part part)
{
    char sql[64];
    int rc = schema_migrate(db, schema_newest);
    for (unsigned t = 1; rc == SQLITE_OK && t < STORE_TABLES; t++) {
        if (part_has(part, t))
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
        rc = database_attach(t->db, place);
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
    bool with_events;
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
store_backup_begin(struct store *s, const struct store_backup_wish *wish,
                   struct store_backup **out, struct buf *problem)
{
    if (!file_is_absolute(wish->file, problem) ||
        !file_is_absolute(wish->keys_file, problem))
        return ERR_INVALID;
    if (s->is_failed) {
        buf_addf(problem, "%s failed earlier: start the keeper anew", s->place);
        return ERR_STORE;
    }
    struct store_backup *b = calloc(1, sizeof(*b));
    if (b == NULL)
        abort();
    b->store = s;
    b->paths[PART_REST] = strdup(wish->file);
    b->paths[PART_DATA_KEYS] = strdup(wish->keys_file);
    if (b->paths[PART_REST] == NULL || b->paths[PART_DATA_KEYS] == NULL)
        abort();
    b->table = 1;
    b->with_events = wish->with_events;
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
        bool is_event = b->table == STORE_EVENTS || b->table == STORE_BODIES ||
                        b->table == STORE_QUEUE;
        if (part_has(b->part, b->table) && (b->with_events || !is_event))
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

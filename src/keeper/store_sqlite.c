#include "keeper/store_sqlite_int.h"

#include "base/log.h"

#include <assert.h>
#include <stdio.h>

/*
 * Loads and commits.  Write-ahead log, synchronous FULL: a commit is one
 * write to the log and one fsync; a checkpoint after some commits carries
 * the pages over.  A failed fsync leaves unknown ground (the kernel forgets
 * the pages that it could not write), so after one every call fails until
 * the database is opened anew.
 */
#define CHECKPOINT_PAGES 1000

#define ROW "SELECT key, version, due, tag, body FROM %s "

static const char *const row_texts[TABLE_STATEMENTS] = {
    [ROW_GET] = (ROW "WHERE key = ?1"),
    [ROW_RANGE] = (ROW "WHERE key >= ?1 ORDER BY key LIMIT ?2"),
    [ROW_TAGGED] = (ROW "WHERE tag = ?3 AND key >= ?1 ORDER BY key LIMIT ?2"),
    [ROW_DUE] = (ROW "WHERE due <= ?1 ORDER BY due, key LIMIT ?2"),
    [ROW_INSERT] = ("INSERT INTO %s(key, version, due, tag, body)"
                    " VALUES(?1, 1, ?3, ?4, ?5) ON CONFLICT DO NOTHING"),
    [ROW_UPDATE] = ("UPDATE %s SET version = version + 1, due = ?3, tag = ?4,"
                    " body = ?5 WHERE key = ?1 AND version = ?2"),
    [ROW_DELETE] = "DELETE FROM %s WHERE key = ?1 AND version = ?2",
    [ROW_COUNT] = "SELECT count(*) FROM %s",
    [ROW_COUNT_TAG] = "SELECT count(*) FROM %s WHERE tag = ?1",
};

static const char *const step_texts[STEPS] = {
    [STEP_BEGIN_READ] = "BEGIN",
    [STEP_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [STEP_COMMIT] = "COMMIT",
    [STEP_ROLLBACK] = "ROLLBACK",
    [STEP_TURN_ADD] = ("INSERT OR REPLACE INTO turns(slot, counted, turn)"
                       " VALUES(?1, ?2, ?3)"),
    [STEP_TURN_HAS] = "SELECT 1 FROM turns WHERE turn = ?1",
};

static enum err
failed(const struct store *s, const char *what)
{
    int code = sqlite3_extended_errcode(s->db);
    log_error("store.failed", "call=%s code=%d message=%s", what, code,
              log_quote(str_from(sqlite3_errmsg(s->db))));
    return (code & 0xff) == SQLITE_FULL ? ERR_LIMIT : ERR_STORE;
}

/* NULL if SQLite cannot make it. */
static sqlite3_stmt *
made(struct store *s, sqlite3_stmt **at, const char *sql)
{
    if (*at == NULL &&
        sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, at,
                           NULL) != SQLITE_OK)
        *at = NULL;
    return *at;
}

static sqlite3_stmt *
row_statement(struct store *s, enum store_table table, enum statement kind)
{
    char sql[256];
    assert(table > 0 && table < STORE_TABLES);
    if (s->rows[table][kind] != NULL)
        return s->rows[table][kind];
    (void)snprintf(sql, sizeof(sql), row_texts[kind],
                   store_table_names[table]); /* both are ours and short */
    return made(s, &s->rows[table][kind], sql);
}

static sqlite3_stmt *
step_statement(struct store *s, enum step step)
{
    return made(s, &s->steps[step], step_texts[step]);
}

/* For statements without rows. */
static bool
run(sqlite3_stmt *st)
{
    if (st == NULL)
        return false;
    bool is_done = sqlite3_step(st) == SQLITE_DONE;
    (void)sqlite3_reset(st); /* repeats the step's own result */
    return is_done;
}

static bool
bind(sqlite3_stmt *st, int at, struct str s)
{
    if (s.n > INT32_MAX)
        return false;
    int rc = s.n == 0 ? sqlite3_bind_zeroblob(st, at, 0)
                      : sqlite3_bind_blob(st, at, s.p, (int)s.n, SQLITE_STATIC);
    return rc == SQLITE_OK;
}

static bool
bind_int(sqlite3_stmt *st, int at, int64_t value)
{
    return sqlite3_bind_int64(st, at, value) == SQLITE_OK;
}

static struct str
column(sqlite3_stmt *st, int at, struct arena *arena)
{
    const void *p = sqlite3_column_blob(st, at);
    size_t n = (size_t)sqlite3_column_bytes(st, at);
    return n > 0 ? arena_copy(arena, str_of(p, n)) : STR_NONE;
}

static struct store_row
read_row(sqlite3_stmt *st, enum store_table table, struct arena *arena)
{
    bool is_due = sqlite3_column_type(st, 2) != SQLITE_NULL;
    return (struct store_row){
        .table = table,
        .key = column(st, 0, arena),
        .version = (uint64_t)sqlite3_column_int64(st, 1),
        .due = is_due ? sqlite3_column_int64(st, 2) : STORE_NEVER,
        .tag = column(st, 3, arena),
        .body = column(st, 4, arena),
    };
}

static bool
load_recent(struct store *s, struct store_ask *ask, struct arena *arena)
{
    struct store_row row;
    if (ask->by != STORE_BY_KEY ||
        !recent_get(s->recent, ask->table, ask->key, arena, &row))
        return false;
    ask->rows = arena_alloc(arena, sizeof(*ask->rows));
    ask->rows[0] = row;
    ask->n_rows = 1;
    return true;
}

static bool
load_one(struct store *s, struct store_ask *ask, struct arena *arena)
{
    sqlite3_stmt *st = row_statement(s, ask->table, ROW_GET);
    if (st == NULL || !bind(st, 1, ask->key))
        return false;
    int rc = sqlite3_step(st);
    ask->rows = arena_alloc(arena, sizeof(*ask->rows));
    ask->n_rows = 1;
    if (rc == SQLITE_ROW) {
        ask->rows[0] = read_row(st, ask->table, arena);
        recent_keep(s->recent, &ask->rows[0]);
    } else {
        ask->rows[0] = (struct store_row){.table = ask->table,
                                          .key = arena_copy(arena, ask->key),
                                          .due = STORE_NEVER};
    }
    (void)sqlite3_reset(st); /* repeats the step's own result */
    return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

/*
 * The least key that may come: the next one behind `after` is `after` with a
 * zero byte at its end.
 */
static struct str
least_key(const struct store_ask *ask, struct arena *arena)
{
    struct str prefix = ask->by == STORE_BY_PREFIX ? ask->key : STR_NONE;
    if (ask->after.n == 0 || str_compare(ask->after, prefix) < 0)
        return prefix;
    struct str next = arena_copy(arena, ask->after); /* with a NUL behind it */
    return str_of(next.p, next.n + 1);
}

static sqlite3_stmt *
list_statement(struct store *s, const struct store_ask *ask,
               struct arena *arena)
{
    static const enum statement kinds[] = {[STORE_BY_PREFIX] = ROW_RANGE,
                                           [STORE_BY_TAG] = ROW_TAGGED,
                                           [STORE_BY_DUE] = ROW_DUE};
    int64_t limit = ask->limit < INT32_MAX ? (int64_t)ask->limit : INT32_MAX;
    sqlite3_stmt *st = row_statement(s, ask->table, kinds[ask->by]);
    if (st == NULL || !bind_int(st, 2, limit))
        return NULL;
    bool is_bound = ask->by == STORE_BY_DUE
                        ? bind_int(st, 1, ask->due)
                        : bind(st, 1, least_key(ask, arena));
    if (ask->by == STORE_BY_TAG)
        is_bound = is_bound && bind(st, 3, ask->tag);
    return is_bound ? st : NULL;
}

static void
append_row(struct store_ask *ask, size_t *room, struct store_row row,
           struct arena *arena)
{
    if (ask->n_rows == *room) {
        *room = *room > 0 ? *room * 2 : 16;
        struct store_row *more = arena_alloc(arena, *room * sizeof(*more));
        if (ask->n_rows > 0)
            memcpy(more, ask->rows, ask->n_rows * sizeof(*more));
        ask->rows = more;
    }
    ask->rows[ask->n_rows++] = row;
}

static bool
load_list(struct store *s, struct store_ask *ask, struct arena *arena)
{
    size_t room = 0;
    int rc = SQLITE_DONE;
    ask->rows = NULL;
    ask->n_rows = 0;
    sqlite3_stmt *st = list_statement(s, ask, arena);
    if (st == NULL)
        return false;
    while (ask->n_rows < ask->limit && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct store_row row = read_row(st, ask->table, arena);
        if (ask->by == STORE_BY_PREFIX && !str_starts(row.key, ask->key))
            break;
        append_row(ask, &room, row, arena);
    }
    (void)sqlite3_reset(st); /* repeats the step's own result */
    return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

static bool
load(struct store *s, struct store_ask *ask, struct arena *arena)
{
    return ask->by == STORE_BY_KEY ? load_one(s, ask, arena)
                                   : load_list(s, ask, arena);
}

static void
roll_back(struct store *s)
{
    if (sqlite3_get_autocommit(s->db) != 0)
        return;
    if (run(step_statement(s, STEP_ROLLBACK)))
        return;
    s->is_failed = true;
    (void)failed(s, "rollback"); /* logs; the caller has its own answer */
}

enum err
store_load(struct store *s, struct store_ask *asks, size_t n_asks,
           struct arena *arena)
{
    if (s->is_failed)
        return ERR_STORE;
    size_t first = 0;
    while (first < n_asks && load_recent(s, &asks[first], arena))
        first++;
    if (first == n_asks)
        return ERR_OK;
    bool is_good = run(step_statement(s, STEP_BEGIN_READ));
    for (size_t i = first; is_good && i < n_asks; i++)
        is_good = load_recent(s, &asks[i], arena) || load(s, &asks[i], arena);
    if (is_good && run(step_statement(s, STEP_COMMIT)))
        return ERR_OK;
    (void)failed(s, "load"); /* logs; every failure is the same to the caller */
    roll_back(s);
    return ERR_STORE;
}

/* A delete of what was not there holds if it is still not there. */
static enum err
check_absent(struct store *s, const struct store_row *row)
{
    sqlite3_stmt *st = row_statement(s, row->table, ROW_GET);
    if (st == NULL || !bind(st, 1, row->key))
        return failed(s, "commit");
    int rc = sqlite3_step(st);
    (void)sqlite3_reset(st); /* repeats the step's own result */
    if (rc == SQLITE_ROW)
        return ERR_CONFLICT;
    return rc == SQLITE_DONE ? ERR_OK : failed(s, "commit");
}

static bool
bind_content(sqlite3_stmt *st, const struct store_row *row)
{
    bool has_due = row->due != STORE_NEVER, has_tag = row->tag.n > 0;
    return (has_due ? bind_int(st, 3, row->due)
                    : sqlite3_bind_null(st, 3) == SQLITE_OK) &&
           (has_tag ? bind(st, 4, row->tag)
                    : sqlite3_bind_null(st, 4) == SQLITE_OK) &&
           bind(st, 5, row->body);
}

static enum err
apply(struct store *s, const struct store_change *change)
{
    const struct store_row *row = &change->row;
    enum statement kind = change->is_delete   ? ROW_DELETE
                          : row->version == 0 ? ROW_INSERT
                                              : ROW_UPDATE;
    assert(row->key.n > 0);
    if (change->is_delete && row->version == 0)
        return check_absent(s, row);
    sqlite3_stmt *st = row_statement(s, row->table, kind);
    if (st == NULL || !bind(st, 1, row->key))
        return failed(s, "commit");
    if (kind != ROW_INSERT && !bind_int(st, 2, (int64_t)row->version))
        return failed(s, "commit");
    if (kind != ROW_DELETE && !bind_content(st, row))
        return failed(s, "commit");
    if (!run(st))
        return failed(s, "commit");
    return sqlite3_changes(s->db) == 1 ? ERR_OK : ERR_CONFLICT;
}

/* The newest turns, in a ring of rows: one page more in each commit. */
static enum err
add_turn(struct store *s, uint64_t turn)
{
    int64_t count = s->turn_slot + 1;
    sqlite3_stmt *st = step_statement(s, STEP_TURN_ADD);
    bool is_good = st != NULL && bind_int(st, 1, count % TURNS_KEPT) &&
                   bind_int(st, 2, count) && bind_int(st, 3, (int64_t)turn) &&
                   run(st);
    return is_good ? ERR_OK : failed(s, "commit");
}

/* After the commit, so that its failure does not take the commit back. */
static void
checkpoint(struct store *s)
{
    int rc = sqlite3_wal_checkpoint_v2(s->db, "main", SQLITE_CHECKPOINT_PASSIVE,
                                       NULL, NULL);
    if (rc == SQLITE_OK || rc == SQLITE_BUSY)
        return;
    /* Full: the log goes on growing, until it too finds the disk full. */
    if (failed(s, "checkpoint") != ERR_LIMIT)
        s->is_failed = true;
}

static enum err
finish(struct store *s)
{
    if (run(step_statement(s, STEP_COMMIT))) {
        s->turn_slot++;
        if (s->wal_pages >= CHECKPOINT_PAGES)
            checkpoint(s);
        return ERR_OK;
    }
    enum err e = failed(s, "commit");
    roll_back(s);
    if (e != ERR_LIMIT)
        s->is_failed = true;
    return e;
}

enum err
store_commit(struct store *s, uint64_t turn, const struct store_change *changes,
             size_t n_changes)
{
    if (s->is_failed)
        return ERR_STORE;
    for (size_t i = 0; i < n_changes; i++)
        recent_forget(s->recent, changes[i].row.table, changes[i].row.key);
    if (!run(step_statement(s, STEP_BEGIN_WRITE)))
        return failed(s, "commit");
    enum err e = ERR_OK;
    for (size_t i = 0; e == ERR_OK && i < n_changes; i++)
        e = apply(s, &changes[i]);
    if (e == ERR_OK)
        e = add_turn(s, turn);
    if (e == ERR_OK)
        return finish(s);
    roll_back(s);
    return e;
}

enum err
store_has_turn(struct store *s, uint64_t turn, bool *out_has)
{
    if (s->is_failed)
        return ERR_STORE;
    sqlite3_stmt *st = step_statement(s, STEP_TURN_HAS);
    if (st == NULL || !bind_int(st, 1, (int64_t)turn))
        return failed(s, "has_turn");
    int rc = sqlite3_step(st);
    (void)sqlite3_reset(st); /* repeats the step's own result */
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return failed(s, "has_turn");
    *out_has = rc == SQLITE_ROW;
    return ERR_OK;
}

enum err
store_count(struct store *s, enum store_table table, struct str tag,
            uint64_t *out_n)
{
    bool is_all = tag.p == NULL;
    if (s->is_failed)
        return ERR_STORE;
    sqlite3_stmt *st =
        row_statement(s, table, is_all ? ROW_COUNT : ROW_COUNT_TAG);
    if (st == NULL || (!is_all && !bind(st, 1, tag)))
        return failed(s, "count");
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        *out_n = (uint64_t)sqlite3_column_int64(st, 0);
    (void)sqlite3_reset(st); /* repeats the step's own result */
    return rc == SQLITE_ROW ? ERR_OK : failed(s, "count");
}

/*
 * Databases made by older versions keep their free pages for later rows:
 * auto_vacuum is decided when a database is new.
 */
#define SHRINK_FROM 1024 /* free pages; fewer will be needed again soon */

enum err
store_shrink(struct store *s, size_t n_pages)
{
    char sql[64];
    int64_t n_free = 0;
    if (s->is_failed)
        return ERR_STORE;
    int rc = database_get_int(s->db, "PRAGMA freelist_count", &n_free);
    if (rc == SQLITE_OK && n_free < SHRINK_FROM)
        return ERR_OK;
    (void)snprintf(sql, sizeof(sql), "PRAGMA incremental_vacuum(%zu)",
                   n_pages); /* there is room */
    if (rc == SQLITE_OK)
        rc = database_exec(s->db, sql);
    if (rc == SQLITE_OK)
        return ERR_OK;
    enum err e = failed(s, "shrink");
    if ((rc & 0xff) == SQLITE_BUSY)
        return ERR_UNAVAILABLE;
    if (e != ERR_LIMIT)
        s->is_failed = true;
    return e;
}

enum err
store_scrub(struct store *s)
{
    if (s->is_failed)
        return ERR_STORE;
    if (s->n_backups > 0)
        return ERR_UNAVAILABLE; /* SQLite would wait for it, and we with it */
    int rc = sqlite3_wal_checkpoint_v2(s->db, "main",
                                       SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (rc == SQLITE_OK)
        return ERR_OK;
    enum err e = failed(s, "scrub");
    if ((rc & 0xff) == SQLITE_BUSY)
        return ERR_UNAVAILABLE;
    if (e != ERR_LIMIT)
        s->is_failed = true;
    return e;
}

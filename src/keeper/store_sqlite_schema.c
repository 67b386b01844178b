#include "keeper/store_sqlite_int.h"

#include <inttypes.h>
#include <stdio.h>

/*
 * The tables, as numbered steps.  user_version says how many of them a
 * database has had.  A step, once released, is never changed; a new one is
 * added at the end, and none takes anything away.
 */
const char *const store_table_names[STORE_TABLES] = {
    [STORE_META] = "meta",           [STORE_GRANTS] = "grants",
    [STORE_DATA_KEYS] = "data_keys", [STORE_API_KEYS] = "api_keys",
    [STORE_SESSIONS] = "sessions",   [STORE_ATTEMPTS] = "attempts",
    [STORE_RESULTS] = "results",     [STORE_ENDINGS] = "endings",
    [STORE_RECEIPTS] = "receipts",   [STORE_AUDIT] = "audit",
    [STORE_EVENTS] = "events",       [STORE_BODIES] = "bodies",
    [STORE_QUEUE] = "queue",         [STORE_SEEN] = "seen",
    [STORE_JOURNALS] = "journals",   [STORE_PRIVACY] = "privacy",
};

/* Most rows have neither a due time nor a tag, so both indexes are partial. */
#define TABLE(name, kind)                                             \
    "CREATE TABLE " name "(key BLOB NOT NULL PRIMARY KEY,"            \
    " version INTEGER NOT NULL, due INTEGER, tag BLOB, body BLOB NOT" \
    " NULL) " kind ";"                                                \
    "CREATE INDEX " name "_by_due ON " name "(due, key)"              \
    " WHERE due IS NOT NULL;"                                         \
    "CREATE INDEX " name "_by_tag ON " name "(tag, key)"              \
    " WHERE tag IS NOT NULL;"

/*
 * Small rows live in the key's own tree.  Rows of a kilobyte and more would
 * overflow there (a cell of an index gets a quarter of a page), so those
 * tables keep their rowid.
 */
#define SMALL "STRICT, WITHOUT ROWID"
#define LARGE "STRICT"

/* clang-format off */
static const char *const steps[] = {
    /* 1 */
    "PRAGMA application_id = 1886086512;"
    TABLE("meta", SMALL)
    TABLE("grants", LARGE)
    TABLE("data_keys", SMALL)
    TABLE("api_keys", SMALL)
    TABLE("sessions", LARGE)
    TABLE("attempts", LARGE)
    TABLE("results", SMALL)
    TABLE("endings", LARGE)
    TABLE("receipts", LARGE)
    TABLE("audit", SMALL)
    "CREATE TABLE turns(slot INTEGER PRIMARY KEY, counted INTEGER NOT NULL,"
    " turn INTEGER NOT NULL) STRICT;",
    /* 2 */
    TABLE("events", SMALL)
    TABLE("bodies", LARGE)
    TABLE("queue", SMALL)
    TABLE("seen", LARGE)
    TABLE("journals", SMALL)
    TABLE("privacy", SMALL),
};
/* clang-format on */

_Static_assert(SCHEMA_APPLICATION == 1886086512, "as step 1 writes it");

const int64_t schema_newest = sizeof(steps) / sizeof(steps[0]);

/* What schema_check looks at, each as one number. */
enum look { LOOK_APPLICATION, LOOK_VERSION, LOOK_PAGE_BYTES, LOOK_OBJECTS };

static int
look(sqlite3 *db, const char *schema, int64_t out[static 4])
{
    static const char *const texts[] = {
        [LOOK_APPLICATION] = "PRAGMA %s.application_id",
        [LOOK_VERSION] = "PRAGMA %s.user_version",
        [LOOK_PAGE_BYTES] = "PRAGMA %s.page_size",
        [LOOK_OBJECTS] = "SELECT count(*) FROM %s.sqlite_schema",
    };
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < 4; i++) {
        char sql[96];
        (void)snprintf(sql, sizeof(sql), texts[i], schema); /* both short */
        rc = database_get_int(db, sql, &out[i]);
    }
    return rc;
}

enum err
schema_check(sqlite3 *db, const char *schema, const char *path,
             int64_t *out_version, struct buf *problem)
{
    int64_t found[4];
    int rc = look(db, schema, found);
    if (rc != SQLITE_OK) {
        database_explain(rc, db, path, problem);
        return ERR_STORE;
    }
    int64_t version = found[LOOK_VERSION];
    bool has_pages = found[LOOK_PAGE_BYTES] == PAGE_BYTES;
    /* Empty: new, or left by a process that was killed before step 1. */
    if (has_pages && found[LOOK_OBJECTS] == 0 && version == 0 &&
        found[LOOK_APPLICATION] == 0) {
        *out_version = 0;
        return ERR_OK;
    }
    if (!has_pages || found[LOOK_APPLICATION] != SCHEMA_APPLICATION ||
        version < 1) {
        buf_addf(problem,
                 "%s is a database, but not one of portkeep's: name another "
                 "file",
                 path);
        return ERR_INVALID;
    }
    if (version > schema_newest) {
        buf_addf(problem,
                 "%s was written by a newer portkeep (schema %" PRId64
                 ", this one knows %" PRId64 "): run that one, or restore a "
                 "backup from before the upgrade",
                 path, version, schema_newest);
        return ERR_INVALID;
    }
    *out_version = version;
    return ERR_OK;
}

static int
take_step(sqlite3 *db, int64_t to)
{
    char sql[64];
    (void)snprintf(sql, sizeof(sql), "PRAGMA user_version = %" PRId64, to);
    int rc = database_exec(db, "BEGIN IMMEDIATE");
    if (rc == SQLITE_OK)
        rc = database_exec(db, steps[to - 1]);
    if (rc == SQLITE_OK)
        rc = database_exec(db, sql);
    if (rc == SQLITE_OK)
        rc = database_exec(db, "COMMIT");
    if (rc != SQLITE_OK && sqlite3_get_autocommit(db) == 0)
        (void)database_exec(db, "ROLLBACK"); /* closing would do it too */
    return rc;
}

int
schema_migrate(sqlite3 *db, int64_t version)
{
    int64_t at;
    int rc = database_get_int(db, "PRAGMA user_version", &at);
    while (rc == SQLITE_OK && at < version)
        rc = take_step(db, ++at);
    return rc;
}

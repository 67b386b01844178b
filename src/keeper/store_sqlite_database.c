#include "keeper/store_sqlite_int.h"

#include <assert.h>
#include <errno.h>

#define SETTINGS                                                            \
    "PRAGMA page_size = 4096;"                                              \
    "PRAGMA auto_vacuum = INCREMENTAL;" /* of new ones: see store_shrink */ \
    "PRAGMA secure_delete = ON;"                                            \
    "PRAGMA synchronous = FULL;"                                            \
    "PRAGMA temp_store = MEMORY;"                                           \
    "PRAGMA mmap_size = 0;"                                                 \
    "PRAGMA cache_size = -32768;"                                           \
    "PRAGMA cell_size_check = ON;"                                          \
    "PRAGMA trusted_schema = OFF;"                                          \
    "PRAGMA wal_autocheckpoint = 0;"                                        \
    "PRAGMA journal_size_limit = 8388608;" /* See database_keep_clean: the  \
                                              first byte of a page number   \
                                              stays 0. */                   \
    "PRAGMA max_page_count = 16777215;"

/*
 * A read of a grant touches three pages of its own, so a thousand portals that
 * are in use need 12 MB of cache: less, and every page is read from the file
 * again.  The cache only grows so far where so much is in use.
 *
 * The soft limit makes the cache give way; the hard one only stops a runaway.
 */
#define HEAP_SOFT_BYTES (40 << 20)
#define HEAP_HARD_BYTES (256 << 20)
#define BUSY_MS 1000

int
database_exec(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

int
database_get_int(sqlite3 *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *s;
    int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(s);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(s, 0);
    (void)sqlite3_finalize(s); /* repeats the step's own result */
    return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_EMPTY : rc;
}

int
database_attach(sqlite3 *db, const char *path)
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

void
database_explain(int code, sqlite3 *db, const char *path, struct buf *problem)
{
    switch (code & 0xff) {
    case SQLITE_NOTADB:
        buf_addf(problem,
                 "%s is not a database: name another file, or restore a "
                 "backup",
                 path);
        break;
    case SQLITE_CORRUPT:
        buf_addf(problem,
                 "%s is damaged: keep a copy of it and restore the newest "
                 "backup into its place",
                 path);
        break;
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        buf_addf(problem,
                 "%s cannot be written: the user that portkeep runs as must "
                 "own the file and its directory, and the disk must not be "
                 "mounted read-only",
                 path);
        break;
    case SQLITE_FULL:
        buf_addf(problem, "the disk that holds %s is full: make room", path);
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        buf_addf(problem, "%s is locked by another program: close that one",
                 path);
        break;
    case SQLITE_IOERR:
        buf_addf(problem,
                 "%s cannot be read or written (SQLite code %d: %s): look at "
                 "the disk and the kernel's log",
                 path, code, strerror(sqlite3_system_errno(db)));
        break;
    default:
        buf_addf(problem, "%s: %s (SQLite code %d)", path, sqlite3_errmsg(db),
                 code);
    }
}

/* Once a process, before SQLite's first call; refused afterwards, as meant. */
static void
set_up_library(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_URI, 0);
    (void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    (void)sqlite3_initialize(); /* a failure shows at the first open */
    (void)sqlite3_soft_heap_limit64(HEAP_SOFT_BYTES); /* returns the old one */
    (void)sqlite3_hard_heap_limit64(HEAP_HARD_BYTES);
}

static int
switch_off(sqlite3 *db)
{
    static const struct {
        int what, value;
    } rows[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
        {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
        {SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0},
        {SQLITE_DBCONFIG_DQS_DDL, 0},
    };
    int rc = SQLITE_OK;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rc == SQLITE_OK)
            rc = sqlite3_db_config(db, rows[i].what, rows[i].value, NULL);
    (void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 16 << 20); /* the old one */
    return rc;
}

enum err
database_open(const char *path, sqlite3 **out, struct buf *problem)
{
    sqlite3 *db = NULL;
    set_up_library();
    int rc =
        sqlite3_open_v2(path, &db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
                            SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE,
                        NULL);
    if (rc == SQLITE_OK)
        rc = switch_off(db);
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(db, BUSY_MS);
    if (rc == SQLITE_OK)
        rc = database_exec(db, SETTINGS);
    if (rc != SQLITE_OK) {
        database_explain(rc, db, path, problem);
        (void)sqlite3_close(db); /* no statement is open */
        return ERR_STORE;
    }
    database_keep_clean(db);
    *out = db;
    return ERR_OK;
}

/*
 * secure_delete overwrites what is deleted, but when SQLite moves rows from
 * a page to its neighbour it leaves the old copies behind in the part of the
 * page that it counts as free, and no later delete knows of them.  So each
 * page is cleaned on its way into the file: whatever stands between the list
 * of its cells and the first cell becomes zero.  SQLite never reads it.
 * Format: sqlite.org/fileformat2.html, "B-tree Pages".
 *
 * Pages of other kinds begin with a page number, whose first byte is zero
 * because the database may not grow beyond 2^24 pages; but for the pointer
 * maps of databases that can shrink, which stand at known places and are left
 * alone ("Pointer Map or Ptrmap Pages").
 */
#define MAP_EVERY (PAGE_BYTES / 5 + 1)
#define LARGEST_ROOT 52 /* in the header: not 0 where there are maps */
static size_t
number(const uint8_t *p)
{
    return (size_t)p[0] << 8 | p[1];
}

static void
clean_page(uint8_t *page, bool is_first)
{
    size_t head = is_first ? 100 : 0;
    uint8_t kind = page[head];
    bool is_interior = kind == 2 || kind == 5;
    if (!is_interior && kind != 10 && kind != 13)
        return;
    size_t n_cells = number(page + head + 3);
    size_t cells = number(page + head + 5);
    size_t list_end = head + (is_interior ? 12 : 8) + 2 * n_cells;
    if (cells <= PAGE_BYTES && list_end < cells)
        memset(page + list_end, 0, cells - list_end);
}

static const struct sqlite3_io_methods *plain;
static struct sqlite3_io_methods cleaning;

/* Where the header cannot be read yet, the database is new, and has maps. */
static bool
is_map(sqlite3_file *file, sqlite3_int64 at)
{
    static const uint8_t none[4];
    uint8_t root[4];
    sqlite3_int64 number_of_page = at / PAGE_BYTES + 1;
    if (number_of_page < 2 || (number_of_page - 2) % MAP_EVERY != 0)
        return false;
    return plain->xRead(file, root, sizeof(root), LARGEST_ROOT) != SQLITE_OK ||
           memcmp(root, none, sizeof(none)) != 0;
}

static int
write_clean(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 at)
{
    uint8_t page[PAGE_BYTES];
    if (n != PAGE_BYTES || at % PAGE_BYTES != 0 || is_map(file, at))
        return plain->xWrite(file, bytes, n, at);
    memcpy(page, bytes, sizeof(page));
    clean_page(page, at == 0);
    return plain->xWrite(file, page, n, at);
}

void
database_keep_clean(sqlite3 *db)
{
    sqlite3_file *file = NULL;
    int rc = sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    assert(rc == SQLITE_OK && file != NULL && file->pMethods != NULL);
    (void)rc; /* cannot fail on a database that is open */
    if (plain == NULL) {
        plain = file->pMethods;
        cleaning = *plain;
        cleaning.xWrite = write_clean;
    }
    assert(file->pMethods == plain);
    file->pMethods = &cleaning;
}

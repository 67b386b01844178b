#define _GNU_SOURCE
#include "keeper/store_sqlite_int.h"

#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where SQLite's own locks lie in the file: os.h, PENDING_BYTE and after. */
#define SQLITE_LOCKS_AT 0x40000000
#define SQLITE_LOCKS_LEN 512

/* The process that has the database open, if SQLite's locks tell. */
static long
holder(int fd)
{
    struct flock lock = {.l_type = F_WRLCK,
                         .l_whence = SEEK_SET,
                         .l_start = SQLITE_LOCKS_AT,
                         .l_len = SQLITE_LOCKS_LEN};
    if (fcntl(fd, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK)
        return 0;
    return (long)lock.l_pid;
}

static void
explain_open(int error, const char *place, struct buf *problem)
{
    switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
        database_explain(SQLITE_READONLY, NULL, place, problem);
        break;
    case ENOSPC:
    case EDQUOT:
        database_explain(SQLITE_FULL, NULL, place, problem);
        break;
    case ENOENT:
        buf_addf(problem,
                 "%s cannot be made: its directory does not exist: make it, "
                 "owned by the user that portkeep runs as, mode 0700",
                 place);
        break;
    default:
        buf_addf(problem, "%s cannot be opened: %s", place, strerror(error));
    }
}

/*
 * The lock is on the database file itself, so nothing is left lying about
 * after a crash.  It is not one of SQLite's locks: those come and go with
 * each transaction, and a second keeper must be refused for good.
 */
static enum err
open_and_lock(const char *place, int *out_fd, struct buf *problem)
{
    struct stat st;
    int fd = open(place, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK,
                  S_IRUSR | S_IWUSR);
    if (fd < 0) {
        explain_open(errno, place, problem);
        return ERR_STORE;
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        buf_addf(problem, "%s is not a regular file: name another one", place);
        (void)close(fd); /* nothing was written through it */
        return ERR_STORE;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        *out_fd = fd;
        return ERR_OK;
    }
    long pid = holder(fd);
    if (pid > 0)
        buf_addf(problem,
                 "%s is in use by another keeper, process %ld: stop that one, "
                 "or name another file",
                 place, pid);
    else
        buf_addf(problem,
                 "%s is in use by another keeper: stop that one, or name "
                 "another file",
                 place);
    (void)close(fd); /* nothing was written through it */
    return ERR_CONFLICT;
}

/* Identity first: a database that is not ours is left as it is. */
static enum err
prepare(sqlite3 *db, const char *place, int64_t *out_slot, struct buf *problem)
{
    int64_t version;
    enum err e = schema_check(db, "main", place, &version, problem);
    if (e != ERR_OK)
        return e;
    int rc = database_exec(db, "PRAGMA journal_mode = WAL");
    if (rc == SQLITE_OK)
        rc = schema_migrate(db, schema_newest);
    if (rc == SQLITE_OK)
        rc = database_get_int(db, "SELECT ifnull(max(counted), 0) FROM turns",
                              out_slot);
    if (rc == SQLITE_OK && file_sync_directory(place) != ERR_OK)
        rc = SQLITE_IOERR_DIR_FSYNC;
    if (rc != SQLITE_OK) {
        database_explain(rc, db, place, problem);
        return ERR_STORE;
    }
    if (version != 0 && version < schema_newest)
        log_info("store.migrated", "from=%d to=%d", (int)version,
                 (int)schema_newest);
    return ERR_OK;
}

static int
on_commit(void *context, sqlite3 *db, const char *name, int n_pages)
{
    struct store *s = context;
    (void)db;
    (void)name;
    s->wal_pages = n_pages;
    return SQLITE_OK;
}

enum err
store_open(const char *place, struct store **out, struct buf *problem)
{
    int fd;
    sqlite3 *db;
    int64_t slot = 0;
    if (!file_is_absolute(place, problem))
        return ERR_INVALID;
    enum err e = open_and_lock(place, &fd, problem);
    if (e != ERR_OK)
        return e;
    e = database_open(place, &db, problem);
    if (e == ERR_OK) {
        e = prepare(db, place, &slot, problem);
        if (e != ERR_OK)
            (void)sqlite3_close(db); /* no statement is open */
    }
    if (e != ERR_OK) {
        (void)close(fd); /* lets the lock go; nothing was written */
        return e;
    }
    struct store *s = calloc(1, sizeof(*s));
    char *copy = strdup(place);
    if (s == NULL || copy == NULL)
        abort();
    *s = (struct store){.db = db,
                        .lock_fd = fd,
                        .place = copy,
                        .turn_slot = slot,
                        .recent = recent_new()};
    (void)sqlite3_wal_hook(db, on_commit, s); /* returns the one before */
    *out = s;
    return ERR_OK;
}

void
store_close(struct store *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < STEPS; i++)
        (void)sqlite3_finalize(s->steps[i]); /* repeats an old result */
    for (size_t t = 0; t < STORE_TABLES; t++)
        for (size_t i = 0; i < TABLE_STATEMENTS; i++)
            (void)sqlite3_finalize(s->rows[t][i]); /* the same */
    int rc = sqlite3_close(s->db);
    assert(rc == SQLITE_OK);
    (void)rc;
    (void)close(s->lock_fd); /* after the database: closing drops its locks */
    recent_free(s->recent);
    free(s->place);
    free(s);
}

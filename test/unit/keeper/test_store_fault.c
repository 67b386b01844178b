/*
 * Disks that fail.  A layer under SQLite makes the n-th write, sync or
 * truncation fail, n from 1 on until nothing fails any more; each time the
 * story is told again on a new database, and what was acknowledged must be
 * there afterwards, and what was refused must not.
 */
#define _GNU_SOURCE
#include "store_place.h"

#include <sqlite3.h>
#include <sys/mount.h>

enum operation { WRITE, SYNC, TRUNCATE, SHARED_MAP };

/* The layer: SQLite's own file methods, with a counter before some. */
static struct {
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    sqlite3_io_methods methods[2];
    const sqlite3_io_methods *real_methods;
    enum operation operation;
    int code;        /* what the failure looks like */
    unsigned nth;    /* 0: none fails */
    bool is_for_all; /* every one from the n-th on fails */
    unsigned count;
    unsigned n_syncs;
    bool is_log_dirty; /* written, not yet synced */
} disk;

static bool
fails(enum operation operation)
{
    if (disk.nth == 0 || operation != disk.operation)
        return false;
    disk.count++;
    return disk.count == disk.nth || (disk.is_for_all && disk.count > disk.nth);
}

static int
disk_write(sqlite3_file *f, const void *bytes, int n, sqlite3_int64 at)
{
    disk.is_log_dirty = true;
    if (!fails(WRITE))
        return disk.real_methods->xWrite(f, bytes, n, at);
    /* Half of it gets through, as on a real disk. */
    if (n > 1)
        (void)disk.real_methods->xWrite(f, bytes, n / 2, at);
    return disk.code;
}

static int
disk_sync(sqlite3_file *f, int flags)
{
    disk.n_syncs++;
    if (fails(SYNC))
        return SQLITE_IOERR_FSYNC;
    disk.is_log_dirty = false;
    return disk.real_methods->xSync(f, flags);
}

static int
disk_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return fails(TRUNCATE) ? SQLITE_IOERR_TRUNCATE
                           : disk.real_methods->xTruncate(f, size);
}

static int
disk_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return fails(SHARED_MAP)
               ? SQLITE_IOERR_SHMSIZE
               : disk.real_methods->xShmMap(f, page, size, extend, out);
}

static int
disk_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *f, int flags,
          int *out_flags)
{
    (void)vfs;
    int rc = disk.real->xOpen(disk.real, path, f, flags, out_flags);
    if (rc != SQLITE_OK || f->pMethods == NULL)
        return rc;
    /* Files with locks and files without have tables of their own. */
    bool is_main = (flags & SQLITE_OPEN_MAIN_DB) != 0;
    struct sqlite3_io_methods *methods = &disk.methods[is_main];
    *methods = *f->pMethods;
    if (is_main)
        disk.real_methods = f->pMethods;
    assert_non_null(disk.real_methods);
    assert_ptr_equal(methods->xWrite, disk.real_methods->xWrite);
    assert_ptr_equal(methods->xSync, disk.real_methods->xSync);
    assert_ptr_equal(methods->xTruncate, disk.real_methods->xTruncate);
    methods->xWrite = disk_write;
    methods->xSync = disk_sync;
    methods->xTruncate = disk_truncate;
    methods->xShmMap = is_main ? disk_map : NULL;
    f->pMethods = methods;
    return SQLITE_OK;
}

static int
put_disk_in(void **state)
{
    (void)state;
    disk.real = sqlite3_vfs_find(NULL);
    disk.vfs = *disk.real;
    disk.vfs.zName = "disk";
    disk.vfs.xOpen = disk_open;
    return sqlite3_vfs_register(&disk.vfs, 1) == SQLITE_OK ? 0 : -1;
}

static void
repair(void)
{
    disk.nth = 0;
    disk.count = 0;
    disk.is_for_all = false;
}

static int
set_up(void **state)
{
    repair();
    *state = place_new();
    return 0;
}

static int
tear_down(void **state)
{
    repair();
    place_free(*state);
    return 0;
}

/* What a commit of the story must have come to. */
enum fate { NOT_DONE, DONE, UNKNOWN };

#define COMMITS 12

static void
name(char out[static 16], size_t i)
{
    (void)snprintf(out, 16, "row-%03zu", i);
}

static enum fate
tell_commit(struct place *p, size_t i)
{
    char key[16], old[16], body[1000];
    bool has = false;
    name(key, i);
    name(old, i - 1);
    memset(body, 'x', sizeof(body));
    body[sizeof(body) - 1] = '\0';
    struct store_change all[] = {put(STORE_GRANTS, key, 0, body),
                                 put(STORE_DATA_KEYS, key, 0, key),
                                 put(STORE_SESSIONS, key, 0, body)};
    enum err e = store_commit(p->store, i, all, 3);
    if (e == ERR_OK) {
        /* Said to be durable, so nothing may wait for a sync. */
        assert_false(disk.is_log_dirty);
        return DONE;
    }
    if (e == ERR_LIMIT) {
        assert_int_equal(store_has_turn(p->store, i, &has), ERR_OK);
        assert_false(has);
        return NOT_DONE;
    }
    assert_int_equal(e, ERR_STORE);
    if (store_has_turn(p->store, i, &has) != ERR_OK)
        return UNKNOWN;
    return has ? DONE : NOT_DONE;
}

static void
tell_story(struct place *p, enum fate fates[static COMMITS])
{
    struct buf auto_buf problem;
    buf_init(&problem, 1000);
    if (store_open(p->file, &p->store, &problem) != ERR_OK) {
        assert_true(problem.n > 0);
        return;
    }
    for (size_t i = 1; i < COMMITS; i++) {
        fates[i] = tell_commit(p, i);
        if (i % 5 != 0)
            continue;
        /* It may fail as it likes; the rows must not care. */
        enum err e = store_scrub(p->store);
        assert_true(e == ERR_OK || e == ERR_LIMIT || e == ERR_STORE);
    }
}

static void
check_story(struct place *p, const enum fate fates[static COMMITS],
            unsigned nth)
{
    char key[16];
    bool has;
    arena_clear(p->arena);
    for (size_t i = 1; i < COMMITS; i++) {
        name(key, i);
        uint64_t version = place_get(p, STORE_GRANTS, key).version;
        if (fates[i] != UNKNOWN && version != (fates[i] == DONE))
            fail_msg("failure %u: commit %zu %s", nth, i,
                     version > 0 ? "was refused and is there" : "is lost");
        assert_int_equal(place_get(p, STORE_DATA_KEYS, key).version, version);
        assert_int_equal(place_get(p, STORE_SESSIONS, key).version, version);
        assert_int_equal(store_has_turn(p->store, i, &has), ERR_OK);
        assert_int_equal(has, version);
    }
}

/* How many operations of that kind the story has. */
static unsigned
fail_each(void **state, enum operation operation, int code, bool is_for_all)
{
    struct place *p = *state;
    unsigned nth = 0, count;
    do {
        enum fate fates[COMMITS] = {NOT_DONE};
        repair();
        disk.operation = operation;
        disk.code = code;
        disk.nth = ++nth;
        disk.is_for_all = is_for_all;
        tell_story(p, fates);
        place_close(p);
        count = disk.count;
        repair();
        place_open(p);
        check_story(p, fates, nth);
        place_close(p);
        (void)place_files(p, true);
    } while (count >= nth);
    return nth - 1;
}

static void
writes_that_fail_lose_nothing(void **state)
{
    assert_true(fail_each(state, WRITE, SQLITE_IOERR_WRITE, false) > 100);
}

static void
a_disk_that_is_full_for_a_moment_loses_nothing(void **state)
{
    assert_true(fail_each(state, WRITE, SQLITE_FULL, false) > 100);
}

static void
a_disk_that_stays_full_loses_nothing(void **state)
{
    assert_true(fail_each(state, WRITE, SQLITE_FULL, true) > 100);
}

static void
syncs_that_fail_lose_nothing(void **state)
{
    assert_true(fail_each(state, SYNC, 0, false) >= COMMITS - 1);
}

static void
truncations_that_fail_lose_nothing(void **state)
{
    assert_true(fail_each(state, TRUNCATE, 0, false) >= 2);
}

static void
an_index_that_cannot_grow_loses_nothing(void **state)
{
    assert_true(fail_each(state, SHARED_MAP, 0, false) > 0);
}

static void
a_commit_is_one_sync(void **state)
{
    struct place *p = *state;
    place_open(p);
    struct store_change c = put(STORE_GRANTS, "a", 0, "1");
    assert_int_equal(place_commit(p, &c, 1), ERR_OK);
    unsigned before = disk.n_syncs;
    for (uint64_t i = 1; i <= 100; i++) {
        c = put(STORE_GRANTS, "a", i, "1");
        assert_int_equal(place_commit(p, &c, 1), ERR_OK);
    }
    assert_int_equal(disk.n_syncs - before, 100);
}

static void
after_a_failed_sync_every_call_fails(void **state)
{
    struct place *p = *state;
    struct store_ask ask = {.table = STORE_GRANTS, .by = STORE_BY_KEY};
    struct buf auto_buf problem;
    bool has;
    uint64_t n;
    buf_init(&problem, 1000);
    place_open(p);
    ask.key = STR("a");
    disk.operation = SYNC;
    disk.nth = 1;
    struct store_change c = put(STORE_GRANTS, "a", 0, "1");
    assert_int_equal(store_commit(p->store, 1, &c, 1), ERR_STORE);
    repair();
    assert_int_equal(store_has_turn(p->store, 1, &has), ERR_STORE);
    assert_int_equal(store_commit(p->store, 2, &c, 1), ERR_STORE);
    assert_int_equal(store_load(p->store, &ask, 1, p->arena), ERR_STORE);
    assert_int_equal(store_scrub(p->store), ERR_STORE);
    assert_int_equal(store_count(p->store, STORE_GRANTS, STR_NONE, &n),
                     ERR_STORE);
    assert_int_equal(back_up_whole(p->store, place_path(p, "b"),
                                   place_path(p, "k"), &problem),
                     ERR_STORE);
    assert_false(place_has(p, "b"));
    place_close(p);
    place_open(p);
    assert_int_equal(store_has_turn(p->store, 1, &has), ERR_OK);
    assert_int_equal(place_get(p, STORE_GRANTS, "a").version, has ? 1 : 0);
}

/* Each write of a backup, and of a restore, fails in its turn. */
static void
half_a_backup_is_never_left(void **state)
{
    struct place *p = *state;
    struct store_change c[] = {put(STORE_GRANTS, "a", 0, "1"),
                               put(STORE_DATA_KEYS, "a", 0, "2")};
    place_open(p);
    assert_int_equal(place_commit(p, c, 2), ERR_OK);
    size_t before = place_files(p, false);
    unsigned nth = 0;
    enum err e;
    do {
        struct buf auto_buf problem;
        buf_init(&problem, 1000);
        repair();
        disk.operation = WRITE;
        disk.code = SQLITE_FULL;
        disk.nth = ++nth;
        e = back_up_whole(p->store, place_path(p, "b"), place_path(p, "k"),
                          &problem);
        assert_true(e == ERR_OK ||
                    strstr(buf_text(&problem), "is full") != NULL);
        assert_int_equal(place_files(p, false), before + (e == ERR_OK ? 2 : 0));
    } while (e != ERR_OK);
    assert_true(nth > 20);
}

static void
half_a_restore_is_never_left(void **state)
{
    struct place *p = *state;
    struct buf auto_buf problem;
    struct store_change c[] = {put(STORE_GRANTS, "a", 0, "1"),
                               put(STORE_DATA_KEYS, "a", 0, "2")};
    buf_init(&problem, 1000);
    place_open(p);
    assert_int_equal(place_commit(p, c, 2), ERR_OK);
    assert_int_equal(back_up_whole(p->store, place_path(p, "b"),
                                   place_path(p, "k"), &problem),
                     ERR_OK);
    place_close(p);
    assert_int_equal(unlink(p->file), 0);
    unsigned nth = 0;
    enum err e;
    do {
        buf_clear(&problem);
        repair();
        disk.operation = WRITE;
        disk.code = SQLITE_IOERR_WRITE;
        disk.nth = ++nth;
        e = store_restore(p->file, place_path(p, "b"), place_path(p, "k"),
                          &problem);
        assert_int_equal(place_files(p, false), e == ERR_OK ? 3 : 2);
    } while (e != ERR_OK);
    assert_true(nth > 10);
    repair();
    place_open(p);
    assert_str(place_get(p, STORE_DATA_KEYS, "a").body, "2");
}

/* A real file system of 1 MB. */
static void
a_full_file_system_refuses_and_recovers(void **state)
{
    struct place *p = *state;
    char body[20000], key[16];
    memset(body, 'x', sizeof(body));
    body[sizeof(body) - 1] = '\0';
    if (mount("none", p->directory, "tmpfs", 0, "size=1m") != 0)
        skip();
    place_open(p);
    enum err e = ERR_OK;
    size_t n = 0;
    while (e == ERR_OK && n < 1000) {
        name(key, n);
        struct store_change c = put(STORE_GRANTS, key, 0, body);
        e = place_commit(p, &c, 1);
        n += e == ERR_OK;
    }
    assert_int_equal(e, ERR_LIMIT);
    for (size_t i = 0; i <= n; i++) {
        name(key, i);
        assert_int_equal(place_get(p, STORE_GRANTS, key).version, i < n);
    }
    place_close(p);
    assert_int_equal(
        mount("none", p->directory, "tmpfs", MS_REMOUNT, "size=4m"), 0);
    place_open(p);
    name(key, n);
    struct store_change c = put(STORE_GRANTS, key, 0, body);
    assert_int_equal(place_commit(p, &c, 1), ERR_OK);
    place_close(p);
    (void)place_files(p, true);
    assert_int_equal(umount(p->directory), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(writes_that_fail_lose_nothing),
        TEST(a_disk_that_is_full_for_a_moment_loses_nothing),
        TEST(a_disk_that_stays_full_loses_nothing),
        TEST(syncs_that_fail_lose_nothing),
        TEST(truncations_that_fail_lose_nothing),
        TEST(an_index_that_cannot_grow_loses_nothing),
        TEST(a_commit_is_one_sync),
        TEST(after_a_failed_sync_every_call_fails),
        TEST(half_a_backup_is_never_left),
        TEST(half_a_restore_is_never_left),
        TEST(a_full_file_system_refuses_and_recovers),
    };
    return cmocka_run_group_tests(tests, put_disk_in, NULL);
}

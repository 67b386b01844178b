/* Backups: what comes back, what each file holds, what is refused. */
#define _GNU_SOURCE
#include "store_place.h"

#include <sqlite3.h>

static int
set_up(void **state)
{
    *state = place_new();
    return 0;
}

static int
tear_down(void **state)
{
    place_free(*state);
    return 0;
}

/* Grants with their data keys; the tag of each is its own. */
static void
fill(struct place *p)
{
    char key[16], body[64], wrap[64];
    place_open(p);
    for (int i = 0; i < 200; i++) {
        (void)snprintf(key, sizeof(key), "crm/%d", i);
        (void)snprintf(body, sizeof(body), "GRANT-%04d", i);
        (void)snprintf(wrap, sizeof(wrap), "WRAPPED-%04d", i);
        struct store_change both[] = {put(STORE_GRANTS, key, 0, body),
                                      put(STORE_DATA_KEYS, key, 0, wrap)};
        both[0].row.due = 1000 + i;
        both[0].row.tag = STR("state");
        both[1].row.tag = STR("20261124-kfqz");
        assert_int_equal(place_commit(p, both, 2), ERR_OK);
    }
    for (unsigned t = 1; t < STORE_TABLES; t++) {
        struct store_change c = put(t, "each", 0, "of all tables");
        c.row.tag = STR("t");
        c.row.due = -1;
        assert_int_equal(place_commit(p, &c, 1), ERR_OK);
    }
}

static void
erase_half(struct place *p)
{
    char key[16];
    for (int i = 0; i < 200; i += 2) {
        (void)snprintf(key, sizeof(key), "crm/%d", i);
        struct store_change both[] = {drop(STORE_GRANTS, key, 1),
                                      drop(STORE_DATA_KEYS, key, 1)};
        assert_int_equal(place_commit(p, both, 2), ERR_OK);
    }
}

static void
remove_database(struct place *p)
{
    place_close(p);
    assert_int_equal(unlink(p->file), 0);
    assert_false(place_has(p, "t.db-wal"));
    assert_false(place_has(p, "t.db-shm"));
}

static void
check_row(struct place *p, int i, const char *grant, const char *wrap)
{
    char key[16], text[64];
    (void)snprintf(key, sizeof(key), "crm/%d", i);
    struct store_row row = place_get(p, STORE_GRANTS, key);
    (void)snprintf(text, sizeof(text), "%s%04d", grant, i);
    assert_true(str_equal(row.body, str_from(text)));
    assert_int_equal(row.due, 1000 + i);
    assert_int_equal(row.version, 1);
    assert_str(row.tag, "state");
    row = place_get(p, STORE_DATA_KEYS, key);
    (void)snprintf(text, sizeof(text), "%s%04d", wrap, i);
    assert_true(str_equal(row.body, str_from(wrap[0] != '\0' ? text : "")));
}

static void
what_was_backed_up_comes_back(void **state)
{
    struct place *p = *state;
    uint64_t n;
    fill(p);
    place_back_up(p, "b", "b.keys");
    /* Later changes are not in it. */
    erase_half(p);
    remove_database(p);
    place_restore(p, "b", "b.keys");
    place_open(p);
    for (int i = 0; i < 200; i++)
        check_row(p, i, "GRANT-", "WRAPPED-");
    for (unsigned t = 1; t < STORE_TABLES; t++) {
        struct store_row row = place_get(p, t, "each");
        assert_str(row.body, "of all tables");
        assert_str(row.tag, "t");
        assert_int_equal(row.due, -1);
    }
    assert_int_equal(
        store_count(p->store, STORE_DATA_KEYS, STR("20261124-kfqz"), &n),
        ERR_OK);
    assert_int_equal(n, 200);
    struct store_change c = put(STORE_GRANTS, "crm/1", 1, "changed");
    assert_int_equal(place_commit(p, &c, 1), ERR_OK);
}

static void
a_store_goes_on_after_its_backup(void **state)
{
    struct place *p = *state;
    fill(p);
    place_back_up(p, "b", "b.keys");
    struct store_change c = put(STORE_GRANTS, "crm/1", 1, "changed");
    assert_int_equal(place_commit(p, &c, 1), ERR_OK);
    assert_str(place_get(p, STORE_GRANTS, "crm/1").body, "changed");
    assert_int_equal(store_scrub(p->store), ERR_OK);
    place_back_up(p, "c", "c.keys");
}

/* What comes between the steps is in none of the two files. */
static void
a_backup_is_as_the_store_was_at_its_begin(void **state)
{
    struct place *p = *state;
    struct buf auto_buf problem;
    struct store_backup *b;
    char key[16];
    uint64_t n = 0;
    unsigned i = 0;
    enum err e;
    buf_init(&problem, 1000);
    fill(p);
    assert_int_equal(store_backup_begin(
                         p->store,
                         &(struct store_backup_wish){
                             place_path(p, "b"), place_path(p, "b.keys"), true},
                         &b, &problem),
                     ERR_OK);
    while ((e = store_backup_step(b, 3, &n, &problem)) == ERR_AGAIN) {
        (void)snprintf(key, sizeof(key), "crm/%u", i);
        struct store_change both[] = {put(STORE_GRANTS, key, 1, "LATER"),
                                      drop(STORE_DATA_KEYS, key, 1)};
        if (i++ < 100)
            assert_int_equal(place_commit(p, both, 2), ERR_OK);
        assert_int_equal(store_scrub(p->store), ERR_UNAVAILABLE);
    }
    assert_int_equal(e, ERR_OK);
    assert_true(i > 100);
    assert_true(n > 400);
    assert_int_equal(store_scrub(p->store), ERR_OK);
    remove_database(p);
    place_restore(p, "b", "b.keys");
    place_open(p);
    for (int at = 0; at < 200; at++)
        check_row(p, at, "GRANT-", "WRAPPED-");
}

static void
a_backup_that_is_cancelled_leaves_nothing(void **state)
{
    struct place *p = *state;
    for (unsigned steps = 0; steps < 60; steps += 10) {
        struct buf auto_buf problem;
        struct store_backup *b;
        uint64_t n;
        buf_init(&problem, 1000);
        if (steps == 0)
            fill(p);
        size_t before = place_files(p, false);
        assert_int_equal(store_backup_begin(
                             p->store,
                             &(struct store_backup_wish){
                                 place_path(p, "b"), place_path(p, "k"), true},
                             &b, &problem),
                         ERR_OK);
        for (unsigned i = 0; i < steps; i++)
            assert_int_equal(store_backup_step(b, 5, &n, &problem), ERR_AGAIN);
        store_backup_cancel(b);
        assert_int_equal(place_files(p, false), before);
    }
    assert_int_equal(store_scrub(p->store), ERR_OK);
}

static void
newer_keys_leave_older_rows_without_theirs(void **state)
{
    struct place *p = *state;
    fill(p);
    place_back_up(p, "old", "old.keys");
    erase_half(p);
    place_back_up(p, "new", "new.keys");
    remove_database(p);
    place_restore(p, "old", "new.keys");
    place_open(p);
    assert_str(place_get(p, STORE_GRANTS, "crm/2").body, "GRANT-0002");
    assert_int_equal(place_get(p, STORE_DATA_KEYS, "crm/2").version, 0);
    check_row(p, 3, "GRANT-", "WRAPPED-");
}

static void
each_file_holds_its_own_part_only(void **state)
{
    struct place *p = *state;
    struct buf auto_buf file, auto_buf keys;
    struct stat st;
    buf_init(&file, 1 << 26);
    buf_init(&keys, 1 << 26);
    fill(p);
    erase_half(p);
    place_back_up(p, "b", "b.keys");
    read_file_into(place_path(p, "b"), &file);
    read_file_into(place_path(p, "b.keys"), &keys);
    assert_int_equal(count_in(&file, "GRANT-"), 100);
    assert_int_equal(count_in(&file, "WRAPPED-"), 0);
    assert_int_equal(count_in(&file, "20261124-kfqz"), 0);
    assert_int_equal(count_in(&keys, "WRAPPED-"), 100);
    assert_int_equal(count_in(&keys, "GRANT-"), 0);
    assert_int_equal(count_in(&keys, "of all tables"), 1);
    assert_int_equal(stat(place_path(p, "b"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(place_path(p, "b.keys"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    /* The database, its log and index, and the two: nothing else. */
    assert_int_equal(place_files(p, false), 5);
}

static void
no_backup(struct place *p, const char *file, const char *keys, enum err expect,
          const char *says)
{
    struct buf auto_buf problem;
    size_t before = place_files(p, false);
    buf_init(&problem, 1000);
    enum err e = back_up_whole(p->store, place_path(p, file),
                               place_path(p, keys), &problem);
    const char *sentence = buf_text(&problem);
    if (e != expect || strstr(sentence, says) == NULL)
        fail_msg("%s: \"%s\" does not say \"%s\"", err_name(e), sentence, says);
    assert_int_equal(place_files(p, false), before);
}

static void
a_backup_that_fails_leaves_nothing(void **state)
{
    struct place *p = *state;
    struct buf auto_buf bytes;
    fill(p);
    write_file(place_path(p, "old"), STR("precious"));
    no_backup(p, "old", "b.keys", ERR_CONFLICT, "exists already");
    no_backup(p, "b", "old", ERR_CONFLICT, "exists already");
    no_backup(p, "same", "same", ERR_CONFLICT, "exists already");
    no_backup(p, "no/b", "b.keys", ERR_SYSTEM, "cannot be made");
    no_backup(p, "b", "no/b.keys", ERR_SYSTEM, "cannot be made");
    assert_int_equal(symlink("old", place_path(p, "link")), 0);
    no_backup(p, "link", "b.keys", ERR_CONFLICT, "exists already");
    buf_init(&bytes, 1 << 20);
    read_file_into(place_path(p, "old"), &bytes);
    assert_str(buf_str(&bytes), "precious");
    struct buf auto_buf problem;
    buf_init(&problem, 1000);
    assert_int_equal(back_up_whole(p->store, "b", "/tmp/b", &problem),
                     ERR_INVALID);
}

static void
a_backup_of_a_damaged_store_leaves_nothing(void **state)
{
    struct place *p = *state;
    char junk[4096];
    struct stat st;
    fill(p);
    place_close(p);
    memset(junk, 0xa5, sizeof(junk));
    assert_int_equal(stat(p->file, &st), 0);
    int fd = open(p->file, O_WRONLY | O_CLOEXEC);
    for (off_t at = st.st_size - 3 * 4096; at < st.st_size; at += 4096)
        assert_int_equal(pwrite(fd, junk, sizeof(junk), at), sizeof(junk));
    assert_int_equal(close(fd), 0);
    place_open(p);
    no_backup(p, "b", "b.keys", ERR_STORE, "is damaged");
}

static void
no_restore(struct place *p, const char *file, const char *keys, enum err expect,
           const char *says)
{
    struct buf auto_buf problem;
    size_t before = place_files(p, false);
    buf_init(&problem, 1000);
    enum err e = store_restore(p->file, place_path(p, file),
                               place_path(p, keys), &problem);
    const char *sentence = buf_text(&problem);
    if (e != expect || strstr(sentence, says) == NULL)
        fail_msg("%s: \"%s\" does not say \"%s\"", err_name(e), sentence, says);
    assert_int_equal(place_files(p, false), before);
}

/* An older main file goes with newer data keys: see the test of that. */
static void
data_keys_of_another_backup_are_refused(void **state)
{
    struct place *p = *state;
    fill(p);
    place_back_up(p, "old", "old.keys");
    place_back_up(p, "new", "new.keys");
    remove_database(p);
    no_restore(p, "new", "old.keys", ERR_INVALID, "an older backup than");
    fill(p);
    place_back_up(p, "other", "other.keys");
    place_back_up(p, "other2", "other2.keys");
    remove_database(p);
    no_restore(p, "old", "other2.keys", ERR_INVALID, "another installation");
    no_restore(p, "other", "new.keys", ERR_INVALID, "another installation");
    /* Restored with newer data keys, it counts on from those. */
    place_restore(p, "old", "new.keys");
    place_open(p);
    place_back_up(p, "third", "third.keys");
    remove_database(p);
    no_restore(p, "third", "new.keys", ERR_INVALID, "an older backup than");
    place_restore(p, "new", "third.keys");
}

static void
change_with_sqlite(const char *path, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
a_restore_that_is_refused_leaves_nothing(void **state)
{
    struct place *p = *state;
    struct buf auto_buf junk;
    buf_init(&junk, 1 << 20);
    fill(p);
    place_back_up(p, "b", "b.keys");
    place_back_up(p, "newer", "newer.keys");
    place_close(p);
    no_restore(p, "b", "b.keys", ERR_CONFLICT, "exists already");
    remove_database(p);
    for (int i = 0; i < 1000; i++)
        buf_add_text(&junk, "id,name,phone\n");
    write_file(place_path(p, "junk"), buf_str(&junk));
    write_file(place_path(p, "empty"), STR_NONE);
    change_with_sqlite(place_path(p, "newer"), "PRAGMA user_version = 7");
    change_with_sqlite(place_path(p, "newer.keys"), "PRAGMA user_version = 7");
    change_with_sqlite(place_path(p, "foreign"), "CREATE TABLE grants(key)");
    static const struct {
        const char *file, *keys;
        enum err e;
        const char *says;
    } rows[] = {
        {"b.keys", "b", ERR_INVALID, "b.keys is not the main file"},
        {"b", "b", ERR_INVALID, "b is not the file of data keys"},
        {"none", "b.keys", ERR_SYSTEM, "none cannot be read"},
        {"b", "none", ERR_SYSTEM, "none cannot be read"},
        {"empty", "b.keys", ERR_INVALID, "empty is not the main file"},
        {"b", "empty", ERR_INVALID, "empty is not the file of data keys"},
        {"junk", "b.keys", ERR_STORE, "junk is not a database"},
        {"b", "junk", ERR_STORE, "junk is not a database"},
        {"newer", "b.keys", ERR_INVALID, "newer portkeep (schema 7"},
        {"b", "newer.keys", ERR_INVALID, "newer portkeep (schema 7"},
        {"foreign", "b.keys", ERR_INVALID, "not one of portkeep's"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        no_restore(p, rows[i].file, rows[i].keys, rows[i].e, rows[i].says);
    write_file(place_path(p, "t.db-wal"), STR("left over"));
    no_restore(p, "b", "b.keys", ERR_CONFLICT, "t.db-wal exists");
    assert_int_equal(unlink(place_path(p, "t.db-wal")), 0);
    place_restore(p, "b", "b.keys");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_was_backed_up_comes_back),
        TEST(a_store_goes_on_after_its_backup),
        TEST(a_backup_is_as_the_store_was_at_its_begin),
        TEST(a_backup_that_is_cancelled_leaves_nothing),
        TEST(newer_keys_leave_older_rows_without_theirs),
        TEST(each_file_holds_its_own_part_only),
        TEST(a_backup_that_fails_leaves_nothing),
        TEST(a_backup_of_a_damaged_store_leaves_nothing),
        TEST(data_keys_of_another_backup_are_refused),
        TEST(a_restore_that_is_refused_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

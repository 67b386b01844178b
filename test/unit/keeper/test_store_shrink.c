/* Space that deleted rows leave goes back, and nothing is harmed by it. */
#define _GNU_SOURCE
#include "store_place.h"

#include <sqlite3.h>

#define ROWS 4000 /* 16 MB: several pointer map pages */
#define BODY 4000

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

/* A hundred rows a commit. */
static void
fill(struct place *p)
{
    static char body[BODY], keys[100][32];
    struct store_change changes[100];
    memset(body, 'x', sizeof(body) - 1);
    for (int i = 0; i < ROWS; i++) {
        char *key = keys[i % 100];
        (void)snprintf(key, sizeof(keys[0]), "crm/%08d", i);
        changes[i % 100] = put(STORE_BODIES, key, 0, body);
        if (i % 100 == 99)
            assert_int_equal(place_commit(p, changes, 100), ERR_OK);
    }
}

/* All but each hundredth. */
static void
thin_out(struct place *p)
{
    static char keys[100][32];
    struct store_change changes[100];
    for (int i = 0; i < ROWS; i++) {
        char *key = keys[i % 100];
        (void)snprintf(key, sizeof(keys[0]), "crm/%08d", i);
        changes[i % 100] = drop(STORE_BODIES, key, 1);
        if (i % 100 == 99)
            assert_int_equal(place_commit(p, changes + 1, 99), ERR_OK);
    }
}

static off_t
size_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

static void
check(const char *path)
{
    sqlite3 *db;
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &st, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(st, 0), "ok");
    assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
check_rows(struct place *p)
{
    static char key[32];
    for (int i = 0; i < ROWS; i += 100) {
        (void)snprintf(key, sizeof(key), "crm/%08d", i);
        assert_int_equal(place_get(p, STORE_BODIES, key).body.n, BODY - 1);
    }
}

static void
deleted_rows_give_their_space_back_and_the_others_stay(void **state)
{
    struct place *p = *state;
    place_open(p);
    fill(p);
    assert_int_equal(store_scrub(p->store), ERR_OK);
    off_t full = size_of(p->file);
    assert_true(full > ROWS * BODY);
    thin_out(p);
    for (int i = 0; i < 20; i++)
        assert_int_equal(store_shrink(p->store, 256), ERR_OK);
    assert_int_equal(store_scrub(p->store), ERR_OK);
    assert_true(size_of(p->file) < full / 2);
    check_rows(p);
    place_close(p);
    check(p->file);
    place_open(p);
    check_rows(p);
}

static void
one_call_gives_back_no_more_than_asked(void **state)
{
    struct place *p = *state;
    place_open(p);
    fill(p);
    thin_out(p);
    assert_int_equal(store_scrub(p->store), ERR_OK);
    off_t full = size_of(p->file);
    assert_int_equal(store_shrink(p->store, 10), ERR_OK);
    assert_int_equal(store_scrub(p->store), ERR_OK);
    assert_int_equal(size_of(p->file), full - 10 * 4096);
}

static void
change(const char *path, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* As versions before this one made them. */
static void
a_database_that_cannot_shrink_goes_on_as_it_is(void **state)
{
    struct place *p = *state;
    place_open(p);
    place_close(p);
    change(p->file, "PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE;"
                    "VACUUM");
    place_open(p);
    fill(p);
    thin_out(p);
    assert_int_equal(store_shrink(p->store, 256), ERR_OK);
    check_rows(p);
    place_close(p);
    check(p->file);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(deleted_rows_give_their_space_back_and_the_others_stay),
        TEST(one_call_gives_back_no_more_than_asked),
        TEST(a_database_that_cannot_shrink_goes_on_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What can be wrong with an SQLite store when it is opened, and afterwards. */
#define _GNU_SOURCE
#include "store_place.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

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

/* A good database with one row, closed. */
static void
make_good(struct place *p)
{
    struct store_change c = put(STORE_GRANTS, "crm/1", 0, "body");
    place_open(p);
    assert_int_equal(place_commit(p, &c, 1), ERR_OK);
    place_close(p);
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
refuse(const char *path, enum err expect, const char *says)
{
    struct store *s = NULL;
    struct buf auto_buf problem;
    buf_init(&problem, 1000);
    enum err e = store_open(path, &s, &problem);
    const char *sentence = buf_text(&problem);
    if (e != expect || s != NULL || strstr(sentence, says) == NULL)
        fail_msg("%s: \"%s\" does not say \"%s\"", err_name(e), sentence, says);
    assert_non_null(strstr(sentence, path));
}

static void
rows_and_turns_are_there_after_opening_again(void **state)
{
    struct place *p = *state;
    bool has;
    make_good(p);
    place_open(p);
    assert_str(place_get(p, STORE_GRANTS, "crm/1").body, "body");
    assert_int_equal(store_has_turn(p->store, 1, &has), ERR_OK);
    assert_true(has);
    /* The ring of turns goes on where it was. */
    for (uint64_t t = 2; t <= 1000; t++)
        assert_int_equal(store_commit(p->store, t, NULL, 0), ERR_OK);
    place_close(p);
    place_open(p);
    assert_int_equal(store_has_turn(p->store, 1, &has), ERR_OK);
    assert_true(has);
    assert_int_equal(store_commit(p->store, 1001, NULL, 0), ERR_OK);
    assert_int_equal(store_has_turn(p->store, 1, &has), ERR_OK);
    assert_false(has);
    assert_int_equal(store_has_turn(p->store, 2, &has), ERR_OK);
    assert_true(has);
}

static void
every_file_is_the_owners_alone(void **state)
{
    struct place *p = *state;
    static const char *const names[] = {"t.db", "t.db-wal", "t.db-shm"};
    struct stat st;
    mode_t old = umask(0);
    struct store_change c = put(STORE_GRANTS, "crm/1", 0, "body");
    place_open(p);
    assert_int_equal(place_commit(p, &c, 1), ERR_OK);
    (void)umask(old);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(stat(place_path(p, names[i]), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
}

static void
a_path_that_is_not_whole_is_refused(void **state)
{
    (void)state;
    refuse("t.db", ERR_INVALID, "whole path");
    refuse(":memory:", ERR_INVALID, "whole path");
    refuse("file:/tmp/x", ERR_INVALID, "whole path");
}

static void
a_directory_that_is_missing_is_named(void **state)
{
    refuse(place_path(*state, "no/t.db"), ERR_STORE, "does not exist");
}

static void
what_is_not_a_file_is_refused(void **state)
{
    struct place *p = *state;
    refuse(p->directory, ERR_STORE, "cannot be opened");
    assert_int_equal(mkfifo(place_path(p, "fifo"), 0600), 0);
    refuse(place_path(p, "fifo"), ERR_STORE, "not a regular file");
}

static void
a_file_that_is_not_a_database_is_left_alone(void **state)
{
    struct place *p = *state;
    struct buf auto_buf text, auto_buf after;
    buf_init(&text, 1 << 20);
    buf_init(&after, 1 << 20);
    for (int i = 0; i < 1000; i++)
        buf_add_text(&text, "id,name,phone\n");
    write_file(p->file, buf_str(&text));
    refuse(p->file, ERR_STORE, "is not a database");
    read_file_into(p->file, &after);
    assert_true(str_equal(buf_str(&text), buf_str(&after)));
}

static void
somebody_elses_database_is_left_alone(void **state)
{
    struct place *p = *state;
    struct buf auto_buf before, auto_buf after;
    buf_init(&before, 1 << 20);
    buf_init(&after, 1 << 20);
    change_with_sqlite(p->file, "CREATE TABLE address(name)");
    read_file_into(p->file, &before);
    refuse(p->file, ERR_INVALID, "not one of portkeep's");
    read_file_into(p->file, &after);
    assert_true(before.n > 0 && str_equal(buf_str(&before), buf_str(&after)));
}

static void
a_newer_schema_is_refused_and_left_alone(void **state)
{
    struct place *p = *state;
    make_good(p);
    change_with_sqlite(p->file, "PRAGMA user_version = 99");
    refuse(p->file, ERR_INVALID,
           "newer portkeep (schema 99, this one knows 2)");
    change_with_sqlite(p->file, "PRAGMA user_version = 2");
    place_open(p);
    assert_str(place_get(p, STORE_GRANTS, "crm/1").body, "body");
}

static void
damage(const char *path, off_t at, size_t n)
{
    char junk[8192];
    memset(junk, 0xa5, sizeof(junk));
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, junk, n, at), n);
    assert_int_equal(close(fd), 0);
}

static void
damage_is_said_when_opening(void **state)
{
    struct place *p = *state;
    make_good(p);
    damage(p->file, 100, 3900);
    refuse(p->file, ERR_STORE, "is damaged");
}

static void
a_file_cut_short_is_said_when_opening(void **state)
{
    struct place *p = *state;
    make_good(p);
    assert_int_equal(truncate(p->file, 4096), 0);
    refuse(p->file, ERR_STORE, "is damaged");
}

static void
damage_in_the_middle_fails_the_load_only(void **state)
{
    struct place *p = *state;
    struct store_ask ask = {.table = STORE_GRANTS, .by = STORE_BY_PREFIX};
    struct stat st;
    make_good(p);
    place_open(p);
    for (int i = 0; i < 100; i++) {
        char key[16], body[2000];
        (void)snprintf(key, sizeof(key), "erp/%d", i);
        memset(body, 'b', sizeof(body));
        body[sizeof(body) - 1] = '\0';
        struct store_change c = put(STORE_GRANTS, key, 0, body);
        assert_int_equal(place_commit(p, &c, 1), ERR_OK);
    }
    place_close(p);
    assert_int_equal(stat(p->file, &st), 0);
    damage(p->file, st.st_size - 8192, 8192);
    place_open(p);
    ask.limit = 1000;
    assert_int_equal(store_load(p->store, &ask, 1, p->arena), ERR_STORE);
    assert_str(place_get(p, STORE_GRANTS, "crm/1").body, "body");
}

/* Runs in a child as somebody else; the exit status is its judgement. */
static void
refuse_as_nobody(const char *path, const char *says)
{
    int status;
    if (geteuid() != 0)
        skip();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct store *s;
        struct buf problem;
        buf_init(&problem, 1000);
        if (setgid(65534) != 0 || setuid(65534) != 0)
            _exit(2);
        if (store_open(path, &s, &problem) != ERR_STORE)
            _exit(3);
        const char *sentence = buf_text(&problem);
        _exit(strstr(sentence, says) != NULL ? 0 : 4);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void
a_file_that_may_not_be_written_is_refused(void **state)
{
    struct place *p = *state;
    make_good(p);
    assert_int_equal(chmod(p->directory, 0777), 0);
    assert_int_equal(chmod(p->file, 0644), 0);
    refuse_as_nobody(p->file, "cannot be written");
}

static void
a_directory_that_may_not_be_written_is_refused(void **state)
{
    struct place *p = *state;
    make_good(p);
    assert_int_equal(chmod(p->directory, 0755), 0);
    assert_int_equal(chmod(p->file, 0666), 0);
    refuse_as_nobody(p->file, "cannot be written");
    refuse_as_nobody(place_path(p, "new.db"), "cannot be written");
}

/* A child that says when it is there, and holds on until its end. */
static pid_t
hold(const struct place *p, bool (*take)(const struct place *p))
{
    int pair[2];
    char word = 0;
    assert_int_equal(pipe(pair), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        word = take(p) ? 'y' : 'n';
        if (write(pair[1], &word, 1) != 1)
            _exit(1);
        for (;;)
            (void)pause(); /* until it is killed */
    }
    assert_int_equal(read(pair[0], &word, 1), 1);
    assert_int_equal(word, 'y');
    assert_int_equal(close(pair[0]), 0);
    assert_int_equal(close(pair[1]), 0);
    return pid;
}

static void
let_go(pid_t pid)
{
    int status;
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
}

static bool
take_as_keeper(const struct place *p)
{
    struct store *s;
    struct buf problem;
    buf_init(&problem, 1000);
    return store_open(p->file, &s, &problem) == ERR_OK;
}

static bool
take_as_stranger(const struct place *p)
{
    sqlite3 *db;
    return sqlite3_open(p->file, &db) == SQLITE_OK &&
           sqlite3_exec(db,
                        "PRAGMA locking_mode = EXCLUSIVE;"
                        "BEGIN EXCLUSIVE; DELETE FROM meta",
                        NULL, NULL, NULL) == SQLITE_OK;
}

static void
a_second_keeper_is_told_which_process_has_it(void **state)
{
    struct place *p = *state;
    char expect[64];
    make_good(p);
    pid_t pid = hold(p, take_as_keeper);
    (void)snprintf(expect, sizeof(expect),
                   "another keeper, process %ld:", (long)pid);
    refuse(p->file, ERR_CONFLICT, expect);
    refuse(p->file, ERR_CONFLICT, expect);
    let_go(pid);
    place_open(p);
    assert_str(place_get(p, STORE_GRANTS, "crm/1").body, "body");
}

static void
a_second_store_in_the_same_process_is_refused(void **state)
{
    struct place *p = *state;
    place_open(p);
    refuse(p->file, ERR_CONFLICT, "another keeper");
    struct store_change c = put(STORE_GRANTS, "crm/1", 0, "body");
    assert_int_equal(place_commit(p, &c, 1), ERR_OK);
}

static void
a_program_that_locks_the_database_is_said(void **state)
{
    struct place *p = *state;
    make_good(p);
    pid_t pid = hold(p, take_as_stranger);
    refuse(p->file, ERR_STORE, "locked by another program");
    let_go(pid);
    place_open(p);
    assert_str(place_get(p, STORE_GRANTS, "crm/1").body, "body");
}

static bool
read_as_stranger(const struct place *p)
{
    sqlite3 *db;
    return sqlite3_open(p->file, &db) == SQLITE_OK &&
           sqlite3_exec(db, "BEGIN; SELECT * FROM grants", NULL, NULL, NULL) ==
               SQLITE_OK;
}

static void
a_reader_holds_up_the_scrub_and_nothing_else(void **state)
{
    struct place *p = *state;
    place_open(p);
    struct store_change c = put(STORE_GRANTS, "crm/1", 0, "one");
    assert_int_equal(place_commit(p, &c, 1), ERR_OK);
    pid_t pid = hold(p, read_as_stranger);
    c = put(STORE_GRANTS, "crm/1", 1, "two");
    assert_int_equal(place_commit(p, &c, 1), ERR_OK);
    assert_int_equal(store_scrub(p->store), ERR_UNAVAILABLE);
    let_go(pid);
    assert_int_equal(store_scrub(p->store), ERR_OK);
    assert_str(place_get(p, STORE_GRANTS, "crm/1").body, "two");
}

static void
closing_nothing_is_allowed(void **state)
{
    (void)state;
    store_close(NULL);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(rows_and_turns_are_there_after_opening_again),
        TEST(every_file_is_the_owners_alone),
        TEST(a_path_that_is_not_whole_is_refused),
        TEST(a_directory_that_is_missing_is_named),
        TEST(what_is_not_a_file_is_refused),
        TEST(a_file_that_is_not_a_database_is_left_alone),
        TEST(somebody_elses_database_is_left_alone),
        TEST(a_newer_schema_is_refused_and_left_alone),
        TEST(damage_is_said_when_opening),
        TEST(a_file_cut_short_is_said_when_opening),
        TEST(damage_in_the_middle_fails_the_load_only),
        TEST(a_file_that_may_not_be_written_is_refused),
        TEST(a_directory_that_may_not_be_written_is_refused),
        TEST(a_second_keeper_is_told_which_process_has_it),
        TEST(a_second_store_in_the_same_process_is_refused),
        TEST(a_program_that_locks_the_database_is_said),
        TEST(a_reader_holds_up_the_scrub_and_nothing_else),
        TEST(closing_nothing_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

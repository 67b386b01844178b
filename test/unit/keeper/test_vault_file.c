#define _GNU_SOURCE
#include "keeper/vault_file.c"

#include "vault_place.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

static void
keys_are_read_with_comments_and_without_a_last_newline(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
        const char *current;
    } rows[] = {
        {"a " KEY_A, 1, "a"},
        {"a " KEY_A "\n", 1, "a"},
        {"# a comment\n\n  \na " KEY_A "\n b   " KEY_B "  ", 2, "b"},
        {"20261124-kfqz " KEY_A "\nA_b-9 " KEY_B "\n#end", 2, "A_b-9"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vault *v = vault_with(rows[i].text);
        assert_int_equal(vault_n_keys(v), rows[i].n);
        assert_true(str_equal(vault_current(v), str_from(rows[i].current)));
        assert_true(vault_has_key(v, str_from(rows[i].current)));
        assert_false(vault_has_key(v, STR("nobody")));
        vault_free(v);
    }
    vault_free(NULL);
}

/* No sentence may carry a piece of what stands in the file. */
static void
refuse(int fd, const char *says)
{
    struct vault *v = NULL;
    struct buf auto_buf problem;
    buf_init(&problem, 1000);
    enum err e = vault_open(fd, &v, &problem);
    const char *sentence = buf_text(&problem);
    if (e == ERR_OK || v != NULL || strstr(sentence, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", sentence, says);
    assert_null(strstr(sentence, "AAECAw"));
    assert_null(strstr(sentence, "secret"));
    assert_int_equal(close(fd), 0);
}

static void
lines_that_do_not_parse_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "has no key"},
        {"\n# only a comment\n", "has no key"},
        {"secret", "line 1: after the id"},
        {"a " KEY_A "\n\nsecret", "line 3: after the id"},
        {KEY_A "\n", "line 1: a line is"},
        {"a\x01z " KEY_A, "line 1: a line is"},
        {"a ", "line 1: after the id"},
        {"a\t" KEY_A, "line 1: a line is"},
        {"a secret", "line 1: after the id"},
        {"a AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "line 1: after"},
        {"a AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", "line 1: after"},
        {"a AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g", "line 1: after"},
        {"a " KEY_A " " KEY_A, "line 1: after the id"},
        {"a " KEY_A "\nb " KEY_B "\na " KEY_B, "line 3: this id"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         " " KEY_A,
         "line 1: a line is"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        refuse(file_with(rows[i].text, 0600), rows[i].says);
}

static void
a_file_that_others_reach_is_refused(void **state)
{
    (void)state;
    static const mode_t modes[] = {0640, 0604, 0620, 0602, 0610, 0601, 0644};
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        refuse(file_with("a " KEY_A, modes[i]), "chmod 0600");
    struct vault *v;
    struct buf auto_buf problem;
    buf_init(&problem, 1000);
    int fd = file_with("a " KEY_A, 0400);
    assert_int_equal(vault_open(fd, &v, &problem), ERR_OK);
    vault_free(v);
    assert_int_equal(close(fd), 0);
}

static void
what_is_not_a_regular_file_is_refused(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(pipe(pair), 0);
    refuse(pair[0], "not a regular file");
    assert_int_equal(close(pair[1]), 0);
    refuse(open("/tmp", O_RDONLY | O_DIRECTORY), "not a regular file");
    refuse(open("/dev/null", O_RDONLY), "not a regular file");
}

static void
somebody_elses_file_is_refused(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    int fd = file_with("a " KEY_A, 0600);
    assert_int_equal(fchown(fd, 4711, 4711), 0);
    refuse(fd, "belongs to user 4711");
}

static void
roots_file_and_ones_own_are_read_by_another_user(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    static const uid_t owners[] = {0, 4711};
    for (size_t i = 0; i < 2; i++) {
        struct vault *v;
        struct buf auto_buf problem;
        buf_init(&problem, 1000);
        int fd = file_with("a " KEY_A, 0600);
        assert_int_equal(fchown(fd, owners[i], 0), 0);
        assert_int_equal(seteuid(4711), 0);
        enum err e = vault_open(fd, &v, &problem);
        assert_int_equal(seteuid(0), 0);
        assert_int_equal(e, ERR_OK);
        vault_free(v);
        assert_int_equal(close(fd), 0);
    }
}

static void
a_file_too_long_or_with_too_many_keys_is_refused(void **state)
{
    (void)state;
    struct buf auto_buf text;
    buf_init(&text, 1 << 20);
    for (int i = 0; i < 65; i++)
        buf_addf(&text, "k%d " KEY_A "\n", i);
    refuse(file_with(buf_text(&text), 0600), "line 65: too many keys");
    buf_clear(&text);
    for (int i = 0; i < 20000; i++)
        buf_add_text(&text, "#\n");
    refuse(file_with(buf_text(&text), 0600), "longer than");
}

static struct str
whole_file(int fd, char *room, size_t size)
{
    ssize_t n = pread(fd, room, size, 0);
    assert_true(n >= 0);
    return str_of(room, (size_t)n);
}

static void
an_added_key_is_the_current_one(void **state)
{
    (void)state;
    static const char *const texts[] = {"", ("a " KEY_A "\n"), ("a " KEY_A),
                                        "# comment"};
    for (size_t i = 0; i < 4; i++) {
        struct vault *v;
        struct buf auto_buf id, auto_buf problem;
        char file[2000];
        buf_init(&id, 100);
        buf_init(&problem, 1000);
        int fd = file_with(texts[i], 0600);
        assert_int_equal(vault_add_master_key(fd, &id), ERR_OK);
        assert_int_equal(id.n, strlen("20261124-kfqz"));
        assert_int_equal(id.p[8], '-');
        assert_int_equal(vault_open(fd, &v, &problem), ERR_OK);
        assert_true(str_equal(vault_current(v), buf_str(&id)));
        struct str text = whole_file(fd, file, sizeof(file));
        assert_true(str_starts(text, str_from(texts[i])));
        assert_true(str_ends(text, STR("=\n")));
        vault_free(v);
        assert_int_equal(close(fd), 0);
    }
}

static void
no_key_is_added_to_a_file_that_others_reach(void **state)
{
    (void)state;
    struct buf auto_buf id;
    char file[100];
    buf_init(&id, 100);
    int fd = file_with("a " KEY_A "\n", 0644);
    assert_int_equal(vault_add_master_key(fd, &id), ERR_CONFIG);
    assert_int_equal(whole_file(fd, file, sizeof(file)).n, 47);
    assert_int_equal(id.n, 0);
    assert_int_equal(close(fd), 0);
}

/* The file may grow by 20 bytes only, as on a disk that gets full. */
static void
half_a_line_is_taken_back(void **state)
{
    (void)state;
    struct rlimit old, small;
    struct buf auto_buf id;
    char file[100];
    buf_init(&id, 100);
    int fd = file_with("a " KEY_A "\n", 0600);
    void (*was)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){67, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum err e = vault_add_master_key(fd, &id);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    (void)signal(SIGXFSZ, was);
    assert_int_equal(e, ERR_SYSTEM);
    struct str text = whole_file(fd, file, sizeof(file));
    assert_true(str_equal(text, STR("a " KEY_A "\n")));
    assert_int_equal(close(fd), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, check_slab)
    const struct CMUnitTest tests[] = {
        TEST(keys_are_read_with_comments_and_without_a_last_newline),
        TEST(lines_that_do_not_parse_are_named),
        TEST(a_file_that_others_reach_is_refused),
        TEST(what_is_not_a_regular_file_is_refused),
        TEST(somebody_elses_file_is_refused),
        TEST(roots_file_and_ones_own_are_read_by_another_user),
        TEST(a_file_too_long_or_with_too_many_keys_is_refused),
        TEST(an_added_key_is_the_current_one),
        TEST(no_key_is_added_to_a_file_that_others_reach),
        TEST(half_a_line_is_taken_back),
    };
    return cmocka_run_group_tests(tests, open_slab, NULL);
}

#include "base/secret.c"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>

#define CELLS 50

static int
open_slab(void **state)
{
    (void)state;
    return slab_open(CELLS) == ERR_OK ? 0 : -1;
}

static int
check_slab(void **state)
{
    (void)state;
    return slab_room() == CELLS ? 0 : -1;
}

static bool
is_wiped(const struct secret *s)
{
    for (size_t i = 0; i < sizeof(s->bytes); i++)
        if (s->bytes[i] != 0)
            return false;
    return true;
}

static void
a_secret_is_kept_and_shown(void **state)
{
    (void)state;
    static uint8_t longest[SECRET_MAX];
    memset(longest, 'x', sizeof(longest));
    struct str texts[] = {STR("token"), STR_NONE, STR("a\0b"),
                          str_of(longest, sizeof(longest))};
    for (size_t i = 0; i < 4; i++) {
        struct secret *auto_secret s = secret_new(HIDDEN(texts[i]));
        assert_non_null(s);
        assert_int_equal(secret_len(s), texts[i].n);
        assert_true(hidden_equal(secret_view(s), HIDDEN(texts[i])));
    }
    assert_int_equal(secret_view(NULL).s.n, 0);
    struct str longer = str_of(longest, SECRET_MAX + 1);
    assert_null(secret_new_empty(longer.n));
    secret_free(NULL);
}

static void
a_full_slab_gives_nothing_until_one_is_let_go(void **state)
{
    struct secret *all[CELLS];
    (void)state;
    for (size_t i = 0; i < CELLS; i++) {
        assert_int_equal(slab_room(), CELLS - i);
        all[i] = secret_new_empty(SECRET_MAX);
        assert_non_null(all[i]);
        memset(secret_bytes(all[i]), (int)i + 1, SECRET_MAX);
    }
    assert_int_equal(slab_room(), 0);
    assert_null(secret_new_empty(1));
    assert_null(secret_new(HIDDEN(STR("x"))));
    for (size_t i = 0; i < CELLS; i++)
        for (size_t k = 0; k < SECRET_MAX; k++)
            assert_int_equal(secret_bytes(all[i])[k], i + 1);
    secret_free(all[7]);
    assert_int_equal(slab_room(), 1);
    struct secret *again = secret_new_empty(3);
    assert_ptr_equal(again, all[7]);
    assert_null(secret_new_empty(1));
    for (size_t i = 0; i < CELLS; i++)
        secret_free(all[i]);
}

static void
what_is_let_go_is_wiped(void **state)
{
    (void)state;
    struct secret *s = secret_new_empty(SECRET_MAX), *cell = s;
    memset(secret_bytes(s), 'x', SECRET_MAX);
    secret_free_at(&s);
    assert_null(s);
    assert_true(is_wiped(cell));
    /* A new one begins empty, also in a used cell. */
    s = secret_new_empty(SECRET_MAX);
    assert_true(is_wiped(s));
    secret_free(s);
}

static void
secrets_are_equal_by_length_and_content(void **state)
{
    (void)state;
    assert_true(hidden_equal(HIDDEN_NONE, HIDDEN(STR(""))));
    assert_true(hidden_equal(HIDDEN(STR("a\0b")), HIDDEN(STR("a\0b"))));
    assert_false(hidden_equal(HIDDEN(STR("a\0b")), HIDDEN(STR("a\0c"))));
    assert_false(hidden_equal(HIDDEN(STR("a")), HIDDEN(STR("ab"))));
    assert_false(hidden_equal(HIDDEN_NONE, HIDDEN(STR("a"))));
}

/* The status with which a child ends that does that. */
static int
in_child(void (*act)(void))
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct rlimit none = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &none); /* only tidiness */
        act();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static struct secret *shared;

static void
die_unless_wiped(void)
{
    if (shared->n != 0 || !is_wiped(shared))
        _exit(1);
}

static void
a_child_does_not_inherit_them(void **state)
{
    (void)state;
    shared = secret_new(HIDDEN(STR("token")));
    int status = in_child(die_unless_wiped);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(hidden_equal(secret_view(shared), HIDDEN(STR("token"))));
    secret_free(shared);
}

static void
touch_before(void)
{
    (void)signal(SIGSEGV, SIG_DFL); /* no report of the sanitizer's */
    *((volatile char *)slab.cells - 1) = 1;
}

static void
touch_behind(void)
{
    (void)signal(SIGSEGV, SIG_DFL); /* no report of the sanitizer's */
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = (CELLS * CELL_SIZE + page - 1) / page * page;
    *((volatile char *)slab.cells + size) = 1;
}

static void
pages_on_both_sides_cannot_be_touched(void **state)
{
    (void)state;
    int before = in_child(touch_before), behind = in_child(touch_behind);
    assert_true(WIFSIGNALED(before) && WTERMSIG(before) == SIGSEGV);
    assert_true(WIFSIGNALED(behind) && WTERMSIG(behind) == SIGSEGV);
}

static void
open_without_the_right_to_lock(void)
{
    struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 ||
        (geteuid() == 0 && setuid(65534) != 0))
        _exit(2);
    _exit(slab_open(CELLS) == ERR_SYSTEM ? 0 : 1);
}

static void
memory_that_cannot_be_locked_is_refused(void **state)
{
    (void)state;
    int status = in_child(open_without_the_right_to_lock);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* As a user who may lock 1 MiB: 512 cells, and that many can be opened. */
static void
fit_into_a_limit(void)
{
    static const struct {
        size_t least, most, want;
    } rows[] = {
        {100, 32000, 510}, {100, 200, 200}, {100, 0, 100}, {600, 32000, 600}};
    struct rlimit limit = {1 << 20, 1 << 20};
    if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0 ||
        (geteuid() == 0 && setuid(65534) != 0))
        _exit(2);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (slab_fit(rows[i].least, rows[i].most) != rows[i].want)
            _exit(10 + (int)i);
    /* The slab of this test is locked, and counts. */
    _exit(slab_open(slab_fit(100, 32000) - CELLS) == ERR_OK ? 0 : 1);
}

static void
a_slab_is_as_large_as_the_system_lets_it_be(void **state)
{
    (void)state;
    int status = in_child(fit_into_a_limit);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* What the kernel says of the mapping that the slab is in. */
static void
the_memory_is_locked_and_in_no_core(void **state)
{
    char line[256];
    bool is_here = false, is_locked = false, is_kept_out = false;
    (void)state;
    FILE *f = fopen("/proc/self/smaps", "r");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        unsigned long start = strtoul(line, NULL, 16);
        if (strchr(line, '-') != NULL && strstr(line, "rw-p") != NULL)
            is_here = start == (unsigned long)slab.cells;
        if (is_here && strncmp(line, "VmFlags:", 8) == 0) {
            is_locked = strstr(line, " lo") != NULL;
            is_kept_out = strstr(line, " dd") != NULL;
            is_here = false;
        }
    }
    assert_int_equal(fclose(f), 0);
    assert_true(is_locked);
    assert_true(is_kept_out);
}

static void
a_local_array_is_wiped_at_the_end(void **state)
{
    (void)state;
    uint8_t key[32];
    memset(key, 'x', sizeof(key));
    {
        auto_wipe(key);
        assert_int_equal(key[0], 'x');
    }
    for (size_t i = 0; i < sizeof(key); i++)
        assert_int_equal(key[i], 0);
}

static void
the_wiping_allocator_is_an_allocator(void **state)
{
    (void)state;
    char *p = wiping_realloc(NULL, 3);
    assert_non_null(p);
    memcpy(p, "abc", 3);
    for (size_t n = 3; n < 5000; n += 100) {
        p = wiping_realloc(p, n);
        assert_int_equal((uintptr_t)p % 16, 0);
        assert_memory_equal(p, "abc", 3);
        memset(p + 3, 'x', n - 3);
    }
    p = wiping_realloc(p, 2);
    assert_memory_equal(p, "ab", 2);
    wiping_free(p);
    wiping_free(wiping_malloc(0));
    wiping_free(NULL);
    assert_null(wiping_malloc(SIZE_MAX));
    assert_null(wiping_malloc(SIZE_MAX - 8));
}

static void
the_file_of_a_secret_holds_one_line(void **state)
{
    static const struct {
        struct str text, want;
        enum err e;
    } cases[] = {
        {STR("s3cret"), STR("s3cret"), ERR_OK},
        {STR("s3cret\n"), STR("s3cret"), ERR_OK},
        {STR("s3cret\r\n"), STR("s3cret"), ERR_OK},
        {STR(" s3cret \n\n"), STR("s3cret"), ERR_OK},
        {STR("two words\n"), STR("two words"), ERR_OK},
        {STR(""), STR_NONE, ERR_INVALID},
        {STR(" \r\n"), STR_NONE, ERR_INVALID},
        {STR("new\nold\n"), STR_NONE, ERR_SYNTAX},
        {STR("new\n\nold"), STR_NONE, ERR_SYNTAX},
        {STR("new\rold"), STR_NONE, ERR_SYNTAX},
        {STR("\0s3cret"), STR_NONE, ERR_SYNTAX},
        {STR("s3cret\x7f"), STR_NONE, ERR_SYNTAX},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hidden line = HIDDEN_NONE;
        enum err e = secret_line(HIDDEN(cases[i].text), &line);
        if (e != cases[i].e || !str_equal(line.s, cases[i].want))
            fail_msg("%zu: %s, %.*s", i, err_name(e), STR_ARG(line.s));
    }
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, check_slab)
    const struct CMUnitTest tests[] = {
        TEST(a_secret_is_kept_and_shown),
        TEST(a_full_slab_gives_nothing_until_one_is_let_go),
        TEST(what_is_let_go_is_wiped),
        TEST(secrets_are_equal_by_length_and_content),
        TEST(a_child_does_not_inherit_them),
        TEST(pages_on_both_sides_cannot_be_touched),
        TEST(memory_that_cannot_be_locked_is_refused),
        TEST(a_slab_is_as_large_as_the_system_lets_it_be),
        TEST(the_memory_is_locked_and_in_no_core),
        TEST(a_local_array_is_wiped_at_the_end),
        TEST(the_wiping_allocator_is_an_allocator),
        TEST(the_file_of_a_secret_holds_one_line),
    };
    return cmocka_run_group_tests(tests, open_slab, NULL);
}

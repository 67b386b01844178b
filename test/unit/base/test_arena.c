#include "base/arena.c"

#include <setjmp.h>

#include <cmocka.h>

static void
what_it_gives_is_zero_aligned_and_apart(void **state)
{
    struct arena *a = arena_new();
    uint8_t *all[500];
    (void)state;
    for (size_t i = 0; i < 500; i++) {
        all[i] = arena_alloc(a, i);
        assert_int_equal((uintptr_t)all[i] % alignof(max_align_t), 0);
        for (size_t k = 0; k < i; k++)
            assert_int_equal(all[i][k], 0);
        memset(all[i], (int)(i % 251 + 1), i);
    }
    for (size_t i = 0; i < 500; i++)
        for (size_t k = 0; k < i; k++)
            assert_int_equal(all[i][k], i % 251 + 1);
    arena_free(a);
    arena_free(NULL);
}

static void
it_is_zero_again_after_clearing(void **state)
{
    struct arena *a = arena_new();
    (void)state;
    for (int round = 0; round < 3; round++) {
        uint8_t *small = arena_alloc(a, 100);
        uint8_t *large = arena_alloc(a, 100000);
        for (size_t k = 0; k < 100; k++)
            assert_int_equal(small[k], 0);
        for (size_t k = 0; k < 100000; k++)
            assert_int_equal(large[k], 0);
        memset(small, 1, 100);
        memset(large, 1, 100000);
        arena_clear(a);
    }
    arena_free(a);
}

static void
copies_end_in_a_nul_that_does_not_count(void **state)
{
    struct arena *a = arena_new();
    (void)state;
    struct str s = arena_copy(a, STR("a\0b"));
    assert_true(str_equal(s, STR("a\0b")));
    assert_int_equal(s.p[3], '\0');
    s = arena_copy(a, STR_NONE);
    assert_int_equal(s.n, 0);
    assert_int_equal(s.p[0], '\0');
    s = arena_printf(a, "%s/%d", "crm", 7);
    assert_true(str_equal(s, STR("crm/7")));
    assert_int_equal(s.p[5], '\0');
    s = arena_printf(a, "%5000d", 1);
    assert_int_equal(s.n, 5000);
    arena_free(a);
}

static void
texts_split_and_join(void **state)
{
    struct arena *a = arena_new();
    (void)state;
    static const struct {
        const char *text;
        size_t n;
        const char *joined;
    } rows[] = {{"a b", 2, "a,b"}, {"  a   b ", 2, "a,b"},
                {"", 0, ""},       {"   ", 0, ""},
                {"one", 1, "one"}, {"a b c ", 3, "a,b,c"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct strs all = arena_split(a, str_from(rows[i].text), ' ');
        assert_int_equal(all.n, rows[i].n);
        assert_true(
            str_equal(arena_join(a, all, ','), str_from(rows[i].joined)));
    }
    assert_int_equal(arena_split(a, STR_NONE, ' ').n, 0);
    struct str parts[] = {STR("a"), STR_NONE, STR("b")};
    struct strs all = arena_copy_strs(a, (struct strs){parts, 3});
    parts[0] = STR("changed");
    assert_true(str_equal(arena_join(a, all, ' '), STR("a  b")));
    assert_int_equal(arena_copy_strs(a, (struct strs){NULL, 0}).n, 0);
    arena_free(a);
}

static void
a_secret_one_wipes_what_it_lets_go(void **state)
{
    struct arena *a = arena_new_secret();
    (void)state;
    struct str s = arena_copy(a, STR("secret"));
    assert_true(str_equal(s, STR("secret")));
    arena_clear(a);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(s.p[i], 0);
    arena_free(a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_gives_is_zero_aligned_and_apart),
        cmocka_unit_test(it_is_zero_again_after_clearing),
        cmocka_unit_test(copies_end_in_a_nul_that_does_not_count),
        cmocka_unit_test(texts_split_and_join),
        cmocka_unit_test(a_secret_one_wipes_what_it_lets_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

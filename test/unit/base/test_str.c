#include "base/str.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define assert_str(s, text) assert_true(str_equal(s, str_from(text)))

static void
texts_compare_by_length_and_bytes(void **state)
{
    (void)state;
    assert_true(str_equal(STR_NONE, STR("")));
    assert_true(str_equal(STR("a\0b"), STR("a\0b")));
    assert_false(str_equal(STR("a\0b"), STR("a\0c")));
    assert_false(str_equal(STR("a"), STR("A")));
    assert_true(str_equal_nocase(STR("Content-LENGTH"), STR("content-length")));
    assert_false(str_equal_nocase(STR("a@"), STR("a`")));
    assert_false(str_equal_nocase(STR("[x"), STR("{x")));
    assert_false(str_equal_nocase(STR("ab"), STR("abc")));
    assert_int_equal(str_from(NULL).n, 0);
}

static void
texts_are_ordered_by_bytes(void **state)
{
    (void)state;
    static const char *const rows[] = {"", "A", "a", "a!", "aa", "b", "\xff"};
    for (size_t i = 0; i < 7; i++)
        for (size_t k = 0; k < 7; k++) {
            int c = str_compare(str_from(rows[i]), str_from(rows[k]));
            assert_int_equal(c < 0, i < k);
            assert_int_equal(c > 0, i > k);
        }
}

static void
starts_ends_and_members_are_found(void **state)
{
    (void)state;
    struct str v[] = {STR("oauth"), STR("")};
    struct strs all = {v, 2};
    assert_true(str_starts(STR("abc"), STR("ab")));
    assert_true(str_starts(STR_NONE, STR_NONE));
    assert_false(str_starts(STR("ab"), STR("abc")));
    assert_true(str_ends(STR("abc"), STR("bc")));
    assert_true(str_ends(STR_NONE, STR("")));
    assert_false(str_ends(STR("bc"), STR("abc")));
    assert_true(str_has(STR("a\0"), '\0'));
    assert_false(str_has(STR_NONE, '\0'));
    assert_true(strs_have(all, STR("oauth")));
    assert_true(strs_have(all, STR_NONE));
    assert_false(strs_have(all, STR("oaut")));
}

static void
blanks_at_both_ends_go(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expect;
    } rows[] = {{"", ""},
                {" \t ", ""},
                {"a", "a"},
                {" \ta b\t ", "a b"},
                {"\na\r", "\na\r"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_str(str_trim(str_from(rows[i].text)), rows[i].expect);
}

static void
cutting_gives_every_part_once(void **state)
{
    (void)state;
    static const struct {
        const char *text, *parts[4];
    } rows[] = {
        {"a,b,", {"a", "b", "", NULL}},
        {",", {"", "", NULL}},
        {"", {"", NULL}},
        {"abc", {"abc", NULL}},
        {",a", {"", "a", NULL}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct str rest = str_from(rows[i].text), part;
        size_t n = 0;
        while (str_cut(&rest, ',', &part)) {
            assert_non_null(rows[i].parts[n]);
            assert_str(part, rows[i].parts[n++]);
        }
        assert_null(rows[i].parts[n]);
    }
    struct str none = STR_NONE, part;
    assert_false(str_cut(&none, ',', &part));
}

static void
numbers_are_whole_and_fit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_good;
        uint64_t value;
    } rows[] = {
        {"0", true, 0},
        {"007", true, 7},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"28446744073709551615", false, 0},
        {"99999999999999999999999", false, 0},
        {"", false, 0},
        {"-1", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1a", false, 0},
        {"0x1", false, 0},
        {"1\xb2", false, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t value = 42;
        bool is_good = str_to_u64(str_from(rows[i].text), &value);
        assert_int_equal(is_good, rows[i].is_good);
        assert_true(value == (is_good ? rows[i].value : 42));
    }
    uint64_t value;
    assert_false(str_to_u64(STR("1\0"), &value));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_compare_by_length_and_bytes),
        cmocka_unit_test(texts_are_ordered_by_bytes),
        cmocka_unit_test(starts_ends_and_members_are_found),
        cmocka_unit_test(blanks_at_both_ends_go),
        cmocka_unit_test(cutting_gives_every_part_once),
        cmocka_unit_test(numbers_are_whole_and_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

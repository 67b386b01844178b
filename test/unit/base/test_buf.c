#include "base/buf.c"

#include <setjmp.h>

#include <cmocka.h>

#define assert_buf(b, text) assert_true(str_equal(buf_str(b), STR(text)))

static void
bytes_add_up(void **state)
{
    struct buf auto_buf b;
    (void)state;
    buf_init(&b, 1000);
    assert_string_equal(buf_text(&b), "");
    buf_add(&b, STR_NONE);
    buf_add(&b, STR("a\0b"));
    buf_add_text(&b, "c");
    buf_add_text(&b, NULL);
    buf_add_char(&b, 'd');
    buf_addf(&b, "%s%d", "e", -5);
    buf_add_u64(&b, 0);
    buf_add_u64(&b, UINT64_MAX);
    assert_buf(&b, "a\0bcde-5018446744073709551615");
    assert_int_equal(buf_err(&b), ERR_OK);
    assert_int_equal(buf_text(&b)[b.n], '\0');
}

/* Each way to add, one byte too many. */
static void
add_in_way(struct buf *b, int way)
{
    char *p;
    switch (way) {
    case 0:
        buf_add(b, STR("123"));
        break;
    case 1:
        buf_add_text(b, "123");
        break;
    case 2:
        buf_addf(b, "%d", 123);
        break;
    case 3:
        buf_add_u64(b, 123);
        break;
    case 4:
        assert_int_equal(buf_reserve(b, 3, &p), ERR_LIMIT);
        b->is_over = true;
        break;
    default:
        buf_add_char(b, '1');
        buf_add_char(b, '2');
        buf_add_char(b, '3');
    }
}

static void
past_the_maximum_nothing_is_added_and_it_is_remembered(void **state)
{
    (void)state;
    for (int way = 0; way < 6; way++) {
        struct buf auto_buf b;
        buf_init(&b, 4);
        buf_add(&b, STR("ab"));
        add_in_way(&b, way);
        assert_int_equal(buf_err(&b), ERR_LIMIT);
        assert_int_equal(b.n, way == 5 ? 4 : 2);
        assert_string_equal(buf_text(&b), "");
        size_t n = b.n;
        buf_add(&b, STR("x"));
        buf_addf(&b, "x");
        assert_int_equal(b.n, n);
        buf_clear(&b);
        assert_int_equal(buf_err(&b), ERR_OK);
        buf_add(&b, STR("abcd"));
        assert_buf(&b, "abcd");
        assert_string_equal(buf_text(&b), "abcd");
    }
}

static void
reserving_does_not_overflow(void **state)
{
    struct buf auto_buf b;
    char *p;
    (void)state;
    buf_init(&b, 10);
    assert_int_equal(buf_reserve(&b, SIZE_MAX, &p), ERR_LIMIT);
    buf_add(&b, STR("12345"));
    assert_int_equal(buf_reserve(&b, SIZE_MAX - 2, &p), ERR_LIMIT);
    assert_int_equal(buf_reserve(&b, 6, &p), ERR_LIMIT);
    assert_int_equal(buf_reserve(&b, 5, &p), ERR_OK);
    memcpy(p, "67890", 5);
    buf_commit(&b, 3);
    assert_buf(&b, "12345678");
    assert_int_equal(buf_err(&b), ERR_OK);
}

static void
it_grows_over_many_sizes(void **state)
{
    (void)state;
    for (int is_secret = 0; is_secret < 2; is_secret++) {
        struct buf auto_buf b;
        if (is_secret)
            buf_init_secret(&b, 100000);
        else
            buf_init(&b, 100000);
        for (size_t i = 0; i < 100000; i++)
            buf_add_char(&b, (char)('a' + i % 26));
        assert_int_equal(buf_err(&b), ERR_OK);
        for (size_t i = 0; i < 100000; i++)
            assert_int_equal(b.p[i], 'a' + i % 26);
    }
}

static void
the_front_can_be_taken_off(void **state)
{
    struct buf auto_buf b;
    (void)state;
    buf_init(&b, 100);
    buf_consume(&b, 0);
    buf_add(&b, STR("abcdef"));
    buf_consume(&b, 2);
    assert_buf(&b, "cdef");
    buf_consume(&b, 4);
    assert_int_equal(b.n, 0);
    buf_add(&b, STR("x"));
    assert_buf(&b, "x");
}

static bool
is_zero(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != 0)
            return false;
    return true;
}

static void
a_secret_one_wipes_what_it_lets_go(void **state)
{
    struct buf auto_buf b;
    (void)state;
    buf_init_secret(&b, 100);
    buf_add(&b, STR("secret"));
    buf_consume(&b, 2);
    assert_buf(&b, "cret");
    assert_true(is_zero(b.p + 4, 2));
    buf_clear(&b);
    assert_true(is_zero(b.p, 6));
}

static void
done_twice_is_done(void **state)
{
    struct buf b = {0};
    (void)state;
    buf_done(&b);
    buf_init(&b, 10);
    buf_add(&b, STR("x"));
    buf_done(&b);
    buf_done(&b);
    assert_null(b.p);
    assert_int_equal(b.n, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_add_up),
        cmocka_unit_test(
            past_the_maximum_nothing_is_added_and_it_is_remembered),
        cmocka_unit_test(reserving_does_not_overflow),
        cmocka_unit_test(it_grows_over_many_sizes),
        cmocka_unit_test(the_front_can_be_taken_off),
        cmocka_unit_test(a_secret_one_wipes_what_it_lets_go),
        cmocka_unit_test(done_twice_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "emulator/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
finds_what_was_put_and_forgets_what_was_taken(void **state)
{
    (void)state;
    struct map m = {0};
    int one = 1, two = 2;
    assert_null(map_get(&m, STR("a")));
    map_put(&m, STR("a"), &one);
    map_put(&m, STR("b"), &two);
    assert_ptr_equal(map_get(&m, STR("a")), &one);
    assert_ptr_equal(map_take(&m, STR("a")), &one);
    assert_null(map_get(&m, STR("a")));
    assert_null(map_take(&m, STR("a")));
    assert_ptr_equal(map_get(&m, STR("b")), &two);
    map_put(&m, STR("b"), &one);
    assert_ptr_equal(map_get(&m, STR("b")), &one);
    assert_int_equal(m.n, 1);
    map_done(&m);
}

#define MANY 5000

/* Numbers come and go many times over; the map must agree with a plain
 * array about who is there. */
static void
agrees_with_a_plain_array_under_churn(void **state)
{
    (void)state;
    static uint64_t keys[MANY];
    static bool is_in[MANY];
    struct map m = {0};
    uint64_t x = 88172645463325252u;
    size_t n = 0;
    for (size_t i = 0; i < MANY; i++)
        keys[i] = i;
    for (size_t step = 0; step < 20 * MANY; step++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        size_t i = x % MANY;
        void *found = map_get(&m, map_key(&keys[i]));
        assert_ptr_equal(found, is_in[i] ? &keys[i] : NULL);
        if (is_in[i])
            map_take(&m, map_key(&keys[i]));
        else
            map_put(&m, map_key(&keys[i]), &keys[i]);
        n = is_in[i] ? n - 1 : n + 1;
        is_in[i] = !is_in[i];
        assert_int_equal(m.n, n);
    }
    uint64_t *key;
    for (size_t i = 0; (key = map_next(&m, &i)) != NULL; n--)
        assert_true(is_in[*key]);
    assert_int_equal(n, 0);
    map_done(&m);
}

/* Places of keys that left must not pile up until no place is free. */
static void
does_not_grow_when_one_key_comes_and_goes(void **state)
{
    (void)state;
    static uint64_t keys[10000];
    struct map m = {0};
    for (size_t i = 0; i < 10000; i++) {
        keys[i] = i;
        map_put(&m, map_key(&keys[i]), &keys[i]);
        map_take(&m, map_key(&keys[i]));
    }
    assert_int_equal(m.n, 0);
    assert_true(m.room <= 64);
    map_done(&m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_put_and_forgets_what_was_taken),
        cmocka_unit_test(agrees_with_a_plain_array_under_churn),
        cmocka_unit_test(does_not_grow_when_one_key_comes_and_goes),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

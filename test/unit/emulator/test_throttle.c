#include "emulator/throttle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
takes_as_many_as_the_window_holds(void **state)
{
    (void)state;
    struct throttle t = {0};
    for (int i = 0; i < 3; i++)
        assert_true(throttle_take(&t, 3, 1000, 100));
    assert_false(throttle_take(&t, 3, 1000, 100));
    assert_int_equal(throttle_left(&t, 1000, 100), 0);
    throttle_done(&t);
}

/* Not windows side by side: each call frees its own place. */
static void
rolls_with_the_time_of_each_call(void **state)
{
    (void)state;
    struct throttle t = {0};
    assert_true(throttle_take(&t, 2, 1000, 0));
    assert_true(throttle_take(&t, 2, 1000, 600));
    assert_false(throttle_take(&t, 2, 1000, 999));
    assert_int_equal(throttle_left(&t, 1000, 1000), 1);
    assert_true(throttle_take(&t, 2, 1000, 1000));
    assert_false(throttle_take(&t, 2, 1000, 1001));
    assert_true(throttle_take(&t, 2, 1000, 1600));
    throttle_done(&t);
}

static void
begins_anew_when_the_limit_changes(void **state)
{
    (void)state;
    struct throttle t = {0};
    assert_true(throttle_take(&t, 1, 1000, 0));
    assert_false(throttle_take(&t, 1, 1000, 0));
    assert_true(throttle_take(&t, 2, 1000, 0));
    assert_int_equal(throttle_left(&t, 1000, 0), 1);
    throttle_done(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_as_many_as_the_window_holds),
        cmocka_unit_test(rolls_with_the_time_of_each_call),
        cmocka_unit_test(begins_anew_when_the_limit_changes),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "http/problem.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void
has_an_answer_for_every_error(void **state)
{
    (void)state;
    for (int e = ERR_OK + 1; e < ERR_COUNT; e++) {
        unsigned status = problem_status((enum err)e);
        assert_true(status >= 400 && status <= 504);
        assert_non_null(problems[e].name);
        assert_non_null(problems[e].title);
    }
    assert_int_equal(problem_status(ERR_OK), 200);
    assert_int_equal(problem_status(ERR_UNAUTHORIZED), 401);
    assert_int_equal(problem_status(ERR_THROTTLED), 429);
}

static void
says_everything_it_knows(void **state)
{
    struct str scopes[] = {STR("oauth"), STR("a\"b")};
    struct problem p = {.err = ERR_NEEDS_RECONNECT,
                        .detail = STR("portal 7 is \"gone\""),
                        .request_id = STR("r1"),
                        .reconnect_url = STR("https://k/connect/crm"),
                        .retry_after_s = 9,
                        .missing_scopes = {scopes, 2}};
    auto_buf struct buf out;
    (void)state;
    buf_init(&out, 4096);
    problem_add_json(&out, &p);
    assert_string_equal(
        buf_text(&out),
        "{\"type\":\"urn:portkeep:problem:needs-reconnect\","
        "\"title\":\"The portal must be connected again\",\"status\":409,"
        "\"detail\":\"portal 7 is \\\"gone\\\"\",\"request_id\":\"r1\","
        "\"reconnect_url\":\"https://k/connect/crm\",\"retry_after\":9,"
        "\"missing_scopes\":[\"oauth\",\"a\\\"b\"]}");
}

static void
leaves_out_what_it_does_not_know(void **state)
{
    struct problem p = {.err = ERR_NOT_FOUND};
    auto_buf struct buf out;
    (void)state;
    buf_init(&out, 4096);
    problem_add_json(&out, &p);
    assert_string_equal(buf_text(&out),
                        "{\"type\":\"urn:portkeep:problem:not-found\","
                        "\"title\":\"There is no such thing\",\"status\":404}");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_an_answer_for_every_error),
        cmocka_unit_test(says_everything_it_knows),
        cmocka_unit_test(leaves_out_what_it_does_not_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

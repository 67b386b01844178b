#include "cli/when.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NOW 1795000000

static void
lengths_count_from_now(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
    } cases[] = {{"45s", 45},      {"30m", 1800}, {"12h", 43200},
                 {"90d", 7776000}, {"0s", 0},     {"36600d", 3162240000}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t at;
        assert_true(when_parse(str_from(cases[i].text), NOW, &at));
        assert_int_equal(at, NOW + cases[i].seconds);
    }
}

static void
what_has_been_lies_before_now(void **state)
{
    int64_t at;
    (void)state;
    assert_true(when_parse_past(STR("2h"), NOW, &at));
    assert_int_equal(at, NOW - 7200);
    assert_true(when_parse_past(STR("2026-11-24"), NOW, &at));
    assert_int_equal(at, 1795478400);
    assert_false(when_parse_past(STR("soon"), NOW, &at));
}

static void
days_begin_at_midnight_utc(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t at;
    } cases[] = {{"1970-01-01", 0},
                 {"2026-11-24", 1795478400},
                 {"2024-02-29", 1709164800},
                 {"2026-11-24T15:30:05Z", 1795534205}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t at;
        assert_true(when_parse(str_from(cases[i].text), NOW, &at));
        assert_int_equal(at, cases[i].at);
    }
}

static void
refuses_what_no_clock_or_calendar_has(void **state)
{
    (void)state;
    static const char *const cases[] = {"",
                                        "d",
                                        "-1d",
                                        "90",
                                        "90w",
                                        "1.5h",
                                        "36601d",
                                        "99999999999999999999d",
                                        "2026-02-29",
                                        "2026-13-01",
                                        "2026-00-10",
                                        "2026-1-1",
                                        "2026-11-24T15:30:05",
                                        "2026-11-24T24:00:00Z",
                                        "2026-11-24T15:30:05+01:00",
                                        "2026-11-24 15:30",
                                        "2026-11-24x",
                                        "tomorrow"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t at;
        if (when_parse(str_from(cases[i]), NOW, &at))
            fail_msg("took \"%s\"", cases[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_count_from_now),
        cmocka_unit_test(what_has_been_lies_before_now),
        cmocka_unit_test(days_begin_at_midnight_utc),
        cmocka_unit_test(refuses_what_no_clock_or_calendar_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

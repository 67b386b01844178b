#include "emulator/crm_format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
reads_numbers_and_times_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        enum crm_format format;
        const char *text;
        bool is_good;
        double value;
    } cases[] = {
        {CRM_NUMBER, "0", true, 0},
        {CRM_NUMBER, "-12.5", true, -12.5},
        {CRM_NUMBER, "1e3", true, 1000},
        {CRM_NUMBER, "", false, 0},
        {CRM_NUMBER, "12 ", false, 0},
        {CRM_NUMBER, " 12", false, 0},
        {CRM_NUMBER, "0x10x", false, 0},
        {CRM_NUMBER, "inf", false, 0},
        {CRM_NUMBER, "nan", false, 0},
        {CRM_NUMBER, "-inf", false, 0},
        {CRM_NUMBER, "1e999", false, 0},
        {CRM_DATETIME, "0", true, 0},
        {CRM_DATETIME, "1772323200000", true, 1772323200000},
        {CRM_DATETIME, "2026-03-01", true, 1772323200000},
        {CRM_DATETIME, "2026-03-01T00:00:00Z", true, 1772323200000},
        {CRM_DATETIME, "2026-03-01T00:00:01.500Z", true, 1772323201500},
        {CRM_DATETIME, "2024-02-29", true, 1709164800000},
        {CRM_DATETIME, "1970-01-01T00:00:00.000Z", true, 0},
        {CRM_DATETIME, "2026-13-01", false, 0},
        {CRM_DATETIME, "2026-03-01T24:00:00Z", false, 0},
        {CRM_DATETIME, "2026-03-01T00:00:00", false, 0},
        {CRM_DATETIME, "2026-03-01T00:00:00+01:00", false, 0},
        {CRM_DATETIME, "01/03/2026", false, 0},
        {CRM_DATETIME, "99999999999999999999", false, 0},
        {CRM_DATETIME, "18446744073709551615", false, 0},
        {CRM_TEXT, "1", false, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double value = 0;
        bool is_good =
            crm_format_number(cases[i].format, str_from(cases[i].text), &value);
        if (is_good != cases[i].is_good || (is_good && value != cases[i].value))
            print_error("%s: %f\n", cases[i].text, value);
        assert_int_equal(is_good, cases[i].is_good);
        assert_true(!is_good || value == cases[i].value);
    }
}

static void
stores_emails_in_lower_case_and_times_in_one_form(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    assert_true(
        str_equal(crm_format_stored(CRM_EMAIL, STR("Ada@Example.COM"), arena),
                  STR("ada@example.com")));
    assert_true(
        str_equal(crm_format_stored(CRM_DATETIME, STR("2026-03-01"), arena),
                  STR("2026-03-01T00:00:00.000Z")));
    assert_true(str_equal(crm_format_stored(CRM_TEXT, STR("As Is"), arena),
                          STR("As Is")));
    arena_free(arena);
}

static void
knows_an_email_address_when_it_sees_one(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_good;
    } cases[] = {
        {"a@b.example", true},
        {"a.b+c@d-e.example", true},
        {"a", false},
        {"@b.example", false},
        {"a@", false},
        {"a@b", false},
        {"a@b@c.example", false},
        {"a b@c.example", false},
        {"a@.example", false},
        {"a@b.", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(crm_format_is_email(str_from(cases[i].text)),
                         cases[i].is_good);
}

static void
takes_whole_options_only(void **state)
{
    (void)state;
    assert_true(crm_format_is_option("low medium high", STR("medium")));
    assert_false(crm_format_is_option("low medium high", STR("med")));
    assert_false(crm_format_is_option("low medium high", STR("low medium")));
    assert_false(crm_format_is_option("low medium high", STR("")));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_numbers_and_times_and_nothing_else),
        cmocka_unit_test(stores_emails_in_lower_case_and_times_in_one_form),
        cmocka_unit_test(knows_an_email_address_when_it_sees_one),
        cmocka_unit_test(takes_whole_options_only),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

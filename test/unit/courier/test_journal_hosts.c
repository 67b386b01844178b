#include "courier/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "courier/journal.c"

/* Where the files of HubSpot's journal may come from. */

static bool
may_fetch(const char *api_url, const char *url)
{
    struct str hosts[] = {STR("files.example.com"), STR("*.amazonaws.com")};
    struct destination d;
    struct url u;
    assert_int_equal(destination_parse(&d, str_from(api_url)), ERR_OK);
    assert_int_equal(url_parse(str_from(url), &u), ERR_OK);
    struct journal_office office = {.destination = &d, .hosts = {hosts, 2}};
    return journal_may_fetch(&office, &u);
}

static void
files_come_by_tls_from_hosts_that_are_named(void **state)
{
    static const struct {
        const char *url;
        bool is_good;
    } cases[] = {
        {"https://files.example.com/a?b=c", true},
        {"https://FILES.example.com:443/a", true},
        {"https://s3.amazonaws.com/a", true},
        {"https://b.s3.eu-central-1.amazonaws.com/a", true},
        {"https://amazonaws.com/a", false},
        {"https://xamazonaws.com/a", false},
        {"https://amazonaws.com.example.com/a", false},
        {"https://more.files.example.com/a", false},
        {"http://files.example.com/a", false},
        {"http://127.0.0.1/a", false},
        {"https://169.254.169.254/a", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (may_fetch("https://api.hubapi.com", cases[i].url) !=
            cases[i].is_good)
            fail_msg("%s", cases[i].url);
}

static void
an_emulator_on_this_machine_gives_its_own(void **state)
{
    (void)state;
    assert_true(may_fetch("http://127.0.0.1:8790", "http://127.0.0.1:8790/f"));
    assert_true(may_fetch("http://localhost:8790", "http://localhost:8790/f"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_come_by_tls_from_hosts_that_are_named),
        cmocka_unit_test(an_emulator_on_this_machine_gives_its_own),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "hubspot/oauth_errors.h"
#include "hubspot/scopes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
says_in_words_what_a_scope_allows(void **state)
{
    (void)state;
    static const struct {
        const char *name, *words;
        enum hubspot_edition edition;
    } cases[] = {
        {"oauth", "Read basic facts about this account", EDITION_FREE},
        {"crm.objects.contacts.read", "Read contacts", EDITION_FREE},
        {"crm.objects.line_items.write",
         "Create, change and archive line items", EDITION_FREE},
        {"crm.objects.leads.read", "Read leads", EDITION_PROFESSIONAL},
        {"crm.schemas.custom.read", "Read the properties of custom objects",
         EDITION_ENTERPRISE},
        {"crm.objects.deals.highly_sensitive.read.v2",
         "Read highly sensitive data of deals", EDITION_ENTERPRISE},
        {"automation", "Read and change workflows", EDITION_PROFESSIONAL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hubspot_scope scope;
        struct buf auto_buf words;
        buf_init(&words, 200);
        assert_true(hubspot_scope_find(str_from(cases[i].name), &scope));
        hubspot_scope_add_words(&scope, &words);
        assert_string_equal(buf_text(&words), cases[i].words);
        assert_int_equal(scope.edition, cases[i].edition);
        assert_false(scope.is_app_level);
    }
}

static void
knows_no_scope_that_is_not_published(void **state)
{
    (void)state;
    static const char *const names[] = {
        "",
        "crm.objects..read",
        "crm.objects.contacts",
        "CRM.EXPORT",
        "crm.objects.cats.read",
        "crm.schemas.deals.sensitive.read",
    };
    struct hubspot_scope scope;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_false(hubspot_scope_find(str_from(names[i]), &scope));
}

static void
marks_scopes_that_belong_to_the_app_alone(void **state)
{
    (void)state;
    struct hubspot_scope scope;
    assert_true(
        hubspot_scope_find(STR("developer.webhooks_journal.read"), &scope));
    assert_true(scope.is_app_level);
}

static void
tells_an_ended_connection_from_our_own_fault(void **state)
{
    (void)state;
    const struct hubspot_oauth_error *e =
        hubspot_oauth_error_find(STR("BAD_REFRESH_TOKEN"));
    assert_non_null(e);
    assert_int_equal(e->meaning, OAUTH_CONNECTION_ENDED);
    assert_true(str_equal(e->error, STR("invalid_grant")));
    e = hubspot_oauth_error_find(STR("BAD_CLIENT_SECRET"));
    assert_non_null(e);
    assert_int_equal(e->meaning, OAUTH_APP_AT_FAULT);
    assert_null(hubspot_oauth_error_find(STR("BAD_WEATHER")));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_in_words_what_a_scope_allows),
        cmocka_unit_test(knows_no_scope_that_is_not_published),
        cmocka_unit_test(marks_scopes_that_belong_to_the_app_alone),
        cmocka_unit_test(tells_an_ended_connection_from_our_own_fault),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

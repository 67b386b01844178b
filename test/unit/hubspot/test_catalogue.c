#include "hubspot/catalogue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
is_sorted_and_says_of_every_scope_what_it_grants(void **state)
{
    (void)state;
    assert_true(catalogue_count() > 250);
    for (size_t i = 0; i < catalogue_count(); i++) {
        const struct catalogue_scope *s = catalogue_at(i);
        struct buf auto_buf words = {0};
        buf_init(&words, 200);
        catalogue_add_words(s, &words);
        if (words.n == 0)
            fail_msg("no words for %s", s->name.p);
        assert_ptr_equal(catalogue_find(s->name), s);
        if (i > 0)
            assert_true(str_compare(catalogue_at(i - 1)->name, s->name) < 0);
    }
}

/* Both tables have the edition; customers see the other one's. */
static void
agrees_with_what_customers_are_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < catalogue_count(); i++) {
        const struct catalogue_scope *s = catalogue_at(i);
        struct hubspot_scope told;
        bool is_told = hubspot_scope_find(s->name, &told);
        if (s->class == SCOPE_UNPUBLISHED)
            continue;
        if (!is_told || told.edition != s->tier->edition)
            fail_msg("%s: %s", s->name.p, is_told ? "edition" : "not told");
        assert_int_equal(told.is_app_level, s->class == SCOPE_OF_APP);
    }
}

static void
knows_other_spellings(void **state)
{
    (void)state;
    static const struct {
        const char *listed, *published;
    } cases[] = {
        {"business_units_view.read", "business_units.view.read"},
        {"settings.users.teams.write", "settings.users.team.write"},
        {"crm.objects.deals.sensitive.read.v2",
         "crm.objects.deals.sensitive.read"},
        {"webhooks-journal-data-access", "developer.webhooks_journal.read"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct catalogue_scope *s =
            catalogue_find(str_from(cases[i].listed));
        assert_non_null(s);
        assert_string_equal(s->name.p, cases[i].published);
    }
    assert_string_equal(
        catalogue_listed_as(catalogue_find(STR("settings.users.team.write"))),
        "settings.users.teams.write");
    assert_null(catalogue_listed_as(catalogue_find(STR("oauth"))));
    assert_null(catalogue_find(STR("")));
    assert_null(catalogue_find(STR(".v2")));
    assert_null(catalogue_find(STR("crm.objects.contact.read")));
}

static void
tells_class_and_level(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum scope_class class;
        enum scope_level level;
        enum scope_access access;
    } cases[] = {
        {"oauth", SCOPE_PUBLISHED, SCOPE_PLAIN, SCOPE_BASIC},
        {"tickets", SCOPE_PUBLISHED, SCOPE_PLAIN, SCOPE_READ_WRITE},
        {"tickets.sensitive", SCOPE_PUBLISHED, SCOPE_SENSITIVE,
         SCOPE_READ_WRITE},
        {"crm.objects.deals.highly_sensitive.write", SCOPE_PUBLISHED,
         SCOPE_HIGHLY_SENSITIVE, SCOPE_WRITE},
        {"crm.objects.emails.read", SCOPE_UNPUBLISHED, SCOPE_PLAIN, SCOPE_READ},
        {"developer.webhooks_journal.read", SCOPE_OF_APP, SCOPE_PLAIN,
         SCOPE_READ},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct catalogue_scope *s =
            catalogue_find(str_from(cases[i].name));
        assert_non_null(s);
        assert_int_equal(s->class, cases[i].class);
        assert_int_equal(catalogue_level(s), cases[i].level);
        assert_int_equal(s->access, cases[i].access);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_sorted_and_says_of_every_scope_what_it_grants),
        cmocka_unit_test(agrees_with_what_customers_are_told),
        cmocka_unit_test(knows_other_spellings),
        cmocka_unit_test(tells_class_and_level),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "ask.h"

#include "emulator/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static json_t *
json_of(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    return json;
}

static enum err
subscribe(struct journal_subscriptions *all, const char *text)
{
    const struct journal_subscription *s;
    const char *why;
    json_t *body = json_of(text);
    enum err e = journal_subscriptions_add(all, body, 1, &s, &why);
    json_decref(body);
    return e;
}

#define OBJECT                                                      \
    "{\"subscriptionType\":\"OBJECT\",\"portalId\":1001,"           \
    "\"objectTypeId\":\"0-1\",\"actions\":[\"CREATE\",\"UPDATE\"]," \
    "\"properties\":[\"city\"],\"objectIds\":[5,6]}"
#define UNINSTALL                                    \
    "{\"subscriptionType\":\"APP_LIFECYCLE_EVENT\"," \
    "\"eventTypeId\":\"4-1916193\",\"properties\":[]}"
#define LINK                                                          \
    "{\"subscriptionType\":\"ASSOCIATION\",\"portalId\":1001,"        \
    "\"objectTypeId\":\"0-1\",\"associatedObjectTypeIds\":[\"0-2\"]," \
    "\"actions\":[\"ASSOCIATION_REMOVED\"],\"objectIds\":[]}"
#define PRIVACY                                                          \
    "{\"subscriptionType\":\"GDPR_PRIVACY_DELETION\",\"portalId\":1001," \
    "\"objectTypeId\":\"0-1\",\"actions\":[\"GDPR_DELETE\"]}"

static void
subscriptions_say_all_that_their_type_needs(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum err e;
    } cases[] = {
        {OBJECT, ERR_OK},
        {OBJECT, ERR_CONFLICT},
        {UNINSTALL, ERR_OK},
        {LINK, ERR_OK},
        {PRIVACY, ERR_OK},
        {"{}", ERR_INVALID},
        {"{\"subscriptionType\":\"OTHER\"}", ERR_INVALID},
        {"{\"subscriptionType\":\"APP_LIFECYCLE_EVENT\","
         "\"eventTypeId\":\"4-1\"}",
         ERR_INVALID},
        {"{\"subscriptionType\":\"GDPR_PRIVACY_DELETION\","
         "\"objectTypeId\":\"0-1\",\"actions\":[\"GDPR_DELETE\"]}",
         ERR_INVALID},
        {"{\"subscriptionType\":\"GDPR_PRIVACY_DELETION\",\"portalId\":1,"
         "\"objectTypeId\":\"0-1\",\"actions\":\"GDPR_DELETE\"}",
         ERR_INVALID},
    };
    struct journal_subscriptions all = {0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(subscribe(&all, cases[i].body), cases[i].e);
    assert_int_equal(all.n, 4);
    assert_true(journal_subscriptions_remove(&all, 1));
    assert_false(journal_subscriptions_remove(&all, 1));
    assert_int_equal(all.n, 3);
    journal_subscriptions_done(&all);
}

static void
what_happens_is_wanted_by_all_its_marks(void **state)
{
    (void)state;
    const struct crm_type *contact = crm_type_of(CRM_CONTACT);
    const struct crm_type *company = crm_type_of(CRM_COMPANY);
    const struct {
        struct happening h;
        bool is_wanted;
    } cases[] = {
        {{.kind = HAPPENING_CREATION, .type = contact, .object_id = 5}, true},
        {{.kind = HAPPENING_CREATION, .type = contact, .object_id = 7}, false},
        {{.kind = HAPPENING_CREATION, .type = company, .object_id = 5}, false},
        {{.kind = HAPPENING_CREATION,
          .type = contact,
          .object_id = 5,
          .portal = 1002},
         false},
        {{.kind = HAPPENING_DELETION, .type = contact, .object_id = 5}, false},
        {{.kind = HAPPENING_CHANGE,
          .type = contact,
          .object_id = 6,
          .property = STR("city")},
         true},
        {{.kind = HAPPENING_CHANGE,
          .type = contact,
          .object_id = 6,
          .property = STR("email")},
         false},
        {{.kind = HAPPENING_ASSOCIATION,
          .type = contact,
          .to_type = company,
          .is_removed = true},
         true},
        {{.kind = HAPPENING_ASSOCIATION, .type = contact, .to_type = company},
         false},
        {{.kind = HAPPENING_ASSOCIATION,
          .type = contact,
          .to_type = contact,
          .is_removed = true},
         false},
        {{.kind = HAPPENING_PRIVACY, .type = contact, .object_id = 9}, true},
        {{.kind = HAPPENING_UNINSTALL, .portal = 7}, true},
        {{.kind = HAPPENING_INSTALL, .portal = 7}, false},
    };
    struct journal_subscriptions all = {0};
    assert_int_equal(subscribe(&all, OBJECT), ERR_OK);
    assert_int_equal(subscribe(&all, UNINSTALL), ERR_OK);
    assert_int_equal(subscribe(&all, LINK), ERR_OK);
    assert_int_equal(subscribe(&all, PRIVACY), ERR_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct happening h = cases[i].h;
        h.portal = h.portal != 0 ? h.portal : 1001;
        size_t at = 0;
        if ((journal_subscriptions_match(&all, &h, &at) != NULL) !=
            cases[i].is_wanted)
            fail_msg("case %zu", i);
    }
    journal_subscriptions_done(&all);
}

#define CONDITION(rest) \
    "{\"conditions\":[{\"filterType\":\"CRM_OBJECT_PROPERTY\"," rest "}]}"
#define CITY(operator, value)                         \
    CONDITION("\"property\":\"city\",\"operator\":\"" \
              operator"\",\"value\":\"" value "\"")

/* The contact of the tests lives in Cork and has no phone. */
static void
filters_hold_as_their_operators_say(void **state)
{
    (void)state;
    static const struct {
        const char *filter;
        enum err e;
        bool passes;
    } cases[] = {
        {CITY("EQ", "Cork"), ERR_OK, true},
        {CITY("EQ", "Cobh"), ERR_OK, false},
        {CITY("N_EQ", "Cobh"), ERR_OK, true},
        {CITY("GT", "Cobh"), ERR_OK, true},
        {CITY("LTE", "Cobh"), ERR_OK, false},
        {CITY("GTE", "Cork"), ERR_OK, true},
        {CITY("CONTAINS", "or"), ERR_OK, true},
        {CITY("CONTAINS", "Corky"), ERR_OK, false},
        {CITY("STARTS_WITH", "Co"), ERR_OK, true},
        {CITY("ENDS_WITH", "Co"), ERR_OK, false},
        {CONDITION("\"property\":\"city\",\"operator\":\"IN\","
                   "\"values\":[\"Cobh\",\"Cork\"]"),
         ERR_OK, true},
        {CONDITION("\"property\":\"city\",\"operator\":\"NOT_IN\","
                   "\"values\":[\"Cobh\",\"Cork\"]"),
         ERR_OK, false},
        {CONDITION("\"property\":\"phone\",\"operator\":\"IS_EMPTY\""), ERR_OK,
         true},
        {CONDITION("\"property\":\"city\",\"operator\":\"IS_EMPTY\""), ERR_OK,
         false},
        {CONDITION("\"property\":\"city\","
                   "\"operator\":\"IS_NOT_EMPTY\""),
         ERR_OK, true},
        {CITY("LIKE", "x"), ERR_INVALID, false},
        {CONDITION("\"property\":\"city\",\"operator\":\"EQ\""), ERR_INVALID,
         false},
        {CONDITION("\"operator\":\"IS_EMPTY\""), ERR_INVALID, false},
        {"{\"conditions\":[]}", ERR_INVALID, false},
        {"{}", ERR_INVALID, false},
    };
    struct world *w = ask_world();
    const struct crm_type *type = crm_type_of(CRM_CONTACT);
    struct crm *crm = crm_of(w, w->accounts.v[0]);
    struct crm_values values = {0};
    size_t city =
        crm_property_index(type, crm_property_find(type, STR("city")));
    values.has[city] = true;
    values.v[city] = STR("Cork");
    struct record *r = crm_create(crm, type, 0, &values, 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct journal_filters all = {0};
        uint64_t id;
        json_t *filter = json_of(cases[i].filter);
        enum err e = journal_filters_add(&all, 5, filter, 1, &id);
        json_decref(filter);
        if (e != cases[i].e ||
            (e == ERR_OK &&
             journal_filters_pass(&all, 5, r) != cases[i].passes))
            fail_msg("%s", cases[i].filter);
        assert_true(journal_filters_pass(&all, 6, r)); /* it has none */
        journal_filters_done(&all);
    }
    world_free(w);
}

static void
files_close_when_they_are_read_or_full(void **state)
{
    (void)state;
    struct world *w = ask_world();
    struct journal *j = journal_of(w, STR("crm"));
    w->settings.journal_file_events = 2;
    w->settings.journal_delay_ms = 1000;
    for (int i = 0; i < 3; i++)
        journal_add(w, j, 1001, STR("{}"));
    assert_false(journal_refresh(w, j));
    const struct journal_file *f = journal_first(j, 0);
    assert_int_equal(f->n, 2);
    assert_ptr_equal(journal_last(j, 0), f);
    assert_null(journal_after(j, f, 0)); /* it is not time yet */
    ask_wait(1000);
    assert_true(journal_refresh(w, j));
    assert_false(journal_refresh(w, j));
    assert_int_equal(journal_after(j, f, 0)->n, 1);
    journal_add(w, j, 1001, STR("{}")); /* into a new one */
    assert_int_equal(j->n, 3);
    assert_int_equal(journal_last(j, 0)->n, 1);
    world_free(w);
}

static void
files_end_after_three_days(void **state)
{
    (void)state;
    struct world *w = ask_world();
    struct arena *arena = arena_new();
    struct journal *j = journal_of(w, STR("crm"));
    journal_add(w, j, 1001, STR("{}"));
    journal_refresh(w, j);
    struct str offset = arena_copy(arena, journal_first(j, 0)->offset);
    ask_wait(JOURNAL_KEPT_MS - 1);
    journal_refresh(w, j);
    assert_non_null(journal_find(j, offset));
    ask_wait(1);
    journal_refresh(w, j);
    assert_null(journal_find(j, offset));
    assert_null(journal_first(j, 0));
    arena_free(arena);
    world_free(w);
}

static void
a_file_shows_one_portal_or_all(void **state)
{
    (void)state;
    struct world *w = ask_world();
    struct journal *j = journal_of(w, STR("crm"));
    struct buf auto_buf all, one;
    buf_init(&all, 4096);
    buf_init(&one, 4096);
    journal_add(w, j, 1001, STR("{\"a\":1}"));
    journal_add(w, j, 1002, STR("{\"b\":2}"));
    journal_refresh(w, j);
    const struct journal_file *f = journal_first(j, 1002);
    assert_non_null(f);
    assert_null(journal_first(j, 1003));
    journal_add_file(f, 0, &all);
    journal_add_file(f, 1002, &one);
    assert_non_null(
        strstr(buf_text(&all), "\"journalEvents\":[{\"a\":1},{\"b\":2}]"));
    assert_non_null(strstr(buf_text(&one), "\"journalEvents\":[{\"b\":2}]"));
    world_free(w);
}

static void
a_journal_comes_back_from_the_state(void **state)
{
    (void)state;
    struct world *w = ask_world(), *again = ask_world();
    struct journal *j = journal_of(w, STR("crm"));
    struct buf auto_buf text;
    buf_init(&text, 1 << 16);
    assert_int_equal(subscribe(&j->subscriptions, OBJECT), ERR_OK);
    journal_add(w, j, 1001, STR("{\"a\":\"\\\"\"}"));
    journal_refresh(w, j);
    journal_add(w, j, 1002, STR("{}"));
    struct doc d = doc_into(&text);
    doc_open(&d, '{');
    journals_add_state(&w->journals, &d);
    doc_close(&d, '}');
    json_t *json = json_of(buf_text(&text));
    journals_load_state(again, json_object_get(json, "journals"));
    json_decref(json);
    struct journal *copy = journal_of(again, STR("crm"));
    assert_int_equal(copy->n, 2);
    assert_true(copy->files[1]->is_open);
    assert_true(str_equal(copy->files[0]->offset, j->files[0]->offset));
    assert_true(
        str_equal(copy->files[0]->events[0].json, STR("{\"a\":\"\\\"\"}")));
    /* It is still known, and the next one has a number of its own. */
    assert_int_equal(subscribe(&copy->subscriptions, OBJECT), ERR_CONFLICT);
    assert_int_equal(subscribe(&copy->subscriptions, UNINSTALL), ERR_OK);
    assert_int_equal(copy->subscriptions.v[1].id, 2);
    world_free(w);
    world_free(again);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subscriptions_say_all_that_their_type_needs),
        cmocka_unit_test(what_happens_is_wanted_by_all_its_marks),
        cmocka_unit_test(filters_hold_as_their_operators_say),
        cmocka_unit_test(files_close_when_they_are_read_or_full),
        cmocka_unit_test(files_end_after_three_days),
        cmocka_unit_test(a_file_shows_one_portal_or_all),
        cmocka_unit_test(a_journal_comes_back_from_the_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

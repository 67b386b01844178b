#include "emulator/crm_filter.h"

#include "emulator/crm_format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Three deals: one amount each, and one without any. */
static struct crm *
three_deals(void)
{
    static const struct {
        const char *name, *amount, *stage, *closes;
    } deals[] = {
        {"Blue bicycles", "900", "closedwon", "2026-03-01T00:00:00.000Z"},
        {"Red pumps, large", "1500.5", "contractsent",
         "2026-06-01T00:00:00.000Z"},
        {"Green paper", NULL, "contractsent", NULL},
    };
    const struct crm_type *type = crm_type_of(CRM_DEAL);
    struct crm *crm = crm_new();
    for (size_t i = 0; i < 3; i++) {
        struct crm_values values = {0};
        const struct {
            const char *property, *value;
        } sets[] = {{"dealname", deals[i].name},
                    {"amount", deals[i].amount},
                    {"dealstage", deals[i].stage},
                    {"closedate", deals[i].closes}};
        for (size_t k = 0; k < 4; k++) {
            size_t at = crm_property_index(
                type, crm_property_find(type, str_from(sets[k].property)));
            values.has[at] = sets[k].value != NULL;
            values.v[at] = str_from(sets[k].value);
        }
        crm_create(crm, type, 1 + i, &values, 1767225600000);
    }
    return crm;
}

/* The ids that a search body finds, as "1 3". */
static struct str
find(struct crm *crm, struct arena *arena, const char *body)
{
    struct crm_filter f;
    struct str why = STR_NONE, found = STR("");
    json_error_t error;
    json_t *json = json_loads(body, 0, &error);
    if (json == NULL)
        print_error("%s: %s\n", body, error.text);
    assert_non_null(json);
    const struct crm_type *type = crm_type_of(CRM_DEAL);
    enum err e = crm_filter_read(type, json, arena, &f, &why);
    if (e != ERR_OK)
        found = why;
    for (uint64_t id = 1; e == ERR_OK && id <= 3; id++) {
        if (crm_filter_holds(&f, crm_find(crm, CRM_DEAL, id), arena))
            found = arena_printf(arena, "%.*s%s%u", STR_ARG(found),
                                 found.n > 0 ? " " : "", (unsigned)id);
    }
    json_decref(json);
    return found;
}

#define ONE(filter) "{\"filterGroups\":[{\"filters\":[{" filter "}]}]}"
#define P(name, op) "\"propertyName\":\"" name "\",\"operator\":\"" op "\""

static void
finds_by_every_operator(void **state)
{
    (void)state;
    static const struct {
        const char *body, *found;
    } cases[] = {
        {"{}", "1 2 3"},
        {"{\"filterGroups\":[]}", "1 2 3"},
        {ONE(P("amount", "EQ") ",\"value\":\"900.0\""), "1"},
        {ONE(P("amount", "EQ") ",\"value\":900"), "1"},
        {ONE(P("amount", "NEQ") ",\"value\":\"900\""), "2"},
        {ONE(P("amount", "LT") ",\"value\":\"1000\""), "1"},
        {ONE(P("amount", "LTE") ",\"value\":\"900\""), "1"},
        {ONE(P("amount", "GT") ",\"value\":\"900\""), "2"},
        {ONE(P("amount", "GTE") ",\"value\":\"900\""), "1 2"},
        {ONE(P("amount", "BETWEEN") ",\"value\":\"1000\",\"highValue\":"
                                    "\"2000\""),
         "2"},
        {ONE(P("dealstage", "IN") ",\"values\":[\"CLOSEDWON\",\"x\"]"), "1"},
        {ONE(P("dealstage", "NOT_IN") ",\"values\":[\"closedwon\"]"), "2 3"},
        {ONE(P("amount", "HAS_PROPERTY")), "1 2"},
        {ONE(P("amount", "NOT_HAS_PROPERTY")), "3"},
        {ONE(P("closedate", "LT") ",\"value\":\"2026-04-01\""), "1"},
        {ONE(P("closedate", "GTE") ",\"value\":\"1772323200000\""), "1 2"},
        {ONE(P("dealname", "EQ") ",\"value\":\"blue bicycles\""), "1"},
        {ONE(P("dealname", "CONTAINS_TOKEN") ",\"value\":\"pumps\""), "2"},
        {ONE(P("dealname", "CONTAINS_TOKEN") ",\"value\":\"pump\""), ""},
        {ONE(P("dealname", "CONTAINS_TOKEN") ",\"value\":\"pump*\""), "2"},
        {ONE(P("dealname", "CONTAINS_TOKEN") ",\"value\":\"*p*\""), "2 3"},
        {ONE(P("dealname", "NOT_CONTAINS_TOKEN") ",\"value\":\"red\""), "1 3"},
        {ONE(P("hs_object_id", "EQ") ",\"value\":\"2\""), "2"},
        {ONE(P("createdate", "GT") ",\"value\":\"2026-01-01\""), ""},
        {"{\"query\":\"PAPER\"}", "3"},
        {"{\"query\":\"red large\"}", "2"},
        {"{\"query\":\"red green\"}", ""},
    };
    struct crm *crm = three_deals();
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct str found = find(crm, arena, cases[i].body);
        if (!str_equal(found, str_from(cases[i].found)))
            print_error("%s found %.*s\n", cases[i].body, STR_ARG(found));
        assert_true(str_equal(found, str_from(cases[i].found)));
    }
    arena_free(arena);
    crm_free(crm);
}

static void
takes_all_of_a_group_and_any_of_the_groups(void **state)
{
    (void)state;
    struct crm *crm = three_deals();
    struct arena *arena = arena_new();
    struct str found = find(
        crm, arena,
        "{\"filterGroups\":[{\"filters\":["
        "{" P("dealstage",
              "EQ") ",\"value\":\"contractsent\"},"
                    "{" P("amount",
                          "HAS_PROPERTY") "}]},"
                                          "{\"filters\":[{" P(
                                              "amount",
                                              "LT") ",\"value\":\"901\"}]}]}");
    assert_true(str_equal(found, STR("1 2")));
    arena_free(arena);
    crm_free(crm);
}

static void
finds_no_archived_records(void **state)
{
    (void)state;
    struct crm *crm = three_deals();
    struct arena *arena = arena_new();
    crm_archive(crm, crm_find(crm, CRM_DEAL, 2), 1767225600001);
    assert_true(str_equal(find(crm, arena, "{}"), STR("1 3")));
    arena_free(arena);
    crm_free(crm);
}

#define F "{" P("amount", "HAS_PROPERTY") "},"
#define F6 F F F F F "{" P("amount", "HAS_PROPERTY") "}"
#define G6 "{\"filters\":[" F6 "]}"
#define G1 "{\"filters\":[{" P("amount", "HAS_PROPERTY") "}]}"

static void
says_what_is_wrong_with_a_search(void **state)
{
    (void)state;
    static const struct {
        const char *body, *why;
    } cases[] = {
        {ONE(P("colour", "EQ") ",\"value\":\"x\""),
         "Property \"colour\" does not exist"},
        {ONE(P("amount", "LIKE") ",\"value\":\"x\""),
         "There is no operator \"LIKE\""},
        {ONE(P("amount", "EQ")), "the operator requires a value"},
        {ONE(P("amount", "IN")), "operator IN requires values"},
        {ONE(P("amount", "BETWEEN") ",\"value\":\"1\""),
         "operator BETWEEN requires value and highValue"},
        {"{\"filterGroups\":[{\"filters\":[" F F6 "]}]}",
         "a filter group takes at most 6 filters"},
        {"{\"filterGroups\":[" G6 "," G6 "," G6 "," G1 "]}",
         "a search takes at most 18 filters"},
        {"{\"filterGroups\":[" G1 "," G1 "," G1 "," G1 "," G1 "," G1 "]}",
         "a search takes at most 5 filter groups"},
    };
    struct crm *crm = three_deals();
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct str why = find(crm, arena, cases[i].body);
        if (!str_equal(why, str_from(cases[i].why)))
            print_error("%s: %.*s\n", cases[i].body, STR_ARG(why));
        assert_true(str_equal(why, str_from(cases[i].why)));
    }
    assert_true(
        str_equal(find(crm, arena, "{\"filterGroups\":[" G6 "," G6 "," G6 "]}"),
                  STR("1 2")));
    arena_free(arena);
    crm_free(crm);
}

static void
orders_by_number_and_puts_nothing_last(void **state)
{
    (void)state;
    struct crm *crm = three_deals();
    struct arena *arena = arena_new();
    const struct crm_type *type = crm_type_of(CRM_DEAL);
    size_t amount =
        crm_property_index(type, crm_property_find(type, STR("amount")));
    struct record *a = crm_find(crm, CRM_DEAL, 1);
    struct record *b = crm_find(crm, CRM_DEAL, 2);
    struct record *none = crm_find(crm, CRM_DEAL, 3);
    assert_true(crm_filter_compare(type, amount, a, b, arena) < 0);
    assert_true(crm_filter_compare(type, amount, b, a, arena) > 0);
    assert_int_equal(crm_filter_compare(type, amount, a, a, arena), 0);
    assert_true(crm_filter_compare(type, amount, b, none, arena) < 0);
    arena_free(arena);
    crm_free(crm);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_by_every_operator),
        cmocka_unit_test(takes_all_of_a_group_and_any_of_the_groups),
        cmocka_unit_test(finds_no_archived_records),
        cmocka_unit_test(says_what_is_wrong_with_a_search),
        cmocka_unit_test(orders_by_number_and_puts_nothing_last),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

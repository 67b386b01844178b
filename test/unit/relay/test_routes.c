#include "relay/routes.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct route table[] = {
    {"GET", "/v1/apps/{app}/portals/{portal}/token", NULL},
    {"GET", "/v1/apps/{app}/portals/{portal}", NULL},
    {"DELETE", "/v1/apps/{app}/portals/{portal}", NULL},
    {"GET", "/v1/apps/{app}/portals", NULL},
    {"GET", "/readyz", NULL},
    {"POST", "/v1/apps/{app}/events/{id}/replay", NULL},
};

static void
finds_the_route_and_its_values(void **state)
{
    static const struct {
        const char *method, *target;
        int route; /* -1: not found */
        uint64_t portal;
        enum err err;
    } rows[] = {
        {"GET", "/v1/apps/crm/portals/7/token", 0, 7, ERR_OK},
        {"HEAD", "/v1/apps/crm/portals/7/token", 0, 7, ERR_OK},
        {"GET", "/v1/apps/crm/portals/7/token?x=/y", 0, 7, ERR_OK},
        {"POST", "/v1/apps/crm/portals/7/token", -1, 0, ERR_NOT_FOUND},
        {"GET", "/v1/apps/crm/portals/7", 1, 7, ERR_OK},
        {"DELETE", "/v1/apps/crm/portals/7", 2, 7, ERR_OK},
        {"GET", "/v1/apps/crm/portals", 3, 0, ERR_OK},
        {"GET", "/v1/apps/crm/portals/", -1, 0, ERR_NOT_FOUND},
        {"GET", "/v1/apps//portals", -1, 0, ERR_NOT_FOUND},
        {"GET", "/v1/apps/crm/portals/7/", -1, 0, ERR_NOT_FOUND},
        {"GET", "/v1/apps/crm/portals/7/tokens", -1, 0, ERR_NOT_FOUND},
        {"GET", "/v1/apps/crm/portals/7/toke", -1, 0, ERR_NOT_FOUND},
        {"GET", "/v1/apps/crm/portals/seven", -1, 0, ERR_INVALID},
        {"GET", "/v1/apps/crm/portals/0", -1, 0, ERR_INVALID},
        {"GET", "/v1/apps/crm/portals/99999999999999999999", -1, 0,
         ERR_INVALID},
        {"GET", "/readyz", 4, 0, ERR_OK},
        {"GET", "/", -1, 0, ERR_NOT_FOUND},
        {"GET", "/readyzz", -1, 0, ERR_NOT_FOUND},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct route *found = NULL;
        struct route_values values = {0};
        const char *why = NULL;
        assert_int_equal(route_find(table, sizeof(table) / sizeof(table[0]),
                                    str_from(rows[i].method),
                                    str_from(rows[i].target), &found, &values,
                                    &why),
                         rows[i].err);
        assert_non_null(why);
        assert_ptr_equal(found,
                         rows[i].route < 0 ? NULL : &table[rows[i].route]);
        assert_int_equal(values.portal, rows[i].portal);
        if (found != NULL && rows[i].route < 4)
            assert_true(str_equal(values.app, STR("crm")));
    }
}

static void
an_event_s_id_is_any_text_without_a_slash(void **state)
{
    const struct route *found = NULL;
    struct route_values values = {0};
    const char *why;
    (void)state;
    assert_int_equal(route_find(table, 6, STR("POST"),
                                STR("/v1/apps/crm/events/evt_1_00/replay"),
                                &found, &values, &why),
                     ERR_OK);
    assert_ptr_equal(found, &table[5]);
    assert_true(str_equal(values.id, STR("evt_1_00")));
    assert_true(str_equal(values.app, STR("crm")));
    assert_int_equal(route_find(table, 6, STR("POST"),
                                STR("/v1/apps/crm/events/a/b/replay"), &found,
                                &values, &why),
                     ERR_NOT_FOUND);
}

static void
gives_the_query_apart(void **state)
{
    const struct route *found;
    struct route_values values;
    const char *why;
    (void)state;
    assert_int_equal(route_find(table, 5, STR("GET"),
                                STR("/v1/apps/crm/portals?ref=a?b"), &found,
                                &values, &why),
                     ERR_OK);
    assert_true(str_equal(values.query, STR("ref=a?b")));
    assert_int_equal(
        route_find(table, 5, STR("GET"), STR("/readyz"), &found, &values, &why),
        ERR_OK);
    assert_null(values.query.p);
}

static void
says_which_methods_a_path_has(void **state)
{
    static const struct {
        const char *target, *allowed;
    } rows[] = {
        {"/v1/apps/crm/portals/7", "GET, HEAD, DELETE"},
        {"/v1/apps/crm/portals/seven?x=1", "GET, HEAD, DELETE"},
        {"/readyz", "GET, HEAD"},
        {"/v1/apps/crm", ""},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf auto_buf allowed;
        buf_init(&allowed, 64);
        route_add_allowed(table, sizeof(table) / sizeof(table[0]),
                          str_from(rows[i].target), &allowed);
        assert_string_equal(buf_text(&allowed), rows[i].allowed);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_route_and_its_values),
        cmocka_unit_test(an_event_s_id_is_any_text_without_a_slash),
        cmocka_unit_test(gives_the_query_apart),
        cmocka_unit_test(says_which_methods_a_path_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

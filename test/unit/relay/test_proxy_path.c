#include "relay/proxy_path.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static enum err
read_path(const char *method, const char *target, struct proxy_path *out)
{
    const char *why = NULL;
    enum err e = proxy_path_read(str_from(method), str_from(target), out, &why);
    if (e != ERR_OK)
        assert_non_null(why);
    return e;
}

static void
passes_the_bytes_on_as_they_came(void **state)
{
    static const struct {
        const char *target, *sent;
    } rows[] = {
        {"/hubspot/crm/7/crm/v3/objects/contacts?limit=1",
         "/crm/v3/objects/contacts?limit=1"},
        {"/hubspot/crm/7//crm/v3/objects", "/crm/v3/objects"},
        {"/hubspot/crm/7/", "/"},
        {"/hubspot/crm/7//", "/"},
        {"/hubspot/crm/7/?a=//..%2e", "/?a=//..%2e"},
        {"/hubspot/crm/7/a%40b.com?x=%2F", "/a%40b.com?x=%2F"},
        {"/hubspot/crm/7/c/https%3A%2F%2Fexample.com",
         "/c/https%3A%2F%2Fexample.com"},
        {"/hubspot/crm/7/c/100%25", "/c/100%25"},
        {"/hubspot/crm/7/c/100%2525", "/c/100%2525"},
        {"/hubspot/crm/7/c/...", "/c/..."},
        {"/hubspot/crm/7/c/.hidden", "/c/.hidden"},
        {"/hubspot/crm/7/crm/oauth", "/crm/oauth"},
        {"/hubspot/crm/7/oauthx/y", "/oauthx/y"},
        {"/hubspot/crm/7/x?hapikeys=1&nohapikey=2",
         "/x?hapikeys=1&nohapikey=2"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct proxy_path path;
        assert_int_equal(read_path("GET", rows[i].target, &path), ERR_OK);
        assert_true(str_equal(path.target, str_from(rows[i].sent)));
        assert_true(str_equal(path.app, STR("crm")));
        assert_int_equal(path.portal, 7);
        assert_false(path.is_uninstall);
    }
}

static void
refuses_what_is_no_app_and_portal(void **state)
{
    static const struct {
        const char *target;
        enum err err;
    } rows[] = {
        {"/hubspot/", ERR_NOT_FOUND},
        {"/hubspot/crm", ERR_NOT_FOUND},
        {"/hubspot/crm/7", ERR_NOT_FOUND},
        {"/hubspot//7/x", ERR_NOT_FOUND},
        {"/elsewhere/crm/7/x", ERR_NOT_FOUND},
        {"/hubspot/crm/seven/x", ERR_INVALID},
        {"/hubspot/crm/-7/x", ERR_INVALID},
        {"/hubspot/crm/0/x", ERR_INVALID},
        {"/hubspot/crm/18446744073709551616/x", ERR_INVALID},
        {"/hubspot/"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "/7/x",
         ERR_NOT_FOUND},
    };
    struct proxy_path path;
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(read_path("GET", rows[i].target, &path), rows[i].err);
}

static void
refuses_paths_that_another_reader_sees_otherwise(void **state)
{
    static const char *const tails[] = {
        "..",
        "../oauth/v1/token",
        "crm/../oauth",
        "crm/./v3",
        "crm/..;x=1/oauth",
        "crm/%2e%2e/oauth",
        "crm/%2E./oauth",
        "crm%2f..%2foauth",
        "crm/%252e%252e/oauth",
        "crm/..%00/x",
        "crm//v3",
        "//crm",
        "crm/\\..\\oauth",
        "crm/%5c..%5coauth",
        "crm/%255c",
        "crm/%25%2fx/%2509", /* decoded twice by one who is not strict */
        "crm/%25zz/%252e%252e/oauth",
        "crm/a%0d%0ab",
        "crm/%",
        "crm/%4",
        "crm/%zz",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        char target[256];
        struct proxy_path path;
        (void)snprintf(target, sizeof(target), "/hubspot/crm/7/%s",
                       tails[i]); /* all are short */
        assert_int_equal(read_path("GET", target, &path), ERR_INVALID);
    }
}

static void
keeps_oauth_app_installs_and_developer_keys_out(void **state)
{
    static const char *const tails[] = {
        "oauth/v1/token",       "oauth",
        "OAuth/2026-03/token",  "/oauth/v1/token",
        "%6fauth/v1/token",     "%256fauth/v1/token",
        "oauth%2Fv1",           "oauth;v=1/token",
        "%2Foauth/v1",          "appinstalls/v3/external-install",
        "AppInstalls/v3",       "crm/v3?hapikey=x",
        "crm/v3?a=1&HAPIKEY=x", "crm/v3?a=1;hapikey=x",
        "crm/v3?%68apikey=x",   "crm/v3?hapikey",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        char target[256];
        struct proxy_path path;
        (void)snprintf(target, sizeof(target), "/hubspot/crm/7/%s",
                       tails[i]); /* all are short */
        assert_int_equal(read_path("POST", target, &path), ERR_FORBIDDEN);
    }
}

static void
only_deleting_the_installation_runs_as_our_own_delete(void **state)
{
    static const struct {
        const char *method, *target;
        enum err err;
    } rows[] = {
        {"DELETE", "/hubspot/a/7/appinstalls/v3/external-install", ERR_OK},
        {"DELETE", "/hubspot/a/7/appinstalls/2026-09/external-install", ERR_OK},
        {"GET", "/hubspot/a/7/appinstalls/v3/external-install", ERR_FORBIDDEN},
        {"DELETE", "/hubspot/a/7/appinstalls/v3/other", ERR_FORBIDDEN},
        {"DELETE", "/hubspot/a/7/appinstalls/../external-install", ERR_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct proxy_path path = {0};
        assert_int_equal(read_path(rows[i].method, rows[i].target, &path),
                         rows[i].err);
        assert_int_equal(path.is_uninstall, rows[i].err == ERR_OK);
    }
}

static void
knows_reading_from_writing(void **state)
{
    static const struct {
        const char *method, *tail;
        bool is_read;
    } rows[] = {
        {"GET", "crm/v3/objects/contacts", true},
        {"HEAD", "crm/v3/objects/contacts", true},
        {"POST", "crm/v3/objects/contacts/search", true},
        {"POST", "crm/v3/objects/contacts/search?x=1", true},
        {"POST", "crm/v3/objects/contacts/batch/read", true},
        {"POST", "crm/v3/objects/contacts", false},
        {"POST", "crm/v3/objects/contacts/batch/update?/search", false},
        {"POST", "crm/v3/objects/contacts/research", false},
        {"PUT", "crm/v3/objects/contacts/search", false},
        {"PATCH", "crm/v3/objects/contacts/1", false},
        {"DELETE", "crm/v3/objects/contacts/1", false},
        {"OPTIONS", "crm/v3/objects/contacts/1", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char target[256];
        struct proxy_path path;
        (void)snprintf(target, sizeof(target), "/hubspot/crm/7/%s",
                       rows[i].tail); /* all are short */
        assert_int_equal(read_path(rows[i].method, target, &path), ERR_OK);
        assert_int_equal(path.is_read, rows[i].is_read);
    }
}

static void
passes_no_method_that_shows_the_token_or_opens_a_tunnel(void **state)
{
    static const char *const methods[] = {"TRACE", "CONNECT", "get", "BREW"};
    struct proxy_path path;
    (void)state;
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        assert_int_equal(read_path(methods[i], "/hubspot/a/7/x", &path),
                         ERR_INVALID);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_the_bytes_on_as_they_came),
        cmocka_unit_test(refuses_what_is_no_app_and_portal),
        cmocka_unit_test(refuses_paths_that_another_reader_sees_otherwise),
        cmocka_unit_test(keeps_oauth_app_installs_and_developer_keys_out),
        cmocka_unit_test(only_deleting_the_installation_runs_as_our_own_delete),
        cmocka_unit_test(knows_reading_from_writing),
        cmocka_unit_test(
            passes_no_method_that_shows_the_token_or_opens_a_tunnel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

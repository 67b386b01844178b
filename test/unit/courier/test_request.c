#include "courier/request.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "courier/request.c"

static const struct courier_errand asked = {
    .client_id = STR("1111-2222"),
    .client_secret = {STR("s3cr&t")},
    .token = {STR("na1-token")},
    .code = {STR("na1-code")},
    .verifier = {STR("verifier~1")},
    .redirect_uri = STR("https://keep.example.com/oauth/crm/callback"),
    .text = STR("{\"a\":1}"),
};

static struct str
header(const struct request *r, const char *name)
{
    for (size_t i = 0; i < r->spec.n_headers; i++)
        if (str_equal(r->spec.headers[i].name, str_from(name)))
            return r->spec.headers[i].value;
    return STR_NONE;
}

static void
assert_str(struct str got, const char *wanted)
{
    if (!str_equal(got, str_from(wanted)))
        fail_msg("%.*s and not %s", STR_ARG(got), wanted);
}

static void
builds_each_errand_as_hubspot_wants_it(void **state)
{
    (void)state;
    static const struct {
        enum errand_kind kind;
        const char *method, *target, *type, *bearer, *body;
    } cases[] = {
        {ERRAND_EXCHANGE, "POST", "/oauth/2026-03/token",
         "application/x-www-form-urlencoded", NULL,
         "grant_type=authorization_code&client_id=1111-2222"
         "&client_secret=s3cr%26t&redirect_uri=https%3A%2F%2Fkeep.example.com"
         "%2Foauth%2Fcrm%2Fcallback&code=na1-code&code_verifier=verifier~1"},
        {ERRAND_REFRESH, "POST", "/oauth/2026-03/token",
         "application/x-www-form-urlencoded", NULL,
         "grant_type=refresh_token&client_id=1111-2222"
         "&client_secret=s3cr%26t&refresh_token=na1-token"},
        {ERRAND_INTROSPECT, "POST", "/oauth/2026-03/token/introspect",
         "application/x-www-form-urlencoded", NULL,
         "client_id=1111-2222&client_secret=s3cr%26t&token=na1-token"
         "&token_type_hint=refresh_token"},
        {ERRAND_REVOKE, "POST", "/oauth/2026-03/token/revoke",
         "application/x-www-form-urlencoded", NULL,
         "client_id=1111-2222&client_secret=s3cr%26t&token=na1-token"
         "&token_type_hint=refresh_token"},
        {ERRAND_UNINSTALL, "DELETE", "/appinstalls/2026-03/external-install",
         NULL, "Bearer na1-token", ""},
        {ERRAND_TOKEN_INFO, "POST",
         "/oauth/v2/private-apps/get/access-token-info", "application/json",
         "Bearer na1-token", "{\"tokenKey\":\"na1-token\"}"},
        {ERRAND_APP_TOKEN, "POST", "/oauth/2026-03/token",
         "application/x-www-form-urlencoded", NULL,
         "grant_type=client_credentials&client_id=1111-2222"
         "&client_secret=s3cr%26t&scope=%7B%22a%22%3A1%7D"},
        {ERRAND_SUBSCRIBE, "POST", "/webhooks-journal/subscriptions/2026-03",
         "application/json", "Bearer na1-token", "{\"a\":1}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct courier_errand one = asked;
        struct request r;
        one.kind = cases[i].kind;
        request_init(&r);
        assert_int_equal(request_build(&r, STR_NONE, STR("2026-03"), &one),
                         ERR_OK);
        assert_str(r.spec.method, cases[i].method);
        assert_str(r.spec.target, cases[i].target);
        assert_str(r.spec.body, cases[i].body);
        assert_str(header(&r, "Content-Type"), cases[i].type);
        assert_str(header(&r, "Authorization"), cases[i].bearer);
        assert_true(r.spec.is_secret);
        assert_true(r.body.is_secret && r.bearer.is_secret);
        request_done(&r);
    }
}

static void
leaves_the_verifier_out_where_there_is_none(void **state)
{
    (void)state;
    struct courier_errand one = asked;
    struct request r;
    one.kind = ERRAND_EXCHANGE;
    one.verifier = HIDDEN_NONE;
    request_init(&r);
    assert_int_equal(request_build(&r, STR("/base"), STR("v3"), &one), ERR_OK);
    assert_str(r.spec.target, "/base/oauth/v3/token");
    assert_true(str_ends(r.spec.body, STR("&code=na1-code")));
    request_done(&r);
}

static void
refuses_a_token_that_would_break_a_header(void **state)
{
    (void)state;
    static const struct str tokens[] = {
        STR(""),     STR("a b"),  STR("a\r\nX: y"),
        STR("a\0b"), STR("\x7f"), STR("\xc3\xa4"),
    };
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        struct courier_errand one = asked;
        struct request r;
        one.kind = ERRAND_UNINSTALL;
        one.token = HIDDEN(tokens[i]);
        request_init(&r);
        assert_int_equal(request_build(&r, STR_NONE, STR("2026-03"), &one),
                         ERR_INVALID);
        request_done(&r);
    }
}

static void
refuses_a_kind_that_does_not_exist(void **state)
{
    (void)state;
    static const uint32_t kinds[] = {0, ERRAND_SUBSCRIBE + 1, UINT32_MAX};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct courier_errand one = asked;
        struct request r;
        one.kind = kinds[i];
        request_init(&r);
        assert_int_equal(request_build(&r, STR_NONE, STR("2026-03"), &one),
                         ERR_INVALID);
        request_done(&r);
    }
}

static void
has_room_for_the_longest_of_everything(void **state)
{
    (void)state;
    static char longest[LIMIT_TOKEN];
    memset(longest, '&', sizeof(longest)); /* three bytes each in a form */
    struct courier_errand one = asked;
    one.kind = ERRAND_EXCHANGE;
    one.client_secret = one.code = one.verifier =
        HIDDEN(str_of(longest, sizeof(longest)));
    struct request r;
    request_init(&r);
    assert_int_equal(request_build(&r, STR_NONE, STR("2026-03"), &one), ERR_OK);
    request_done(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_each_errand_as_hubspot_wants_it),
        cmocka_unit_test(leaves_the_verifier_out_where_there_is_none),
        cmocka_unit_test(refuses_a_token_that_would_break_a_header),
        cmocka_unit_test(refuses_a_kind_that_does_not_exist),
        cmocka_unit_test(has_room_for_the_longest_of_everything),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

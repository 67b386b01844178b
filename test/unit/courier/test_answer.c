#include "courier/answer.h"

#include "base/limits.h"
#include "base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "courier/answer.c"

#define JSON_TYPE "application/json;charset=utf-8"

static void
assert_str(struct str got, const char *wanted)
{
    if (!str_equal(got, str_from(wanted)))
        fail_msg("\"%.*s\" and not \"%s\"", STR_ARG(got), wanted);
}

/* An answer as it would come, taken apart. */
static void
take(struct reading *r, enum errand_kind kind, unsigned status,
     const char *type, const char *body)
{
    struct http_head head = {.status = status, .n_headers = 1};
    struct courier_errand asked = {.kind = kind,
                                   .token = {STR("na1-sent-token")},
                                   .client_secret = {STR("sent-secret")}};
    struct answer a;
    head.headers[0] = (struct http_header){STR("Content-Type"), str_from(type)};
    answer_take_head(&a, &head, 0);
    reading_init(r);
    reading_take(r, &a, &asked, str_from(body));
}

static void
reads_a_token_reply_with_everything_in_it(void **state)
{
    struct reading r;
    (void)state;
    take(&r, ERRAND_EXCHANGE, 200, JSON_TYPE,
         "{\"access_token\":\"CAcc\",\"refresh_token\":\"na1-re\","
         "\"expires_in\":1800,\"token_type\":\"bearer\",\"hub_id\":1001,"
         "\"user_id\":77,\"scopes\":[\"oauth\",\"crm.export\"],"
         "\"something_new\":{\"a\":[1]}}");
    assert_int_equal(r.done.outcome, OUTCOME_OK);
    assert_int_equal(r.done.kind, ERRAND_EXCHANGE);
    assert_str(r.done.access_token.s, "CAcc");
    assert_str(r.done.refresh_token.s, "na1-re");
    assert_int_equal(r.done.expires_in, 1800);
    assert_int_equal(r.done.hub_id, 1001);
    assert_int_equal(r.done.user_id, 77);
    assert_true(r.done.has_scopes);
    assert_int_equal(r.done.scopes.n, 2);
    assert_str(r.done.scopes.v[1], "crm.export");
    reading_done(&r);
}

static void
needs_no_more_than_a_token_and_its_lifetime(void **state)
{
    struct reading r;
    (void)state;
    take(&r, ERRAND_REFRESH, 200, JSON_TYPE,
         "{\"access_token\":\"CAcc\",\"expires_in\":1800}");
    assert_int_equal(r.done.outcome, OUTCOME_OK);
    assert_int_equal(r.done.refresh_token.s.n, 0);
    assert_int_equal(r.done.hub_id, 0);
    assert_false(r.done.has_scopes);
    reading_done(&r);
}

static void
takes_no_answer_for_a_success_that_cannot_be_used(void **state)
{
    (void)state;
    static const struct {
        enum errand_kind kind;
        const char *type, *body;
    } cases[] = {
        {ERRAND_REFRESH, "text/html", "<html>Sign in</html>"},
        {ERRAND_REFRESH, "text/html",
         "{\"access_token\":\"A\",\"expires_in\":1800}"},
        {ERRAND_REFRESH, "", "{\"access_token\":\"A\",\"expires_in\":1800}"},
        {ERRAND_REFRESH, JSON_TYPE, ""},
        {ERRAND_REFRESH, JSON_TYPE, "{\"access_token\":\"A\",\"expir"},
        {ERRAND_REFRESH, JSON_TYPE, "[\"access_token\"]"},
        {ERRAND_REFRESH, JSON_TYPE, "{\"expires_in\":1800}"},
        {ERRAND_REFRESH, JSON_TYPE,
         "{\"accessToken\":\"A\","
         "\"expires_in\":1800}"},
        {ERRAND_REFRESH, JSON_TYPE,
         "{\"access_token\":\"\","
         "\"expires_in\":1800}"},
        {ERRAND_REFRESH, JSON_TYPE,
         "{\"access_token\":7,"
         "\"expires_in\":1800}"},
        {ERRAND_REFRESH, JSON_TYPE,
         "{\"access_token\":\"a b\","
         "\"expires_in\":1800}"},
        {ERRAND_REFRESH, JSON_TYPE,
         "{\"access_token\":\"a\\r\\nb\","
         "\"expires_in\":1800}"},
        {ERRAND_REFRESH, JSON_TYPE, "{\"access_token\":\"A\"}"},
        {ERRAND_REFRESH, JSON_TYPE,
         "{\"access_token\":\"A\","
         "\"expires_in\":0}"},
        {ERRAND_REFRESH, JSON_TYPE,
         "{\"access_token\":\"A\","
         "\"expires_in\":-1}"},
        {ERRAND_REFRESH, JSON_TYPE,
         "{\"access_token\":\"A\","
         "\"expires_in\":\"1800\"}"},
        {ERRAND_REFRESH, JSON_TYPE,
         "{\"access_token\":\"A\","
         "\"expires_in\":99999999}"},
        {ERRAND_REFRESH, JSON_TYPE,
         "{\"access_token\":\"A\",\"access_token\""
         ":\"B\",\"expires_in\":1800}"},
        {ERRAND_EXCHANGE, JSON_TYPE,
         "{\"access_token\":\"A\","
         "\"expires_in\":1800}"},
        {ERRAND_INTROSPECT, JSON_TYPE, "{\"hub_id\":1001}"},
        {ERRAND_INTROSPECT, JSON_TYPE, "{\"active\":\"true\"}"},
        {ERRAND_TOKEN_INFO, JSON_TYPE, "{\"scopes\":[]}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct reading r;
        take(&r, cases[i].kind, 200, cases[i].type, cases[i].body);
        if (r.done.outcome != OUTCOME_TRANSIENT)
            fail_msg("case %zu: %u", i, r.done.outcome);
        assert_true(r.done.status.n > 0);
        reading_done(&r);
    }
}

static void
passes_a_new_refresh_token_on_even_where_the_rest_is_garbage(void **state)
{
    struct reading r;
    (void)state;
    take(&r, ERRAND_REFRESH, 200, JSON_TYPE,
         "{\"access_token\":\"A\",\"refresh_token\":\"na1-new\"}");
    assert_int_equal(r.done.outcome, OUTCOME_TRANSIENT);
    assert_str(r.done.refresh_token.s, "na1-new");
    reading_done(&r);
}

static void
refuses_a_token_that_no_cell_takes(void **state)
{
    (void)state;
    static const size_t lengths[] = {LIMIT_TOKEN, LIMIT_TOKEN + 1};
    for (size_t i = 0; i < 2; i++) {
        char body[LIMIT_TOKEN + 200], token[LIMIT_TOKEN + 2];
        struct reading r;
        memset(token, 'x', lengths[i]);
        token[lengths[i]] = '\0';
        (void)snprintf(body, sizeof(body),
                       "{\"access_token\":\"%s\",\"expires_in\":1800}", token);
        take(&r, ERRAND_REFRESH, 200, JSON_TYPE, body);
        assert_int_equal(r.done.outcome, i == 0 ? OUTCOME_OK : OUTCOME_REFUSED);
        reading_done(&r);
    }
}

static void
reads_an_introspection(void **state)
{
    struct reading r;
    (void)state;
    take(&r, ERRAND_INTROSPECT, 200, JSON_TYPE,
         "{\"active\":true,\"token\":\"na1-sent-token\",\"hub_id\":1001,"
         "\"user_id\":77,\"user\":\"ada@example.com\",\"hub_domain\":"
         "\"example.com\",\"client_id\":\"1111\",\"scopes\":[\"oauth\"]}");
    assert_int_equal(r.done.outcome, OUTCOME_OK);
    assert_str(r.done.user_email, "ada@example.com");
    assert_str(r.done.hub_domain, "example.com");
    assert_str(r.done.client_id, "1111");
    assert_int_equal(r.done.refresh_token.s.n, 0);
    reading_done(&r);
    take(&r, ERRAND_INTROSPECT, 200, "application/json", "{\"active\":false}");
    assert_int_equal(r.done.outcome, OUTCOME_INACTIVE);
    assert_int_equal(r.done.status.n, 0);
    reading_done(&r);
}

static void
reads_what_a_static_token_is_for(void **state)
{
    struct reading r;
    (void)state;
    take(&r, ERRAND_TOKEN_INFO, 200, JSON_TYPE,
         "{\"userId\":5,\"hubId\":1002,\"appId\":9,"
         "\"scopes\":[\"crm.objects.contacts.read\",3,\"\",\"a b\"]}");
    assert_int_equal(r.done.outcome, OUTCOME_OK);
    assert_int_equal(r.done.hub_id, 1002);
    assert_int_equal(r.done.user_id, 5);
    assert_int_equal(r.done.scopes.n, 1);
    reading_done(&r);
}

static void
reads_scopes_as_one_text_too(void **state)
{
    struct reading r;
    (void)state;
    take(&r, ERRAND_REFRESH, 200, JSON_TYPE,
         "{\"access_token\":\"A\",\"expires_in\":1800,"
         "\"scope\":\"oauth crm.export\"}");
    assert_true(r.done.has_scopes);
    assert_int_equal(r.done.scopes.n, 2);
    reading_done(&r);
}

static void
says_what_hubspot_said(void **state)
{
    (void)state;
    static const struct {
        const char *body, *status, *message;
    } cases[] = {
        {"{\"status\":\"BAD_REFRESH_TOKEN\",\"message\":\"it is gone\"}",
         "BAD_REFRESH_TOKEN", "it is gone"},
        {"{\"error\":\"invalid_grant\",\"error_description\":\"so sad\"}",
         "invalid_grant", "so sad"},
        {"{\"status\":\"error\",\"category\":\"INVALID_AUTHENTICATION\","
         "\"message\":\"no\"}",
         "INVALID_AUTHENTICATION", "no"},
        {"{\"status\":\"BAD_HUB\",\"error\":\"access_denied\"}", "BAD_HUB", ""},
        {"{}", "", ""},
        /* What we sent is repeated nowhere. */
        {"{\"status\":\"X\",\"message\":\"token (na1-sent-token) is bad\"}",
         "X", ""},
        {"{\"status\":\"X\",\"message\":\"not sent-secret\"}", "X", ""},
        {"{\"status\":\"X\",\"message\":\"line\\nbreak\"}", "X", ""},
        {"{\"status\":\"A\\nB\",\"message\":\"m\"}", "", "m"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct reading r;
        take(&r, ERRAND_REFRESH, 400, JSON_TYPE, cases[i].body);
        assert_str(r.done.status, cases[i].status);
        assert_str(r.done.message, cases[i].message);
        reading_done(&r);
    }
}

static void
shortens_between_characters(void **state)
{
    (void)state;
    struct str s = STR("ab\xc3\xa4");
    assert_int_equal(shortened(s, 4).n, 4);
    assert_int_equal(shortened(s, 3).n, 2);
    assert_int_equal(shortened(s, 2).n, 2);
}

static void
reads_when_to_come_back(void **state)
{
    (void)state;
    static const struct {
        const char *retry_after, *date;
        uint32_t wanted;
    } cases[] = {
        {"10", "", 10},
        {" 7 ", "", 7},
        {"99999999999", "", RETRY_AFTER_MAX_S},
        {"soon", "", 0},
        {"-5", "", 0},
        {"", "", 0},
        {"Tue, 24 Nov 2026 15:30:30 GMT", "Tue, 24 Nov 2026 15:30:00 GMT", 30},
        {"Tue, 24 Nov 2026 15:29:00 GMT", "Tue, 24 Nov 2026 15:30:00 GMT", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_head head = {.status = 429, .n_headers = 2};
        struct answer a;
        head.headers[0] = (struct http_header){STR("Retry-After"),
                                               str_from(cases[i].retry_after)};
        head.headers[1] =
            (struct http_header){STR("Date"), str_from(cases[i].date)};
        answer_take_head(&a, &head, 0);
        assert_int_equal(a.retry_after_s, cases[i].wanted);
        assert_int_equal(a.date != 0, cases[i].date[0] != '\0');
    }
}

static void
says_why_no_answer_came(void **state)
{
    (void)state;
    struct answer none = {0}, throttled = {.status = 429, .retry_after_s = 9};
    struct courier_errand asked = {.kind = ERRAND_REFRESH};
    struct reading r;
    reading_init(&r);
    reading_take_failure(&r, &none, &asked, ERR_TIMEOUT);
    assert_int_equal(r.done.outcome, OUTCOME_TRANSIENT);
    assert_int_equal(r.done.http_status, 0);
    assert_str(r.done.status, err_name(ERR_TIMEOUT));
    reading_take_failure(&r, &throttled, &asked, ERR_CLOSED);
    assert_int_equal(r.done.outcome, OUTCOME_THROTTLED);
    assert_int_equal(r.done.retry_after_s, 9);
    reading_done(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_token_reply_with_everything_in_it),
        cmocka_unit_test(needs_no_more_than_a_token_and_its_lifetime),
        cmocka_unit_test(takes_no_answer_for_a_success_that_cannot_be_used),
        cmocka_unit_test(
            passes_a_new_refresh_token_on_even_where_the_rest_is_garbage),
        cmocka_unit_test(refuses_a_token_that_no_cell_takes),
        cmocka_unit_test(reads_an_introspection),
        cmocka_unit_test(reads_what_a_static_token_is_for),
        cmocka_unit_test(reads_scopes_as_one_text_too),
        cmocka_unit_test(says_what_hubspot_said),
        cmocka_unit_test(shortens_between_characters),
        cmocka_unit_test(reads_when_to_come_back),
        cmocka_unit_test(says_why_no_answer_came),
    };
    json_set_alloc_funcs(wiping_malloc, wiping_free);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

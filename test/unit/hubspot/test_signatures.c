#include "hubspot/signatures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* The vectors were made with Signature.getSignature of @hubspot/api-client
 * 14, which does not decode URIs. */
#define SECRET HIDDEN(STR("5c1f2b7e-0000-4aaa-8bbb-123456789abc"))
#define OTHER_SECRET HIDDEN(STR("5c1f2b7e-0000-4aaa-8bbb-123456789abd"))
#define BODY                             \
    "[{\"eventId\":1,\"portalId\":1001," \
    "\"subscriptionType\":\"contact.creation\"}]"
#define URL "https://keep.example.com/webhooks/crm-sync"
#define CARD "https://keep.example.com/card?userEmail="

static const struct vector {
    const char *method, *uri, *body;
    int64_t timestamp_ms;
    const char *signatures[4]; /* by version */
} vectors[] = {
    {"POST",
     URL "?tenant=a%20b&x=1",
     BODY,
     1764000000123,
     {NULL, "c41570d6808af1b7b69531706a71d929f62b5f53a8385c7e9f0520fe224f2a4a",
      "c3d2a7204983fada70ae1546e9d39ee6bc3b7dce0685679f3f6b73484d995bed",
      "TZYJiwmrmKppzINy6tDbDL/BVQ17nfWrs3MIrnyJLKo="}},
    {"GET",
     CARD "ann@example.com",
     "",
     1764000000123,
     {NULL, "a1001cf9f89fa26b0f0ef1d01122d95cc1bdffab39e1f9480f0a4ef24bc4dc3e",
      "7932c6fd8cf0c23c6daa3a407930dba170c6ae52045be692367410bc0a638409",
      "0BJoQQM6XyGVCjptx1yNgH+e9ttooxI0/a8y+QTcZgE="}},
    {"POST",
     URL,
     "[{\"propertyValue\":\"Żółw\"}]",
     1764000999000,
     {NULL, "4984e27f3bc24b3abbb78744ce959a2333a2813ea309bc3e4898b6b995b0b48b",
      "e64fd2af735e7b6715765b2eec9fd41c48ab1abf74250db12aa35a5773eee840",
      "6roA/+JcZd71E5N+BMnOhcP+WesFaLrnu1VjVQpAKGw="}},
};
#define N_VECTORS (sizeof(vectors) / sizeof(vectors[0]))

static struct signature_input
input_of(const struct vector *v)
{
    return (struct signature_input){
        .secret = SECRET,
        .uri = str_from(v->uri),
        .request = {str_from(v->method), str_from(v->body)},
        .timestamp_ms = v->timestamp_ms,
    };
}

/* The headers of a request, as HubSpot sends them. */
static struct signature
read_of(enum signature_version version, const char *value, const char *time)
{
    struct signature_headers headers = {0};
    struct signature s;
    if (version == SIGNATURE_V3) {
        headers.v3 = str_from(value);
        headers.timestamp = str_from(time);
    } else {
        headers.signature = str_from(value);
        headers.version = version == SIGNATURE_V2 ? STR("v2") : STR("v1");
    }
    assert_int_equal(signature_read(&headers, &s), ERR_OK);
    assert_int_equal(s.version, version);
    return s;
}

static struct signature
signature_of(const struct vector *v, enum signature_version version)
{
    struct buf auto_buf time = {0};
    buf_init(&time, 32);
    buf_add_u64(&time, (uint64_t)v->timestamp_ms);
    return read_of(version, v->signatures[version], buf_text(&time));
}

static void
makes_the_signatures_that_hubspots_sdk_makes(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_VECTORS; i++) {
        for (enum signature_version v = SIGNATURE_V1; v <= SIGNATURE_V3; v++) {
            struct signature_input input = input_of(&vectors[i]);
            struct buf auto_buf out = {0};
            buf_init(&out, 100);
            signature_make(v, &input, &out);
            assert_string_equal(buf_text(&out), vectors[i].signatures[v]);
        }
    }
}

static enum err
check(const struct signature *s, struct hidden secret, const char *uri,
      const char *method, const char *body)
{
    struct str uris[] = {str_from(uri)};
    struct signature_candidates candidates = {&secret, 1, uris, 1};
    struct signature_request request = {str_from(method), str_from(body)};
    struct signature_match match = {9, 9};
    enum err e = signature_check(s, &candidates, &request, &match);
    assert_int_equal(match.secret, e == ERR_OK ? 0 : 9);
    assert_int_equal(match.uri, e == ERR_OK ? 0 : 9);
    return e;
}

static void
takes_the_signatures_that_hubspots_sdk_makes(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_VECTORS; i++) {
        const struct vector *v = &vectors[i];
        for (enum signature_version n = SIGNATURE_V1; n <= SIGNATURE_V3; n++) {
            struct signature s = signature_of(v, n);
            assert_int_equal(check(&s, SECRET, v->uri, v->method, v->body),
                             ERR_OK);
        }
    }
}

static void
refuses_a_request_that_differs_in_anything_signed(void **state)
{
    (void)state;
    const struct vector *v = &vectors[0];
    for (enum signature_version n = SIGNATURE_V1; n <= SIGNATURE_V3; n++) {
        struct signature s = signature_of(v, n);
        enum err e = n == SIGNATURE_V1 ? ERR_OK : ERR_UNAUTHORIZED;
        assert_int_equal(check(&s, OTHER_SECRET, v->uri, v->method, v->body),
                         ERR_UNAUTHORIZED);
        assert_int_equal(check(&s, SECRET, v->uri, v->method, BODY " "),
                         ERR_UNAUTHORIZED);
        assert_int_equal(check(&s, SECRET, v->uri, "PUT", v->body), e);
        assert_int_equal(check(&s, SECRET, URL, v->method, v->body), e);
        s.digest[31] ^= 1;
        assert_int_equal(check(&s, SECRET, v->uri, v->method, v->body),
                         ERR_UNAUTHORIZED);
    }
    struct signature s = signature_of(v, SIGNATURE_V3);
    s.timestamp_ms++;
    assert_int_equal(check(&s, SECRET, v->uri, v->method, v->body),
                     ERR_UNAUTHORIZED);
}

static void
says_which_secret_and_which_uri_fits(void **state)
{
    (void)state;
    const struct vector *v = &vectors[0];
    struct str uris[] = {STR(URL), STR("https://old.example.com/hubspot"),
                         STR_NONE};
    struct hidden secrets[] = {OTHER_SECRET, SECRET};
    struct signature_candidates candidates = {secrets, 2, uris, 3};
    struct signature_request request = {str_from(v->method), str_from(v->body)};
    struct signature s = signature_of(v, SIGNATURE_V3);
    struct signature_match match;
    assert_int_equal(signature_check(&s, &candidates, &request, &match),
                     ERR_UNAUTHORIZED);
    uris[2] = str_from(v->uri);
    assert_int_equal(signature_check(&s, &candidates, &request, &match),
                     ERR_OK);
    assert_int_equal(match.uri, 2);
    assert_int_equal(match.secret, 1);
    candidates.n_secrets = 0;
    assert_int_equal(signature_check(&s, &candidates, &request, &match),
                     ERR_UNAUTHORIZED);
}

static void
decodes_the_codes_that_hubspot_lists_and_no_other(void **state)
{
    (void)state;
    static const struct {
        const char *uri, *decoded;
    } cases[] = {
        {"", ""},
        {"https://a.example/x?y=z", "https://a.example/x?y=z"},
        {"%3A%2F%3F%40%21%24%27%28%29%2A%2C%3B", ":/?@!$'()*,;"},
        {"%3a%2f%3f%2a%2c%3b", ":/?*,;"},
        {"/x?q=%20%26%3D%2B%25%23%5B%C5%BB",
         "/x?q=%20%26%3D%2B%25%23%5B%C5%BB"},
        {"%253A", "%253A"},
        {"%2%3A", "%2:"},
        {"%%3A%", "%:%"},
        {"a%3", "a%3"},
        {"%3A", ":"},
        {"a%3Ab%2Fc", "a:b/c"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf auto_buf out = {0};
        buf_init(&out, 100);
        hubspot_uri_decode(str_from(cases[i].uri), &out);
        assert_string_equal(buf_text(&out), cases[i].decoded);
    }
}

static void
takes_v3_over_the_decoded_uri_and_over_the_uri_as_it_stands(void **state)
{
    (void)state;
    const struct vector *v = &vectors[1];
    struct signature decoded = signature_of(v, SIGNATURE_V3);
    /* What the SDK makes of the URI with its code left as it is. */
    struct signature plain = read_of(
        SIGNATURE_V3,
        "wehVkVlLlQlkt0B84CIXsXcMV9mXrBqiN82uMdMWPDc=", "1764000000123");
    const char *uri = CARD "ann%40example.com";
    assert_int_equal(check(&decoded, SECRET, uri, "GET", ""), ERR_OK);
    assert_int_equal(check(&plain, SECRET, uri, "GET", ""), ERR_OK);
    assert_int_equal(check(&plain, SECRET, v->uri, "GET", ""),
                     ERR_UNAUTHORIZED);
    struct signature_input input = input_of(v);
    struct buf auto_buf out = {0};
    buf_init(&out, 100);
    input.uri = str_from(uri);
    signature_make(SIGNATURE_V3, &input, &out);
    assert_string_equal(buf_text(&out), v->signatures[SIGNATURE_V3]);
}

#define HEX "c41570d6808af1b7b69531706a71d929f62b5f53a8385c7e9f0520fe224f2a4a"
#define BASE64 "TZYJiwmrmKppzINy6tDbDL/BVQ17nfWrs3MIrnyJLKo="

static void
refuses_signatures_of_the_wrong_form(void **state)
{
    (void)state;
    static const struct {
        const char *signature, *version, *v3, *timestamp;
        enum err e;
    } cases[] = {
        {NULL, NULL, NULL, NULL, ERR_NOT_FOUND},
        {NULL, "v1", NULL, "1764000000123", ERR_NOT_FOUND},
        {HEX, "v1", NULL, NULL, ERR_OK},
        {HEX, "v2", NULL, "nonsense", ERR_OK},
        {HEX, NULL, NULL, NULL, ERR_SYNTAX},
        {HEX, "", NULL, NULL, ERR_SYNTAX},
        {HEX, "v3", NULL, "1764000000123", ERR_SYNTAX},
        {HEX, "v1 ", NULL, NULL, ERR_SYNTAX},
        {HEX "0", "v1", NULL, NULL, ERR_SYNTAX},
        {HEX "00", "v1", NULL, NULL, ERR_SYNTAX},
        {"", "v1", NULL, NULL, ERR_SYNTAX},
        {"g" HEX, "v1", NULL, NULL, ERR_SYNTAX},
        {BASE64, "v1", NULL, NULL, ERR_SYNTAX},
        {NULL, NULL, BASE64, "1764000000123", ERR_OK},
        {HEX, "v1", BASE64, "1764000000123", ERR_OK},
        {HEX, "v1", BASE64 "=", "1764000000123", ERR_SYNTAX},
        {HEX, "v1", BASE64, NULL, ERR_SYNTAX},
        {HEX, "v1", "", "1764000000123", ERR_SYNTAX},
        {NULL, NULL, HEX, "1764000000123", ERR_SYNTAX},
        {NULL, NULL, BASE64, "", ERR_SYNTAX},
        {NULL, NULL, BASE64, "0", ERR_OK},
        {NULL, NULL, BASE64, "01764000000123", ERR_SYNTAX},
        {NULL, NULL, BASE64, "-1", ERR_SYNTAX},
        {NULL, NULL, BASE64, "1764000000123.5", ERR_SYNTAX},
        {NULL, NULL, BASE64, " 1764000000123", ERR_SYNTAX},
        {NULL, NULL, BASE64, "999999999999999", ERR_OK},
        {NULL, NULL, BASE64, "1000000000000000", ERR_SYNTAX},
        {NULL, NULL, BASE64, "18446744073709551617", ERR_SYNTAX},
        {NULL, NULL, "TZYJiwmrmKppzINy6tDbDL_BVQ17nfWrs3MIrnyJLKo=", "1",
         ERR_SYNTAX},
        {NULL, NULL, "TZYJiwmrmKppzINy6tDbDL/BVQ17nfWrs3MIrnyJLKp=", "1",
         ERR_SYNTAX},
        {NULL, NULL, "TZYJiwmrmKppzINy6tDbDL/BVQ17nfWrs3MIrnyJLKo", "1",
         ERR_SYNTAX},
        {NULL, NULL, "TZYJiwmrmKppzINy6tDbDL/BVQ17nfWrs3MIrny LKo=", "1",
         ERR_SYNTAX},
        {NULL, NULL, "TZYJiwmrmKppzINy6tDbDL/BVQ17nfWrs3MIrnyJLA==", "1",
         ERR_SYNTAX},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct signature_headers headers = {
            str_from(cases[i].signature), str_from(cases[i].version),
            str_from(cases[i].v3), str_from(cases[i].timestamp)};
        struct signature s;
        if (signature_read(&headers, &s) != cases[i].e)
            fail_msg("case %zu", i);
        if (cases[i].e == ERR_OK)
            assert_int_equal(s.version, cases[i].v3 != NULL ? SIGNATURE_V3
                                        : str_equal(headers.version, STR("v1"))
                                            ? SIGNATURE_V1
                                            : SIGNATURE_V2);
    }
}

static void
takes_five_minutes_back_and_one_ahead(void **state)
{
    (void)state;
    int64_t now = 1764000000123;
    assert_int_equal(signature_check_time(now, now), ERR_OK);
    assert_int_equal(signature_check_time(now - 300000, now), ERR_OK);
    assert_int_equal(signature_check_time(now - 300001, now), ERR_EXPIRED);
    assert_int_equal(signature_check_time(now + 60000, now), ERR_OK);
    assert_int_equal(signature_check_time(now + 60001, now), ERR_INVALID);
    assert_int_equal(signature_check_time(0, now), ERR_EXPIRED);
    assert_int_equal(signature_check_time(999999999999999, now), ERR_INVALID);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_the_signatures_that_hubspots_sdk_makes),
        cmocka_unit_test(takes_the_signatures_that_hubspots_sdk_makes),
        cmocka_unit_test(refuses_a_request_that_differs_in_anything_signed),
        cmocka_unit_test(says_which_secret_and_which_uri_fits),
        cmocka_unit_test(decodes_the_codes_that_hubspot_lists_and_no_other),
        cmocka_unit_test(
            takes_v3_over_the_decoded_uri_and_over_the_uri_as_it_stands),
        cmocka_unit_test(refuses_signatures_of_the_wrong_form),
        cmocka_unit_test(takes_five_minutes_back_and_one_ahead),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

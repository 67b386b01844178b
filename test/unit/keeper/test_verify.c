#include "stage.h"

#include "hubspot/signatures.h"

#include <inttypes.h>
#include <stdio.h>

/* RELAY_VERIFY, and which headers of a webhook count. */

#define URI "https://app.example.com/card?a=1"
#define SECRET "the-client-secret"

static struct heard heard;

/* A signed request; the texts are in the stage's arena. */
static struct relay_verify
signed_request(struct stage *s, enum signature_version version)
{
    struct buf auto_buf value = {0};
    struct signature_input input = {.secret = HIDDEN(STR(SECRET)),
                                    .uri = STR(URI),
                                    .request = {STR("POST"), STR("{}")},
                                    .timestamp_ms = s->now_ms + s->wall_ms};
    struct relay_verify v = {.app = STR("crm"),
                             .credential = HIDDEN(str_from(s->api_key)),
                             .address = STR("127.0.0.1"),
                             .method = STR("POST"),
                             .uri = STR(URI),
                             .body = HIDDEN(STR("{}"))};
    buf_init(&value, 128);
    signature_make(version, &input, &value);
    struct str text = arena_copy(s->arena, buf_str(&value));
    if (version == SIGNATURE_V3) {
        v.signature_v3 = text;
        v.timestamp = arena_printf(s->arena, "%" PRId64, input.timestamp_ms);
    } else {
        v.signature = text;
        v.signature_version = version == SIGNATURE_V2 ? STR("v2") : STR("v1");
    }
    return v;
}

static void
expect(struct stage *s, const struct relay_verify *v, const char *json)
{
    stage_relay(s, RELAY_VERIFY, v, &heard);
    assert_int_equal(heard.err, ERR_OK);
    if (strstr(heard.json, json) == NULL)
        fail_msg("%s is not in %s", json, heard.json);
}

static void
a_signature_that_fits_is_valid(void **state)
{
    struct stage *s = stage_new();
    struct relay_verify v = signed_request(s, SIGNATURE_V3);
    (void)state;
    expect(s, &v, "{\"valid\":true,\"version\":\"v3\"}");
    stage_free(s);
}

static void
all_else_is_not_with_a_reason(void **state)
{
    struct stage *s = stage_new();
    struct relay_verify v = signed_request(s, SIGNATURE_V3), w = v;
    (void)state;
    w.body = HIDDEN(STR("{ }"));
    expect(s, &w, "does not fit");
    w = v;
    w.signature_v3 = STR("x");
    expect(s, &w, "does not have the form");
    w = v;
    w.signature_v3 = STR_NONE;
    expect(s, &w, "no signature");
    s->now_ms += SIGNATURE_PAST_MS + 1;
    expect(s, &v, "{\"valid\":false,\"reason\":\"The timestamp");
    stage_free(s);
}

static void
older_signatures_are_taken_only_where_the_app_says_so(void **state)
{
    static const enum signature_version versions[] = {SIGNATURE_V2,
                                                      SIGNATURE_V1};
    struct stage *s = stage_new();
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct relay_verify v = signed_request(s, versions[i]);
        expect(s, &v, "does not allow this version");
    }
    stage_free(s);
}

static void
a_caller_without_a_key_is_refused(void **state)
{
    struct stage *s = stage_new();
    struct relay_verify v = signed_request(s, SIGNATURE_V3);
    (void)state;
    v.credential = HIDDEN(STR("pkeep_none"));
    stage_relay(s, RELAY_VERIFY, &v, &heard);
    assert_int_equal(heard.err, ERR_UNAUTHORIZED);
    v = signed_request(s, SIGNATURE_V3);
    v.app = STR("none");
    stage_relay(s, RELAY_VERIFY, &v, &heard);
    assert_int_not_equal(heard.err, ERR_OK);
    stage_free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signature_that_fits_is_valid),
        cmocka_unit_test(all_else_is_not_with_a_reason),
        cmocka_unit_test(older_signatures_are_taken_only_where_the_app_says_so),
        cmocka_unit_test(a_caller_without_a_key_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

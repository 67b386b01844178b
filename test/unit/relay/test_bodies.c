#include "relay/bodies.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct fixture {
    struct arena *arena;
    struct body body;
    struct buf problem;
};

static int
setup(void **state)
{
    static struct fixture f;
    f.arena = arena_new();
    buf_init(&f.problem, 512);
    *state = &f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;
    body_done(&f->body);
    arena_free(f->arena);
    buf_done(&f->problem);
    return 0;
}

static enum err
read_body(struct fixture *f, const char *text, const struct body_table *table,
          void *out)
{
    body_done(&f->body);
    buf_clear(&f->problem);
    return body_read(&f->body, str_from(text), table, f->arena, out,
                     &f->problem);
}

static void
reads_every_field_of_a_session(void **state)
{
    struct relay_session_create m = {0};
    assert_int_equal(
        read_body(*state,
                  "{\"ref\":\"tenant-42\",\"return_to\":\"https://a.example/\","
                  "\"optional_scopes\":[\"files\",\"tickets\"],\"portal\":7,"
                  "\"attempt\":\"at_x\",\"take_over\":true}",
                  &session_body, &m),
        ERR_OK);
    assert_true(str_equal(m.ref, STR("tenant-42")));
    assert_true(str_equal(m.return_to, STR("https://a.example/")));
    assert_int_equal(m.optional_scopes.n, 2);
    assert_true(str_equal(m.optional_scopes.v[1], STR("tickets")));
    assert_int_equal(m.portal, 7);
    assert_true(str_equal(m.attempt.s, STR("at_x")));
    assert_true(m.is_take_over);
}

static void
absent_and_null_fields_leave_the_message_empty(void **state)
{
    struct relay_session_create m = {0};
    assert_int_equal(read_body(*state, "{\"ref\":null,\"take_over\":null}",
                               &session_body, &m),
                     ERR_OK);
    assert_int_equal(m.ref.n, 0);
    assert_int_equal(read_body(*state, "{}", &session_body, &m), ERR_OK);
}

static void
a_portal_is_a_number_or_its_digits(void **state)
{
    static const struct {
        const char *text;
        uint64_t portal; /* 0: refused */
    } rows[] = {
        {"{\"portal\":123456789012}", 123456789012},
        {"{\"portal\":\"123456789012\"}", 123456789012},
        {"{\"portal\":0}", 0},
        {"{\"portal\":-7}", 0},
        {"{\"portal\":7.0}", 0},
        {"{\"portal\":\"\"}", 0},
        {"{\"portal\":\"+7\"}", 0},
        {"{\"portal\":\" 7\"}", 0},
        {"{\"portal\":\"18446744073709551616\"}", 0},
        {"{\"portal\":[7]}", 0},
        {"{\"portal\":true}", 0},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct relay_session_create m = {0};
        enum err e = read_body(*state, rows[i].text, &session_body, &m);
        assert_int_equal(e, rows[i].portal > 0 ? ERR_OK : ERR_INVALID);
        assert_int_equal(m.portal, rows[i].portal);
    }
}

static void
says_in_a_sentence_what_is_wrong(void **state)
{
    static const struct {
        const char *text;
        const struct body_table *table;
        enum err err;
        const char *says;
    } rows[] = {
        {"", &ref_body, ERR_SYNTAX, "is not JSON"},
        {"{", &ref_body, ERR_SYNTAX, "is not JSON"},
        {"{\"ref\":\"a\"}x", &ref_body, ERR_SYNTAX, "is not JSON"},
        {"{\"ref\":\"a\",\"ref\":\"b\"}", &ref_body, ERR_SYNTAX, "twice"},
        {"[\"ref\"]", &ref_body, ERR_SYNTAX, "a JSON object"},
        {"\"ref\"", &ref_body, ERR_SYNTAX, "is not JSON"},
        {"{\"reff\":\"a\"}", &ref_body, ERR_INVALID,
         "\"reff\" is not known here. Known are: ref."},
        {"{\"ref\":7}", &ref_body, ERR_INVALID, "\"ref\" must be text"},
        {"{\"ref\":\"\"}", &ref_body, ERR_INVALID, "\"ref\" must be text"},
        {"{\"ref\":null}", &ref_body, ERR_INVALID, "\"ref\" must be text"},
        {"{\"ref\":\"a\\nb\"}", &ref_body, ERR_INVALID, "control"},
        {"{\"ref\":\"a\\u0000b\"}", &ref_body, ERR_SYNTAX, "is not JSON"},
        {"{\"ref\":\"a\xff\"}", &ref_body, ERR_SYNTAX, "is not JSON"},
        {"{}", &ref_body, ERR_INVALID, "\"ref\" is missing"},
        {"{}", &result_body, ERR_INVALID, "\"code\" is missing"},
        {"{\"code\":[]}", &result_body, ERR_INVALID, "\"code\" must be text"},
        {"{\"optional_scopes\":\"files\"}", &session_body, ERR_INVALID,
         "a list"},
        {"{\"optional_scopes\":[1]}", &session_body, ERR_INVALID, "a list"},
        {"{\"take_over\":\"yes\"}", &session_body, ERR_INVALID,
         "true or false"},
        {"{\"portal\":\"x\"}", &session_body, ERR_INVALID,
         "\"portal\" must be a portal's number"},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct fixture *f = *state;
        struct relay_session_create m = {0}; /* the largest */
        assert_int_equal(read_body(f, rows[i].text, rows[i].table, &m),
                         rows[i].err);
        assert_non_null(strstr(buf_text(&f->problem), rows[i].says));
    }
}

static void
a_ref_has_at_most_its_limit(void **state)
{
    char text[LIMIT_REF + 32];
    char ref[LIMIT_REF + 2];
    struct relay_ref_bind m = {0};
    memset(ref, 'r', sizeof(ref));
    (void)snprintf(text, sizeof(text), "{\"ref\":\"%.*s\"}", LIMIT_REF, ref);
    assert_int_equal(read_body(*state, text, &ref_body, &m), ERR_OK);
    (void)snprintf(text, sizeof(text), "{\"ref\":\"%.*s\"}", LIMIT_REF + 1,
                   ref);
    assert_int_equal(read_body(*state, text, &ref_body, &m), ERR_INVALID);
}

static void
deep_nesting_is_refused_and_harmless(void **state)
{
    char deep[LIMIT_API_BODY];
    struct relay_ref_bind m = {0};
    memset(deep, '[', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    assert_int_equal(read_body(*state, deep, &ref_body, &m), ERR_SYNTAX);
}

static void
reads_a_request_that_is_to_be_verified(void **state)
{
    struct verify_request m = {0};
    assert_int_equal(
        read_body(*state,
                  "{\"method\":\"POST\",\"uri\":\"https://a.example/x?y=1\","
                  "\"headers\":{\"host\":\"a.example\","
                  "\"x-hubspot-signature-v3\":\"three\","
                  "\"X-HubSpot-Request-Timestamp\":[\"17\"],"
                  "\"x-numbers\":[1,2]},\"body\":\"line\\n\\u0001\"}",
                  &verify_body, &m),
        ERR_OK);
    assert_true(str_equal(m.method, STR("POST")));
    assert_true(str_equal(m.uri, STR("https://a.example/x?y=1")));
    assert_true(str_equal(m.headers.v3, STR("three")));
    assert_true(str_equal(m.headers.timestamp, STR("17")));
    assert_null(m.headers.signature.p);
    assert_true(str_equal(m.body.s, STR("line\n\001")));
    assert_null(m.body_base64.s.p);
}

/* Joined it cannot be well-formed: such a request is never valid. */
static void
a_header_that_came_twice_is_joined(void **state)
{
    static const char *const texts[] = {
        "{\"method\":\"POST\",\"uri\":\"u\",\"headers\":"
        "{\"X-HubSpot-Signature-v3\":[\"a\",\"b\"]}}",
        "{\"method\":\"POST\",\"uri\":\"u\",\"headers\":"
        "{\"x-hubspot-signature-v3\":\"a\",\"X-HubSpot-Signature-V3\":\"b\"}}",
    };
    for (size_t i = 0; i < N_OF(texts); i++) {
        struct verify_request m = {0};
        assert_int_equal(read_body(*state, texts[i], &verify_body, &m), ERR_OK);
        assert_true(str_equal(m.headers.v3, STR("a, b")));
    }
}

static void
a_body_may_come_in_base64(void **state)
{
    static const struct {
        const char *text;
        size_t n; /* of bytes; SIZE_MAX: refused */
    } rows[] = {
        {"\"\"", 0},
        {"\"AAECAw==\"", 4},
        {"\"AAECAw\"", SIZE_MAX},
        {"7", SIZE_MAX},
        {"\"AA==AA==\"", SIZE_MAX},
        {"\"_w==\"", SIZE_MAX},
        {"\"AAEC Aw==\"", SIZE_MAX},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct fixture *f = *state;
        char text[256];
        struct verify_request m = {0};
        (void)snprintf(text, sizeof(text),
                       "{\"method\":\"POST\",\"uri\":\"u\",\"headers\":{},"
                       "\"body_base64\":%s}",
                       rows[i].text);
        enum err e = read_body(f, text, &verify_body, &m);
        assert_int_equal(e, rows[i].n == SIZE_MAX ? ERR_INVALID : ERR_OK);
        if (e == ERR_OK)
            assert_int_equal(m.body_base64.s.n, rows[i].n);
        else
            assert_non_null(strstr(buf_text(&f->problem), "base64"));
        if (rows[i].n == 4)
            assert_memory_equal(m.body_base64.s.p, "\0\1\2\3", 4);
    }
}

static void
headers_are_texts_or_lists_of_them(void **state)
{
    static const char *const refused[] = {
        "[]",
        "\"a\"",
        "{\"X-HubSpot-Signature\":1}",
        "{\"X-HubSpot-Signature\":{}}",
        "{\"X-HubSpot-Signature\":[[\"a\"]]}",
        "{\"X-HubSpot-Signature\":\"a\\u0007\"}"};
    for (size_t i = 0; i < N_OF(refused); i++) {
        struct fixture *f = *state;
        char text[256];
        struct verify_request m = {0};
        (void)snprintf(text, sizeof(text),
                       "{\"method\":\"POST\",\"uri\":\"u\",\"headers\":%s}",
                       refused[i]);
        if (read_body(f, text, &verify_body, &m) != ERR_INVALID)
            fail_msg("%s was taken", refused[i]);
        assert_non_null(strstr(buf_text(&f->problem), "headers"));
    }
}

int
main(void)
{
#define IN_FIXTURE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        IN_FIXTURE(reads_every_field_of_a_session),
        IN_FIXTURE(absent_and_null_fields_leave_the_message_empty),
        IN_FIXTURE(a_portal_is_a_number_or_its_digits),
        IN_FIXTURE(says_in_a_sentence_what_is_wrong),
        IN_FIXTURE(a_ref_has_at_most_its_limit),
        IN_FIXTURE(deep_nesting_is_refused_and_harmless),
        IN_FIXTURE(reads_a_request_that_is_to_be_verified),
        IN_FIXTURE(a_header_that_came_twice_is_joined),
        IN_FIXTURE(a_body_may_come_in_base64),
        IN_FIXTURE(headers_are_texts_or_lists_of_them),
    };
    json_set_alloc_funcs(wiping_malloc, wiping_free);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

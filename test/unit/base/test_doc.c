#include "base/doc.c"

#include <setjmp.h>

#include <cmocka.h>

static void
commas_and_quotes_are_right(void **state)
{
    struct buf auto_buf b;
    struct str scopes[] = {STR("oauth"), STR("a\"b")};
    (void)state;
    buf_init(&b, 1000);
    struct doc d = doc_into(&b);
    doc_open(&d, '{');
    doc_field_str(&d, "ref", STR("tenant\n42"));
    doc_field_u64(&d, "portal", UINT64_MAX);
    doc_field_bool(&d, "yes", true);
    doc_field_bool(&d, "no", false);
    doc_field_time(&d, "at", 1795534200);
    doc_field_time(&d, "never", 0);
    doc_field_strs(&d, "scopes", (struct strs){scopes, 2});
    doc_field_strs(&d, "none", (struct strs){NULL, 0});
    doc_key(&d, "list");
    doc_open(&d, '[');
    doc_open(&d, '{');
    doc_close(&d, '}');
    doc_open(&d, '[');
    doc_u64(&d, 1);
    doc_null(&d);
    doc_close(&d, ']');
    doc_str(&d, STR_NONE);
    doc_close(&d, ']');
    doc_field_u64(&d, "last", 0);
    doc_close(&d, '}');
    assert_string_equal(
        buf_text(&b),
        "{\"ref\":\"tenant\\u000a42\",\"portal\":18446744073709551615,"
        "\"yes\":true,\"no\":false,\"at\":\"2026-11-24T15:30:00Z\","
        "\"never\":null,\"scopes\":[\"oauth\",\"a\\\"b\"],\"none\":[],"
        "\"list\":[{},[1,null],\"\"],\"last\":0}");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_and_quotes_are_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "cli/show.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct shown {
    const char *json;
    const char *columns;
    const char *text;
};

static void
expect_shown(const struct shown *c)
{
    struct buf auto_buf out = {0};
    json_t *json = json_loads(c->json, JSON_DECODE_ANY, NULL);
    assert_non_null(json);
    buf_init(&out, 4096);
    show_add(&out, json, c->columns);
    assert_string_equal(buf_text(&out), c->text);
    json_decref(json);
}

static void
objects_are_lines_with_their_values_in_one_column(void **state)
{
    (void)state;
    static const struct shown cases[] = {
        {"{\"app\":\"crm\",\"portal\":7}", NULL, "app:    crm\nportal: 7\n"},
        {"{\"a\":null,\"b\":\"\",\"c\":[]}", NULL, "a: -\nb: -\nc: -\n"},
        {"{\"yes\":true,\"no\":false}", NULL, "yes: yes\nno:  no\n"},
        {"{\"scopes\":[\"oauth\",\"x\"]}", NULL, "scopes: oauth x\n"},
        {"{\"n\":{\"a\":1},\"z\":2}", NULL, "z: 2\nn:\n  a: 1\n"},
        {"{\"n\":{}}", NULL, "n: {}\n"},
        {"3", NULL, "3\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_shown(&cases[i]);
}

static void
arrays_of_objects_are_tables(void **state)
{
    (void)state;
    static const struct shown cases[] = {
        {"[{\"a\":1,\"b\":\"xyz\"},{\"a\":100,\"b\":\"x\"}]", NULL,
         "A    B\n1    xyz\n100  x\n"},
        {"[{\"a\":1,\"b\":2,\"c\":3}]", "c a", "C  A\n3  1\n"},
        {"[{\"a\":1},{\"a\":2,\"b\":3}]", "a b", "A  B\n1  -\n2  3\n"},
        {"[{\"a\":1}]", "gone a gone", "A\n1\n"},
        {"[{\"a\":1}]", "gone", "A\n1\n"},
        {"{\"rows\":[{\"a\":1}]}", "a", "rows:\n  A\n  1\n"},
        {"[{\"last_error\":{\"at\":1}}]", NULL, "LAST_ERROR\n{\"at\":1}\n"},
        /* Two bytes, one letter. */
        {"[{\"a\":\"\u00e9\u00e9\",\"b\":1},{\"a\":\"xy\",\"b\":2}]", NULL,
         "A   B\n\xc3\xa9\xc3\xa9  1\nxy  2\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_shown(&cases[i]);
}

static void
bytes_that_a_terminal_obeys_are_not_printed(void **state)
{
    (void)state;
    static const struct shown cases[] = {
        {"{\"ref\":\"a\\u001b[2Jb\\r\\n\"}", NULL, "ref: a?[2Jb??\n"},
        {"{\"ref\":\"\\u009b31m\\u007f\"}", NULL, "ref: ?31m?\n"},
        {"{\"ref\":\"gr\\u00fcn\"}", NULL, "ref: gr\xc3\xbcn\n"},
        {"[{\"ref\":{\"x\":\"\\u001b\"}}]", NULL, "REF\n{\"x\":\"\\u001B\"}\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_shown(&cases[i]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_lines_with_their_values_in_one_column),
        cmocka_unit_test(arrays_of_objects_are_tables),
        cmocka_unit_test(bytes_that_a_terminal_obeys_are_not_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

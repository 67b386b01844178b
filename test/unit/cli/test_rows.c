#define _GNU_SOURCE
#include "cli/rows.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct expected {
    enum err err; /* ERR_CLOSED ends the list */
    const char *app, *ref, *token;
    uint64_t portal;
    unsigned line;
};

static void
expect_row(struct rows *rows, const struct expected *want)
{
    struct row row = {0};
    struct buf auto_buf problem = {0};
    buf_init(&problem, 1024);
    assert_int_equal(rows_next(rows, &row, &problem), want->err);
    if (want->err == ERR_INVALID || want->err == ERR_SYNTAX)
        assert_true(problem.n > 0);
    if (want->line > 0)
        assert_int_equal(rows->line, want->line);
    if (want->err != ERR_OK)
        return;
    assert_true(str_equal(row.app, str_from(want->app)));
    assert_true(str_equal(row.ref, str_from(want->ref)));
    assert_true(str_equal(row.refresh_token.s, str_from(want->token)));
    assert_int_equal(row.portal, want->portal);
}

static void
expect_rows(const char *text, const struct expected *want)
{
    struct rows rows;
    FILE *file = fmemopen((char *)(uintptr_t)text, strlen(text), "r");
    assert_non_null(file);
    rows_open(&rows, file);
    for (;; want++) {
        expect_row(&rows, want);
        if (want->err == ERR_CLOSED || want->err == ERR_SYNTAX)
            break;
    }
    rows_close(&rows);
    (void)fclose(file);
}

static void
reads_csv_by_its_heading(void **state)
{
    (void)state;
    expect_rows("portal,Refresh_Token,name,app\r\n"
                "7,na1-a,Acme,crm\r\n"
                "\r\n"
                "8,na1-b\n"
                ",na1-c,x,crm",
                (struct expected[]){{ERR_OK, "crm", "", "na1-a", 7, 2},
                                    {ERR_OK, "", "", "na1-b", 8, 4},
                                    {ERR_OK, "crm", "", "na1-c", 0, 5},
                                    {.err = ERR_CLOSED}});
}

static void
csv_quotes_hold_commas_quotes_and_lines(void **state)
{
    (void)state;
    expect_rows("app,ref,refresh_token\n"
                "\"crm\",\"a,\"\"b\"\"\nc\",t1\n"
                "crm,\"\",\"t2\"\n"
                "crm,\"open,t3",
                (struct expected[]){{ERR_OK, "crm", "a,\"b\"\nc", "t1", 0, 2},
                                    {ERR_OK, "crm", "", "t2", 0, 4},
                                    {ERR_INVALID, NULL, NULL, NULL, 0, 5},
                                    {.err = ERR_CLOSED}});
}

static void
a_byte_order_mark_is_passed_over(void **state)
{
    (void)state;
    expect_rows("\xef\xbb\xbf"
                "app,refresh_token\ncrm,t\n",
                (struct expected[]){{ERR_OK, "crm", "", "t", 0, 2},
                                    {.err = ERR_CLOSED}});
}

static void
reads_json_lines(void **state)
{
    (void)state;
    expect_rows(
        "{\"app\":\"crm\",\"portal\":7,\"ref\":null,\"refresh_token\":\"a\"}\n"
        "{\"app\":\"crm\",\"portal\":\"8\",\"refresh_token\":\"b\",\"x\":[]}\n"
        "{\"app\":\"fix\",\"portal\":9,\"static_token\":\"pat-1\"}\n"
        "[1]\n"
        "{\"app\":\"crm\"}\n"
        "{\"app\":\"crm\",\"portal\":-1,\"refresh_token\":\"c\"}\n",
        (struct expected[]){{ERR_OK, "crm", "", "a", 7, 1},
                            {ERR_OK, "crm", "", "b", 8, 2},
                            {ERR_OK, "fix", "", "pat-1", 9, 3},
                            {ERR_INVALID, NULL, NULL, NULL, 0, 4},
                            {ERR_INVALID, NULL, NULL, NULL, 0, 5},
                            {ERR_INVALID, NULL, NULL, NULL, 0, 6},
                            {.err = ERR_CLOSED}});
}

static void
refuses_a_file_without_a_column_of_tokens(void **state)
{
    (void)state;
    expect_rows("app,portal\ncrm,7\n",
                (struct expected[]){{.err = ERR_SYNTAX}});
    expect_rows("", (struct expected[]){{.err = ERR_CLOSED}});
}

static void
goes_on_after_a_row_that_is_too_long(void **state)
{
    (void)state;
    char *text = malloc(ROW_MAX + 200);
    assert_non_null(text);
    int n = snprintf(text, 100, "app,refresh_token\ncrm,");
    memset(text + n, 'x', ROW_MAX);
    (void)snprintf(text + n + ROW_MAX, 50, "\ncrm,t\n");
    expect_rows(text, (struct expected[]){{ERR_INVALID, NULL, NULL, NULL, 0, 2},
                                          {ERR_OK, "crm", "", "t", 0, 3},
                                          {.err = ERR_CLOSED}});
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_csv_by_its_heading),
        cmocka_unit_test(csv_quotes_hold_commas_quotes_and_lines),
        cmocka_unit_test(a_byte_order_mark_is_passed_over),
        cmocka_unit_test(reads_json_lines),
        cmocka_unit_test(refuses_a_file_without_a_column_of_tokens),
        cmocka_unit_test(goes_on_after_a_row_that_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

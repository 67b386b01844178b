#include "base/log.c"

#include <setjmp.h>

#include <cmocka.h>

/* What the call writes to standard error. */
static char written[8192];

#define WRITTEN(call)                                                  \
    do {                                                               \
        int saved = dup(STDERR_FILENO), pair[2];                       \
        assert_int_equal(pipe(pair), 0);                               \
        assert_int_equal(dup2(pair[1], STDERR_FILENO), STDERR_FILENO); \
        call;                                                          \
        assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);   \
        assert_int_equal(close(pair[1]), 0);                           \
        ssize_t got = read(pair[0], written, sizeof(written) - 1);     \
        assert_true(got >= 0);                                         \
        written[got] = '\0';                                           \
        assert_int_equal(close(pair[0]), 0);                           \
        assert_int_equal(close(saved), 0);                             \
    } while (0)

static void
a_line_has_time_role_level_event_and_facts(void **state)
{
    (void)state;
    log_open("keeper", 3, LOG_INFO);
    WRITTEN(log_info("grant.connected", "app=%s portal=%d", "crm", 7));
    assert_int_equal(strlen("2026-11-24T15:30:00.123Z"), 24);
    assert_int_equal(written[10], 'T');
    assert_int_equal(written[23], 'Z');
    assert_string_equal(written + 24,
                        " keeper/3 info grant.connected app=crm portal=7\n");
    WRITTEN(log_warn("relay.slow", "%s", ""));
    assert_string_equal(written + 24, " keeper/3 warn relay.slow\n");
}

static void
what_is_below_the_level_is_not_written(void **state)
{
    (void)state;
    log_open("keeper", 0, LOG_WARN);
    WRITTEN(log_info("a", "b=1"));
    assert_string_equal(written, "");
    WRITTEN(log_debug("a", "b=1"));
    assert_string_equal(written, "");
    WRITTEN(log_error("a", "b=1"));
    assert_string_equal(written + 24, " keeper/0 error a b=1\n");
    log_open("keeper", 0, LOG_DEBUG);
    WRITTEN(log_debug("a", "b=1"));
    assert_string_equal(written + 24, " keeper/0 debug a b=1\n");
}

static void
a_long_line_is_cut_and_ends(void **state)
{
    static char role[5000];
    (void)state;
    log_open("keeper", 0, LOG_INFO);
    WRITTEN(log_info("a", "b=%05000d", 1));
    assert_int_equal(strlen(written), LINE_MAX_BYTES);
    assert_int_equal(written[LINE_MAX_BYTES - 1], '\n');
    memset(role, 'r', sizeof(role) - 1);
    log_open(role, 0, LOG_INFO);
    WRITTEN(log_info("a", "b=%d", 1));
    assert_int_equal(strlen(written), LINE_MAX_BYTES);
    assert_int_equal(written[LINE_MAX_BYTES - 1], '\n');
    log_open("keeper", 0, LOG_INFO);
}

static void
a_log_that_cannot_be_written_stops_nothing(void **state)
{
    (void)state;
    int saved = dup(STDERR_FILENO);
    assert_int_equal(close(STDERR_FILENO), 0);
    log_info("a", "b=%d", 1);
    assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    assert_int_equal(close(saved), 0);
}

static void
text_from_outside_is_quoted_and_shortened(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        const char *want;
    } rows[] = {
        {{NULL, 0}, "\"\""},
        {{"plain ~text", 11}, "\"plain ~text\""},
        {{"a\"b=c", 5}, "\"a?b=c\""},
        {{"a\nb\rc\x1b[0m", 9}, "\"a?b?c?[0m\""},
        {{"\0\x7f\xc3\xa9", 4}, "\"????\""},
        {{"%s%n", 4}, "\"%s%n\""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(log_quote(rows[i].text), rows[i].want);
    char longest[200];
    memset(longest, 'x', sizeof(longest));
    const char *quoted = log_quote(str_of(longest, 80));
    assert_int_equal(strlen(quoted), 82);
    quoted = log_quote(str_of(longest, 81));
    assert_int_equal(strlen(quoted), 85);
    assert_string_equal(quoted + 81, "...\"");
}

static void
eight_quotes_stand_side_by_side(void **state)
{
    const char *all[8];
    (void)state;
    for (int i = 0; i < 8; i++) {
        char c = (char)('a' + i);
        all[i] = log_quote(str_of(&c, 1));
    }
    for (int i = 0; i < 8; i++)
        assert_int_equal(all[i][1], 'a' + i);
}

static void
levels_have_names(void **state)
{
    enum log_level level = LOG_ERROR;
    (void)state;
    assert_true(log_level_parse(STR("debug"), &level));
    assert_int_equal(level, LOG_DEBUG);
    assert_true(log_level_parse(STR("error"), &level));
    assert_int_equal(level, LOG_ERROR);
    assert_false(log_level_parse(STR("Info"), &level));
    assert_false(log_level_parse(STR_NONE, &level));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_time_role_level_event_and_facts),
        cmocka_unit_test(what_is_below_the_level_is_not_written),
        cmocka_unit_test(a_long_line_is_cut_and_ends),
        cmocka_unit_test(a_log_that_cannot_be_written_stops_nothing),
        cmocka_unit_test(text_from_outside_is_quoted_and_shortened),
        cmocka_unit_test(eight_quotes_stand_side_by_side),
        cmocka_unit_test(levels_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "run_cli.h"

#include "base/limits.h"
#include "cli/help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* The table of verbs, and everything that is made from it. */

static int
setup(void **state)
{
    *state = place_open();
    return 0;
}

static int
teardown(void **state)
{
    place_close(*state);
    return 0;
}

static void
expect_in(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" is not in: %s", part, text);
}

static void
wrong_usage_is_told_with_the_way_out(void **state)
{
    static const struct {
        const char *words[6];
        const char *says;
    } cases[] = {
        {{NULL}, "a verb is missing"},
        {{"stauts"}, "did you mean \"status\"?"},
        {{"portals", "lst"}, "did you mean \"portals list\"?"},
        {{"zzz"}, "there is no verb \"zzz\""},
        {{"connect"}, "portkeep connect APP"},
        {{"connect", "a", "b"}, "one word too many"},
        {{"connect", "a", "--rev", "x"}, "did you mean --ref?"},
        {{"connect", "a", "--ref"}, "--ref needs REF after it"},
        {{"status", "--brief=yes"}, "--brief takes no value"},
        {{"token", "crm", "x7"}, "must be a number"},
        {{"token", "crm", "0"}, "must be a number"},
        {{"keys", "create", "a", "--verb", "all"}, "no right \"all\""},
        {{"keys", "create", "a", "--ends", "soon"}, "--ends takes"},
        {{"keys", "create", "a", "--ends", "2001-01-01"}, "is over already"},
        {{"keys", "create", "a", "--portal", "x"}, "--portal takes numbers"},
        {{"api", "crm", "7", "GET", "crm/v3"}, "begins with a slash"},
        {{"portals", "export"}, "APP PORTAL, or --all"},
        {{"audit", "list", "--after", "x"}, "--after takes a number"},
        {{"serve", "--no-sandbx"}, "did you mean --no-sandbox?"},
    };
    struct place *p = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *const *w = cases[i].words;
        run_cli(p, "", w[0], w[1], w[2], w[3], w[4], w[5], NULL);
        if (p->status != 2)
            fail_msg("case %zu: exit status %d: %s", i, p->status, p->err);
        expect_in(p->err, cases[i].says);
        expect_in(p->err, "See `portkeep help");
        assert_string_equal(p->out, "");
    }
}

static void
every_verb_explains_itself(void **state)
{
    (void)state;
    struct buf auto_buf out = {0};
    buf_init(&out, LIMIT_FRAME);
    for (size_t i = 0; i < n_verbs; i++) {
        const struct verb *v = &verbs[i];
        const struct verb_option *o;
        buf_clear(&out);
        help_add_verb(&out, v);
        expect_in(buf_text(&out), v->example);
        assert_true(str_starts(str_from(v->example), STR("portkeep ")));
        expect_in(v->example, v->name);
        for (size_t k = 0; (o = verb_option_at(v, k)) != NULL; k++) {
            expect_in(buf_text(&out), o->name);
            assert_true(str_ends(str_from(o->sentence), STR(".")));
        }
        assert_true(str_ends(str_from(v->sentence), STR(".")));
        assert_non_null(v->run);
    }
}

static void
help_fits_eighty_columns(void **state)
{
    (void)state;
    struct buf auto_buf out = {0};
    struct str rest, line;
    buf_init(&out, LIMIT_FRAME);
    help_add_overview(&out);
    for (size_t i = 0; i < n_verbs; i++)
        help_add_verb(&out, &verbs[i]);
    rest = buf_str(&out);
    while (str_cut(&rest, '\n', &line))
        if (line.n > 80)
            fail_msg("%zu columns: %.*s", line.n, STR_ARG(line));
}

static void
verbs_are_found_by_one_word_or_two(void **state)
{
    static const struct {
        const char *first, *second, *name;
        size_t n_words;
    } cases[] = {{"status", NULL, "status", 1},
                 {"status", "x", "status", 1},
                 {"portals", NULL, "portals list", 1},
                 {"portals", "--json", "portals list", 1},
                 {"portals", "show", "portals show", 2},
                 {"portals", "sho", NULL, 0},
                 {"portal", NULL, NULL, 0},
                 {"", NULL, NULL, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t n_words = 0;
        const struct verb *v =
            verb_find(cases[i].first, cases[i].second, &n_words);
        assert_int_equal(v == NULL, cases[i].name == NULL);
        if (v == NULL)
            continue;
        assert_string_equal(v->name, cases[i].name);
        assert_int_equal(n_words, cases[i].n_words);
    }
}

static void
help_is_there_in_every_form(void **state)
{
    struct place *p = *state;
    static const char *const words[][3] = {
        {"help", NULL, NULL},          {"--help", NULL, NULL},
        {"help", "config", NULL},      {"help", "portals", NULL},
        {"help", "portals", "import"}, {"help", "connect", NULL},
        {"connect", "--help", NULL},   {"portals", "import", "-h"},
        {"help", "--completion", NULL}};
    static const char *const says[] = {"Usage: portkeep VERB",
                                       "Usage: portkeep VERB",
                                       "public_url",
                                       "portals import",
                                       "Usage: portkeep portals import",
                                       "Usage: portkeep connect APP",
                                       "Usage: portkeep connect APP",
                                       "Usage: portkeep portals import",
                                       "complete -o filenames"};
    for (size_t i = 0; i < sizeof(says) / sizeof(says[0]); i++) {
        run_cli(p, "", words[i][0], words[i][1], words[i][2], NULL);
        assert_int_equal(p->status, 0);
        expect_in(p->out, says[i]);
    }
    run_cli(p, "", "help", "nothing", NULL);
    assert_int_equal(p->status, 2);
}

/* The committed file, and what the table says now. */
static void
expect_file(const char *name, void (*add)(struct buf *out))
{
    struct buf auto_buf now = {0};
    char *text = malloc(LIMIT_FRAME);
    assert_non_null(text);
    buf_init(&now, LIMIT_FRAME);
    FILE *file = fopen(name, "r");
    if (file == NULL)
        fail_msg("cannot read %s", name);
    size_t n = fread(text, 1, LIMIT_FRAME, file);
    (void)fclose(file);
    add(&now);
    bool is_same = str_equal(str_of(text, n), buf_str(&now));
    free(text);
    if (!is_same)
        fail_msg("%s is not what `portkeep help` prints: make it anew", name);
}

static void
the_manual_is_what_the_table_says(void **state)
{
    (void)state;
    expect_file(SOURCE_ROOT "/docs/man/portkeep.1", help_add_man);
    expect_file(SOURCE_ROOT "/docs/man/portkeep.conf.5", help_add_config_man);
}

static void
the_list_of_messages_is_what_the_code_sends(void **state)
{
    (void)state;
    expect_file(SOURCE_ROOT "/docs/messages.md", help_add_messages);
}

#define WITH_PLACE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(wrong_usage_is_told_with_the_way_out),
        cmocka_unit_test(every_verb_explains_itself),
        cmocka_unit_test(help_fits_eighty_columns),
        cmocka_unit_test(verbs_are_found_by_one_word_or_two),
        WITH_PLACE(help_is_there_in_every_form),
        cmocka_unit_test(the_manual_is_what_the_table_says),
        cmocka_unit_test(the_list_of_messages_is_what_the_code_sends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

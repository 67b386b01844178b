#include "front/query.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "front/query.c"

static enum err
take(const char *query, struct arena *arena, struct query_field f[2])
{
    f[0] = (struct query_field){STR("code"), 8, STR_NONE};
    f[1] = (struct query_field){STR("state"), 8, STR_NONE};
    struct str text = query == NULL ? STR_NONE : str_from(query);
    return query_take(text, arena, f, 2);
}

static void
decodes_what_is_wanted_and_ignores_the_rest(void **state)
{
    (void)state;
    static const struct {
        const char *query, *code, *state;
    } cases[] = {
        {NULL, NULL, NULL},
        {"", NULL, NULL},
        {"code=a", "a", NULL},
        {"code=a&state=b.c", "a", "b.c"},
        {"state=%62%2e+c&code=", "", "b. c"},
        {"c%6Fde=a", "a", NULL},
        {"code=a=b", "a=b", NULL},
        {"code", "", NULL},
        {"&&code=a&&", "a", NULL},
        {"Code=a&xcode=b&codex=c", NULL, NULL},
        {"utm=1&utm=2&code=a&utm=3", "a", NULL},
        {"code=%C3%A4", "\xc3\xa4", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena *arena = arena_new();
        struct query_field f[2];
        assert_int_equal(take(cases[i].query, arena, f), ERR_OK);
        assert_int_equal(f[0].value.p == NULL, cases[i].code == NULL);
        assert_int_equal(f[1].value.p == NULL, cases[i].state == NULL);
        assert_true(str_equal(f[0].value, str_from(cases[i].code)));
        assert_true(str_equal(f[1].value, str_from(cases[i].state)));
        arena_free(arena);
    }
}

static void
refuses_what_can_be_read_in_two_ways(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        enum err err;
    } cases[] = {
        {"code=a&code=b", ERR_CONFLICT},   {"code=a&code=a", ERR_CONFLICT},
        {"code=&code=a", ERR_CONFLICT},    {"code&code", ERR_CONFLICT},
        {"code=a&cod%65=b", ERR_CONFLICT}, {"code=%", ERR_SYNTAX},
        {"code=%4", ERR_SYNTAX},           {"code=%zz", ERR_SYNTAX},
        {"other=%zz", ERR_SYNTAX},         {"%zz=a", ERR_SYNTAX},
        {"code=a%00b", ERR_SYNTAX},        {"code=a%0d%0ab", ERR_SYNTAX},
        {"code=%ff", ERR_SYNTAX},          {"code=%c3", ERR_SYNTAX},
        {"code=123456789", ERR_LIMIT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena *arena = arena_new();
        struct query_field f[2];
        enum err e = take(cases[i].query, arena, f);
        if (e != cases[i].err)
            fail_msg("%s: %s", cases[i].query, err_name(e));
        arena_free(arena);
    }
}

static void
takes_a_query_as_long_as_a_target_can_be(void **state)
{
    (void)state;
    static char query[LIMIT_TARGET + 1];
    struct query_field f[2];
    struct arena *arena = arena_new();
    memset(query, 'x', LIMIT_TARGET);
    memcpy(query + LIMIT_TARGET - 7, "&code=a", 7);
    assert_int_equal(take(query, arena, f), ERR_OK);
    assert_true(str_equal(f[0].value, STR("a")));
    arena_free(arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_what_is_wanted_and_ignores_the_rest),
        cmocka_unit_test(refuses_what_can_be_read_in_two_ways),
        cmocka_unit_test(takes_a_query_as_long_as_a_target_can_be),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "emulator/faults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct fault_call token_call = {
    {"POST", 4}, {"/oauth/v3/token", 15}, {"/oauth/v3/token", 15}};
static const struct fault_call read_call = {{"GET", 3},
                                            {"/crm/v3/objects/deals/7", 23},
                                            {"/crm/v3/objects/deals/{id}", 26}};

/* "x" where a call meets the fault, "." where it does not. */
static void
assert_pattern(const struct fault *model, const struct fault_call *call,
               const char *pattern)
{
    struct faults all = {0};
    struct arena *arena = arena_new();
    faults_add(&all, model);
    for (size_t i = 0; pattern[i] != '\0'; i++) {
        bool is_hit = faults_take(&all, call, arena) != NULL;
        assert_int_equal(is_hit, pattern[i] == 'x');
    }
    arena_free(arena);
    faults_done(&all);
}

static void
falls_on_the_nth_call_and_as_often_as_ordered(void **state)
{
    (void)state;
    static const struct {
        uint64_t nth, times;
        const char *pattern;
    } cases[] = {
        {1, 1, "x..."},
        {3, 1, "..x."},
        {2, 2, ".xx."},
        {2, 0, ".xxxxx"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fault model = {.path = STR("/oauth/v3/token"),
                              .nth = cases[i].nth,
                              .times = cases[i].times};
        assert_pattern(&model, &token_call, cases[i].pattern);
    }
}

static void
falls_only_on_what_it_was_ordered_for(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *pattern;
    } cases[] = {
        {"", "/crm/v3/objects/deals/7", "x"},
        {"", "/crm/v3/objects/deals/{id}", "x"},
        {"", "/crm/*", "x"},
        {"", "*", "x"},
        {"GET", "/crm/*", "x"},
        {"POST", "/crm/*", "."},
        {"", "/crm/v3/objects/deals", "."},
        {"", "/crm/v3/objects/deals/8", "."},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fault model = {.method = str_from(cases[i].method),
                              .path = str_from(cases[i].path),
                              .nth = 1,
                              .times = 1};
        assert_pattern(&model, &read_call, cases[i].pattern);
    }
}

static void
forgets_a_fault_that_has_done_its_work(void **state)
{
    (void)state;
    struct faults all = {0};
    struct arena *arena = arena_new();
    struct fault model = {.kind = FAULT_STATUS,
                          .path = STR("*"),
                          .body = STR("{}"),
                          .nth = 1,
                          .times = 1};
    faults_add(&all, &model);
    const struct fault *hit = faults_take(&all, &token_call, arena);
    assert_int_equal(all.n, 0);
    assert_non_null(hit);
    assert_true(str_equal(hit->body, STR("{}")));
    arena_free(arena);
    faults_done(&all);
}

static void
has_a_name_for_each_kind(void **state)
{
    (void)state;
    enum fault_kind kind;
    for (int i = FAULT_REFUSE; i <= FAULT_HTML; i++) {
        const char *name = fault_kind_name((enum fault_kind)i);
        assert_true(fault_kind_find(str_from(name), &kind));
        assert_int_equal(kind, i);
    }
    assert_false(fault_kind_find(STR("explode"), &kind));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(falls_on_the_nth_call_and_as_often_as_ordered),
        cmocka_unit_test(falls_only_on_what_it_was_ordered_for),
        cmocka_unit_test(forgets_a_fault_that_has_done_its_work),
        cmocka_unit_test(has_a_name_for_each_kind),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "hubspot/catalogue.h"
#include "hubspot/endpoints_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* endpoints.txt has a line for each known fact: METHOD PATH = answer. */
#define CASES SOURCE_ROOT "/test/unit/hubspot/endpoints.txt"
#define CASES_MAX 2000

static struct {
    struct str method, path, want;
} cases[CASES_MAX];
static size_t n_cases;
static char text[400000];

static int
read_cases(void **state)
{
    (void)state;
    FILE *file = fopen(CASES, "r");
    if (file == NULL)
        return -1;
    struct str rest = str_of(text, fread(text, 1, sizeof(text), file)), line;
    (void)fclose(file);
    while (rest.n > 0 && str_cut(&rest, '\n', &line)) {
        struct str path;
        if (!str_cut(&line, ' ', &cases[n_cases].method) ||
            !str_cut(&line, ' ', &path) || line.n < 3)
            continue;
        cases[n_cases].path = path;
        cases[n_cases++].want = str_of(line.p + 2, line.n - 2);
    }
    return n_cases > 900 ? 0 : -1;
}

static void
add_answer(struct buf *out, struct str method, struct str path)
{
    static const char *const kinds[] = {"unknown", "not listed", "no scope"};
    struct endpoint e;
    struct scope_needs needs;
    endpoint_find(method, path, &e);
    endpoint_needs(&e, &needs);
    if (e.kind != ENDPOINT_NEEDS_SCOPES)
        buf_add_text(out, kinds[e.kind]);
    for (size_t i = 0; i < needs.n; i++)
        for (size_t k = 0; k < needs.any_of[i].n; k++)
            buf_addf(out, "%s%.*s",
                     k > 0   ? " + "
                     : i > 0 ? " | "
                             : "",
                     STR_ARG(needs.any_of[i].v[k]));
}

static void
gives_the_known_scopes_of_every_known_endpoint(void **state)
{
    (void)state;
    struct buf auto_buf got = {0};
    size_t n_wrong = 0;
    buf_init(&got, 8000);
    for (size_t i = 0; i < n_cases; i++) {
        buf_clear(&got);
        add_answer(&got, cases[i].method, cases[i].path);
        if (str_equal(buf_str(&got), cases[i].want))
            continue;
        n_wrong++;
        print_message("# %.*s %.*s: %s, not %.*s\n", STR_ARG(cases[i].method),
                      STR_ARG(cases[i].path), buf_text(&got),
                      STR_ARG(cases[i].want));
    }
    assert_int_equal(n_wrong, 0);
}

static void
says_unknown_to_what_is_no_endpoint(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "",
        "/",
        "//",
        "crm/v3/objects/contacts",
        "/crm/v3",
        "/v3/crm/objects/contacts",
        "/crm/v3/objects",
        "/crm/v3//objects/contacts",
        "/crm/v33/objects/contacts",
        "/crm/2026-3/objects/contacts",
        "/crm/2026-03-/objects/contacts",
        "/crm/v3/object/contacts",
        "/CRM/v3/objects/contacts",
        "/crm/v3/objectscontacts",
        "/contacts/v1/contact/vid/1/profile",
        "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/v3/q",
        "/crm/v3/objects/contacts/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17",
    };
    struct endpoint e;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        endpoint_find(STR("GET"), str_from(paths[i]), &e);
        if (e.kind != ENDPOINT_UNKNOWN)
            fail_msg("%s is known", paths[i]);
        assert_null(e.rule);
    }
    endpoint_find(STR("OPTIONS"), STR("/crm/v3/objects/contacts"), &e);
    assert_int_equal(e.kind, ENDPOINT_UNKNOWN);
    endpoint_find(STR("get"), STR("/crm/v3/objects/contacts"), &e);
    assert_int_equal(e.kind, ENDPOINT_UNKNOWN);
}

static void
names_the_object_type_that_it_does_not_know(void **state)
{
    (void)state;
    struct endpoint e;
    endpoint_find(STR("GET"), STR("/crm/v3/objects/boats/1"), &e);
    assert_int_equal(e.kind, ENDPOINT_UNSPECIFIED);
    assert_true(str_equal(e.unknown_type, STR("boats")));
    assert_non_null(e.rule);
}

static void
looks_past_query_and_slash_and_takes_head_for_get(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/crm/v3/objects/deals/",
        "/crm/v3/objects/deals?limit=3&after=/crm/v3/lists",
        "/crm/v3/objects/Deal/?x",
        "/crm/objects/2026-09-beta/0-3#top",
    };
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct buf auto_buf got = {0};
        buf_init(&got, 1000);
        add_answer(&got, STR("HEAD"), str_from(paths[i]));
        assert_string_equal(buf_text(&got), "crm.objects.deals.read");
    }
}

/* The table read the slow way, for whatever the fast way may get wrong. */
static bool
naive_fits(struct str pattern, struct str path)
{
    struct str part, segment;
    while (pattern.n > 0 && str_cut(&pattern, '/', &part)) {
        if (str_equal(part, STR("**")))
            return true;
        if (path.n == 0 || !str_cut(&path, '/', &segment))
            return false;
        bool is_any = part.p[0] == '*' || part.p[0] == '{', is_met = is_any;
        for (struct str one; !is_any && str_cut(&part, '|', &one);)
            is_met |= str_equal(one, segment);
        if (!is_met)
            return false;
    }
    return path.n == 0;
}

static const struct endpoint_rule *
naive_find(unsigned method, struct str area, struct str rest, bool is_last)
{
    for (size_t i = 0; i < endpoint_n_areas(); i++) {
        const struct endpoint_area *a = endpoint_area_at(i);
        for (size_t k = 0; str_equal(a->path, area) && k < a->n_rules; k++)
            if ((a->rules[k].methods & method) != 0 &&
                a->rules[k].place !=
                    (unsigned)(is_last ? VERSION_SECOND : VERSION_LAST) &&
                naive_fits(str_from(a->rules[k].path), rest))
                return &a->rules[k];
    }
    return NULL;
}

/* One segment for one part of a pattern, another in each round. */
static struct str
made_segment(struct str part, size_t round)
{
    static const char *const any[] = {"1", "search", "batch", "v3", "teams"};
    static const char *const types[] = {"contacts", "0-2", "2-77", "TICKET",
                                        "p7_boat"};
    struct str one = STR_NONE;
    if (part.p[0] == '{')
        return str_from(types[round % 5]);
    if (part.p[0] == '*')
        return str_from(any[round % 5]);
    for (size_t i = 0; i <= round % 3; i++)
        if (!str_cut(&part, '|', &one))
            break;
    return one.n > 0 ? one : part;
}

static void
add_made_rest(struct buf *out, struct str pattern, size_t round)
{
    struct str part;
    while (pattern.n > 0 && str_cut(&pattern, '/', &part)) {
        bool is_all = str_equal(part, STR("**"));
        size_t n = is_all ? round % 4 : 1;
        for (size_t i = 0; i < n; i++) {
            buf_add_text(out, out->n > 0 ? "/" : "");
            buf_add(out, made_segment(part, round + i));
        }
    }
}

static void
check_made(const struct endpoint_area *area, const struct endpoint_rule *rule,
           size_t round)
{
    static const struct {
        struct str name;
        unsigned bit;
    } methods[] = {{STR("GET"), GET},
                   {STR("POST"), POST},
                   {STR("PUT"), PUT},
                   {STR("PATCH"), PATCH},
                   {STR("DELETE"), DELETE}};
    static const char *const versions[] = {"v3", "2026-03", "v4",
                                           "2027-03-beta"};
    struct buf auto_buf rest = {0}, auto_buf path = {0};
    struct str prefix = area->path, word;
    buf_init(&rest, 1000);
    buf_init(&path, 1000);
    add_made_rest(&rest, str_from(rule->path), round);
    while (prefix.n > 0 && str_cut(&prefix, '/', &word)) {
        buf_add_char(&path, '/');
        buf_add(&path, str_equal(word, STR("@")) ? str_from(versions[round % 4])
                                                 : word);
    }
    if (rest.n > 0)
        buf_addf(&path, "/%s", buf_text(&rest));
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        struct endpoint e;
        endpoint_find(methods[i].name, buf_str(&path), &e);
        if (e.rule != naive_find(methods[i].bit, area->path, buf_str(&rest),
                                 str_ends(area->path, STR("/@"))))
            fail_msg("%s %s finds another rule", methods[i].name.p,
                     buf_text(&path));
    }
}

static void
finds_the_first_rule_that_fits_in_made_paths(void **state)
{
    (void)state;
    size_t n = 0;
    for (size_t i = 0; i < endpoint_n_areas(); i++) {
        const struct endpoint_area *area = endpoint_area_at(i);
        for (size_t k = 0; k < area->n_rules; k++)
            for (size_t round = 0; round < 20; round++, n++)
                check_made(area, &area->rules[k], round);
    }
    assert_true(n > 5000);
}

/* "{read} + x | y": every name must be one of the catalogue. */
static void
check_names(const char *needs)
{
    struct str rest = str_from(needs), one, name;
    while (rest.n > 0 && str_cut(&rest, '|', &one))
        while (str_cut(&one, '+', &name)) {
            name = str_trim(name);
            if (name.p[0] != '{' && catalogue_find(name) == NULL)
                fail_msg("%.*s is not in the catalogue", STR_ARG(name));
        }
}

static void
names_only_scopes_of_the_catalogue(void **state)
{
    (void)state;
    for (size_t i = 0; i < endpoint_n_areas(); i++) {
        const struct endpoint_area *area = endpoint_area_at(i);
        for (size_t k = 0; k < area->n_rules; k++)
            check_names(area->rules[k].needs);
    }
    for (size_t i = 0; i < object_type_count(); i++)
        for (size_t k = 0; k < OBJECT_ACCESS_COUNT; k++)
            check_names(object_type_at(i)->needs[k]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_known_scopes_of_every_known_endpoint),
        cmocka_unit_test(says_unknown_to_what_is_no_endpoint),
        cmocka_unit_test(names_the_object_type_that_it_does_not_know),
        cmocka_unit_test(looks_past_query_and_slash_and_takes_head_for_get),
        cmocka_unit_test(finds_the_first_rule_that_fits_in_made_paths),
        cmocka_unit_test(names_only_scopes_of_the_catalogue),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, read_cases, NULL);
}

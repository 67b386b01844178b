#include "keeper/store_sqlite_recent.c"

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
/* clang-format on */

struct scene {
    struct recent *recent;
    struct arena *arena;
};

static int
set_up(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    *s = (struct scene){recent_new(), arena_new()};
    *state = s;
    return 0;
}

static int
tear_down(void **state)
{
    struct scene *s = *state;
    recent_free(s->recent);
    arena_free(s->arena);
    free(s);
    return 0;
}

static struct store_row
row_of(struct scene *s, enum store_table table, unsigned n, struct str body)
{
    return (struct store_row){.table = table,
                              .key = arena_printf(s->arena, "crm/%u", n),
                              .version = n + 1,
                              .due = 7,
                              .tag = STR("k1"),
                              .body = body};
}

static bool
has(struct scene *s, enum store_table table, unsigned n)
{
    struct store_row out, row = row_of(s, table, n, STR_NONE);
    return recent_get(s->recent, table, row.key, s->arena, &out);
}

static void
a_kept_row_comes_back_whole_and_outlives_what_it_was_copied_from(void **state)
{
    struct scene *s = *state;
    struct arena *short_lived = arena_new();
    struct store_row out, row = row_of(s, STORE_GRANTS, 3, STR_NONE);
    row.body = arena_copy(short_lived, STR("a\0b"));
    recent_keep(s->recent, &row);
    arena_free(short_lived);
    assert_true(recent_get(s->recent, STORE_GRANTS, row.key, s->arena, &out));
    recent_forget(s->recent, STORE_GRANTS, row.key);
    assert_int_equal(out.version, 4);
    assert_int_equal(out.due, 7);
    assert_true(str_equal(out.key, row.key));
    assert_true(str_equal(out.tag, STR("k1")));
    assert_true(str_equal(out.body, STR("a\0b")));
}

static void
tables_are_apart_and_those_read_once_are_not_kept(void **state)
{
    struct scene *s = *state;
    struct store_row grant = row_of(s, STORE_GRANTS, 1, STR("g"));
    struct store_row entry = row_of(s, STORE_AUDIT, 1, STR("a"));
    recent_keep(s->recent, &grant);
    recent_keep(s->recent, &entry);
    assert_true(has(s, STORE_GRANTS, 1));
    assert_false(has(s, STORE_DATA_KEYS, 1));
    assert_false(has(s, STORE_AUDIT, 1));
}

static void
what_is_forgotten_is_gone_and_its_neighbours_stay(void **state)
{
    struct scene *s = *state;
    enum { N = 3 * CELLS }; /* so cells have chains */
    for (unsigned i = 0; i < N; i++) {
        struct store_row row = row_of(s, STORE_DATA_KEYS, i, STR_NONE);
        recent_keep(s->recent, &row);
    }
    for (unsigned i = 0; i < N; i += 2) {
        struct store_row row = row_of(s, STORE_DATA_KEYS, i, STR_NONE);
        recent_forget(s->recent, STORE_DATA_KEYS, row.key);
    }
    for (unsigned i = 0; i < N; i++)
        assert_int_equal(has(s, STORE_DATA_KEYS, i), i % 2);
}

static void
the_rows_longest_not_wanted_make_room(void **state)
{
    struct scene *s = *state;
    enum { BODY = 64 << 10, N = 2 * MOST_BYTES / BODY };
    static char bytes[BODY];
    for (unsigned i = 0; i < N; i++) {
        struct store_row row =
            row_of(s, STORE_GRANTS, i, str_of(bytes, sizeof(bytes)));
        recent_keep(s->recent, &row);
        assert_true(s->recent->bytes <= MOST_BYTES);
        assert_true(has(s, STORE_GRANTS, 0)); /* wanted all the time */
    }
    assert_false(has(s, STORE_GRANTS, 1));
    assert_true(has(s, STORE_GRANTS, N - 1));
    assert_true(has(s, STORE_GRANTS, N - N / 4));
}

static void
a_row_beyond_all_room_is_not_kept(void **state)
{
    struct scene *s = *state;
    char *bytes = calloc(1, MOST_BYTES);
    assert_non_null(bytes);
    struct store_row row =
        row_of(s, STORE_GRANTS, 0, str_of(bytes, MOST_BYTES));
    recent_keep(s->recent, &row);
    assert_false(has(s, STORE_GRANTS, 0));
    assert_int_equal(s->recent->bytes, 0);
    free(bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_kept_row_comes_back_whole_and_outlives_what_it_was_copied_from),
        TEST(tables_are_apart_and_those_read_once_are_not_kept),
        TEST(what_is_forgotten_is_gone_and_its_neighbours_stay),
        TEST(the_rows_longest_not_wanted_make_room),
        TEST(a_row_beyond_all_room_is_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "courier/shelf.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "courier/shelf.c"

/* Files of the journal, cut into pieces. */

static int64_t now_ms;

static int64_t
mono_ms(struct env *env)
{
    (void)env;
    return now_ms;
}

static struct env env = {.mono_ms = mono_ms};

static int
open_shelf(void **state)
{
    now_ms = 1000;
    *state = shelf_new(&env);
    return 0;
}

static int
close_shelf(void **state)
{
    shelf_free(*state);
    return 0;
}

static enum err
put(struct shelf *s, const char *text, uint64_t *handle, uint32_t *n)
{
    struct buf auto_buf file = {0};
    buf_init(&file, LIMIT_JOURNAL);
    buf_add_text(&file, text);
    return shelf_put(s, &file, handle, n);
}

static void
hands_over_the_bytes_of_the_events(void **state)
{
    struct buf auto_buf out = {0};
    uint64_t handle;
    uint32_t n;
    buf_init(&out, LIMIT_FRAME);
    assert_int_equal(
        put(*state,
            " {\"offset\":\"1\",\"x\":[{}],\"journalEvents\":\n[ {\"a\" : "
            "[1,\"]},{\"]} ,\n{\"b\":2.50} ] , \"publishedAt\":\"2\"} ",
            &handle, &n),
        ERR_OK);
    assert_int_equal(n, 1);
    assert_int_equal(shelf_piece(*state, handle, 1, &out), ERR_NOT_FOUND);
    assert_int_equal(shelf_piece(*state, handle, 0, &out), ERR_OK);
    assert_string_equal(buf_text(&out),
                        "[{\"a\" : [1,\"]},{\"]} ,\n{\"b\":2.50}]");
    assert_int_equal(shelf_piece(*state, handle, 0, &out), ERR_NOT_FOUND);
    assert_int_equal(shelf_room(*state), SHELF_FILES);
}

static void
holds_nothing_of_a_file_without_events(void **state)
{
    uint64_t handle;
    uint32_t n;
    assert_int_equal(put(*state, "{\"journalEvents\":[]}", &handle, &n),
                     ERR_OK);
    assert_int_equal(n, 0);
    assert_int_equal(shelf_room(*state), SHELF_FILES);
}

static void
refuses_what_is_no_journal(void **state)
{
    static const char *const texts[] = {
        "",
        "[]",
        "<Error/>",
        "{}",
        "{\"journalEvents\":{}}",
        "{\"journalEvents\":[{}",
        "{\"journalEvents\":[{}]",
        "{\"journalEvents\":[\"x]}",
        "{\"journalEvents\":[],\"journalEvents\":[1,}",
        "{\"offset\":x,\"journalEvents\":[]}",
    };
    uint64_t handle;
    uint32_t n;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (put(*state, texts[i], &handle, &n) != ERR_SYNTAX)
            fail_msg("%s", texts[i]);
        assert_int_equal(shelf_room(*state), SHELF_FILES);
    }
}

/* A file of n events of about `size` bytes each. */
static void
put_many(struct shelf *s, size_t n_events, size_t size, uint64_t *handle,
         uint32_t *n)
{
    struct buf auto_buf file = {0};
    buf_init(&file, LIMIT_JOURNAL);
    buf_add_text(&file, "{\"journalEvents\":[");
    for (size_t i = 0; i < n_events; i++) {
        buf_add_text(&file, i > 0 ? ",\"" : "\"");
        for (size_t k = 0; k < size; k++)
            buf_add_char(&file, 'x');
        buf_add_char(&file, '"');
    }
    buf_add_text(&file, "]}");
    assert_int_equal(shelf_put(s, &file, handle, n), ERR_OK);
}

static size_t
count_events(const struct buf *piece)
{
    size_t n = 0;
    for (size_t i = 0; i < piece->n; i++)
        n += buf_str(piece).p[i] == '"';
    return n / 2;
}

static void
cuts_at_a_hundred_events_and_at_the_limit_of_bytes(void **state)
{
    static const struct {
        size_t n_events, size;
        uint32_t n_pieces;
    } cases[] = {
        {100, 10, 1},
        {101, 10, 2},
        {1000, 10, 10},
        {10, 200000, 5},
        {3, LIMIT_PIECE - 2, 3},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t handle;
        uint32_t n;
        size_t n_events = 0;
        put_many(*state, cases[i].n_events, cases[i].size, &handle, &n);
        assert_int_equal(n, cases[i].n_pieces);
        for (uint32_t k = 0; k < n; k++) {
            struct buf auto_buf out = {0};
            buf_init(&out, LIMIT_PIECE + 2);
            assert_int_equal(shelf_piece(*state, handle, k, &out), ERR_OK);
            assert_int_equal(buf_err(&out), ERR_OK);
            assert_true(count_events(&out) <= SHELF_EVENTS);
            n_events += count_events(&out);
        }
        assert_int_equal(n_events, cases[i].n_events);
    }
}

static void
an_event_that_no_message_takes_counts_as_unreadable(void **state)
{
    struct buf auto_buf out = {0};
    uint64_t handle;
    uint32_t n;
    buf_init(&out, LIMIT_PIECE);
    put_many(*state, 1, LIMIT_PIECE, &handle, &n);
    assert_int_equal(n, 1);
    assert_int_equal(shelf_piece(*state, handle, 0, &out), ERR_OK);
    assert_string_equal(buf_text(&out), "[null]");
}

static void
keeps_four_files_for_a_minute(void **state)
{
    struct buf auto_buf out = {0};
    uint64_t first, handle;
    uint32_t n;
    buf_init(&out, 1000);
    assert_int_equal(put(*state, "{\"journalEvents\":[1]}", &first, &n),
                     ERR_OK);
    for (size_t i = 1; i < SHELF_FILES; i++)
        assert_int_equal(put(*state, "{\"journalEvents\":[1]}", &handle, &n),
                         ERR_OK);
    assert_int_equal(shelf_room(*state), 0);
    assert_int_equal(put(*state, "{\"journalEvents\":[1]}", &handle, &n),
                     ERR_LIMIT);
    now_ms += SHELF_KEEP_MS;
    assert_int_equal(shelf_piece(*state, first, 0, &out), ERR_NOT_FOUND);
    assert_int_equal(shelf_piece(*state, 0, 0, &out), ERR_NOT_FOUND);
    assert_int_equal(shelf_room(*state), SHELF_FILES);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, open_shelf, close_shelf)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hands_over_the_bytes_of_the_events),
        TEST(holds_nothing_of_a_file_without_events),
        TEST(refuses_what_is_no_journal),
        TEST(cuts_at_a_hundred_events_and_at_the_limit_of_bytes),
        TEST(an_event_that_no_message_takes_counts_as_unreadable),
        TEST(keeps_four_files_for_a_minute),
    };
    if (sodium_init() < 0)
        return 1;
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

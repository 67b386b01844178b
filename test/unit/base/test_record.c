#include "base/record.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Every type of field, and one added later. */
struct sample {
    bool is_set;
    uint32_t small;
    uint64_t large;
    int64_t at;
    struct str name;
    struct strs scopes;
    struct hidden token;
    uint32_t added;
};

static const struct field sample_fields[] = {
    FIELD(struct sample, is_set), FIELD(struct sample, small),
    FIELD(struct sample, large),  FIELD(struct sample, at),
    FIELD(struct sample, name),   FIELD(struct sample, scopes),
    FIELD(struct sample, token),  FIELD(struct sample, added),
};
static const struct record sample_record = RECORD(sample);

struct old {
    bool is_set;
};
static const struct field old_fields[] = {FIELD(struct old, is_set)};
static const struct record old_record = RECORD(old);

static const struct record empty_record = RECORD_EMPTY(empty);

static struct str two_scopes[] = {{"oauth", 5}, {"", 0}};

static struct sample
usual(void)
{
    return (struct sample){
        .is_set = true,
        .small = 0x01020304,
        .large = 0x1112131415161718,
        .at = -2,
        .name = STR("n\0m"),
        .scopes = {two_scopes, 2},
        .token = HIDDEN(STR("tok")),
        .added = 9,
    };
}

static const char usual_bytes[] =
    "\x01"
    "\x01\x02\x03\x04"
    "\x11\x12\x13\x14\x15\x16\x17\x18"
    "\xff\xff\xff\xff\xff\xff\xff\xfe"
    "\x00\x00\x00\x03n\x00m"
    "\x00\x00\x00\x02\x00\x00\x00\x05oauth\x00\x00\x00\x00"
    "\x00\x00\x00\x03tok"
    "\x00\x00\x00\x09";
#define USUAL STR_OF(usual_bytes)
#define STR_OF(a) str_of(a, sizeof(a) - 1)

static bool
is_usual(const struct sample *s)
{
    return s->is_set && s->small == 0x01020304 &&
           s->large == 0x1112131415161718 && s->at == -2 &&
           str_equal(s->name, STR("n\0m")) && s->scopes.n == 2 &&
           str_equal(s->scopes.v[0], STR("oauth")) && s->scopes.v[1].n == 0 &&
           str_equal(s->token.s, STR("tok")) && s->added == 9;
}

static void
the_bytes_are_what_the_header_says(void **state)
{
    struct buf auto_buf out;
    struct sample s = usual();
    (void)state;
    buf_init(&out, 1000);
    record_encode(&sample_record, &s, &out);
    assert_true(str_equal(buf_str(&out), USUAL));
}

static void
what_was_encoded_decodes_to_the_same(void **state)
{
    struct arena *arena = arena_new();
    struct sample s;
    (void)state;
    memset(&s, 0xaa, sizeof(s));
    assert_int_equal(record_decode(&sample_record, USUAL, arena, &s), ERR_OK);
    assert_true(is_usual(&s));
    /* Texts are views of the input. */
    assert_ptr_equal(s.name.p, usual_bytes + 25);
    arena_free(arena);
}

static void
too_few_and_too_many_bytes_do_not_decode(void **state)
{
    struct arena *arena = arena_new();
    struct sample s;
    (void)state;
    for (size_t n = 0; n < USUAL.n; n++) {
        /* An allocation of that size, so that a read behind it is seen. */
        char *bytes = malloc(n + 1);
        assert_non_null(bytes);
        bytes = realloc(bytes, n > 0 ? n : 1);
        memcpy(bytes, usual_bytes, n);
        assert_int_equal(
            record_decode(&sample_record, str_of(bytes, n), arena, &s),
            ERR_SYNTAX);
        free(bytes);
    }
    /* The literal's NUL is one byte more. */
    struct str longer = str_of(usual_bytes, sizeof(usual_bytes));
    assert_int_equal(record_decode(&sample_record, longer, arena, &s),
                     ERR_SYNTAX);
    assert_int_equal(record_decode(&sample_record, STR_NONE, arena, &s),
                     ERR_SYNTAX);
    arena_free(arena);
}

static void
an_old_row_ends_early_at_the_border_of_a_field(void **state)
{
    static const size_t borders[] = {0, 1, 5, 13, 21, 28, 45, 52, 56};
    struct arena *arena = arena_new();
    struct sample s;
    size_t at = 0;
    (void)state;
    assert_int_equal(USUAL.n, 56);
    for (size_t n = 0; n <= USUAL.n; n++) {
        bool is_border = n == borders[at];
        at += is_border;
        memset(&s, 0xaa, sizeof(s));
        enum err e = record_decode_old(&sample_record, str_of(usual_bytes, n),
                                       arena, &s);
        assert_int_equal(e, is_border ? ERR_OK : ERR_SYNTAX);
        if (!is_border)
            continue;
        assert_int_equal(s.added, n == 56 ? 9 : 0);
        assert_int_equal(s.token.s.n, n >= 52 ? 3 : 0);
        assert_int_equal(s.scopes.n, n >= 45 ? 2 : 0);
        assert_int_equal(s.is_set, n >= 1);
    }
    assert_int_equal(record_decode_old(&sample_record, STR_NONE, arena, &s),
                     ERR_OK);
    arena_free(arena);
}

static void
bytes_left_over_are_never_taken(void **state)
{
    struct arena *arena = arena_new();
    struct old o;
    (void)state;
    assert_int_equal(record_decode(&old_record, STR("\1"), arena, &o), ERR_OK);
    assert_int_equal(record_decode(&old_record, USUAL, arena, &o), ERR_SYNTAX);
    assert_int_equal(record_decode_old(&old_record, USUAL, arena, &o),
                     ERR_SYNTAX);
    arena_free(arena);
}

static void
a_bool_is_0_or_1(void **state)
{
    struct arena *arena = arena_new();
    struct old o;
    (void)state;
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        enum err e = record_decode(&old_record, str_of(&byte, 1), arena, &o);
        assert_int_equal(e, c < 2 ? ERR_OK : ERR_SYNTAX);
    }
    arena_free(arena);
}

struct list {
    struct strs all;
};
static const struct field list_fields[] = {FIELD(struct list, all)};
static const struct record list_record = RECORD(list);

static void
a_list_longer_than_its_bytes_is_refused_before_memory_is_taken(void **state)
{
    (void)state;
    static const struct {
        struct str bytes;
        enum err e;
    } rows[] = {
        {{"\0\0\0\0", 4}, ERR_OK},
        {{"\0\0\0\1\0\0\0\0", 8}, ERR_OK},
        {{"\0\0\0\1", 4}, ERR_SYNTAX},
        {{"\0\0\0\2\0\0\0\0", 8}, ERR_SYNTAX},
        {{"\xff\xff\xff\xff", 4}, ERR_SYNTAX},
        {{"\xff\xff\xff\xff\0\0\0\0", 8}, ERR_SYNTAX},
        {{"\0\0\0\1\xff\xff\xff\xff", 8}, ERR_SYNTAX},
        {{"\0\0\0\1\0\0\0\1", 8}, ERR_SYNTAX},
        {{"\0\0\0\1\0\0\0\0\0", 9}, ERR_SYNTAX},
    };
    struct list l;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arena *arena = arena_new();
        enum err e = record_decode(&list_record, rows[i].bytes, arena, &l);
        if (e != rows[i].e)
            fail_msg("row %zu: %s", i, err_name(e));
        arena_free(arena);
    }
}

static void
an_empty_record_is_no_bytes(void **state)
{
    struct arena *arena = arena_new();
    struct buf auto_buf out;
    char nothing;
    (void)state;
    buf_init(&out, 10);
    record_encode(&empty_record, &nothing, &out);
    assert_int_equal(out.n, 0);
    assert_int_equal(record_decode(&empty_record, STR_NONE, arena, &nothing),
                     ERR_OK);
    assert_int_equal(record_decode(&empty_record, STR("x"), arena, &nothing),
                     ERR_SYNTAX);
    arena_free(arena);
}

static void
what_does_not_fit_is_over(void **state)
{
    struct buf auto_buf out;
    struct sample s = usual();
    (void)state;
    buf_init(&out, USUAL.n - 1);
    record_encode(&sample_record, &s, &out);
    assert_int_equal(buf_err(&out), ERR_LIMIT);
}

/* What decodes after any one byte was changed encodes to those bytes. */
static void
there_is_one_way_to_write_a_record(void **state)
{
    char bytes[sizeof(usual_bytes)];
    struct str text = str_of(bytes, USUAL.n);
    size_t n_good = 0;
    (void)state;
    memcpy(bytes, usual_bytes, sizeof(bytes));
    for (size_t i = 0; i < 256 * text.n; i++) {
        struct arena *arena = arena_new();
        struct buf auto_buf out;
        struct sample s;
        char was = bytes[i / 256];
        bytes[i / 256] = (char)(i % 256);
        buf_init(&out, 1000);
        if (record_decode(&sample_record, text, arena, &s) == ERR_OK) {
            record_encode(&sample_record, &s, &out);
            assert_true(str_equal(buf_str(&out), text));
            n_good++;
        }
        bytes[i / 256] = was;
        arena_free(arena);
    }
    assert_true(n_good > 1000 && n_good < 256 * text.n);
}

static void
a_copy_outlives_the_input(void **state)
{
    struct arena *arena = arena_new();
    char *bytes = malloc(USUAL.n);
    struct sample s, copy;
    (void)state;
    assert_non_null(bytes);
    memcpy(bytes, usual_bytes, USUAL.n);
    assert_int_equal(
        record_decode(&sample_record, str_of(bytes, USUAL.n), arena, &s),
        ERR_OK);
    record_copy(&sample_record, &s, arena, &copy);
    free(bytes);
    assert_true(is_usual(&copy));
    arena_free(arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_are_what_the_header_says),
        cmocka_unit_test(what_was_encoded_decodes_to_the_same),
        cmocka_unit_test(too_few_and_too_many_bytes_do_not_decode),
        cmocka_unit_test(an_old_row_ends_early_at_the_border_of_a_field),
        cmocka_unit_test(bytes_left_over_are_never_taken),
        cmocka_unit_test(a_bool_is_0_or_1),
        cmocka_unit_test(
            a_list_longer_than_its_bytes_is_refused_before_memory_is_taken),
        cmocka_unit_test(an_empty_record_is_no_bytes),
        cmocka_unit_test(what_does_not_fit_is_over),
        cmocka_unit_test(there_is_one_way_to_write_a_record),
        cmocka_unit_test(a_copy_outlives_the_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "http/chunk.c"

#include "base/buf.h"
#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct {
    const char *name;
    struct str bytes;
    enum err want;
    struct str body; /* that was read up to there */
    size_t left;     /* behind the end */
} cases[] = {
    {"one chunk", STR("5\r\nhello\r\n0\r\n\r\n"), ERR_OK, STR("hello"), 0},
    {"two chunks", STR("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"), ERR_OK, STR("abc"),
     0},
    {"nothing", STR("0\r\n\r\n"), ERR_OK, STR(""), 0},
    {"hex in both cases",
     STR("a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n"), ERR_OK,
     STR("01234567890123456789a"), 0},
    {"zeros in front", STR("0005\r\nhello\r\n000\r\n\r\n"), ERR_OK,
     STR("hello"), 0},
    {"extension", STR("5;a=b;c=\"d\"\r\nhello\r\n0;x\r\n\r\n"), ERR_OK,
     STR("hello"), 0},
    {"extensions with space", STR("1 ; a\t= b ;c = \"\" ;d\r\nx\r\n0\r\n\r\n"),
     ERR_OK, STR("x"), 0},
    {"all that quotes may hold",
     STR("1;a=\"b;c=\\\"d\\\\ \t,\xe4\";e\r\nx\r\n0\r\n\r\n"), ERR_OK, STR("x"),
     0},
    {"trailers", STR("0\r\nA: b\r\nContent-Length: 5\r\n\r\n"), ERR_OK, STR(""),
     0},
    {"what comes behind", STR("0\r\n\r\nGET /"), ERR_OK, STR(""), 5},

    {"cut in the size", STR("5"), ERR_AGAIN, STR(""), 0},
    {"cut in the data", STR("5\r\nhel"), ERR_AGAIN, STR("hel"), 0},
    {"cut before the end", STR("5\r\nhello\r\n0\r\n"), ERR_AGAIN, STR("hello"),
     0},

    {"no size", STR("\r\nhello"), ERR_SYNTAX, STR(""), 0},
    {"extension without size", STR(";a\r\n"), ERR_SYNTAX, STR(""), 0},
    {"negative size", STR("-1\r\n"), ERR_SYNTAX, STR(""), 0},
    {"0x", STR("0x5\r\nhello"), ERR_SYNTAX, STR(""), 0},
    {"space before the size", STR(" 5\r\nhello"), ERR_SYNTAX, STR(""), 0},
    {"space behind the size", STR("5 \r\nhello"), ERR_SYNTAX, STR(""), 0},
    {"size of 2^64", STR("10000000000000000\r\n"), ERR_SYNTAX, STR(""), 0},
    {"size of 2^64 + 5", STR("10000000000000005\r\n"), ERR_SYNTAX, STR(""), 0},
    {"size of 2^63", STR("8000000000000000\r\n"), ERR_SYNTAX, STR(""), 0},
    {"bare LF behind the size", STR("5\nhello\n0\n\n"), ERR_SYNTAX, STR(""), 0},
    {"CR without LF", STR("5\rhello"), ERR_SYNTAX, STR(""), 0},
    {"data longer than said", STR("3\r\nhello\r\n0\r\n\r\n"), ERR_SYNTAX,
     STR("hel"), 0},
    {"data shorter than said", STR("6\r\nhello\r\n0\r\n\r\n"), ERR_SYNTAX,
     STR("hello\r"), 0},
    {"bare LF behind the data", STR("5\r\nhello\n0\r\n\r\n"), ERR_SYNTAX,
     STR("hello"), 0},
    {"NUL in an extension", STR("5;a\0b\r\nhello"), ERR_SYNTAX, STR(""), 0},
    {"bare LF in an extension", STR("5;a\nhello"), ERR_SYNTAX, STR(""), 0},
    {"bare CR in an extension", STR("5;a\rb\r\nhello"), ERR_SYNTAX, STR(""), 0},
    {"quotes that stay open", STR("5;a=\"b\r\nhello\r\n0\r\n\r\n"), ERR_SYNTAX,
     STR(""), 0},
    {"quotes over two lines", STR("5;a=\"\r\n\"\r\nhello"), ERR_SYNTAX, STR(""),
     0},
    {"bare LF in quotes", STR("5;a=\"\n\"\r\nhello"), ERR_SYNTAX, STR(""), 0},
    {"bare CR in quotes", STR("5;a=\"\rb\"\r\nhello"), ERR_SYNTAX, STR(""), 0},
    {"NUL in quotes", STR("5;a=\"\0\"\r\nhello"), ERR_SYNTAX, STR(""), 0},
    {"escaped end of quotes", STR("5;a=\"b\\\"\r\nhello"), ERR_SYNTAX, STR(""),
     0},
    {"escaped line's end", STR("5;a=\"b\\\r\nhello"), ERR_SYNTAX, STR(""), 0},
    {"text behind quotes", STR("5;a=\"b\"c\r\nhello"), ERR_SYNTAX, STR(""), 0},
    {"quotes within a value", STR("5;a=b\"c\"\r\nhello"), ERR_SYNTAX, STR(""),
     0},
    {"quotes as a name", STR("5;\"a\"\r\nhello"), ERR_SYNTAX, STR(""), 0},
    {"extension without name", STR("5;\r\nhello"), ERR_SYNTAX, STR(""), 0},
    {"name missing before =", STR("5;=b\r\nhello"), ERR_SYNTAX, STR(""), 0},
    {"value missing", STR("5;a=\r\nhello"), ERR_SYNTAX, STR(""), 0},
    {"two values", STR("5;a=b c\r\nhello"), ERR_SYNTAX, STR(""), 0},
    {"two names", STR("5;a b\r\nhello"), ERR_SYNTAX, STR(""), 0},
    {"space at the end", STR("5;a=b \r\nhello"), ERR_SYNTAX, STR(""), 0},
    {"bare LF behind a trailer", STR("0\r\nA: b\n\r\n"), ERR_SYNTAX, STR(""),
     0},
    {"folded trailer", STR("0\r\nA: b\r\n c\r\n\r\n"), ERR_SYNTAX, STR(""), 0},
    {"trailer without colon", STR("0\r\nA\r\n\r\n"), ERR_SYNTAX, STR(""), 0},
    {"NUL in a trailer", STR("0\r\nA: \0\r\n\r\n"), ERR_SYNTAX, STR(""), 0},
    {"bare LF at the end", STR("0\r\n\n"), ERR_SYNTAX, STR(""), 0},
};

/* Feeds the bytes `step` at a time, as a socket would bring them. */
static enum err
read_all(struct str bytes, size_t step, struct buf *out_body, size_t *out_left)
{
    struct chunk_reader r;
    struct str rest = STR_NONE, piece;
    size_t at = 0;
    chunk_start(&r);
    for (;;) {
        enum err e = chunk_next(&r, &rest, &piece);
        if (e == ERR_OK && piece.n > 0) {
            buf_add(out_body, piece);
            continue;
        }
        *out_left = bytes.n - at + rest.n;
        if (e != ERR_AGAIN || at == bytes.n)
            return e;
        rest = str_of(bytes.p + at, bytes.n - at < step ? bytes.n - at : step);
        at += rest.n;
    }
}

static void
reads_every_shape_however_it_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t step = 1; step <= cases[i].bytes.n; step++) {
            auto_buf struct buf body;
            size_t left = 0;
            buf_init(&body, 1000);
            enum err e = read_all(cases[i].bytes, step, &body, &left);
            if (e != cases[i].want ||
                !str_equal(buf_str(&body), cases[i].body) ||
                (e == ERR_OK && left != cases[i].left))
                fail_msg("%s by %zu: %s, %.*s, %zu left", cases[i].name, step,
                         err_name(e), STR_ARG(buf_str(&body)), left);
        }
    }
}

static enum err
read_with(const char *start, size_t n, const char *end)
{
    auto_buf struct buf all, body;
    size_t left;
    buf_init(&all, 1000000);
    buf_init(&body, 1000000);
    buf_add_text(&all, start);
    for (size_t i = 0; i < n; i++)
        buf_add_char(&all, 'a');
    buf_add_text(&all, end);
    return read_all(buf_str(&all), 1000, &body, &left);
}

static void
holds_every_limit(void **state)
{
    (void)state;
    assert_int_equal(read_with("0;", LIMIT_CHUNK_LINE - 4, "\r\n\r\n"), ERR_OK);
    assert_int_equal(read_with("0;", LIMIT_CHUNK_LINE - 3, "\r\n\r\n"),
                     ERR_LIMIT);
    assert_int_equal(read_with("0;", 100000, ""), ERR_LIMIT);
    assert_int_equal(read_with("0\r\nA:", LIMIT_HEAD - 6, "\r\n\r\n"), ERR_OK);
    assert_int_equal(read_with("0\r\nA:", LIMIT_HEAD - 5, "\r\n\r\n"),
                     ERR_LIMIT);
    /* Zeros in front of a size are as endless as an extension. */
    struct chunk_reader r;
    struct str zero, piece;
    enum err e = ERR_AGAIN;
    chunk_start(&r);
    for (int i = 0; i < LIMIT_CHUNK_LINE + 1 && e == ERR_AGAIN; i++) {
        zero = STR("0");
        e = chunk_next(&r, &zero, &piece);
    }
    assert_int_equal(e, ERR_LIMIT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_shape_however_it_is_cut),
        cmocka_unit_test(holds_every_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

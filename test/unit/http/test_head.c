#include "http/head.c"
#include "http/head_look.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define START "GET / HTTP/1.1\r\nHost: a\r\n"

struct shape {
    const char *name;
    const char *text;
    size_t n; /* 0: up to the NUL */
    enum err want;
};

#define BYTES(text) text, sizeof(text) - 1

static const struct shape requests[] = {
    {"plain", BYTES(START "\r\n"), ERR_OK},
    {"1.0 without host", BYTES("GET / HTTP/1.0\r\n\r\n"), ERR_OK},
    {"host with port", BYTES("GET / HTTP/1.1\r\nHost: a.b:80\r\n\r\n"), ERR_OK},
    {"host v6", BYTES("GET / HTTP/1.1\r\nHost: [::1]:8\r\n\r\n"), ERR_OK},
    {"empty value", BYTES(START "X:\r\n\r\n"), ERR_OK},
    {"tab in value", BYTES(START "X: a\tb\r\n\r\n"), ERR_OK},
    {"obs-text", BYTES(START "X: \xc3\xa9\xff\r\n\r\n"), ERR_OK},
    {"length", BYTES(START "Content-Length: 5\r\n\r\n"), ERR_OK},
    {"chunked, any case", BYTES(START "transfer-ENCODING: Chunked\r\n\r\n"),
     ERR_OK},
    {"query with brackets",
     BYTES("GET /?a[]={b}|c HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_OK},

    {"nothing yet", "", 0, ERR_AGAIN},
    {"half a method", BYTES("GE"), ERR_AGAIN},
    {"half a version", BYTES("GET / HTT"), ERR_AGAIN},
    {"half a line end", BYTES("GET / HTTP/1.1\r"), ERR_AGAIN},
    {"half a name", BYTES(START "X-H"), ERR_AGAIN},
    {"no empty line yet", BYTES(START), ERR_AGAIN},
    {"half of the last line end", BYTES(START "\r"), ERR_AGAIN},

    {"both length and encoding",
     BYTES(START "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
     ERR_SYNTAX},
    {"both, the other way round",
     BYTES(START "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
     ERR_SYNTAX},
    {"two different lengths",
     BYTES(START "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"), ERR_SYNTAX},
    {"two equal lengths",
     BYTES(START "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"), ERR_SYNTAX},
    {"a list of lengths", BYTES(START "Content-Length: 5, 5\r\n\r\n"),
     ERR_SYNTAX},
    {"length with a sign", BYTES(START "Content-Length: +5\r\n\r\n"),
     ERR_SYNTAX},
    {"negative length", BYTES(START "Content-Length: -1\r\n\r\n"), ERR_SYNTAX},
    {"hex length", BYTES(START "Content-Length: 0x5\r\n\r\n"), ERR_SYNTAX},
    {"empty length", BYTES(START "Content-Length:\r\n\r\n"), ERR_SYNTAX},
    {"length of 2^64",
     BYTES(START "Content-Length: 18446744073709551616\r\n\r\n"), ERR_SYNTAX},
    {"length of 2^63",
     BYTES(START "Content-Length: 9223372036854775808\r\n\r\n"), ERR_SYNTAX},
    {"two encodings",
     BYTES(START "Transfer-Encoding: chunked\r\nTransfer-Encoding: "
                 "chunked\r\n\r\n"),
     ERR_SYNTAX},
    {"encoding in a list",
     BYTES(START "Transfer-Encoding: gzip, chunked\r\n\r\n"), ERR_SYNTAX},
    {"identity", BYTES(START "Transfer-Encoding: identity\r\n\r\n"),
     ERR_SYNTAX},
    {"xchunked", BYTES(START "Transfer-Encoding: xchunked\r\n\r\n"),
     ERR_SYNTAX},
    {"chunked with a vertical tab",
     BYTES(START "Transfer-Encoding: \x0b"
                 "chunked\r\n\r\n"),
     ERR_SYNTAX},
    {"chunks in 1.0",
     BYTES("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
     ERR_SYNTAX},

    {"bare LF after the first line", BYTES("GET / HTTP/1.1\nHost: a\r\n\r\n"),
     ERR_SYNTAX},
    {"bare LF after a header", BYTES("GET / HTTP/1.1\r\nHost: a\n\r\n"),
     ERR_SYNTAX},
    {"bare LF at the end", BYTES(START "\n"), ERR_SYNTAX},
    {"bare CR in a value", BYTES(START "X: a\rb\r\n\r\n"), ERR_SYNTAX},
    {"CR CR LF", BYTES(START "X: a\r\r\n\r\n"), ERR_SYNTAX},
    {"folded line", BYTES(START "X: a\r\n b\r\n\r\n"), ERR_SYNTAX},
    {"folded with a tab", BYTES(START "X: a\r\n\tb\r\n\r\n"), ERR_SYNTAX},
    {"space before the first header",
     BYTES("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), ERR_SYNTAX},
    {"space before the colon", BYTES(START "X : a\r\n\r\n"), ERR_SYNTAX},
    {"tab before the colon", BYTES(START "X\t: a\r\n\r\n"), ERR_SYNTAX},
    {"no colon", BYTES(START "X\r\n\r\n"), ERR_SYNTAX},
    {"no name", BYTES(START ": a\r\n\r\n"), ERR_SYNTAX},
    {"NUL in a value", BYTES(START "X: a\0b\r\n\r\n"), ERR_SYNTAX},
    {"NUL in a name", BYTES(START "X\0Y: a\r\n\r\n"), ERR_SYNTAX},
    {"NUL in the target", BYTES("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
     ERR_SYNTAX},
    {"DEL in a value", BYTES(START "X: \x7f\r\n\r\n"), ERR_SYNTAX},
    {"escape far in a value", BYTES(START "X: 0123456789012\x1b\r\n\r\n"),
     ERR_SYNTAX},
    {"name with UTF-8", BYTES(START "\xc3\xa9: a\r\n\r\n"), ERR_SYNTAX},

    {"absolute-form", BYTES("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
     ERR_SYNTAX},
    {"asterisk-form", BYTES("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
     ERR_SYNTAX},
    {"authority-form", BYTES("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
     ERR_SYNTAX},
    {"fragment", BYTES("GET /#a HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_SYNTAX},
    {"target with UTF-8", BYTES("GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n"),
     ERR_SYNTAX},
    {"target with a tab", BYTES("GET /\t HTTP/1.1\r\nHost: a\r\n\r\n"),
     ERR_SYNTAX},
    {"two spaces", BYTES("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_SYNTAX},
    {"two spaces before the version",
     BYTES("GET /  HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_SYNTAX},
    {"a word more", BYTES("GET / x HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_SYNTAX},
    {"no version", BYTES("GET /\r\nHost: a\r\n\r\n"), ERR_SYNTAX},
    {"version 2", BYTES("PRI / HTTP/2.0\r\nHost: a\r\n\r\n"), ERR_SYNTAX},
    {"version 1.2", BYTES("GET / HTTP/1.2\r\nHost: a\r\n\r\n"), ERR_SYNTAX},
    {"version in small letters", BYTES("GET / http/1.1\r\nHost: a\r\n\r\n"),
     ERR_SYNTAX},
    {"space after the version", BYTES("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
     ERR_SYNTAX},
    {"method is no token", BYTES("G(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
     ERR_SYNTAX},
    {"endless method", BYTES("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGH"), ERR_SYNTAX},
    {"empty line first", BYTES("\r\n" START "\r\n"), ERR_SYNTAX},
    {"TLS", BYTES("\x16\x03\x01\x02\x00\x01"), ERR_SYNTAX},

    {"no host", BYTES("GET / HTTP/1.1\r\n\r\n"), ERR_SYNTAX},
    {"two hosts", BYTES(START "Host: a\r\n\r\n"), ERR_SYNTAX},
    {"two hosts in 1.0", BYTES("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
     ERR_SYNTAX},
    {"empty host", BYTES("GET / HTTP/1.1\r\nHost:\r\n\r\n"), ERR_SYNTAX},
    {"host with a user", BYTES("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
     ERR_SYNTAX},
    {"host with a path", BYTES("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
     ERR_SYNTAX},
    {"list of hosts", BYTES("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
     ERR_SYNTAX},
};

/* A copy of the exact size, so that a read past its end is seen. */
static enum err
parse(struct http_head *h, const char *text, size_t n, size_t *out_used)
{
    char *exact = malloc(n > 0 ? n : 1);
    assert_non_null(exact);
    if (n > 0)
        memcpy(exact, text, n);
    enum err e = http_head_parse_request(h, str_of(exact, n), out_used);
    free(exact);
    return e;
}

static void
judges_every_shape_of_a_request(void **state)
{
    struct http_head h;
    size_t used;
    (void)state;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        const struct shape *s = &requests[i];
        enum err e = parse(&h, s->text, s->n, &used);
        if (e != s->want)
            fail_msg("%s: %s, not %s", s->name, err_name(e), err_name(s->want));
        if (e == ERR_OK)
            assert_int_equal(used, s->n);
    }
}

/* Where the bytes are cut decides nothing but when the answer is known. */
static void
judges_no_shape_by_where_it_is_cut(void **state)
{
    struct http_head h;
    size_t used;
    (void)state;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        const struct shape *s = &requests[i];
        for (size_t n = 0; n < s->n; n++) {
            enum err e = parse(&h, s->text, n, &used);
            if (e != ERR_AGAIN && e != s->want)
                fail_msg("%s cut at %zu: %s", s->name, n, err_name(e));
            if (e == ERR_OK)
                fail_msg("%s cut at %zu is whole", s->name, n);
        }
    }
}

static void
reads_what_a_request_says(void **state)
{
    static const char text[] = "POST /a/b?x=1&y HTTP/1.1\r\n"
                               "Host: api.example\r\n"
                               "Content-Length: 12\r\n"
                               "X-One:   spaced\t \r\n"
                               "cookie: a=1; bb=2\r\n"
                               "Cookie: ccc=x=y\r\n"
                               "Expect: 100-continue\r\n"
                               "Connection: X-One, close\r\n\r\nbody";
    struct http_head h;
    struct str path, query;
    size_t used;
    (void)state;
    assert_int_equal(http_head_parse_request(&h, str_from(text), &used),
                     ERR_OK);
    assert_int_equal(used, sizeof(text) - 1 - 4);
    assert_true(str_equal(h.method, STR("POST")));
    http_head_target(&h, &path, &query);
    assert_true(str_equal(path, STR("/a/b")));
    assert_true(str_equal(query, STR("x=1&y")));
    assert_int_equal(h.framing, HTTP_LENGTH);
    assert_int_equal(h.length, 12);
    assert_true(h.expects_continue);
    assert_false(h.is_keep_alive);
    assert_int_equal(h.n_headers, 7);
    assert_true(str_equal(http_head_find(&h, "x-one"), STR("spaced")));
    assert_null(http_head_find(&h, "x-two").p);
    assert_int_equal(http_head_count(&h, "COOKIE"), 2);
    assert_true(str_equal(http_head_cookie(&h, STR("bb")), STR("2")));
    assert_true(str_equal(http_head_cookie(&h, STR("ccc")), STR("x=y")));
    assert_null(http_head_cookie(&h, STR("b")).p);
    assert_true(http_head_is_hop(&h, STR("x-one")));
    assert_true(http_head_is_hop(&h, STR("Transfer-Encoding")));
    assert_false(http_head_is_hop(&h, STR("Cookie")));
}

static void
tells_a_query_from_none(void **state)
{
    struct http_head h = {.target = STR("/a")};
    struct str path, query;
    (void)state;
    http_head_target(&h, &path, &query);
    assert_null(query.p);
    h.target = STR("/a?");
    http_head_target(&h, &path, &query);
    assert_non_null(query.p);
    assert_int_equal(query.n, 0);
}

static void
knows_who_keeps_the_connection(void **state)
{
    static const struct {
        const char *text;
        bool want;
    } cases[] = {
        {START "\r\n", true},
        {START "Connection: close\r\n\r\n", false},
        {START "Connection: Keep-Alive, CLOSE\r\n\r\n", false},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: "
         "close\r\n\r\n",
         false},
    };
    struct http_head h;
    size_t used;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(parse(&h, cases[i].text, strlen(cases[i].text), &used),
                         ERR_OK);
        assert_int_equal(h.is_keep_alive, cases[i].want);
    }
}

static struct buf
request_with(size_t target, size_t n_headers, size_t value)
{
    struct buf b;
    buf_init(&b, 1000000);
    buf_add_text(&b, "GET /");
    for (size_t i = 1; i < target; i++)
        buf_add_char(&b, 'a');
    buf_add_text(&b, " HTTP/1.1\r\nHost: a\r\n");
    for (size_t i = 1; i < n_headers; i++)
        buf_add_text(&b, "A: b\r\n");
    if (value > 0)
        buf_add_text(&b, "V: ");
    for (size_t i = 0; i < value; i++)
        buf_add_char(&b, 'v');
    buf_add_text(&b, value > 0 ? "\r\n\r\n" : "\r\n");
    return b;
}

static void
holds_every_limit_of_a_head(void **state)
{
    static const struct {
        size_t target, n_headers, value;
        enum err want;
        bool is_target;
    } cases[] = {
        {LIMIT_TARGET, 1, 0, ERR_OK, false},
        {LIMIT_TARGET + 1, 1, 0, ERR_LIMIT, true},
        {LIMIT_HEAD * 2, 1, 0, ERR_LIMIT, true},
        {1, LIMIT_HEADERS, 0, ERR_OK, false},
        {1, LIMIT_HEADERS + 1, 0, ERR_LIMIT, false},
        {1, 1, LIMIT_HEAD - 32, ERR_OK, false},
        {1, 1, LIMIT_HEAD - 31, ERR_LIMIT, false},
        {1, 1, LIMIT_HEAD * 3, ERR_LIMIT, false},
    };
    struct http_head h;
    size_t used;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf b =
            request_with(cases[i].target, cases[i].n_headers, cases[i].value);
        enum err e = parse(&h, b.p, b.n, &used);
        if (e != cases[i].want)
            fail_msg("case %zu: %s with %zu bytes", i, err_name(e), b.n);
        if (e == ERR_LIMIT)
            assert_int_equal(h.target.n > LIMIT_TARGET, cases[i].is_target);
        buf_done(&b);
    }
}

static const struct {
    const char *name;
    const char *text;
    const char *method;
    enum err want;
    enum http_framing framing;
} responses[] = {
    {"length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "GET", ERR_OK,
     HTTP_LENGTH},
    {"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "GET",
     ERR_OK, HTTP_CHUNKED},
    {"until close", "HTTP/1.1 200 OK\r\n\r\n", "GET", ERR_OK, HTTP_UNTIL_CLOSE},
    {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "HEAD", ERR_OK,
     HTTP_NO_BODY},
    {"204", "HTTP/1.1 204 No Content\r\n\r\n", "GET", ERR_OK, HTTP_NO_BODY},
    {"304 with a length", "HTTP/1.1 304 X\r\nContent-Length: 3\r\n\r\n", "GET",
     ERR_OK, HTTP_NO_BODY},
    {"100", "HTTP/1.1 100 Continue\r\n\r\n", "GET", ERR_OK, HTTP_NO_BODY},
    {"no reason", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "GET", ERR_OK,
     HTTP_LENGTH},
    {"no space for a reason", "HTTP/1.1 477\r\nContent-Length: 0\r\n\r\n",
     "GET", ERR_OK, HTTP_LENGTH},
    {"1.0", "HTTP/1.0 200 OK\r\n\r\n", "GET", ERR_OK, HTTP_UNTIL_CLOSE},
    {"both",
     "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: "
     "chunked\r\n\r\n",
     "GET", ERR_SYNTAX, HTTP_NO_BODY},
    {"gzip encoding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
     "GET", ERR_SYNTAX, HTTP_NO_BODY},
    {"status of two digits", "HTTP/1.1 20 OK\r\n\r\n", "GET", ERR_SYNTAX,
     HTTP_NO_BODY},
    {"status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", "GET", ERR_SYNTAX,
     HTTP_NO_BODY},
    {"status 099", "HTTP/1.1 099 OK\r\n\r\n", "GET", ERR_SYNTAX, HTTP_NO_BODY},
    {"status 600", "HTTP/1.1 600 OK\r\n\r\n", "GET", ERR_SYNTAX, HTTP_NO_BODY},
    {"bare LF", "HTTP/1.1 200 OK\nContent-Length: 3\n\n", "GET", ERR_SYNTAX,
     HTTP_NO_BODY},
    {"0.9", "<html>", "GET", ERR_SYNTAX, HTTP_NO_BODY},
    {"version 2", "HTTP/2 200\r\n\r\n", "GET", ERR_SYNTAX, HTTP_NO_BODY},
    {"cut", "HTTP/1.1 200 O", "GET", ERR_AGAIN, HTTP_NO_BODY},
};

static void
judges_every_shape_of_a_response(void **state)
{
    struct http_head h;
    size_t used;
    (void)state;
    for (size_t i = 0; i < sizeof(responses) / sizeof(responses[0]); i++) {
        enum err e =
            http_head_parse_response(&h, str_from(responses[i].text),
                                     str_from(responses[i].method), &used);
        if (e != responses[i].want ||
            (e == ERR_OK && h.framing != responses[i].framing))
            fail_msg("%s: %s, framing %d", responses[i].name, err_name(e),
                     (int)h.framing);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_every_shape_of_a_request),
        cmocka_unit_test(judges_no_shape_by_where_it_is_cut),
        cmocka_unit_test(reads_what_a_request_says),
        cmocka_unit_test(tells_a_query_from_none),
        cmocka_unit_test(knows_who_keeps_the_connection),
        cmocka_unit_test(holds_every_limit_of_a_head),
        cmocka_unit_test(judges_every_shape_of_a_response),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

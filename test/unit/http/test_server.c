#include "server_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void
answers_one_request_after_the_other(void **state)
{
    struct fixture *f = *state;
    struct raw r = raw_connect(&f->lb, f->port);
    for (unsigned i = 1; i <= 3; i++) {
        raw_say(&r, "GET / HTTP/1.1\r\n" HOST "\r\n");
        WAIT(&f->lb, raw_count(&r, "hello") == i);
    }
    assert_int_equal(raw_count(&r, "Content-Length: 5\r\n"), 3);
    assert_int_equal(raw_count(&r, "\r\nDate: "), 3);
    assert_false(raw_has(&r, "Connection"));
    assert_int_equal(f->n_ended, 3);
    assert_int_equal(f->reason, ERR_OK);
    raw_close(&r);
}

static void
answers_a_request_that_comes_byte_by_byte(void **state)
{
    struct fixture *f = *state;
    struct raw r = raw_connect(&f->lb, f->port);
    static const char text[] =
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: r\r\n\r\n";
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        raw_say_bytes(&r, str_of(text + i, 1));
        (void)event_base_loop(f->lb.base, EVLOOP_NONBLOCK);
    }
    WAIT(&f->lb, raw_has(&r, "\r\n\r\nabcde"));
    raw_close(&r);
}

static void
answers_pipelined_requests_in_order_and_one_at_a_time(void **state)
{
    struct fixture *f = *state;
    struct raw r = raw_connect(&f->lb, f->port);
    raw_say(&r, "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\none"
                "GET /hold HTTP/1.1\r\n" HOST "\r\n"
                "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                "5\r\nthree\r\n0\r\n\r\n"
                "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    WAIT(&f->lb, f->held != NULL);
    loopback_rest(&f->lb);
    assert_int_equal(f->n_requests, 2);
    http_respond_text(f->held, 200, STR("text/plain"), STR("two"));
    WAIT(&f->lb, raw_has_ended(&r));
    const char *one = strstr(buf_text(&r.in), "one");
    const char *two = strstr(buf_text(&r.in), "two");
    const char *three = strstr(buf_text(&r.in), "three");
    const char *four = strstr(buf_text(&r.in), "hello");
    assert_true(one != NULL && one < two && two < three && three < four);
    assert_int_equal(raw_count(&r, "HTTP/1.1 200 OK"), 4);
    assert_false(r.is_reset);
    raw_close(&r);
}

/* Bytes that nobody reads would turn the close into a reset. */
static void
closes_softly_on_a_client_that_says_more_than_it_may(void **state)
{
    struct fixture *f = *state;
    struct raw r = raw_connect(&f->lb, f->port);
    raw_say(&r, "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
                "GET / HTTP/1.1\r\n" HOST "\r\n");
    WAIT(&f->lb, raw_has_ended(&r));
    assert_int_equal(raw_count(&r, "hello"), 1);
    assert_false(r.is_reset);
    raw_close(&r);
}

static void
survives_hundreds_of_pipelined_requests(void **state)
{
    struct fixture *f = *state;
    struct raw r = raw_connect(&f->lb, f->port);
    auto_buf struct buf all;
    buf_init(&all, 10000000);
    for (int i = 0; i < 1000; i++)
        buf_addf(&all,
                 "POST / HTTP/1.1\r\nHost: a%d\r\n"
                 "Content-Length: 5\r\n\r\nworld",
                 i);
    raw_say_bytes(&r, buf_str(&all));
    WAIT(&f->lb, raw_count(&r, "world") == 1000);
    raw_close(&r);
}

static void
refuses_every_smuggling_shape_and_closes(void **state)
{
    static const struct str shapes[] = {
        STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n"
            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x "
            "HTTP/1.1\r\n" HOST "\r\n"),
        STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n"
            "Content-Length: 6\r\n\r\nhello!"),
        STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\n\r\nhello"),
        STR("GET / HTTP/1.1\nHost: a\n\n"),
        STR("GET / HTTP/1.1\r\nHost: a\n\r\n"),
        STR("GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n"),
        STR("GET / HTTP/1.1\r\n" HOST "X : a\r\n\r\n"),
        STR("GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n"),
        STR("GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n"),
        STR("GET http://a/ HTTP/1.1\r\n" HOST "\r\n"),
        STR("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"),
        STR("GET / HTTP/1.1\r\n\r\n"),
        STR("GET / HTTP/1.1\r\n" HOST HOST "\r\n"),
        STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: x\r\n\r\n"),
        STR("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
            "10000000000000000\r\n"),
        STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
            "5\nhello\n0\n\n"),
        STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
            "3\r\nhello\r\n0\r\n\r\n"),
        STR("POST /take HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
            "3\r\nhello\r\n0\r\n\r\n"),
        STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
            "5;a=\"b\r\nhello\r\n0\r\n\r\n"),
        STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
            "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n"),
        STR("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        assert_refused(f, shapes[i], 400);
    assert_int_equal(f->n_requests, 0);
}

static void
collects_bodies_of_every_size(void **state)
{
    static const size_t sizes[] = {0, 1, 16000, 32600, 32700, 32768, 100000};
    struct fixture *f = *state;
    struct raw r = raw_connect(&f->lb, f->port);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        auto_buf struct buf b;
        char line[64];
        buf_init(&b, 1000000);
        buf_addf(&b, "POST / HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n",
                 sizes[i]);
        for (size_t n = 0; n < sizes[i]; n++)
            buf_add_char(&b, (char)('a' + n % 26));
        raw_forget(&r);
        raw_say_bytes(&r, buf_str(&b));
        size_t want = sizes[i] > 0 ? sizes[i] : 5;
        (void)snprintf(line, sizeof(line), "Content-Length: %zu\r\n\r\n", want);
        WAIT(&f->lb, raw_has(&r, line));
        const char *body = strstr(buf_text(&r.in), "\r\n\r\n") + 4;
        size_t head_n = (size_t)(body - r.in.p);
        WAIT(&f->lb, raw_count(&r, "HTTP") == 1 && r.in.n == head_n + want);
        if (sizes[i] > 0)
            assert_memory_equal(r.in.p + head_n, b.p + (b.n - want), want);
    }
    raw_close(&r);
}

static void
says_100_when_the_body_is_wanted_and_only_then(void **state)
{
    struct fixture *f = *state;
    struct raw r = raw_connect(&f->lb, f->port);
    raw_say(&r, "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n"
                "Expect: 100-continue\r\n\r\n");
    WAIT(&f->lb, raw_is(&r, "HTTP/1.1 100 Continue\r\n\r\n"));
    raw_say(&r, "abc");
    WAIT(&f->lb, raw_has(&r, "\r\n\r\nabc"));
    raw_close(&r);
    /* Refused at the head: no word of going on. */
    r = raw_connect(&f->lb, f->port);
    raw_say(&r, "POST /early HTTP/1.1\r\n" HOST "Content-Length: 3\r\n"
                "Expect: 100-continue\r\n\r\n");
    WAIT(&f->lb, raw_has_ended(&r));
    assert_false(raw_has(&r, "100"));
    assert_true(raw_has(&r, "HTTP/1.1 401"));
    assert_true(raw_has(&r, "Connection: close"));
    raw_close(&r);
}

static void
answers_at_the_head_without_the_body(void **state)
{
    struct fixture *f = *state;
    struct raw r = raw_connect(&f->lb, f->port);
    /* The body is there: it is dropped, and the connection goes on. */
    raw_say(&r, "POST /early HTTP/1.1\r\n" HOST
                "Content-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n" HOST "\r\n");
    WAIT(&f->lb, raw_has(&r, "hello"));
    assert_true(raw_has(&r, "HTTP/1.1 401"));
    assert_false(raw_has(&r, "Connection: close"));
    raw_close(&r);
    /* It is not: the answer arrives all the same, then the end. */
    r = raw_connect(&f->lb, f->port);
    raw_say(&r, "POST /early HTTP/1.1\r\n" HOST
                "Content-Length: 300000\r\n\r\nabc");
    WAIT(&f->lb, raw_has(&r, "no\n"));
    auto_buf struct buf more;
    buf_init(&more, 1000000);
    for (int i = 0; i < 200000; i++)
        buf_add_char(&more, 'x');
    raw_say_bytes(&r, buf_str(&more));
    WAIT(&f->lb, raw_has_ended(&r));
    assert_false(r.is_reset);
    raw_close(&r);
}

static void
streams_both_ways(void **state)
{
    struct fixture *f = *state;
    struct raw r = raw_connect(&f->lb, f->port);
    raw_say(&r, "POST /echo HTTP/1.1\r\n" HOST
                "Transfer-Encoding: chunked\r\n\r\n4\r\nping\r\n");
    WAIT(&f->lb, raw_has(&r, "4\r\nping\r\n"));
    raw_say(&r, "4\r\npong\r\n");
    WAIT(&f->lb, raw_has(&r, "4\r\npong\r\n"));
    raw_say(&r, "0\r\n\r\n");
    WAIT(&f->lb, raw_has(&r, "0\r\n\r\n"));
    assert_int_equal(f->n_ended, 1);
    raw_close(&r);
}

static void
pauses_and_resumes_a_body_and_holds_one_block(void **state)
{
    struct fixture *f = *state;
    struct raw r = raw_connect(&f->lb, f->port);
    auto_buf struct buf body;
    buf_init(&body, 3000000);
    for (int i = 0; i < 200000; i++)
        buf_addf(&body, "%08d", i);
    f->is_paused = true;
    raw_say(&r, "POST /take HTTP/1.1\r\n" HOST
                "Content-Length: 1600000\r\n\r\nstart");
    WAIT(&f->lb, f->held != NULL);
    const struct stream *s = &f->held->connection->stream;
    raw_say_bytes(&r, str_of(body.p, 100000));
    loopback_rest(&f->lb);
    assert_string_equal(buf_text(&f->streamed), "start");
    assert_true(stream_input(s).n > 0 && stream_input(s).n < BLOCK_SIZE);
    assert_false(s->is_reading);
    f->is_paused = false;
    http_resume_body(f->held);
    raw_say_bytes(&r, str_of(body.p + 100000, 1500000 - 5));
    WAIT(&f->lb, raw_has(&r, "taken"));
    assert_int_equal(f->streamed.n, 1600000);
    assert_memory_equal(f->streamed.p + 5, body.p, 1600000 - 5);
    raw_close(&r);
}

static void
knows_http_1_0(void **state)
{
    struct fixture *f = *state;
    struct raw r = raw_connect(&f->lb, f->port);
    raw_say(&r, "GET / HTTP/1.0\r\n\r\n");
    WAIT(&f->lb, raw_has_ended(&r));
    assert_true(raw_has(&r, "Connection: close\r\n"));
    raw_close(&r);
    r = raw_connect(&f->lb, f->port);
    raw_say(&r, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    WAIT(&f->lb, raw_has(&r, "Connection: keep-alive\r\n"));
    raw_say(&r, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    WAIT(&f->lb, raw_count(&r, "hello") == 2);
    raw_close(&r);
    /* No chunks for it: the end of the connection is the end. */
    f->left = 5;
    r = raw_connect(&f->lb, f->port);
    raw_say(&r, "GET /big HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    WAIT(&f->lb, raw_has_ended(&r));
    assert_false(raw_has(&r, "chunked"));
    assert_false(r.is_reset);
    raw_close(&r);
}

static void
sends_no_body_where_none_belongs(void **state)
{
    struct fixture *f = *state;
    struct raw r = raw_connect(&f->lb, f->port);
    raw_say(&r, "HEAD / HTTP/1.1\r\n" HOST "\r\n"
                "GET /nothing HTTP/1.1\r\n" HOST "\r\n");
    WAIT(&f->lb, raw_has(&r, "HTTP/1.1 204 No Content"));
    WAIT(&f->lb, f->n_ended == 2);
    assert_true(raw_has(&r, "Content-Length: 5\r\n"));
    assert_false(raw_has(&r, "hello"));
    assert_int_equal(raw_count(&r, "Content-Length"), 1);
    f->left = 100;
    raw_forget(&r);
    raw_say(&r, "HEAD /big HTTP/1.1\r\n" HOST "\r\n");
    WAIT(&f->lb, f->n_ended == 3);
    WAIT(&f->lb, raw_has(&r, "Transfer-Encoding: chunked\r\n\r\n"));
    assert_true(str_ends(buf_str(&r.in), STR("chunked\r\n\r\n")));
    raw_close(&r);
}

static void
tells_the_handler_when_the_client_goes_away(void **state)
{
    struct fixture *f = *state;
    for (unsigned is_reset = 0; is_reset < 2; is_reset++) {
        struct raw r = raw_connect(&f->lb, f->port);
        raw_say(&r, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
        WAIT(&f->lb, f->held != NULL);
        assert_int_equal(http_server_n_running(f->server), 1);
        if (is_reset)
            raw_reset(&r);
        else
            raw_close(&r);
        WAIT(&f->lb, f->n_ended == is_reset + 1);
        assert_int_equal(f->reason, ERR_CLOSED);
        assert_int_equal(http_server_n_running(f->server), 0);
    }
    struct raw r = raw_connect(&f->lb, f->port);
    raw_say(&r, "POST / HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nabc");
    WAIT(&f->lb, http_server_n_running(f->server) == 1);
    raw_close(&r);
    WAIT(&f->lb, f->n_ended == 3);
    assert_int_equal(f->reason, ERR_CLOSED);
}

static void
cuts_an_answer_off_so_that_it_looks_cut_off(void **state)
{
    struct fixture *f = *state;
    struct raw r = raw_connect(&f->lb, f->port);
    raw_say(&r, "GET /abort HTTP/1.0\r\n\r\n");
    WAIT(&f->lb, raw_has(&r, "begun"));
    http_abort(f->held, ERR_UPSTREAM);
    WAIT(&f->lb, raw_has_ended(&r));
    assert_true(r.is_reset);
    assert_int_equal(f->reason, ERR_UPSTREAM);
    raw_close(&r);
    r = raw_connect(&f->lb, f->port);
    raw_say(&r, "GET /short HTTP/1.1\r\n" HOST "\r\n");
    WAIT(&f->lb, raw_has_ended(&r));
    assert_true(r.is_reset);
    assert_int_equal(f->reason, ERR_CLOSED);
    raw_close(&r);
}

static void
can_be_aborted_from_its_own_callbacks(void **state)
{
    static const char *const texts[] = {
        "GET /abort-in-head HTTP/1.1\r\n" HOST "\r\n",
        "POST /abort-in-body HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc",
    };
    struct fixture *f = *state;
    for (unsigned i = 0; i < 2; i++) {
        struct raw r = raw_connect(&f->lb, f->port);
        raw_say(&r, texts[i]);
        WAIT(&f->lb, raw_has_ended(&r));
        assert_int_equal(f->n_ended, i + 1);
        assert_int_equal(f->reason, ERR_INVALID);
        assert_int_equal(r.in.n, 0);
        raw_close(&r);
    }
}

#define CASE(name) \
    cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(answers_one_request_after_the_other),
        CASE(answers_a_request_that_comes_byte_by_byte),
        CASE(answers_pipelined_requests_in_order_and_one_at_a_time),
        CASE(closes_softly_on_a_client_that_says_more_than_it_may),
        CASE(survives_hundreds_of_pipelined_requests),
        CASE(refuses_every_smuggling_shape_and_closes),
        CASE(collects_bodies_of_every_size),
        CASE(says_100_when_the_body_is_wanted_and_only_then),
        CASE(answers_at_the_head_without_the_body),
        CASE(streams_both_ways),
        CASE(pauses_and_resumes_a_body_and_holds_one_block),
        CASE(knows_http_1_0),
        CASE(sends_no_body_where_none_belongs),
        CASE(tells_the_handler_when_the_client_goes_away),
        CASE(cuts_an_answer_off_so_that_it_looks_cut_off),
        CASE(can_be_aborted_from_its_own_callbacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

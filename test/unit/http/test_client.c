#include "client_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void
sends_what_was_asked_and_hands_over_the_answer(void **state)
{
    struct fixture *f = *state;
    struct http_header headers[] = {{STR("X-One"), STR("1")},
                                    {STR("X-Two"), STR("")}};
    struct seen seen = {.n_end = 0};
    char want[200];
    call_start_spec(f, &seen,
                    (struct http_call_spec){.method = STR("POST"),
                                            .headers = headers,
                                            .n_headers = 2,
                                            .body = STR("body"),
                                            .is_secret = true});
    struct raw up = raw_accept(&f->lb, f->listener);
    (void)snprintf(want, sizeof(want),
                   "POST /t?q HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nX-One: 1\r\n"
                   "X-Two: \r\nContent-Length: 4\r\n\r\nbody",
                   f->port);
    WAIT(&f->lb, raw_is(&up, want));
    raw_say(&up, OK);
    call_expect(f, &seen, ERR_OK);
    assert_int_equal(seen.status, 200);
    assert_string_equal(buf_text(&seen.body), "ok");
    assert_true(seen.was_sent);
    seen_done(&seen);
    raw_close(&up);
}

static void
reads_answers_of_every_framing(void **state)
{
    static const struct {
        const char *name, *method, *answer, *body;
        unsigned status;
        bool is_closing;
    } cases[] = {
        {"chunked", "GET",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
         "3\r\nabc\r\n1\r\nd\r\n0\r\nT: r\r\n\r\n",
         "abcd", 200, false},
        {"until close", "GET", "HTTP/1.1 200 OK\r\n\r\nall of it", "all of it",
         200, true},
        {"nothing until close", "GET", "HTTP/1.1 200 OK\r\n\r\n", "", 200,
         true},
        {"HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "",
         200, false},
        {"204", "GET", "HTTP/1.1 204 \r\n\r\n", "", 204, false},
        {"304", "GET", "HTTP/1.1 304 X\r\nContent-Length: 9\r\n\r\n", "", 304,
         false},
        {"zero", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", 200,
         false},
        {"1xx before", "GET",
         "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: "
         "a\r\n\r\n" OK,
         "ok", 200, false},
        {"error", "GET", "HTTP/1.1 429 Slow\r\nContent-Length: 2\r\n\r\nno",
         "no", 429, false},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct seen seen = {.n_end = 0};
        call_start_spec(
            f, &seen,
            (struct http_call_spec){.method = str_from(cases[i].method),
                                    .timeout_ms = 10000});
        struct raw up = raw_accept(&f->lb, f->listener);
        raw_say(&up, cases[i].answer);
        if (cases[i].is_closing) {
            /* Unread bytes would make a reset of it. */
            WAIT(&f->lb, seen.n_head == 1 && raw_has(&up, "\r\n\r\n"));
            raw_close(&up);
        }
        call_expect(f, &seen, ERR_OK);
        if (!str_equal(buf_str(&seen.body), str_from(cases[i].body)) ||
            seen.status != cases[i].status || seen.n_head != 1)
            fail_msg("%s: %u %.*s", cases[i].name, seen.status,
                     STR_ARG(buf_str(&seen.body)));
        seen_done(&seen);
        if (!cases[i].is_closing)
            raw_close(&up);
        loopback_rest(&f->lb); /* so that the next one connects anew */
    }
}

static void
reads_an_answer_that_comes_byte_by_byte(void **state)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n"
                               "HTTP/1.1 200 OK\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n"
                               "3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n";
    struct fixture *f = *state;
    struct seen seen = {.n_end = 0};
    call_start(f, &seen);
    struct raw up = raw_accept(&f->lb, f->listener);
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        raw_say_bytes(&up, str_of(text + i, 1));
        (void)event_base_loop(f->lb.base, EVLOOP_NONBLOCK);
    }
    call_expect(f, &seen, ERR_OK);
    assert_string_equal(buf_text(&seen.body), "abcde");
    seen_done(&seen);
    raw_close(&up);
}

static void
names_what_is_wrong_with_an_answer(void **state)
{
    static const struct {
        const char *answer;
        bool is_reset;
        enum err want;
    } cases[] = {
        {"", false, ERR_CLOSED},
        {"", true, ERR_CLOSED},
        {"HTTP/1.1 200 OK\r\nContent-Le", false, ERR_CLOSED},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", false, ERR_CLOSED},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", true, ERR_CLOSED},
        {"HTTP/1.1 200 OK\r\n\r\nabc", true, ERR_CLOSED},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
         false, ERR_CLOSED},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n",
         false, ERR_UPSTREAM},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n",
         false, ERR_UPSTREAM},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: "
         "chunked\r\n\r\n",
         false, ERR_UPSTREAM},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
         false, ERR_UPSTREAM},
        {"HTTP/1.1 200 OK\nContent-Length: 0\n\n", false, ERR_UPSTREAM},
        {"SSH-2.0-OpenSSH_9.2\r\n", false, ERR_UPSTREAM},
        {"HTTP/2 200\r\n\r\n", false, ERR_UPSTREAM},
        {"HTTP/1.1 101 Switching\r\n\r\n", false, ERR_UPSTREAM},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct seen seen = {.n_end = 0};
        call_start(f, &seen);
        struct raw up = raw_accept(&f->lb, f->listener);
        WAIT(&f->lb, raw_has(&up, "\r\n\r\n"));
        raw_say(&up, cases[i].answer);
        if (str_has(str_from(cases[i].answer), 'a'))
            loopback_rest(&f->lb); /* a reset would overtake the bytes */
        if (cases[i].is_reset)
            raw_reset(&up);
        else
            raw_close(&up);
        call_expect(f, &seen, cases[i].want);
        assert_true(seen.why[0] != '\0');
        assert_true(seen.was_sent);
        seen_done(&seen);
    }
}

static void
bounds_heads_before_the_final_one_and_the_final_one(void **state)
{
    struct fixture *f = *state;
    struct seen flood = {.n_end = 0}, large = {.n_end = 0};
    auto_buf struct buf b;
    buf_init(&b, 1000000);
    for (int i = 0; i < 1000; i++)
        buf_add_text(&b, "HTTP/1.1 100 Continue\r\n\r\n");
    call_start(f, &flood);
    struct raw up = raw_accept(&f->lb, f->listener);
    raw_say_bytes(&up, buf_str(&b));
    call_expect(f, &flood, ERR_UPSTREAM);
    raw_close(&up);
    seen_done(&flood);
    buf_clear(&b);
    buf_add_text(&b, "HTTP/1.1 200 OK\r\nX: ");
    for (int i = 0; i < LIMIT_HEAD; i++)
        buf_add_char(&b, 'x');
    call_start(f, &large);
    up = raw_accept(&f->lb, f->listener);
    raw_say_bytes(&up, buf_str(&b));
    call_expect(f, &large, ERR_LIMIT);
    raw_close(&up);
    seen_done(&large);
}

static void
streams_a_body_out_and_says_when_there_is_room(void **state)
{
    static char piece[100000];
    struct fixture *f = *state;
    struct seen seen = {.n_end = 0};
    size_t n_said = 0;
    memset(piece, 'x', sizeof(piece));
    call_start_spec(f, &seen,
                    (struct http_call_spec){.method = STR("POST"),
                                            .is_streamed = true,
                                            .has_length = true,
                                            .length = 100 * sizeof(piece)});
    struct raw up = raw_accept(&f->lb, f->listener);
    while (n_said < 100) {
        n_said++;
        size_t unsent =
            http_call_piece(seen.call, str_of(piece, sizeof(piece)));
        assert_true(unsent < LIMIT_RELAY_WINDOW + 2 * sizeof(piece));
        if (unsent <= LIMIT_RELAY_WINDOW)
            continue;
        unsigned before = seen.n_writable;
        WAIT(&f->lb, raw_has_ended(&up) || seen.n_writable > before);
    }
    http_call_finish(seen.call);
    WAIT(&f->lb, !raw_has_ended(&up) && up.in.n > 100 * sizeof(piece));
    assert_true(seen.n_writable > 0);
    raw_say(&up, OK);
    call_expect(f, &seen, ERR_OK);
    raw_close(&up);
    seen_done(&seen);
}

static void
takes_an_answer_before_the_request_is_whole(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {.n_end = 0};
    call_start_spec(
        f, &seen,
        (struct http_call_spec){.method = STR("POST"), .is_streamed = true});
    (void)http_call_piece(seen.call, STR("half"));
    struct raw up = raw_accept(&f->lb, f->listener);
    WAIT(&f->lb, raw_has(&up, "4\r\nhalf\r\n"));
    raw_say(&up, OK);
    call_expect(f, &seen, ERR_OK);
    WAIT(&f->lb, raw_has_ended(&up)); /* it is not clean */
    raw_close(&up);
    seen_done(&seen);
}

static void
reads_no_further_while_it_is_paused(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {.at_body = PAUSE};
    auto_buf struct buf body;
    buf_init(&body, 2000000);
    for (int i = 0; i < 100000; i++)
        buf_addf(&body, "%08d", i);
    /* While the caller makes it wait, silence is nobody's fault. */
    call_start_spec(f, &seen, (struct http_call_spec){.silence_ms = 60});
    struct raw up = raw_accept(&f->lb, f->listener);
    raw_say(&up, "HTTP/1.1 200 OK\r\nContent-Length: 800000\r\n\r\n");
    raw_say_bytes(&up, str_of(body.p, 200000));
    WAIT(&f->lb, seen.body.n > 0);
    int64_t until = deadline_now() + 150;
    size_t so_far = seen.body.n;
    WAIT(&f->lb, deadline_now() > until);
    assert_int_equal(seen.body.n, so_far);
    seen.at_body = NOTHING;
    http_call_resume(seen.call);
    raw_say_bytes(&up, str_of(body.p + 200000, 600000));
    call_expect(f, &seen, ERR_OK);
    assert_int_equal(seen.body.n, body.n);
    assert_memory_equal(seen.body.p, body.p, body.n);
    raw_close(&up);
    seen_done(&seen);
}

#define CASE(name) \
    cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(sends_what_was_asked_and_hands_over_the_answer),
        CASE(reads_answers_of_every_framing),
        CASE(reads_an_answer_that_comes_byte_by_byte),
        CASE(names_what_is_wrong_with_an_answer),
        CASE(bounds_heads_before_the_final_one_and_the_final_one),
        CASE(streams_a_body_out_and_says_when_there_is_room),
        CASE(takes_an_answer_before_the_request_is_whole),
        CASE(reads_no_further_while_it_is_paused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

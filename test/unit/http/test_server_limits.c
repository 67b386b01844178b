#include "server_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

static struct buf
long_request(size_t target, size_t n_headers)
{
    struct buf b;
    buf_init(&b, 1000000);
    buf_add_text(&b, "GET /");
    for (size_t i = 0; i < target; i++)
        buf_add_char(&b, 'a');
    buf_add_text(&b, " HTTP/1.1\r\n" HOST);
    for (size_t i = 0; i < n_headers; i++)
        buf_add_text(&b, "A: b\r\n");
    buf_add_text(&b, "\r\n");
    return b;
}

static void
refuses_what_is_over_a_limit(void **state)
{
    static const struct {
        size_t target, n_headers;
        unsigned status;
    } cases[] = {
        {LIMIT_TARGET, 0, 414},
        {3 * LIMIT_HEAD, 0, 414},
        {1, LIMIT_HEADERS, 431},
        {1, 20000, 431},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        auto_buf struct buf b =
            long_request(cases[i].target, cases[i].n_headers);
        assert_refused(f, buf_str(&b), cases[i].status);
    }
    assert_refused(
        f, STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 100001\r\n\r\n"),
        413);
    assert_int_equal(f->reason, ERR_LIMIT);
    assert_refused(f,
                   STR("POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n"
                       "Content-Length: 99999999999\r\n\r\n"),
                   413);
    assert_int_equal(f->n_requests, 0);
}

static void
refuses_a_chunked_body_that_grows_too_large(void **state)
{
    struct fixture *f = *state;
    auto_buf struct buf b;
    buf_init(&b, 1000000);
    buf_add_text(&b, "POST / HTTP/1.1\r\n" HOST
                     "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 11; i++) {
        buf_add_text(&b, "2710\r\n");
        for (int n = 0; n < 10000; n++)
            buf_add_char(&b, 'x');
        buf_add_text(&b, "\r\n");
    }
    assert_refused(f, buf_str(&b), 413);
}

static void
holds_a_bounded_part_of_an_answer_that_nobody_reads(void **state)
{
    struct fixture *f = *state;
    struct raw r = raw_connect(&f->lb, f->port);
    f->left = 20 * 1024 * 1024;
    raw_say(&r, "GET /big HTTP/1.1\r\n" HOST "\r\n");
    loopback_rest(&f->lb);
    assert_true(f->left > 0);
    assert_int_equal(f->n_ended, 0);
    WAIT(&f->lb, raw_has_ended(&r) || f->n_ended == 1);
    assert_int_equal(f->left, 0);
    assert_true(f->most_unsent < LIMIT_RELAY_WINDOW + 20000);
    WAIT(&f->lb, r.in.n > 20 * 1024 * 1024 && raw_has(&r, "\r\n0\r\n\r\n"));
    raw_close(&r);
}

static void
can_be_freed_from_its_own_callbacks(void **state)
{
    static const char *const paths[] = {"/free-in-head", "/free-in-end"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct http_server_setup setup = {.fd = -1};
        struct fixture *f = fixture_open(&setup);
        struct raw r = raw_connect(&f->lb, f->port);
        struct raw other = raw_connect(&f->lb, f->port);
        raw_say(&other, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
        WAIT(&f->lb, f->held != NULL);
        raw_say(&r, "GET ");
        raw_say(&r, paths[i]);
        raw_say(&r, " HTTP/1.1\r\n" HOST "\r\nGET / HTTP/1.1\r\n" HOST "\r\n");
        WAIT(&f->lb, raw_has_ended(&r) && raw_has_ended(&other));
        assert_int_equal(f->n_ended, 2);
        raw_close(&r);
        raw_close(&other);
        f->server = NULL;
        void *as_state = f;
        assert_int_equal(fixture_tear_down(&as_state), 0);
    }
}

static void
lets_slow_clients_go(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, STR("GET / HTT"), 408);
    assert_int_equal(f->n_ended, 0);
    assert_refused(
        f, STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\na"), 408);
    assert_int_equal(f->n_ended, 1);
    assert_int_equal(f->reason, ERR_TIMEOUT);
    assert_refused(
        f, STR("POST /take HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\na"),
        408);
    assert_int_equal(f->n_ended, 2);
    /* Nothing was asked, so nothing is answered. */
    struct raw r = raw_connect(&f->lb, f->port);
    WAIT(&f->lb, raw_has_ended(&r));
    assert_int_equal(r.in.n, 0);
    assert_false(r.is_reset);
    raw_close(&r);
}

static void
lets_a_client_go_that_drips(void **state)
{
    struct fixture *f = *state;
    struct raw r = raw_connect(&f->lb, f->port);
    raw_say(&r, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5000\r\n\r\n");
    while (!raw_has_ended(&r)) {
        int64_t next = deadline_now() + 5;
        raw_say(&r, "x");
        WAIT(&f->lb, deadline_now() >= next);
    }
    assert_int_equal(f->n_requests, 0);
    assert_true(raw_has(&r, "HTTP/1.1 408"));
    raw_close(&r);
}

static void
gives_up_on_a_client_that_does_not_read(void **state)
{
    struct fixture *f = *state;
    struct raw r = raw_connect(&f->lb, f->port);
    f->left = 20 * 1024 * 1024;
    raw_say(&r, "GET /big HTTP/1.1\r\n" HOST "\r\n");
    WAIT(&f->lb, f->n_ended == 1);
    assert_int_equal(f->reason, ERR_TIMEOUT);
    raw_close(&r);
}

static void
waits_for_the_handler_as_long_as_it_takes(void **state)
{
    struct fixture *f = *state;
    struct raw r = raw_connect(&f->lb, f->port);
    raw_say(&r, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    WAIT(&f->lb, f->held != NULL);
    int64_t until = deadline_now() + 200; /* three times the deadline */
    WAIT(&f->lb, deadline_now() > until);
    assert_false(raw_has_ended(&r));
    http_respond_text(f->held, 200, STR("text/plain"), STR("late"));
    WAIT(&f->lb, raw_has(&r, "late"));
    raw_close(&r);
}

static void
prefers_a_new_connection_to_one_that_only_waits(void **state)
{
    struct fixture *f = *state;
    struct raw idle = raw_connect(&f->lb, f->port);
    raw_say(&idle, "GET / HTTP/1.1\r\n" HOST "\r\n");
    WAIT(&f->lb, raw_has(&idle, "hello"));
    struct raw busy = raw_connect(&f->lb, f->port);
    raw_say(&busy, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    WAIT(&f->lb, f->held != NULL);
    struct raw third = raw_connect(&f->lb, f->port);
    raw_say(&third, "GET / HTTP/1.1\r\n" HOST "\r\n");
    WAIT(&f->lb, raw_has(&third, "hello"));
    WAIT(&f->lb, raw_has_ended(&idle));
    assert_false(raw_has_ended(&busy));
    raw_close(&idle);
    raw_close(&busy);
    raw_close(&third);
}

static void
answers_503_when_all_connections_are_busy(void **state)
{
    struct fixture *f = *state;
    struct raw busy[2];
    for (int i = 0; i < 2; i++) {
        f->held = NULL;
        busy[i] = raw_connect(&f->lb, f->port);
        raw_say(&busy[i], "GET /hold HTTP/1.1\r\n" HOST "\r\n");
        WAIT(&f->lb, f->held != NULL);
    }
    assert_refused(f, STR("GET / HTTP/1.1\r\n" HOST "\r\n"), 503);
    /* Beyond those that are told, none is taken. */
    struct raw told = raw_connect(&f->lb, f->port);
    raw_say(&told, "GET");
    WAIT(&f->lb, f->server->n_connections == 3 &&
                     f->server->first->state == CONNECTION_HEAD);
    struct raw turned = raw_connect(&f->lb, f->port);
    WAIT(&f->lb, raw_has_ended(&turned));
    raw_close(&told);
    raw_close(&turned);
    raw_close(&busy[0]);
    raw_close(&busy[1]);
    WAIT(&f->lb, f->n_ended == 2);
}

/* With a block full of what comes next, only a write can tell. */
static void
notices_a_reset_while_it_can_neither_read_nor_write(void **state)
{
    struct fixture *f = *state;
    struct raw r = raw_connect(&f->lb, f->port);
    auto_buf struct buf more;
    buf_init(&more, 100000);
    for (int i = 0; i < 2 * BLOCK_SIZE; i++)
        buf_add_char(&more, 'x');
    f->left = 20 * 1024 * 1024;
    raw_say(&r, "GET /big HTTP/1.1\r\n" HOST "\r\n");
    assert_true(send(r.fd, more.p, more.n, 0) > BLOCK_SIZE);
    WAIT(&f->lb, f->server->n_running == 1 &&
                     f->server->first->stream.is_writing &&
                     !f->server->first->stream.is_reading);
    raw_reset(&r);
    WAIT(&f->lb, f->n_ended == 1);
    assert_int_equal(f->reason, ERR_CLOSED);
}

static void
drains(void **state)
{
    struct fixture *f = *state;
    struct raw idle = raw_connect(&f->lb, f->port);
    struct raw busy = raw_connect(&f->lb, f->port);
    raw_say(&busy, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    WAIT(&f->lb, f->held != NULL);
    http_server_drain(f->server);
    WAIT(&f->lb, raw_has_ended(&idle));
    assert_int_equal(http_server_n_running(f->server), 1);
    http_respond_text(f->held, 200, STR("text/plain"), STR("last"));
    WAIT(&f->lb, raw_has_ended(&busy));
    assert_true(raw_has(&busy, "Connection: close\r\n"));
    assert_true(raw_has(&busy, "last"));
    assert_false(busy.is_reset);
    assert_int_equal(http_server_n_running(f->server), 0);
    raw_close(&idle);
    raw_close(&busy);
}

static void
holds_no_buffer_for_an_idle_connection(void **state)
{
    struct fixture *f = *state;
    struct raw r[20];
    for (size_t i = 0; i < 20; i++) {
        r[i] = raw_connect(&f->lb, f->port);
        raw_say(&r[i], "GET / HTTP/1.1\r\n" HOST "\r\n");
        WAIT(&f->lb, raw_has(&r[i], "hello"));
    }
    for (struct connection *c = f->server->first; c != NULL; c = c->next) {
        assert_null(c->stream.in);
        assert_null(c->stream.out);
        assert_null(c->x);
    }
    assert_true(f->server->loop.blocks.n_spare < 4);
    for (size_t i = 0; i < 20; i++)
        raw_close(&r[i]);
}

#define CASE(name) \
    cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
#define HASTY(name)                                             \
    cmocka_unit_test_setup_teardown(name, fixture_set_up_hasty, \
                                    fixture_tear_down)
#define SMALL(name)                                             \
    cmocka_unit_test_setup_teardown(name, fixture_set_up_small, \
                                    fixture_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(refuses_what_is_over_a_limit),
        CASE(refuses_a_chunked_body_that_grows_too_large),
        CASE(holds_a_bounded_part_of_an_answer_that_nobody_reads),
        cmocka_unit_test(can_be_freed_from_its_own_callbacks),
        HASTY(lets_slow_clients_go),
        HASTY(lets_a_client_go_that_drips),
        HASTY(gives_up_on_a_client_that_does_not_read),
        HASTY(waits_for_the_handler_as_long_as_it_takes),
        SMALL(prefers_a_new_connection_to_one_that_only_waits),
        SMALL(answers_503_when_all_connections_are_busy),
        CASE(notices_a_reset_while_it_can_neither_read_nor_write),
        CASE(drains),
        CASE(holds_no_buffer_for_an_idle_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "client_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void
uses_a_connection_again(void **state)
{
    struct fixture *f = *state;
    struct seen seen[3] = {{.n_end = 0}};
    call_start(f, &seen[0]);
    struct raw up = raw_accept(&f->lb, f->listener);
    for (int i = 0; i < 3; i++) {
        if (i > 0)
            call_start(f, &seen[i]);
        WAIT(&f->lb, raw_has(&up, "\r\n\r\n"));
        assert_false(raw_has(&up, "Content-Length"));
        raw_forget(&up);
        raw_say(&up, OK);
        call_expect(f, &seen[i], ERR_OK);
        seen_done(&seen[i]);
    }
    raw_close(&up);
}

static void
does_not_use_a_connection_again_that_is_not_clean(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK "left over",
        OK OK,
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct seen seen = {.n_end = 0};
        call_start(f, &seen);
        struct raw up = raw_accept(&f->lb, f->listener);
        raw_say(&up, answers[i]);
        call_expect(f, &seen, ERR_OK);
        assert_string_equal(buf_text(&seen.body), "ok");
        WAIT(&f->lb, raw_has_ended(&up));
        seen_done(&seen);
        raw_close(&up);
    }
}

/* A kept connection that the upstream closes when the request arrives. */
static void
answer_once_then_close(struct fixture *f, struct http_call_spec spec,
                       struct seen *out_second)
{
    struct seen first = {.n_end = 0};
    call_start(f, &first);
    struct raw up = raw_accept(&f->lb, f->listener);
    raw_say(&up, OK);
    call_expect(f, &first, ERR_OK);
    seen_done(&first);
    raw_forget(&up);
    call_start_spec(f, out_second, spec);
    if (spec.is_streamed) {
        (void)http_call_piece(out_second->call, STR("piece"));
        http_call_finish(out_second->call);
    }
    WAIT(&f->lb, raw_has(&up, "\r\n\r\n"));
    raw_close(&up);
}

static void
repeats_an_idempotent_call_on_a_stale_connection_once(void **state)
{
    struct fixture *f = *state;
    struct seen second = {.n_end = 0};
    answer_once_then_close(f, (struct http_call_spec){.port = 0}, &second);
    struct raw up = raw_accept(&f->lb, f->listener);
    WAIT(&f->lb, raw_has(&up, "GET /t?q HTTP/1.1\r\n"));
    assert_int_equal(second.n_end, 0);
    raw_close(&up);
    call_expect(f, &second, ERR_CLOSED);
    seen_done(&second);
}

static void
repeats_a_small_streamed_body_if_the_method_allows(void **state)
{
    struct fixture *f = *state;
    struct seen second = {.n_end = 0};
    answer_once_then_close(
        f, (struct http_call_spec){.method = STR("PUT"), .is_streamed = true},
        &second);
    struct raw up = raw_accept(&f->lb, f->listener);
    WAIT(&f->lb, raw_has(&up, "\r\n\r\n5\r\npiece\r\n0\r\n\r\n"));
    raw_say(&up, OK);
    call_expect(f, &second, ERR_OK);
    raw_close(&up);
    seen_done(&second);
}

static void
never_repeats_what_may_have_been_done(void **state)
{
    struct fixture *f = *state;
    struct seen second = {.n_end = 0};
    answer_once_then_close(
        f, (struct http_call_spec){.method = STR("POST"), .body = STR("once")},
        &second);
    call_expect(f, &second, ERR_CLOSED);
    assert_true(second.was_sent);
    assert_int_equal(accept(f->listener, NULL, NULL), -1);
    seen_done(&second);
}

static void
finds_out_that_an_idle_connection_was_closed(void **state)
{
    struct fixture *f = *state;
    struct seen first = {.n_end = 0}, second = {.n_end = 0};
    call_start(f, &first);
    struct raw up = raw_accept(&f->lb, f->listener);
    raw_say(&up, OK);
    call_expect(f, &first, ERR_OK);
    raw_close(&up);
    loopback_rest(&f->lb);
    call_start_spec(f, &second, (struct http_call_spec){.method = STR("POST")});
    up = raw_accept(&f->lb, f->listener);
    raw_say(&up, OK);
    call_expect(f, &second, ERR_OK);
    raw_close(&up);
    seen_done(&first);
    seen_done(&second);
}

static void
cannot_be_answered_before_it_asks(void **state)
{
    struct fixture *f = *state;
    struct seen first = {.n_end = 0}, second = {.n_end = 0};
    call_start(f, &first);
    struct raw up = raw_accept(&f->lb, f->listener);
    raw_say(&up, OK);
    call_expect(f, &first, ERR_OK);
    raw_say(&up, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    WAIT(&f->lb, raw_has_ended(&up));
    raw_close(&up);
    call_start(f, &second);
    up = raw_accept(&f->lb, f->listener);
    raw_say(&up, OK);
    call_expect(f, &second, ERR_OK);
    assert_string_equal(buf_text(&second.body), "ok");
    raw_close(&up);
    seen_done(&first);
    seen_done(&second);
}

static void
says_why_it_could_not_begin(void **state)
{
    struct fixture *f = *state;
    struct seen seen[5] = {{.n_end = 0}};
    uint16_t closed_port;
    int closed = loopback_listen(&closed_port);
    (void)close(closed);
    call_start_spec(f, &seen[0], (struct http_call_spec){.port = closed_port});
    call_expect(f, &seen[0], ERR_UNREACHABLE);
    assert_false(seen[0].was_sent);
    assert_string_equal(seen[0].why, "Connection refused");
    call_start_spec(f, &seen[1], (struct http_call_spec){.host = STR("a b")});
    call_expect(f, &seen[1], ERR_NOT_FOUND);
    f->is_refusing = true;
    call_start(f, &seen[2]);
    call_expect(f, &seen[2], ERR_FORBIDDEN);
    f->is_refusing = false;
    /* https without certificates to check with. */
    struct http_call_spec spec = {.scheme = STR("https"),
                                  .host = STR("127.0.0.1"),
                                  .method = STR("GET"),
                                  .target = STR("/")};
    buf_init(&seen[3].body, 0);
    seen[3].call = http_call_start(f->client, &spec, &client_handler, &seen[3]);
    call_expect(f, &seen[3], ERR_UNREACHABLE);
    for (int i = 0; i < 4; i++)
        seen_done(&seen[i]);
}

/* The listener has no IPv6, or this test would not say anything. */
static void
tries_one_address_after_the_other(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {.n_end = 0};
    struct sockaddr_in6 a = {.sin6_family = AF_INET6,
                             .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t n = sizeof(a);
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) != 0) {
        (void)close(fd);
        skip();
    }
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    call_start_spec(f, &seen,
                    (struct http_call_spec){.host = STR("localhost"),
                                            .port = ntohs(a.sin6_port)});
    struct raw up = raw_accept(&f->lb, fd);
    raw_say(&up, OK);
    call_expect(f, &seen, ERR_OK);
    raw_close(&up);
    (void)close(fd);
    seen_done(&seen);
}

static void
waits_for_a_free_connection_in_order(void **state)
{
    struct fixture *f = *state;
    struct seen seen[3] = {{.n_end = 0}};
    for (int i = 0; i < 3; i++)
        call_start(f, &seen[i]);
    struct raw up = raw_accept(&f->lb, f->listener);
    for (int i = 0; i < 3; i++) {
        WAIT(&f->lb, raw_has(&up, "\r\n\r\n"));
        loopback_rest(&f->lb);
        assert_int_equal(raw_count(&up, "GET"), 1);
        raw_forget(&up);
        raw_say(&up, OK);
        call_expect(f, &seen[i], ERR_OK);
        seen_done(&seen[i]);
    }
    assert_int_equal(accept(f->listener, NULL, NULL), -1);
    raw_close(&up);
}

static void
gives_the_connection_of_a_cancelled_call_to_nobody(void **state)
{
    struct fixture *f = *state;
    struct seen seen[3] = {{.n_end = 0}};
    for (int i = 0; i < 3; i++)
        call_start(f, &seen[i]);
    struct raw up = raw_accept(&f->lb, f->listener);
    WAIT(&f->lb, raw_has(&up, "GET"));
    http_call_cancel(seen[1].call); /* which waits */
    http_call_cancel(seen[0].call);
    WAIT(&f->lb, raw_has_ended(&up));
    raw_close(&up);
    up = raw_accept(&f->lb, f->listener);
    raw_say(&up, OK);
    call_expect(f, &seen[2], ERR_OK);
    assert_int_equal(seen[0].n_end + seen[1].n_end, 0);
    raw_close(&up);
    for (int i = 0; i < 3; i++)
        seen_done(&seen[i]);
}

static void
can_be_cancelled_or_freed_from_its_own_callbacks(void **state)
{
    static const struct {
        struct seen seen;
        unsigned n_end;
        enum err e;
    } cases[] = {
        {{.at_head = CANCEL}, 0, ERR_OK},   {{.at_body = CANCEL}, 0, ERR_OK},
        {{.at_head = FREE}, 1, ERR_CLOSED}, {{.at_body = FREE}, 1, ERR_CLOSED},
        {{.at_end = FREE}, 1, ERR_OK},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        void *again;
        assert_int_equal(fixture_set_up(&again), 0);
        struct fixture *f = again;
        struct seen seen = cases[i].seen, other = {.n_end = 0};
        call_start(f, &seen);
        struct raw up = raw_accept(&f->lb, f->listener);
        call_start(f, &other);
        raw_say(&up, OK);
        WAIT(&f->lb, raw_has_ended(&up) || seen.n_end > 0);
        loopback_rest(&f->lb);
        assert_int_equal(seen.n_end, cases[i].n_end);
        assert_int_equal(seen.e, cases[i].e);
        bool is_freed = cases[i].n_end == 1;
        assert_int_equal(other.n_end, is_freed);
        if (is_freed)
            f->client = NULL;
        raw_close(&up);
        assert_int_equal(fixture_tear_down(&again), 0);
        seen_done(&seen);
        seen_done(&other);
    }
}

static void
has_deadlines_for_everything_it_waits_for(void **state)
{
    struct fixture *f = *state;
    struct seen silent = {.n_end = 0}, slow = {.n_end = 0},
                queued = {.n_end = 0};
    call_start_spec(f, &silent, (struct http_call_spec){.silence_ms = 60});
    call_start_spec(f, &queued, (struct http_call_spec){.timeout_ms = 60});
    struct raw up = raw_accept(&f->lb, f->listener);
    call_expect(f, &silent, ERR_TIMEOUT);
    assert_true(silent.was_sent);
    call_expect(f, &queued, ERR_TIMEOUT);
    WAIT(&f->lb, raw_has_ended(&up));
    raw_close(&up);
    /* Signs of life do not help against the total. */
    call_start_spec(
        f, &slow, (struct http_call_spec){.timeout_ms = 100, .silence_ms = 80});
    up = raw_accept(&f->lb, f->listener);
    raw_say(&up, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    while (slow.n_end == 0) {
        raw_say(&up, "x");
        loopback_rest(&f->lb);
    }
    call_expect(f, &slow, ERR_TIMEOUT);
    raw_close(&up);
    seen_done(&silent);
    seen_done(&slow);
    seen_done(&queued);
}

static void
closes_a_connection_that_nobody_used_for_long(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {.n_end = 0};
    call_start(f, &seen);
    struct raw up = raw_accept(&f->lb, f->listener);
    raw_say(&up, OK);
    call_expect(f, &seen, ERR_OK);
    WAIT(&f->lb, raw_has_ended(&up));
    raw_close(&up);
    seen_done(&seen);
}

#define CASE(name) \
    cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
#define NARROW(name)                                             \
    cmocka_unit_test_setup_teardown(name, fixture_set_up_narrow, \
                                    fixture_tear_down)
#define HASTY(name)                                             \
    cmocka_unit_test_setup_teardown(name, fixture_set_up_hasty, \
                                    fixture_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(uses_a_connection_again),
        CASE(does_not_use_a_connection_again_that_is_not_clean),
        CASE(repeats_an_idempotent_call_on_a_stale_connection_once),
        CASE(repeats_a_small_streamed_body_if_the_method_allows),
        CASE(never_repeats_what_may_have_been_done),
        CASE(finds_out_that_an_idle_connection_was_closed),
        CASE(cannot_be_answered_before_it_asks),
        CASE(says_why_it_could_not_begin),
        CASE(tries_one_address_after_the_other),
        NARROW(waits_for_a_free_connection_in_order),
        NARROW(gives_the_connection_of_a_cancelled_call_to_nobody),
        cmocka_unit_test(can_be_cancelled_or_freed_from_its_own_callbacks),
        NARROW(has_deadlines_for_everything_it_waits_for),
        HASTY(closes_a_connection_that_nobody_used_for_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

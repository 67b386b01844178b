#include "server_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static bool
is_path(const struct http_exchange *x, const char *path)
{
    return str_equal(http_request(x)->target, str_from(path));
}

static void
send_big(struct fixture *f, struct http_exchange *x)
{
    static const char piece[10000];
    while (f->left > 0) {
        size_t n = f->left < sizeof(piece) ? f->left : sizeof(piece);
        f->left -= n;
        size_t unsent = http_answer_piece(x, str_of(piece, n));
        if (unsent > f->most_unsent)
            f->most_unsent = unsent;
        if (unsent > LIMIT_RELAY_WINDOW)
            return;
    }
    http_answer_end(x);
}

static void
on_head(struct http_exchange *x, void *arg)
{
    struct fixture *f = arg;
    struct http_answer chunked = {.status = 200};
    if (is_path(x, "/early"))
        http_respond_text(x, 401, STR("text/plain"), STR("no\n"));
    if (is_path(x, "/echo")) {
        http_stream_body(x);
        http_answer_begin(x, &chunked);
    }
    if (is_path(x, "/take") || is_path(x, "/abort-in-body"))
        http_stream_body(x);
    if (is_path(x, "/abort-in-head"))
        http_abort(x, ERR_INVALID);
    if (is_path(x, "/free-in-head"))
        http_server_free(f->server);
}

static void
on_request(struct http_exchange *x, void *arg)
{
    struct fixture *f = arg;
    struct http_answer chunked = {.status = 200};
    f->n_requests++;
    if (is_path(x, "/hold")) {
        f->held = x;
    } else if (is_path(x, "/big")) {
        http_answer_begin(x, &chunked);
        send_big(f, x);
    } else if (is_path(x, "/short")) {
        struct http_answer a = {
            .status = 200, .has_length = true, .length = 10};
        http_answer_begin(x, &a);
        (void)http_answer_piece(x, STR("12345"));
        http_answer_end(x);
    } else if (is_path(x, "/abort")) {
        http_answer_begin(x, &chunked);
        (void)http_answer_piece(x, STR("begun"));
        f->held = x;
    } else if (is_path(x, "/nothing")) {
        http_respond(x, 204, NULL, 0, STR_NONE);
    } else {
        http_respond_text(x, 200, STR("text/plain"),
                          http_request_body(x).n > 0 ? http_request_body(x)
                                                     : STR("hello"));
    }
}

static void
on_body(struct http_exchange *x, struct str piece, bool is_last, void *arg)
{
    struct fixture *f = arg;
    if (is_path(x, "/abort-in-body")) {
        http_abort(x, ERR_INVALID);
        return;
    }
    if (is_path(x, "/echo")) {
        (void)http_answer_piece(x, piece);
        if (is_last)
            http_answer_end(x);
        return;
    }
    buf_add(&f->streamed, piece);
    f->held = x;
    if (f->is_paused)
        http_pause_body(x);
    if (is_last)
        http_respond_text(x, 200, STR("text/plain"), STR("taken"));
}

static void
on_writable(struct http_exchange *x, void *arg)
{
    send_big(arg, x);
}

static void
on_end(struct http_exchange *x, enum err reason, void *arg)
{
    struct fixture *f = arg;
    f->n_ended++;
    f->reason = reason;
    f->held = NULL;
    if (is_path(x, "/free-in-end"))
        http_server_free(f->server);
}

static void
on_refused(unsigned status, struct buf *out_body, struct str *out_type,
           void *arg)
{
    (void)arg;
    buf_addf(out_body, "refused with %u", status);
    *out_type = STR("text/x-refusal");
}

static const struct http_handler handler = {.on_head = on_head,
                                            .on_request = on_request,
                                            .on_body = on_body,
                                            .on_writable = on_writable,
                                            .on_end = on_end,
                                            .on_refused = on_refused};

struct fixture *
fixture_open(const struct http_server_setup *wanted)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct http_server_setup setup = *wanted;
    loopback_init(&f->lb);
    buf_init(&f->streamed, 16 * 1024 * 1024);
    setup.base = f->lb.base;
    setup.fd = loopback_listen(&f->port);
    setup.handler = &handler;
    setup.arg = f;
    setup.max_body = setup.max_body > 0 ? setup.max_body : 100000;
    f->server = http_server_new(&setup);
    return f;
}

int
fixture_set_up(void **state)
{
    struct http_server_setup setup = {.fd = -1};
    *state = fixture_open(&setup);
    return 0;
}

/* Deadlines that a test can wait for. */
int
fixture_set_up_hasty(void **state)
{
    struct http_server_setup setup = {
        .head_ms = 60, .body_ms = 60, .idle_ms = 60, .is_secret = true};
    *state = fixture_open(&setup);
    return 0;
}

int
fixture_set_up_small(void **state)
{
    struct http_server_setup setup = {.max_connections = 2};
    *state = fixture_open(&setup);
    return 0;
}

int
fixture_tear_down(void **state)
{
    struct fixture *f = *state;
    http_server_free(f->server);
    buf_done(&f->streamed);
    loopback_done(&f->lb);
    free(f);
    return 0;
}

void
assert_refused(struct fixture *f, struct str text, unsigned status)
{
    char line[32], body[32];
    struct raw r = raw_connect(&f->lb, f->port);
    raw_say_bytes(&r, text);
    WAIT(&f->lb, raw_has_ended(&r));
    (void)snprintf(line, sizeof(line), "HTTP/1.1 %u ", status);
    (void)snprintf(body, sizeof(body), "refused with %u", status);
    if (!str_starts(buf_str(&r.in), str_from(line)) || r.is_reset)
        fail_msg("%.*s: %.*s%s", STR_ARG(text), STR_ARG(buf_str(&r.in)),
                 r.is_reset ? " (reset)" : "");
    assert_int_equal(raw_count(&r, "HTTP/1.1"), 1);
    assert_true(raw_has(&r, body));
    assert_true(raw_has(&r, "Connection: close\r\n"));
    assert_true(raw_has(&r, "Content-Type: text/x-refusal\r\n"));
    raw_close(&r);
}

#include "client_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void
act(struct seen *seen, enum deed deed)
{
    if (deed == CANCEL)
        http_call_cancel(seen->call);
    if (deed == FREE)
        http_client_free(seen->f->client);
    if (deed == PAUSE)
        http_call_pause(seen->call);
}

static void
on_head(struct http_call *call, const struct http_head *head, void *arg)
{
    struct seen *seen = arg;
    (void)call;
    seen->n_head++;
    seen->status = head->status;
    act(seen, seen->at_head);
}

static void
on_body(struct http_call *call, struct str piece, void *arg)
{
    struct seen *seen = arg;
    (void)call;
    buf_add(&seen->body, piece);
    act(seen, seen->at_body);
}

static void
on_writable(struct http_call *call, void *arg)
{
    struct seen *seen = arg;
    (void)call;
    seen->n_writable++;
}

static void
on_end(struct http_call *call, enum err e, void *arg)
{
    struct seen *seen = arg;
    seen->n_end++;
    seen->e = e;
    seen->was_sent = http_call_was_sent(call);
    (void)snprintf(seen->why, sizeof(seen->why), "%s", http_call_why(call));
    act(seen, seen->at_end);
}

const struct http_call_handler client_handler = {on_head, on_body, on_writable,
                                                 on_end};

static bool
on_filter(const struct sockaddr *address, void *arg)
{
    const struct fixture *f = arg;
    assert_true(address->sa_family == AF_INET ||
                address->sa_family == AF_INET6);
    return !f->is_refusing;
}

struct fixture *
fixture_open(struct http_client_setup setup)
{
    struct fixture *f = calloc(1, sizeof(*f));
    loopback_init(&f->lb);
    f->listener = loopback_listen(&f->port);
    f->dns = dns_new(f->lb.base);
    setup.base = f->lb.base;
    setup.dns = f->dns;
    setup.filter = on_filter;
    setup.filter_arg = f;
    f->client = http_client_new(&setup);
    return f;
}

int
fixture_set_up(void **state)
{
    *state = fixture_open((struct http_client_setup){.idle_ms = 0});
    return 0;
}

int
fixture_set_up_narrow(void **state)
{
    *state = fixture_open((struct http_client_setup){.max_connections = 1});
    return 0;
}

int
fixture_set_up_hasty(void **state)
{
    *state = fixture_open((struct http_client_setup){.idle_ms = 60});
    return 0;
}

int
fixture_tear_down(void **state)
{
    struct fixture *f = *state;
    http_client_free(f->client);
    dns_free(f->dns);
    (void)close(f->listener);
    loopback_done(&f->lb);
    free(f);
    return 0;
}

void
call_start_spec(struct fixture *f, struct seen *seen,
                struct http_call_spec spec)
{
    seen->f = f;
    buf_init(&seen->body, 64 * 1024 * 1024);
    spec.scheme = STR("http");
    spec.host = spec.host.n > 0 ? spec.host : STR("127.0.0.1");
    spec.port = spec.port > 0 ? spec.port : f->port;
    spec.method = spec.method.n > 0 ? spec.method : STR("GET");
    spec.target = STR("/t?q");
    seen->call = http_call_start(f->client, &spec, &client_handler, seen);
    assert_int_equal(seen->n_end, 0);
}

void
call_start(struct fixture *f, struct seen *seen)
{
    call_start_spec(f, seen, (struct http_call_spec){.port = 0});
}

void
call_expect(struct fixture *f, struct seen *seen, enum err want)
{
    WAIT(&f->lb, seen->n_end > 0);
    if (seen->e != want)
        fail_msg("%s, not %s: %s", err_name(seen->e), err_name(want),
                 seen->why);
    loopback_rest(&f->lb);
    assert_int_equal(seen->n_end, 1);
}

void
seen_done(struct seen *seen)
{
    buf_done(&seen->body);
}

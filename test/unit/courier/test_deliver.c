#define _GNU_SOURCE
/*
 * The courier that delivers, as it is: the built program, with its parent,
 * its keeper and an app's backend played.  argv[1] is the program.
 */
#include "../http/certificate.h"
#include "../nursery.h"
#include "base/env.h"
#include "base/limits.h"
#include "http/server.h"
#include "proto/courier.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *program;

/* What the backend does with the next requests. */
enum manner { ANSWERS, HOLDS_BACK, HANGS_UP, NEVER_ENDS };

#define HELD_MAX 64

struct place {
    struct nursery nursery;
    struct certificate certificate;
    struct tls_context *tls;
    struct http_server *backend, *tls_backend;
    char url[64], tls_url[64], raw_url[64];
    int raw_fd; /* listens, and nobody answers */
    enum manner manner;
    unsigned status;
    struct http_header header; /* one more, if it has a name */
    struct http_exchange *held[HELD_MAX];
    size_t n_held, n_wanted;
    bool are_held;
    unsigned n_requests;
    char method[16], target[128], body[256], type[64], agent[64];
    char id[64], timestamp[32], signature[128], replay[16], gap[64];
    /* The delivery's end */
    bool is_done;
    enum err err;
    unsigned http_status, retry_after_s;
    char reason[32];
    bool is_closed;
};

static void
copy(char *to, size_t room, struct str from)
{
    assert_true(from.n < room);
    if (from.n > 0)
        memcpy(to, from.p, from.n);
    to[from.n] = '\0';
}

static void
copy_header(const struct http_head *head, const char *name, char *to,
            size_t room)
{
    copy(to, room, http_head_find(head, name));
}

static void
note(struct place *p, struct http_exchange *x)
{
    const struct http_head *head = http_request(x);
    p->n_requests++;
    copy(p->method, sizeof(p->method), head->method);
    copy(p->target, sizeof(p->target), head->target);
    copy(p->body, sizeof(p->body), http_request_body(x));
    copy_header(head, "content-type", p->type, sizeof(p->type));
    copy_header(head, "user-agent", p->agent, sizeof(p->agent));
    copy_header(head, "webhook-id", p->id, sizeof(p->id));
    copy_header(head, "webhook-timestamp", p->timestamp, sizeof(p->timestamp));
    copy_header(head, "webhook-signature", p->signature, sizeof(p->signature));
    copy_header(head, "Portkeep-Replay", p->replay, sizeof(p->replay));
    copy_header(head, "Portkeep-Gap", p->gap, sizeof(p->gap));
}

static void
respond(const struct place *p, struct http_exchange *x)
{
    http_respond(x, p->status, &p->header, p->header.name.n > 0 ? 1 : 0,
                 STR("thanks"));
}

static void
begin_endless(const struct place *p, struct http_exchange *x)
{
    static char piece[2 * LIMIT_TARGET_BODY];
    struct http_answer a = {.status = p->status};
    memset(piece, 'x', sizeof(piece));
    http_answer_begin(x, &a);
    (void)http_answer_piece(x, str_of(piece, sizeof(piece)));
}

static void
on_request(struct http_exchange *x, void *arg)
{
    struct place *p = arg;
    note(p, x);
    switch (p->manner) {
    case ANSWERS:
        respond(p, x);
        break;
    case HOLDS_BACK:
        assert_true(p->n_held < HELD_MAX);
        p->held[p->n_held++] = x;
        p->are_held = p->n_held >= p->n_wanted;
        break;
    case HANGS_UP:
        http_abort(x, ERR_CLOSED);
        break;
    case NEVER_ENDS:
        begin_endless(p, x);
        break;
    }
}

static void
on_exchange_end(struct http_exchange *x, enum err reason, void *arg)
{
    struct place *p = arg;
    (void)reason;
    for (size_t i = 0; i < p->n_held; i++)
        if (p->held[i] == x)
            p->held[i] = NULL;
}

static struct http_server *
open_backend(struct place *p, struct tls_context *tls, const char *scheme,
             char *url, size_t room)
{
    static const struct http_handler handler = {.on_request = on_request,
                                                .on_end = on_exchange_end};
    uint16_t port;
    struct http_server_setup setup = {.base = p->nursery.base,
                                      .fd = nursery_listen(&port),
                                      .tls = tls,
                                      .max_body = LIMIT_FRAME,
                                      .handler = &handler,
                                      .arg = p};
    (void)snprintf(url, room, "%s://127.0.0.1:%u/hook?a=1", scheme, port);
    struct http_server *s = http_server_new(&setup);
    assert_non_null(s);
    return s;
}

static void
on_message(const struct incoming *in, void *arg)
{
    (void)in;
    (void)arg;
}

static void
on_close(struct channel *ch, enum err reason, void *arg)
{
    struct place *p = arg;
    (void)reason;
    channel_free(ch);
    p->nursery.work = NULL;
    p->is_closed = true;
}

static int
open_place(void **state)
{
    static const struct channel_handler handler = {on_message, on_close};
    struct place *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    p->status = 204;
    p->n_wanted = 1;
    nursery_open(&p->nursery);
    p->certificate = certificate_new("IP:127.0.0.1");
    assert_int_equal(
        tls_server_new(p->certificate.chain_fd, p->certificate.key_fd, &p->tls),
        ERR_OK);
    p->backend = open_backend(p, NULL, "http", p->url, sizeof(p->url));
    p->tls_backend =
        open_backend(p, p->tls, "https", p->tls_url, sizeof(p->tls_url));
    uint16_t port;
    p->raw_fd = nursery_listen(&port);
    (void)snprintf(p->raw_url, sizeof(p->raw_url), "http://127.0.0.1:%u/",
                   port);
    struct str targets[] = {str_from(p->url), str_from(p->tls_url),
                            str_from(p->raw_url)};
    p->nursery.settings.is_deliver = true;
    p->nursery.settings.target_urls = (struct strs){targets, 3};
    p->nursery.settings.ca_file = str_from(p->certificate.ca_path);
    nursery_birth(&p->nursery, program, &courier_conversation, &handler, p);
    assert_string_equal(p->nursery.problem, "");
    *state = p;
    return 0;
}

static int
close_place(void **state)
{
    struct place *p = *state;
    http_server_free(p->backend);
    http_server_free(p->tls_backend);
    nursery_close(&p->nursery);
    tls_free(p->tls);
    (void)close(p->raw_fd);
    certificate_done(&p->certificate);
    free(p);
    return 0;
}

static void
on_reply(enum err e, const struct message *m, const void *reply, void *arg)
{
    struct place *p = arg;
    const struct courier_delivered *d = reply;
    (void)m;
    p->is_done = true;
    p->err = e;
    if (e != ERR_OK)
        return;
    p->http_status = d->http_status;
    p->retry_after_s = d->retry_after_s;
    copy(p->reason, sizeof(p->reason), d->reason);
}

static struct courier_deliver
delivery_to(const char *url)
{
    return (struct courier_deliver){
        .url = str_from(url),
        .id = STR("evt_0000000000000001_00"),
        .timestamp = STR("1795000000"),
        .signature = STR("v1,AAAA v1,BBBB"),
        .body = {STR("{\"type\":\"hubspot.event\"}")},
        .not_after_ms = env_real()->now_ms(env_real()) + 5000,
    };
}

static void
ask(struct place *p, const struct courier_deliver *d)
{
    p->is_done = false;
    (void)channel_call(p->nursery.work, COURIER_DELIVER, d, DEADLINE_CALL_MS,
                       on_reply, p);
}

static void
deliver(struct place *p, const struct courier_deliver *d)
{
    ask(p, d);
    nursery_wait(&p->nursery, &p->is_done);
    assert_int_equal(p->err, ERR_OK);
}

static void
posts_what_standard_webhooks_want(void **state)
{
    struct place *p = *state;
    struct courier_deliver d = delivery_to(p->url);
    deliver(p, &d);
    assert_int_equal(p->http_status, 204);
    assert_string_equal(p->reason, "");
    assert_string_equal(p->method, "POST");
    assert_string_equal(p->target, "/hook?a=1");
    assert_string_equal(p->body, "{\"type\":\"hubspot.event\"}");
    assert_string_equal(p->type, "application/json");
    assert_string_equal(p->agent, "portkeep");
    assert_string_equal(p->id, "evt_0000000000000001_00");
    assert_string_equal(p->timestamp, "1795000000");
    assert_string_equal(p->signature, "v1,AAAA v1,BBBB");
    assert_string_equal(p->replay, "");
    assert_string_equal(p->gap, "");
}

static void
marks_replays_and_gaps(void **state)
{
    struct place *p = *state;
    struct courier_deliver d = delivery_to(p->url);
    d.is_replay = true;
    d.gap = STR("evt_0000000000000000_00");
    deliver(p, &d);
    assert_string_equal(p->replay, "true");
    assert_string_equal(p->gap, "evt_0000000000000000_00");
}

static void
says_what_the_backend_answered_and_follows_no_redirect(void **state)
{
    static const struct {
        unsigned status;
        const char *header, *value;
        unsigned retry_after_s;
    } cases[] = {
        {200, "", "", 0},
        {301, "Location", "http://127.0.0.1:1/", 0},
        {410, "", "", 0},
        {429, "Retry-After", "17", 17},
        {503, "Retry-After", "soon", 0},
        {503, "Retry-After", "Sun, 06 Nov 2044 08:49:37 GMT", 172800},
        {500, "", "", 0},
    };
    struct place *p = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct courier_deliver d = delivery_to(p->url);
        p->status = cases[i].status;
        p->header = (struct http_header){str_from(cases[i].header),
                                         str_from(cases[i].value)};
        deliver(p, &d);
        assert_int_equal(p->http_status, cases[i].status);
        assert_int_equal(p->retry_after_s, cases[i].retry_after_s);
        assert_string_equal(p->reason, "");
    }
    assert_int_equal(p->n_requests, sizeof(cases) / sizeof(cases[0]));
}

static void
checks_the_certificate(void **state)
{
    struct place *p = *state;
    struct courier_deliver d = delivery_to(p->tls_url);
    deliver(p, &d);
    assert_int_equal(p->http_status, 204);
    /* The same server under a name that is not in its certificate. */
    char url[64];
    (void)snprintf(url, sizeof(url), "https://localhost%s",
                   strrchr(p->tls_url, ':'));
    d.url = str_from(url);
    deliver(p, &d);
    assert_int_equal(p->http_status, 0);
    assert_string_equal(p->reason, "tls");
    assert_int_equal(p->n_requests, 1);
}

static void
goes_without_tls_to_private_addresses_only(void **state)
{
    static const char *const urls[] = {
        "http://93.184.216.34/hook", "http://[2606:2800::1]/hook",
        "http://0.0.0.0/hook",       "http://[::ffff:93.184.216.34]/hook",
        "http://224.0.0.1/hook",     "http://100.64.0.1/hook",
    };
    struct place *p = *state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct courier_deliver d = delivery_to(urls[i]);
        deliver(p, &d);
        assert_int_equal(p->http_status, 0);
        assert_string_equal(p->reason, "forbidden_address");
    }
}

static void
says_why_no_answer_came(void **state)
{
    struct place *p = *state;
    struct courier_deliver d = delivery_to(p->url);
    p->manner = HANGS_UP;
    deliver(p, &d);
    assert_int_equal(p->http_status, 0);
    assert_string_equal(p->reason, "closed");
    http_server_free(p->backend);
    p->backend = NULL;
    deliver(p, &d);
    assert_string_equal(p->reason, "refused");
    d.not_after_ms = 1000;
    deliver(p, &d);
    assert_string_equal(p->reason, "too_late");
    d = delivery_to("mailto:x");
    deliver(p, &d);
    assert_string_equal(p->reason, "not_a_request");
    d = delivery_to(p->url);
    d.id = STR("two\r\nlines");
    deliver(p, &d);
    assert_string_equal(p->reason, "not_a_request");
}

static void
on_garbage(evutil_socket_t fd, short what, void *arg)
{
    int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    (void)what;
    (void)arg;
    char request[4096];
    assert_true(peer >= 0);
    assert_true(read(peer, request, sizeof(request)) > 0); /* it will come */
    assert_int_equal(write(peer, "SSH-2.0-x\r\n\r\n", 13), 13);
    (void)close(peer);
}

static void
says_that_it_was_not_http(void **state)
{
    struct place *p = *state;
    struct event *on_peer =
        event_new(p->nursery.base, p->raw_fd, EV_READ, on_garbage, NULL);
    assert_non_null(on_peer);
    assert_int_equal(event_add(on_peer, NULL), 0);
    struct courier_deliver d = delivery_to(p->raw_url);
    deliver(p, &d);
    event_free(on_peer);
    assert_int_equal(p->http_status, 0);
    assert_string_equal(p->reason, "not_http");
}

static void
is_not_held_by_a_body_without_end(void **state)
{
    struct place *p = *state;
    struct courier_deliver d = delivery_to(p->url);
    p->manner = NEVER_ENDS;
    p->status = 200;
    deliver(p, &d);
    assert_int_equal(p->http_status, 200);
    p->manner = ANSWERS;
    deliver(p, &d);
    assert_int_equal(p->n_requests, 2);
}

static void
gives_up_on_a_backend_that_says_nothing(void **state)
{
    struct place *p = *state;
    struct courier_deliver d = delivery_to(p->url);
    p->manner = HOLDS_BACK;
    deliver(p, &d);
    assert_int_equal(p->http_status, 0);
    assert_string_equal(p->reason, "timeout");
}

static void
runs_many_side_by_side(void **state)
{
    struct place *p = *state;
    struct courier_deliver d = delivery_to(p->url);
    p->manner = HOLDS_BACK;
    p->n_wanted = LIMIT_TARGET_HOST;
    for (size_t i = 0; i < LIMIT_TARGET_HOST; i++)
        ask(p, &d);
    nursery_wait(&p->nursery, &p->are_held);
    for (size_t i = 0; i < LIMIT_TARGET_HOST; i++)
        respond(p, p->held[i]);
    nursery_wait(&p->nursery, &p->is_done);
    assert_int_equal(p->http_status, 204);
}

static void
finishes_what_runs_before_it_stops(void **state)
{
    struct place *p = *state;
    struct courier_deliver d = delivery_to(p->url);
    p->manner = HOLDS_BACK;
    ask(p, &d);
    nursery_wait(&p->nursery, &p->are_held);
    nursery_stop(&p->nursery, false);
    p->manner = ANSWERS;
    d.id = STR("evt_0000000000000002_00");
    deliver(p, &d); /* the keeper had not heard of the end */
    assert_int_equal(p->http_status, 204);
    assert_false(p->nursery.is_gone);
    p->is_done = false;
    respond(p, p->held[0]);
    nursery_wait(&p->nursery, &p->is_done);
    assert_int_equal(p->err, ERR_OK);
    assert_int_equal(p->http_status, 204);
    assert_int_equal(nursery_end(&p->nursery), 0);
}

static void
ends_at_once_when_the_keeper_or_the_parent_is_gone(void **state)
{
    struct place *p = *state;
    struct courier_deliver d = delivery_to(p->url);
    p->manner = HOLDS_BACK;
    ask(p, &d);
    nursery_wait(&p->nursery, &p->are_held);
    nursery_drop_work(&p->nursery);
    assert_int_equal(nursery_end(&p->nursery), 0);
}

static void
ends_at_what_is_not_for_its_role(void **state)
{
    struct place *p = *state;
    struct courier_errand e = {.kind = ERRAND_REFRESH,
                               .not_after_ms =
                                   env_real()->now_ms(env_real()) + 5000};
    (void)channel_call(p->nursery.work, COURIER_ERRAND, &e, DEADLINE_CALL_MS,
                       on_reply, p);
    nursery_wait(&p->nursery, &p->is_done);
    assert_int_equal(p->err, ERR_CLOSED);
    assert_int_equal(nursery_end(&p->nursery), 1);
}

#define BATCH 30

static void
count_reply(enum err e, const struct message *m, const void *reply, void *arg)
{
    const struct courier_delivered *d = reply;
    unsigned *n_done = arg;
    (void)m;
    assert_int_equal(e, ERR_OK);
    assert_int_equal(d->http_status, 204);
    ++*n_done;
}

static void
asks_for_a_successor_after_ten_thousand_deliveries(void **state)
{
    struct place *p = *state;
    unsigned n_done = 0, n_asked = 0;
    while (n_done < 10000) {
        struct courier_deliver d = delivery_to(p->url);
        assert_false(p->nursery.wants_successor);
        for (; n_asked < n_done + BATCH; n_asked++)
            (void)channel_call(p->nursery.work, COURIER_DELIVER, &d,
                               DEADLINE_CALL_MS, count_reply, &n_done);
        while (n_done < n_asked)
            assert_int_equal(event_base_loop(p->nursery.base, EVLOOP_ONCE), 0);
    }
    nursery_wait(&p->nursery, &p->nursery.wants_successor);
    struct courier_deliver d = delivery_to(p->url);
    deliver(p, &d); /* it goes on until it is stopped */
    assert_int_equal(p->http_status, 204);
    nursery_stop(&p->nursery, false);
    assert_int_equal(nursery_end(&p->nursery), 0);
}

#define PLACED(name) \
    cmocka_unit_test_setup_teardown(name, open_place, close_place)

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        PLACED(posts_what_standard_webhooks_want),
        PLACED(marks_replays_and_gaps),
        PLACED(says_what_the_backend_answered_and_follows_no_redirect),
        PLACED(checks_the_certificate),
        PLACED(goes_without_tls_to_private_addresses_only),
        PLACED(says_why_no_answer_came),
        PLACED(says_that_it_was_not_http),
        PLACED(is_not_held_by_a_body_without_end),
        PLACED(gives_up_on_a_backend_that_says_nothing),
        PLACED(runs_many_side_by_side),
        PLACED(finishes_what_runs_before_it_stops),
        PLACED(ends_at_once_when_the_keeper_or_the_parent_is_gone),
        PLACED(ends_at_what_is_not_for_its_role),
        PLACED(asks_for_a_successor_after_ten_thousand_deliveries),
    };
    if (argc != 2)
        return 1;
    program = argv[1];
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

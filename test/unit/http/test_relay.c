#include "certificate.h"
#include "http/client.h"
#include "http/client_int.h"
#include "http/server.h"
#include "http/server_int.h"
#include "loopback.h"

#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/*
 * Three parties on one loop: a client calls a relay, which calls an origin.
 * The relay streams in both directions and never holds more than a window;
 * with TLS on both legs or without.
 */
struct party {
    struct http_server *server;
    uint16_t port;
};

struct fixture {
    struct loopback lb;
    struct certificate certificate;
    struct tls_context *accepting, *calling; /* NULL: plain */
    struct dns *dns;
    struct http_client *client; /* of the caller */
    struct http_client *inner;  /* of the relay */
    struct party origin, relay;
    size_t most_held; /* bytes in the relay, of one direction */
};

/* Body bytes are those of their place, so that a lost one is seen. */
static char
byte_at(uint64_t place)
{
    return (char)(place * 31 + place / 251);
}

/* The origin: takes any body, answers with as many bytes as it had. */

struct visit {
    uint64_t taken, sent;
    bool is_right;
};

static void
origin_send(struct http_exchange *x)
{
    struct visit *v = http_user(x);
    char piece[8192];
    while (v->sent < v->taken) {
        size_t n = 0;
        while (n < sizeof(piece) && v->sent < v->taken)
            piece[n++] = byte_at(v->sent++);
        if (http_answer_piece(x, str_of(piece, n)) > LIMIT_RELAY_WINDOW)
            return;
    }
    http_answer_end(x);
}

static void
origin_on_head(struct http_exchange *x, void *arg)
{
    (void)arg;
    struct visit *v = arena_alloc(http_arena(x), sizeof(*v));
    v->is_right = true;
    http_set_user(x, v);
    http_stream_body(x);
}

static void
origin_on_body(struct http_exchange *x, struct str piece, bool is_last,
               void *arg)
{
    struct visit *v = http_user(x);
    (void)arg;
    for (size_t i = 0; i < piece.n; i++)
        v->is_right = v->is_right && piece.p[i] == byte_at(v->taken++);
    if (!is_last)
        return;
    bool is_chunked = http_request(x)->framing == HTTP_CHUNKED;
    struct http_answer a = {.status = v->is_right ? 200 : 500,
                            .has_length = !is_chunked,
                            .length = v->taken};
    http_answer_begin(x, &a);
    origin_send(x);
}

static void
origin_on_writable(struct http_exchange *x, void *arg)
{
    (void)arg;
    origin_send(x);
}

static const struct http_handler origin_handler = {
    .on_head = origin_on_head,
    .on_body = origin_on_body,
    .on_writable = origin_on_writable,
};

/* The relay */

struct leg {
    struct fixture *f;
    struct http_exchange *x;
    struct http_call *call; /* NULL once it ended */
};

static void
note_held(struct fixture *f, size_t n)
{
    if (n > f->most_held)
        f->most_held = n;
}

static void
leg_on_head(struct http_call *call, const struct http_head *head, void *arg)
{
    struct leg *leg = arg;
    struct http_answer a = {.status = head->status,
                            .has_length = head->has_length,
                            .length = head->length};
    (void)call;
    http_answer_begin(leg->x, &a);
}

static void
leg_on_body(struct http_call *call, struct str piece, void *arg)
{
    struct leg *leg = arg;
    size_t unsent = http_answer_piece(leg->x, piece);
    note_held(leg->f, unsent);
    if (unsent > LIMIT_RELAY_WINDOW)
        http_call_pause(call);
}

static void
leg_on_writable(struct http_call *call, void *arg)
{
    struct leg *leg = arg;
    (void)call;
    http_resume_body(leg->x);
}

static void
leg_on_end(struct http_call *call, enum err e, void *arg)
{
    struct leg *leg = arg;
    (void)call;
    leg->call = NULL;
    if (e == ERR_OK)
        http_answer_end(leg->x);
    else if (http_is_answered(leg->x))
        http_abort(leg->x, e);
    else
        http_respond_text(leg->x, 502, STR("text/plain"), STR("bad"));
}

static const struct http_call_handler leg_handler = {
    leg_on_head, leg_on_body, leg_on_writable, leg_on_end};

static struct str
scheme_of(const struct fixture *f)
{
    return f->calling != NULL ? STR("https") : STR("http");
}

static void
relay_on_head(struct http_exchange *x, void *arg)
{
    struct fixture *f = arg;
    const struct http_head *h = http_request(x);
    struct leg *leg = arena_alloc(http_arena(x), sizeof(*leg));
    struct http_call_spec spec = {.scheme = scheme_of(f),
                                  .host = STR("localhost"),
                                  .port = f->origin.port,
                                  .method = h->method,
                                  .target = h->target,
                                  .is_streamed = true,
                                  .has_length = h->framing == HTTP_LENGTH,
                                  .length = h->length};
    *leg = (struct leg){.f = f, .x = x};
    http_set_user(x, leg);
    http_stream_body(x);
    leg->call = http_call_start(f->inner, &spec, &leg_handler, leg);
}

static void
relay_on_body(struct http_exchange *x, struct str piece, bool is_last,
              void *arg)
{
    struct leg *leg = http_user(x);
    if (leg->call == NULL)
        return;
    if (is_last) {
        http_call_finish(leg->call);
        return;
    }
    size_t unsent = http_call_piece(leg->call, piece);
    note_held(arg, unsent);
    if (unsent > LIMIT_RELAY_WINDOW)
        http_pause_body(x);
}

static void
relay_on_writable(struct http_exchange *x, void *arg)
{
    struct leg *leg = http_user(x);
    (void)arg;
    if (leg->call != NULL)
        http_call_resume(leg->call);
}

static void
relay_on_end(struct http_exchange *x, enum err reason, void *arg)
{
    struct leg *leg = http_user(x);
    (void)reason;
    (void)arg;
    if (leg->call != NULL)
        http_call_cancel(leg->call);
}

static const struct http_handler relay_handler = {
    .on_head = relay_on_head,
    .on_body = relay_on_body,
    .on_writable = relay_on_writable,
    .on_end = relay_on_end,
};

/* The caller: sends n bytes, counts those that come back. */

struct errand {
    struct http_call *call;
    uint64_t length, said, heard;
    unsigned status;
    bool is_right;
    bool has_ended;
    enum err e;
};

static void
errand_say(struct errand *errand)
{
    char piece[8192];
    while (errand->said < errand->length) {
        size_t n = 0;
        while (n < sizeof(piece) && errand->said < errand->length)
            piece[n++] = byte_at(errand->said++);
        size_t unsent = http_call_piece(errand->call, str_of(piece, n));
        if (unsent > LIMIT_RELAY_WINDOW && errand->said < errand->length)
            return;
    }
    http_call_finish(errand->call);
}

static void
errand_on_head(struct http_call *call, const struct http_head *head, void *arg)
{
    struct errand *errand = arg;
    (void)call;
    errand->status = head->status;
}

static void
errand_on_body(struct http_call *call, struct str piece, void *arg)
{
    struct errand *errand = arg;
    (void)call;
    for (size_t i = 0; i < piece.n; i++)
        errand->is_right =
            errand->is_right && piece.p[i] == byte_at(errand->heard++);
}

static void
errand_on_writable(struct http_call *call, void *arg)
{
    (void)call;
    errand_say(arg);
}

static void
errand_on_end(struct http_call *call, enum err e, void *arg)
{
    struct errand *errand = arg;
    (void)call;
    errand->has_ended = true;
    errand->e = e;
}

static const struct http_call_handler errand_handler = {
    errand_on_head, errand_on_body, errand_on_writable, errand_on_end};

static void
errand_start(struct fixture *f, struct errand *errand, uint64_t length,
             bool has_length)
{
    struct http_call_spec spec = {.scheme = scheme_of(f),
                                  .host = STR("localhost"),
                                  .port = f->relay.port,
                                  .method = STR("POST"),
                                  .target = STR("/"),
                                  .is_streamed = true,
                                  .has_length = has_length,
                                  .length = length};
    *errand = (struct errand){.length = length, .is_right = true};
    errand->call = http_call_start(f->client, &spec, &errand_handler, errand);
    errand_say(errand);
}

/* Setting up */

static struct party
open_party(struct fixture *f, const struct http_handler *handler)
{
    struct party party = {.server = NULL};
    struct http_server_setup setup = {.base = f->lb.base,
                                      .tls = f->accepting,
                                      .handler = handler,
                                      .arg = f,
                                      .is_secret = true};
    setup.fd = loopback_listen(&party.port);
    party.server = http_server_new(&setup);
    return party;
}

static int
open_all(void **state, bool is_tls)
{
    struct fixture *f = calloc(1, sizeof(*f));
    loopback_init(&f->lb);
    f->certificate = certificate_new("DNS:localhost");
    if (is_tls) {
        assert_int_equal(tls_server_new(f->certificate.chain_fd,
                                        f->certificate.key_fd, &f->accepting),
                         ERR_OK);
        assert_int_equal(tls_client_new(f->certificate.ca_path, &f->calling),
                         ERR_OK);
    }
    f->dns = dns_new(f->lb.base);
    struct http_client_setup setup = {
        .base = f->lb.base, .dns = f->dns, .tls = f->calling};
    f->client = http_client_new(&setup);
    f->inner = http_client_new(&setup);
    f->origin = open_party(f, &origin_handler);
    f->relay = open_party(f, &relay_handler);
    *state = f;
    return 0;
}

static int
set_up_plain(void **state)
{
    return open_all(state, false);
}

static int
set_up_tls(void **state)
{
    return open_all(state, true);
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;
    http_client_free(f->client);
    http_server_free(f->relay.server);
    http_client_free(f->inner);
    http_server_free(f->origin.server);
    dns_free(f->dns);
    tls_free(f->accepting);
    tls_free(f->calling);
    certificate_done(&f->certificate);
    loopback_done(&f->lb);
    free(f);
    return 0;
}

static void
relays_bodies_of_every_size_and_framing(void **state)
{
    static const uint64_t sizes[] = {0, 1, 100, 16384, 32767, 32768, 300001};
    struct fixture *f = *state;
    for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct errand errand;
        errand_start(f, &errand, sizes[i / 2], i % 2 == 0);
        WAIT(&f->lb, errand.has_ended);
        assert_int_equal(errand.e, ERR_OK);
        assert_int_equal(errand.status, 200);
        assert_int_equal(errand.heard, sizes[i / 2]);
        assert_true(errand.is_right);
    }
    /* All of it over one connection on each leg. */
    assert_int_equal(f->client->hosts->n_connections, 1);
    assert_int_equal(f->inner->hosts->n_connections, 1);
}

static void
relays_ten_megabytes_and_holds_a_window_of_them(void **state)
{
    struct fixture *f = *state;
    struct errand errand;
    errand_start(f, &errand, 10 * 1024 * 1024, true);
    WAIT(&f->lb, errand.has_ended);
    assert_int_equal(errand.e, ERR_OK);
    assert_int_equal(errand.status, 200);
    assert_int_equal(errand.heard, errand.length);
    assert_true(errand.is_right);
    assert_true(f->most_held < LIMIT_RELAY_WINDOW + 2 * BLOCK_SIZE);
}

static void
holds_a_window_for_a_caller_that_reads_nothing(void **state)
{
    struct fixture *f = *state;
    struct errand errand;
    errand_start(f, &errand, 30 * 1024 * 1024, true);
    WAIT(&f->lb, errand.heard > 0);
    http_call_pause(errand.call);
    loopback_rest(&f->lb);
    loopback_rest(&f->lb);
    uint64_t heard = errand.heard;
    loopback_rest(&f->lb);
    assert_int_equal(errand.heard, heard);
    assert_false(errand.has_ended);
    assert_true(f->most_held < LIMIT_RELAY_WINDOW + 2 * BLOCK_SIZE);
    http_call_resume(errand.call);
    WAIT(&f->lb, errand.has_ended);
    assert_int_equal(errand.e, ERR_OK);
    assert_int_equal(errand.heard, errand.length);
    assert_true(errand.is_right);
}

static void
relays_many_at_once(void **state)
{
    struct fixture *f = *state;
    struct errand errands[40];
    for (unsigned i = 0; i < 40; i++)
        errand_start(f, &errands[i], i * 997, i % 3 == 0);
    for (unsigned i = 0; i < 40; i++) {
        WAIT(&f->lb, errands[i].has_ended);
        assert_int_equal(errands[i].e, ERR_OK);
        assert_int_equal(errands[i].heard, errands[i].length);
        assert_true(errands[i].is_right);
    }
}

static void
cancels_the_inner_call_when_the_caller_goes(void **state)
{
    struct fixture *f = *state;
    struct errand errand;
    errand_start(f, &errand, 30 * 1024 * 1024, true);
    WAIT(&f->lb, http_server_n_running(f->origin.server) == 1);
    http_call_cancel(errand.call);
    WAIT(&f->lb, http_server_n_running(f->origin.server) == 0 &&
                     http_server_n_running(f->relay.server) == 0);
    assert_null(f->inner->calls);
    assert_false(errand.has_ended);
}

static void
tells_the_caller_when_the_origin_breaks_off(void **state)
{
    struct fixture *f = *state;
    struct errand errand;
    errand_start(f, &errand, 30 * 1024 * 1024, true);
    WAIT(&f->lb, errand.heard > 0);
    http_server_free(f->origin.server);
    f->origin.server = NULL;
    WAIT(&f->lb, errand.has_ended);
    assert_int_equal(errand.e, ERR_CLOSED);
    assert_true(errand.is_right);
}

#define PLAIN(name) \
    cmocka_unit_test_setup_teardown(name, set_up_plain, tear_down)
#define TLS(name)                                            \
    {                                                        \
#name "_with_tls", name, set_up_tls, tear_down, NULL \
    }

int
main(void)
{
    const struct CMUnitTest tests[] = {
        PLAIN(relays_bodies_of_every_size_and_framing),
        TLS(relays_bodies_of_every_size_and_framing),
        PLAIN(relays_ten_megabytes_and_holds_a_window_of_them),
        TLS(relays_ten_megabytes_and_holds_a_window_of_them),
        PLAIN(holds_a_window_for_a_caller_that_reads_nothing),
        TLS(holds_a_window_for_a_caller_that_reads_nothing),
        PLAIN(relays_many_at_once),
        TLS(relays_many_at_once),
        PLAIN(cancels_the_inner_call_when_the_caller_goes),
        TLS(cancels_the_inner_call_when_the_caller_goes),
        PLAIN(tells_the_caller_when_the_origin_breaks_off),
        TLS(tells_the_caller_when_the_origin_breaks_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

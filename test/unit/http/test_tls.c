#include "certificate.h"
#include "http/client.h"
#include "http/client_int.h"
#include "http/server.h"
#include "http/server_int.h"
#include "loopback.h"

#include <fcntl.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct loopback lb;
    struct certificate certificate;
    struct tls_context *accepting;
    struct dns *dns;
    struct http_server *server;
    uint16_t port;
    struct http_exchange *held; /* of /hold: begun, without length */
    unsigned n_served;
};

/* One call on a client of its own. */
struct outcome {
    unsigned n_end;
    enum err e;
    bool was_sent;
    char why[120];
};

static void
on_request(struct http_exchange *x, void *arg)
{
    struct fixture *f = arg;
    struct http_answer a = {.status = 200};
    f->n_served++;
    if (!str_equal(http_request(x)->target, STR("/hold"))) {
        http_respond_text(x, 200, STR("text/plain"), STR("hello"));
        return;
    }
    http_answer_begin(x, &a);
    (void)http_answer_piece(x, STR("begun"));
    f->held = x;
}

static const struct http_handler handler = {.on_request = on_request};

static int
open_with(void **state, struct certificate certificate)
{
    struct fixture *f = calloc(1, sizeof(*f));
    loopback_init(&f->lb);
    f->certificate = certificate;
    assert_int_equal(
        tls_server_new(certificate.chain_fd, certificate.key_fd, &f->accepting),
        ERR_OK);
    f->dns = dns_new(f->lb.base);
    struct http_server_setup setup = {.base = f->lb.base,
                                      .fd = loopback_listen(&f->port),
                                      .tls = f->accepting,
                                      .head_ms = 2000,
                                      .handler = &handler,
                                      .arg = f};
    f->server = http_server_new(&setup);
    *state = f;
    return 0;
}

static int
set_up(void **state)
{
    return open_with(state, certificate_new("DNS:localhost, IP:127.0.0.1"));
}

static int
set_up_other(void **state)
{
    return open_with(state, certificate_new("DNS:other.example, DNS:*host"));
}

static int
set_up_expired(void **state)
{
    return open_with(state, certificate_new_expired("DNS:localhost"));
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;
    http_server_free(f->server);
    dns_free(f->dns);
    tls_free(f->accepting);
    certificate_done(&f->certificate);
    loopback_done(&f->lb);
    free(f);
    return 0;
}

static void
on_head(struct http_call *call, const struct http_head *head, void *arg)
{
    (void)call;
    (void)arg;
    assert_int_equal(head->status, 200);
}

static void
on_body(struct http_call *call, struct str piece, void *arg)
{
    (void)call;
    (void)arg;
    assert_true(piece.n > 0);
}

static void
on_end(struct http_call *call, enum err e, void *arg)
{
    struct outcome *o = arg;
    o->n_end++;
    o->e = e;
    o->was_sent = http_call_was_sent(call);
    (void)snprintf(o->why, sizeof(o->why), "%s", http_call_why(call));
}

static const struct http_call_handler call_handler = {on_head, on_body, NULL,
                                                      on_end};

static struct http_client *
new_client(struct fixture *f, const char *ca_path, struct tls_context **out)
{
    assert_int_equal(tls_client_new(ca_path, out), ERR_OK);
    struct http_client_setup setup = {
        .base = f->lb.base, .dns = f->dns, .tls = *out};
    return http_client_new(&setup);
}

static void
call(struct fixture *f, struct http_client *client, struct str host,
     struct outcome *o)
{
    struct http_call_spec spec = {.scheme = STR("https"),
                                  .host = host,
                                  .port = f->port,
                                  .method = STR("GET"),
                                  .target = STR("/")};
    *o = (struct outcome){.n_end = 0};
    (void)http_call_start(client, &spec, &call_handler, o);
    WAIT(&f->lb, o->n_end > 0);
}

static struct outcome
call_once(struct fixture *f, const char *ca_path, struct str host)
{
    struct tls_context *tls;
    struct outcome o;
    struct http_client *client = new_client(f, ca_path, &tls);
    call(f, client, host, &o);
    http_client_free(client);
    tls_free(tls);
    return o;
}

static void
assert_refused(struct outcome o, const char *why)
{
    assert_int_equal(o.e, ERR_UNREACHABLE);
    assert_false(o.was_sent);
    if (strstr(o.why, why) == NULL)
        fail_msg("%s", o.why);
}

static void
calls_a_host_by_name_or_address(void **state)
{
    struct fixture *f = *state;
    const char *ca = f->certificate.ca_path;
    assert_int_equal(call_once(f, ca, STR("localhost")).e, ERR_OK);
    assert_int_equal(call_once(f, ca, STR("127.0.0.1")).e, ERR_OK);
    assert_int_equal(f->n_served, 2);
}

static void
refuses_a_certificate_for_another_host(void **state)
{
    struct fixture *f = *state;
    const char *ca = f->certificate.ca_path;
    assert_refused(call_once(f, ca, STR("localhost")), "ostname mismatch");
    assert_refused(call_once(f, ca, STR("127.0.0.1")), "IP address mismatch");
    assert_int_equal(f->n_served, 0);
}

static void
refuses_a_certificate_that_nobody_vouches_for(void **state)
{
    struct fixture *f = *state;
    struct certificate other = certificate_new("DNS:localhost");
    assert_refused(call_once(f, other.ca_path, STR("localhost")),
                   "certificate");
    assert_refused(call_once(f, NULL, STR("localhost")), "certificate");
    certificate_done(&other);
    assert_int_equal(f->n_served, 0);
}

static void
refuses_a_certificate_that_has_ended(void **state)
{
    struct fixture *f = *state;
    assert_refused(call_once(f, f->certificate.ca_path, STR("localhost")),
                   "expired");
}

static void
resumes_a_session_on_the_next_connection(void **state)
{
    struct fixture *f = *state;
    struct tls_context *tls;
    struct outcome o;
    struct http_client *client = new_client(f, f->certificate.ca_path, &tls);
    for (int i = 0; i < 3; i++) {
        call(f, client, STR("localhost"), &o);
        assert_int_equal(o.e, ERR_OK);
        struct outbound *out = client->hosts->idle;
        assert_int_equal(SSL_session_reused(out->stream.ssl), i > 0);
        outbound_close(out);
    }
    http_client_free(client);
    tls_free(tls);
}

static void
sends_head_and_body_in_one_record(void **state)
{
    struct fixture *f = *state;
    struct tls_context *tls;
    struct outcome o;
    struct http_client *client = new_client(f, f->certificate.ca_path, &tls);
    call(f, client, STR("localhost"), &o);
    const SSL *ssl = f->server->first->stream.ssl;
    BIO *bio = SSL_get_wbio(ssl);
    uint64_t before = BIO_number_written(bio);
    call(f, client, STR("localhost"), &o);
    uint64_t n = BIO_number_written(bio) - before;
    /* Head and body have 110 bytes or so; a record adds 22. */
    assert_in_range(n, 100, 160);
    http_client_free(client);
    tls_free(tls);
}

static void
goes_on_after_a_rest(void **state)
{
    struct fixture *f = *state;
    struct tls_context *tls;
    struct outcome o;
    struct http_client *client = new_client(f, f->certificate.ca_path, &tls);
    for (int i = 0; i < 3; i++) {
        call(f, client, STR("localhost"), &o);
        assert_int_equal(o.e, ERR_OK);
        assert_int_equal(client->hosts->n_connections, 1);
        stream_rest(&client->hosts->idle->stream);
        stream_rest(&f->server->first->stream);
    }
    /* As the loop does it by itself. */
    int64_t until = deadline_now() + STREAM_REST_MS + 200;
    WAIT(&f->lb, deadline_now() > until);
    assert_true(client->hosts->idle->is_resting);
    assert_true(f->server->first->is_resting);
    call(f, client, STR("localhost"), &o);
    assert_int_equal(o.e, ERR_OK);
    assert_int_equal(f->n_served, 4);
    http_client_free(client);
    tls_free(tls);
}

static SSL_CTX *
peer_context(int max_version)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(ctx, 0);
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, max_version), 1);
    return ctx;
}

static bool
step_handshake(SSL *ssl, int *out_why)
{
    int result = SSL_do_handshake(ssl);
    *out_why = SSL_get_error(ssl, result);
    return *out_why != SSL_ERROR_WANT_READ;
}

/* Shakes hands as a peer with its own ideas; true if the server agrees. */
static bool
agrees(struct fixture *f, SSL_CTX *ctx)
{
    struct raw raw = raw_connect(&f->lb, f->port);
    SSL *ssl = SSL_new(ctx);
    int why;
    assert_int_equal(SSL_set_fd(ssl, raw.fd), 1);
    SSL_set_connect_state(ssl);
    WAIT(&f->lb, step_handshake(ssl, &why));
    SSL_free(ssl);
    raw_close(&raw);
    return why == SSL_ERROR_NONE;
}

static void
speaks_tls_1_2_and_up_only(void **state)
{
    static const struct {
        int version;
        bool want;
    } cases[] = {{TLS1_VERSION, false},
                 {TLS1_1_VERSION, false},
                 {TLS1_2_VERSION, true},
                 {TLS1_3_VERSION, true}};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        SSL_CTX *ctx = peer_context(cases[i].version);
        assert_int_equal(agrees(f, ctx), cases[i].want);
        SSL_CTX_free(ctx);
    }
}

static void
agrees_on_http_1_1_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    SSL_CTX *ctx = peer_context(TLS1_3_VERSION);
    assert_int_equal(SSL_CTX_set_alpn_protos(
                         ctx, (const unsigned char *)"\x02h2\x08http/1.1", 12),
                     0);
    assert_true(agrees(f, ctx));
    assert_int_equal(
        SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)"\x02h2", 3), 0);
    assert_false(agrees(f, ctx));
    SSL_CTX_free(ctx);
}

static void
lets_go_of_what_is_no_tls(void **state)
{
    struct fixture *f = *state;
    struct raw plain = raw_connect(&f->lb, f->port);
    struct raw mute = raw_connect(&f->lb, f->port);
    raw_say(&plain, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT(&f->lb, raw_has_ended(&plain));
    WAIT(&f->lb, raw_has_ended(&mute)); /* at its deadline */
    assert_int_equal(f->n_served, 0);
    raw_close(&plain);
    raw_close(&mute);
}

/* Only TLS's own word ends a body without length; a cut connection does not,
 * or anybody on the way could shorten it. */
static void
takes_no_cut_connection_for_the_end_of_a_body(void **state)
{
    struct fixture *f = *state;
    struct tls_context *tls;
    struct outcome o = {.n_end = 0};
    struct http_client *client = new_client(f, f->certificate.ca_path, &tls);
    struct http_call_spec spec = {.scheme = STR("https"),
                                  .host = STR("localhost"),
                                  .port = f->port,
                                  .method = STR("GET"),
                                  .target = STR("/hold")};
    (void)http_call_start(client, &spec, &call_handler, &o);
    WAIT(&f->lb, f->held != NULL);
    struct stream *s = &f->held->connection->stream;
    WAIT(&f->lb, stream_unsent(s) == 0);
    (void)shutdown(s->fd, SHUT_WR);
    WAIT(&f->lb, o.n_end > 0);
    assert_int_equal(o.e, ERR_CLOSED);
    http_client_free(client);
    tls_free(tls);
}

static void
refuses_files_that_are_no_certificates(void **state)
{
    struct certificate one = certificate_new("DNS:a");
    struct certificate other = certificate_new("DNS:a");
    struct tls_context *tls = NULL;
    int empty = open("/dev/null", O_RDONLY);
    (void)state;
    assert_int_equal(tls_client_new("", &tls), ERR_CONFIG);
    assert_int_equal(tls_client_new("/nowhere", &tls), ERR_CONFIG);
    assert_int_equal(tls_client_new("/dev/null", &tls), ERR_CONFIG);
    assert_int_equal(tls_server_new(empty, empty, &tls), ERR_CONFIG);
    assert_int_equal(tls_server_new(one.chain_fd, other.key_fd, &tls),
                     ERR_CONFIG);
    assert_int_equal(tls_server_new(-1, other.key_fd, &tls), ERR_SYSTEM);
    assert_null(tls);
    (void)close(empty);
    certificate_done(&one);
    certificate_done(&other);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(calls_a_host_by_name_or_address),
        cmocka_unit_test_setup_teardown(refuses_a_certificate_for_another_host,
                                        set_up_other, tear_down),
        CASE(refuses_a_certificate_that_nobody_vouches_for),
        cmocka_unit_test_setup_teardown(refuses_a_certificate_that_has_ended,
                                        set_up_expired, tear_down),
        CASE(resumes_a_session_on_the_next_connection),
        CASE(sends_head_and_body_in_one_record),
        CASE(goes_on_after_a_rest),
        CASE(speaks_tls_1_2_and_up_only),
        CASE(agrees_on_http_1_1_and_nothing_else),
        CASE(lets_go_of_what_is_no_tls),
        CASE(takes_no_cut_connection_for_the_end_of_a_body),
        cmocka_unit_test(refuses_files_that_are_no_certificates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

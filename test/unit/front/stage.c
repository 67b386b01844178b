#define _GNU_SOURCE
#include "stage.h"

#include "certificate.h"
#include "http/tls.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

const char *stage_program;

void
stage_reply(struct stage *s, const struct incoming *in)
{
    const void *reply =
        in->message->type == FRONT_BEGIN    ? (const void *)&s->begun
        : in->message->type == FRONT_FINISH ? (const void *)&s->finished
                                            : &s->taken;
    channel_reply(in->channel, in->id, in->message->reply, reply);
}

static void
on_message(const struct incoming *in, void *arg)
{
    struct stage *s = arg;
    void *to = in->message->type == FRONT_BEGIN    ? (void *)&s->begin
               : in->message->type == FRONT_FINISH ? (void *)&s->finish
                                                   : &s->webhook;
    record_copy(in->message->record, in->body, s->arena, to);
    s->n_asked++;
    if (!s->holds_back) {
        stage_reply(s, in);
        return;
    }
    s->held = *in;
    s->is_held = true;
}

static void
on_work_close(struct channel *ch, enum err reason, void *arg)
{
    struct stage *s = arg;
    (void)reason;
    channel_free(ch);
    s->nursery.work = NULL;
}

static void
open_browser(struct stage *s)
{
    if (s->is_https)
        assert_int_equal(tls_client_new(s->ca_file, &s->tls), ERR_OK);
    s->dns = dns_new(s->nursery.base);
    assert_non_null(s->dns);
    struct http_client_setup setup = {.base = s->nursery.base,
                                      .dns = s->dns,
                                      .tls = s->tls,
                                      .max_connections = STAGE_CONNECTIONS};
    s->browser = http_client_new(&setup);
}

static void
add_certificate(struct stage *s)
{
    char chain[] = "/tmp/portkeep-front-chain-XXXXXX";
    char key[] = "/tmp/portkeep-front-key-XXXXXX";
    int chain_fd = mkostemp(chain, O_CLOEXEC);
    int key_fd = mkostemp(key, O_CLOEXEC);
    assert_true(chain_fd >= 0 && key_fd >= 0);
    certificate_make(chain_fd, key_fd);
    assert_int_equal(lseek(chain_fd, 0, SEEK_SET), 0);
    assert_int_equal(lseek(key_fd, 0, SEEK_SET), 0);
    assert_int_equal(unlink(key), 0);
    memcpy(s->ca_file, chain, sizeof(chain));
    nursery_add_fd(&s->nursery, LIFE_FD_TLS_CHAIN, chain_fd);
    nursery_add_fd(&s->nursery, LIFE_FD_TLS_KEY, key_fd);
}

static int
open_any(void **state, bool is_https)
{
    static const struct channel_handler handler = {on_message, on_work_close};
    struct stage *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    s->arena = arena_new();
    s->is_https = is_https;
    nursery_open(&s->nursery);
    nursery_add_fd(&s->nursery, LIFE_FD_LISTEN, nursery_listen(&s->port));
    if (is_https)
        add_certificate(s);
    s->nursery.settings.public_url =
        is_https ? STR("https://keep.example.com") : STR("http://localhost");
    s->apps[0] = (struct life_app){.name = STR("crm-sync"),
                                   .title = STR("CRM <Sync>"),
                                   .support_url = STR("https://a.test/help")};
    s->apps[1] = (struct life_app){.name = STR("fixed"), .is_static = true};
    s->nursery.apps = s->apps;
    s->nursery.n_apps = 2;
    s->begun = (struct front_begun){
        .location = STR("https://app.hubspot.com/oauth/authorize?state=a.b"),
        .tag = STR("t5"),
        .cookie = {STR("c00kie")},
        .cookie_max_age_s = 600};
    nursery_birth(&s->nursery, stage_program, &front_conversation, &handler, s);
    assert_string_equal(s->nursery.problem, "");
    open_browser(s);
    *state = s;
    return 0;
}

int
stage_open(void **state)
{
    return open_any(state, false);
}

int
stage_open_https(void **state)
{
    return open_any(state, true);
}

int
stage_close(void **state)
{
    struct stage *s = *state;
    http_client_free(s->browser);
    dns_free(s->dns);
    tls_free(s->tls);
    nursery_close(&s->nursery);
    if (s->is_https)
        (void)unlink(s->ca_file); /* the test is over */
    arena_free(s->arena);
    free(s);
    return 0;
}

static void
on_head(struct http_call *call, const struct http_head *head, void *arg)
{
    struct answer *a = arg;
    (void)call;
    a->status = head->status;
    a->head = *head;
    for (size_t i = 0; i < head->n_headers; i++) {
        struct http_header *h = &a->head.headers[i];
        h->name = arena_copy(a->stage->arena, h->name);
        h->value = arena_copy(a->stage->arena, h->value);
    }
}

static void
on_body(struct http_call *call, struct str piece, void *arg)
{
    struct answer *a = arg;
    (void)call;
    assert_true(a->n_body + piece.n < sizeof(a->body));
    memcpy(a->body + a->n_body, piece.p, piece.n);
    a->n_body += piece.n;
    a->body[a->n_body] = '\0';
}

static void
on_end(struct http_call *call, enum err e, void *arg)
{
    struct answer *a = arg;
    (void)call;
    a->is_done = true;
    a->err = e;
}

struct http_call *
stage_start(struct stage *s, struct answer *a, const struct request *r)
{
    static const struct http_call_handler handler = {
        .on_head = on_head, .on_body = on_body, .on_end = on_end};
    struct http_call_spec spec = {
        .scheme = s->is_https ? STR("https") : STR("http"),
        .host = STR("localhost"),
        .port = s->port,
        .method = str_from(r->method != NULL ? r->method : "GET"),
        .target = str_from(r->target),
        .headers = r->headers,
        .body = r->body,
        .is_streamed = r->length > 0,
        .has_length = true,
        .length = r->length};
    while (spec.n_headers < STAGE_HEADERS &&
           r->headers[spec.n_headers].name.n > 0)
        spec.n_headers++;
    *a = (struct answer){.stage = s};
    return http_call_start(s->browser, &spec, &handler, a);
}

void
stage_visit(struct stage *s, struct answer *a, const struct request *r)
{
    (void)stage_start(s, a, r);
    nursery_wait(&s->nursery, &a->is_done);
    assert_int_equal(a->err, ERR_OK);
}

void
stage_get(struct stage *s, struct answer *a, const char *target)
{
    stage_visit(s, a, &(struct request){.target = target});
}

void
assert_header(const struct answer *a, const char *name, const char *wanted)
{
    struct str got = http_head_find(&a->head, name);
    if (!str_equal(got, str_from(wanted)))
        fail_msg("%s: %.*s and not %s", name, STR_ARG(got), wanted);
}

void
assert_strict_headers(const struct answer *a)
{
    assert_header(a, "Cache-Control", "no-store");
    assert_header(a, "Referrer-Policy", "no-referrer");
    assert_header(a, "X-Content-Type-Options", "nosniff");
    assert_header(a, "X-Frame-Options", "DENY");
    struct str policy = http_head_find(&a->head, "Content-Security-Policy");
    assert_true(str_starts(policy, STR("default-src 'none'; ")));
    assert_true(str_ends(policy, STR("frame-ancestors 'none'")));
    assert_int_equal(http_head_find(&a->head, "Request-Id").n, 20);
}

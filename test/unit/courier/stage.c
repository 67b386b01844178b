#define _GNU_SOURCE
#include "stage.h"

#include "base/env.h"
#include "base/limits.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

const char *stage_program;

static void
copy(char *to, size_t room, struct str from)
{
    assert_true(from.n < room);
    if (from.n > 0)
        memcpy(to, from.p, from.n);
    to[from.n] = '\0';
}

void
stage_respond(struct stage *s, struct http_exchange *x)
{
    struct http_header headers[2] = {{STR("Content-Type"), str_from(s->type)},
                                     s->header};
    http_respond(x, s->status, headers, s->header.name.n > 0 ? 2 : 1,
                 str_from(s->body));
}

static void
on_request(struct http_exchange *x, void *arg)
{
    struct stage *s = arg;
    const struct http_head *head = http_request(x);
    s->n_requests++;
    copy(s->method, sizeof(s->method), head->method);
    copy(s->target, sizeof(s->target), head->target);
    copy(s->form, sizeof(s->form), http_request_body(x));
    copy(s->authorization, sizeof(s->authorization),
         http_head_find(head, "Authorization"));
    if (s->manner == HANGS_UP) {
        http_abort(x, ERR_CLOSED);
    } else if (s->manner == HOLDS_BACK) {
        s->held = x;
        s->is_held = true;
    } else {
        stage_respond(s, x);
    }
}

static void
on_end(struct http_exchange *x, enum err reason, void *arg)
{
    struct stage *s = arg;
    (void)reason;
    if (s->held == x)
        s->held = NULL;
}

static void
ignore_message(const struct incoming *in, void *arg)
{
    (void)in;
    (void)arg;
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
open_hubspot(struct stage *s)
{
    static const struct http_handler handler = {.on_request = on_request,
                                                .on_end = on_end};
    uint16_t port;
    int fd = nursery_listen(&port);
    struct http_server_setup setup = {.base = s->nursery.base,
                                      .fd = fd,
                                      .max_body = 65536,
                                      .handler = &handler,
                                      .arg = s};
    s->hubspot = http_server_new(&setup);
    assert_non_null(s->hubspot);
    (void)snprintf(s->api_url, sizeof(s->api_url), "http://127.0.0.1:%u", port);
    s->nursery.settings.api_url = str_from(s->api_url);
}

static void
open_spill(struct stage *s)
{
    char name[] = "/tmp/portkeep-courier-XXXXXX";
    int fd = mkostemp(name, O_APPEND | O_CLOEXEC);
    assert_true(fd >= 0);
    s->spill_fd = open(name, O_RDONLY | O_CLOEXEC);
    assert_true(s->spill_fd >= 0);
    assert_int_equal(unlink(name), 0);
    nursery_add_fd(&s->nursery, LIFE_FD_SPILL, fd);
    assert_int_equal(crypto_box_keypair(s->public_key, s->secret_key), 0);
}

int
stage_open(void **state)
{
    static const struct channel_handler handler = {ignore_message,
                                                   on_work_close};
    struct stage *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    s->status = 200;
    s->type = "application/json";
    s->body = "{\"access_token\":\"CAcc\",\"refresh_token\":\"na1-new\","
              "\"expires_in\":1800,\"hub_id\":1001}";
    s->arena = arena_new();
    nursery_open(&s->nursery);
    s->nursery.settings.oauth_version = STR("2026-03");
    open_hubspot(s);
    open_spill(s);
    nursery_birth(&s->nursery, stage_program, &courier_conversation, &handler,
                  s);
    assert_string_equal(s->nursery.problem, "");
    struct courier_spill_key key = {
        str_of(s->public_key, sizeof(s->public_key))};
    channel_event(s->nursery.work, COURIER_SPILL_KEY, &key);
    *state = s;
    return 0;
}

int
stage_close(void **state)
{
    struct stage *s = *state;
    http_server_free(s->hubspot);
    nursery_close(&s->nursery);
    (void)close(s->spill_fd);
    arena_free(s->arena);
    free(s);
    return 0;
}

void
stage_on_reply(enum err e, const struct message *m, const void *reply,
               void *arg)
{
    struct stage *s = arg;
    (void)m;
    s->is_done = true;
    s->err = e;
    if (e == ERR_OK)
        record_copy(&courier_done_record, reply, s->arena, &s->done);
}

void
stage_ask(struct stage *s, enum errand_kind kind)
{
    struct courier_errand asked = {
        .kind = kind,
        .app = STR("crm-sync"),
        .portal = 1001,
        .version = 7,
        .not_after_ms = env_real()->now_ms(env_real()) + 5000,
        .client_id = STR("1111"),
        .client_secret = {STR("secret")},
        .token = {STR("na1-old")},
        .code = {STR("na1-code")},
        .verifier = {STR("ver")},
        .redirect_uri = STR("http://localhost/oauth/crm-sync/callback"),
        .context = STR("note"),
    };
    s->is_done = false;
    (void)channel_call(s->nursery.work, COURIER_ERRAND, &asked,
                       DEADLINE_CALL_MS, stage_on_reply, s);
}

void
stage_run(struct stage *s, enum errand_kind kind)
{
    stage_ask(s, kind);
    nursery_wait(&s->nursery, &s->is_done);
    assert_int_equal(s->err, ERR_OK);
    assert_int_equal(s->done.kind, kind);
}

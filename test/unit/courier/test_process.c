#define _GNU_SOURCE
/*
 * The courier as it is: the built program, with a test that plays its
 * parent, its keeper and HubSpot.  argv[1] is the program.
 */
#include "../nursery.h"
#include "base/env.h"
#include "base/limits.h"
#include "http/server.h"
#include "proto/courier.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char *program;

/* What HubSpot does with the next requests. */
enum manner { ANSWERS, HOLDS_BACK, HANGS_UP };

struct stage {
    struct nursery nursery;
    struct http_server *hubspot;
    char api_url[64];
    enum manner manner;
    unsigned status;
    struct http_header header; /* one more, if it has a name */
    const char *type, *body;
    struct http_exchange *held;
    bool is_held;
    unsigned n_requests;
    char method[16], target[128], form[2048], authorization[128];
    /* The errand's end */
    bool is_done;
    enum err err;
    struct courier_done done; /* in arena */
    struct arena *arena;
    /* The spill file, to read */
    int spill_fd;
    uint8_t public_key[crypto_box_PUBLICKEYBYTES];
    uint8_t secret_key[crypto_box_SECRETKEYBYTES];
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
respond(struct stage *s, struct http_exchange *x)
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
        respond(s, x);
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

static int
set_up(void **state)
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
    nursery_birth(&s->nursery, program, &courier_conversation, &handler, s);
    assert_string_equal(s->nursery.problem, "");
    struct courier_spill_key key = {
        str_of(s->public_key, sizeof(s->public_key))};
    channel_event(s->nursery.work, COURIER_SPILL_KEY, &key);
    *state = s;
    return 0;
}

static int
tear_down(void **state)
{
    struct stage *s = *state;
    http_server_free(s->hubspot);
    nursery_close(&s->nursery);
    (void)close(s->spill_fd);
    arena_free(s->arena);
    free(s);
    return 0;
}

static void
on_reply(enum err e, const struct message *m, const void *reply, void *arg)
{
    struct stage *s = arg;
    (void)m;
    s->is_done = true;
    s->err = e;
    if (e == ERR_OK)
        record_copy(&courier_done_record, reply, s->arena, &s->done);
}

static void
ask(struct stage *s, enum errand_kind kind)
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
                       DEADLINE_CALL_MS, on_reply, s);
}

static void
run_errand(struct stage *s, enum errand_kind kind)
{
    ask(s, kind);
    nursery_wait(&s->nursery, &s->is_done);
    assert_int_equal(s->err, ERR_OK);
    assert_int_equal(s->done.kind, kind);
}

static void
brings_tokens_for_a_code(void **state)
{
    struct stage *s = *state;
    run_errand(s, ERRAND_EXCHANGE);
    assert_int_equal(s->done.outcome, OUTCOME_OK);
    assert_int_equal(s->done.http_status, 200);
    assert_int_equal(s->done.expires_in, 1800);
    assert_int_equal(s->done.hub_id, 1001);
    assert_true(s->done.date > 1700000000);
    assert_true(str_equal(s->done.access_token.s, STR("CAcc")));
    assert_true(str_equal(s->done.refresh_token.s, STR("na1-new")));
    assert_string_equal(s->method, "POST");
    assert_string_equal(s->target, "/oauth/2026-03/token");
    assert_string_equal(
        s->form,
        "grant_type=authorization_code&client_id=1111&client_secret=secret"
        "&redirect_uri=http%3A%2F%2Flocalhost%2Foauth%2Fcrm-sync%2Fcallback"
        "&code=na1-code&code_verifier=ver");
}

static void
runs_each_kind_of_errand(void **state)
{
    struct stage *s = *state;
    static const struct {
        enum errand_kind kind;
        unsigned status;
        const char *body, *method, *target, *authorization;
        enum errand_outcome outcome;
    } cases[] = {
        {ERRAND_REFRESH, 200, "{\"access_token\":\"A\",\"expires_in\":9}",
         "POST", "/oauth/2026-03/token", "", OUTCOME_OK},
        {ERRAND_INTROSPECT, 200, "{\"active\":true}", "POST",
         "/oauth/2026-03/token/introspect", "", OUTCOME_OK},
        {ERRAND_INTROSPECT, 200, "{\"active\":false}", "POST",
         "/oauth/2026-03/token/introspect", "", OUTCOME_INACTIVE},
        {ERRAND_REVOKE, 200, "", "POST", "/oauth/2026-03/token/revoke", "",
         OUTCOME_OK},
        {ERRAND_UNINSTALL, 204, "", "DELETE",
         "/appinstalls/2026-03/external-install", "Bearer na1-old", OUTCOME_OK},
        {ERRAND_TOKEN_INFO, 200, "{\"hubId\":1002}", "POST",
         "/oauth/v2/private-apps/get/access-token-info", "Bearer na1-old",
         OUTCOME_OK},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        s->status = cases[i].status;
        s->body = cases[i].body;
        run_errand(s, cases[i].kind);
        assert_int_equal(s->done.outcome, cases[i].outcome);
        assert_string_equal(s->method, cases[i].method);
        assert_string_equal(s->target, cases[i].target);
        assert_string_equal(s->authorization, cases[i].authorization);
    }
}

static void
says_what_a_refusal_means(void **state)
{
    struct stage *s = *state;
    s->status = 400;
    s->body = "{\"status\":\"BAD_REFRESH_TOKEN\",\"error\":\"invalid_grant\","
              "\"message\":\"it is gone\"}";
    run_errand(s, ERRAND_REFRESH);
    assert_int_equal(s->done.outcome, OUTCOME_TOKEN_ENDED);
    assert_true(str_equal(s->done.status, STR("BAD_REFRESH_TOKEN")));
    assert_true(str_equal(s->done.message, STR("it is gone")));
    s->status = 429;
    s->header = (struct http_header){STR("Retry-After"), STR("11")};
    run_errand(s, ERRAND_REFRESH);
    assert_int_equal(s->done.outcome, OUTCOME_THROTTLED);
    assert_int_equal(s->done.retry_after_s, 11);
}

static void
follows_no_redirect(void **state)
{
    struct stage *s = *state;
    char location[128];
    (void)snprintf(location, sizeof(location), "%s/elsewhere", s->api_url);
    s->status = 307;
    s->header = (struct http_header){STR("Location"), str_from(location)};
    run_errand(s, ERRAND_REFRESH);
    assert_int_equal(s->done.outcome, OUTCOME_TRANSIENT);
    assert_int_equal(s->n_requests, 1);
}

static void
survives_an_answer_without_end(void **state)
{
    struct stage *s = *state;
    size_t n = 4 * LIMIT_OAUTH_REPLY;
    char *long_body = malloc(n + 1);
    assert_non_null(long_body);
    memset(long_body, ' ', n);
    long_body[n] = '\0';
    s->body = long_body;
    run_errand(s, ERRAND_REFRESH);
    assert_int_equal(s->done.outcome, OUTCOME_TRANSIENT);
    s->body = "{\"active\":true}";
    run_errand(s, ERRAND_INTROSPECT);
    assert_int_equal(s->done.outcome, OUTCOME_OK);
    free(long_body);
}

static void
reports_a_connection_that_breaks_off(void **state)
{
    struct stage *s = *state;
    s->manner = HANGS_UP;
    run_errand(s, ERRAND_EXCHANGE);
    assert_int_equal(s->done.outcome, OUTCOME_TRANSIENT);
    assert_int_equal(s->done.http_status, 0);
    assert_int_equal(s->n_requests, 1);
}

static void
reports_a_host_that_is_not_there(void **state)
{
    struct stage *s = *state;
    http_server_free(s->hubspot);
    s->hubspot = NULL;
    run_errand(s, ERRAND_REFRESH);
    assert_int_equal(s->done.outcome, OUTCOME_TRANSIENT);
    assert_int_equal(s->done.http_status, 0);
    assert_int_equal(s->n_requests, 0);
}

static void
drops_what_comes_too_late(void **state)
{
    struct stage *s = *state;
    struct courier_errand asked = {.kind = ERRAND_REFRESH,
                                   .token = {STR("na1-old")},
                                   .not_after_ms = 1000};
    (void)channel_call(s->nursery.work, COURIER_ERRAND, &asked,
                       DEADLINE_CALL_MS, on_reply, s);
    nursery_wait(&s->nursery, &s->is_done);
    assert_int_equal(s->err, ERR_OK);
    assert_int_equal(s->done.outcome, OUTCOME_DROPPED);
    assert_int_equal(s->n_requests, 0);
}

/* The spill file's next entry, opened; false at its end. */
static bool
next_entry(struct stage *s, struct spill_entry *out)
{
    uint8_t head[4];
    if (read(s->spill_fd, head, 4) != 4)
        return false;
    size_t n = (size_t)head[2] << 8 | head[3];
    uint8_t *box = arena_alloc(s->arena, n), *plain = arena_alloc(s->arena, n);
    assert_int_equal(read(s->spill_fd, box, n), n);
    assert_int_equal(
        crypto_box_seal_open(plain, box, n, s->public_key, s->secret_key), 0);
    struct str bytes = str_of(plain, n - crypto_box_SEALBYTES);
    assert_int_equal(record_decode(&spill_entry_record, bytes, s->arena, out),
                     ERR_OK);
    return true;
}

static void
assert_spilled(struct stage *s)
{
    struct spill_entry entry, more;
    struct courier_done done;
    assert_true(next_entry(s, &entry));
    assert_int_equal(entry.kind, ERRAND_REFRESH);
    assert_int_equal(entry.version, 7);
    assert_int_equal(entry.portal, 1001);
    assert_true(str_equal(entry.app, STR("crm-sync")));
    assert_true(str_equal(entry.context, STR("note")));
    assert_int_equal(
        record_decode(&courier_done_record, entry.done.s, s->arena, &done),
        ERR_OK);
    assert_int_equal(done.outcome, OUTCOME_OK);
    assert_true(str_equal(done.refresh_token.s, STR("na1-new")));
    assert_false(next_entry(s, &more));
}

/* A refresh that has reached HubSpot and waits there for its answer. */
static void
begin_refresh(struct stage *s)
{
    s->manner = HOLDS_BACK;
    ask(s, ERRAND_REFRESH);
    nursery_wait(&s->nursery, &s->is_held);
}

static void
saves_a_reply_that_comes_after_the_keepers_death(void **state)
{
    struct stage *s = *state;
    begin_refresh(s);
    nursery_drop_work(&s->nursery);
    respond(s, s->held);
    assert_int_equal(nursery_end(&s->nursery), 0);
    assert_spilled(s);
}

static void
saves_a_reply_that_the_keeper_died_with(void **state)
{
    struct stage *s = *state;
    run_errand(s, ERRAND_REFRESH);
    nursery_drop_work(&s->nursery);
    assert_int_equal(nursery_end(&s->nursery), 0);
    assert_spilled(s);
}

static void
saves_a_reply_when_the_parent_dies_with_the_keeper(void **state)
{
    struct stage *s = *state;
    begin_refresh(s);
    nursery_drop_life(&s->nursery);
    nursery_drop_work(&s->nursery);
    respond(s, s->held);
    /* There is no life channel to see the end by. */
    http_server_drain(s->hubspot);
    while (http_server_n_running(s->hubspot) > 0)
        assert_int_equal(event_base_loop(s->nursery.base, EVLOOP_ONCE), 0);
    assert_int_equal(nursery_end(&s->nursery), 0);
    assert_spilled(s);
}

static void
gives_up_what_brings_no_tokens_when_the_keeper_dies(void **state)
{
    struct stage *s = *state;
    s->manner = HOLDS_BACK;
    ask(s, ERRAND_INTROSPECT);
    nursery_wait(&s->nursery, &s->is_held);
    nursery_drop_work(&s->nursery);
    assert_int_equal(nursery_end(&s->nursery), 0);
    struct spill_entry entry;
    assert_false(next_entry(s, &entry));
}

static void
finishes_its_errands_before_it_stops(void **state)
{
    struct stage *s = *state;
    begin_refresh(s);
    nursery_stop(&s->nursery, true);
    respond(s, s->held);
    nursery_wait(&s->nursery, &s->is_done);
    assert_int_equal(s->err, ERR_OK);
    assert_int_equal(s->done.outcome, OUTCOME_OK);
    assert_int_equal(nursery_end(&s->nursery), 0);
    /* The keeper lives and has it: nothing is left lying about. */
    struct spill_entry entry;
    assert_false(next_entry(s, &entry));
}

static void
stops_at_once_when_idle(void **state)
{
    struct stage *s = *state;
    nursery_stop(&s->nursery, false);
    assert_int_equal(nursery_end(&s->nursery), 0);
}

static void
refuses_to_start_without_a_destination(void **state)
{
    static const struct channel_handler handler = {ignore_message,
                                                   on_work_close};
    struct stage s = {0};
    (void)state;
    nursery_open(&s.nursery);
    s.nursery.settings.api_url = STR("not a url");
    nursery_birth(&s.nursery, program, &courier_conversation, &handler, &s);
    assert_non_null(strstr(s.nursery.problem, "api_url"));
    assert_int_equal(nursery_end(&s.nursery), 1);
    nursery_close(&s.nursery);
}

#define STAGED(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        STAGED(brings_tokens_for_a_code),
        STAGED(runs_each_kind_of_errand),
        STAGED(says_what_a_refusal_means),
        STAGED(follows_no_redirect),
        STAGED(survives_an_answer_without_end),
        STAGED(reports_a_connection_that_breaks_off),
        STAGED(reports_a_host_that_is_not_there),
        STAGED(drops_what_comes_too_late),
        STAGED(saves_a_reply_that_comes_after_the_keepers_death),
        STAGED(saves_a_reply_that_the_keeper_died_with),
        STAGED(saves_a_reply_when_the_parent_dies_with_the_keeper),
        STAGED(gives_up_what_brings_no_tokens_when_the_keeper_dies),
        STAGED(finishes_its_errands_before_it_stops),
        STAGED(stops_at_once_when_idle),
        cmocka_unit_test(refuses_to_start_without_a_destination),
    };
    if (argc != 2 || sodium_init() < 0)
        return 1;
    program = argv[1];
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#define _GNU_SOURCE
/*
 * The courier as it is: the built program, with everything around it played.
 * argv[1] is the program.
 */
#include "stage.h"

#include "base/env.h"
#include "base/limits.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void
brings_tokens_for_a_code(void **state)
{
    struct stage *s = *state;
    stage_run(s, ERRAND_EXCHANGE);
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
        stage_run(s, cases[i].kind);
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
    stage_run(s, ERRAND_REFRESH);
    assert_int_equal(s->done.outcome, OUTCOME_TOKEN_ENDED);
    assert_true(str_equal(s->done.status, STR("BAD_REFRESH_TOKEN")));
    assert_true(str_equal(s->done.message, STR("it is gone")));
    s->status = 429;
    s->header = (struct http_header){STR("Retry-After"), STR("11")};
    stage_run(s, ERRAND_REFRESH);
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
    stage_run(s, ERRAND_REFRESH);
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
    stage_run(s, ERRAND_REFRESH);
    assert_int_equal(s->done.outcome, OUTCOME_TRANSIENT);
    s->body = "{\"active\":true}";
    stage_run(s, ERRAND_INTROSPECT);
    assert_int_equal(s->done.outcome, OUTCOME_OK);
    free(long_body);
}

static void
reports_a_connection_that_breaks_off(void **state)
{
    struct stage *s = *state;
    s->manner = HANGS_UP;
    stage_run(s, ERRAND_EXCHANGE);
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
    stage_run(s, ERRAND_REFRESH);
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
                       DEADLINE_CALL_MS, stage_on_reply, s);
    nursery_wait(&s->nursery, &s->is_done);
    assert_int_equal(s->err, ERR_OK);
    assert_int_equal(s->done.outcome, OUTCOME_DROPPED);
    assert_int_equal(s->n_requests, 0);
}

#define BATCH 100

static void
count_reply(enum err e, const struct message *m, const void *reply, void *arg)
{
    const struct courier_done *done = reply;
    unsigned *n_done = arg;
    (void)m;
    assert_int_equal(e, ERR_OK);
    assert_int_equal(done->outcome, OUTCOME_OK);
    ++*n_done;
}

static void
gives_way_to_a_new_one_after_ten_thousand_errands(void **state)
{
    struct stage *s = *state;
    struct courier_errand asked = {.kind = ERRAND_INTROSPECT,
                                   .token = {STR("na1-old")},
                                   .not_after_ms =
                                       env_real()->now_ms(env_real()) + 60000};
    unsigned n_done = 0, n_asked = 0;
    s->body = "{\"active\":true}";
    while (n_done < 10000) {
        assert_false(s->nursery.is_gone);
        n_asked += BATCH;
        for (unsigned i = 0; i < BATCH; i++)
            (void)channel_call(s->nursery.work, COURIER_ERRAND, &asked,
                               DEADLINE_CALL_MS, count_reply, &n_done);
        while (n_done < n_asked)
            assert_int_equal(event_base_loop(s->nursery.base, EVLOOP_ONCE), 0);
    }
    assert_int_equal(nursery_end(&s->nursery), 0);
    assert_int_equal(n_done, 10000);
}

static void
stops_at_once_when_idle(void **state)
{
    struct stage *s = *state;
    nursery_stop(&s->nursery, false);
    assert_int_equal(nursery_end(&s->nursery), 0);
}

static void
ignore_message(const struct incoming *in, void *arg)
{
    (void)in;
    (void)arg;
}

static void
ignore_close(struct channel *ch, enum err reason, void *arg)
{
    struct nursery *n = arg;
    (void)reason;
    channel_free(ch);
    n->work = NULL;
}

/* A host that lets nobody in and says nothing: its queue is full. */
static void
fill(uint16_t *out_port, int fds[4])
{
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(here);
    fds[0] = nursery_listen(out_port);
    assert_int_equal(listen(fds[0], 0), 0);
    here.sin_port = htons(*out_port);
    for (size_t i = 1; i < 4; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        assert_true(fds[i] >= 0);
        (void)connect(fds[i], (struct sockaddr *)&here, n); /* or waits */
    }
}

static void
drops_what_cannot_be_sent_in_time(void **state)
{
    static const struct channel_handler handler = {ignore_message,
                                                   ignore_close};
    struct nursery n;
    struct stage s = {.arena = arena_new()};
    uint16_t port;
    int fds[4];
    char api_url[64];
    (void)state;
    fill(&port, fds);
    (void)snprintf(api_url, sizeof(api_url), "http://127.0.0.1:%u", port);
    nursery_open(&n);
    n.settings.api_url = str_from(api_url);
    nursery_birth(&n, stage_program, &courier_conversation, &handler, &n);
    struct courier_errand asked = {.kind = ERRAND_REFRESH,
                                   .token = {STR("na1-old")},
                                   .not_after_ms =
                                       env_real()->now_ms(env_real()) + 300};
    (void)channel_call(n.work, COURIER_ERRAND, &asked, DEADLINE_CALL_MS,
                       stage_on_reply, &s);
    nursery_wait(&n, &s.is_done);
    assert_int_equal(s.err, ERR_OK);
    assert_int_equal(s.done.outcome, OUTCOME_DROPPED);
    nursery_close(&n);
    arena_free(s.arena);
    for (size_t i = 0; i < 4; i++)
        (void)close(fds[i]);
}

static void
refuses_to_start_without_a_destination(void **state)
{
    static const struct channel_handler handler = {ignore_message,
                                                   ignore_close};
    struct nursery n;
    (void)state;
    nursery_open(&n);
    n.settings.api_url = STR("not a url");
    nursery_birth(&n, stage_program, &courier_conversation, &handler, &n);
    assert_non_null(strstr(n.problem, "api_url"));
    assert_int_equal(nursery_end(&n), 1);
    nursery_close(&n);
}

#define STAGED(name) \
    cmocka_unit_test_setup_teardown(name, stage_open, stage_close)

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
        STAGED(gives_way_to_a_new_one_after_ten_thousand_errands),
        STAGED(stops_at_once_when_idle),
        cmocka_unit_test(drops_what_cannot_be_sent_in_time),
        cmocka_unit_test(refuses_to_start_without_a_destination),
    };
    if (argc != 2 || sodium_init() < 0)
        return 1;
    stage_program = argv[1];
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#define _GNU_SOURCE
/*
 * POST /webhooks/{app} of the built program; its keeper says what `taken`
 * holds.  argv[1] is the program.
 */
#include "stage.h"

#include "base/env.h"
#include "hubspot/signatures.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define BODY STR("[{\"eventId\":1}]")
#define TARGET "/webhooks/crm-sync?a=1&b=%2F"

#define HAS(a, text)                                          \
    do {                                                      \
        if (strstr((a).body, text) == NULL)                   \
            fail_msg("\"%s\" is not in: %s", text, (a).body); \
    } while (0)

/* A well-formed v3 signature of that age; whether it holds is the keeper's
 * to say. */
static struct request
signed_request(struct stage *s, int64_t age_ms)
{
    struct buf auto_buf value = {0};
    struct env *env = env_real();
    struct signature_input input = {
        .secret = HIDDEN(STR("s")),
        .uri = STR("https://keep.example.com/webhooks/crm-sync"),
        .request = {STR("POST"), BODY},
        .timestamp_ms = env->now_ms(env) - age_ms};
    buf_init(&value, 64);
    signature_make(SIGNATURE_V3, &input, &value);
    return (struct request){
        .method = "POST",
        .target = TARGET,
        .headers = {{STR(SIGNATURE_HEADER_V3),
                     arena_copy(s->arena, buf_str(&value))},
                    {STR(SIGNATURE_HEADER_TIMESTAMP),
                     arena_printf(s->arena, "%lld",
                                  (long long)input.timestamp_ms)}},
        .body = BODY};
}

#define DIGEST \
    "6ca8af3fa8ae4ba5cd3b4b1b5a4e8b4eb42b1a1a2f0c5ea5a0f5d5a1cf3a2b1c"

static struct request
old_request(struct str version)
{
    return (struct request){
        .method = "POST",
        .target = TARGET,
        .headers = {{STR(SIGNATURE_HEADER), STR(DIGEST)},
                    {STR(SIGNATURE_HEADER_VERSION), version}},
        .body = BODY};
}

static void
hands_the_keeper_what_hubspot_sent_and_says_200_after_it(void **state)
{
    struct stage *s = *state;
    struct answer a;
    struct request r = signed_request(s, 0);
    r.headers[2] =
        (struct http_header){STR("X-HubSpot-Signature"), STR(DIGEST)};
    r.headers[3] =
        (struct http_header){STR("X-HubSpot-Signature-Version"), STR("v1")};
    stage_visit(s, &a, &r);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.n_body, 0);
    assert_int_equal(http_head_find(&a.head, "Request-Id").n, 20);
    const struct front_webhook *w = &s->webhook;
    assert_true(str_equal(w->app, STR("crm-sync")));
    assert_true(str_equal(w->query, STR("a=1&b=%2F")));
    assert_true(str_equal(w->body.s, BODY));
    assert_true(str_equal(w->signature_v3, r.headers[0].value));
    assert_true(str_equal(w->timestamp, r.headers[1].value));
    assert_true(str_equal(w->signature, STR(DIGEST)));
    assert_true(str_equal(w->signature_version, STR("v1")));
    assert_true(
        str_equal(w->request_id, http_head_find(&a.head, "Request-Id")));
}

static void
waits_for_the_keeper_before_it_answers(void **state)
{
    struct stage *s = *state;
    struct answer a;
    struct request r = signed_request(s, 0);
    s->holds_back = true;
    (void)stage_start(s, &a, &r);
    nursery_wait(&s->nursery, &s->is_held);
    assert_false(a.is_done);
    stage_reply(s, &s->held);
    nursery_wait(&s->nursery, &a.is_done);
    assert_int_equal(a.status, 200);
}

static void
takes_old_signatures_to_the_keeper_too(void **state)
{
    struct stage *s = *state;
    struct answer a;
    struct request r = old_request(STR("v2"));
    stage_visit(s, &a, &r);
    assert_int_equal(a.status, 200);
    assert_int_equal(s->webhook.signature_v3.n, 0);
    assert_true(str_equal(s->webhook.signature_version, STR("v2")));
}

static void
refuses_by_itself_what_needs_no_secret(void **state)
{
    struct stage *s = *state;
    static const struct {
        const char *what;
        int64_t age_ms;
        const char *target, *method;
        int doubled, dropped;       /* a header's place; -1: none */
        const char *v3, *timestamp; /* instead */
        unsigned status;
        const char *says;
    } cases[] = {
        {"no header", 0, NULL, NULL, -1, 0, NULL, NULL, 401, "no signature"},
        {"no timestamp", 0, NULL, NULL, -1, 1, NULL, NULL, 401, "form"},
        {"v3 twice", 0, NULL, NULL, 0, -1, NULL, NULL, 400, "twice"},
        {"timestamp twice", 0, NULL, NULL, 1, -1, NULL, NULL, 400, "twice"},
        {"short", 0, NULL, NULL, -1, -1, "YWJj", NULL, 401, "form"},
        {"empty", 0, NULL, NULL, -1, -1, "", NULL, 401, "form"},
        {"no number", 0, NULL, NULL, -1, -1, NULL, "now", 401, "form"},
        {"old", 301000, NULL, NULL, -1, -1, NULL, NULL, 401, "5 minutes"},
        {"ahead", -90000, NULL, NULL, -1, -1, NULL, NULL, 401, "clock"},
        {"app", 0, "/webhooks/other", NULL, -1, -1, NULL, NULL, 404, "urls"},
        {"path", 0, "/webhooks/a/b", NULL, -1, -1, NULL, NULL, 404, ""},
        {"GET", 0, NULL, "GET", -1, -1, NULL, NULL, 405, "POST"},
        {"PUT", 0, NULL, "PUT", -1, -1, NULL, NULL, 405, "POST"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct answer a;
        struct request r = signed_request(s, cases[i].age_ms);
        if (cases[i].target != NULL)
            r.target = cases[i].target;
        if (cases[i].method != NULL)
            r.method = cases[i].method;
        if (cases[i].v3 != NULL)
            r.headers[0].value = str_from(cases[i].v3);
        if (cases[i].timestamp != NULL)
            r.headers[1].value = str_from(cases[i].timestamp);
        if (cases[i].doubled >= 0)
            r.headers[2] = r.headers[cases[i].doubled];
        if (cases[i].dropped >= 0)
            r.headers[cases[i].dropped].name = STR("X-Other");
        stage_visit(s, &a, &r);
        if (a.status != cases[i].status)
            fail_msg("%s: %u", cases[i].what, a.status);
        HAS(a, cases[i].says);
        assert_true(a.status != 405 ||
                    str_equal(http_head_find(&a.head, "Allow"), STR("POST")));
    }
    assert_int_equal(s->n_asked, 0);
}

static void
a_refusal_is_a_problem_with_a_request_id(void **state)
{
    struct stage *s = *state;
    struct answer a;
    struct request r = {.method = "POST", .target = TARGET, .body = BODY};
    stage_visit(s, &a, &r);
    assert_int_equal(a.status, 401);
    assert_header(&a, "Content-Type", "application/problem+json");
    assert_header(&a, "Cache-Control", "no-store");
    HAS(a, "\"type\":\"urn:portkeep:problem:unauthorized\"");
    HAS(a, "\"request_id\":");
}

static void
passes_on_what_the_keeper_says_of_it(void **state)
{
    struct stage *s = *state;
    static const struct {
        enum err err;
        uint32_t wait_s;
        const char *version; /* NULL: v3 */
        unsigned status;
        const char *retry_after; /* NULL: none */
        const char *says;
    } cases[] = {
        {ERR_NOT_FOUND, 0, NULL, 404, NULL, "No app"},
        {ERR_UNAUTHORIZED, 0, NULL, 401, NULL, "webhook_url"},
        {ERR_UNAVAILABLE, 30, "v1", 503, "30", "again"},
        {ERR_UNAVAILABLE, 0, "v1", 503, "2", "again"},
        {ERR_UNAVAILABLE, 1, "v2", 503, "1000", "again"},
        {ERR_UNAVAILABLE, 30, NULL, 503, "3600", "again"},
        {ERR_UNAVAILABLE, 0, NULL, 503, "2000", "again"},
        {ERR_STORE, 0xffffffff, NULL, 503, "2000", "again"},
        {(enum err)9999, 0, NULL, 503, "2000", "again"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct answer a;
        struct request r = cases[i].version != NULL
                               ? old_request(str_from(cases[i].version))
                               : signed_request(s, 0);
        s->taken = (struct front_webhook_taken){cases[i].err, cases[i].wait_s};
        stage_visit(s, &a, &r);
        assert_int_equal(a.status, cases[i].status);
        assert_header(&a, "Retry-After",
                      cases[i].retry_after != NULL ? cases[i].retry_after : "");
        HAS(a, cases[i].says);
    }
}

static void
takes_bodies_up_to_512_kilobytes(void **state)
{
    struct stage *s = *state;
    struct answer a;
    struct request r = signed_request(s, 0);
    static char body[524289];
    memset(body, 'x', sizeof(body));
    r.body = str_of(body, sizeof(body) - 1);
    stage_visit(s, &a, &r);
    assert_int_equal(a.status, 200);
    assert_true(str_equal(s->webhook.body.s, r.body));
    r.body.n++;
    stage_visit(s, &a, &r);
    assert_int_equal(a.status, 413);
    assert_header(&a, "Connection", "close");
    HAS(a, "524,288");
    assert_int_equal(s->n_asked, 1);
}

static void
other_routes_keep_their_small_limit(void **state)
{
    struct stage *s = *state;
    struct answer a;
    static char body[8192];
    struct request r = {.method = "POST",
                        .target = "/connect/crm-sync",
                        .body = str_of(body, sizeof(body))};
    memset(body, 'x', sizeof(body));
    /* After a webhook, so that its exchange is used again. */
    struct request w = signed_request(s, 0);
    stage_visit(s, &a, &w);
    assert_int_equal(a.status, 200);
    stage_visit(s, &a, &r);
    assert_int_equal(a.status, 413);
}

static void
an_unsigned_body_is_refused_before_it_comes(void **state)
{
    struct stage *s = *state;
    struct answer a;
    struct request r = {.method = "POST", .target = TARGET, .length = 300000};
    stage_visit(s, &a, &r);
    assert_int_equal(a.status, 401);
    assert_header(&a, "Connection", "close");
}

static void
says_try_again_while_the_keeper_is_gone(void **state)
{
    struct stage *s = *state;
    struct answer a;
    struct request r = signed_request(s, 0);
    channel_free(s->nursery.work);
    s->nursery.work = NULL;
    do {
        stage_visit(s, &a, &(struct request){.target = "/healthz"});
    } while (a.status == 200);
    stage_visit(s, &a, &r);
    assert_int_equal(a.status, 503);
    assert_header(&a, "Retry-After", "2000");
}

/* The keeper says nothing: five seconds after it began HubSpot is gone. */
static void
answers_before_hubspot_gives_up(void **state)
{
    struct stage *s = *state;
    struct answer a;
    struct request r = signed_request(s, 0);
    int64_t began = env_real()->mono_ms(env_real());
    s->holds_back = true;
    stage_visit(s, &a, &r);
    assert_int_equal(a.status, 503);
    assert_true(env_real()->mono_ms(env_real()) - began < 5000);
}

#define LARGE 400000

/* Over what may be on its way to the keeper at a time; the installs beside
 * them go on. */
static void
refuses_what_would_overfill_the_channel(void **state)
{
    struct stage *s = *state;
    struct request r = signed_request(s, 0);
    enum { N = 20 };
    struct answer *answers = calloc(N, sizeof(*answers)), install;
    static char body[LARGE];
    unsigned n_taken = 0, n_busy = 0;
    assert_non_null(answers);
    memset(body, 'x', sizeof(body));
    r.body = str_of(body, sizeof(body));
    s->holds_back = true;
    for (size_t i = 0; i < N; i++)
        (void)stage_start(s, &answers[i], &r);
    for (size_t i = 0; i < N; i++) {
        nursery_wait(&s->nursery, &answers[i].is_done);
        n_taken += answers[i].status == 200;
        n_busy += answers[i].status == 503;
    }
    s->holds_back = false;
    stage_get(s, &install, "/connect/crm-sync?session=s");
    assert_int_equal(install.status, 303);
    /* None was answered by the keeper, and the channel is still there. */
    assert_int_equal(n_taken, 0);
    assert_int_equal(n_busy, N);
    assert_int_equal(s->n_asked - 1, LIMIT_WEBHOOKS_ASKED / LARGE);
    free(answers);
}

#define STAGED(test) \
    cmocka_unit_test_setup_teardown(test, stage_open, stage_close)

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        STAGED(hands_the_keeper_what_hubspot_sent_and_says_200_after_it),
        STAGED(waits_for_the_keeper_before_it_answers),
        STAGED(takes_old_signatures_to_the_keeper_too),
        STAGED(refuses_by_itself_what_needs_no_secret),
        STAGED(a_refusal_is_a_problem_with_a_request_id),
        STAGED(passes_on_what_the_keeper_says_of_it),
        STAGED(takes_bodies_up_to_512_kilobytes),
        STAGED(other_routes_keep_their_small_limit),
        STAGED(an_unsigned_body_is_refused_before_it_comes),
        STAGED(says_try_again_while_the_keeper_is_gone),
        STAGED(answers_before_hubspot_gives_up),
        STAGED(refuses_what_would_overfill_the_channel),
    };
    if (argc != 2 || sodium_init() < 0)
        return 1;
    stage_program = argv[1];
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TOKEN_PATH "/v1/apps/crm/portals/7/token"

static const char *program;
static struct rig rig;

static int
setup(void **state)
{
    (void)state;
    rig_open(&rig);
    rig_birth(&rig, program);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

static struct rig_call *
answered(struct rig_call *c, unsigned status)
{
    rig_wait_call(&rig, c);
    assert_int_equal(c->err, ERR_OK);
    if (c->status != status)
        fail_msg("%u instead of %u: %s", c->status, status, rig_body(c));
    assert_int_equal(strlen(rig_header(c, "request-id")), 16);
    return c;
}

static struct rig_call *
problem(struct rig_call *c, unsigned status, const char *says)
{
    answered(c, status);
    assert_string_equal(rig_header(c, "content-type"),
                        "application/problem+json");
    if (strstr(rig_body(c), says) == NULL)
        fail_msg("\"%s\" is not in %s", says, rig_body(c));
    assert_non_null(strstr(rig_body(c), "\"request_id\":"));
    return c;
}

static void
the_keeper_is_asked_once_and_the_lease_answers_after_that(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct rig_call *c = answered(rig_get(&rig, TOKEN_PATH), 200);
        assert_string_equal(rig_header(c, "cache-control"), "no-store");
        assert_string_equal(rig_header(c, "content-type"), "application/json");
        assert_non_null(strstr(
            rig_body(c), "{\"access_token\":\"CJ-token-1\",\"token_type\":"
                         "\"bearer\",\"expires_at\":\"20"));
        assert_non_null(strstr(rig_body(c),
                               ",\"portal_id\":7,\"scopes\":[\"oauth\","
                               "\"crm.objects.contacts.read\"]}"));
        const char *left = strstr(rig_body(c), "\"expires_in\":") + 13;
        long seconds = strtol(left, NULL, 10);
        assert_true(seconds > 1790 && seconds <= 1800);
    }
    assert_int_equal(rig.n_asks, 1);
}

static void
check_ask(struct rig *r, const struct incoming *in)
{
    const struct relay_lease_ask *ask = in->body;
    assert_true(str_equal(ask->credential.s, str_from(r->key)));
    assert_true(str_equal(ask->address, STR("127.0.0.1")));
    assert_true(str_equal(ask->app, STR("crm")));
    assert_int_equal(ask->portal, 7);
    assert_int_equal(ask->verb, VERB_TOKEN);
    assert_int_equal(ask->refused_version, 0);
    assert_int_equal(ask->request_id.n, 16);
    rig_yes(r, in);
}

static void
the_keeper_is_told_who_asks_for_what(void **state)
{
    (void)state;
    rig.on_ask = check_ask;
    answered(rig_get(&rig, TOKEN_PATH), 200);
}

static void
a_static_token_has_no_end(struct rig *r, const struct incoming *in)
{
    struct relay_lease lease = {.access_token = HIDDEN(STR("pat-x")),
                                .version = 1,
                                .lease_until = INT64_MAX};
    (void)r;
    channel_reply(in->channel, in->id, RELAY_LEASE, &lease);
}

static void
static_tokens_expire_never(void **state)
{
    (void)state;
    rig.on_ask = a_static_token_has_no_end;
    struct rig_call *c = answered(rig_get(&rig, TOKEN_PATH), 200);
    assert_non_null(
        strstr(rig_body(c), "\"expires_at\":null,\"expires_in\":null"));
}

static void
refuse_with_all(struct rig *r, const struct incoming *in)
{
    struct relay_lease no = {.err = ERR_NEEDS_RECONNECT,
                             .detail = STR("The customer took it away."),
                             .reconnect_url = STR("https://keep/x?a=\"b\""),
                             .retry_after_s = 12};
    (void)r;
    channel_reply(in->channel, in->id, RELAY_LEASE, &no);
}

static void
the_keepers_no_is_passed_on_in_its_words_and_not_kept(void **state)
{
    (void)state;
    rig.on_ask = refuse_with_all;
    for (int i = 0; i < 2; i++) {
        struct rig_call *c = problem(rig_get(&rig, TOKEN_PATH), 409,
                                     "The customer took it away.");
        assert_non_null(strstr(
            rig_body(c), "\"reconnect_url\":\"https://keep/x?a=\\\"b\\\"\""));
        assert_non_null(strstr(rig_body(c), "\"retry_after\":12"));
        assert_string_equal(rig_header(c, "retry-after"), "12");
        assert_string_equal(rig_header(c, "x-should-retry"), "false");
    }
    assert_int_equal(rig.n_asks, 2);
}

static void
hold_back(struct rig *r, const struct incoming *in)
{
    (void)in; /* never answered */
    r->own = in->channel;
}

static struct incoming held_ask;

static void
hold_first(struct rig *r, const struct incoming *in)
{
    (void)r;
    held_ask = *in;
}

static void
a_thousand_callers_at_once_are_one_question(void **state)
{
    enum { N = 1000 };
    struct rig_call *calls[N];
    (void)state;
    rig.on_ask = hold_first;
    for (size_t i = 0; i < N; i++)
        calls[i] = rig_get(&rig, TOKEN_PATH);
    rig_run_ms(&rig, 1500);
    assert_int_equal(rig.n_asks, 1);
    rig_yes(&rig, &held_ask);
    for (size_t i = 0; i < N; i++) {
        answered(calls[i], 200);
        assert_non_null(strstr(rig_body(calls[i]), "CJ-token-1"));
    }
    assert_int_equal(rig.n_asks, 1);
}

static void
callers_who_go_away_while_they_wait_are_forgotten(void **state)
{
    (void)state;
    rig.on_ask = hold_first;
    struct rig_call *one = rig_get(&rig, TOKEN_PATH);
    struct rig_call *two = rig_get(&rig, TOKEN_PATH);
    while (rig.n_asks == 0)
        rig_run_ms(&rig, 10);
    rig_run_ms(&rig, 50);
    http_call_cancel(one->call);
    rig_run_ms(&rig, 50);
    rig_yes(&rig, &held_ask);
    answered(two, 200);
    answered(rig_get(&rig, TOKEN_PATH), 200);
    assert_int_equal(rig.n_asks, 1);
}

static void
without_a_key_of_ours_nobody_is_asked(void **state)
{
    char wrong[80], twice[80];
    (void)state;
    (void)snprintf(wrong, sizeof(wrong), "%s", rig.authorization);
    wrong[20] = wrong[20] == 'A' ? 'B' : 'A'; /* the checksum tells */
    (void)snprintf(twice, sizeof(twice), "%s", rig.authorization);
    const struct http_header rows[][2] = {
        {{STR("X"), STR("y")}, {STR("X"), STR("y")}},
        {{STR("Authorization"), STR("Bearer")}, {STR("X"), STR("y")}},
        {{STR("Authorization"), STR("Basic eDp5")}, {STR("X"), STR("y")}},
        {{STR("Authorization"), STR("Bearer pkeep_short")},
         {STR("X"), STR("y")}},
        {{STR("Authorization"), str_from(wrong)}, {STR("X"), STR("y")}},
        {{STR("Authorization"), str_from(twice)},
         {STR("Authorization"), str_from(twice)}},
    };
    const char *targets[] = {TOKEN_PATH, "/v1/apps/crm/portals",
                             "/hubspot/crm/7/crm/v3/objects/contacts"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (size_t k = 0; k < 3; k++) {
            struct http_call_spec spec = {.method = STR("GET"),
                                          .target = str_from(targets[k]),
                                          .headers = rows[i],
                                          .n_headers = 2};
            struct rig_call *c =
                problem(rig_send_spec(&rig, &spec), 401, "\"detail\":\"");
            assert_string_equal(
                rig_header(c, "www-authenticate"),
                i == 0 ? "Bearer realm=\"portkeep\""
                       : "Bearer realm=\"portkeep\", error=\"invalid_token\"");
        }
    assert_int_equal(rig.n_asks, 0);
    assert_int_equal(rig.n_calls, 0);
}

static void
without_beats_the_cache_is_not_used_and_it_is_not_ready(void **state)
{
    (void)state;
    answered(rig_get(&rig, TOKEN_PATH), 200);
    answered(rig_get(&rig, "/readyz"), 200);
    rig.is_beating = false;
    unsigned status = 200;
    while (status == 200) {
        struct rig_call *c = rig_get(&rig, "/readyz");
        rig_wait_call(&rig, c);
        status = c->status;
        rig_run_ms(&rig, 100);
    }
    assert_int_equal(status, 503);
    answered(rig_get(&rig, TOKEN_PATH), 200);
    answered(rig_get(&rig, TOKEN_PATH), 200);
    assert_int_equal(rig.n_asks, 3);
    rig.is_beating = true;
    rig_run_ms(&rig, 200);
    answered(rig_get(&rig, TOKEN_PATH), 200);
    assert_int_equal(rig.n_asks, 3);
}

static void
a_revocation_or_a_gap_makes_it_ask_again(void **state)
{
    (void)state;
    answered(rig_get(&rig, TOKEN_PATH), 200);
    rig_revoke(&rig, (struct relay_revoked){.portal = 8});
    rig_run_ms(&rig, 100);
    answered(rig_get(&rig, TOKEN_PATH), 200);
    assert_int_equal(rig.n_asks, 1);
    rig_revoke(&rig, (struct relay_revoked){.portal = 7});
    rig_run_ms(&rig, 100);
    answered(rig_get(&rig, TOKEN_PATH), 200);
    assert_int_equal(rig.n_asks, 2);
    rig.epoch += 2;
    rig_run_ms(&rig, 150);
    answered(rig_get(&rig, TOKEN_PATH), 200);
    assert_int_equal(rig.n_asks, 3);
}

/* ---- leases that are about to end ---- */

static struct incoming held;

/* Yes to the first question; the next waits for the test. */
static void
hold_the_second(struct rig *r, const struct incoming *in)
{
    if (r->n_asks != 2)
        rig_yes(r, in);
    else
        held = *in;
}

/* Callers come and are answered from the lease; none of them waits for the
 * question that one of them has raised. */
static void
use_until_renewal(void)
{
    rig.on_ask = hold_the_second;
    rig.lease_ms = 1500;
    answered(rig_get(&rig, TOKEN_PATH), 200);
    while (rig.n_asks < 2) {
        answered(rig_get(&rig, TOKEN_PATH), 200);
        rig_run_ms(&rig, 10);
    }
    for (int i = 0; i < 3; i++)
        answered(rig_get(&rig, TOKEN_PATH), 200);
    assert_int_equal(rig.n_asks, 2);
}

static void
a_used_lease_is_renewed_before_it_ends_and_nobody_waits(void **state)
{
    struct rig_call *c;
    (void)state;
    use_until_renewal();
    rig.lease_ms = 0;
    rig.version = 2;
    rig_yes(&rig, &held);
    do
        c = answered(rig_get(&rig, TOKEN_PATH), 200);
    while (strstr(rig_body(c), "CJ-token-2") == NULL);
    rig_run_ms(&rig, 400); /* the first one's end */
    answered(rig_get(&rig, TOKEN_PATH), 200);
    assert_int_equal(rig.n_asks, 2);
}

static void
a_renewal_that_fails_leaves_the_lease_and_a_no_ends_it(void **state)
{
    (void)state;
    use_until_renewal();
    rig_no(&held, ERR_UNAVAILABLE, "Later.");
    rig_run_ms(&rig, 10);
    answered(rig_get(&rig, TOKEN_PATH), 200);
    assert_int_equal(rig.n_asks, 2);
    /* The same lease from its start, for a keeper that has changed its mind. */
    rig_revoke(&rig, (struct relay_revoked){.portal = 7});
    rig_run_ms(&rig, 100);
    rig.n_asks = 0;
    use_until_renewal();
    rig_no(&held, ERR_FORBIDDEN, "No more.");
    rig_run_ms(&rig, 10);
    answered(rig_get(&rig, TOKEN_PATH), 200);
    assert_int_equal(rig.n_asks, 3);
}

static void
when_the_keeper_is_gone_everything_is_503(void **state)
{
    static const char *const targets[] = {
        TOKEN_PATH, "/v1/apps/crm/portals", "/readyz",
        "/hubspot/crm/7/crm/v3/objects/contacts"};
    (void)state;
    answered(rig_get(&rig, TOKEN_PATH), 200);
    nursery_drop_work(&rig.nursery);
    rig_run_ms(&rig, 100);
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
        problem(rig_get(&rig, targets[i]), 503, "keeper");
    struct rig_call *c = answered(rig_get(&rig, "/metrics"), 200);
    assert_non_null(strstr(rig_body(c), "portkeep_relay_ready 0\n"));
}

static void
uses_are_told_when_it_drains(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        answered(rig_get(&rig, TOKEN_PATH), 200);
    answered(rig_get(&rig, "/hubspot/crm/8/x"), 200);
    nursery_stop(&rig.nursery, false);
    assert_int_equal(nursery_end(&rig.nursery), 0);
    rig_run_ms(&rig, 100);
    assert_int_equal(rig.n_used, 2);
    for (size_t i = 0; i < 2; i++) {
        bool is_token = rig.used[i].verb == VERB_TOKEN;
        assert_true(str_equal(rig.used[i].app, STR("crm")));
        assert_int_equal(rig.used[i].portal, is_token ? 7 : 8);
        assert_int_equal(rig.used[i].n_uses, is_token ? 3 : 1);
        assert_int_equal(rig.used[i].key_number, 5);
    }
}

static void
draining_lets_running_exchanges_end(void **state)
{
    (void)state;
    rig.on_ask = hold_first;
    struct rig_call *c = rig_get(&rig, TOKEN_PATH);
    while (rig.n_asks == 0)
        rig_run_ms(&rig, 10);
    nursery_stop(&rig.nursery, false);
    rig_run_ms(&rig, 100);
    assert_false(rig.nursery.is_gone);
    rig_yes(&rig, &held_ask);
    answered(c, 200);
    assert_int_equal(nursery_end(&rig.nursery), 0);
}

static void
a_brief_stop_does_not_wait(void **state)
{
    (void)state;
    rig.on_ask = hold_back;
    struct rig_call *c = rig_get(&rig, TOKEN_PATH);
    while (rig.n_asks == 0)
        rig_run_ms(&rig, 10);
    nursery_stop(&rig.nursery, true);
    assert_int_equal(nursery_end(&rig.nursery), 0);
    rig_wait_call(&rig, c);
    assert_int_not_equal(c->err, ERR_OK);
}

/* ---- portkeep's own API ---- */

static struct {
    uint16_t type;
    char text[512]; /* what the message held */
} got;

static void
note_api(struct rig *r, const struct incoming *in)
{
    got.type = in->message->type;
    if (got.type == RELAY_METRICS) {
        struct relay_answer yes = {.json = STR("keeper_counter 1\n")};
        channel_reply(in->channel, in->id, RELAY_ANSWER, &yes);
        return;
    }
    /* All of these begin alike. */
    const struct relay_portal *m = in->body;
    assert_true(str_equal(m->credential.s, str_from(r->key)));
    assert_true(str_equal(m->app, STR("crm")));
    assert_int_equal(m->request_id.n, 16);
    got.text[0] = '\0';
    if (got.type == RELAY_SESSION_CREATE) {
        const struct relay_session_create *s = in->body;
        (void)snprintf(got.text, sizeof(got.text), "%.*s %.*s %u %d %.*s",
                       STR_ARG(s->ref), STR_ARG(s->return_to),
                       (unsigned)s->portal, s->is_take_over,
                       STR_ARG(s->attempt.s));
    } else if (got.type == RELAY_RESULT_REDEEM) {
        const struct relay_result_redeem *s = in->body;
        (void)snprintf(got.text, sizeof(got.text), "%.*s", STR_ARG(s->code.s));
    } else if (got.type == RELAY_REF_BIND) {
        const struct relay_ref_bind *s = in->body;
        (void)snprintf(got.text, sizeof(got.text), "%u %.*s",
                       (unsigned)s->portal, STR_ARG(s->ref));
    } else if (got.type == RELAY_PORTALS_LIST) {
        const struct relay_portals_list *s = in->body;
        (void)snprintf(got.text, sizeof(got.text), "[%.*s] [%.*s] %u",
                       STR_ARG(s->ref), STR_ARG(s->cursor), s->limit);
    } else {
        (void)snprintf(got.text, sizeof(got.text), "%u", (unsigned)m->portal);
    }
    struct relay_answer yes = {.json = STR("{\"told\":true}")};
    channel_reply(in->channel, in->id, RELAY_ANSWER, &yes);
}

static void
each_route_is_its_message(void **state)
{
    static const struct {
        const char *method, *target, *body;
        uint16_t type;
        const char *text;
        unsigned status;
    } rows[] = {
        {"POST", "/v1/apps/crm/connect-sessions",
         "{\"ref\":\"t-1\",\"return_to\":\"https://a/\",\"portal\":\"7\","
         "\"take_over\":true,\"attempt\":\"at\"}",
         RELAY_SESSION_CREATE, "t-1 https://a/ 7 1 at", 201},
        {"POST", "/v1/apps/crm/connect-results", "{\"code\":\"c-1\"}",
         RELAY_RESULT_REDEEM, "c-1", 200},
        {"PUT", "/v1/apps/crm/portals/7/ref", "{\"ref\":\"t-2\"}",
         RELAY_REF_BIND, "7 t-2", 200},
        {"GET", "/v1/apps/crm/portals", NULL, RELAY_PORTALS_LIST, "[] [] 100",
         200},
        {"GET", "/v1/apps/crm/portals?ref=a%20b&cursor=x&limit=5", NULL,
         RELAY_PORTALS_LIST, "[a b] [x] 5", 200},
        {"GET", "/v1/apps/crm/portals/7", NULL, RELAY_PORTAL_SHOW, "7", 200},
        {"DELETE", "/v1/apps/crm/portals/7", NULL, RELAY_PORTAL_DELETE, "7",
         200},
        {"DELETE", "/hubspot/crm/7/appinstalls/v3/external-install", NULL,
         RELAY_PORTAL_DELETE, "7", 200},
    };
    (void)state;
    rig.on_api = note_api;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig_call *c = answered(
            rig_send(&rig, rows[i].method, rows[i].target, rows[i].body),
            rows[i].status);
        assert_int_equal(got.type, rows[i].type);
        assert_string_equal(got.text, rows[i].text);
        assert_string_equal(rig_body(c), "{\"told\":true}");
    }
    assert_int_equal(rig.n_calls, 0);
}

static void
what_is_wrong_is_said_and_the_keeper_not_asked(void **state)
{
    static const struct {
        const char *method, *target, *body;
        unsigned status;
        const char *says;
    } rows[] = {
        {"POST", "/v1/apps/crm/connect-sessions", "{\"reff\":\"x\"}", 400,
         "\\\"reff\\\" is not known"},
        {"POST", "/v1/apps/crm/connect-results", "", 400, "not JSON"},
        {"POST", "/v1/apps/crm/connect-results", "{}", 400, "missing"},
        {"PUT", "/v1/apps/crm/portals/x/ref", "{\"ref\":\"a\"}", 400, "number"},
        {"GET", "/v1/apps/crm/portals?limit=0", NULL, 400, "limit"},
        {"GET", "/v1/apps/crm/portals?limit=101", NULL, 400, "limit"},
        {"GET", "/v1/apps/crm/portals?page=2", NULL, 400, "cursor"},
        {"GET", "/v1/apps/crm/portals?ref=%0a", NULL, 400, "ref"},
        {"GET", "/v1/apps/crm/portals/7/tokens", NULL, 404, "nothing"},
        {"POST", "/v1/apps/crm/portals/7/token", "{}", 405, "method"},
        {"GET", "/", NULL, 404, "nothing"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        problem(rig_send(&rig, rows[i].method, rows[i].target, rows[i].body),
                rows[i].status, rows[i].says);
    assert_int_equal(rig.n_asks, 0);
}

static void
refuse_api(struct rig *r, const struct incoming *in)
{
    struct relay_answer no = {.err = ERR_CONFLICT,
                              .detail = STR("Another ref has it.")};
    (void)r;
    channel_reply(in->channel, in->id, RELAY_ANSWER, &no);
}

static void
refuse_strangely(struct rig *r, const struct incoming *in)
{
    struct relay_answer no = {.err = 4711};
    (void)r;
    channel_reply(in->channel, in->id, RELAY_ANSWER, &no);
}

static void
the_keepers_no_to_an_api_call_is_a_problem(void **state)
{
    (void)state;
    rig.on_api = refuse_api;
    problem(rig_get(&rig, "/v1/apps/crm/portals/7"), 409,
            "Another ref has it.");
    rig.on_api = refuse_strangely;
    problem(rig_get(&rig, "/v1/apps/crm/portals/7"), 500, "internal");
}

static void
metrics_are_the_relays_and_the_keepers(void **state)
{
    (void)state;
    rig.on_api = note_api;
    answered(rig_get(&rig, TOKEN_PATH), 200);
    answered(rig_get(&rig, TOKEN_PATH), 200);
    struct rig_call *c = answered(rig_get(&rig, "/metrics"), 200);
    assert_string_equal(rig_header(c, "content-type"),
                        "text/plain; version=0.0.4");
    assert_non_null(strstr(rig_body(c), "\nportkeep_relay_tokens_total 2\n"));
    assert_non_null(
        strstr(rig_body(c), "\nportkeep_relay_lease_asks_total 1\n"));
    assert_non_null(strstr(rig_body(c), "\nkeeper_counter 1\n"));
    assert_null(strstr(rig_body(c), "CJ-token"));
}

static void
a_body_over_the_limit_is_413(void **state)
{
    static char large[LIMIT_API_BODY + 2];
    (void)state;
    memset(large, ' ', sizeof(large) - 1);
    problem(rig_send(&rig, "POST", "/v1/apps/crm/connect-results", large), 413,
            "65,536");
}

static void
shapes_that_smuggle_are_400_and_the_end(void **state)
{
    static const char *const shapes[] = {
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde",
        "Content-Length: +5\r\n\r\nabcde",
        "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "X: y\r\n folded\r\n\r\n",
        "X : y\r\n\r\n",
        "X: y\n\r\n",
    };
    static const char *const lines[] = {
        "POST /hubspot/crm/7/crm/v3/objects HTTP/1.1",
        "POST /v1/apps/crm/connect-results HTTP/1.1",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        for (size_t k = 0; k < 2; k++) {
            char text[1024];
            int n = snprintf(text, sizeof(text),
                             "%s\r\nHost: x\r\nAuthorization: %s\r\n%s"
                             "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n",
                             lines[k], rig.authorization, shapes[i]);
            struct rig_raw *raw = rig_raw(&rig, text, (size_t)n);
            if (strncmp(raw->text, "HTTP/1.1 400 ", 13) != 0)
                fail_msg("shape %zu: %s", i, raw->text);
            assert_non_null(strstr(raw->text, "application/problem+json"));
            assert_non_null(strstr(raw->text, "\r\nRequest-Id: "));
            assert_non_null(strstr(raw->text, "\"status\":400"));
            assert_null(strstr(raw->text, "\"ready\""));
            rig_raw_done(raw);
        }
    assert_int_equal(rig.n_calls, 0);
}

static void
a_reload_takes_what_can_change_and_refuses_another_port(void **state)
{
    (void)state;
    nursery_reload(&rig.nursery);
    assert_string_equal(rig.nursery.problem, "");
    rig.nursery.settings.api_url = STR("http://127.0.0.1:1");
    nursery_reload(&rig.nursery);
    assert_non_null(strstr(rig.nursery.problem, "port"));
    answered(rig_get(&rig, "/hubspot/crm/7/x"), 200);
    rig.nursery.settings.api_url = STR("nonsense");
    nursery_reload(&rig.nursery);
    assert_non_null(strstr(rig.nursery.problem, "api_url"));
    answered(rig_get(&rig, "/hubspot/crm/7/x"), 200);
}

int
main(int argc, char **argv)
{
#define IN_RIG(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        IN_RIG(the_keeper_is_asked_once_and_the_lease_answers_after_that),
        IN_RIG(the_keeper_is_told_who_asks_for_what),
        IN_RIG(static_tokens_expire_never),
        IN_RIG(the_keepers_no_is_passed_on_in_its_words_and_not_kept),
        IN_RIG(a_thousand_callers_at_once_are_one_question),
        IN_RIG(callers_who_go_away_while_they_wait_are_forgotten),
        IN_RIG(without_a_key_of_ours_nobody_is_asked),
        IN_RIG(without_beats_the_cache_is_not_used_and_it_is_not_ready),
        IN_RIG(a_revocation_or_a_gap_makes_it_ask_again),
        IN_RIG(a_used_lease_is_renewed_before_it_ends_and_nobody_waits),
        IN_RIG(a_renewal_that_fails_leaves_the_lease_and_a_no_ends_it),
        IN_RIG(when_the_keeper_is_gone_everything_is_503),
        IN_RIG(uses_are_told_when_it_drains),
        IN_RIG(draining_lets_running_exchanges_end),
        IN_RIG(a_brief_stop_does_not_wait),
        IN_RIG(each_route_is_its_message),
        IN_RIG(what_is_wrong_is_said_and_the_keeper_not_asked),
        IN_RIG(the_keepers_no_to_an_api_call_is_a_problem),
        IN_RIG(metrics_are_the_relays_and_the_keepers),
        IN_RIG(a_body_over_the_limit_is_413),
        IN_RIG(shapes_that_smuggle_are_400_and_the_end),
        IN_RIG(a_reload_takes_what_can_change_and_refuses_another_port),
    };
    if (argc < 2)
        return 1;
    program = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}

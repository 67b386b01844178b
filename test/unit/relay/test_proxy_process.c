#include "rig.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define CALL_PATH "/hubspot/crm/7/crm/v3/objects/contacts"
/* Far more than the kernel keeps for three connections. */
#define LARGE (64u << 20)

static const char *program;
static struct rig rig;

static int
setup(void **state)
{
    (void)state;
    rig_open(&rig);
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
    assert_null(rig_header(c, "portkeep-upstream"));
    return c;
}

static void
expect_sent(const char *text)
{
    if (strstr(rig.request, text) == NULL)
        fail_msg("\"%s\" was not sent: %s", text, rig.request);
}

/* The relay's largest resident size so far, in KiB. */
static long
peak_kib(void)
{
    char path[64], line[256];
    long kib = -1;
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)rig.nursery.pid);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    (void)fclose(f); /* only read */
    assert_true(kib > 0);
    return kib;
}

/* ---- what passes ---- */

static void
a_call_arrives_as_it_was_meant_and_its_answer_as_it_was_given(void **state)
{
    (void)state;
    rig_birth(&rig, program);
    struct rig_call *c = answered(
        rig_send(&rig, "PATCH", CALL_PATH "/1?a=%2F&b", "{\"x\":1}"), 200);
    expect_sent("PATCH /crm/v3/objects/contacts/1?a=%2F&b\n");
    expect_sent("Authorization: Bearer CJ-token-1\n");
    expect_sent("Content-Length: 7\n");
    expect_sent("Host: 127.0.0.1:");
    expect_sent("\n\n{\"x\":1}");
    assert_null(strstr(rig.request, "pkeep_"));
    assert_string_equal(rig_body(c), "{\"id\":\"1\"}");
    assert_string_equal(rig_header(c, "portkeep-upstream"), "hubspot");
    assert_string_equal(rig_header(c, "content-type"), "application/json");
    assert_non_null(rig_header(c, "date"));
    assert_int_equal(rig.n_asks, 1);
    answered(rig_get(&rig, CALL_PATH), 200);
    assert_int_equal(rig.n_asks, 1);
    assert_int_equal(rig.n_calls, 2);
}

static void
paths_that_are_refused_ask_nobody(void **state)
{
    (void)state;
    rig_birth(&rig, program);
    problem(rig_get(&rig, "/hubspot/crm/7/crm/../oauth/v1/token"), 400, "dots");
    problem(rig_get(&rig, "/hubspot/crm/7/oauth/v1/token"), 403,
            "/v1/apps/{app}/portals/{portal}/token");
    problem(rig_get(&rig, "/hubspot/crm"), 404, "{portal}");
    assert_int_equal(rig.n_asks, 0);
    assert_int_equal(rig.n_calls, 0);
}

static void
say_read_only(struct rig *r, const struct incoming *in)
{
    assert_int_equal(((const struct relay_lease_ask *)in->body)->verb,
                     VERB_CALL);
    r->is_read_only = true;
    rig_yes(r, in);
}

static void
a_key_that_may_only_read_reads_and_searches(void **state)
{
    (void)state;
    rig.on_ask = say_read_only;
    rig_birth(&rig, program);
    answered(rig_get(&rig, CALL_PATH), 200);
    answered(rig_send(&rig, "POST", CALL_PATH "/search", "{}"), 200);
    answered(rig_send(&rig, "POST", CALL_PATH "/batch/read", "{}"), 200);
    assert_int_equal(rig.n_calls, 3);
    problem(rig_send(&rig, "POST", CALL_PATH, "{}"), 403, "only read");
    problem(rig_send(&rig, "DELETE", CALL_PATH "/1", NULL), 403, "only read");
    assert_int_equal(rig.n_calls, 3);
}

static void
answer_by_target(struct rig *r, struct http_exchange *x)
{
    struct str target = http_request(x)->target;
    struct http_header etag = {STR("ETag"), STR("\"1\"")};
    (void)r;
    if (str_equal(target, STR("/204"))) {
        http_respond(x, 204, &etag, 1, STR_NONE);
    } else if (str_equal(target, STR("/304"))) {
        http_respond(x, 304, &etag, 1, STR_NONE);
    } else if (str_equal(target, STR("/empty"))) {
        http_respond(x, 200, &etag, 1, STR_NONE);
    } else {
        struct http_answer a = {.status = 207};
        http_answer_begin(x, &a);
        http_answer_piece(x, STR("one,"));
        http_answer_piece(x, STR("two"));
        http_answer_end(x);
    }
}

static void
answers_without_a_body_and_in_chunks_keep_their_form(void **state)
{
    (void)state;
    rig.on_hubspot = answer_by_target;
    rig_birth(&rig, program);
    struct rig_call *c = answered(rig_get(&rig, "/hubspot/crm/7/204"), 204);
    assert_string_equal(rig_header(c, "etag"), "\"1\"");
    answered(rig_get(&rig, "/hubspot/crm/7/304"), 304);
    c = answered(rig_get(&rig, "/hubspot/crm/7/empty"), 200);
    assert_string_equal(rig_header(c, "content-length"), "0");
    c = answered(rig_get(&rig, "/hubspot/crm/7/chunks"), 207);
    assert_string_equal(rig_header(c, "transfer-encoding"), "chunked");
    assert_string_equal(rig_body(c), "one,two");
    c = answered(rig_send(&rig, "HEAD", "/hubspot/crm/7/chunks", NULL), 207);
    assert_int_equal(c->n_received, 0);
    assert_int_equal(rig.n_calls, 5);
}

/* ---- streams ---- */

/* Takes what comes, slowly if asked to, and says how much it was. */
static struct {
    struct http_exchange *x;
    size_t n, at_most; /* of it before it pauses; 0: never */
    bool is_ended, is_whole, is_chunked;
    enum err reason;
} sink;

static void
sink_head(struct http_exchange *x, void *arg)
{
    (void)arg;
    sink.x = x;
    sink.is_chunked = http_request(x)->framing == HTTP_CHUNKED;
    http_stream_body(x);
}

static void
sink_body(struct http_exchange *x, struct str piece, bool is_last, void *arg)
{
    char text[32];
    (void)arg;
    sink.n += piece.n;
    sink.is_whole = is_last;
    if (sink.at_most > 0 && sink.n >= sink.at_most)
        http_pause_body(x);
    if (!is_last)
        return;
    int n = snprintf(text, sizeof(text), "%zu", sink.n);
    http_respond_text(x, 200, STR("text/plain"), str_of(text, (size_t)n));
}

static void
sink_request(struct http_exchange *x, void *arg)
{
    (void)arg;
    http_respond_text(x, 200, STR("text/plain"), STR("0"));
}

static void
sink_end(struct http_exchange *x, enum err reason, void *arg)
{
    (void)x;
    (void)arg;
    sink.is_ended = true;
    sink.reason = reason;
}

static const struct http_handler sink_handler = {
    .on_head = sink_head,
    .on_request = sink_request,
    .on_body = sink_body,
    .on_end = sink_end,
};

static struct rig_call *
upload(size_t n, bool has_length)
{
    struct http_header headers[] = {
        {STR("Authorization"), str_from(rig.authorization)}};
    struct http_call_spec spec = {.method = STR("POST"),
                                  .target = STR("/hubspot/crm/7/files"),
                                  .headers = headers,
                                  .n_headers = 1,
                                  .is_streamed = true,
                                  .has_length = has_length,
                                  .length = n};
    return rig_send_spec(&rig, &spec);
}

/* Until it has not moved for a while. */
static void
wait_for_standstill(const size_t *n)
{
    size_t was = *n + 1;
    while (was != *n) {
        was = *n;
        rig_run_ms(&rig, 300);
    }
}

static void
a_large_upload_streams_and_waits_for_a_slow_hubspot(void **state)
{
    (void)state;
    memset(&sink, 0, sizeof(sink));
    rig.hubspot_handler = &sink_handler;
    rig_birth(&rig, program);
    answered(upload(1000, false), 200);
    assert_true(sink.is_chunked);
    long before = peak_kib();
    for (int i = 0; i < 2; i++) {
        memset(&sink, 0, sizeof(sink));
        sink.at_most = 1 << 20;
        struct rig_call *c = upload(LARGE, i == 0);
        wait_for_standstill(&c->n_sent);
        assert_true(sink.n >= sink.at_most && sink.n < LARGE / 2);
        assert_true(c->n_sent < LARGE);
        assert_int_equal(sink.is_chunked, i == 1);
        sink.at_most = 0;
        http_resume_body(sink.x);
        answered(c, 200);
        assert_string_equal(rig_body(c), "67108864");
    }
    /* The sanitizer's own shadow and quarantine grow too. */
    assert_true(peak_kib() - before < 8192);
}

static size_t fountain_left;

static void
fountain_more(struct http_exchange *x, void *arg)
{
    static char piece[16384];
    (void)arg;
    memset(piece, 'y', sizeof(piece));
    while (fountain_left > 0) {
        size_t n =
            sizeof(piece) < fountain_left ? sizeof(piece) : fountain_left;
        fountain_left -= n;
        if (http_answer_piece(x, str_of(piece, n)) > LIMIT_RELAY_WINDOW)
            return;
    }
    http_answer_end(x);
}

static void
fountain_begin(struct http_exchange *x, void *arg)
{
    struct http_answer a = {.status = 200, .has_length = true, .length = LARGE};
    fountain_left = LARGE;
    http_answer_begin(x, &a);
    fountain_more(x, arg);
}

static void
a_large_answer_streams_and_waits_for_a_slow_caller(void **state)
{
    static const struct http_handler fountain = {.on_request = fountain_begin,
                                                 .on_writable = fountain_more};
    (void)state;
    rig.hubspot_handler = &fountain;
    rig_birth(&rig, program);
    struct rig_call *c = rig_get(&rig, "/hubspot/crm/7/export");
    c->keeps_nothing = true;
    c->pauses_at_head = true;
    while (!c->is_begun)
        rig_run_ms(&rig, 1);
    long before = peak_kib();
    wait_for_standstill(&fountain_left);
    assert_true(fountain_left > LARGE / 4);
    http_call_resume(c->call);
    answered(c, 200);
    assert_int_equal(c->n_received, LARGE);
    assert_true(peak_kib() - before < 8192);
}

static void
an_upload_that_breaks_off_does_not_look_whole_to_hubspot(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        memset(&sink, 0, sizeof(sink));
        if (i == 0) {
            rig.hubspot_handler = &sink_handler;
            rig_birth(&rig, program);
        }
        struct rig_call *c = upload(LARGE, i == 0);
        while (sink.n == 0)
            rig_run_ms(&rig, 1);
        http_call_cancel(c->call);
        while (!sink.is_ended)
            rig_run_ms(&rig, 10);
        assert_false(sink.is_whole);
        assert_int_equal(sink.reason, ERR_CLOSED);
    }
}

static struct http_exchange *waiting;
static bool has_waiting_ended;

static void
wait_begin(struct http_exchange *x, void *arg)
{
    struct http_answer a = {.status = 200};
    struct rig *r = arg;
    r->n_calls++;
    waiting = x;
    if (!str_equal(http_request(x)->target, STR("/streams")))
        return;
    http_answer_begin(x, &a);
    http_answer_piece(x, STR("first"));
}

static void
wait_end(struct http_exchange *x, enum err reason, void *arg)
{
    (void)x;
    (void)reason;
    (void)arg;
    has_waiting_ended = true;
}

static const struct http_handler wait_handler = {.on_request = wait_begin,
                                                 .on_end = wait_end};

static void
open_waiting(const char *target, struct rig_call **out)
{
    has_waiting_ended = false;
    waiting = NULL;
    *out = rig_get(&rig, target);
    while (waiting == NULL)
        rig_run_ms(&rig, 1);
}

static void
a_caller_who_goes_away_takes_the_call_along(void **state)
{
    struct rig_call *c;
    (void)state;
    rig.hubspot_handler = &wait_handler;
    rig_birth(&rig, program);
    open_waiting("/hubspot/crm/7/waits", &c);
    http_call_cancel(c->call);
    while (!has_waiting_ended)
        rig_run_ms(&rig, 10);
}

static void
a_revocation_cuts_what_runs_under_it_and_nothing_else(void **state)
{
    static const struct relay_revoked hits[] = {
        {.portal = 7}, {.key_number = 5}, {.app = {"crm", 3}}};
    (void)state;
    rig.hubspot_handler = &wait_handler;
    rig_birth(&rig, program);
    for (size_t i = 0; i < 3; i++) {
        struct rig_call *c;
        open_waiting("/hubspot/crm/7/waits", &c);
        rig_revoke(&rig, (struct relay_revoked){.portal = 8});
        rig_revoke(&rig, (struct relay_revoked){.key_number = 6});
        rig_run_ms(&rig, 100);
        assert_false(c->is_done);
        rig_revoke(&rig, hits[i]);
        problem(c, 403, "taken away");
        while (!has_waiting_ended)
            rig_run_ms(&rig, 10);
        open_waiting("/hubspot/crm/7/streams", &c);
        while (c->n_received == 0)
            rig_run_ms(&rig, 10);
        rig_revoke(&rig, hits[i]);
        rig_wait_call(&rig, c);
        assert_int_equal(c->err, ERR_CLOSED);
    }
    struct rig_call *c;
    open_waiting("/hubspot/crm/7/waits", &c);
    rig.epoch += 5; /* missed some: all are cut */
    problem(c, 403, "taken away");
}

static void
a_newer_token_cuts_nothing_and_serves_the_next_call(void **state)
{
    struct rig_call *running, *next;
    (void)state;
    rig.hubspot_handler = &wait_handler;
    rig_birth(&rig, program);
    open_waiting("/hubspot/crm/7/streams", &running);
    struct http_exchange *answer = waiting;
    while (running->n_received == 0)
        rig_run_ms(&rig, 10);
    rig_revoke(&rig, (struct relay_revoked){.portal = 7, .is_replaced = true});
    open_waiting("/hubspot/crm/7/waits", &next);
    assert_int_equal(rig.n_asks, 2);
    http_answer_piece(answer, STR(" and last"));
    http_answer_end(answer);
    answered(running, 200);
    assert_string_equal(rig_body(running), "first and last");
    http_call_cancel(next->call);
}

static void
a_call_ends_before_the_process_does_when_it_drains(void **state)
{
    struct rig_call *c;
    (void)state;
    rig.hubspot_handler = &wait_handler;
    rig_birth(&rig, program);
    open_waiting("/hubspot/crm/7/streams", &c);
    nursery_stop(&rig.nursery, false);
    rig_run_ms(&rig, 100);
    assert_false(rig.nursery.is_gone);
    http_answer_piece(waiting, STR(" and last"));
    http_answer_end(waiting);
    answered(c, 200);
    assert_string_equal(rig_body(c), "first and last");
    assert_int_equal(nursery_end(&rig.nursery), 0);
}

/* ---- a token that HubSpot refuses ---- */

static const char *refusal; /* body of the 401 */
static const char *coding;  /* its Content-Encoding; NULL: none */
static size_t n_refusals;   /* so many calls get it */

static void
refuse_some(struct rig *r, struct http_exchange *x)
{
    struct http_header headers[] = {
        {STR("Content-Type"), STR("application/json;charset=utf-8")},
        {STR("X-HubSpot-Correlation-Id"), STR("abc")},
        {STR("Content-Encoding"), str_from(coding)},
    };
    if (r->n_calls > n_refusals)
        http_respond_text(x, 200, STR("text/plain"), http_request_body(x));
    else
        http_respond(x, 401, headers, coding != NULL ? 3 : 2,
                     str_from(refusal));
}

/* A newer token for whoever names the one that was refused. */
static uint64_t renewed; /* versions it goes up by */

static void
renew(struct rig *r, const struct incoming *in)
{
    const struct relay_lease_ask *ask = in->body;
    if (ask->refused_version != 0) {
        assert_int_equal(ask->refused_version, r->version);
        r->version += renewed;
    }
    rig_yes(r, in);
}

#define EXPIRED                                                         \
    "{\"status\":\"error\",\"message\":\"The OAuth token used to make " \
    "this call expired 0 second(s) ago.\",\"category\":"                \
    "\"EXPIRED_AUTHENTICATION\"}"

static void
birth_with_refusals(const char *body, size_t n, uint64_t by)
{
    refusal = body;
    coding = NULL;
    n_refusals = n;
    renewed = by;
    rig.on_hubspot = refuse_some;
    rig.on_ask = renew;
    rig_birth(&rig, program);
}

static void
a_stale_token_is_renewed_and_the_call_sent_once_more(void **state)
{
    (void)state;
    birth_with_refusals(EXPIRED, 1, 1);
    struct rig_call *c =
        answered(rig_send(&rig, "POST", CALL_PATH, "{\"a\":1}"), 200);
    assert_string_equal(rig_body(c), "{\"a\":1}");
    expect_sent("Authorization: Bearer CJ-token-2\n");
    assert_int_equal(rig.n_calls, 2);
    assert_int_equal(rig.n_asks, 2);
    answered(rig_get(&rig, CALL_PATH), 200);
    expect_sent("Bearer CJ-token-2\n");
    assert_int_equal(rig.n_asks, 2);
}

static void
a_chunked_body_that_is_still_here_is_sent_once_more(void **state)
{
    struct http_header headers[] = {
        {STR("Authorization"), STR("filled in below")}};
    struct http_call_spec spec = {.method = STR("POST"),
                                  .target = STR(CALL_PATH),
                                  .headers = headers,
                                  .n_headers = 1,
                                  .is_streamed = true,
                                  .length = 30000};
    (void)state;
    birth_with_refusals("{\"category\":\"INVALID_AUTHENTICATION\"}", 1, 1);
    headers[0].value = str_from(rig.authorization);
    struct rig_call *c = answered(rig_send_spec(&rig, &spec), 200);
    assert_int_equal(c->n_received, 30000);
    expect_sent("Transfer-Encoding: chunked\n");
    assert_int_equal(rig.n_calls, 2);
}

static void
a_body_that_is_no_longer_here_is_not_sent_again(void **state)
{
    (void)state;
    birth_with_refusals(EXPIRED, 1, 1);
    struct rig_call *c = answered(upload(200000, true), 401);
    assert_string_equal(rig_body(c), EXPIRED);
    assert_int_equal(rig.n_calls, 1);
    assert_int_equal(rig.n_asks, 1);
}

static void
a_401_passes_unchanged(struct rig_call *c, const char *body)
{
    answered(c, 401);
    assert_string_equal(rig_body(c), body);
    assert_string_equal(rig_header(c, "x-hubspot-correlation-id"), "abc");
    assert_string_equal(rig_header(c, "portkeep-upstream"), "hubspot");
}

static void
with_nothing_newer_the_401_passes_unchanged(void **state)
{
    (void)state;
    birth_with_refusals(EXPIRED, SIZE_MAX, 0);
    a_401_passes_unchanged(rig_get(&rig, CALL_PATH), EXPIRED);
    assert_int_equal(rig.n_calls, 1);
    assert_int_equal(rig.n_asks, 2);
}

static void
a_second_401_passes_unchanged(void **state)
{
    (void)state;
    birth_with_refusals(EXPIRED, SIZE_MAX, 1);
    a_401_passes_unchanged(rig_get(&rig, CALL_PATH), EXPIRED);
    assert_int_equal(rig.n_calls, 2);
    assert_int_equal(rig.n_asks, 2);
}

static void
refuse_renewal(struct rig *r, const struct incoming *in)
{
    if (((const struct relay_lease_ask *)in->body)->refused_version != 0)
        rig_no(in, ERR_NEEDS_RECONNECT, "gone");
    else
        rig_yes(r, in);
}

static void
when_the_keeper_cannot_renew_the_401_passes_unchanged(void **state)
{
    (void)state;
    birth_with_refusals(EXPIRED, SIZE_MAX, 0);
    rig.on_ask = refuse_renewal;
    a_401_passes_unchanged(rig_get(&rig, CALL_PATH), EXPIRED);
    assert_int_equal(rig.n_calls, 1);
}

static void
a_401_for_another_reason_is_none_of_ours(void **state)
{
    static char long_body[20000];
    static const char *const bodies[] = {
        "{\"category\":\"MISSING_SCOPES\"}",
        "{\"category\":[\"EXPIRED_AUTHENTICATION\"]}",
        "EXPIRED_AUTHENTICATION",
        "{",
        long_body,
    };
    (void)state;
    memset(long_body, ' ', sizeof(long_body) - 1);
    birth_with_refusals("", SIZE_MAX, 1);
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        refusal = bodies[i];
        a_401_passes_unchanged(rig_get(&rig, CALL_PATH), bodies[i]);
    }
    assert_int_equal(rig.n_asks, 1);
}

static void
a_compressed_401_is_asked_about(void **state)
{
    (void)state;
    birth_with_refusals("not looked into", 1, 1);
    coding = "gzip";
    answered(rig_get(&rig, CALL_PATH), 200);
    assert_int_equal(rig.n_asks, 2);
    assert_int_equal(rig.n_calls, 2);
}

/* ---- a HubSpot that misbehaves ---- */

static int raw_listener;
static const char *raw_answer; /* NULL: closes at once */
static bool raw_resets;

static void
on_raw_connection(evutil_socket_t fd, short what, void *arg)
{
    char request[16384];
    (void)what;
    (void)arg;
    int c = accept(fd, NULL, NULL);
    if (c < 0)
        return;
    (void)recv(c, request, sizeof(request), 0); /* small; is there at once */
    if (raw_answer != NULL)
        (void)send(c, raw_answer, strlen(raw_answer), MSG_NOSIGNAL);
    if (raw_resets) {
        struct linger hard = {.l_onoff = 1};
        (void)setsockopt(c, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    }
    (void)close(c); /* what the test is about */
}

static void
an_unusable_answer_is_502_in_our_words(void **state)
{
    static const char *const answers[] = {
        NULL,
        "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    };
    (void)state;
    raw_listener = nursery_listen(&rig.hubspot_port);
    rig_birth(&rig, program);
    struct event *e = event_new(rig.nursery.base, raw_listener,
                                EV_READ | EV_PERSIST, on_raw_connection, NULL);
    assert_int_equal(event_add(e, NULL), 0);
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        raw_answer = answers[i];
        raw_resets = i == 0;
        problem(rig_send(&rig, "POST", CALL_PATH, "{}"), 502,
                "may have been executed");
    }
    event_free(e);
    (void)close(raw_listener); /* nobody is connected */
}

static void
an_answer_that_breaks_off_does_not_look_whole(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcde",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nabcde\r\nzz\r\n",
    };
    (void)state;
    raw_listener = nursery_listen(&rig.hubspot_port);
    raw_resets = false;
    rig_birth(&rig, program);
    struct event *e = event_new(rig.nursery.base, raw_listener,
                                EV_READ | EV_PERSIST, on_raw_connection, NULL);
    assert_int_equal(event_add(e, NULL), 0);
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        raw_answer = answers[i];
        struct rig_call *c = rig_get(&rig, CALL_PATH);
        rig_wait_call(&rig, c);
        assert_int_equal(c->err, ERR_CLOSED);
    }
    event_free(e);
    (void)close(raw_listener); /* nobody is connected */
}

static void
a_hubspot_that_is_not_there_is_502_and_nothing_was_sent(void **state)
{
    (void)state;
    (void)close(nursery_listen(&rig.hubspot_port)); /* refuses from now on */
    rig_birth(&rig, program);
    struct rig_call *c = problem(rig_send(&rig, "POST", CALL_PATH, "{}"), 502,
                                 "Nothing was sent.");
    assert_string_equal(rig_header(c, "x-should-retry"), "false");
}

int
main(int argc, char **argv)
{
#define IN_RIG(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        IN_RIG(a_call_arrives_as_it_was_meant_and_its_answer_as_it_was_given),
        IN_RIG(paths_that_are_refused_ask_nobody),
        IN_RIG(a_key_that_may_only_read_reads_and_searches),
        IN_RIG(answers_without_a_body_and_in_chunks_keep_their_form),
        IN_RIG(a_large_upload_streams_and_waits_for_a_slow_hubspot),
        IN_RIG(a_large_answer_streams_and_waits_for_a_slow_caller),
        IN_RIG(an_upload_that_breaks_off_does_not_look_whole_to_hubspot),
        IN_RIG(a_caller_who_goes_away_takes_the_call_along),
        IN_RIG(a_revocation_cuts_what_runs_under_it_and_nothing_else),
        IN_RIG(a_newer_token_cuts_nothing_and_serves_the_next_call),
        IN_RIG(a_call_ends_before_the_process_does_when_it_drains),
        IN_RIG(a_stale_token_is_renewed_and_the_call_sent_once_more),
        IN_RIG(a_chunked_body_that_is_still_here_is_sent_once_more),
        IN_RIG(a_body_that_is_no_longer_here_is_not_sent_again),
        IN_RIG(with_nothing_newer_the_401_passes_unchanged),
        IN_RIG(a_second_401_passes_unchanged),
        IN_RIG(when_the_keeper_cannot_renew_the_401_passes_unchanged),
        IN_RIG(a_401_for_another_reason_is_none_of_ours),
        IN_RIG(a_compressed_401_is_asked_about),
        IN_RIG(an_unusable_answer_is_502_in_our_words),
        IN_RIG(an_answer_that_breaks_off_does_not_look_whole),
        IN_RIG(a_hubspot_that_is_not_there_is_502_and_nothing_was_sent),
    };
    if (argc < 2)
        return 1;
    program = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#define _GNU_SOURCE
/*
 * The front as it is: the built program, with everything around it played.
 * argv[1] is the program.
 */
#include "stage.h"

#include "front/cookies.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#define HAS(a, text) assert_non_null(strstr((a).body, text))
#define HAS_NOT(a, text) assert_null(strstr((a).body, text))

static void
sends_the_browser_to_hubspot_with_a_cookie(void **state)
{
    struct stage *s = *state;
    struct answer a;
    stage_get(s, &a, "/connect/crm-sync?session=s%2D1");
    assert_int_equal(a.status, 303);
    assert_header(&a, "Location",
                  "https://app.hubspot.com/oauth/authorize?state=a.b");
    assert_header(&a, "Set-Cookie",
                  "portkeep-t5=c00kie; Path=/; Max-Age=600; HttpOnly; "
                  "SameSite=Lax");
    assert_null(http_head_find(&a.head, "Strict-Transport-Security").p);
    assert_strict_headers(&a);
    assert_int_equal(a.n_body, 0);
    assert_true(str_equal(s->begin.app, STR("crm-sync")));
    assert_true(str_equal(s->begin.session.s, STR("s-1")));
    assert_true(
        str_equal(s->begin.request_id, http_head_find(&a.head, "Request-Id")));
}

static void
binds_the_cookie_to_the_host_over_https(void **state)
{
    struct stage *s = *state;
    struct answer a;
    s->begun.is_cross_site = true;
    stage_get(s, &a, "/connect/crm-sync?session=s");
    assert_int_equal(a.status, 303);
    assert_header(&a, "Set-Cookie",
                  "__Host-portkeep-t5=c00kie; Path=/; Max-Age=600; HttpOnly; "
                  "SameSite=None; Secure");
    assert_header(&a, "Strict-Transport-Security", "max-age=31536000");
    assert_strict_headers(&a);
}

static void
hands_the_keeper_what_came_back_from_hubspot(void **state)
{
    struct stage *s = *state;
    struct answer a;
    s->finished = (struct front_finished){
        .location = STR("https://app.example.com/connected?result=ok"),
        .tag = STR("t5")};
    struct request r = {
        .target = "/oauth/crm-sync/callback?code=na1-c%2Fde&state=t5.seal.ed"
                  "&error=no&error_description=said+no&step=finalize"
                  "&returnUrl=https%3A%2F%2Fapp.hubspot.com%2Fx&unknown=1",
        .headers = {{STR("Cookie"),
                     STR("portkeep-t4=four; portkeep-t5=five; other=x")}}};
    stage_visit(s, &a, &r);
    assert_int_equal(a.status, 303);
    assert_header(&a, "Location",
                  "https://app.example.com/connected?result=ok");
    assert_header(&a, "Set-Cookie",
                  "portkeep-t5=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    assert_strict_headers(&a);
    const struct front_finish *f = &s->finish;
    assert_true(str_equal(f->app, STR("crm-sync")));
    assert_true(str_equal(f->state.s, STR("t5.seal.ed")));
    assert_true(str_equal(f->cookie.s, STR("five")));
    assert_true(str_equal(f->code.s, STR("na1-c/de")));
    assert_true(str_equal(f->error, STR("no")));
    assert_true(str_equal(f->error_description, STR("said no")));
    assert_true(str_equal(f->step, STR("finalize")));
    assert_true(str_equal(f->return_url, STR("https://app.hubspot.com/x")));
    assert_true(
        str_equal(f->request_id, http_head_find(&a.head, "Request-Id")));
}

static void
shows_the_page_that_the_keeper_names(void **state)
{
    struct stage *s = *state;
    static const struct {
        enum front_page page;
        unsigned status;
        const char *id;
    } cases[] = {
        {PAGE_CONNECTED, 200, "connected"},
        {PAGE_CANCELLED, 200, "cancelled"},
        {PAGE_FAILED, 400, "failed"},
        {PAGE_EXPIRED, 410, "expired"},
        {PAGE_WRONG_ACCOUNT, 403, "wrong-account"},
        {PAGE_MISSING_SCOPES, 200, "missing-scopes"},
        {PAGE_ALREADY_CONNECTED, 409, "already-connected"},
        {PAGE_OTHER_BROWSER, 403, "other-browser"},
        {PAGE_LINK_INVALID, 410, "link-invalid"},
        {PAGE_STATE_INVALID, 400, "state-invalid"},
        {PAGE_UNKNOWN_APP, 404, "unknown-app"},
        {PAGE_BUSY, 503, "busy"},
        {PAGE_HUBSPOT_AWAY, 502, "hubspot-away"},
        {PAGE_HUBSPOT_PATIENCE, 503, "hubspot-patience"},
        {PAGE_COUNT + 50, 500, "broken"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct answer a;
        char mark[64];
        s->begun.page = s->finished.page = cases[i].page;
        s->finished.retry_url = STR("https://keep.test/connect/crm-sync?a&b");
        stage_get(s, &a, "/oauth/crm-sync/callback?state=t5.x&code=c");
        assert_int_equal(a.status, cases[i].status);
        (void)snprintf(mark, sizeof(mark), "id=\"%s\"", cases[i].id);
        HAS(a, mark);
        HAS(a, "CRM &lt;Sync&gt;");
        HAS(a, "href=\"https://a.test/help\"");
        HAS(a, "href=\"https://keep.test/connect/crm-sync?a&amp;b\"");
        assert_header(&a, "Content-Type", "text/html; charset=utf-8");
        assert_strict_headers(&a);
        struct str id = http_head_find(&a.head, "Request-Id");
        HAS(a, id.p);
        stage_get(s, &a, "/connect/crm-sync?session=s");
        assert_int_equal(a.status, cases[i].status);
        assert_null(http_head_find(&a.head, "Set-Cookie").p);
    }
}

static void
uses_nothing_up_before_somebody_clicks(void **state)
{
    struct stage *s = *state;
    static const struct {
        struct request request;
        unsigned status;
    } cases[] = {
        {{"HEAD", "/connect/crm-sync?session=s"}, 200},
        {{"HEAD", "/oauth/crm-sync/callback?state=t5.x&code=c"}, 200},
        {{NULL,
          "/connect/crm-sync?session=s",
          {{STR("Sec-Purpose"), STR("prefetch;prerender")}}},
         503},
        {{NULL,
          "/oauth/crm-sync/callback?state=t5.x&code=c",
          {{STR("Purpose"), STR("prefetch")}}},
         503},
        {{NULL,
          "/connect/crm-sync?session=s",
          {{STR("X-Purpose"), STR("preview")}}},
         503},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct answer a;
        stage_visit(s, &a, &cases[i].request);
        assert_int_equal(a.status, cases[i].status);
        assert_int_equal(a.n_body, 0);
        assert_strict_headers(&a);
    }
    assert_int_equal(s->n_asked, 0);
}

static void
answers_by_itself_what_is_no_visit(void **state)
{
    struct stage *s = *state;
    static const struct {
        struct request request;
        unsigned status;
        const char *body;
    } cases[] = {
        {{NULL, "/healthz"}, 200, "ok\n"},
        {{NULL, "/favicon.ico"}, 200, "<svg "},
        {{NULL, "/"}, 404, "id=\"not-found\""},
        {{NULL, "/connect/"}, 404, "id=\"not-found\""},
        {{NULL, "/connect/crm-sync/x"}, 404, "id=\"not-found\""},
        {{NULL, "/oauth/callback"}, 404, "id=\"not-found\""},
        {{NULL, "/connect/nobody?session=s"}, 404, "id=\"unknown-app\""},
        {{NULL, "/connect/fixed?session=s"}, 404, "id=\"unknown-app\""},
        {{NULL, "/oauth/nobody/callback?state=a.b"}, 404, "id=\"unknown-app\""},
        {{NULL, "/connect/crm%2Dsync?session=s"}, 404, "id=\"unknown-app\""},
        {{NULL, "/connect/crm-sync"}, 410, "id=\"link-invalid\""},
        {{NULL, "/connect/crm-sync?session="}, 410, "id=\"link-invalid\""},
        {{NULL, "/connect/crm-sync?session=a&session=b"},
         410,
         "id=\"link-invalid\""},
        {{NULL, "/oauth/crm-sync/callback?code=a&code=b"},
         400,
         "id=\"state-invalid\""},
        {{NULL, "/oauth/crm-sync/callback?code=%zz"},
         400,
         "id=\"state-invalid\""},
        {{"POST", "/connect/crm-sync?session=s"}, 405, "id=\"method\""},
        {{"DELETE", "/healthz"}, 405, "id=\"method\""},
        {{"POST", "/nowhere"}, 404, "id=\"not-found\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct answer a;
        stage_visit(s, &a, &cases[i].request);
        if (a.status != cases[i].status)
            fail_msg("%s: %u", cases[i].request.target, a.status);
        HAS(a, cases[i].body);
        assert_strict_headers(&a);
        if (a.status == 405)
            assert_header(&a, "Allow", "GET, HEAD");
    }
    assert_int_equal(s->n_asked, 0);
}

static void
clears_the_oldest_of_too_many_attempts(void **state)
{
    struct stage *s = *state;
    struct answer a;
    char cookies[1024] = "";
    size_t n = 0;
    /* t10 to t19 and the new one: three are too many. */
    s->begun.tag = STR("t20");
    for (int i = 19; i >= 10; i--)
        n += (size_t)snprintf(cookies + n, sizeof(cookies) - n,
                              "portkeep-t%d=v; ", i);
    struct request r = {.target = "/connect/crm-sync?session=s",
                        .headers = {{STR("Cookie"), str_from(cookies)}}};
    stage_visit(s, &a, &r);
    assert_int_equal(a.status, 303);
    size_t n_cleared = 0;
    for (size_t i = 0; i < a.head.n_headers; i++) {
        struct str value = a.head.headers[i].value;
        if (!str_equal_nocase(a.head.headers[i].name, STR("Set-Cookie")) ||
            str_starts(value, STR("portkeep-t20=c00kie; ")))
            continue;
        char wanted[64];
        (void)snprintf(wanted, sizeof(wanted), "portkeep-t%zu=; Path=/; ",
                       10 + n_cleared++);
        assert_true(str_starts(value, str_from(wanted)));
    }
    assert_int_equal(n_cleared, 10 + 1 - COOKIES_MAX);
}

static void
never_passes_a_broken_answer_on(void **state)
{
    struct stage *s = *state;
    struct answer a;
    s->begun.location = STR("https://x.test/\r\nSet-Cookie: a=b");
    stage_get(s, &a, "/connect/crm-sync?session=s");
    assert_int_equal(a.status, 500);
    s->begun.location = STR("javascript:alert(1)");
    stage_get(s, &a, "/connect/crm-sync?session=s");
    assert_int_equal(a.status, 500);
    s->begun.location = STR("https://x.test/");
    s->begun.cookie = HIDDEN(STR("a; Domain=evil.test"));
    stage_get(s, &a, "/connect/crm-sync?session=s");
    assert_int_equal(a.status, 500);
    assert_null(http_head_find(&a.head, "Set-Cookie").p);
}

static void
says_try_again_while_the_keeper_is_gone(void **state)
{
    struct stage *s = *state;
    struct answer a;
    s->holds_back = true;
    (void)stage_start(s, &a,
                      &(struct request){.target = "/connect/crm-sync?"
                                                  "session=s"});
    nursery_wait(&s->nursery, &s->is_held);
    nursery_drop_work(&s->nursery);
    nursery_wait(&s->nursery, &a.is_done);
    assert_int_equal(a.status, 503);
    HAS(a, "id=\"busy\"");
    HAS(a, "<a href=\"\">Try again</a>");
    assert_header(&a, "Retry-After", "5");
    stage_get(s, &a, "/connect/crm-sync?session=s");
    assert_int_equal(a.status, 503);
    stage_get(s, &a, "/healthz");
    assert_int_equal(a.status, 503);
    stage_get(s, &a, "/nowhere");
    assert_int_equal(a.status, 404);
}

static void
asks_the_keeper_only_so_much_at_a_time(void **state)
{
    struct stage *s = *state;
    static struct answer answers[STAGE_CONNECTIONS];
    struct http_call *calls[STAGE_CONNECTIONS];
    unsigned n_busy = 0;
    s->holds_back = true;
    for (size_t i = 0; i < STAGE_CONNECTIONS; i++)
        calls[i] = stage_start(
            s, &answers[i],
            &(struct request){.target = "/connect/crm-sync?session=s"});
    while (n_busy < STAGE_CONNECTIONS - 512) {
        assert_int_equal(event_base_loop(s->nursery.base, EVLOOP_ONCE), 0);
        n_busy = 0;
        for (size_t i = 0; i < STAGE_CONNECTIONS; i++)
            n_busy += answers[i].is_done && answers[i].status == 503;
    }
    while (s->n_asked < 512)
        assert_int_equal(event_base_loop(s->nursery.base, EVLOOP_ONCE), 0);
    /* Browsers that go away make room for others. */
    for (size_t i = 0; i < STAGE_CONNECTIONS; i++)
        if (!answers[i].is_done)
            http_call_cancel(calls[i]);
    s->holds_back = false;
    struct answer a = {0};
    while (a.status != 303)
        stage_get(s, &a, "/connect/crm-sync?session=s");
    assert_int_equal(s->n_asked, 513);
}

static void
finishes_visits_before_it_stops(void **state)
{
    struct stage *s = *state;
    struct answer a;
    s->holds_back = true;
    (void)stage_start(s, &a,
                      &(struct request){.target = "/connect/crm-sync?"
                                                  "session=s"});
    nursery_wait(&s->nursery, &s->is_held);
    nursery_stop(&s->nursery, false);
    stage_reply(s, &s->held);
    nursery_wait(&s->nursery, &a.is_done);
    assert_int_equal(a.status, 303);
    assert_int_equal(nursery_end(&s->nursery), 0);
}

static void
stops_at_once_when_told_so(void **state)
{
    struct stage *s = *state;
    struct answer a;
    s->holds_back = true;
    (void)stage_start(s, &a,
                      &(struct request){.target = "/connect/crm-sync?"
                                                  "session=s"});
    nursery_wait(&s->nursery, &s->is_held);
    nursery_stop(&s->nursery, true);
    assert_int_equal(nursery_end(&s->nursery), 0);
}

static void
takes_up_new_settings_and_a_new_listener(void **state)
{
    struct stage *s = *state;
    struct answer a, on_old;
    s->begun.page = s->finished.page = PAGE_EXPIRED;
    s->holds_back = true;
    (void)stage_start(s, &on_old,
                      &(struct request){.target = "/connect/crm-sync?"
                                                  "session=s"});
    nursery_wait(&s->nursery, &s->is_held);
    s->apps[0].title = STR("Renamed");
    nursery_add_fd(&s->nursery, LIFE_FD_LISTEN, nursery_listen(&s->port));
    nursery_reload(&s->nursery);
    assert_string_equal(s->nursery.problem, "");
    stage_reply(s, &s->held);
    nursery_wait(&s->nursery, &on_old.is_done);
    assert_int_equal(on_old.status, 410);
    s->holds_back = false;
    stage_get(s, &a, "/connect/crm-sync?session=s");
    HAS(a, "<p class=\"app\">Renamed</p>");
    nursery_stop(&s->nursery, false);
    assert_int_equal(nursery_end(&s->nursery), 0);
}

/* What no client of ours can send. */
static void
raw(struct stage *s, const char *request, char *out, size_t room)
{
    struct sockaddr_in there = {.sin_family = AF_INET,
                                .sin_port = htons(s->port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    size_t n = 0;
    ssize_t got;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&there, sizeof(there)), 0);
    assert_int_equal(write(fd, request, strlen(request)), strlen(request));
    while (n + 1 < room && (got = read(fd, out + n, room - n - 1)) > 0)
        n += (size_t)got;
    out[n] = '\0';
    (void)close(fd);
}

static void
shows_a_page_for_what_is_no_http(void **state)
{
    struct stage *s = *state;
    static char answer[65536], request[40000];
    raw(s, "GET / HTTP/1.1\r\nHost : x\r\n\r\n", answer, sizeof(answer));
    assert_non_null(strstr(answer, "HTTP/1.1 400 "));
    assert_non_null(strstr(answer, "id=\"bad-request\""));
    assert_non_null(strstr(answer, "Request-Id: "));
    assert_non_null(strstr(answer, "Reference: <code>"));
    size_t n = (size_t)snprintf(request, sizeof(request),
                                "GET / HTTP/1.1\r\nHost: x\r\nCookie: ");
    memset(request + n, 'x', 30000);
    memcpy(request + n + 30000, "\r\n\r\n", 5);
    raw(s, request, answer, sizeof(answer));
    assert_non_null(strstr(answer, "HTTP/1.1 431 "));
    assert_non_null(strstr(answer, "id=\"too-large\""));
    assert_int_equal(s->n_asked, 0);
}

#define STAGED(name) \
    cmocka_unit_test_setup_teardown(name, stage_open, stage_close)

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        STAGED(sends_the_browser_to_hubspot_with_a_cookie),
        cmocka_unit_test_setup_teardown(binds_the_cookie_to_the_host_over_https,
                                        stage_open_https, stage_close),
        STAGED(hands_the_keeper_what_came_back_from_hubspot),
        STAGED(shows_the_page_that_the_keeper_names),
        STAGED(uses_nothing_up_before_somebody_clicks),
        STAGED(answers_by_itself_what_is_no_visit),
        STAGED(clears_the_oldest_of_too_many_attempts),
        STAGED(never_passes_a_broken_answer_on),
        STAGED(says_try_again_while_the_keeper_is_gone),
        STAGED(asks_the_keeper_only_so_much_at_a_time),
        STAGED(finishes_visits_before_it_stops),
        STAGED(stops_at_once_when_told_so),
        STAGED(takes_up_new_settings_and_a_new_listener),
        STAGED(shows_a_page_for_what_is_no_http),
    };
    if (argc != 2 || sodium_init() < 0)
        return 1;
    stage_program = argv[1];
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

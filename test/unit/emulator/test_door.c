#include "ask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct call *
ask_me(struct world *w, const char *token)
{
    struct ask a = {
        .method = "GET", .path = "/integrations/v1/me", .bearer = token};
    return ask(w, &a);
}

/* How many calls in a row are let through. */
static unsigned
count_until_refused(struct world *w, const char *token)
{
    for (unsigned n = 0; n < 1000; n++) {
        struct call *c = ask_me(w, token);
        bool is_refused = c->status == 429;
        if (is_refused)
            assert_non_null(strstr(buf_text(&c->out), "TEN_SECONDLY_ROLLING"));
        ask_done(c);
        if (is_refused)
            return n;
    }
    return 1000;
}

static const char *
oauth_token(struct world *w)
{
    struct str scope = STR("oauth");
    struct app *app = apps_meet(&w->apps, STR("crm"));
    struct grant *g = grants_connect(w, app->client_id, w->accounts.v[0],
                                     (struct strs){&scope, 1});
    return token_new(w, g, TOKEN_ACCESS)->text.p;
}

static void
limits_bursts_by_the_class_of_the_app(void **state)
{
    (void)state;
    struct world *w = ask_world();
    struct grant *free_app = w->grants.first;
    assert_int_equal(count_until_refused(w, oauth_token(w)), 110);
    assert_int_equal(count_until_refused(w, free_app->tokens->text.p), 100);
    assert_int_equal(count_until_refused(w, free_app->next->tokens->text.p),
                     190);
    ask_wait(10000);
    assert_int_equal(count_until_refused(w, oauth_token(w)), 110);
    w->settings.rate_limit = 3;
    assert_int_equal(count_until_refused(w, oauth_token(w)), 3);
    w->settings.rate_limit = 0;
    assert_int_equal(count_until_refused(w, oauth_token(w)), 1000);
    world_free(w);
}

static void
says_in_headers_what_is_left(void **state)
{
    (void)state;
    struct world *w = ask_world();
    struct call *c = ask_me(w, oauth_token(w));
    assert_string_equal(ask_header(c, "X-HubSpot-RateLimit-Max"), "110");
    assert_string_equal(ask_header(c, "X-HubSpot-RateLimit-Remaining"), "109");
    assert_string_equal(
        ask_header(c, "X-HubSpot-RateLimit-Interval-Milliseconds"), "10000");
    /* There is no daily limit for OAuth apps. */
    assert_string_equal(ask_header(c, "X-HubSpot-RateLimit-Daily"), "");
    ask_done(c);
    world_free(w);
}

static void
stops_private_apps_at_the_daily_limit(void **state)
{
    (void)state;
    struct world *w = ask_world();
    const char *token = w->grants.first->tokens->text.p;
    w->settings.daily_limit = 1;
    struct call *c = ask_me(w, token);
    assert_int_equal(c->status, 200);
    assert_string_equal(ask_header(c, "X-HubSpot-RateLimit-Daily-Remaining"),
                        "0");
    ask_done(c);
    c = ask_me(w, token);
    assert_int_equal(c->status, 429);
    assert_non_null(strstr(buf_text(&c->out), "\"DAILY\""));
    ask_done(c);
    ask_wait(86400000);
    c = ask_me(w, token);
    assert_int_equal(c->status, 200);
    ask_done(c);
    world_free(w);
}

/* CRM search: 5 a second for the whole account, without any headers. */
static void
limits_searches_by_account(void **state)
{
    (void)state;
    struct world *w = ask_world();
    struct ask a = {.method = "POST",
                    .path = "/crm/v3/objects/deals/search",
                    .body = "{}",
                    .bearer = w->grants.first->tokens->text.p};
    for (int i = 0; i < 6; i++) {
        struct call *c = ask(w, &a);
        assert_int_equal(c->status, i < 5 ? 200 : 429);
        assert_string_equal(ask_header(c, "X-HubSpot-RateLimit-Max"), "");
        if (i == 5)
            assert_non_null(strstr(buf_text(&c->out), "\"SECONDLY\""));
        ask_done(c);
    }
    ask_wait(1000);
    json_decref(ask_json(w, &a, 200));
    world_free(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_bursts_by_the_class_of_the_app),
        cmocka_unit_test(says_in_headers_what_is_left),
        cmocka_unit_test(stops_private_apps_at_the_daily_limit),
        cmocka_unit_test(limits_searches_by_account),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

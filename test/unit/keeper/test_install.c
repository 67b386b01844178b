#include "stage.h"

#include "keeper/grant.h"
#include "keeper/session.h"

#include <stdio.h>
#include <stdlib.h>

/* What went wrong with installs once, and must not again. */

static struct heard session, begun, second, done, again, lease;

static void
refuse(struct stage *s, enum errand_kind kind, uint32_t outcome)
{
    s->answer[kind] = (struct stage_answer){.outcome = outcome};
}

/* Two tabs of one link, both at HubSpot. */
static void
begin_twice(struct stage *s)
{
    stage_session(s, "", "", 0, &session);
    stage_begin(s, session.json, &begun);
    stage_begin(s, session.json, &second);
}

static void
one_link_connects_one_account_however_many_tabs(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    begin_twice(s);
    s->holds_errands = true;
    stage_finish(s, &begun, "code-1", &done);
    stage_finish(s, &second, "code-2", &again);
    s->hub_id = 1001;
    stage_release_one(s, ERRAND_EXCHANGE);
    s->hub_id = 1002;
    stage_release_one(s, ERRAND_EXCHANGE);
    s->hub_id = 1001;
    stage_release_one(s, ERRAND_INTROSPECT);
    s->hub_id = 1002;
    stage_release(s);
    assert_int_equal(done.page, PAGE_CONNECTED);
    assert_int_equal(again.page, PAGE_LINK_INVALID);
    assert_string_equal(s->sent[ERRAND_REVOKE], "refresh-2");
    assert_int_equal(stage_count(s, STORE_GRANTS), 1);
    stage_check(s);
    stage_free(s);
}

static void
two_installs_of_one_portal_at_once_leave_one_grant(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    begin_twice(s);
    s->holds_errands = true;
    stage_finish(s, &begun, "code-1", &done);
    stage_finish(s, &second, "code-2", &again);
    stage_release(s);
    assert_int_equal(done.page, PAGE_CONNECTED);
    assert_int_equal(again.page, PAGE_CONNECTED);
    assert_int_equal(s->n_errands[ERRAND_REVOKE], 0);
    assert_int_equal(stage_count(s, STORE_GRANTS), 1);
    stage_lease(s, 1001, &lease);
    assert_string_equal(lease.token, "access-2");
    stage_check(s);
    stage_free(s);
}

static void
the_token_of_another_system_is_not_revoked_when_it_is_turned_away(void **state)
{
    struct stage *s = stage_new();
    struct admin_import ask = {
        .app = STR("crm"), .portal = 7, .refresh_token = HIDDEN(STR("theirs"))};
    (void)state;
    stage_admin(s, ADMIN_PORTAL_IMPORT, &ask, &done);
    assert_int_equal(done.err, ERR_CONFLICT);
    assert_int_equal(s->n_errands[ERRAND_REVOKE], 0);
    stage_check(s);
    stage_free(s);
}

static void
a_token_of_an_unknown_account_is_not_revoked(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    s->hub_id = 0; /* the token could be 1001's */
    begin_twice(s);
    stage_finish(s, &begun, "code-1", &done);
    assert_int_equal(done.page, PAGE_FAILED);
    assert_int_equal(s->n_errands[ERRAND_REVOKE], 0);
    stage_check(s);
    stage_free(s);
}

static void
hubspot_is_asked_again_who_installed_after_a_crash(void **state)
{
    struct stage *s = stage_new();
    struct grant g;
    (void)state;
    begin_twice(s);
    s->holds_errands = true;
    stage_finish(s, &begun, "code-1", &done);
    stage_release_one(s, ERRAND_EXCHANGE);
    assert_int_equal(s->n_errands[ERRAND_INTROSPECT], 1);
    stage_rebirth(s);
    assert_int_equal(s->n_errands[ERRAND_INTROSPECT], 2);
    stage_grant(s, 1001, &g, NULL);
    assert_true(g.sealed_user.n > 0);
    stage_check(s);
    stage_free(s);
}

static void
an_exchange_that_was_lost_with_the_keeper_is_told_at_the_second_hit(
    void **state)
{
    struct stage *s = stage_new();
    (void)state;
    begin_twice(s);
    s->holds_errands = true;
    stage_finish(s, &begun, "code-1", &done);
    s->now_ms += 1000;
    stage_rebirth(s);
    stage_finish(s, &begun, "code-1", &again);
    assert_int_equal(again.page, PAGE_BUSY);
    assert_non_null(strstr(again.detail, "restarted"));
    stage_check(s);
    stage_free(s);
}

static void
an_exchange_that_outlived_the_keeper_becomes_a_grant(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    begin_twice(s);
    s->holds_errands = true;
    stage_finish(s, &begun, "code-1", &done);
    s->now_ms += 1000;
    stage_spill(s);
    stage_rebirth(s);
    stage_finish(s, &begun, "code-1", &again);
    assert_int_equal(again.page, PAGE_CONNECTED);
    stage_lease(s, 1001, &lease);
    assert_string_equal(lease.token, "access-1");
    stage_check(s);
    stage_free(s);
}

static void
a_reinstall_cuts_nothing_and_its_token_is_newer_than_a_refused_one(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    stage_lease(s, 1001, &lease);
    uint64_t old = lease.version;
    stage_connect(s, 1001);
    assert_int_equal(s->n_revoked, 1);
    assert_int_equal(s->n_replaced, 1);
    stage_ask_lease(s, 1001, old, &lease);
    stage_settle(s);
    assert_string_equal(lease.token, "access-2");
    assert_true(lease.version > old);
    assert_int_equal(s->n_errands[ERRAND_REFRESH], 0);
    stage_disconnect(s, 1001, &done);
    assert_true(s->n_revoked > 1);
    assert_int_equal(s->n_replaced, 1);
    stage_free(s);
}

static void
the_page_says_whether_hubspot_refused_or_was_away(void **state)
{
    static const struct {
        uint32_t outcome;
        uint32_t page;
        const char *says;
    } cases[] = {
        {OUTCOME_CODE_REFUSED, PAGE_FAILED, "already used"},
        {OUTCOME_OUR_FAULT, PAGE_FAILED, "own credentials"},
        {OUTCOME_TRANSIENT, PAGE_HUBSPOT_AWAY, "not be reached"},
        {OUTCOME_THROTTLED, PAGE_HUBSPOT_PATIENCE, "patience"},
        {OUTCOME_DROPPED, PAGE_BUSY, "no time"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct stage *s = stage_new();
        refuse(s, ERRAND_EXCHANGE, cases[i].outcome);
        begin_twice(s);
        s->holds_errands = true; /* a courier that has no time takes long */
        stage_finish(s, &begun, "code-1", &done);
        s->now_ms += 6000;
        stage_release(s);
        assert_int_equal(done.page, cases[i].page);
        assert_non_null(strstr(done.detail, cases[i].says));
        stage_free(s);
    }
}

static void
hubspot_is_away_where_it_cannot_say_which_account_it_is(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    s->hub_id = 0;
    refuse(s, ERRAND_INTROSPECT, OUTCOME_TRANSIENT);
    begin_twice(s);
    stage_finish(s, &begun, "code-1", &done);
    assert_int_equal(done.page, PAGE_HUBSPOT_AWAY);
    stage_check(s);
    stage_free(s);
}

static void
an_attempt_whose_app_vanished_ends_with_a_page(void **state)
{
    struct stage *s = stage_new();
    struct buf auto_buf problem = {0};
    (void)state;
    buf_init(&problem, 1024);
    begin_twice(s);
    s->holds_errands = true;
    stage_finish(s, &begun, "code-1", &done);
    s->lacks_app = true;
    assert_int_equal(stage_reload(s, &problem), ERR_OK);
    stage_release(s);
    assert_int_equal(done.page, PAGE_FAILED);
    stage_later(s, 601000);
    assert_int_equal(stage_count(s, STORE_ATTEMPTS), 0);
    assert_int_equal(stage_count(s, STORE_DATA_KEYS), 0);
    stage_check(s);
    stage_free(s);
}

static void
a_committed_reply_does_not_end_with_its_attempts_time(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    begin_twice(s);
    s->holds_errands = true;
    stage_finish(s, &begun, "code-1", &done);
    stage_release_one(s, ERRAND_EXCHANGE);
    stage_later(s, 601000); /* introspection hangs */
    stage_lease(s, 1001, &lease);
    assert_int_equal(lease.err, ERR_OK);
    stage_release(s);
    stage_check(s);
    stage_free(s);
}

static void
a_wrong_redirect_address_does_not_hold_refreshes_back(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    refuse(s, ERRAND_EXCHANGE, OUTCOME_OUR_FAULT);
    begin_twice(s);
    stage_finish(s, &begun, "code-1", &done);
    assert_int_equal(done.page, PAGE_FAILED);
    s->now_ms += 1800000;
    stage_lease(s, 1001, &lease);
    assert_int_equal(lease.err, ERR_OK);
    stage_free(s);
}

static void
a_static_token_is_not_said_to_lack_an_introspection(void **state)
{
    struct stage *s = stage_new();
    struct admin_add_static ask = {.app = STR("fixed"),
                                   .token = HIDDEN(STR("pat-na1-7"))};
    (void)state;
    stage_admin(s, ADMIN_PORTAL_ADD_STATIC, &ask, &done);
    assert_int_equal(done.err, ERR_OK);
    struct admin_audit all = {.limit = 100};
    stage_admin(s, ADMIN_AUDIT_LIST, &all, &done);
    assert_null(strstr(done.json, "introspection failed"));
    assert_int_equal(stage_count_audit(s, "connect", "ok"), 1);
    stage_check(s);
    stage_free(s);
}

static void
ask_session(struct stage *s, const char *key, struct str return_to,
            struct strs scopes, struct heard *out)
{
    struct relay_session_create ask = {.credential = HIDDEN(str_from(key)),
                                       .address = STR("127.0.0.1"),
                                       .app = STR("crm"),
                                       .return_to = return_to,
                                       .optional_scopes = scopes};
    stage_relay(s, RELAY_SESSION_CREATE, &ask, out);
}

static void
a_session_that_no_url_could_hold_is_refused_and_not_fatal(void **state)
{
    struct stage *s = stage_new();
    struct str *scopes = calloc(20000, sizeof(*scopes));
    char *url = malloc(60000);
    (void)state;
    assert_non_null(scopes);
    assert_non_null(url);
    for (size_t i = 0; i < 20000; i++)
        scopes[i] = STR("tickets");
    ask_session(s, s->api_key, STR_NONE, (struct strs){scopes, 20000}, &done);
    assert_int_equal(done.err, ERR_INVALID);
    memset(url, 'x', 60000);
    memcpy(url, "https://app.example.com/connected?x=", 36);
    ask_session(s, s->api_key, str_of(url, 60000), (struct strs){NULL, 0},
                &done);
    assert_int_equal(done.err, ERR_INVALID);
    free(url);
    free(scopes);
    stage_free(s);
}

static void
a_key_for_single_portals_makes_no_link_for_any_account(void **state)
{
    struct stage *s = stage_new();
    struct str portals[] = {STR("1001")};
    struct admin_key_create ask = {
        .name = STR("narrow"), .verbs = 255, .portals = {portals, 1}};
    char key[128] = "";
    (void)state;
    stage_admin(s, ADMIN_KEY_CREATE, &ask, &done);
    const char *at = strstr(done.json, "\"key\":\"") + 7;
    memcpy(key, at, strcspn(at, "\""));
    ask_session(s, key, STR_NONE, (struct strs){NULL, 0}, &done);
    assert_int_equal(done.err, ERR_FORBIDDEN);
    stage_free(s);
}

static void
a_way_back_is_compared_as_a_browser_reads_it(void **state)
{
    struct str allowed[] = {STR("https://a.example/in/"),
                            STR("https://b.example/exact")};
    static const struct {
        const char *url;
        bool is_allowed;
    } cases[] = {
        {"https://a.example/in/", true},
        {"https://A.EXAMPLE/in/deep?x=1", true},
        {"https://b.example/exact", true},
        {"https://b.example/exact/not", false},
        {"https://a.example/in/../out", false},
        {"https://a.example/in/%2e%2e/out", false},
        {"https://a.example/in/.%2e/out", false},
        {"https://a.example/in/.%2E/out", false},
        {"https://a.example/in/./x", false},
        {"https://a.example@evil.example/in/", false},
        {"https://a.example/in/#x", false},
        {"http://a.example/in/", false},
        {"https://a.example.evil.example/in/", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (session_allows_return((struct strs){allowed, 2},
                                  str_from(cases[i].url)) !=
            cases[i].is_allowed)
            fail_msg("%s", cases[i].url);
}

static void
the_tenant_is_bound_by_the_result_and_not_by_the_redirect(void **state)
{
    struct stage *s = stage_new();
    struct relay_portals_list list = {.credential =
                                          HIDDEN(str_from(s->api_key)),
                                      .address = STR("127.0.0.1"),
                                      .app = STR("crm"),
                                      .ref = STR("tenant-9"),
                                      .limit = 10};
    (void)state;
    stage_session(s, "tenant-9", "https://app.example.com/connected", 0,
                  &session);
    assert_int_equal(session.err, ERR_OK);
    stage_begin(s, session.json, &begun);
    stage_finish(s, &begun, "code-1", &done);
    char *code = strstr(done.location, "connect=");
    assert_non_null(code);
    stage_relay(s, RELAY_PORTALS_LIST, &list, &lease);
    assert_null(strstr(lease.json, "1001"));
    struct relay_result_redeem redeem = {.credential =
                                             HIDDEN(str_from(s->api_key)),
                                         .address = STR("127.0.0.1"),
                                         .app = STR("crm"),
                                         .code = HIDDEN(str_from(code + 8))};
    stage_relay(s, RELAY_RESULT_REDEEM, &redeem, &session);
    assert_int_equal(session.err, ERR_OK);
    assert_non_null(strstr(session.json, "\"ref\":\"tenant-9\""));
    stage_relay(s, RELAY_PORTALS_LIST, &list, &lease);
    assert_non_null(strstr(lease.json, "1001"));
    stage_relay(s, RELAY_RESULT_REDEEM, &redeem, &session); /* once */
    assert_int_equal(session.err, ERR_NOT_FOUND);
    stage_free(s);
}

static void
return_to_must_be_allowed(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_session(s, "", "https://evil.example.com/connected", 0, &session);
    assert_int_equal(session.err, ERR_INVALID);
    stage_free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            the_tenant_is_bound_by_the_result_and_not_by_the_redirect),
        cmocka_unit_test(return_to_must_be_allowed),
        cmocka_unit_test(one_link_connects_one_account_however_many_tabs),
        cmocka_unit_test(two_installs_of_one_portal_at_once_leave_one_grant),
        cmocka_unit_test(
            the_token_of_another_system_is_not_revoked_when_it_is_turned_away),
        cmocka_unit_test(a_token_of_an_unknown_account_is_not_revoked),
        cmocka_unit_test(hubspot_is_asked_again_who_installed_after_a_crash),
        cmocka_unit_test(
            an_exchange_that_was_lost_with_the_keeper_is_told_at_the_second_hit),
        cmocka_unit_test(an_exchange_that_outlived_the_keeper_becomes_a_grant),
        cmocka_unit_test(
            a_reinstall_cuts_nothing_and_its_token_is_newer_than_a_refused_one),
        cmocka_unit_test(the_page_says_whether_hubspot_refused_or_was_away),
        cmocka_unit_test(
            hubspot_is_away_where_it_cannot_say_which_account_it_is),
        cmocka_unit_test(an_attempt_whose_app_vanished_ends_with_a_page),
        cmocka_unit_test(a_committed_reply_does_not_end_with_its_attempts_time),
        cmocka_unit_test(a_wrong_redirect_address_does_not_hold_refreshes_back),
        cmocka_unit_test(a_static_token_is_not_said_to_lack_an_introspection),
        cmocka_unit_test(
            a_session_that_no_url_could_hold_is_refused_and_not_fatal),
        cmocka_unit_test(
            a_key_for_single_portals_makes_no_link_for_any_account),
        cmocka_unit_test(a_way_back_is_compared_as_a_browser_reads_it),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "stage.h"

#include "keeper/audit.h"
#include "keeper/turn.h"

#include <stdio.h>
#include <stdlib.h>

/* The keeper's promises, on a memory store and with HubSpot played. */

static struct heard session, begun, done, lease;

static void
an_install_ends_in_a_grant_that_serves(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    stage_lease(s, 1001, &lease);
    assert_int_equal(lease.err, ERR_OK);
    assert_string_equal(lease.token, "access-1");
    assert_int_equal(s->n_errands[ERRAND_EXCHANGE], 1);
    assert_int_equal(s->n_errands[ERRAND_INTROSPECT], 1);
    stage_free(s);
}

static void
an_attempt_is_good_for_one_browser_once(void **state)
{
    struct stage *s = stage_new();
    static struct heard again;
    (void)state;
    stage_session(s, "", "", 0, &session);
    stage_begin(s, session.json, &begun);
    struct heard *stranger = calloc(1, sizeof(*stranger));
    assert_non_null(stranger);
    *stranger = begun;
    stranger->cookie[0] ^= 1;
    stage_finish(s, stranger, "code-1", &done);
    assert_int_equal(done.page, PAGE_OTHER_BROWSER);
    assert_int_equal(s->n_errands[ERRAND_EXCHANGE], 0);
    free(stranger);
    stage_finish(s, &begun, "code-1", &done);
    assert_int_equal(done.page, PAGE_CONNECTED);
    stage_finish(s, &begun, "code-1", &again); /* a double hit */
    assert_int_equal(again.page, PAGE_CONNECTED);
    assert_int_equal(s->n_errands[ERRAND_EXCHANGE], 1);
    stage_begin(s, session.json, &begun); /* success used the link up */
    assert_int_equal(begun.page, PAGE_LINK_INVALID);
    stage_free(s);
}

static void
an_attempt_ends_after_ten_minutes_and_leaves_nothing(void **state)
{
    struct stage *s = stage_new();
    uint64_t n;
    (void)state;
    stage_session(s, "", "", 0, &session);
    stage_begin(s, session.json, &begun);
    stage_later(s, 601000);
    stage_finish(s, &begun, "code-1", &done);
    assert_int_equal(done.page, PAGE_EXPIRED);
    assert_int_equal(store_count(s->keeper.store, STORE_ATTEMPTS, STR_NONE, &n),
                     ERR_OK);
    assert_int_equal(n, 0);
    stage_free(s);
}

static void
a_session_for_one_portal_turns_others_away(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    s->hub_id = 1002;
    stage_session(s, "", "", 1001, &session);
    stage_begin(s, session.json, &begun);
    assert_non_null(strstr(begun.location, "/oauth/1001/authorize?"));
    stage_finish(s, &begun, "code-1", &done);
    assert_int_equal(done.page, PAGE_WRONG_ACCOUNT);
    assert_int_equal(s->n_errands[ERRAND_REVOKE], 1);
    stage_lease(s, 1002, &lease);
    assert_int_equal(lease.err, ERR_NOT_FOUND);
    stage_free(s);
}

static void
introspection_may_fail_without_failing_the_install(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    s->answer[ERRAND_INTROSPECT].outcome = OUTCOME_TRANSIENT;
    stage_connect(s, 1001);
    stage_lease(s, 1001, &lease);
    assert_int_equal(lease.err, ERR_OK);
    stage_free(s);
}

static void
many_callers_of_an_expired_grant_cost_one_refresh(void **state)
{
    enum { N = 300 };
    struct stage *s = stage_new();
    struct heard *all = calloc(N, sizeof(*all));
    (void)state;
    assert_non_null(all);
    stage_connect(s, 1001);
    s->now_ms += 1790000; /* ten seconds of life: under the floor */
    for (int i = 0; i < N; i++)
        stage_ask_lease(s, 1001, 0, &all[i]);
    stage_settle(s);
    assert_int_equal(s->n_errands[ERRAND_REFRESH], 1);
    for (int i = 0; i < N; i++) {
        assert_int_equal(all[i].err, ERR_OK);
        assert_string_equal(all[i].token, "access-2");
    }
    free(all);
    stage_free(s);
}

static void
a_used_grant_is_refreshed_ahead_of_time_and_an_unused_one_is_not(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    stage_later(s, 1500000);
    assert_int_equal(s->n_errands[ERRAND_REFRESH], 0);
    stage_lease(s, 1001, &lease);
    stage_later(s, 1000);
    assert_int_equal(s->n_errands[ERRAND_REFRESH], 1);
    stage_free(s);
}

static void
a_failing_refresh_is_repeated_while_the_old_token_serves(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    stage_lease(s, 1001, &lease);
    s->answer[ERRAND_REFRESH].outcome = OUTCOME_TRANSIENT;
    stage_later(s, 1500000);
    for (int i = 0; i < 5; i++)
        stage_later(s, 61000 / 5);
    assert_true(s->n_errands[ERRAND_REFRESH] >= 3);
    stage_lease(s, 1001, &lease);
    assert_int_equal(lease.err, ERR_OK);
    assert_string_equal(lease.token, "access-1");
    s->answer[ERRAND_REFRESH].outcome = 0;
    stage_later(s, 61000);
    stage_lease(s, 1001, &lease);
    assert_string_equal(lease.token, "access-2");
    stage_free(s);
}

static void
callers_hear_in_time_that_hubspot_is_away(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    s->answer[ERRAND_REFRESH].outcome = OUTCOME_TRANSIENT;
    s->now_ms += 1800000;
    stage_lease(s, 1001, &lease);
    assert_false(lease.has_answer);
    for (int i = 0; i < 12; i++)
        stage_later(s, 2000);
    assert_true(lease.has_answer);
    assert_int_equal(lease.err, ERR_UNREACHABLE);
    stage_free(s);
}

static void
a_refused_refresh_is_a_sign_and_a_reconnect_heals_it(void **state)
{
    struct stage *s = stage_new();
    static struct heard link;
    (void)state;
    stage_connect(s, 1001);
    s->answer[ERRAND_REFRESH].outcome = OUTCOME_TOKEN_ENDED;
    s->now_ms += 1800000;
    stage_lease(s, 1001, &lease);
    assert_int_equal(lease.err, ERR_NEEDS_RECONNECT);
    assert_non_null(strstr(lease.reconnect_url, "/connect/crm?session="));
    s->answer[ERRAND_REFRESH].outcome = 0;
    memcpy(link.json, lease.reconnect_url, sizeof(lease.reconnect_url));
    stage_begin(s, link.json, &begun);
    assert_int_equal(begun.page, PAGE_NONE);
    stage_finish(s, &begun, "code-2", &done);
    assert_int_equal(done.page, PAGE_CONNECTED);
    stage_lease(s, 1001, &lease);
    assert_int_equal(lease.err, ERR_OK);
    stage_begin(s, link.json, &begun); /* used up */
    assert_int_equal(begun.page, PAGE_LINK_INVALID);
    stage_free(s);
}

static void
wrong_credentials_disconnect_nobody(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    s->answer[ERRAND_REFRESH].outcome = OUTCOME_OUR_FAULT;
    s->now_ms += 1800000;
    stage_lease(s, 1001, &lease);
    assert_int_equal(lease.err, ERR_CONFIG);
    unsigned n = s->n_errands[ERRAND_REFRESH];
    stage_lease(s, 1001, &lease); /* the breaker: nothing is sent */
    assert_int_equal(lease.err, ERR_CONFIG);
    assert_int_equal(s->n_errands[ERRAND_REFRESH], n);
    s->answer[ERRAND_REFRESH].outcome = 0;
    s->now_ms += 600000;
    stage_lease(s, 1001, &lease);
    assert_int_equal(lease.err, ERR_OK);
    stage_free(s);
}

static void
many_refusals_within_an_hour_change_no_state(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    for (uint64_t portal = 1; portal <= 6; portal++)
        stage_connect(s, portal);
    s->answer[ERRAND_REFRESH].outcome = OUTCOME_TOKEN_ENDED;
    s->now_ms += 1800000;
    unsigned n_ended = 0;
    for (uint64_t portal = 1; portal <= 6; portal++) {
        stage_lease(s, portal, &lease);
        n_ended += lease.err == ERR_NEEDS_RECONNECT;
    }
    assert_true(n_ended <= 2);
    stage_free(s);
}

static void
a_callers_401_refreshes_once_and_not_a_new_token(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    stage_lease(s, 1001, &lease);
    stage_ask_lease(s, 1001, lease.version, &lease);
    stage_settle(s);
    assert_int_equal(s->n_errands[ERRAND_REFRESH], 0); /* too young */
    s->now_ms += 61000;
    stage_ask_lease(s, 1001, lease.version, &lease);
    stage_settle(s);
    assert_int_equal(s->n_errands[ERRAND_REFRESH], 1);
    assert_string_equal(lease.token, "access-2");
    s->now_ms += 61000;
    stage_ask_lease(s, 1001, lease.version, &lease);
    stage_settle(s);
    assert_int_equal(s->n_errands[ERRAND_REFRESH], 1); /* within 5 min */
    assert_int_equal(lease.err, ERR_OK);
    stage_free(s);
}

static void
letting_go_uninstalls_revokes_erases_and_gives_a_receipt(void **state)
{
    struct stage *s = stage_new();
    uint64_t n;
    struct admin_portal ask = {.app = STR("crm"), .portal = 1001};
    (void)state;
    stage_connect(s, 1001);
    stage_admin(s, ADMIN_PORTAL_DISCONNECT, &ask, &done);
    assert_int_equal(done.err, ERR_OK);
    assert_non_null(strstr(done.json, "\"remote\":\"done\""));
    assert_int_equal(s->n_errands[ERRAND_UNINSTALL], 1);
    assert_int_equal(s->n_errands[ERRAND_REVOKE], 1);
    assert_int_equal(
        store_count(s->keeper.store, STORE_DATA_KEYS, STR_NONE, &n), ERR_OK);
    assert_int_equal(n, 0);
    stage_lease(s, 1001, &lease);
    assert_int_equal(lease.err, ERR_NOT_FOUND);
    assert_true(s->n_revoked > 0);
    stage_free(s);
}

static void
an_unreachable_hubspot_leaves_only_the_refresh_token_for_72_hours(void **state)
{
    struct stage *s = stage_new();
    uint64_t n;
    struct admin_portal ask = {.app = STR("crm"), .portal = 1001};
    (void)state;
    stage_connect(s, 1001);
    s->answer[ERRAND_UNINSTALL].outcome = OUTCOME_TRANSIENT;
    stage_admin(s, ADMIN_PORTAL_DISCONNECT, &ask, &done);
    assert_non_null(strstr(done.json, "\"remote\":\"pending\""));
    assert_int_equal(store_count(s->keeper.store, STORE_GRANTS, STR_NONE, &n),
                     ERR_OK);
    assert_int_equal(n, 0);
    s->answer[ERRAND_UNINSTALL].outcome = 0;
    stage_later(s, 61000);
    stage_settle(s);
    assert_int_equal(store_count(s->keeper.store, STORE_ENDINGS, STR_NONE, &n),
                     ERR_OK);
    assert_int_equal(n, 0);
    assert_int_equal(
        store_count(s->keeper.store, STORE_DATA_KEYS, STR_NONE, &n), ERR_OK);
    assert_int_equal(n, 0);
    assert_int_equal(store_count(s->keeper.store, STORE_RECEIPTS, STR_NONE, &n),
                     ERR_OK);
    assert_int_equal(n, 2);
    stage_free(s);
}

static void
a_portal_that_comes_back_while_its_end_is_pending_ends_again(void **state)
{
    struct stage *s = stage_new();
    uint64_t n;
    struct admin_portal ask = {.app = STR("crm"), .portal = 1001};
    (void)state;
    s->answer[ERRAND_UNINSTALL].outcome = OUTCOME_TRANSIENT;
    for (int i = 0; i < 2; i++) {
        stage_connect(s, 1001);
        s->now_ms += 1000;
        stage_admin(s, ADMIN_PORTAL_DISCONNECT, &ask, &done);
        assert_non_null(strstr(done.json, "\"remote\":\"pending\""));
    }
    assert_int_equal(store_count(s->keeper.store, STORE_ENDINGS, STR_NONE, &n),
                     ERR_OK);
    assert_int_equal(n, 1); /* the first one was over when it came back */
    stage_free(s);
}

static void
a_revoked_key_is_refused(void **state)
{
    struct stage *s = stage_new();
    struct admin_name ask = {.name = STR("test")};
    (void)state;
    stage_connect(s, 1001);
    stage_admin(s, ADMIN_KEY_REVOKE, &ask, &done);
    assert_int_equal(done.err, ERR_OK);
    stage_lease(s, 1001, &lease);
    assert_int_equal(lease.err, ERR_UNAUTHORIZED);
    stage_free(s);
}

static void
a_token_costs_one_load_and_one_commit(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    stage_lease(s, 1001, &lease); /* notes the key's use */
    uint64_t loads = store_memory_loads(s->keeper.store);
    uint64_t commits = store_memory_commits(s->keeper.store);
    stage_lease(s, 1001, &lease);
    assert_int_equal(store_memory_loads(s->keeper.store) - loads, 1);
    assert_int_equal(store_memory_commits(s->keeper.store) - commits, 1);
    stage_free(s);
}

static void
everything_holds_when_commits_abort_and_answers_are_lost(void **state)
{
    struct admin_portal ask = {.app = STR("crm"), .portal = 1001};
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct stage *s = stage_new();
        store_memory_disturb(
            s->keeper.store,
            &(struct store_disturbance){
                .seed = seed, .conflict_per_mille = 60, .lost_per_mille = 150});
        stage_connect(s, 1001);
        stage_lease(s, 1001, &lease);
        assert_int_equal(lease.err, ERR_OK);
        s->now_ms += 1800000;
        stage_lease(s, 1001, &lease);
        assert_string_equal(lease.token, "access-2");
        assert_int_equal(s->n_errands[ERRAND_REFRESH], 1);
        stage_admin(s, ADMIN_PORTAL_DISCONNECT, &ask, &done);
        assert_non_null(strstr(done.json, "\"remote\":\"done\""));
        stage_admin(s, ADMIN_AUDIT_VERIFY, &(struct admin_audit){0}, &done);
        assert_non_null(strstr(done.json, "\"broken_at\":0"));
        stage_free(s);
    }
}

static void
a_keeper_that_dies_during_a_refresh_takes_its_lease_over(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    s->now_ms += 1800000;
    s->holds_errands = true;
    stage_lease(s, 1001, &lease);
    assert_int_equal(s->n_errands[ERRAND_REFRESH], 1);
    s->now_ms += 1000;
    stage_rebirth(s);
    stage_lease(s, 1001, &lease);
    assert_int_equal(s->n_errands[ERRAND_REFRESH], 2);
    assert_int_equal(lease.err, ERR_OK);
    stage_free(s);
}

static void
a_committed_reply_becomes_a_grant_after_a_crash(void **state)
{
    struct stage *s = stage_new();
    static struct heard unheard;
    (void)state;
    stage_session(s, "", "", 0, &session);
    stage_begin(s, session.json, &begun);
    s->answer[ERRAND_INTROSPECT].outcome = 0;
    stage_finish(s, &begun, "code-1", &unheard);
    stage_rebirth(s);
    stage_lease(s, 1001, &lease);
    assert_int_equal(lease.err, ERR_OK);
    stage_free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_install_ends_in_a_grant_that_serves),
        cmocka_unit_test(an_attempt_is_good_for_one_browser_once),
        cmocka_unit_test(an_attempt_ends_after_ten_minutes_and_leaves_nothing),
        cmocka_unit_test(a_session_for_one_portal_turns_others_away),
        cmocka_unit_test(introspection_may_fail_without_failing_the_install),
        cmocka_unit_test(many_callers_of_an_expired_grant_cost_one_refresh),
        cmocka_unit_test(
            a_used_grant_is_refreshed_ahead_of_time_and_an_unused_one_is_not),
        cmocka_unit_test(
            a_failing_refresh_is_repeated_while_the_old_token_serves),
        cmocka_unit_test(callers_hear_in_time_that_hubspot_is_away),
        cmocka_unit_test(a_refused_refresh_is_a_sign_and_a_reconnect_heals_it),
        cmocka_unit_test(wrong_credentials_disconnect_nobody),
        cmocka_unit_test(many_refusals_within_an_hour_change_no_state),
        cmocka_unit_test(a_callers_401_refreshes_once_and_not_a_new_token),
        cmocka_unit_test(
            letting_go_uninstalls_revokes_erases_and_gives_a_receipt),
        cmocka_unit_test(
            an_unreachable_hubspot_leaves_only_the_refresh_token_for_72_hours),
        cmocka_unit_test(
            a_portal_that_comes_back_while_its_end_is_pending_ends_again),
        cmocka_unit_test(a_revoked_key_is_refused),
        cmocka_unit_test(a_token_costs_one_load_and_one_commit),
        cmocka_unit_test(
            everything_holds_when_commits_abort_and_answers_are_lost),
        cmocka_unit_test(
            a_keeper_that_dies_during_a_refresh_takes_its_lease_over),
        cmocka_unit_test(a_committed_reply_becomes_a_grant_after_a_crash),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

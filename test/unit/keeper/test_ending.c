#include "stage.h"

#include "keeper/grant.h"
#include "keeper/turn.h"

#include <stdio.h>
#include <unistd.h>

/* What went wrong with letting go once, and must not again. */

#define LIFE_MS 1800000

static struct heard lease, answer, other, begun, session;

static void
refuse(struct stage *s, enum errand_kind kind, uint32_t outcome)
{
    s->answer[kind] = (struct stage_answer){.outcome = outcome};
}

static void
ask_disconnect(struct stage *s, struct heard *out)
{
    struct admin_portal ask = {.app = STR("crm"), .portal = 1001};
    stage_ask_admin(s, ADMIN_PORTAL_DISCONNECT, &ask, out);
}

static void
expect_nothing_left(struct stage *s)
{
    assert_int_equal(stage_count(s, STORE_GRANTS), 0);
    assert_int_equal(stage_count(s, STORE_DATA_KEYS), 0);
    assert_int_equal(stage_count(s, STORE_ENDINGS), 0);
    stage_check(s);
}

static void
two_deletes_at_once_both_get_the_receipt(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    ask_disconnect(s, &answer);
    ask_disconnect(s, &other);
    stage_settle(s);
    assert_int_equal(answer.err, ERR_OK);
    assert_int_equal(other.err, ERR_OK);
    assert_string_equal(answer.json, other.json);
    assert_non_null(strstr(answer.json, "\"remote\":\"done\""));
    assert_int_equal(s->n_errands[ERRAND_UNINSTALL], 1);
    stage_disconnect(s, 1001, &answer); /* later, there is nothing */
    assert_int_equal(answer.err, ERR_NOT_FOUND);
    expect_nothing_left(s);
    stage_free(s);
}

static void
who_asked_for_an_end_that_another_overtook_gets_its_receipt(void **state)
{
    struct stage *s = stage_new();
    struct admin_portal ask = {.app = STR("crm"), .portal = 1001};
    (void)state;
    stage_connect(s, 1001);
    s->holds_errands = true;
    stage_disconnect(s, 1001, &answer);
    stage_admin(s, ADMIN_PORTAL_ERASE, &ask, &other);
    assert_int_equal(other.err, ERR_OK);
    assert_false(answer.has_answer);
    stage_release(s);
    assert_int_equal(answer.err, ERR_OK);
    assert_string_equal(answer.json, other.json);
    expect_nothing_left(s);
    stage_free(s);
}

static void
a_late_second_delete_does_not_uninstall_again(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    s->holds_errands = true;
    stage_disconnect(s, 1001, &answer);
    stage_disconnect(s, 1001, &other);
    stage_later(s, 20000);
    assert_int_equal(other.err, ERR_UNAVAILABLE);
    assert_int_equal(s->n_errands[ERRAND_UNINSTALL], 1);
    stage_release(s);
    assert_int_equal(answer.err, ERR_OK);
    expect_nothing_left(s);
    stage_free(s);
}

static void
a_delete_waits_for_the_refresh_that_runs(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    stage_lease(s, 1001, &lease);
    s->holds_errands = true;
    stage_later(s, 1500000); /* ahead of time: the old token still serves */
    assert_int_equal(s->n_errands[ERRAND_REFRESH], 1);
    stage_disconnect(s, 1001, &answer);
    assert_int_equal(s->n_errands[ERRAND_UNINSTALL], 0);
    stage_release_one(s, ERRAND_REFRESH);
    assert_string_equal(s->sent[ERRAND_UNINSTALL], "access-2");
    stage_release(s);
    assert_string_equal(s->sent[ERRAND_REVOKE], "refresh-2");
    assert_non_null(strstr(answer.json, "\"remote\":\"done\""));
    expect_nothing_left(s);
    stage_free(s);
}

static void
a_refusal_that_comes_while_letting_go_does_not_stop_it(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    stage_lease(s, 1001, &lease);
    s->holds_errands = true;
    stage_later(s, 1500000);
    stage_disconnect(s, 1001, &answer);
    stage_later(s, 20000); /* it waits no longer for the refresh */
    assert_int_equal(s->n_errands[ERRAND_UNINSTALL], 1);
    refuse(s, ERRAND_REFRESH, OUTCOME_TOKEN_ENDED);
    stage_release_one(s, ERRAND_REFRESH);
    stage_release(s);
    assert_int_equal(answer.err, ERR_OK);
    expect_nothing_left(s);
    stage_free(s);
}

static void
a_token_that_comes_after_the_erasure_is_revoked(void **state)
{
    struct stage *s = stage_new();
    struct admin_portal ask = {.app = STR("crm"), .portal = 1001};
    (void)state;
    stage_connect(s, 1001);
    s->now_ms += LIFE_MS;
    s->holds_errands = true;
    stage_lease(s, 1001, &lease);
    stage_admin(s, ADMIN_PORTAL_ERASE, &ask, &answer);
    assert_int_equal(answer.err, ERR_OK);
    assert_int_equal(lease.err, ERR_NOT_FOUND);
    stage_release(s);
    assert_string_equal(s->sent[ERRAND_REVOKE], "refresh-2");
    expect_nothing_left(s);
    stage_free(s);
}

static void
a_token_that_comes_after_a_pending_end_is_what_ends_it(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    s->now_ms += LIFE_MS;
    s->holds_errands = true;
    stage_disconnect(s, 1001, &answer);
    stage_later(s, 20000);
    assert_non_null(strstr(answer.json, "\"remote\":\"pending\""));
    stage_release(s); /* HubSpot rotated: the kept token is void */
    stage_later(s, 61000);
    assert_string_equal(s->sent[ERRAND_REFRESH], "refresh-2");
    stage_settle(s);
    expect_nothing_left(s);
    stage_free(s);
}

static void
a_customer_who_comes_back_is_not_uninstalled_by_the_end_before(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    refuse(s, ERRAND_UNINSTALL, OUTCOME_TRANSIENT);
    stage_disconnect(s, 1001, &answer);
    assert_int_equal(stage_count(s, STORE_ENDINGS), 1);
    refuse(s, ERRAND_UNINSTALL, 0);
    stage_connect(s, 1001);
    for (int i = 0; i < 80; i++)
        stage_later(s, 3600000);
    assert_int_equal(s->n_errands[ERRAND_UNINSTALL], 1);
    assert_int_equal(stage_count(s, STORE_ENDINGS), 0);
    assert_int_equal(stage_count_audit(s, "erase", "reconnected"), 1);
    stage_lease(s, 1001, &lease);
    assert_int_equal(lease.err, ERR_OK);
    stage_check(s);
    stage_free(s);
}

static void
an_install_during_the_end_takes_its_place_after_it(void **state)
{
    struct stage *s = stage_new();
    struct grant old, new;
    (void)state;
    stage_connect(s, 1001);
    stage_grant(s, 1001, &old, NULL);
    s->holds_errands = true;
    stage_disconnect(s, 1001, &answer);
    stage_session(s, "", "", 0, &session);
    stage_begin(s, session.json, &begun);
    stage_finish(s, &begun, "code-2", &other);
    stage_release_one(s, ERRAND_EXCHANGE);
    stage_release_one(s, ERRAND_INTROSPECT);
    assert_false(other.has_answer);
    stage_release_one(s, ERRAND_UNINSTALL);
    stage_release_one(s, ERRAND_REVOKE);
    assert_int_equal(answer.err, ERR_OK);
    assert_int_equal(other.page, PAGE_CONNECTED);
    stage_grant(s, 1001, &new, NULL);
    assert_true(new.generation > old.generation);
    stage_release(s);
    stage_check(s);
    stage_free(s);
}

static void
an_install_that_overtakes_a_stuck_end_is_told_to_who_asked(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    s->holds_errands = true;
    stage_disconnect(s, 1001, &answer);
    stage_session(s, "", "", 0, &session);
    stage_begin(s, session.json, &begun);
    stage_finish(s, &begun, "code-2", &other);
    stage_release_one(s, ERRAND_EXCHANGE);
    stage_release_one(s, ERRAND_INTROSPECT);
    stage_later(s, 20000);
    assert_int_equal(other.page, PAGE_CONNECTED);
    stage_release(s);
    assert_int_equal(answer.err, ERR_CONFLICT);
    stage_lease(s, 1001, &lease);
    assert_int_equal(lease.err, ERR_OK);
    stage_check(s);
    stage_free(s);
}

static void
an_end_of_a_keeper_that_died_goes_on_with_its_word(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    s->holds_errands = true;
    stage_disconnect(s, 1001, &answer);
    stage_rebirth(s);
    stage_lease(s, 1001, &lease);
    assert_int_equal(lease.err, ERR_NOT_FOUND); /* serves nobody */
    stage_later(s, 61000);
    struct admin_page all = {.app = STR("crm")};
    stage_admin(s, ADMIN_RECEIPTS_LIST, &all, &answer);
    assert_non_null(strstr(answer.json, "\"on_word_of\":\"uid:0\""));
    expect_nothing_left(s);
    stage_free(s);
}

static void
an_end_goes_on_soon_after_its_app_is_back_in_the_configuration(void **state)
{
    struct stage *s = stage_new();
    struct buf auto_buf problem = {0};
    (void)state;
    buf_init(&problem, 1024);
    stage_connect(s, 1001);
    s->holds_errands = true;
    stage_disconnect(s, 1001, &answer);
    s->lacks_app = true;
    stage_rebirth(s);
    stage_later(s, 61000);
    assert_int_equal(stage_count(s, STORE_GRANTS), 1);
    s->lacks_app = false;
    assert_int_equal(stage_reload(s, &problem), ERR_OK);
    stage_later(s, 61000);
    expect_nothing_left(s);
    stage_free(s);
}

static void
a_delete_takes_over_the_end_of_a_keeper_that_died(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    s->holds_errands = true;
    stage_disconnect(s, 1001, &answer);
    stage_rebirth(s);
    stage_disconnect(s, 1001, &answer); /* at once, not in a minute */
    assert_int_equal(answer.err, ERR_OK);
    expect_nothing_left(s);
    stage_free(s);
}

static void
an_end_during_which_a_refresh_came_is_still_resumed(void **state)
{
    struct stage *s = stage_new();
    struct grant g;
    int64_t due;
    (void)state;
    stage_connect(s, 1001);
    stage_lease(s, 1001, &lease);
    s->holds_errands = true;
    stage_later(s, 1500000);
    stage_disconnect(s, 1001, &answer);
    stage_later(s, 20000);
    stage_release_one(s, ERRAND_REFRESH);
    stage_grant(s, 1001, &g, &due);
    assert_int_equal(g.state, GRANT_ERASING);
    assert_true(due != STORE_NEVER);
    stage_rebirth(s);
    stage_later(s, 61000);
    expect_nothing_left(s);
    stage_free(s);
}

static void
two_erasures_in_the_same_moment_have_two_receipts(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    for (int i = 0; i < 2; i++) {
        stage_connect(s, 1001);
        stage_disconnect(s, 1001, &answer);
        assert_int_equal(answer.err, ERR_OK);
    }
    assert_int_equal(stage_count(s, STORE_RECEIPTS), 2);
    expect_nothing_left(s);
    stage_free(s);
}

static void
a_reply_for_the_grant_before_an_erasure_is_not_the_new_ones(void **state)
{
    struct stage *s = stage_new();
    struct admin_portal ask = {.app = STR("crm"), .portal = 1001};
    (void)state;
    stage_connect(s, 1001);
    s->now_ms += LIFE_MS;
    s->holds_errands = true;
    stage_lease(s, 1001, &lease);
    stage_admin(s, ADMIN_PORTAL_ERASE, &ask, &answer);
    s->holds_errands = false;
    stage_connect(s, 1001);
    stage_release(s);
    stage_lease(s, 1001, &lease);
    assert_string_equal(lease.token, "access-2");
    stage_check(s);
    stage_free(s);
}

static size_t
count_lines(struct stage *s, char *text, size_t room)
{
    ssize_t n = pread(s->erasures_fd, text, room - 1, 0);
    size_t lines = 0;
    assert_true(n >= 0);
    text[n] = '\0';
    for (ssize_t i = 0; i < n; i++)
        lines += text[i] == '\n';
    return lines;
}

static void
the_erasure_list_is_completed_after_a_crash_before_the_line(void **state)
{
    struct stage *s = stage_new();
    char text[512];
    int list = s->erasures_fd;
    (void)state;
    stage_connect(s, 1001);
    /* As good as a crash between commit and line: it cannot be written. */
    s->keeper.erasures_fd = 9999;
    stage_disconnect(s, 1001, &answer);
    assert_int_equal(answer.err, ERR_OK);
    assert_int_equal(count_lines(s, text, sizeof(text)), 0);
    s->erasures_fd = list;
    stage_rebirth(s);
    stage_ticks(s, 700);
    assert_int_equal(count_lines(s, text, sizeof(text)), 1);
    assert_memory_equal(text, "crm 1001 ", 9);
    stage_ticks(s, 1300); /* once is enough */
    assert_int_equal(count_lines(s, text, sizeof(text)), 1);
    stage_free(s);
}

static void
a_revoke_that_our_credentials_do_not_allow_stays_pending(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    refuse(s, ERRAND_REVOKE, OUTCOME_OUR_FAULT);
    stage_disconnect(s, 1001, &answer);
    assert_non_null(strstr(answer.json, "\"remote\":\"pending\""));
    refuse(s, ERRAND_REVOKE, 0);
    stage_later(s, 61000);
    expect_nothing_left(s);
    stage_free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_deletes_at_once_both_get_the_receipt),
        cmocka_unit_test(
            who_asked_for_an_end_that_another_overtook_gets_its_receipt),
        cmocka_unit_test(a_late_second_delete_does_not_uninstall_again),
        cmocka_unit_test(a_delete_waits_for_the_refresh_that_runs),
        cmocka_unit_test(
            a_refusal_that_comes_while_letting_go_does_not_stop_it),
        cmocka_unit_test(a_token_that_comes_after_the_erasure_is_revoked),
        cmocka_unit_test(
            a_token_that_comes_after_a_pending_end_is_what_ends_it),
        cmocka_unit_test(
            a_customer_who_comes_back_is_not_uninstalled_by_the_end_before),
        cmocka_unit_test(an_install_during_the_end_takes_its_place_after_it),
        cmocka_unit_test(
            an_install_that_overtakes_a_stuck_end_is_told_to_who_asked),
        cmocka_unit_test(an_end_of_a_keeper_that_died_goes_on_with_its_word),
        cmocka_unit_test(
            an_end_goes_on_soon_after_its_app_is_back_in_the_configuration),
        cmocka_unit_test(a_delete_takes_over_the_end_of_a_keeper_that_died),
        cmocka_unit_test(an_end_during_which_a_refresh_came_is_still_resumed),
        cmocka_unit_test(two_erasures_in_the_same_moment_have_two_receipts),
        cmocka_unit_test(
            a_reply_for_the_grant_before_an_erasure_is_not_the_new_ones),
        cmocka_unit_test(
            the_erasure_list_is_completed_after_a_crash_before_the_line),
        cmocka_unit_test(
            a_revoke_that_our_credentials_do_not_allow_stays_pending),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

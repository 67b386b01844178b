#include "stage.h"

#include "keeper/apps.h"
#include "keeper/errands.h"
#include "keeper/grant.h"

#include <stdlib.h>

/* What went wrong with refreshes once, and must not again. */

#define LIFE_MS 1800000
#define HOUR_MS 3600000

static struct heard lease, answer;

static void
refuse(struct stage *s, enum errand_kind kind, uint32_t outcome)
{
    s->answer[kind] = (struct stage_answer){.outcome = outcome};
}

/* A grant whose refresh is under way. */
static struct stage *
stage_with_refresh(struct heard *waiting)
{
    struct stage *s = stage_new();
    stage_connect(s, 1001);
    s->now_ms += LIFE_MS;
    s->holds_errands = true;
    stage_lease(s, 1001, waiting);
    assert_int_equal(s->n_errands[ERRAND_REFRESH], 1);
    return s;
}

static void
ask_refresh(struct stage *s, struct heard *out)
{
    struct admin_portal ask = {.app = STR("crm"), .portal = 1001};
    stage_admin(s, ADMIN_PORTAL_REFRESH, &ask, out);
}

static void
a_refresh_that_is_asked_for_is_made_however_young_the_token_is(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    for (unsigned i = 1; i <= 3; i++) {
        ask_refresh(s, &answer);
        assert_int_equal(answer.err, ERR_OK);
        assert_int_equal(s->n_errands[ERRAND_REFRESH], i);
        assert_non_null(strstr(answer.json, "\"ref\":\"tenant-1\""));
        stage_lease(s, 1001, &lease);
        assert_int_equal(lease.version, 1 + i);
    }
    stage_free(s);
}

static void
relays_hear_of_a_refresh_that_changes_scopes_and_of_no_other(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    const struct {
        const char *scopes;
        bool is_told;
    } rows[] = {{"crm.objects.contacts.read oauth", false},
                {"oauth", true},
                {"oauth", false},
                {"oauth crm.objects.deals.read", true}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t n_before = s->n_replaced;
        s->scopes = rows[i].scopes;
        s->now_ms += LIFE_MS;
        stage_lease(s, 1001, &lease);
        assert_int_equal(lease.err, ERR_OK);
        assert_int_equal(s->n_replaced - n_before, rows[i].is_told);
    }
    stage_free(s);
}

static void
a_refresh_that_ran_already_is_not_the_one_that_is_asked_for(void **state)
{
    struct stage *s = stage_with_refresh(&lease);
    static struct heard second;
    (void)state;
    ask_refresh(s, &answer);
    ask_refresh(s, &second);
    stage_release_one(s, ERRAND_REFRESH);
    assert_int_equal(lease.err, ERR_OK);
    assert_false(answer.has_answer);
    assert_int_equal(stage_n_held(s), 1); /* one for both */
    stage_release(s);
    assert_int_equal(answer.err, ERR_OK);
    assert_int_equal(second.err, ERR_OK);
    assert_int_equal(s->n_errands[ERRAND_REFRESH], 2);
    stage_free(s);
}

static void
a_spare_is_not_yet_the_refresh_that_is_asked_for(void **state)
{
    struct stage *s = stage_with_refresh(&lease);
    (void)state;
    s->holds_errands = false;
    stage_connect(s, 1001); /* while the refresh is under way */
    stage_release(s);
    s->holds_errands = true;
    ask_refresh(s, &answer);
    refuse(s, ERRAND_REFRESH, OUTCOME_TOKEN_ENDED);
    stage_release_one(s, ERRAND_REFRESH);
    assert_false(answer.has_answer);
    refuse(s, ERRAND_REFRESH, 0);
    stage_release(s);
    assert_int_equal(answer.err, ERR_OK);
    assert_string_equal(s->sent[ERRAND_REFRESH], "refresh-3");
    stage_free(s);
}

static void
a_token_without_life_is_not_asked_for_again_and_again(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    s->now_ms += LIFE_MS;
    s->expires_in = 0;
    stage_lease(s, 1001, &lease);
    stage_ticks(s, 50); /* five seconds */
    assert_in_range(s->n_errands[ERRAND_REFRESH], 1, 6);
    stage_ticks(s, 160);
    assert_int_equal(lease.err, ERR_UNREACHABLE);
    s->expires_in = 1800;
    stage_ticks(s, 600);
    stage_lease(s, 1001, &lease);
    assert_int_equal(lease.err, ERR_OK);
    stage_free(s);
}

static void
one_wrong_secret_counts_once_however_many_refreshes_were_under_way(void **state)
{
    struct stage *s = stage_new();
    static struct heard all[20];
    (void)state;
    for (uint64_t portal = 1; portal <= 20; portal++)
        stage_connect(s, portal);
    s->now_ms += LIFE_MS;
    s->holds_errands = true;
    for (uint64_t portal = 1; portal <= 20; portal++)
        stage_ask_lease(s, portal, 0, &all[portal - 1]);
    stage_settle(s);
    refuse(s, ERRAND_REFRESH, OUTCOME_OUR_FAULT);
    stage_release(s);
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(all[i].err, ERR_CONFIG);
        assert_in_range(all[i].retry_after_s, 20, 40); /* 30 s, jittered */
    }
    refuse(s, ERRAND_REFRESH, 0);
    s->now_ms += 40000;
    stage_lease(s, 1, &lease);
    assert_int_equal(lease.err, ERR_OK);
    stage_free(s);
}

static void
an_endless_retry_after_is_not_believed(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    s->now_ms += LIFE_MS;
    s->answer[ERRAND_REFRESH] =
        (struct stage_answer){.outcome = OUTCOME_THROTTLED,
                              .http_status = 429,
                              .retry_after_s = UINT32_MAX};
    stage_lease(s, 1001, &lease);
    refuse(s, ERRAND_REFRESH, 0);
    stage_later(s, 21000);
    assert_int_equal(lease.err, ERR_THROTTLED);
    assert_in_range(lease.retry_after_s, 500, 610);
    s->now_ms += 601000;
    stage_lease(s, 1001, &lease);
    assert_int_equal(lease.err, ERR_OK);
    stage_free(s);
}

static void
an_account_that_hubspot_moves_does_not_hold_others_back(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    stage_connect(s, 1002);
    s->now_ms += LIFE_MS;
    s->answer[ERRAND_REFRESH] = (struct stage_answer){
        .outcome = OUTCOME_THROTTLED, .http_status = 477, .retry_after_s = 300};
    stage_lease(s, 1001, &lease);
    refuse(s, ERRAND_REFRESH, 0);
    stage_lease(s, 1002, &answer);
    assert_int_equal(answer.err, ERR_OK);
    stage_later(s, 21000);
    assert_int_equal(lease.err, ERR_THROTTLED);
    assert_in_range(lease.retry_after_s, 270, 300);
    stage_free(s);
}

static void
many_grants_due_at_once_do_not_burst(void **state)
{
    enum { N = 200 };
    struct stage *s = stage_new();
    (void)state;
    for (uint64_t portal = 1; portal <= N; portal++) {
        stage_connect(s, portal);
        stage_lease(s, portal, &lease);
    }
    s->now_ms += LIFE_MS - 60000;
    s->holds_errands = true;
    unsigned before = 0;
    for (int tick = 0; tick < 40; tick++) {
        stage_ticks(s, 1);
        assert_in_range(s->n_errands[ERRAND_REFRESH] - before, 0, 10);
        before = s->n_errands[ERRAND_REFRESH];
    }
    assert_in_range(before, 30, 42); /* callers' errands have room */
    stage_release(s);
    for (int tick = 0; tick < 40; tick++)
        stage_ticks(s, 1);
    assert_int_equal(s->n_errands[ERRAND_REFRESH], N);
    stage_free(s);
}

static void
grants_of_an_unconfigured_app_do_not_hide_others(void **state)
{
    struct stage *s = stage_new();
    struct buf auto_buf problem = {0};
    (void)state;
    buf_init(&problem, 1024);
    for (uint64_t portal = 1; portal <= 70; portal++) {
        stage_connect(s, portal);
        stage_lease(s, portal, &lease);
    }
    s->now_ms += LIFE_MS;
    s->lacks_app = true;
    assert_int_equal(stage_reload(s, &problem), ERR_OK);
    stage_ticks(s, 20);
    uint64_t commits = store_memory_commits(s->keeper.store);
    stage_ticks(s, 20); /* and nothing spins */
    assert_int_equal(store_memory_commits(s->keeper.store), commits);
    stage_free(s);
}

static void
a_breaker_does_not_make_the_sweep_spin(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    for (uint64_t portal = 1; portal <= 70; portal++) {
        stage_connect(s, portal);
        stage_lease(s, portal, &lease);
    }
    refuse(s, ERRAND_REFRESH, OUTCOME_OUR_FAULT);
    s->now_ms += LIFE_MS - 120000;
    stage_ticks(s, 20);
    assert_in_range(s->n_errands[ERRAND_REFRESH], 1, 20);
    uint64_t commits = store_memory_commits(s->keeper.store);
    stage_ticks(s, 20);
    assert_in_range(store_memory_commits(s->keeper.store) - commits, 0, 1);
    refuse(s, ERRAND_REFRESH, 0);
    stage_ticks(s, 800); /* it lets up, and all come by themselves */
    for (uint64_t portal = 1; portal <= 70; portal++) {
        struct grant g;
        stage_grant(s, portal, &g, NULL);
        assert_true(grant_is_fresh(&g, s->now_ms / 1000));
    }
    stage_free(s);
}

static void
a_clock_that_is_set_back_does_not_stop_the_schedule(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    stage_ticks(s, 10);
    s->wall_ms -= 10 * (int64_t)HOUR_MS;
    stage_ticks(s, 610);
    uint64_t sessions = stage_count(s, STORE_SESSIONS);
    stage_session(s, "", "", 0, &answer);
    assert_int_equal(stage_count(s, STORE_SESSIONS), sessions + 1);
    s->wall_ms += 25 * (int64_t)HOUR_MS;
    stage_ticks(s, 20);
    assert_int_equal(stage_count(s, STORE_SESSIONS), 0);
    stage_free(s);
}

static void
a_lease_during_a_retry_keeps_what_is_planned(void **state)
{
    struct stage *s = stage_new();
    struct grant g;
    int64_t due, later;
    (void)state;
    stage_connect(s, 1001);
    stage_lease(s, 1001, &lease);
    refuse(s, ERRAND_REFRESH, OUTCOME_TRANSIENT);
    stage_later(s, 1500000);
    stage_grant(s, 1001, &g, &due);
    assert_int_equal(due, g.retry_at_ms);
    stage_lease(s, 1001, &lease);
    assert_int_equal(lease.err, ERR_OK);
    stage_grant(s, 1001, &g, &later);
    assert_int_equal(later, due);
    stage_free(s);
}

/* One app's guard, without a keeper. */
static unsigned
count_trusted(struct app *a, uint64_t n_grants, uint64_t from, uint64_t to,
              int64_t now_ms)
{
    unsigned n = 0;
    for (uint64_t portal = from; portal <= to; portal++)
        n += app_trusts_refusal(a, portal, n_grants, now_ms);
    return n;
}

static void
the_guard_against_mass_refusals_works_for_large_apps(void **state)
{
    struct life_app conf = {.name = STR("crm")};
    struct app a = {.conf = &conf};
    (void)state;
    assert_in_range(count_trusted(&a, 20000, 1, 3000, 0), 1000, 1000);
    free(a.refusals);
}

static void
the_guard_holds_as_long_as_grants_are_refused(void **state)
{
    struct life_app conf = {.name = STR("crm")};
    struct app a = {.conf = &conf};
    (void)state;
    /* Those trusted are asked about once a day, the others again and again. */
    unsigned n = count_trusted(&a, 1000, 1, 1000, 0);
    assert_int_equal(n, 50);
    for (int64_t minute = 1; minute < 300; minute++)
        assert_int_equal(count_trusted(&a, 1000, 51, 1000, minute * 60000), 0);
    /* An hour after the trouble's end one refusal is a sign again. */
    assert_true(app_trusts_refusal(&a, 7, 1000, 400 * 60000));
    free(a.refusals);
}

static void
the_guard_outlives_a_reload(void **state)
{
    struct stage *s = stage_new();
    struct buf auto_buf problem = {0};
    (void)state;
    buf_init(&problem, 1024);
    for (uint64_t portal = 1; portal <= 8; portal++)
        stage_connect(s, portal);
    refuse(s, ERRAND_REFRESH, OUTCOME_TOKEN_ENDED);
    s->now_ms += LIFE_MS;
    for (uint64_t portal = 1; portal <= 4; portal++)
        stage_lease(s, portal, &lease);
    assert_int_equal(stage_reload(s, &problem), ERR_OK);
    for (uint64_t portal = 3; portal <= 8; portal++)
        stage_lease(s, portal, &lease);
    unsigned n_ended = 0;
    for (uint64_t portal = 1; portal <= 8; portal++) {
        struct grant g;
        stage_grant(s, portal, &g, NULL);
        n_ended += g.state == GRANT_NEEDS_RECONNECT;
    }
    assert_int_equal(n_ended, 2);
    stage_check(s);
    stage_free(s);
}

static void
held_signs_erase_nobody_while_the_apps_credentials_are_in_doubt(void **state)
{
    struct stage *s = stage_new();
    struct grant g;
    (void)state;
    stage_connect(s, 1001);
    stage_connect(s, 1002);
    refuse(s, ERRAND_REFRESH, OUTCOME_TOKEN_ENDED);
    refuse(s, ERRAND_INTROSPECT, OUTCOME_INACTIVE);
    s->now_ms += LIFE_MS;
    stage_lease(s, 1001, &lease);
    assert_int_equal(lease.err, ERR_NEEDS_RECONNECT);
    refuse(s, ERRAND_REFRESH, OUTCOME_OUR_FAULT);
    s->now_ms += 8 * 24 * (int64_t)HOUR_MS;
    stage_lease(s, 1002, &lease);
    assert_int_equal(lease.err, ERR_CONFIG);
    stage_later(s, 1000);
    stage_grant(s, 1001, &g, NULL);
    refuse(s, ERRAND_REFRESH, 0);
    stage_later(s, 601000);
    stage_lease(s, 1002, &lease);
    assert_int_equal(lease.err, ERR_OK);
    stage_later(s, 25 * (int64_t)HOUR_MS);
    assert_int_equal(stage_count(s, STORE_RECEIPTS), 1);
    stage_check(s);
    stage_free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_refresh_that_is_asked_for_is_made_however_young_the_token_is),
        cmocka_unit_test(
            relays_hear_of_a_refresh_that_changes_scopes_and_of_no_other),
        cmocka_unit_test(
            a_refresh_that_ran_already_is_not_the_one_that_is_asked_for),
        cmocka_unit_test(a_spare_is_not_yet_the_refresh_that_is_asked_for),
        cmocka_unit_test(a_token_without_life_is_not_asked_for_again_and_again),
        cmocka_unit_test(
            one_wrong_secret_counts_once_however_many_refreshes_were_under_way),
        cmocka_unit_test(an_endless_retry_after_is_not_believed),
        cmocka_unit_test(
            an_account_that_hubspot_moves_does_not_hold_others_back),
        cmocka_unit_test(many_grants_due_at_once_do_not_burst),
        cmocka_unit_test(grants_of_an_unconfigured_app_do_not_hide_others),
        cmocka_unit_test(a_breaker_does_not_make_the_sweep_spin),
        cmocka_unit_test(a_clock_that_is_set_back_does_not_stop_the_schedule),
        cmocka_unit_test(a_lease_during_a_retry_keeps_what_is_planned),
        cmocka_unit_test(the_guard_against_mass_refusals_works_for_large_apps),
        cmocka_unit_test(the_guard_holds_as_long_as_grants_are_refused),
        cmocka_unit_test(the_guard_outlives_a_reload),
        cmocka_unit_test(
            held_signs_erase_nobody_while_the_apps_credentials_are_in_doubt),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "stage.h"

#include "keeper/event_log.h"
#include "keeper/grant.h"
#include "keeper/parcel.h"

#include <inttypes.h>
#include <stdio.h>

/* HubSpot says that the app was uninstalled. */

#define MINUTE 60000
#define HOUR 3600000

static struct heard heard, session, begun, done;
static uint32_t grace_s;

static void
with_grace(struct life_app *crm)
{
    crm->erase_grace_s = grace_s;
}

static void
say(struct stage *s, int64_t occurred_at_ms)
{
    static unsigned n;
    char json[256];
    (void)snprintf(json, sizeof(json),
                   "[{\"eventId\":%u,\"portalId\":1001,\"occurredAt\":%" PRId64
                   ",\"subscriptionType\":\"app.uninstall\"}]",
                   ++n, occurred_at_ms);
    stage_take(s, json);
}

static void
answer(struct stage *s, uint32_t outcome)
{
    s->answer[ERRAND_INTROSPECT] = (struct stage_answer){.outcome = outcome};
}

static struct stage *
connected(uint32_t grace)
{
    struct stage *s = stage_new();
    struct buf auto_buf problem;
    buf_init(&problem, 1024);
    grace_s = grace;
    s->edit_app = with_grace;
    assert_int_equal(stage_reload(s, &problem), ERR_OK);
    stage_connect(s, 1001);
    s->n_errands[ERRAND_INTROSPECT] = 0;
    return s;
}

static bool
is_there(struct stage *s)
{
    return stage_count(s, STORE_GRANTS) > 0;
}

static unsigned
count_notices(struct stage *s, uint32_t kind)
{
    struct store_ask ask = {
        .table = STORE_EVENTS, .by = STORE_BY_PREFIX, .limit = 1000};
    unsigned n = 0;
    assert_int_equal(store_load(s->keeper.store, &ask, 1, s->arena), ERR_OK);
    for (size_t i = 0; i < ask.n_rows; i++) {
        struct parcel p;
        assert_int_equal(
            record_decode_old(&parcel_record, ask.rows[i].body, s->arena, &p),
            ERR_OK);
        n += p.kind == kind;
    }
    return n;
}

static void
expect_receipt(struct stage *s, const char *word)
{
    struct admin_page all = {.app = STR("crm")};
    assert_false(is_there(s));
    stage_admin(s, ADMIN_RECEIPTS_LIST, &all, &heard);
    if (strstr(heard.json, word) == NULL)
        fail_msg("%s is not in %s", word, heard.json);
    assert_int_equal(count_notices(s, PARCEL_UNINSTALLED), 1);
    assert_int_equal(count_notices(s, PARCEL_ERASED), 1);
    stage_check(s);
}

static void
a_word_counts_by_its_time_and_by_what_hubspot_answers(void **state)
{
    static const struct {
        int64_t after_ms; /* the connect; INT64_MIN: it does not say */
        uint32_t outcome;
        bool is_asked, is_erased;
    } cases[] = {
        {-MINUTE - 1, OUTCOME_INACTIVE, false, false},
        {-MINUTE, OUTCOME_INACTIVE, true, true},
        {1000, OUTCOME_INACTIVE, true, true},
        {1000, OUTCOME_OK, true, false},
        {INT64_MIN, OUTCOME_INACTIVE, true, true},
        {INT64_MIN, OUTCOME_OK, true, false},
        {5000000000000, OUTCOME_OK, true, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct stage *s = connected(0);
        bool says = cases[i].after_ms != INT64_MIN;
        answer(s, cases[i].outcome);
        say(s, says ? s->now_ms + cases[i].after_ms : 0);
        stage_later(s, 100);
        assert_int_equal(s->n_errands[ERRAND_INTROSPECT], cases[i].is_asked);
        assert_int_equal(is_there(s), !cases[i].is_erased);
        if (cases[i].is_erased) {
            expect_receipt(s, "\"on_word_of\":\"hubspot push\"");
        } else {
            stage_later(s, 2 * HOUR); /* forgotten */
            assert_true(is_there(s));
            assert_int_equal(s->n_errands[ERRAND_INTROSPECT],
                             cases[i].is_asked);
        }
        stage_free(s);
    }
}

static void
with_hubspot_away_the_words_time_decides_after_an_hour(void **state)
{
    static const uint32_t outcomes[] = {OUTCOME_TRANSIENT, OUTCOME_THROTTLED,
                                        OUTCOME_OUR_FAULT};
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        struct stage *s = connected(0);
        bool is_after = i < 3;
        answer(s, outcomes[i % 3]);
        say(s, s->now_ms + (is_after ? 1000 : -30000));
        for (int m = 0; m < 58; m++) {
            stage_later(s, MINUTE);
            assert_true(is_there(s));
        }
        for (int m = 0; m < 4; m++)
            stage_later(s, MINUTE);
        assert_int_equal(is_there(s), !is_after);
        if (is_after)
            expect_receipt(s, "hubspot push");
        stage_free(s);
    }
}

static void
a_word_said_twice_is_one(void **state)
{
    struct stage *s = connected(0);
    (void)state;
    answer(s, OUTCOME_INACTIVE);
    say(s, s->now_ms);
    say(s, s->now_ms + 1);
    stage_later(s, 100);
    expect_receipt(s, "hubspot push");
    say(s, s->now_ms); /* and a third time, when it is gone */
    stage_later(s, 100);
    assert_int_equal(stage_count(s, STORE_RECEIPTS), 1);
    assert_int_equal(stage_event_log(s).n_erased_dropped, 1);
    stage_free(s);
}

static void
a_word_also_ends_what_needs_a_reconnect(void **state)
{
    struct stage *s = connected(0);
    struct grant g;
    (void)state;
    s->answer[ERRAND_REFRESH] =
        (struct stage_answer){.outcome = OUTCOME_TOKEN_ENDED};
    s->now_ms += 1800000;
    stage_lease(s, 1001, &heard);
    stage_grant(s, 1001, &g, NULL);
    assert_int_equal(g.state, GRANT_NEEDS_RECONNECT);
    answer(s, OUTCOME_INACTIVE);
    say(s, s->now_ms);
    stage_later(s, 100);
    expect_receipt(s, "hubspot push");
    stage_free(s);
}

static void
a_grace_period_serves_nobody_and_then_ends(void **state)
{
    struct stage *s = connected(86400);
    (void)state;
    answer(s, OUTCOME_INACTIVE);
    say(s, s->now_ms);
    stage_later(s, 100);
    assert_true(is_there(s));
    stage_lease(s, 1001, &heard);
    assert_int_not_equal(heard.err, ERR_OK);
    assert_int_equal(count_notices(s, PARCEL_UNINSTALLED), 1);
    assert_int_equal(count_notices(s, PARCEL_ERASED), 0);
    for (int h = 0; h < 23; h++)
        stage_later(s, HOUR);
    assert_true(is_there(s));
    stage_later(s, HOUR);
    expect_receipt(s, "hubspot push"); /* told once of the uninstall */
    stage_free(s);
}

static void
a_grace_longer_than_signs_must_hold_is_kept(void **state)
{
    struct stage *s = connected(30 * 86400);
    (void)state;
    answer(s, OUTCOME_INACTIVE);
    say(s, s->now_ms);
    for (int d = 0; d < 29; d++)
        for (int h = 0; h < 24; h++)
            stage_later(s, HOUR);
    assert_true(is_there(s));
    for (int h = 0; h < 25; h++)
        stage_later(s, HOUR);
    expect_receipt(s, "hubspot push");
    stage_free(s);
}

static void
who_comes_back_in_the_grace_period_stays(void **state)
{
    struct stage *s = connected(86400);
    (void)state;
    stage_event(s, 1, 5);
    answer(s, OUTCOME_INACTIVE);
    say(s, s->now_ms);
    stage_later(s, 100);
    answer(s, 0);
    s->now_ms += HOUR;
    stage_session(s, "", "", 0, &session);
    stage_begin(s, session.json, &begun);
    stage_finish(s, &begun, "code-2", &done);
    assert_int_equal(done.page, PAGE_CONNECTED);
    for (int h = 0; h < 48; h++)
        stage_later(s, HOUR);
    assert_true(is_there(s));
    stage_lease(s, 1001, &heard);
    assert_int_equal(heard.err, ERR_OK);
    assert_int_equal(count_notices(s, PARCEL_HUBSPOT), 1); /* kept */
    stage_check(s);
    stage_free(s);
}

static void
what_lives_after_all_in_the_grace_period_is_not_erased(void **state)
{
    struct stage *s = connected(30 * 86400);
    (void)state;
    answer(s, OUTCOME_INACTIVE);
    say(s, s->now_ms);
    stage_later(s, 100);
    answer(s, 0); /* a daily probe sees it */
    for (int d = 0; d < 32; d++)
        for (int h = 0; h < 24; h++)
            stage_later(s, HOUR);
    assert_true(is_there(s));
    stage_lease(s, 1001, &heard);
    assert_int_equal(heard.err, ERR_OK);
    stage_check(s);
    stage_free(s);
}

static void
the_operator_may_end_a_grace_period(void **state)
{
    struct stage *s = connected(86400);
    (void)state;
    answer(s, OUTCOME_INACTIVE);
    say(s, s->now_ms);
    stage_later(s, 100);
    stage_disconnect(s, 1001, &heard);
    assert_int_equal(heard.err, ERR_OK);
    expect_receipt(s, "\"on_word_of\":\"uid:0\"");
    stage_free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_counts_by_its_time_and_by_what_hubspot_answers),
        cmocka_unit_test(
            with_hubspot_away_the_words_time_decides_after_an_hour),
        cmocka_unit_test(a_word_said_twice_is_one),
        cmocka_unit_test(a_word_also_ends_what_needs_a_reconnect),
        cmocka_unit_test(a_grace_period_serves_nobody_and_then_ends),
        cmocka_unit_test(a_grace_longer_than_signs_must_hold_is_kept),
        cmocka_unit_test(who_comes_back_in_the_grace_period_stays),
        cmocka_unit_test(
            what_lives_after_all_in_the_grace_period_is_not_erased),
        cmocka_unit_test(the_operator_may_end_a_grace_period),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "stage.h"

#include "keeper/grant.h"

#include <stdlib.h>

/* Replies that come late: after a connect, a full disk, a restart. */

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
a_reply_of_the_generation_before_is_kept_as_a_spare(void **state)
{
    struct stage *s = stage_with_refresh(&lease);
    (void)state;
    s->holds_errands = false;
    stage_connect(s, 1001); /* while the refresh is under way */
    stage_release(s);
    assert_int_equal(stage_count_audit(s, "refresh", "spare"), 1);
    /* HubSpot had taken the install's token back: the spare is the living. */
    s->now_ms += LIFE_MS;
    s->holds_errands = true;
    stage_lease(s, 1001, &lease);
    assert_string_equal(s->sent[ERRAND_REFRESH], "refresh-2");
    refuse(s, ERRAND_REFRESH, OUTCOME_TOKEN_ENDED);
    stage_release_one(s, ERRAND_REFRESH);
    refuse(s, ERRAND_REFRESH, 0);
    assert_string_equal(s->sent[ERRAND_REFRESH], "refresh-3");
    stage_release(s);
    assert_int_equal(lease.err, ERR_OK);
    stage_free(s);
}

static void
a_late_reply_of_a_restart_serves_a_refused_grant_again(void **state)
{
    struct stage *s = stage_with_refresh(&lease);
    struct grant g;
    (void)state;
    stage_spill(s);
    /* The next keeper reads it only after the same token was refused. */
    int spill = s->spill_fd;
    s->spill_fd = -1;
    stage_rebirth(s);
    refuse(s, ERRAND_REFRESH, OUTCOME_TOKEN_ENDED);
    stage_lease(s, 1001, &lease);
    assert_int_equal(lease.err, ERR_NEEDS_RECONNECT);
    s->spill_fd = spill;
    stage_rebirth(s);
    stage_grant(s, 1001, &g, NULL);
    assert_int_equal(g.state, GRANT_ACTIVE);
    stage_lease(s, 1001, &lease);
    assert_int_equal(lease.err, ERR_OK);
    assert_string_equal(lease.token, "access-2");
    stage_check(s);
    stage_free(s);
}

static void
a_spilled_reply_is_read_before_anything_is_refreshed(void **state)
{
    struct stage *s = stage_with_refresh(&lease);
    (void)state;
    stage_spill(s);
    stage_rebirth(s);
    stage_lease(s, 1001, &lease);
    assert_string_equal(lease.token, "access-2");
    assert_int_equal(s->n_errands[ERRAND_REFRESH], 1);
    stage_free(s);
}

static void
the_life_of_a_spilled_token_counts_from_when_it_came(void **state)
{
    struct stage *s = stage_with_refresh(&lease);
    int64_t came_at = s->now_ms / 1000;
    int spill = s->spill_fd;
    (void)state;
    stage_spill(s);
    s->spill_fd = -1; /* the keeper stays away for 20 minutes */
    stage_rebirth(s);
    s->now_ms += 1200000;
    s->spill_fd = spill;
    stage_rebirth(s);
    stage_lease(s, 1001, &lease);
    assert_string_equal(lease.token, "access-2");
    assert_int_equal(lease.expires_at, came_at + 1800);
    stage_free(s);
}

static void
a_spill_that_could_not_be_committed_is_not_emptied(void **state)
{
    struct stage *s = stage_with_refresh(&lease);
    struct store_disturbance full = {.is_full = true}, none = {0};
    (void)state;
    stage_spill(s);
    store_memory_disturb(s->keeper.store, &full);
    stage_rebirth(s);
    store_memory_disturb(s->keeper.store, &none);
    stage_rebirth(s); /* killed before the disk had room */
    stage_lease(s, 1001, &lease);
    assert_string_equal(lease.token, "access-2");
    assert_int_equal(s->n_errands[ERRAND_REFRESH], 1);
    stage_free(s);
}

static void
a_reply_that_waits_long_for_the_disk_outlives_the_keeper(void **state)
{
    struct stage *s = stage_with_refresh(&lease);
    struct store_disturbance full = {.is_full = true}, none = {0};
    (void)state;
    store_memory_disturb(s->keeper.store, &full);
    stage_release(s);
    int64_t from_ms = s->now_ms;
    while (s->now_ms - from_ms < 60000)
        stage_ticks(s, 11);
    store_memory_disturb(s->keeper.store, &none);
    stage_rebirth(s); /* killed before it tried again */
    stage_lease(s, 1001, &lease);
    assert_string_equal(lease.token, "access-2");
    assert_int_equal(s->n_errands[ERRAND_REFRESH], 1);
    stage_check(s);
    stage_free(s);
}

static void
a_reply_survives_a_full_disk_and_callers_are_told(void **state)
{
    struct stage *s = stage_with_refresh(&lease);
    struct store_disturbance full = {.is_full = true}, none = {0};
    (void)state;
    store_memory_disturb(s->keeper.store, &full);
    stage_release(s);
    stage_session(s, "", "", 0, &answer);
    assert_int_equal(answer.err, ERR_UNAVAILABLE);
    assert_false(lease.has_answer);
    store_memory_disturb(s->keeper.store, &none);
    stage_ticks(s, 11);
    assert_int_equal(lease.err, ERR_OK);
    stage_free(s);
}

static void
a_reply_for_an_app_that_left_the_configuration_is_kept(void **state)
{
    struct stage *s = stage_with_refresh(&lease);
    struct buf auto_buf problem = {0};
    (void)state;
    buf_init(&problem, 1024);
    s->lacks_app = true;
    assert_int_equal(stage_reload(s, &problem), ERR_OK);
    stage_release(s);
    s->lacks_app = false;
    assert_int_equal(stage_reload(s, &problem), ERR_OK);
    stage_lease(s, 1001, &lease);
    assert_int_equal(lease.err, ERR_OK);
    assert_string_equal(lease.token, "access-2");
    assert_int_equal(s->n_errands[ERRAND_REFRESH], 1);
    stage_free(s);
}

static void
a_lease_of_this_node_dies_with_its_keeper_whatever_the_clock_says(void **state)
{
    struct stage *s = stage_with_refresh(&lease);
    (void)state;
    s->wall_ms -= 10 * (int64_t)HOUR_MS; /* set back over the restart */
    stage_rebirth(s);
    stage_lease(s, 1001, &lease);
    s->wall_ms += 10 * (int64_t)HOUR_MS;
    stage_ask_lease(s, 1001, 0, &lease);
    stage_settle(s);
    assert_int_equal(s->n_errands[ERRAND_REFRESH], 2);
    assert_int_equal(lease.err, ERR_OK);
    stage_free(s);
}

static void
a_restart_within_the_same_millisecond_takes_leases_over(void **state)
{
    struct stage *s = stage_with_refresh(&lease);
    (void)state;
    stage_rebirth(s);
    stage_lease(s, 1001, &lease);
    assert_int_equal(s->n_errands[ERRAND_REFRESH], 2);
    assert_int_equal(lease.err, ERR_OK);
    stage_free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_of_the_generation_before_is_kept_as_a_spare),
        cmocka_unit_test(
            a_late_reply_of_a_restart_serves_a_refused_grant_again),
        cmocka_unit_test(a_spilled_reply_is_read_before_anything_is_refreshed),
        cmocka_unit_test(the_life_of_a_spilled_token_counts_from_when_it_came),
        cmocka_unit_test(a_spill_that_could_not_be_committed_is_not_emptied),
        cmocka_unit_test(
            a_reply_that_waits_long_for_the_disk_outlives_the_keeper),
        cmocka_unit_test(a_reply_survives_a_full_disk_and_callers_are_told),
        cmocka_unit_test(
            a_reply_for_an_app_that_left_the_configuration_is_kept),
        cmocka_unit_test(
            a_lease_of_this_node_dies_with_its_keeper_whatever_the_clock_says),
        cmocka_unit_test(
            a_restart_within_the_same_millisecond_takes_leases_over),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

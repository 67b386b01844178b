#include "stage.h"

#include "keeper/event_log.h"

#include <stdio.h>
#include <stdlib.h>

/* Events out to the app's backend, played; the keeper on a memory store. */

#define TARGET "https://app.example.com/hubspot/events"
#define HOUR_MS INT64_C(3600000)

static struct heard heard;

static struct stage *
new_stage(uint32_t batch)
{
    struct stage *s = stage_new();
    stage_connect(s, 1001);
    stage_ticks(s, 1);
    stage_set_target(s, TARGET, batch);
    return s;
}

static bool
has_event(const struct stage_post *p, unsigned number)
{
    char mark[32];
    (void)snprintf(mark, sizeof(mark), "\"#%u#\"", number);
    return strstr(p->body, mark) != NULL;
}

/* How often the event was posted. */
static unsigned
n_posts(const struct stage *s, unsigned number)
{
    unsigned n = 0;
    for (size_t i = 0; i < s->target.n; i++)
        n += has_event(&s->target.posts[i], number);
    return n;
}

static const struct stage_post *
last_post(const struct stage *s, unsigned number)
{
    for (size_t i = s->target.n; i > 0; i--)
        if (has_event(&s->target.posts[i - 1], number))
            return &s->target.posts[i - 1];
    fail_msg("event %u was not posted", number);
    return NULL;
}

/* Which post it came with; SIZE_MAX: none. */
static size_t
taken_at(const struct stage *s, unsigned number)
{
    for (size_t i = 0; i < s->target.n; i++)
        if (s->target.posts[i].status == 200 &&
            has_event(&s->target.posts[i], number))
            return i;
    return SIZE_MAX;
}

static void
an_event_comes_signed_as_hubspot_sent_it(void **state)
{
    struct stage *s = new_stage(1);
    (void)state;
    stage_event(s, 1, 55);
    assert_int_equal(s->target.n, 1);
    const struct stage_post *p = &s->target.posts[0];
    assert_non_null(
        strstr(p->body, "{\"type\":\"hubspot.event\",\"id\":\"evt_"));
    assert_non_null(strstr(p->body, "\"app\":\"crm\",\"portal\":1001"));
    assert_non_null(strstr(p->body, "\"ref\":\"tenant-1\""));
    assert_non_null(strstr(p->body, "\"source\":\"push\""));
    assert_non_null(strstr(p->body, "\"event\":{\"eventId\":1,"));
    assert_non_null(strstr(p->body, p->id));
    assert_memory_equal(p->signature, "v1,", 3);
    assert_null(strchr(p->signature, ' '));
    assert_int_equal(stage_count(s, STORE_QUEUE), 0);
    assert_int_equal(stage_event_log(s).n_pending, 0);
    assert_int_equal(stage_event_log(s).n_delivered, 1);
    stage_check(s);
    stage_free(s);
}

static void
an_object_waits_for_its_earlier_event_and_others_do_not(void **state)
{
    struct stage *s = new_stage(1);
    (void)state;
    s->target.holds = true;
    stage_event(s, 1, 55);
    stage_event(s, 2, 55);
    stage_event(s, 3, 66);
    assert_int_equal(s->target.n, 2);
    assert_int_equal(n_posts(s, 1), 1);
    assert_int_equal(n_posts(s, 2), 0);
    assert_int_equal(n_posts(s, 3), 1);
    stage_answer_posts(s, 200);
    assert_int_equal(n_posts(s, 2), 1);
    stage_free(s);
}

static void
a_merge_waits_for_all_of_its_objects_and_they_for_it(void **state)
{
    struct stage *s = new_stage(1);
    (void)state;
    s->target.holds = true;
    stage_event(s, 1, 55);
    stage_event(s, 2, 66);
    stage_take(s,
               "[{\"eventId\":3,\"portalId\":1001,\"appId\":7,"
               "\"occurredAt\":1700000000000,\"subscriptionType\":"
               "\"contact.merge\",\"attemptNumber\":0,\"primaryObjectId\":55,"
               "\"mergedObjectIds\":[66],\"newObjectId\":77,\"n\":\"#3#\"}]");
    stage_event(s, 4, 66);
    assert_int_equal(s->target.n, 2);
    stage_answer_post(s, &s->target.posts[0], 200);
    stage_settle(s);
    assert_int_equal(n_posts(s, 3), 0);
    stage_answer_post(s, &s->target.posts[1], 200);
    stage_settle(s);
    assert_int_equal(n_posts(s, 3), 1);
    assert_int_equal(n_posts(s, 4), 0);
    stage_answer_posts(s, 200);
    assert_int_equal(n_posts(s, 4), 1);
    stage_free(s);
}

static void
no_more_than_32_requests_are_on_their_way(void **state)
{
    struct stage *s = new_stage(1);
    (void)state;
    s->target.holds = true;
    for (unsigned i = 1; i <= 50; i++)
        stage_event(s, i, i);
    assert_int_equal(stage_n_open(s), 32);
    stage_answer_posts(s, 200);
    assert_int_equal(s->target.n, 50);
    stage_free(s);
}

static uint32_t
refuse_55(struct stage *s, const struct stage_post *p)
{
    (void)s;
    return strstr(p->body, "\"objectId\":55,") != NULL ? 422 : 200;
}

static void
a_poisoned_object_stops_nobody_else_and_is_tried_for_three_days(void **state)
{
    struct stage *s = new_stage(1);
    (void)state;
    s->target.judge = refuse_55;
    stage_event(s, 1, 55);
    for (unsigned i = 2; i <= 200; i++)
        stage_event(s, i, i % 10 == 0 ? 55 : 1000 + i);
    assert_int_equal(n_posts(s, 1), 1);
    assert_int_equal(n_posts(s, 10), 0);
    for (unsigned i = 2; i <= 200; i++)
        if (i % 10 != 0)
            assert_true(taken_at(s, i) != SIZE_MAX);
    assert_int_equal(stage_event_log(s).n_pending, 21);
    stage_pass(s, 70 * HOUR_MS, HOUR_MS / 4);
    assert_in_range(n_posts(s, 1), 15, 40);
    assert_int_equal(n_posts(s, 10), 0);
    assert_int_equal(stage_event_log(s).n_dead, 0);
    s->target.judge = NULL;
    stage_pass(s, 5 * HOUR_MS, HOUR_MS / 4);
    for (unsigned i = 20; i <= 200; i += 10)
        assert_true(taken_at(s, i - 10) < taken_at(s, i));
    assert_int_equal(stage_event_log(s).n_pending, 0);
    assert_int_equal(stage_count(s, STORE_QUEUE), 0);
    stage_free(s);
}

static uint32_t
refuse_first(struct stage *s, const struct stage_post *p)
{
    (void)s;
    return has_event(p, 1) ? 400 : 200;
}

static void
after_a_dead_event_the_next_of_its_object_tells_of_the_gap(void **state)
{
    struct stage *s = new_stage(1);
    (void)state;
    s->target.judge = refuse_first;
    stage_event(s, 1, 55);
    stage_event(s, 2, 55);
    stage_event(s, 3, 55);
    stage_pass(s, 78 * HOUR_MS, HOUR_MS / 4);
    assert_int_equal(stage_event_log(s).n_dead, 1);
    assert_int_equal(stage_event_log(s).n_pending, 0);
    assert_string_equal(last_post(s, 2)->gap, last_post(s, 1)->id);
    assert_string_equal(last_post(s, 3)->gap, "");
    /* Replayed it comes with its id, marked. */
    s->target.judge = NULL;
    struct admin_replay ask = {.app = STR("crm"), .is_dead_only = true};
    stage_admin(s, ADMIN_EVENTS_REPLAY, &ask, &heard);
    assert_int_equal(heard.err, ERR_OK);
    assert_string_equal(heard.json, "{\"replayed\":1,\"next\":null}");
    stage_settle(s);
    assert_true(last_post(s, 1)->is_replay);
    assert_int_equal(last_post(s, 1)->status, 200);
    assert_int_equal(stage_event_log(s).n_dead, 0);
    assert_int_equal(stage_count(s, STORE_QUEUE), 0);
    assert_int_equal(stage_count_audit(s, "events.replay", "ok"), 1);
    stage_free(s);
}

static void
a_target_that_is_away_is_left_alone_and_gets_all_when_it_is_back(void **state)
{
    struct stage *s = new_stage(1);
    (void)state;
    s->target.is_away = true;
    for (unsigned i = 1; i <= 100; i++)
        stage_event(s, i, i);
    assert_in_range(s->target.n, 5, 40);
    size_t n = s->target.n;
    stage_pass(s, HOUR_MS, 10000);
    assert_in_range(s->target.n - n, 5, 40); /* single probes */
    s->target.is_away = false;
    stage_pass(s, HOUR_MS / 6, 10000);
    for (unsigned i = 1; i <= 100; i++)
        assert_true(taken_at(s, i) != SIZE_MAX);
    assert_int_equal(stage_event_log(s).n_pending, 0);
    stage_free(s);
}

static void
a_target_that_asks_for_patience_gets_it(void **state)
{
    struct stage *s = new_stage(1);
    (void)state;
    s->target.status = 503;
    s->target.retry_after_s = 600;
    stage_event(s, 1, 55);
    s->target.status = 0;
    s->target.retry_after_s = 0;
    stage_event(s, 2, 66);
    stage_pass(s, 590000, 10000);
    assert_int_equal(s->target.n, 1);
    stage_pass(s, 30000, 10000);
    assert_int_equal(n_posts(s, 1), 2);
    assert_int_equal(n_posts(s, 2), 1);
    stage_free(s);
}

static void
after_410_nothing_is_sent_until_the_target_changes(void **state)
{
    struct stage *s = new_stage(1);
    (void)state;
    s->target.status = 410;
    stage_event(s, 1, 55);
    s->target.status = 0;
    stage_event(s, 2, 66);
    stage_pass(s, 80 * HOUR_MS, HOUR_MS);
    assert_int_equal(s->target.n, 1);
    assert_int_equal(stage_event_log(s).n_pending, 2);
    assert_true(stage_event_log(s).is_target_gone);
    stage_rebirth(s);
    stage_pass(s, HOUR_MS, HOUR_MS);
    assert_int_equal(s->target.n, 1);
    stage_set_target(s, TARGET "/2", 1);
    assert_int_equal(s->target.n, 3);
    assert_int_equal(stage_event_log(s).n_pending, 0);
    stage_free(s);
}

static void
a_batch_comes_in_order_and_falls_apart_when_it_fails(void **state)
{
    struct stage *s = new_stage(10);
    (void)state;
    s->target.holds = true;
    stage_event(s, 1, 55); /* goes at once, alone */
    for (unsigned i = 2; i <= 9; i++)
        stage_event(s, i, i % 2 == 0 ? 77 : 1000 + i);
    s->target.holds = false;
    s->target.judge = NULL;
    for (size_t i = 0; i < s->target.n; i++)
        assert_memory_equal(s->target.posts[i].body, "{\"events\":[{", 12);
    stage_answer_posts(s, 200);
    for (unsigned i = 4; i <= 8; i += 2)
        assert_true(taken_at(s, i - 2) <= taken_at(s, i));
    assert_int_equal(stage_event_log(s).n_pending, 0);
    stage_free(s);
}

static uint32_t
refuse_many(struct stage *s, const struct stage_post *p)
{
    (void)s;
    return memcmp(p->id, "bat_", 4) == 0 || has_event(p, 3) ? 500 : 200;
}

static void
a_failed_batch_is_sent_as_single_events(void **state)
{
    struct stage *s = new_stage(10);
    (void)state;
    s->target.judge = refuse_many;
    stage_take(s,
               "[{\"eventId\":1,\"portalId\":1001,\"occurredAt\":1700000000000,"
               "\"subscriptionType\":\"contact.creation\",\"objectId\":1,"
               "\"n\":\"#1#\"},"
               "{\"eventId\":2,\"portalId\":1001,\"occurredAt\":1700000000000,"
               "\"subscriptionType\":\"contact.creation\",\"objectId\":2,"
               "\"n\":\"#2#\"},"
               "{\"eventId\":3,\"portalId\":1001,\"occurredAt\":1700000000000,"
               "\"subscriptionType\":\"contact.creation\",\"objectId\":3,"
               "\"n\":\"#3#\"}]");
    assert_int_equal(s->target.n, 4);
    assert_true(has_event(&s->target.posts[0], 1));
    assert_true(has_event(&s->target.posts[0], 3));
    assert_true(taken_at(s, 1) != SIZE_MAX);
    assert_true(taken_at(s, 2) != SIZE_MAX);
    assert_int_equal(stage_event_log(s).n_pending, 1);
    s->target.judge = NULL;
    stage_pass(s, 10000, 1000);
    assert_int_equal(stage_event_log(s).n_pending, 0);
    stage_free(s);
}

static void
what_was_on_its_way_when_the_keeper_died_is_sent_again_with_its_id(void **state)
{
    struct stage *s = new_stage(1);
    (void)state;
    s->target.holds = true;
    stage_event(s, 1, 55);
    stage_event(s, 2, 55);
    assert_int_equal(n_posts(s, 1), 1);
    for (size_t i = 0; i < s->target.n; i++)
        s->target.posts[i].is_open = false;
    s->target.holds = false;
    stage_rebirth(s);
    stage_ticks(s, 2);
    assert_int_equal(n_posts(s, 1), 2);
    assert_string_equal(s->target.posts[0].id, s->target.posts[1].id);
    assert_true(taken_at(s, 1) < taken_at(s, 2));
    assert_int_equal(stage_event_log(s).n_pending, 0);
    stage_free(s);
}

static void
a_courier_that_dies_costs_no_try(void **state)
{
    struct stage *s = new_stage(1);
    (void)state;
    s->target.holds = true;
    stage_event(s, 1, 55);
    s->target.holds = false;
    stage_lose_deliver(s);
    stage_ticks(s, 1);
    assert_int_equal(n_posts(s, 1), 2);
    assert_int_equal(taken_at(s, 1), 1);
    stage_free(s);
}

static void
a_large_backlog_goes_out_in_order_through_a_small_window(void **state)
{
    enum { N = 1500, OBJECTS = 7 };
    struct stage *s = new_stage(1);
    static size_t last[OBJECTS];
    (void)state;
    s->target.is_away = true;
    for (unsigned i = 1; i <= N; i++)
        stage_event(s, i, 100 + i % OBJECTS);
    assert_int_equal(stage_event_log(s).n_pending, N);
    s->target.is_away = false;
    stage_pass(s, HOUR_MS / 2, 10000);
    assert_int_equal(stage_event_log(s).n_pending, 0);
    memset(last, 0, sizeof(last));
    for (unsigned i = 1; i <= N; i++) {
        size_t at = taken_at(s, i);
        assert_true(at != SIZE_MAX);
        assert_true(at >= last[i % OBJECTS]);
        last[i % OBJECTS] = at;
    }
    stage_free(s);
}

static void
every_commit_may_fail_and_no_event_is_lost_or_out_of_order(void **state)
{
    enum { N = 120 };
    struct stage *s = new_stage(1);
    (void)state;
    store_memory_disturb(s->keeper.store,
                         &(struct store_disturbance){.seed = 5,
                                                     .conflict_per_mille = 100,
                                                     .lost_per_mille = 50});
    for (unsigned i = 1; i <= N; i++)
        stage_event(s, i, 100 + i % 5);
    stage_pass(s, HOUR_MS / 60, 1000);
    for (unsigned i = 6; i <= N; i++)
        assert_true(taken_at(s, i - 5) < taken_at(s, i));
    assert_int_equal(stage_event_log(s).n_pending, 0);
    stage_free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_comes_signed_as_hubspot_sent_it),
        cmocka_unit_test(
            an_object_waits_for_its_earlier_event_and_others_do_not),
        cmocka_unit_test(a_merge_waits_for_all_of_its_objects_and_they_for_it),
        cmocka_unit_test(no_more_than_32_requests_are_on_their_way),
        cmocka_unit_test(
            a_poisoned_object_stops_nobody_else_and_is_tried_for_three_days),
        cmocka_unit_test(
            after_a_dead_event_the_next_of_its_object_tells_of_the_gap),
        cmocka_unit_test(
            a_target_that_is_away_is_left_alone_and_gets_all_when_it_is_back),
        cmocka_unit_test(a_target_that_asks_for_patience_gets_it),
        cmocka_unit_test(after_410_nothing_is_sent_until_the_target_changes),
        cmocka_unit_test(a_batch_comes_in_order_and_falls_apart_when_it_fails),
        cmocka_unit_test(a_failed_batch_is_sent_as_single_events),
        cmocka_unit_test(
            what_was_on_its_way_when_the_keeper_died_is_sent_again_with_its_id),
        cmocka_unit_test(a_courier_that_dies_costs_no_try),
        cmocka_unit_test(
            a_large_backlog_goes_out_in_order_through_a_small_window),
        cmocka_unit_test(
            every_commit_may_fail_and_no_event_is_lost_or_out_of_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

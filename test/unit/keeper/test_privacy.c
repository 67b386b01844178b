#include "stage.h"

#include "keeper/event_log.h"

#include <stdio.h>

/* A contact is to be forgotten: what of the log goes, and what stays. */

#define CHANGE "\"subscriptionType\":\"contact.propertyChange\","
#define TARGET "https://app.example.com/events"

static unsigned n_events; /* numbers them */

/* An event about `what`, with a word that nothing else has. */
static void
add(char *json, size_t room, const char *what, const char *word)
{
    size_t n = strlen(json);
    (void)snprintf(json + n, room - n,
                   "%s{\"eventId\":%u,\"portalId\":1001,%s,"
                   "\"occurredAt\":1700000000000,\"propertyValue\":\"%s\"}",
                   n > 0 ? "," : "[", ++n_events, what, word);
}

static void
take(struct stage *s, const char *what, const char *word)
{
    char json[1024] = "";
    add(json, sizeof(json) - 2, what, word);
    (void)strncat(json, "]", 2);
    stage_take(s, json);
}

static void
forget(struct stage *s, unsigned id)
{
    char json[256];
    (void)snprintf(json, sizeof(json),
                   "[{\"eventId\":%u,\"portalId\":1001,\"objectId\":%u,"
                   "\"occurredAt\":1700000000000,"
                   "\"subscriptionType\":\"contact.privacyDeletion\"}]",
                   ++n_events, id);
    stage_take(s, json);
}

static struct stage *
connected(void)
{
    struct stage *s = stage_new();
    stage_set_target(s, TARGET, 1);
    stage_connect(s, 1001);
    stage_pass(s, 1000, 100);
    return s;
}

static unsigned
count_posts(struct stage *s, const char *word)
{
    unsigned n = 0;
    for (size_t i = 0; i < s->target.n; i++)
        n += strstr(s->target.posts[i].body, word) != NULL;
    return n;
}

/* All that is delivered from now on, as it lies in the log. */
static void
deliver_all(struct stage *s)
{
    s->target.is_away = false;
    stage_pass(s, 3 * 3600000, 30000);
    assert_int_equal(stage_event_log(s).n_pending, 0);
}

static void
whatever_names_the_contact_goes_and_the_rest_is_delivered(void **state)
{
    static const struct {
        const char *what;
        bool goes;
    } cases[] = {
        {CHANGE "\"objectId\":5", true},
        {CHANGE "\"objectId\":6", false},
        {"\"subscriptionType\":\"contact.merge\",\"primaryObjectId\":6,"
         "\"mergedObjectIds\":[4,5],\"newObjectId\":9",
         true},
        {"\"subscriptionType\":\"contact.merge\",\"primaryObjectId\":6,"
         "\"mergedObjectIds\":[4],\"newObjectId\":9",
         false},
        {"\"subscriptionType\":\"contact.associationChange\","
         "\"associationType\":\"CONTACT_TO_COMPANY\",\"fromObjectId\":5,"
         "\"toObjectId\":7",
         true},
        {"\"subscriptionType\":\"company.propertyChange\",\"objectId\":5",
         false},
        {"\"subscriptionType\":\"object.propertyChange\",\"objectId\":5",
         true}, /* of which type it does not say */
    };
    struct stage *s = connected();
    char word[32], json[4096] = "";
    (void)state;
    s->target.is_away = true;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void)snprintf(word, sizeof(word), "together-%zu", i);
        add(json, sizeof(json) - 2, cases[i].what, word);
        (void)snprintf(word, sizeof(word), "alone-%zu", i);
        take(s, cases[i].what, word);
    }
    (void)strncat(json, "]", 2);
    stage_take(s, json);
    forget(s, 5);
    stage_later(s, 1000);
    stage_forget_posts(&s->target);
    deliver_all(s);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void)snprintf(word, sizeof(word), "together-%zu", i);
        assert_int_equal(count_posts(s, word), cases[i].goes ? 0 : 1);
        (void)snprintf(word, sizeof(word), "alone-%zu", i);
        assert_int_equal(count_posts(s, word), cases[i].goes ? 0 : 1);
    }
    assert_int_equal(count_posts(s, "contact.privacy_deletion"), 1);
    assert_int_equal(count_posts(s, "\"erased_events\":8}"), 1);
    assert_int_equal(count_posts(s, "\"object_id\":\"5\""), 1);
    assert_int_equal(stage_count_audit(s, "privacy.deletion", "ok"), 1);
    stage_check(s);
    stage_free(s);
}

static void
late_events_of_it_are_dropped_for_four_days(void **state)
{
    struct stage *s = connected();
    (void)state;
    forget(s, 5);
    stage_later(s, 1000);
    uint64_t n = stage_count(s, STORE_EVENTS);
    stage_pass(s, 4 * 86400000LL - 7200000, 3600000);
    take(s, CHANGE "\"objectId\":5", "late");
    assert_int_equal(stage_count(s, STORE_EVENTS), n);
    take(s, CHANGE "\"objectId\":6", "another");
    assert_int_equal(stage_count(s, STORE_EVENTS), n + 1);
    stage_pass(s, 2 * 3600000, 60000);
    assert_int_equal(stage_count(s, STORE_PRIVACY), 0);
    take(s, CHANGE "\"objectId\":5", "new");
    assert_int_equal(stage_count(s, STORE_EVENTS), n + 2);
    stage_free(s);
}

static void
a_delivery_in_flight_is_the_last_of_it(void **state)
{
    static const uint32_t statuses[] = {200, 500, 0};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct stage *s = connected();
        s->target.holds = true;
        take(s, CHANGE "\"objectId\":5", "in-flight");
        stage_pass(s, 1000, 100);
        assert_int_equal(stage_n_open(s), 1);
        forget(s, 5);
        stage_later(s, 1000);
        stage_answer_posts(s, statuses[i]);
        s->target.holds = false;
        deliver_all(s);
        assert_int_equal(count_posts(s, "in-flight"), 1);
        assert_int_equal(stage_event_log(s).n_dead, 0);
        stage_free(s);
    }
}

static void
a_keeper_that_dies_between_pages_goes_on(void **state)
{
    (void)state;
    for (uint64_t call = 1;; call++) {
        struct stage *s = stage_new();
        stage_connect(s, 1001);
        for (unsigned i = 0; i < 230; i++)
            take(s, i % 2 ? CHANGE "\"objectId\":5" : CHANGE "\"objectId\":6",
                 "x");
        forget(s, 5);
        store_memory_disturb(s->keeper.store,
                             &(struct store_disturbance){.unheard_call = call});
        stage_later(s, 1000);
        store_memory_disturb(s->keeper.store, &(struct store_disturbance){0});
        bool is_over =
            stage_count_audit(s, "privacy.deletion", "ok") == 1 && call > 1;
        stage_rebirth(s);
        stage_later(s, 61000);
        stage_later(s, 61000);
        assert_int_equal(stage_count_audit(s, "privacy.deletion", "ok"), 1);
        assert_int_equal(stage_count(s, STORE_PRIVACY), 2);
        stage_check(s);
        stage_free(s);
        if (is_over && call > 12)
            break;
        assert_true(call < 100);
    }
}

/* Parked for a portal that nobody knows, it is kept until that connects. */
static void
a_deletion_for_an_unknown_portal_is_done_when_it_connects(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_set_target(s, TARGET, 1);
    take(s, CHANGE "\"objectId\":5", "secret");
    forget(s, 5);
    take(s, CHANGE "\"objectId\":6", "other");
    s->target.is_away = true;
    stage_connect(s, 1001);
    stage_later(s, 1000);
    stage_forget_posts(&s->target);
    deliver_all(s);
    assert_int_equal(count_posts(s, "secret"), 0);
    assert_int_equal(count_posts(s, "other"), 1);
    assert_int_equal(count_posts(s, "contact.privacy_deletion"), 1);
    assert_int_equal(stage_event_log(s).n_parked, 0);
    stage_free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            whatever_names_the_contact_goes_and_the_rest_is_delivered),
        cmocka_unit_test(late_events_of_it_are_dropped_for_four_days),
        cmocka_unit_test(a_delivery_in_flight_is_the_last_of_it),
        cmocka_unit_test(a_keeper_that_dies_between_pages_goes_on),
        cmocka_unit_test(
            a_deletion_for_an_unknown_portal_is_done_when_it_connects),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "stage.h"

#include "keeper/event_log.h"
#include "keeper/grant.h"

#include <stdio.h>

/* The end of a portal of which much is stored. */

static struct heard answer, other;

static struct stage *
connected(const char *target)
{
    struct stage *s = stage_new();
    if (target != NULL)
        stage_set_target(s, target, 1);
    stage_connect(s, 1001);
    return s;
}

static void
erase(struct stage *s, struct heard *out)
{
    struct admin_portal ask = {.app = STR("crm"), .portal = 1001};
    stage_ask_admin(s, ADMIN_PORTAL_ERASE, &ask, out);
}

/* One parcel each. */
static void
take_events(struct stage *s, unsigned from, unsigned n)
{
    for (unsigned i = from; i < from + n; i++)
        stage_event(s, i, i % 7 + 1);
}

static unsigned
count_posts(struct stage *s, const char *word)
{
    unsigned n = 0;
    for (size_t i = 0; i < s->target.n; i++)
        n += strstr(s->target.posts[i].body, word) != NULL;
    return n;
}

static void
expect_gone(struct stage *s)
{
    assert_int_equal(stage_count(s, STORE_GRANTS), 0);
    assert_int_equal(stage_count(s, STORE_DATA_KEYS), 0);
    assert_int_equal(stage_count(s, STORE_PRIVACY), 0);
    stage_check(s);
}

static void
a_portal_goes_with_all_of_its_events(void **state)
{
    struct stage *s = connected(NULL);
    (void)state;
    take_events(s, 1, 30);
    assert_int_equal(stage_event_log(s).n_events,
                     31); /* and portal.connected */
    erase(s, &answer);
    stage_settle(s);
    assert_int_equal(answer.err, ERR_OK);
    assert_non_null(strstr(answer.json, "\"events\":30,"));
    assert_non_null(strstr(answer.json, "\"notices\":1,"));
    assert_non_null(strstr(answer.json, "\"on_word_of\":\"uid:0\""));
    /* What is left are the two notices of its end. */
    assert_int_equal(stage_count(s, STORE_EVENTS), 2);
    assert_int_equal(stage_count(s, STORE_BODIES), 2);
    assert_int_equal(stage_event_log(s).n_events, 2);
    expect_gone(s);
    stage_free(s);
}

static void
a_large_portal_goes_page_by_page(void **state)
{
    struct stage *s = connected("https://app.example.com/events");
    (void)state;
    s->target.is_away = true; /* nothing is delivered */
    take_events(s, 1, 450);
    uint64_t commits = turns_n_commits(s->keeper.turns);
    erase(s, &answer);
    erase(s, &other); /* a second one gets the same receipt */
    stage_settle(s);
    assert_int_equal(answer.err, ERR_OK);
    assert_int_equal(other.err, ERR_OK);
    assert_string_equal(answer.json, other.json);
    assert_non_null(strstr(answer.json, "\"events\":450,"));
    assert_non_null(strstr(answer.json, "\"queue_entries\":450,"));
    assert_true(turns_n_commits(s->keeper.turns) - commits >= 3);
    assert_int_equal(stage_count(s, STORE_EVENTS), 2);
    assert_int_equal(stage_count(s, STORE_QUEUE), 2);
    assert_int_equal(stage_event_log(s).n_pending, 2);
    expect_gone(s);
    stage_free(s);
}

static void
a_keeper_that_dies_in_the_middle_goes_on_and_counts_on(void **state)
{
    (void)state;
    for (uint64_t call = 1;; call++) {
        struct stage *s = connected(NULL);
        take_events(s, 1, 230);
        store_memory_disturb(s->keeper.store,
                             &(struct store_disturbance){.unheard_call = call});
        erase(s, &answer);
        stage_settle(s);
        bool is_over = answer.has_answer && answer.err == ERR_OK;
        store_memory_disturb(s->keeper.store, &(struct store_disturbance){0});
        stage_rebirth(s);
        stage_later(s, 61000);
        stage_later(s, 61000);
        if (stage_count(s, STORE_GRANTS) != 0) { /* not even begun */
            erase(s, &answer);
            stage_settle(s);
        }
        struct admin_page all = {.app = STR("crm")};
        stage_admin(s, ADMIN_RECEIPTS_LIST, &all, &answer);
        assert_non_null(strstr(answer.json, "\"events\":230,"));
        assert_int_equal(stage_count(s, STORE_EVENTS), 2);
        expect_gone(s);
        stage_free(s);
        if (is_over)
            break;
        assert_true(call < 100);
    }
}

static void
the_backend_hears_of_the_end_in_order(void **state)
{
    struct stage *s = connected("https://app.example.com/events");
    (void)state;
    erase(s, &answer);
    stage_pass(s, 2000, 100);
    assert_true(s->target.n >= 2);
    const struct stage_post *last = &s->target.posts[s->target.n - 1];
    const struct stage_post *before = &s->target.posts[s->target.n - 2];
    assert_non_null(strstr(before->body, "\"portal.uninstalled\""));
    assert_non_null(strstr(last->body, "\"portal.erased\""));
    assert_non_null(strstr(last->body, "\"data\":{\"app\":\"crm\""));
    assert_null(strstr(last->body, "tenant-1"));
    stage_free(s);
}

static void
an_outcome_of_an_erased_event_does_no_harm(void **state)
{
    static const uint32_t statuses[] = {200, 500, 410, 0};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct stage *s = connected("https://app.example.com/events");
        stage_pass(s, 1000, 100);
        s->target.holds = true;
        take_events(s, 1, 3);
        stage_pass(s, 1000, 100);
        assert_int_equal(stage_n_open(s), 3);
        erase(s, &answer);
        stage_settle(s);
        assert_int_equal(answer.err, ERR_OK);
        stage_answer_posts(s, statuses[i]);
        s->target.holds = false;
        assert_int_equal(stage_event_log(s).n_dead, 0);
        assert_int_equal(stage_count(s, STORE_EVENTS), 2);
        expect_gone(s);
        if (statuses[i] != 410)
            stage_pass(s, 3600000, 10000);
        assert_int_equal(count_posts(s, "portal.erased"),
                         statuses[i] == 410 ? 0 : 1);
        stage_free(s);
    }
}

static void
events_that_come_while_it_goes_and_after_are_dropped(void **state)
{
    struct stage *s = connected(NULL);
    (void)state;
    s->holds_errands = true;
    stage_disconnect(s, 1001, &answer);
    take_events(s, 1, 2);
    stage_release(s);
    assert_int_equal(answer.err, ERR_OK);
    take_events(s, 3, 2);
    assert_int_equal(stage_event_log(s).n_erased_dropped, 4);
    assert_int_equal(stage_count(s, STORE_EVENTS), 2);
    stage_connect(s, 1001); /* and taken again */
    take_events(s, 5, 2);
    assert_int_equal(stage_event_log(s).n_erased_dropped, 4);
    assert_int_equal(stage_count(s, STORE_EVENTS), 5);
    stage_check(s);
    stage_free(s);
}

static void
the_privacy_marks_and_links_of_the_portal_go_too(void **state)
{
    static struct heard session;
    struct stage *s = connected(NULL);
    (void)state;
    stage_take(s, "[{\"eventId\":9,\"portalId\":1001,\"objectId\":3,"
                  "\"occurredAt\":1700000000000,"
                  "\"subscriptionType\":\"contact.privacyDeletion\"}]");
    stage_later(s, 1000);
    assert_true(stage_count(s, STORE_PRIVACY) > 0);
    stage_session(s, "tenant-1", "", 1001, &session); /* for it alone */
    stage_session(s, "tenant-2", "", 0, &session);    /* for anybody */
    erase(s, &answer);
    stage_settle(s);
    assert_non_null(strstr(answer.json, "\"privacy_marks\":2,\"links\":1}"));
    assert_int_equal(stage_count(s, STORE_SESSIONS), 1);
    expect_gone(s);
    stage_free(s);
}

static void
an_install_waits_for_the_last_page(void **state)
{
    static struct heard session, begun;
    struct stage *s = connected(NULL);
    struct grant g;
    (void)state;
    take_events(s, 1, 450);
    stage_session(s, "", "", 0, &session);
    stage_begin(s, session.json, &begun);
    erase(s, &answer);
    stage_finish(s, &begun, "code-2", &other);
    assert_int_equal(answer.err, ERR_OK);
    assert_int_equal(other.page, PAGE_CONNECTED);
    stage_grant(s, 1001, &g, NULL);
    assert_int_equal(g.state, GRANT_ACTIVE);
    assert_int_equal(g.erase_since_ms, 0);
    assert_non_null(strstr(answer.json, "\"events\":450,"));
    stage_check(s);
    stage_free(s);
}

static void
verify(struct stage *s)
{
    struct admin_audit ask = {.limit = 1000};
    stage_admin(s, ADMIN_AUDIT_VERIFY, &ask, &other);
    assert_int_equal(other.err, ERR_OK);
}

static void
the_audit_log_proves_each_receipt(void **state)
{
    struct stage *s = connected(NULL);
    struct store_ask ask = {
        .table = STORE_RECEIPTS, .by = STORE_BY_PREFIX, .limit = 9};
    (void)state;
    take_events(s, 1, 3);
    erase(s, &answer);
    stage_settle(s);
    verify(s);
    assert_non_null(strstr(other.json, "\"receipts_verified\":1,"
                                       "\"receipt_broken_at\":0"));
    /* One event less in it, by other hands. */
    assert_int_equal(store_load(s->keeper.store, &ask, 1, s->arena), ERR_OK);
    struct store_change change = {.row = ask.rows[0]};
    char *body = (char *)arena_copy(s->arena, change.row.body).p;
    bool is_changed = false;
    for (size_t i = change.row.body.n; i-- > 0 && !is_changed;)
        if (body[i] == 3) {
            body[i] = 2;
            is_changed = true;
        }
    assert_true(is_changed);
    change.row.body.p = body;
    assert_int_equal(store_commit(s->keeper.store, 1, &change, 1), ERR_OK);
    verify(s);
    assert_null(strstr(other.json, "\"receipt_broken_at\":0"));
    assert_non_null(strstr(other.json, "\"broken_at\":0"));
    change.row.version++;
    change.is_delete = true;
    assert_int_equal(store_commit(s->keeper.store, 2, &change, 1), ERR_OK);
    verify(s);
    assert_null(strstr(other.json, "\"receipt_broken_at\":0"));
    stage_free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_portal_goes_with_all_of_its_events),
        cmocka_unit_test(a_large_portal_goes_page_by_page),
        cmocka_unit_test(
            a_keeper_that_dies_in_the_middle_goes_on_and_counts_on),
        cmocka_unit_test(the_backend_hears_of_the_end_in_order),
        cmocka_unit_test(an_outcome_of_an_erased_event_does_no_harm),
        cmocka_unit_test(events_that_come_while_it_goes_and_after_are_dropped),
        cmocka_unit_test(the_privacy_marks_and_links_of_the_portal_go_too),
        cmocka_unit_test(an_install_waits_for_the_last_page),
        cmocka_unit_test(the_audit_log_proves_each_receipt),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

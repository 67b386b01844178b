#include "run_cli.h"

#include "base/err.h"
#include "proto/admin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* The verbs of events against a keeper that answers what each test says. */

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define ROW(id)                                                     \
    "{\"id\":\"" id "\",\"type\":\"hubspot.event\",\"portal\":7,"   \
    "\"accepted_at\":\"2026-11-24T15:30:00Z\",\"source\":\"push\"," \
    "\"state\":\"pending\",\"attempts\":2,\"last_status\":500,"     \
    "\"last_reason\":\"status 500\"}"

static int
setup(void **state)
{
    *state = place_open();
    return 0;
}

static int
teardown(void **state)
{
    place_close(*state);
    return 0;
}

static void
expect_status(const struct place *p, int status)
{
    if (p->status != status)
        fail_msg("exit status %d, not %d: %s", p->status, status, p->err);
}

static void
expect_in(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" is not in: %s", part, text);
}

static void
a_list_is_a_table_of_all_pages(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_EVENTS_LIST, 0,
         "{\"events\":[" ROW("evt_1_00") "],\"next\":\"c1\"}", NULL, NULL},
        {ADMIN_EVENTS_LIST, 0, "{\"events\":[],\"next\":\"c2\"}", NULL, NULL},
        {ADMIN_EVENTS_LIST, 0,
         "{\"events\":[" ROW("evt_2_00") "],\"next\":null}", NULL, NULL}};
    keeper_start(p, answers, N(answers));
    run_cli(p, "", "events", "list", "--app", "crm", "--portal", "7",
            "--pending", NULL);
    expect_status(p, 0);
    assert_string_equal(
        p->out,
        "ID        TYPE           PORTAL  ACCEPTED_AT           STATE    "
        "ATTEMPTS\n"
        "evt_1_00  hubspot.event  7       2026-11-24T15:30:00Z  pending  2\n"
        "evt_2_00  hubspot.event  7       2026-11-24T15:30:00Z  pending  2\n");
    const char *asks = keeper_asks(p);
    expect_in(asks, "admin_events app=crm portal=7 filter=1 cursor= "
                    "limit=100 wait_ms=0");
    expect_in(asks, "cursor=c1 limit=99");
    expect_in(asks, "cursor=c2 limit=99");
}

static void
a_list_ends_where_the_cursor_stands_still(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_EVENTS_LIST, 0,
         "{\"events\":[" ROW("evt_1_00") "],\"next\":\"c1\"}", NULL, NULL},
        {ADMIN_EVENTS_LIST, 0, "{\"events\":[],\"next\":\"c1\"}", NULL, NULL}};
    keeper_start(p, answers, N(answers));
    run_cli(p, "", "events", "list", "--app", "crm", "--json", NULL);
    expect_status(p, 0);
    expect_in(p->out, "\"id\": \"evt_1_00\"");
    expect_in(p->out, "\"next\": null");
}

static void
a_list_that_is_cut_says_how_to_go_on(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_EVENTS_LIST, 0,
         "{\"events\":[" ROW("evt_1_00") "],\"next\":\"c1\"}", NULL, NULL}};
    keeper_start(p, answers, N(answers));
    run_cli(p, "", "events", "list", "--app", "crm", "--limit", "1", NULL);
    expect_status(p, 0);
    expect_in(p->err, "--cursor c1");
    run_cli(p, "", "events", "list", "--app", "crm", "--limit", "1", "--cursor",
            "c0", "--json", NULL);
    expect_in(p->out, "\"next\": \"c1\"");
    expect_in(keeper_asks(p), "cursor=c0 limit=1 ");
}

static void
the_last_of_them_are_the_newest(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_EVENTS_LIST, 0,
         "{\"events\":[" ROW("evt_1_00") "," ROW(
             "evt_2_00") "],\"next\":\"c1\"}",
         NULL, NULL},
        {ADMIN_EVENTS_LIST, 0,
         "{\"events\":[" ROW("evt_3_00") "],\"next\":null}", NULL, NULL}};
    keeper_start(p, answers, N(answers));
    run_cli(p, "", "events", "dead", "--app", "crm", "--last", "2", NULL);
    expect_status(p, 0);
    assert_null(strstr(p->out, "evt_1_00"));
    expect_in(p->out, "LAST_REASON");
    expect_in(p->out, "evt_2_00");
    expect_in(p->out, "evt_3_00");
    expect_in(keeper_asks(p), "filter=2 cursor= limit=1000");
}

static void
an_event_is_shown_whole(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_EVENT_SHOW, 0, "{\"id\":\"evt_1_00\",\"event\":{\"eventId\":5}}",
         NULL, NULL}};
    keeper_start(p, answers, N(answers));
    run_cli(p, "", "events", "show", "evt_1_00", "--app", "crm", NULL);
    expect_status(p, 0);
    expect_in(p->out, "\"event\": {\n    \"eventId\": 5\n  }");
    expect_in(keeper_asks(p), "admin_event app=crm id=evt_1_00");
}

static void
a_tail_prints_a_line_an_event_until_it_is_ended(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_EVENTS_LIST, 0, "{\"events\":[],\"next\":null}", NULL, NULL},
        {ADMIN_EVENTS_LIST, 0,
         "{\"events\":[" ROW("evt_1_00") "," ROW(
             "evt_1_01") "],\"next\":\"c1\"}",
         NULL, NULL},
        {ADMIN_EVENTS_LIST, 0, NULL, NULL, NULL}};
    keeper_start(p, answers, N(answers));
    run_cli(p, "", "events", "tail", "--app", "crm", NULL);
    expect_status(p, 3); /* the keeper hung up */
    assert_string_equal(
        p->out, "2026-11-24T15:30:00Z evt_1_00 hubspot.event 7 pending\n"
                "2026-11-24T15:30:00Z evt_1_01 hubspot.event 7 pending\n");
    const char *asks = keeper_asks(p);
    expect_in(asks, "cursor=now limit=1000 wait_ms=20000");
    expect_in(asks, "cursor= limit");
    expect_in(asks, "cursor=c1 limit");
}

static void
a_tail_in_json_is_a_line_an_event(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_EVENTS_LIST, 0,
         "{\"events\":[{\"id\":\"evt_1_00\",\"portal\":7}],\"next\":\"c1\"}",
         NULL, NULL},
        {ADMIN_EVENTS_LIST, 0, NULL, NULL, NULL}};
    keeper_start(p, answers, N(answers));
    run_cli(p, "", "events", "tail", "--app", "crm", "--json", NULL);
    assert_string_equal(p->out, "{\"id\":\"evt_1_00\",\"portal\":7}\n");
}

static void
a_replay_goes_on_to_its_last_page(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_EVENTS_REPLAY, 0, "{\"replayed\":500,\"next\":\"r1\"}", NULL,
         NULL},
        {ADMIN_EVENTS_REPLAY, 0, "{\"replayed\":7,\"next\":null}", NULL, NULL}};
    keeper_start(p, answers, N(answers));
    run_cli(p, "", "events", "replay", "--app", "crm", "--dead", "--portal",
            "7", "--from", "2026-11-20", "--to", "2026-11-21T00:00:01Z", NULL);
    expect_status(p, 0);
    assert_string_equal(p->out, "replayed: 507\n");
    const char *asks = keeper_asks(p);
    expect_in(asks, "admin_replay app=crm id= portal=7 is_dead_only=1 "
                    "from_ms=1795132800000 to_ms=1795219201000 cursor=\n");
    expect_in(asks, "cursor=r1\n");
}

static void
one_event_is_replayed_by_its_id(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_EVENTS_REPLAY, 0, "{\"replayed\":1,\"next\":null}", NULL, NULL},
        {ADMIN_EVENTS_REPLAY, ERR_NOT_FOUND, NULL, "There is no such event.",
         NULL}};
    keeper_start(p, answers, N(answers));
    run_cli(p, "", "events", "replay", "evt_1_00", "--app", "crm", "--json",
            NULL);
    expect_status(p, 0);
    expect_in(p->out, "\"replayed\": 1");
    run_cli(p, "", "events", "replay", "evt_2_00", "--app", "crm", NULL);
    expect_status(p, 1);
    expect_in(p->err, "There is no such event.");
    expect_in(keeper_asks(p), "id=evt_1_00 portal=0 is_dead_only=0");
}

static void
says_what_is_wrong_with_its_words(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *words[6];
        const char *says;
    } rows[] = {
        {{"list", NULL}, "--app"},
        {{"list", "--app", "crm", "--dead", "--parked", NULL}, "one state"},
        {{"list", "--app", "crm", "--limit=1", "--last=1", NULL}, "one of"},
        {{"list", "--app", "crm", "--portal", "x", NULL}, "--portal"},
        {{"show", NULL}, "missing"},
        {{"replay", "--app", "crm", NULL}, "--dead"},
        {{"replay", "evt_1_00", "--dead", "--app", "crm", NULL}, "either"},
        {{"replay", "--from", "soon", "--app", "crm", NULL}, "3d"},
        {{"replay", "--from=1h", "--to=2h", "--app", "crm", NULL}, "before"},
        {{"forward", "--app", "crm", NULL}, "--to"},
        {{"forward", "--to", "ftp://a", NULL}, "URL"},
        {{"forward", "--to=http://localhost:1", "--from=http://localhost:2",
          NULL},
         "--key-file"},
    };
    keeper_start(p, NULL, 0);
    for (size_t i = 0; i < N(rows); i++) {
        const char *const *w = rows[i].words;
        run_cli(p, "", "events", w[0], w[1], w[1] ? w[2] : NULL,
                w[1] && w[2] ? w[3] : NULL, w[1] && w[2] && w[3] ? w[4] : NULL,
                NULL);
        if (p->status != 2)
            fail_msg("%zu: %d %s", i, p->status, p->err);
        expect_in(p->err, rows[i].says);
    }
    run_cli(p, "", "events", "list", "--app", "crn", NULL);
    expect_status(p, 1);
    expect_in(p->err, "crm");
}

static void
urls_name_where_webhooks_go(void **state)
{
    struct place *p = *state;
    run_cli(p, "", "urls", "crm", NULL);
    expect_status(p, 0);
    expect_in(p->out, "webhook_urls:       http://localhost:8700/webhooks/crm");
}

static void
status_has_a_table_of_events(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_STATUS, 0,
         "{\"node\":\"n1\",\"events\":[{\"app\":\"crm\",\"stored\":3,"
         "\"bytes\":900,\"pending\":1,\"oldest_undelivered\":"
         "\"2026-11-24T15:30:00Z\",\"dead\":0}]}",
         NULL, NULL}};
    keeper_start(p, answers, N(answers));
    run_cli(p, "", "status", NULL);
    assert_string_equal(
        p->out, "node: n1\nevents:\n"
                "  APP  STORED  BYTES  PENDING  OLDEST_UNDELIVERED    DEAD\n"
                "  crm  3       900    1        2026-11-24T15:30:00Z  0\n");
}

int
main(void)
{
#define PLACED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        PLACED(a_list_is_a_table_of_all_pages),
        PLACED(a_list_ends_where_the_cursor_stands_still),
        PLACED(a_list_that_is_cut_says_how_to_go_on),
        PLACED(the_last_of_them_are_the_newest),
        PLACED(an_event_is_shown_whole),
        PLACED(a_tail_prints_a_line_an_event_until_it_is_ended),
        PLACED(a_tail_in_json_is_a_line_an_event),
        PLACED(a_replay_goes_on_to_its_last_page),
        PLACED(one_event_is_replayed_by_its_id),
        PLACED(says_what_is_wrong_with_its_words),
        PLACED(urls_name_where_webhooks_go),
        PLACED(status_has_a_table_of_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "stage.h"

#include "keeper/event_list.h"
#include "keeper/event_log.h"
#include "keeper/parcel.h"

#include <stdio.h>
#include <stdlib.h>

/* The event log as it is pulled, listed, replayed and cut; and notices. */

#define TARGET "https://app.example.com/hubspot/events"
#define DAY_MS INT64_C(86400000)

static struct heard heard;

static unsigned
count(const char *text, const char *part)
{
    unsigned n = 0;
    for (const char *p = text; (p = strstr(p, part)) != NULL; p++)
        n++;
    return n;
}

static struct str
key_of(struct stage *s)
{
    return str_from(s->api_key);
}

static void
pull(struct stage *s, const char *cursor, uint32_t limit)
{
    struct relay_events_list ask = {.app = STR("crm"),
                                    .credential = HIDDEN(key_of(s)),
                                    .address = STR("127.0.0.1"),
                                    .cursor = str_from(cursor),
                                    .limit = limit};
    stage_relay(s, RELAY_EVENTS_LIST, &ask, &heard);
}

static void
list(struct stage *s, uint32_t filter)
{
    struct admin_events ask = {.app = STR("crm"), .filter = filter};
    stage_admin(s, ADMIN_EVENTS_LIST, &ask, &heard);
    assert_int_equal(heard.err, ERR_OK);
}

/* The cursor of the last answer. */
static const char *
next_of(char out[static 64])
{
    const char *at = strstr(heard.json, "\"next\":\"");
    assert_non_null(at);
    at += 8;
    size_t n = strcspn(at, "\"");
    assert_true(n < 64);
    memcpy(out, at, n);
    out[n] = '\0';
    return out;
}

static void
a_backend_pulls_all_events_page_by_page_in_order(void **state)
{
    struct stage *s = stage_new();
    char next[64], mark[16];
    unsigned expected = 1;
    (void)state;
    stage_connect(s, 1001);
    for (unsigned i = 1; i <= 25; i++)
        stage_event(s, i, i % 3);
    pull(s, "", 10);
    assert_int_equal(heard.err, ERR_OK);
    assert_int_equal(count(heard.json, "\"type\":\"portal.connected\""), 1);
    for (unsigned page = 0; page < 5 && expected <= 25; page++) {
        const char *at = heard.json;
        (void)snprintf(mark, sizeof(mark), "\"#%u#\"", expected);
        while ((at = strstr(at, mark)) != NULL) {
            expected++;
            (void)snprintf(mark, sizeof(mark), "\"#%u#\"", expected);
        }
        pull(s, next_of(next), 10);
        assert_true(count(heard.json, "\"id\":") <= 10);
    }
    assert_int_equal(expected, 26);
    pull(s, next_of(next), 10);
    assert_int_equal(count(heard.json, "\"id\":"), 0);
    stage_free(s);
}

static void
a_parcel_of_many_events_is_cut_where_the_page_ends(void **state)
{
    struct stage *s = stage_new();
    struct buf auto_buf json = {0};
    char next[64];
    (void)state;
    stage_connect(s, 1001);
    pull(s, "now", 10);
    buf_init(&json, 65536);
    for (unsigned i = 0; i < 30; i++)
        buf_addf(&json,
                 "%c{\"eventId\":%u,\"portalId\":1001,"
                 "\"occurredAt\":1700000000000,\"subscriptionType\":"
                 "\"contact.creation\",\"objectId\":%u}",
                 i == 0 ? '[' : ',', i, i);
    buf_add_char(&json, ']');
    (void)next_of(next);
    stage_take(s, buf_text(&json));
    for (unsigned page = 0; page < 3; page++) {
        pull(s, next, 10);
        assert_int_equal(count(heard.json, "\"type\":"), 10);
        (void)next_of(next);
    }
    pull(s, next, 10);
    assert_int_equal(count(heard.json, "\"type\":"), 0);
    stage_free(s);
}

static void
ask_long(struct stage *s, uint32_t wait_ms, struct heard *out)
{
    struct admin_events ask = {
        .app = STR("crm"), .cursor = STR("now"), .wait_ms = wait_ms};
    stage_ask_admin(s, ADMIN_EVENTS_LIST, &ask, out);
    stage_settle(s);
}

static void
who_waits_hears_of_what_comes_at_once(void **state)
{
    struct stage *s = stage_new();
    static struct heard waiting;
    (void)state;
    stage_connect(s, 1001);
    stage_event(s, 1, 55);
    ask_long(s, 10000, &waiting);
    assert_false(waiting.has_answer);
    stage_event(s, 2, 55);
    assert_true(waiting.has_answer);
    assert_null(strstr(waiting.json, "#1#"));
    assert_non_null(strstr(waiting.json, "#2#"));
    stage_free(s);
}

static void
who_waits_in_vain_is_answered_in_time_with_a_cursor(void **state)
{
    struct stage *s = stage_new();
    static struct heard waiting;
    (void)state;
    stage_connect(s, 1001);
    ask_long(s, 3000, &waiting);
    stage_ticks(s, 29);
    assert_false(waiting.has_answer);
    stage_ticks(s, 3);
    assert_true(waiting.has_answer);
    assert_memory_equal(waiting.json, "{\"events\":[],\"next\":\"evt_", 24);
    stage_free(s);
}

static void
nobody_waits_for_a_keeper_that_ends(void **state)
{
    struct stage *s = stage_new();
    static struct heard waiting;
    (void)state;
    stage_connect(s, 1001);
    ask_long(s, 20000, &waiting);
    assert_false(waiting.has_answer);
    event_list_drain(&s->keeper);
    stage_settle(s);
    assert_true(waiting.has_answer);
    assert_int_equal(turns_n_waiting(s->keeper.turns), 0);
    stage_free(s);
}

static void
a_key_for_one_portal_sees_no_others(void **state)
{
    struct stage *s = stage_new();
    static struct str portals[] = {{"1002", 4}};
    struct admin_key_create ask = {
        .name = STR("one"), .portals = {portals, 1}, .verbs = VERB_EVENTS};
    char all[96], other[96];
    (void)state;
    (void)snprintf(all, sizeof(all), "%s", s->api_key);
    stage_connect(s, 1001);
    stage_event(s, 1, 55);
    stage_admin(s, ADMIN_KEY_CREATE, &ask, &heard);
    assert_int_equal(heard.err, ERR_OK);
    const char *key = strstr(heard.json, "\"key\":\"") + 7;
    (void)snprintf(s->api_key, sizeof(s->api_key), "%.*s",
                   (int)strcspn(key, "\""), key);
    pull(s, "", 10);
    assert_int_equal(heard.err, ERR_OK);
    assert_null(strstr(heard.json, "#1#"));
    (void)snprintf(other, sizeof(other), "%s", s->api_key);
    (void)snprintf(s->api_key, sizeof(s->api_key), "%s", all);
    stage_connect(s, 1002);
    (void)snprintf(s->api_key, sizeof(s->api_key), "%s", other);
    pull(s, "", 10);
    assert_int_equal(count(heard.json, "\"portal\":1002"), 1);
    stage_free(s);
}

static void
a_wrong_cursor_is_refused(void **state)
{
    static const char *const cursors[] = {"x", "evt_1", "evt_zz_00",
                                          "evt_0123456789abcdef-00"};
    struct stage *s = stage_new();
    (void)state;
    for (size_t i = 0; i < sizeof(cursors) / sizeof(cursors[0]); i++) {
        pull(s, cursors[i], 10);
        assert_int_equal(heard.err, ERR_INVALID);
    }
    stage_free(s);
}

static void
operators_see_the_state_of_each_event(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    stage_event(s, 1, 55); /* before there was a target */
    stage_set_target(s, TARGET, 1);
    stage_event(s, 2, 66);
    s->target.status = 422;
    stage_event(s, 3, 77);
    list(s, EVENTS_PENDING);
    assert_int_equal(count(heard.json, "\"type\":"), 1);
    assert_non_null(strstr(heard.json, "#3#"));
    assert_non_null(strstr(heard.json, "\"state\":\"pending\",\"attempts\":1,"
                                       "\"last_status\":422"));
    list(s, EVENTS_ALL);
    assert_int_equal(count(heard.json, "\"state\":\"delivered\""), 3);
    list(s, EVENTS_DEAD);
    assert_int_equal(count(heard.json, "\"type\":"), 0);
    s->now_ms += 4 * DAY_MS;
    stage_pass(s, 30000, 1000);
    list(s, EVENTS_DEAD);
    assert_int_equal(count(heard.json, "\"state\":\"dead\""), 1);
    assert_true(stage_count_audit(s, "events.show", "ok") > 0);
    stage_free(s);
}

static void
one_event_is_shown_and_replayed_by_its_id(void **state)
{
    struct stage *s = stage_new();
    char id[64];
    (void)state;
    stage_connect(s, 1001);
    stage_set_target(s, TARGET, 1);
    stage_event(s, 1, 55);
    assert_int_equal(s->target.n, 1);
    (void)snprintf(id, sizeof(id), "%s", s->target.posts[0].id);
    struct admin_event ask = {.app = STR("crm"), .id = str_from(id)};
    stage_admin(s, ADMIN_EVENT_SHOW, &ask, &heard);
    assert_int_equal(heard.err, ERR_OK);
    assert_non_null(strstr(heard.json, "#1#"));
    assert_non_null(strstr(heard.json, "\"state\":\"delivered\""));
    struct relay_event_replay again = {.app = STR("crm"),
                                       .credential = HIDDEN(key_of(s)),
                                       .address = STR("127.0.0.1"),
                                       .id = str_from(id)};
    stage_relay(s, RELAY_EVENT_REPLAY, &again, &heard);
    assert_int_equal(heard.err, ERR_OK);
    stage_settle(s);
    assert_int_equal(s->target.n, 2);
    assert_string_equal(s->target.posts[1].id, id);
    assert_true(s->target.posts[1].is_replay);
    assert_int_equal(stage_count(s, STORE_QUEUE), 0);
    ask.id = STR("evt_0000000000000001_00");
    stage_admin(s, ADMIN_EVENT_SHOW, &ask, &heard);
    assert_int_equal(heard.err, ERR_NOT_FOUND);
    stage_free(s);
}

static void
a_replay_of_everything_goes_page_by_page(void **state)
{
    struct stage *s = stage_new();
    char next[64];
    unsigned n = 0;
    (void)state;
    stage_connect(s, 1001);
    stage_set_target(s, TARGET, 1);
    for (unsigned i = 1; i <= 230; i++)
        stage_event(s, i, i);
    assert_int_equal(s->target.n, 230);
    struct admin_replay ask = {.app = STR("crm"), .portal = 1001};
    for (unsigned page = 0; page < 3; page++) {
        stage_admin(s, ADMIN_EVENTS_REPLAY, &ask, &heard);
        assert_int_equal(heard.err, ERR_OK);
        n += (unsigned)strtoul(heard.json + 12, NULL, 10);
        if (page < 2)
            ask.cursor = str_from(next_of(next));
    }
    assert_non_null(strstr(heard.json, "\"next\":null"));
    stage_ticks(s, 5);
    assert_int_equal(n, 231); /* with portal.connected */
    assert_int_equal(s->target.n, 230 + 231);
    assert_int_equal(stage_event_log(s).n_pending, 0);
    stage_free(s);
}

static void
old_events_go_but_not_while_they_are_undelivered(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    stage_set_target(s, TARGET, 1);
    stage_event(s, 1, 55);
    s->target.status = 410;
    stage_event(s, 2, 66);
    assert_int_equal(stage_count(s, STORE_EVENTS), 3);
    s->now_ms += 29 * DAY_MS;
    stage_ticks(s, 2);
    assert_int_equal(stage_count(s, STORE_EVENTS), 3);
    s->now_ms += 2 * DAY_MS;
    stage_ticks(s, 2);
    assert_int_equal(stage_count(s, STORE_EVENTS), 1);
    assert_int_equal(stage_count(s, STORE_BODIES), 1);
    struct event_log log = stage_event_log(s);
    assert_int_equal(log.n_parcels, 1);
    assert_int_equal(log.n_events, 1);
    assert_int_equal(log.n_pending, 1);
    assert_true(log.n_bytes > 0 && log.n_bytes < 2000);
    stage_free(s);
}

static void
a_log_that_is_too_large_loses_its_oldest_delivered_events(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    stage_set_target(s, TARGET, 1);
    for (unsigned i = 1; i <= 300; i++)
        stage_event(s, i, i);
    struct event_log log = stage_event_log(s);
    s->keeper.events_max = log.n_bytes / 2;
    s->now_ms += 61000;
    stage_ticks(s, 1);
    log = stage_event_log(s);
    assert_true(log.n_bytes <= s->keeper.events_max);
    assert_in_range(log.n_events, 140, 151);
    list(s, EVENTS_ALL);
    assert_null(strstr(heard.json, "\"#1#\""));
    stage_free(s);
}

static void
notices_tell_of_installs_scopes_and_ends_in_order(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_set_target(s, TARGET, 1);
    stage_connect(s, 1001);
    s->scopes = "oauth crm.objects.contacts.read crm.objects.deals.read";
    stage_connect(s, 1001);
    s->answer[ERRAND_REFRESH].outcome = OUTCOME_TOKEN_ENDED;
    s->now_ms += 1800000;
    stage_lease(s, 1001, &heard);
    assert_int_equal(s->target.n, 4);
    static const char *const types[] = {"portal.connected", "portal.connected",
                                        "portal.scopes_changed",
                                        "portal.needs_reconnect"};
    for (size_t i = 0; i < 4; i++)
        assert_non_null(strstr(s->target.posts[i].body, types[i]));
    assert_non_null(strstr(s->target.posts[0].body, "\"is_reconnect\":false"));
    assert_non_null(strstr(s->target.posts[0].body, "\"source\":\"portkeep\""));
    assert_non_null(strstr(s->target.posts[2].body,
                           "\"added\":[\"crm.objects.deals.read\"]"));
    assert_non_null(strstr(s->target.posts[3].body,
                           "\"reconnect_url\":\"https://keep.example.com/"));
    stage_free(s);
}

#define TWO_KEYS                                        \
    "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n" \
    "k2 AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"

static void
notices_open_after_a_rotation_and_hold_up_retiring_until_then(void **state)
{
    struct stage *s = stage_new();
    struct buf auto_buf problem;
    char next[64] = "";
    (void)state;
    buf_init(&problem, 1024);
    stage_connect(s, 1001);
    s->master_keys = TWO_KEYS;
    assert_int_equal(stage_reload(s, &problem), ERR_OK);
    uint64_t n;
    assert_int_equal(store_count(s->keeper.store, STORE_BODIES, STR("k1"), &n),
                     ERR_OK);
    assert_int_equal(n, 1);
    for (unsigned i = 0; i < 20; i++) {
        struct admin_step ask = {.cursor = str_from(next)};
        stage_admin(s, ADMIN_MASTERKEY_REWRAP, &ask, &heard);
        assert_int_equal(heard.err, ERR_OK);
        if (strstr(heard.json, "\"next\":null") != NULL)
            break;
        (void)next_of(next);
    }
    assert_non_null(strstr(heard.json, "\"next\":null"));
    assert_int_equal(store_count(s->keeper.store, STORE_BODIES, STR("k1"), &n),
                     ERR_OK);
    assert_int_equal(n, 0);
    struct admin_name retire = {.name = STR("k1")};
    stage_admin(s, ADMIN_MASTERKEY_RETIRE, &retire, &heard);
    assert_int_equal(heard.err, ERR_OK);
    pull(s, "", 10);
    assert_non_null(strstr(heard.json, "portal.connected"));
    stage_free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backend_pulls_all_events_page_by_page_in_order),
        cmocka_unit_test(a_parcel_of_many_events_is_cut_where_the_page_ends),
        cmocka_unit_test(who_waits_hears_of_what_comes_at_once),
        cmocka_unit_test(who_waits_in_vain_is_answered_in_time_with_a_cursor),
        cmocka_unit_test(nobody_waits_for_a_keeper_that_ends),
        cmocka_unit_test(a_key_for_one_portal_sees_no_others),
        cmocka_unit_test(a_wrong_cursor_is_refused),
        cmocka_unit_test(operators_see_the_state_of_each_event),
        cmocka_unit_test(one_event_is_shown_and_replayed_by_its_id),
        cmocka_unit_test(a_replay_of_everything_goes_page_by_page),
        cmocka_unit_test(old_events_go_but_not_while_they_are_undelivered),
        cmocka_unit_test(
            a_log_that_is_too_large_loses_its_oldest_delivered_events),
        cmocka_unit_test(notices_tell_of_installs_scopes_and_ends_in_order),
        cmocka_unit_test(
            notices_open_after_a_rotation_and_hold_up_retiring_until_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

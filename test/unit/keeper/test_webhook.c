#include "stage.h"

#include "hubspot/signatures.h"
#include "keeper/event_log.h"
#include "keeper/parcel.h"
#include "keeper/parking.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Webhooks as they come from the front: who signed, and what becomes of it. */

#define SECRET "the-client-secret"
#define URL "https://keep.example.com/webhooks/crm"
#define HOUR 3600000

static struct str urls[] = {{URL, sizeof(URL) - 1},
                            {"https://hooks.example.com/crm", 29},
                            {"http://10.0.0.1:8700/webhooks/crm", 33}};

/* How one request is signed; zeroed: rightly. */
struct sign {
    enum signature_version version; /* 0: v3 */
    const char *secret, *url, *query, *header;
    int64_t late_ms;
    bool is_unsigned;
    const char *body; /* that is signed, in the place of the one sent */
};

static bool takes_v2, takes_v1;

static void
with_urls(struct life_app *crm)
{
    crm->webhook_urls = (struct strs){urls, 3};
    crm->takes_v2 = takes_v2;
    crm->takes_v1 = takes_v1;
}

static struct stage *
stage_of_webhooks(void)
{
    struct stage *s = stage_new();
    struct buf auto_buf problem;
    buf_init(&problem, 1024);
    s->edit_app = with_urls;
    assert_int_equal(stage_reload(s, &problem), ERR_OK);
    return s;
}

static struct front_webhook_taken taken;

static void
on_taken(enum err e, const struct message *m, const void *reply, void *arg)
{
    (void)m;
    (void)arg;
    assert_int_equal(e, ERR_OK);
    taken = *(const struct front_webhook_taken *)reply;
}

static uint32_t
post(struct stage *s, const char *body, const struct sign *how)
{
    struct buf auto_buf value = {0};
    const char *url = how->url != NULL ? how->url : URL;
    const char *query = how->query != NULL ? how->query : "";
    enum signature_version v = how->version != 0 ? how->version : SIGNATURE_V3;
    struct signature_input input = {
        .secret = HIDDEN(str_from(how->secret != NULL ? how->secret : SECRET)),
        .uri = query[0] != '\0' ? arena_printf(s->arena, "%s?%s", url, query)
                                : str_from(url),
        .request = {STR("POST"),
                    str_from(how->body != NULL ? how->body : body)},
        .timestamp_ms = stage_now_ms() - how->late_ms};
    struct front_webhook w = {.app = STR("crm"),
                              .query = str_from(query),
                              .body = HIDDEN(str_from(body))};
    buf_init(&value, 128);
    signature_make(v, &input, &value);
    struct str text = how->header != NULL
                          ? str_from(how->header)
                          : arena_copy(s->arena, buf_str(&value));
    if (v == SIGNATURE_V3) {
        w.signature_v3 = text;
        w.timestamp = arena_printf(s->arena, "%" PRId64, input.timestamp_ms);
    } else {
        w.signature = text;
        w.signature_version = v == SIGNATURE_V2 ? STR("v2") : STR("v1");
    }
    if (how->is_unsigned)
        w.signature_v3 = w.timestamp = STR_NONE;
    taken = (struct front_webhook_taken){.err = ERR_COUNT};
    (void)channel_call(s->front, FRONT_WEBHOOK, &w, 600000, on_taken, NULL);
    stage_settle(s);
    return taken.err;
}

static uint32_t
post_signed(struct stage *s, const char *body)
{
    return post(s, body, &(struct sign){0});
}

static char one_event[256];

/* Of the portal; `at_ms`: after now. */
static const char *
event_of(uint64_t portal, unsigned id, int64_t at_ms)
{
    (void)snprintf(one_event, sizeof(one_event),
                   "[{\"eventId\":%u,\"portalId\":%" PRIu64
                   ",\"occurredAt\":%" PRId64 ",\"objectId\":7,"
                   "\"attemptNumber\":0,"
                   "\"subscriptionType\":\"contact.creation\"}]",
                   id, portal, at_ms);
    return one_event;
}

static void
only_what_the_app_signed_is_taken(void **state)
{
    static const struct {
        struct sign how;
        uint32_t err;
    } cases[] = {
        {{0}, ERR_OK},
        {{.url = "https://hooks.example.com/crm"}, ERR_OK},
        {{.url = "http://10.0.0.1:8700/webhooks/crm"}, ERR_OK},
        {{.url = "https://keep.example.com/webhooks/other"}, ERR_UNAUTHORIZED},
        {{.query = "a=1&b=%2F"}, ERR_OK},
        {{.secret = "the-old-secret"}, ERR_OK},
        {{.secret = "another-secret"}, ERR_UNAUTHORIZED}, /* of "other" */
        {{.is_unsigned = true}, ERR_UNAUTHORIZED},
        {{.header = "AAAA"}, ERR_UNAUTHORIZED},
        {{.header = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
         ERR_UNAUTHORIZED},
        {{.body = "[]"}, ERR_UNAUTHORIZED},
        {{.late_ms = SIGNATURE_PAST_MS}, ERR_OK},
        {{.late_ms = SIGNATURE_PAST_MS + 1}, ERR_UNAUTHORIZED},
        {{.late_ms = -SIGNATURE_FUTURE_MS}, ERR_OK},
        {{.late_ms = -SIGNATURE_FUTURE_MS - 1}, ERR_UNAUTHORIZED},
        {{.version = SIGNATURE_V2}, ERR_UNAUTHORIZED},
        {{.version = SIGNATURE_V1}, ERR_UNAUTHORIZED},
    };
    struct stage *s = stage_of_webhooks();
    struct buf auto_buf problem;
    uint64_t n = 0;
    (void)state;
    buf_init(&problem, 1024);
    s->old_secret = "the-old-secret\n";
    assert_int_equal(stage_reload(s, &problem), ERR_OK);
    stage_connect(s, 1001);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t err = post(s, event_of(1001, i + 1, s->now_ms), &cases[i].how);
        if (err != cases[i].err)
            fail_msg("case %u: err %u", i, err);
        n += err == ERR_OK;
        assert_int_equal(stage_event_log(s).n_taken, n);
    }
    stage_free(s);
}

static void
older_signatures_are_taken_where_the_app_says_so(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        takes_v2 = i & 1;
        takes_v1 = i & 2;
        struct stage *s = stage_of_webhooks();
        stage_connect(s, 1001);
        const char *body = event_of(1001, 1, s->now_ms);
        assert_int_equal(post(s, body, &(struct sign){.version = SIGNATURE_V2}),
                         takes_v2 ? ERR_OK : ERR_UNAUTHORIZED);
        assert_int_equal(post(s, body, &(struct sign){.version = SIGNATURE_V1}),
                         takes_v1 ? ERR_OK : ERR_UNAUTHORIZED);
        stage_free(s);
    }
    takes_v2 = takes_v1 = false;
}

#define A                                                            \
    "{\"eventId\":1,\"portalId\":1001,\"occurredAt\":1700000000000," \
    "\"objectId\":7,\"subscriptionType\":\"contact.creation\"}"
#define A_AGAIN                                             \
    "{\"attemptNumber\":3,\"eventId\":1,\"portalId\":1001," \
    "\"occurredAt\":1700000000000,\"objectId\":7,"          \
    "\"subscriptionType\":\"contact.creation\"}"
#define B                                                            \
    "{\"eventId\":2,\"portalId\":1001,\"occurredAt\":1700000000000," \
    "\"objectId\":7,\"subscriptionType\":\"contact.creation\"}"

static void
a_repeat_is_told_from_what_is_new(void **state)
{
    static const struct {
        const char *body;
        uint64_t n_taken, n_repeats; /* in all */
    } steps[] = {
        {"[" A "," B "]", 2, 0},
        {"[" A "," B "]", 2, 2}, /* the whole batch again */
        {"[" B "," A "]", 2, 4}, /* in another order */
        {"[" A_AGAIN "]", 2, 5}, /* another attempt */
        {A, 2, 6},               /* alone, without a list */
        {"[]", 2, 6},
    };
    struct stage *s = stage_of_webhooks();
    (void)state;
    stage_connect(s, 1001);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        assert_int_equal(post_signed(s, steps[i].body), ERR_OK);
        assert_int_equal(stage_event_log(s).n_taken, steps[i].n_taken);
        assert_int_equal(stage_event_log(s).n_repeats, steps[i].n_repeats);
    }
    stage_free(s);
}

static void
one_bad_event_costs_only_itself(void **state)
{
    struct stage *s = stage_of_webhooks();
    (void)state;
    stage_connect(s, 1001);
    assert_int_equal(post_signed(s, "[" A ",{\"portalId\":\"x\"}," B "]"),
                     ERR_OK);
    assert_int_equal(stage_event_log(s).n_bad, 1);
    assert_int_equal(stage_event_log(s).n_parked, 1);
    assert_int_equal(stage_event_log(s).n_events, 4); /* connected, too */
    stage_free(s);
}

static void
signed_text_that_is_no_json_is_one_parked_item(void **state)
{
    static const char *const bodies[] = {"hello", "[{\"a\":1}", "", "[1,2"};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct stage *s = stage_of_webhooks();
        assert_int_equal(post_signed(s, bodies[i]), ERR_OK);
        assert_int_equal(stage_event_log(s).n_parked, 1);
        assert_int_equal(stage_event_log(s).n_bad, 1);
        stage_free(s);
    }
}

/* A new portal's first request is as large as one can be: all of it lies
 * under the keys that its grant has in the end. */
static void
more_than_a_parcel_of_a_new_portal_can_all_be_read(void **state)
{
    static char body[60000], filter[16];
    struct stage *s = stage_of_webhooks();
    static struct heard list;
    size_t n = 0;
    (void)state;
    stage_connect(s, 1001);
    for (unsigned i = 0; i < 250; i++)
        n += (size_t)snprintf(body + n, sizeof(body) - n,
                              "%s{\"eventId\":%u,\"portalId\":1001,"
                              "\"occurredAt\":1700000000000,\"objectId\":%u,"
                              "\"subscriptionType\":\"contact.creation\"}",
                              i > 0 ? "," : "[", i + 1, i % 9 + 1);
    (void)snprintf(body + n, sizeof(body) - n, "]");
    assert_int_equal(post_signed(s, body), ERR_OK);
    assert_int_equal(stage_event_log(s).n_taken, 250);
    list.whole = calloc(1, LIMIT_FRAME);
    assert_non_null(list.whole);
    struct admin_events ask = {.app = STR("crm"), .limit = 1000};
    stage_admin(s, ADMIN_EVENTS_LIST, &ask, &list);
    for (unsigned i = 1; i <= 250; i += 83) {
        struct admin_event one = {.app = STR("crm")};
        static struct heard shown;
        const char *at = list.whole;
        for (unsigned k = 0; k <= i && at != NULL; k++)
            at = strstr(at + 1, "\"evt_");
        assert_non_null(at);
        one.id = str_of(at + 1, 23);
        stage_admin(s, ADMIN_EVENT_SHOW, &one, &shown);
        (void)snprintf(filter, sizeof(filter), "\"eventId\":");
        if (strstr(shown.json, filter) == NULL)
            fail_msg("event %u: %s %s", i, shown.json, shown.detail);
    }
    free(list.whole);
    stage_free(s);
}

static void
an_unknown_portals_events_wait_until_it_connects(void **state)
{
    struct stage *s = stage_of_webhooks();
    (void)state;
    stage_set_target(s, "https://app.example.com/events", 1);
    for (unsigned i = 1; i <= 45; i++)
        assert_int_equal(post_signed(s, event_of(1001, i, s->now_ms)), ERR_OK);
    assert_int_equal(post_signed(s, event_of(1002, 1, s->now_ms)), ERR_OK);
    assert_int_equal(stage_event_log(s).n_parked, 46);
    assert_int_equal(stage_event_log(s).n_pending, 0);
    stage_connect(s, 1001);
    assert_int_equal(stage_event_log(s).n_parked, 1);
    stage_pass(s, 60000, 1000);
    unsigned n = 0;
    for (size_t i = 0; i < s->target.n; i++)
        n += strstr(s->target.posts[i].body, "\"hubspot.event\"") != NULL;
    assert_int_equal(n, 45);
    assert_int_equal(post_signed(s, event_of(1001, 45, 1700000000000)), ERR_OK);
    assert_int_equal(stage_event_log(s).n_repeats, 1);
    stage_free(s);
}

static void
a_keeper_that_dies_before_it_unparked_does_so_when_it_is_back(void **state)
{
    (void)state;
    for (uint64_t call = 1; call < 30; call++) {
        struct stage *s = stage_of_webhooks();
        assert_int_equal(post_signed(s, event_of(1001, 1, s->now_ms)), ERR_OK);
        stage_connect(s, 1001);
        assert_int_equal(stage_event_log(s).n_parked, 0);
        stage_free(s);
        s = stage_of_webhooks();
        assert_int_equal(post_signed(s, event_of(1001, 1, s->now_ms)), ERR_OK);
        static struct heard session, begun, done;
        stage_session(s, "", "", 0, &session);
        stage_begin(s, session.json, &begun);
        store_memory_disturb(s->keeper.store,
                             &(struct store_disturbance){.unheard_call = call});
        stage_finish(s, &begun, "code-1", &done);
        store_memory_disturb(s->keeper.store, &(struct store_disturbance){0});
        stage_rebirth(s);
        if (stage_count(s, STORE_GRANTS) > 0)
            assert_int_equal(stage_event_log(s).n_parked, 0);
        else
            assert_int_equal(stage_event_log(s).n_parked, 1);
        stage_free(s);
    }
}

static void
what_nobody_comes_for_goes_after_72_hours_with_its_key(void **state)
{
    struct stage *s = stage_of_webhooks();
    (void)state;
    assert_int_equal(post_signed(s, event_of(1002, 1, s->now_ms)), ERR_OK);
    assert_int_equal(stage_count(s, STORE_DATA_KEYS), 1);
    stage_pass(s, PARKED_MS - 2 * HOUR, HOUR);
    assert_int_equal(stage_event_log(s).n_parked, 1);
    stage_pass(s, 3 * HOUR, HOUR);
    assert_int_equal(stage_event_log(s).n_parked, 0);
    assert_int_equal(stage_count(s, STORE_EVENTS), 0);
    assert_int_equal(stage_count(s, STORE_BODIES), 0);
    stage_pass(s, 25 * HOUR, HOUR);
    assert_int_equal(stage_count(s, STORE_DATA_KEYS), 0);
    stage_free(s);
}

static void
a_full_log_asks_hubspot_to_come_again(void **state)
{
    struct stage *s = stage_of_webhooks();
    struct buf auto_buf problem;
    (void)state;
    buf_init(&problem, 1024);
    stage_connect(s, 1001);
    s->events_max = 1500;
    assert_int_equal(stage_reload(s, &problem), ERR_OK);
    assert_int_equal(post_signed(s, event_of(1001, 1, s->now_ms)), ERR_OK);
    assert_int_equal(post_signed(s, event_of(1001, 2, s->now_ms)), ERR_OK);
    assert_int_equal(post_signed(s, event_of(1001, 3, s->now_ms)),
                     ERR_UNAVAILABLE);
    assert_true(taken.retry_after_s > 0);
    assert_int_equal(stage_event_log(s).n_taken, 2);
    stage_free(s);
}

static void
a_full_disk_asks_hubspot_to_come_again(void **state)
{
    struct stage *s = stage_of_webhooks();
    (void)state;
    stage_connect(s, 1001);
    store_memory_disturb(s->keeper.store,
                         &(struct store_disturbance){.is_full = true});
    assert_int_equal(post_signed(s, event_of(1001, 1, s->now_ms)),
                     ERR_UNAVAILABLE);
    store_memory_disturb(s->keeper.store, &(struct store_disturbance){0});
    assert_int_equal(post_signed(s, event_of(1001, 1, s->now_ms)), ERR_OK);
    assert_int_equal(stage_event_log(s).n_taken, 1);
    assert_int_equal(stage_event_log(s).n_repeats, 0);
    stage_free(s);
}

static void
take_many(struct stage *s, unsigned from, unsigned n, int64_t at_ms)
{
    for (unsigned i = from; i < from + n; i++)
        assert_int_equal(post_signed(s, event_of(1001, i, at_ms)), ERR_OK);
}

static void
repeats_are_known_also_among_many_of_the_same_moment(void **state)
{
    struct stage *s = stage_of_webhooks();
    int64_t at = s->now_ms;
    (void)state;
    stage_connect(s, 1001);
    take_many(s, 1, 700, at);
    assert_int_equal(stage_event_log(s).n_taken, 700);
    take_many(s, 1, 700, at);
    assert_int_equal(stage_event_log(s).n_taken, 700);
    assert_int_equal(stage_event_log(s).n_repeats, 700);
    stage_free(s);
}

/* n events of one moment; each of its own portal, or all of one. */
static const char *
many_events(unsigned n, unsigned first, bool is_of_many)
{
    static char body[200000];
    size_t at = 0;
    for (unsigned i = first; i < first + n; i++)
        at += (size_t)snprintf(
            body + at, sizeof(body) - at,
            "%s{\"eventId\":%u,\"portalId\":%u,\"occurredAt\":1700000000000,"
            "\"objectId\":7,\"subscriptionType\":\"contact.creation\"}",
            i == first ? "[" : ",", i + 1, is_of_many ? 5000 + i : 1001);
    (void)snprintf(body + at, sizeof(body) - at, "]");
    return body;
}

static void
a_body_of_more_events_than_hubspot_sends_is_one_item(void **state)
{
    struct stage *s = stage_of_webhooks();
    (void)state;
    assert_int_equal(post_signed(s, many_events(1001, 0, true)), ERR_OK);
    assert_int_equal(stage_event_log(s).n_parked, 1);
    assert_int_equal(stage_event_log(s).n_bad, 1);
    stage_free(s);
}

static void
what_was_seen_is_forgotten_in_time_whatever_its_own_says(void **state)
{
    static const int64_t times[] = {0, 1, INT64_MAX / 2, 253402300799000};
    struct stage *s = stage_of_webhooks();
    (void)state;
    stage_connect(s, 1001);
    for (unsigned i = 0; i < 4; i++) {
        take_many(s, 1, 2, times[i]);
        take_many(s, 1, 2, times[i]);
    }
    assert_int_equal(stage_event_log(s).n_taken, 8);
    assert_int_equal(stage_event_log(s).n_repeats, 8);
    take_many(s, 1, 1, s->now_ms);
    assert_true(stage_count(s, STORE_SEEN) > 1);
    stage_pass(s, 120000, 1000);
    assert_int_equal(stage_count(s, STORE_SEEN), 1);
    stage_pass(s, 49 * HOUR, HOUR);
    assert_int_equal(stage_count(s, STORE_SEEN), 0);
    stage_free(s);
}

static void
a_flood_of_one_moment_is_taken_whole_and_once(void **state)
{
    struct stage *s = stage_new();
    (void)state;
    stage_connect(s, 1001);
    stage_flood(s, 60);
    assert_false(s->keeper.has_failed);
    assert_int_equal(stage_event_log(s).n_taken, 6000);
    stage_flood(s, 60);
    assert_int_equal(stage_event_log(s).n_taken, 6000);
    assert_int_equal(stage_event_log(s).n_repeats, 6000);
    stage_free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flood_of_one_moment_is_taken_whole_and_once),
        cmocka_unit_test(only_what_the_app_signed_is_taken),
        cmocka_unit_test(older_signatures_are_taken_where_the_app_says_so),
        cmocka_unit_test(a_repeat_is_told_from_what_is_new),
        cmocka_unit_test(one_bad_event_costs_only_itself),
        cmocka_unit_test(signed_text_that_is_no_json_is_one_parked_item),
        cmocka_unit_test(more_than_a_parcel_of_a_new_portal_can_all_be_read),
        cmocka_unit_test(an_unknown_portals_events_wait_until_it_connects),
        cmocka_unit_test(
            a_keeper_that_dies_before_it_unparked_does_so_when_it_is_back),
        cmocka_unit_test(
            what_nobody_comes_for_goes_after_72_hours_with_its_key),
        cmocka_unit_test(a_full_log_asks_hubspot_to_come_again),
        cmocka_unit_test(a_full_disk_asks_hubspot_to_come_again),
        cmocka_unit_test(repeats_are_known_also_among_many_of_the_same_moment),
        cmocka_unit_test(a_body_of_more_events_than_hubspot_sends_is_one_item),
        cmocka_unit_test(
            what_was_seen_is_forgotten_in_time_whatever_its_own_says),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Events, their replay, and the check of signatures for the backend. */

#define EVENTS "/v1/apps/crm/events"
#define VERIFY "/v1/apps/crm/verify"

static const char *program;
static struct rig rig;

static struct {
    struct arena *arena;
    unsigned n;
    struct relay_events_list list;
    struct relay_event_replay replay;
    struct relay_verify verify;
    uint32_t err;
    const char *json;
    bool says_nothing;
} keeper;

static void
on_api(struct rig *r, const struct incoming *in)
{
    struct relay_answer answer = {.err = keeper.err,
                                  .json = str_from(keeper.json)};
    void *to = in->message->type == RELAY_EVENTS_LIST ? (void *)&keeper.list
               : in->message->type == RELAY_VERIFY    ? (void *)&keeper.verify
                                                      : &keeper.replay;
    (void)r;
    keeper.n++;
    record_copy(in->message->record, in->body, keeper.arena, to);
    if (keeper.says_nothing)
        return;
    channel_reply(in->channel, in->id, RELAY_ANSWER, &answer);
}

static int
setup(void **state)
{
    (void)state;
    memset(&keeper, 0, sizeof(keeper));
    keeper.arena = arena_new();
    keeper.json = "{\"events\":[],\"next\":\"c2\"}";
    rig_open(&rig);
    rig.on_api = on_api;
    rig_birth(&rig, program);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    rig_close(&rig);
    arena_free(keeper.arena);
    return 0;
}

static struct rig_call *
answered(struct rig_call *c, unsigned status)
{
    rig_wait_call(&rig, c);
    assert_int_equal(c->err, ERR_OK);
    if (c->status != status)
        fail_msg("%u instead of %u: %s", c->status, status, rig_body(c));
    return c;
}

static void
a_page_of_events_is_asked_for_as_the_query_says(void **state)
{
    struct rig_call *c;
    (void)state;
    c = answered(rig_get(&rig, EVENTS "?portal=7&cursor=a%2Fb&limit=5&wait=20"),
                 200);
    assert_string_equal(rig_body(c), keeper.json);
    assert_true(str_equal(keeper.list.app, STR("crm")));
    assert_true(str_equal(keeper.list.credential.s, str_from(rig.key)));
    assert_int_equal(keeper.list.portal, 7);
    assert_true(str_equal(keeper.list.cursor, STR("a/b")));
    assert_int_equal(keeper.list.limit, 5);
    assert_int_equal(keeper.list.wait_ms, 20000);
    answered(rig_get(&rig, EVENTS), 200);
    assert_int_equal(keeper.list.limit, 100);
    assert_int_equal(keeper.list.wait_ms, 0);
    assert_int_equal(keeper.list.portal, 0);
    assert_int_equal(keeper.list.cursor.n, 0);
}

static void
a_query_with_anything_else_is_refused(void **state)
{
    static const char *const queries[] = {
        "?wait=21", "?wait=-1",  "?wait=x",   "?limit=0", "?limit=101",
        "?portal=", "?portal=0", "?portal=x", "?ref=a",   "?cursor=%0",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        char target[64];
        (void)snprintf(target, sizeof(target), EVENTS "%s", queries[i]);
        struct rig_call *c = answered(rig_get(&rig, target), 400);
        assert_non_null(strstr(rig_body(c), "0 to 20 seconds"));
    }
    /* And the list of portals has its own. */
    answered(rig_get(&rig, "/v1/apps/crm/portals?wait=1"), 400);
    assert_int_equal(keeper.n, 0);
}

static void
an_event_is_replayed_by_its_id(void **state)
{
    (void)state;
    keeper.json = "{\"replayed\":1}";
    struct rig_call *c =
        answered(rig_send(&rig, "POST", EVENTS "/evt_1_00/replay", NULL), 202);
    assert_string_equal(rig_body(c), keeper.json);
    assert_true(str_equal(keeper.replay.id, STR("evt_1_00")));
    assert_true(str_equal(keeper.replay.app, STR("crm")));
    keeper.err = ERR_NOT_FOUND;
    answered(rig_send(&rig, "POST", EVENTS "/evt_1_00/replay", NULL), 404);
    c = answered(rig_get(&rig, EVENTS "/evt_1_00/replay"), 405);
    assert_string_equal(rig_header(c, "allow"), "POST");
}

static void
a_request_is_verified_with_what_its_caller_got(void **state)
{
    (void)state;
    keeper.json = "{\"valid\":true,\"version\":\"v3\"}";
    struct rig_call *c = answered(
        rig_send(&rig, "POST", VERIFY,
                 "{\"method\":\"post\",\"uri\":\"https://a.example/h?x=%2F\","
                 "\"headers\":{\"X-HubSpot-Signature-v3\":\"three\","
                 "\"X-HubSpot-Request-Timestamp\":\"17\","
                 "\"X-HubSpot-Signature\":\"old\","
                 "\"X-HubSpot-Signature-Version\":\"v2\"},"
                 "\"body_base64\":\"AAECAw==\"}"),
        200);
    const struct relay_verify *v = &keeper.verify;
    assert_string_equal(rig_body(c), keeper.json);
    assert_true(str_equal(v->method, STR("POST")));
    assert_true(str_equal(v->uri, STR("https://a.example/h?x=%2F")));
    assert_true(str_equal(v->signature_v3, STR("three")));
    assert_true(str_equal(v->timestamp, STR("17")));
    assert_true(str_equal(v->signature, STR("old")));
    assert_true(str_equal(v->signature_version, STR("v2")));
    assert_int_equal(v->body.s.n, 4);
    assert_memory_equal(v->body.s.p, "\0\1\2\3", 4);
}

static void
a_body_is_given_once_or_not_at_all(void **state)
{
    struct rig_call *c;
    (void)state;
    c = answered(rig_send(&rig, "POST", VERIFY,
                          "{\"method\":\"GET\",\"uri\":\"u\",\"headers\":{},"
                          "\"body\":\"\",\"body_base64\":\"\"}"),
                 400);
    assert_non_null(strstr(rig_body(c), "once"));
    assert_int_equal(keeper.n, 0);
    answered(rig_send(&rig, "POST", VERIFY,
                      "{\"method\":\"GET\",\"uri\":\"u\",\"headers\":{}}"),
             200);
    assert_int_equal(keeper.verify.body.s.n, 0);
}

/* A body of that many bytes that is right as a whole. */
static char *
verify_with(size_t n_body)
{
    static const char before[] =
        "{\"method\":\"POST\",\"uri\":\"u\",\"headers\":{},\"body\":\"";
    char *text = malloc(sizeof(before) + n_body + 3);
    assert_non_null(text);
    memcpy(text, before, sizeof(before) - 1);
    memset(text + sizeof(before) - 1, 'x', n_body);
    memcpy(text + sizeof(before) - 1 + n_body, "\"}", 3);
    return text;
}

static void
verifies_bodies_as_large_as_webhooks_and_no_larger(void **state)
{
    static const struct {
        size_t n;
        const char *target;
        unsigned status;
    } rows[] = {
        {524288, VERIFY, 200},
        {524289, VERIFY, 400},
        {1048576, VERIFY, 413},
        {70000, "/v1/apps/crm/connect-sessions", 413},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *text = verify_with(rows[i].n);
        answered(rig_send(&rig, "POST", rows[i].target, text), rows[i].status);
        free(text);
    }
    assert_int_equal(keeper.n, 1);
    assert_int_equal(keeper.verify.body.s.n, 524288);
}

static void
nothing_is_asked_without_a_key(void **state)
{
    static const char *const targets[] = {VERIFY, EVENTS "/evt_1_00/replay"};
    (void)state;
    rig.authorization[0] = '\0';
    answered(rig_get(&rig, EVENTS), 401);
    for (size_t i = 0; i < 2; i++)
        answered(rig_send(&rig, "POST", targets[i], "{}"), 401);
    assert_int_equal(keeper.n, 0);
}

static struct rig_call *
poll_of_many(const char *target)
{
    unsigned before = keeper.n;
    struct rig_call *c = rig_get(&rig, target);
    while (keeper.n == before)
        rig_run_ms(&rig, 10);
    return c;
}

static void
long_polls_hold_no_end_up(void **state)
{
    struct rig_call *polls[3];
    (void)state;
    keeper.says_nothing = true;
    for (size_t i = 0; i < 3; i++)
        polls[i] = poll_of_many(EVENTS "?wait=20");
    http_call_cancel(polls[1]->call); /* it has gone by itself */
    polls[1]->call = NULL;
    rig_run_ms(&rig, 50);
    nursery_stop(&rig.nursery, false);
    for (size_t i = 0; i < 3; i += 2) {
        answered(polls[i], 503);
        assert_string_equal(rig_header(polls[i], "retry-after"), "1");
        assert_non_null(strstr(rig_body(polls[i]), "same cursor"));
    }
    assert_int_equal(nursery_end(&rig.nursery), 0);
}

int
main(int argc, char **argv)
{
#define WITH_RIG(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_RIG(a_page_of_events_is_asked_for_as_the_query_says),
        WITH_RIG(a_query_with_anything_else_is_refused),
        WITH_RIG(an_event_is_replayed_by_its_id),
        WITH_RIG(a_request_is_verified_with_what_its_caller_got),
        WITH_RIG(a_body_is_given_once_or_not_at_all),
        WITH_RIG(verifies_bodies_as_large_as_webhooks_and_no_larger),
        WITH_RIG(nothing_is_asked_without_a_key),
        WITH_RIG(long_polls_hold_no_end_up),
    };
    if (argc != 2)
        return 1;
    program = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}

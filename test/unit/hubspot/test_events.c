#include "hubspot/events.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define P "\"portalId\":1001"
#define GOOD "{" P ",\"eventId\":1}"

static const uint8_t secret[32] = {7};

static void
check_str(struct str s, const char *text)
{
    assert_int_equal(s.n, strlen(text));
    assert_memory_equal(s.p, text, s.n);
}

static struct events
read_all(struct arena *arena, const char *body)
{
    struct events events;
    assert_int_equal(events_read(str_from(body), 100, arena, &events), ERR_OK);
    return events;
}

static struct event
read_one(struct arena *arena, const char *body)
{
    struct events events = read_all(arena, body);
    assert_int_equal(events.n, 1);
    return events.v[0];
}

static void
reads_the_facts_of_a_property_change(void **state)
{
    (void)state;
    static const char body[] =
        "[ {\"eventId\":3816279340, \"subscriptionId\":1160452,"
        "\"portalId\":9223372036854775807,\"appId\":1160000,"
        "\"occurredAt\":1764000000123,\"isSensitive\":false,"
        "\"subscriptionType\":\"contact.propertyChange\","
        "\"attemptNumber\":3,\"objectId\":\"1246965\",\"sourceId\":null,"
        "\"propertyName\":\"lifecyclestage\","
        "\"propertyValue\":\"a\\\"\\ud83d\\ude00ż\","
        "\"changeSource\":\"CRM_UI\",\"changeFlag\":\"NEW\"}\n ] ";
    struct arena *arena = arena_new();
    struct event event = read_one(arena, body);
    const struct event_facts *facts = &event.facts;
    assert_int_equal(event.fault, EVENT_GOOD);
    assert_ptr_equal(event.bytes.p, body + 2);
    assert_int_equal(event.bytes.n, sizeof(body) - 1 - 2 - 4);
    assert_int_equal(facts->class, EVENT_OBJECT);
    assert_int_equal(facts->event_id, 3816279340);
    assert_int_equal(facts->subscription, 1160452);
    assert_int_equal(facts->portal, INT64_MAX);
    assert_int_equal(facts->app, 1160000);
    assert_int_equal(facts->occurred_at_ms, 1764000000123);
    assert_int_equal(facts->attempt, 3);
    check_str(facts->type, "contact.propertyChange");
    check_str(facts->property, "lifecyclestage");
    check_str(facts->value, "\"a\\\"\\ud83d\\ude00ż\"");
    check_str(facts->source, "CRM_UI");
    check_str(event.attempt_member, "\"attemptNumber\":3");
    assert_int_equal(facts->n_objects, 1);
    assert_int_equal(facts->objects[0].id, 1246965);
    check_str(facts->objects[0].type, "0-1");
    arena_free(arena);
}

/* The objects as "type:id type:id". */
static void
names_the_class_and_the_objects_of_each_type(void **state)
{
    (void)state;
    static const struct {
        const char *rest;
        enum event_class class;
        const char *objects;
    } cases[] = {
        {"contact.creation\",\"objectId\":7", EVENT_OBJECT, "0-1:7"},
        {"company.deletion\",\"objectId\":7", EVENT_OBJECT, "0-2:7"},
        {"deal.restore\",\"objectId\":7", EVENT_OBJECT, "0-3:7"},
        {"ticket.propertyChange\",\"objectId\":7", EVENT_OBJECT, "0-5:7"},
        {"product.creation\",\"objectId\":7", EVENT_OBJECT, "0-7:7"},
        {"line_item.creation\",\"objectId\":7", EVENT_OBJECT, "0-8:7"},
        {"object.creation\",\"objectTypeId\":\"0-1\",\"objectId\":7",
         EVENT_OBJECT, "0-1:7"},
        {"object.propertyChange\",\"objectTypeId\":\"2-99\",\"objectId\":7",
         EVENT_OBJECT, "2-99:7"},
        {"object.creation\",\"objectId\":7", EVENT_OBJECT, ":7"},
        {"contact.creation", EVENT_OBJECT, ""},
        {"contact.merge\",\"objectId\":5,\"primaryObjectId\":5,"
         "\"mergedObjectIds\":[ 6, 7,6],\"newObjectId\":8",
         EVENT_MERGE, "0-1:5 0-1:8 0-1:6 0-1:7"},
        {"contact.merge\",\"mergedObjectIds\":[]", EVENT_MERGE, ""},
        {"contact.associationChange\",\"associationType\":\"CONTACT_TO_DEAL\","
         "\"fromObjectId\":5,\"toObjectId\":6,\"associationRemoved\":true",
         EVENT_ASSOCIATION, "0-1:5 0-3:6"},
        {"line_item.associationChange\","
         "\"associationType\":\"LINE_ITEM_TO_DEAL\","
         "\"fromObjectId\":5,\"toObjectId\":5",
         EVENT_ASSOCIATION, "0-8:5 0-3:5"},
        {"contact.associationChange\",\"fromObjectId\":5,\"toObjectId\":6",
         EVENT_ASSOCIATION, "0-1:5 :6"},
        {"contact.associationChange\",\"associationType\":\"A_TO_B\","
         "\"fromObjectId\":5,\"toObjectId\":6",
         EVENT_ASSOCIATION, ":5 :6"},
        {"object.associationChange\",\"fromObjectTypeId\":\"0-3\","
         "\"fromObjectId\":5,\"toObjectTypeId\":\"2-99\",\"toObjectId\":6",
         EVENT_ASSOCIATION, "0-3:5 2-99:6"},
        {"contact.privacyDeletion\",\"objectId\":7", EVENT_PRIVACY_DELETION,
         "0-1:7"},
        {"conversation.privacyDeletion\",\"objectId\":7",
         EVENT_PRIVACY_DELETION, "conversation:7"},
        {"conversation.newMessage\",\"objectId\":7,\"messageId\":\"m\"",
         EVENT_CONVERSATION, "conversation:7"},
        {"conversation.propertyChange\",\"objectId\":7", EVENT_CONVERSATION,
         "conversation:7"},
        {"app.uninstall", EVENT_UNINSTALL, ""},
        {"app.install", EVENT_INSTALL, ""},
        /* As the journal has them: no subscriptionType, but an action. */
        {"\",\"action\":\"UPDATE\",\"objectTypeId\":\"0-1\",\"objectId\":7",
         EVENT_OBJECT, "0-1:7"},
        {"\",\"action\":\"GDPR_DELETE\",\"objectTypeId\":\"0-1\","
         "\"objectId\":7",
         EVENT_PRIVACY_DELETION, "0-1:7"},
        {"\",\"action\":\"ASSOCIATION_ADDED\",\"fromObjectTypeId\":\"0-1\","
         "\"fromObjectId\":5,\"toObjectTypeId\":\"0-2\",\"toObjectId\":6",
         EVENT_ASSOCIATION, "0-1:5 0-2:6"},
        {"\",\"action\":\"APP_UNINSTALL\",\"eventTypeId\":\"4-1916193\"",
         EVENT_UNINSTALL, ""},
        {"\",\"action\":\"APP_INSTALL\"", EVENT_INSTALL, ""},
        {"\",\"action\":\"SNAPSHOT\"", EVENT_OTHER, ""},
        {"app.creation", EVENT_OTHER, ""},
        {"event.completed\",\"objectTypeId\":\"0-1\",\"objectId\":7",
         EVENT_OTHER, "0-1:7"},
        {"unicorn.creation\",\"objectId\":7", EVENT_OBJECT, ":7"},
        {"contact\",\"objectId\":7", EVENT_OTHER, "0-1:7"},
        {"contact.", EVENT_OTHER, ""},
        {".creation", EVENT_OBJECT, ""},
        {"", EVENT_OTHER, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena *arena = arena_new();
        struct buf auto_buf body = {0};
        struct buf auto_buf objects = {0};
        buf_init(&body, 1000);
        buf_init(&objects, 1000);
        buf_addf(&body, "{" P ",\"subscriptionType\":\"%s%s}", cases[i].rest,
                 strstr(cases[i].rest, "\",") != NULL ? "" : "\"");
        struct event event = read_one(arena, buf_text(&body));
        if (event.fault != EVENT_GOOD || event.facts.class != cases[i].class)
            fail_msg("%s", cases[i].rest);
        for (size_t k = 0; k < event.facts.n_objects; k++) {
            const struct event_object *object = &event.facts.objects[k];
            buf_addf(&objects, "%s%.*s:%d", k > 0 ? " " : "",
                     STR_ARG(object->type), (int)object->id);
        }
        assert_string_equal(buf_text(&objects), cases[i].objects);
        arena_free(arena);
    }
}

static void
takes_the_older_name_of_the_type_where_the_newer_is_absent(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct event event =
        read_one(arena, "{" P ",\"eventType\":\"deal.creation\"}");
    check_str(event.facts.type, "deal.creation");
    arena_free(arena);
}

/* Each stands between two good ones, which count. */
static void
lets_a_bad_event_cost_only_itself(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum event_fault fault;
    } cases[] = {
        {GOOD, EVENT_GOOD},
        {"{" P ",\"x\":{\"a\":[{}]},\"y\":[1,-0.5e+3,true]}", EVENT_GOOD},
        {"{" P ",\"x\":12345678901234567890123}", EVENT_GOOD},
        {"{}", EVENT_NO_PORTAL},
        {"{\"portalId\":null}", EVENT_NO_PORTAL},
        {"{\"portalId\":0}", EVENT_NO_PORTAL},
        {"{\"portalId\":-1}", EVENT_BAD_VALUE},
        {"{\"portalId\":1.0}", EVENT_BAD_VALUE},
        {"{\"portalId\":1e3}", EVENT_BAD_VALUE},
        {"{\"portalId\":9223372036854775808}", EVENT_BAD_VALUE},
        {"{\"portalId\":\"9223372036854775808\"}", EVENT_BAD_VALUE},
        {"{\"portalId\":\"\"}", EVENT_BAD_VALUE},
        {"{\"portalId\":\"x\"}", EVENT_BAD_VALUE},
        {"{\"portalId\":true}", EVENT_BAD_VALUE},
        {"{\"portalId\":[1]}", EVENT_BAD_VALUE},
        {"{" P ",\"occurredAt\":\"yesterday\"}", EVENT_BAD_VALUE},
        {"{" P ",\"occurredAt\":253402300800000}", EVENT_BAD_VALUE},
        {"{" P ",\"subscriptionType\":5}", EVENT_BAD_VALUE},
        {"{" P ",\"subscriptionType\":\"contact\\u002ecreation\"}",
         EVENT_BAD_VALUE},
        {"{" P ",\"mergedObjectIds\":5}", EVENT_BAD_VALUE},
        {"{" P ",\"mergedObjectIds\":[5,[6]]}", EVENT_BAD_VALUE},
        {"{" P ",\"mergedObjectIds\":[5,\"x\"]}", EVENT_BAD_VALUE},
        {"{" P ",\"associationRemoved\":1}", EVENT_BAD_VALUE},
        {"{" P ",\"subscriptionType\":\"contact.privacyDeletion\"}",
         EVENT_NO_OBJECT},
        {"{" P "," P "}", EVENT_DOUBLE_KEY},
        {"{" P ",\"x\":1,\"y\":2,\"x\":1}", EVENT_DOUBLE_KEY},
        {"{" P ",\"x\":{\"a\":1,\"a\":2}}", EVENT_DOUBLE_KEY},
        {"{" P ",\"x\":[[{\"b\":{\"a\":1,\"c\":0,\"a\":2}}]]}",
         EVENT_DOUBLE_KEY},
        {"{" P ",\"portal\\u0049d\":5}", EVENT_NOT_JSON},
        {"5", EVENT_NOT_OBJECT},
        {"null", EVENT_NOT_OBJECT},
        {"[" GOOD "]", EVENT_NOT_OBJECT},
        {"\"a,]\\\"{\"", EVENT_NOT_OBJECT},
        {"nonsense", EVENT_NOT_JSON},
        {"\"x\":8", EVENT_NOT_JSON},
        {"", EVENT_NOT_JSON},
        {GOOD GOOD, EVENT_NOT_JSON},
        {GOOD "x", EVENT_NOT_JSON},
        {"{" P ",}", EVENT_NOT_JSON},
        {"{," P "}", EVENT_NOT_JSON},
        {"{" P " \"x\":1}", EVENT_NOT_JSON},
        {"{" P ",\"x\"}", EVENT_NOT_JSON},
        {"{" P ",\"x\":}", EVENT_NOT_JSON},
        {"{" P ",x:1}", EVENT_NOT_JSON},
        {"{" P ",\"x\":01}", EVENT_NOT_JSON},
        {"{" P ",\"x\":-}", EVENT_NOT_JSON},
        {"{" P ",\"x\":1.}", EVENT_NOT_JSON},
        {"{" P ",\"x\":1e}", EVENT_NOT_JSON},
        {"{" P ",\"x\":+1}", EVENT_NOT_JSON},
        {"{" P ",\"x\":NaN}", EVENT_NOT_JSON},
        {"{" P ",\"x\":True}", EVENT_NOT_JSON},
        {"{" P ",\"x\":truely}", EVENT_NOT_JSON},
        {"{" P ",\"x\":[1,]}", EVENT_NOT_JSON},
        {"{" P ",\"x\":[1 2]}", EVENT_NOT_JSON},
        {"{" P ",\"x\":[1}}", EVENT_NOT_JSON},
        {"{" P ",\"x\":\"\t\"}", EVENT_NOT_JSON},
        {"{" P ",\"x\":\"\\x\"}", EVENT_NOT_JSON},
        {"{" P ",\"x\":\"\\u12g4\"}", EVENT_NOT_JSON},
        {"{" P ",\"x\":\"\\ud83d\"}", EVENT_NOT_JSON},
        {"{" P ",\"x\":\"\\ude00\\ud83d\"}", EVENT_NOT_JSON},
        {"{" P ",\"x\":\"\xff\"}", EVENT_NOT_JSON},
        {"{" P ",\"x\":\"\xc0\x80\"}", EVENT_NOT_JSON},
        {"{" P ",\"x\":\"\xed\xa0\x80\"}", EVENT_NOT_JSON},
        {"{" P ",\"\xff\":1}", EVENT_NOT_JSON},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena *arena = arena_new();
        struct buf auto_buf body = {0};
        buf_init(&body, 1000);
        buf_addf(&body, "[" GOOD ", %s ," GOOD "]", cases[i].text);
        struct events events = read_all(arena, buf_text(&body));
        if (events.n != 3 || events.v[1].fault != cases[i].fault)
            fail_msg("%s: %s", cases[i].text,
                     event_fault_name(events.v[1].fault));
        check_str(events.v[1].bytes, cases[i].text);
        assert_int_equal(events.v[0].fault, EVENT_GOOD);
        assert_int_equal(events.v[2].fault, EVENT_GOOD);
        assert_int_equal(events.v[1].facts.portal,
                         cases[i].fault == EVENT_GOOD ? 1001 : 0);
        arena_free(arena);
    }
}

static void
refuses_a_body_that_is_no_array_and_no_object(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        " ",
        "5",
        "null",
        "\"x\"",
        "nonsense",
        "[",
        "{",
        "[" GOOD,
        "[" GOOD ",",
        "[" GOOD "}",
        "[" GOOD ",\"x]",
        "[" GOOD "]]",
        "[" GOOD "] x",
        "[" GOOD "]" GOOD,
        GOOD "," GOOD,
        GOOD " x",
        "{" P,
        "{" P ",\"x\":\"}",
        "{" P "]",
        "\xef\xbb\xbf[" GOOD "]",
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct events events;
        if (events_read(str_from(bodies[i]), 100, arena, &events) != ERR_SYNTAX)
            fail_msg("%s", bodies[i]);
    }
    arena_free(arena);
}

static void
takes_an_empty_array_and_one_object_alone(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    assert_int_equal(read_all(arena, " [ ] ").n, 0);
    struct event event = read_one(arena, " " GOOD "\n");
    check_str(event.bytes, GOOD);
    assert_int_equal(event.fault, EVENT_GOOD);
    event = read_one(arena, "{\"x\":1}\n");
    check_str(event.bytes, "{\"x\":1}");
    assert_int_equal(event.fault, EVENT_NO_PORTAL);
    arena_free(arena);
}

static void
takes_as_many_events_as_it_is_told(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct events events;
    struct buf auto_buf body = {0};
    buf_init(&body, 100000);
    buf_add_char(&body, '[');
    for (int i = 0; i < 1000; i++)
        buf_addf(&body, "%s{" P ",\"eventId\":%d}", i > 0 ? "," : "", i);
    buf_add_char(&body, ']');
    assert_int_equal(events_read(buf_str(&body), 999, arena, &events),
                     ERR_LIMIT);
    assert_int_equal(events_read(buf_str(&body), 1000, arena, &events), ERR_OK);
    assert_int_equal(events.n, 1000);
    for (size_t i = 0; i < events.n; i++)
        assert_int_equal(events.v[i].facts.event_id, i);
    arena_free(arena);
}

/* An event whose member x has n brackets in each other. */
static struct event
read_deep(struct arena *arena, struct buf *body, size_t n, bool is_object)
{
    buf_clear(body);
    buf_add_text(body, "[{" P ",\"x\":");
    for (size_t i = 0; i < n; i++)
        buf_add_text(body, is_object && i + 1 < n ? "{\"a\":"
                           : is_object            ? "{"
                                                  : "[");
    for (size_t i = 0; i < n; i++)
        buf_add_char(body, is_object ? '}' : ']');
    buf_add_text(body, "}]");
    return read_one(arena, buf_text(body));
}

static void
refuses_what_is_nested_deeper_than_64(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct buf auto_buf body = {0};
    buf_init(&body, 1000000);
    for (int is_object = 0; is_object < 2; is_object++) {
        assert_int_equal(read_deep(arena, &body, 63, is_object).fault,
                         EVENT_GOOD);
        assert_int_equal(read_deep(arena, &body, 64, is_object).fault,
                         EVENT_TOO_DEEP);
        assert_int_equal(read_deep(arena, &body, 50000, is_object).fault,
                         EVENT_TOO_DEEP);
    }
    arena_free(arena);
}

static void
finds_a_double_name_among_many(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    for (int last = 99; last <= 200; last += 101) {
        struct buf auto_buf body = {0};
        buf_init(&body, 10000);
        buf_add_text(&body, "{" P);
        for (int i = 0; i < 200; i++)
            buf_addf(&body, ",\"n%d\":0", i);
        buf_addf(&body, ",\"n%d\":0}", last);
        assert_int_equal(read_one(arena, buf_text(&body)).fault,
                         last < 200 ? EVENT_DOUBLE_KEY : EVENT_GOOD);
    }
    arena_free(arena);
}

static void
refuses_an_event_that_names_too_many_objects(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    for (int n = EVENT_OBJECTS_MAX; n <= EVENT_OBJECTS_MAX + 1; n++) {
        struct buf auto_buf body = {0};
        buf_init(&body, 10000);
        buf_add_text(&body, "{" P ",\"subscriptionType\":\"contact.merge\","
                            "\"mergedObjectIds\":[1");
        for (int i = 2; i <= n; i++)
            buf_addf(&body, ",%d", i);
        buf_add_text(&body, "]}");
        struct event event = read_one(arena, buf_text(&body));
        assert_int_equal(event.fault, n == EVENT_OBJECTS_MAX
                                          ? EVENT_GOOD
                                          : EVENT_TOO_MANY_OBJECTS);
    }
    arena_free(arena);
}

/* Of two events, each said by what differs from a common one. */
static bool
have_one_key(const char *first, const char *second)
{
    uint8_t keys[2][EVENT_KEY_LEN];
    const char *texts[] = {first, second};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < 2; i++) {
        struct event event = read_one(arena, texts[i]);
        assert_int_equal(event.fault, EVENT_GOOD);
        event_dedupe_key(&event, secret, keys[i]);
    }
    arena_free(arena);
    return memcmp(keys[0], keys[1], EVENT_KEY_LEN) == 0;
}

#define CHANGE                                                        \
    "\"eventId\":1,\"subscriptionId\":2," P ",\"appId\":3,"           \
    "\"subscriptionType\":\"contact.propertyChange\",\"objectId\":4," \
    "\"propertyName\":\"a\",\"propertyValue\":\"b\",\"occurredAt\":1764"
#define LINK(rest)                               \
    "{" P ",\"eventId\":1,\"subscriptionType\":" \
    "\"contact.associationChange\"," rest "}"
#define OTHER P ",\"eventId\":1,\"subscriptionType\":\"unicorn.seen\""

static void
knows_a_repeat_by_what_it_has_in_common_with_the_first(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second;
        bool is_repeat;
    } cases[] = {
        {"{" CHANGE ",\"attemptNumber\":0}", "{" CHANGE ",\"attemptNumber\":1}",
         true},
        {"{" CHANGE ",\"attemptNumber\":0}", "{ " CHANGE " }", true},
        {"{\"attemptNumber\":0," CHANGE "}",
         "{" CHANGE ",\"changeFlag\":\"N\"}", true},
        {"{" CHANGE "0}", "{" CHANGE "1}", false},
        {"{" P ",\"eventId\":1}", "{" P ",\"eventId\":2}", false},
        {"{" P ",\"eventId\":1}", "{\"portalId\":1002,\"eventId\":1}", false},
        {LINK("\"fromObjectId\":1,\"toObjectId\":2"),
         LINK("\"toObjectId\":2,\"fromObjectId\":1"), true},
        {LINK("\"fromObjectId\":1,\"toObjectId\":2"),
         LINK("\"fromObjectId\":2,\"toObjectId\":1"), false},
        {LINK("\"fromObjectId\":1,\"associationRemoved\":false"),
         LINK("\"fromObjectId\":1,\"associationRemoved\":true"), false},
        {LINK("\"fromObjectId\":1"), LINK("\"fromObjectId\":11"), false},
        /* Of these portkeep does not know what makes them the same. */
        {"{" OTHER ",\"attemptNumber\":0}", "{" OTHER ",\"attemptNumber\":1}",
         true},
        {"{" OTHER ",\"horn\":0}", "{" OTHER ",\"horn\":1}", false},
        {"{" P ",\"subscriptionType\":\"deal.creation\",\"x\":1}",
         "{" P ",\"subscriptionType\":\"deal.creation\",\"x\":2}", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (have_one_key(cases[i].first, cases[i].second) != cases[i].is_repeat)
            fail_msg("%s", cases[i].second);
}

static void
tells_events_apart_by_each_field_that_identifies_them(void **state)
{
    (void)state;
    static const char *const members[] = {
        "\"subscriptionId\":%d",
        "\"appId\":%d",
        "\"occurredAt\":%d",
        "\"objectId\":%d",
        "\"objectTypeId\":\"0-%d\",\"objectId\":1",
        "\"propertyName\":\"p%d\"",
        "\"propertyValue\":\"v%d\"",
        "\"messageId\":\"m%d\"",
        "\"toObjectId\":%d",
        "\"mergedObjectIds\":[1,%d]",
        "\"associationType\":\"CONTACT_TO_%d\"",
    };
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        struct buf texts[2] = {0};
        for (int k = 0; k < 2; k++) {
            buf_init(&texts[k], 1000);
            buf_add_text(&texts[k], "{" P ",\"eventId\":1,\"subscriptionType\":"
                                    "\"object.creation\",");
            const char *mark = strstr(members[i], "%d");
            buf_add(&texts[k], str_of(members[i], (size_t)(mark - members[i])));
            buf_addf(&texts[k], "%d%s}", k + 5, mark + 2);
        }
        if (have_one_key(buf_text(&texts[0]), buf_text(&texts[1])))
            fail_msg("%s", members[i]);
        buf_done(&texts[0]);
        buf_done(&texts[1]);
    }
}

static void
begins_the_key_with_the_time_and_hides_the_rest(void **state)
{
    (void)state;
    static const uint8_t time[8] = {0, 0, 1, 0x9a, 0xb6, 0x98, 0x26, 0x7b};
    static const uint8_t other[32] = {8};
    uint8_t keys[2][EVENT_KEY_LEN];
    struct arena *arena = arena_new();
    struct event event =
        read_one(arena, "{" P ",\"eventId\":1,\"occurredAt\":1764000015995}");
    event_dedupe_key(&event, secret, keys[0]);
    event_dedupe_key(&event, other, keys[1]);
    assert_memory_equal(keys[0], time, 8);
    assert_memory_equal(keys[1], time, 8);
    assert_memory_not_equal(keys[0] + 8, keys[1] + 8, EVENT_KEY_LEN - 8);
    arena_free(arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_facts_of_a_property_change),
        cmocka_unit_test(names_the_class_and_the_objects_of_each_type),
        cmocka_unit_test(
            takes_the_older_name_of_the_type_where_the_newer_is_absent),
        cmocka_unit_test(lets_a_bad_event_cost_only_itself),
        cmocka_unit_test(refuses_a_body_that_is_no_array_and_no_object),
        cmocka_unit_test(takes_an_empty_array_and_one_object_alone),
        cmocka_unit_test(takes_as_many_events_as_it_is_told),
        cmocka_unit_test(refuses_what_is_nested_deeper_than_64),
        cmocka_unit_test(finds_a_double_name_among_many),
        cmocka_unit_test(refuses_an_event_that_names_too_many_objects),
        cmocka_unit_test(
            knows_a_repeat_by_what_it_has_in_common_with_the_first),
        cmocka_unit_test(tells_events_apart_by_each_field_that_identifies_them),
        cmocka_unit_test(begins_the_key_with_the_time_and_hides_the_rest),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

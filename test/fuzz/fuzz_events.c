#include "hubspot/events.h"

#include <assert.h>
#include <jansson.h>

/*
 * The bodies of webhooks.  What is called good or not JSON is compared with
 * an independent parser; spans lie in the body, in order, and apart.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define FLAGS (JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY)

static const uint8_t secret[32];

static bool
is_other_json(struct str s, enum json_error_code *out_code)
{
    json_error_t error = {0};
    json_t *json = json_loadb(s.p, s.n, FLAGS, &error);
    *out_code = json != NULL ? json_error_unknown : json_error_code(&error);
    json_decref(json);
    return json != NULL;
}

/* Names with escapes are refused here alone, and the other parser passes
 * over a NUL in some places. */
static bool
is_stricter(struct str s)
{
    return str_has(s, '\\') || str_has(s, '\0');
}

static void
check_objects(const struct event_facts *facts)
{
    assert(facts->n_objects <= EVENT_OBJECTS_MAX);
    for (size_t i = 0; i < facts->n_objects; i++)
        for (size_t k = 0; k < i; k++)
            assert(facts->objects[i].id != facts->objects[k].id ||
                   !str_equal(facts->objects[i].type, facts->objects[k].type));
}

static void
check_event(const struct event *event)
{
    enum json_error_code code;
    bool is_json = is_other_json(event->bytes, &code);
    uint8_t key[EVENT_KEY_LEN];
    /* Numbers beyond its types are the other parser's own limit. */
    bool is_unsure = code == json_error_numeric_overflow;
    assert(event_fault_name(event->fault) != NULL);
    if (event->fault == EVENT_GOOD) {
        assert((is_json || is_unsure) && event->facts.portal > 0);
        check_objects(&event->facts);
        event_dedupe_key(event, secret, key);
    }
    if (event->fault == EVENT_NOT_OBJECT)
        assert(is_json || is_unsure || code == json_error_duplicate_key);
    if (event->fault == EVENT_NOT_JSON && event->bytes.n > 0)
        assert(!is_json || is_stricter(event->bytes));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str body = str_of(data, n);
    struct arena *arena = arena_new();
    struct events events;
    enum json_error_code code;
    const char *at = body.p;
    enum err e = events_read(body, 1000, arena, &events);
    for (size_t i = 0; e == ERR_OK && i < events.n; i++) {
        assert(events.v[i].bytes.p >= at);
        at = events.v[i].bytes.p + events.v[i].bytes.n;
        assert(at <= body.p + body.n);
        check_event(&events.v[i]);
    }
    if (e == ERR_SYNTAX && !is_stricter(body) && is_other_json(body, &code)) {
        /* JSON, but neither an array nor an object. */
        json_t *json = json_loadb(body.p, body.n, FLAGS, NULL);
        assert(json == NULL || (!json_is_array(json) && !json_is_object(json)));
        json_decref(json);
    }
    arena_free(arena);
    return 0;
}

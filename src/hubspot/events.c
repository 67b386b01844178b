#include "hubspot/events.h"

#include "hubspot/events_int.h"
#include "hubspot/scan.h"

#include <sodium.h>

#define FIRST_ROOM 16

_Static_assert(EVENT_KEY_LEN - 8 >= crypto_generichash_BYTES_MIN,
               "a hash fits behind the time");

const char *
event_fault_name(enum event_fault fault)
{
    static const char *const names[] = {
        "good",      "not_json",   "not_object",
        "too_deep",  "double_key", "bad_value",
        "no_portal", "no_object",  "too_many_objects",
    };
    return names[fault];
}

/* Why something at the front of *rest is no object. */
static enum event_fault
judge_other(struct str *rest)
{
    struct scan_value value;
    enum err e = scan_value(rest, EVENT_DEPTH_MAX, &value);
    if (e == ERR_LIMIT)
        return EVENT_TOO_DEEP;
    return e == ERR_OK ? EVENT_NOT_OBJECT : EVENT_NOT_JSON;
}

/* Takes one event off the front; after a fault *rest is within it. */
static enum event_fault
take_event(struct str *rest, struct arena *arena, struct event *out)
{
    struct event_members members;
    if (rest->n == 0 || rest->p[0] != '{')
        return judge_other(rest);
    enum event_fault fault = event_members_take(rest, arena, &members);
    if (fault == EVENT_GOOD)
        fault = event_facts_of(&members, arena, &out->facts);
    if (fault == EVENT_GOOD)
        out->attempt_member = members.attempt_member;
    return fault;
}

static struct str
trim_end(struct str s)
{
    while (s.n > 0 && str_has(STR(" \n\r\t"), s.p[s.n - 1]))
        s.n--;
    return s;
}

/*
 * One element, up to the comma or the bracket behind it.  False when there is
 * none: then there is no array.
 */
static bool
take_element(struct str *rest, struct arena *arena, struct event *out)
{
    struct event event = {0};
    scan_space(rest);
    struct str start = *rest;
    event.fault = take_event(rest, arena, &event);
    event.bytes = str_of(start.p, start.n - rest->n);
    scan_space(rest);
    bool is_end = rest->n > 0 && (rest->p[0] == ',' || rest->p[0] == ']');
    if (!is_end &&
        (event.fault == EVENT_GOOD || event.fault == EVENT_NOT_OBJECT))
        event.fault = EVENT_NOT_JSON;
    if (event.fault != EVENT_GOOD) {
        *rest = start;
        if (!scan_skip(rest))
            return false;
        event = (struct event){
            .bytes = trim_end(str_of(start.p, start.n - rest->n)),
            .fault = event.fault,
        };
    }
    *out = event;
    return true;
}

static void
add_event(struct events *all, size_t *room, const struct event *event,
          struct arena *arena)
{
    if (all->n == *room) {
        size_t more = *room > 0 ? 2 * *room : FIRST_ROOM;
        struct event *v = arena_alloc(arena, more * sizeof(*v));
        if (all->n > 0)
            memcpy(v, all->v, all->n * sizeof(*v));
        all->v = v;
        *room = more;
    }
    all->v[all->n++] = *event;
}

static enum err
read_array(struct str *rest, size_t max, struct arena *arena,
           struct events *out)
{
    struct event event;
    size_t room = 0;
    enum err e;
    *rest = str_of(rest->p + 1, rest->n - 1);
    while ((e = scan_next(rest, ']', out->n == 0)) == ERR_OK) {
        if (out->n == max)
            return ERR_LIMIT;
        if (!take_element(rest, arena, &event))
            return ERR_SYNTAX;
        add_event(out, &room, &event, arena);
    }
    return e == ERR_CLOSED ? ERR_OK : e;
}

static enum err
read_single(struct str *rest, size_t max, struct arena *arena,
            struct events *out)
{
    struct event event = {0};
    struct str start = *rest;
    size_t room = 0;
    if (max == 0)
        return ERR_LIMIT;
    event.fault = take_event(rest, arena, &event);
    if (event.fault == EVENT_NOT_JSON)
        return ERR_SYNTAX;
    event.bytes = str_of(start.p, start.n - rest->n);
    if (event.fault != EVENT_GOOD) {
        event = (struct event){.bytes = trim_end(start), .fault = event.fault};
        *rest = str_of(start.p + start.n, 0);
    }
    add_event(out, &room, &event, arena);
    return ERR_OK;
}

enum err
events_read(struct str body, size_t max, struct arena *arena,
            struct events *out)
{
    struct str rest = body;
    struct events all = {0};
    enum err e = ERR_SYNTAX;
    scan_space(&rest);
    if (rest.n > 0 && rest.p[0] == '[')
        e = read_array(&rest, max, arena, &all);
    else if (rest.n > 0 && rest.p[0] == '{')
        e = read_single(&rest, max, arena, &all);
    scan_space(&rest);
    if (e == ERR_OK && rest.n > 0)
        e = ERR_SYNTAX;
    if (e == ERR_OK)
        *out = all;
    return e;
}

static void
put_u64(uint8_t out[static 8], uint64_t value)
{
    for (size_t i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> (56 - 8 * i));
}

static void
hash(crypto_generichash_state *state, struct str s)
{
    (void)crypto_generichash_update(state, (const uint8_t *)s.p,
                                    s.n); /* always 0 */
}

static void
hash_u64(crypto_generichash_state *state, uint64_t value)
{
    uint8_t bytes[8];
    put_u64(bytes, value);
    hash(state, str_of(bytes, sizeof(bytes)));
}

/* With its length before it, so that two do not run into one. */
static void
hash_part(crypto_generichash_state *state, struct str s)
{
    hash_u64(state, s.n);
    hash(state, s);
}

static void
hash_facts(crypto_generichash_state *state, const struct event_facts *facts)
{
    hash_u64(state, facts->event_id);
    hash_u64(state, facts->app);
    hash_u64(state, facts->portal);
    hash_u64(state, facts->subscription);
    hash_u64(state, facts->is_removed);
    hash_u64(state, facts->n_objects);
    for (size_t i = 0; i < facts->n_objects; i++) {
        hash_u64(state, facts->objects[i].id);
        hash_part(state, facts->objects[i].type);
    }
    hash_part(state, facts->type);
    hash_part(state, facts->property);
    hash_part(state, facts->value);
    hash_part(state, facts->association);
    hash_part(state, facts->message);
}

/* All but the attempt, which is empty where there is none. */
static void
hash_bytes(crypto_generichash_state *state, const struct event *event)
{
    struct str bytes = event->bytes, attempt = event->attempt_member;
    size_t before = attempt.n > 0 ? (size_t)(attempt.p - bytes.p) : 0;
    size_t after = before + attempt.n;
    hash_part(state, str_of(bytes.p, before));
    hash_part(state, str_of(bytes.p + after, bytes.n - after));
}

void
event_dedupe_key(const struct event *event, const uint8_t secret[static 32],
                 uint8_t out[static EVENT_KEY_LEN])
{
    const struct event_facts *facts = &event->facts;
    bool is_known = facts->event_id != 0 && facts->class != EVENT_OTHER;
    crypto_generichash_state state;
    put_u64(out, (uint64_t)facts->occurred_at_ms);
    (void)crypto_generichash_init(&state, secret, 32,
                                  EVENT_KEY_LEN - 8); /* always 0 */
    hash_u64(&state, is_known);
    hash_facts(&state, facts);
    if (!is_known)
        hash_bytes(&state, event);
    (void)crypto_generichash_final(&state, out + 8,
                                   EVENT_KEY_LEN - 8); /* always 0 */
}

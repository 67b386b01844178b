#include "base/text.h"
#include "hubspot/events_int.h"
#include "hubspot/scan.h"

#include <stdlib.h>

#define OCCURRED_AT_MAX 253402300799999 /* ms: the end of the year 9999 */
#define UNKNOWN_MAX 32

enum field_kind {
    FIELD_NUMBER, /* 0 to 2^63-1, also as a string of digits */
    FIELD_TIME,   /* 0 to OCCURRED_AT_MAX, or RFC 3339 in the journal */
    FIELD_TEXT,   /* a string without escapes, kept without quotes */
    FIELD_FLAG,
    FIELD_LIST, /* an array, kept as it stands */
    FIELD_ANY,  /* kept as it stands */
};

struct field {
    struct str name;
    enum field_kind kind;
    size_t at;
};

#define FIELD(name, kind, member)                                              \
    {                                                                          \
        {name, sizeof(name) - 1}, kind, offsetof(struct event_members, member) \
    }

/* In the order in which HubSpot writes them. */
static const struct field fields[] = {
    FIELD("eventId", FIELD_NUMBER, event_id),
    FIELD("subscriptionId", FIELD_NUMBER, subscription),
    FIELD("portalId", FIELD_NUMBER, portal),
    FIELD("appId", FIELD_NUMBER, app),
    FIELD("occurredAt", FIELD_TIME, occurred_at),
    FIELD("subscriptionType", FIELD_TEXT, subscription_type),
    FIELD("eventType", FIELD_TEXT, event_type),
    FIELD("attemptNumber", FIELD_NUMBER, attempt),
    FIELD("objectId", FIELD_NUMBER, object),
    FIELD("objectTypeId", FIELD_TEXT, object_type),
    FIELD("propertyName", FIELD_TEXT, property),
    FIELD("propertyValue", FIELD_ANY, value),
    FIELD("changeSource", FIELD_TEXT, source),
    FIELD("primaryObjectId", FIELD_NUMBER, primary),
    FIELD("mergedObjectIds", FIELD_LIST, merged),
    FIELD("newObjectId", FIELD_NUMBER, created),
    FIELD("associationType", FIELD_TEXT, association),
    FIELD("fromObjectId", FIELD_NUMBER, from),
    FIELD("toObjectId", FIELD_NUMBER, to),
    FIELD("fromObjectTypeId", FIELD_TEXT, from_type),
    FIELD("toObjectTypeId", FIELD_TEXT, to_type),
    FIELD("associationRemoved", FIELD_FLAG, is_removed),
    FIELD("messageId", FIELD_ANY, message),
    FIELD("action", FIELD_TEXT, action),
    FIELD("eventTypeId", FIELD_TEXT, event_type_id),
};
#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))
_Static_assert(N_FIELDS <= 32, "one bit of seen each");

/* Which names came already. */
struct names {
    uint32_t seen; /* of fields */
    struct str unknown[UNKNOWN_MAX];
    size_t n_unknown; /* also those for which there was no room */
    size_t next;      /* where in fields the next name is likely */
    bool has_objects; /* in it, with names of their own */
};

bool
event_number(const struct scan_value *value, uint64_t *out)
{
    struct str digits = value->bytes;
    uint64_t number;
    if (value->kind == SCAN_STRING)
        digits = scan_text(value);
    if (!str_to_u64(digits, &number) || number > INT64_MAX)
        return false;
    *out = number;
    return true;
}

static bool
take_flag(const struct scan_value *value, bool *out)
{
    *out = str_equal(value->bytes, STR("true"));
    return *out || str_equal(value->bytes, STR("false"));
}

static bool
take_time(const struct scan_value *value, uint64_t *out)
{
    int64_t ms;
    if (value->kind == SCAN_STRING && !value->has_escape) {
        if (!text_parse_time(scan_text(value), &ms) || ms < 0)
            return false;
        *out = (uint64_t)ms;
        return true;
    }
    return value->kind == SCAN_NUMBER && event_number(value, out) &&
           *out <= OCCURRED_AT_MAX;
}

static bool
take_text(const struct scan_value *value, struct str *out)
{
    if (value->kind != SCAN_STRING || value->has_escape)
        return false;
    *out = scan_text(value);
    return true;
}

static bool
take_field(const struct field *field, const struct scan_value *value,
           struct event_members *out)
{
    void *at = (char *)out + field->at;
    if (str_equal(value->bytes, STR("null")))
        return true;
    switch (field->kind) {
    case FIELD_NUMBER:
        return event_number(value, at);
    case FIELD_TIME:
        return take_time(value, at);
    case FIELD_TEXT:
        return take_text(value, at);
    case FIELD_FLAG:
        return take_flag(value, at);
    case FIELD_LIST:
    case FIELD_ANY:
        *(struct str *)at = value->bytes;
        return field->kind == FIELD_ANY || value->kind == SCAN_ARRAY;
    }
    return false;
}

static const struct field *
find_field(struct names *names, struct str name)
{
    for (size_t i = 0; i < N_FIELDS; i++) {
        size_t at = (names->next + i) % N_FIELDS;
        if (!str_equal(fields[at].name, name))
            continue;
        names->next = at + 1;
        return &fields[at];
    }
    return NULL;
}

/* False for a name that came before. */
static bool
note_name(struct names *names, const struct field *field, struct str name)
{
    if (field != NULL) {
        uint32_t bit = UINT32_C(1) << (field - fields);
        bool is_new = (names->seen & bit) == 0;
        names->seen |= bit;
        return is_new;
    }
    for (size_t i = 0; i < names->n_unknown && i < UNKNOWN_MAX; i++)
        if (str_equal(names->unknown[i], name))
            return false;
    if (names->n_unknown < UNKNOWN_MAX)
        names->unknown[names->n_unknown] = name;
    names->n_unknown++;
    return true;
}

static enum event_fault
take_member(struct str *rest, struct names *names, struct event_members *out)
{
    struct scan_value value;
    struct str name;
    if (!scan_name(rest, &name))
        return EVENT_NOT_JSON;
    const struct field *field = find_field(names, name);
    if (!note_name(names, field, name))
        return EVENT_DOUBLE_KEY;
    /* The object itself is one of the brackets. */
    enum err e = scan_value(rest, EVENT_DEPTH_MAX - 1, &value);
    if (e != ERR_OK)
        return e == ERR_LIMIT ? EVENT_TOO_DEEP : EVENT_NOT_JSON;
    names->has_objects |= value.has_object;
    if (field != NULL && !take_field(field, &value, out))
        return EVENT_BAD_VALUE;
    if (field != NULL && str_equal(name, STR("attemptNumber")))
        out->attempt_member =
            str_of(name.p - 1, (size_t)(rest->p - name.p) + 1);
    return EVENT_GOOD;
}

static int
compare_names(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static bool names_are_single(struct str text, struct arena *arena);

/*
 * The names of an object, and through it of all that is in it.  Only for
 * events that are not as HubSpot's are today: flat and of few members.
 */
static bool
object_is_single(struct str text, struct arena *arena)
{
    struct scan_value value;
    size_t n = 0, room = 0;
    struct str *all = NULL, rest = str_of(text.p + 1, text.n - 1), name;
    while (scan_next(&rest, '}', n == 0) == ERR_OK) {
        if (!scan_name(&rest, &name) ||
            scan_value(&rest, EVENT_DEPTH_MAX, &value) != ERR_OK ||
            !names_are_single(value.bytes, arena))
            return false;
        if (n == room) {
            struct str *more = arena_alloc(arena, (2 * n + 8) * sizeof(*more));
            if (n > 0)
                memcpy(more, all, n * sizeof(*more));
            all = more;
            room = 2 * n + 8;
        }
        all[n++] = name;
    }
    if (n > 0)
        qsort(all, n, sizeof(*all), compare_names);
    for (size_t i = 1; i < n; i++)
        if (str_equal(all[i - 1], all[i]))
            return false;
    return true;
}

/* No object in this JSON value has a name twice. */
static bool
names_are_single(struct str text, struct arena *arena)
{
    struct scan_value value;
    struct str rest = str_of(text.p + 1, text.n - 1);
    if (text.p[0] == '{')
        return object_is_single(text, arena);
    if (text.p[0] != '[')
        return true;
    for (bool is_first = true; scan_next(&rest, ']', is_first) == ERR_OK;
         is_first = false)
        if (scan_value(&rest, EVENT_DEPTH_MAX, &value) != ERR_OK ||
            !names_are_single(value.bytes, arena))
            return false;
    return true;
}

enum event_fault
event_members_take(struct str *rest, struct arena *arena,
                   struct event_members *out)
{
    struct names names;
    const char *start = rest->p;
    enum err e;
    names.seen = 0;
    names.n_unknown = names.next = 0;
    names.has_objects = false;
    *out = (struct event_members){0};
    *rest = str_of(rest->p + 1, rest->n - 1);
    for (bool is_first = true; (e = scan_next(rest, '}', is_first)) == ERR_OK;
         is_first = false) {
        enum event_fault fault = take_member(rest, &names, out);
        if (fault != EVENT_GOOD)
            return fault;
    }
    if (e != ERR_CLOSED)
        return EVENT_NOT_JSON;
    struct str text = str_of(start, (size_t)(rest->p - start));
    if ((names.has_objects || names.n_unknown > UNKNOWN_MAX) &&
        !names_are_single(text, arena))
        return EVENT_DOUBLE_KEY;
    return EVENT_GOOD;
}

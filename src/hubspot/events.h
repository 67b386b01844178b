#ifndef HUBSPOT_EVENTS_H
#define HUBSPOT_EVENTS_H

#include "base/arena.h"
#include "base/err.h"

/*
 * The events in the body of a webhook (hubspot.md 4.1) or in a file of the
 * journal (4.5): cut into the bytes
 * of each, with the facts that portkeep acts on.
 *
 *     e = events_read(body, 100, arena, &events);
 *     for (size_t i = 0; i < events.n; i++)
 *         if (events.v[i].fault == EVENT_GOOD) ...
 *
 * One bad element costs only itself.  All spans lie in the body, which has
 * to outlive them; lists lie in the arena.
 */
#define EVENT_DEPTH_MAX 64    /* brackets in one event, one in another */
#define EVENT_OBJECTS_MAX 200 /* named by one event; merges name several */
#define EVENT_KEY_LEN 32

enum event_fault {
    EVENT_GOOD,
    EVENT_NOT_JSON,   /* also invalid UTF-8, and names with escapes */
    EVENT_NOT_OBJECT, /* JSON, but no object */
    EVENT_TOO_DEEP,
    EVENT_DOUBLE_KEY,
    EVENT_BAD_VALUE,        /* a known field of the wrong type or range */
    EVENT_NO_PORTAL,        /* no portalId */
    EVENT_NO_OBJECT,        /* a privacy deletion that does not say of what */
    EVENT_TOO_MANY_OBJECTS, /* more than EVENT_OBJECTS_MAX */
};
/* A short name for logs and lists, e.g. "not_json". */
const char *event_fault_name(enum event_fault fault);

enum event_class {
    EVENT_OBJECT, /* creation, deletion, restore, propertyChange */
    EVENT_MERGE,
    EVENT_ASSOCIATION,
    EVENT_CONVERSATION,
    EVENT_PRIVACY_DELETION, /* of a contact or of a conversation */
    EVENT_INSTALL,          /* app.install */
    EVENT_UNINSTALL,        /* app.uninstall */
    EVENT_OTHER,
};

/*
 * The type is HubSpot's id, whichever way the event names it ("0-1" for
 * contact), or "conversation"; empty where the event does not tell.  Who
 * looks for the events of an object looks under its type and under the empty
 * one.
 */
struct event_object {
    struct str type;
    uint64_t id;
};

/* Numbers are 0 and spans empty where the event has none or null. */
struct event_facts {
    enum event_class class;
    struct str type; /* subscriptionType, or the journal's action */
    uint64_t portal; /* never 0 */
    uint64_t app, subscription, event_id, attempt;
    int64_t occurred_at_ms;
    struct event_object *objects; /* each once */
    size_t n_objects;
    struct str property;    /* propertyName */
    struct str source;      /* changeSource */
    struct str association; /* associationType */
    bool is_removed;        /* associationRemoved */
    /* propertyValue, messageId: with their quotes and escapes. */
    struct str value, message;
};

struct event {
    struct str bytes; /* from { to }, or what stands in its place */
    enum event_fault fault;
    struct event_facts facts; /* zeroed unless EVENT_GOOD */
    /* The member attemptNumber with its name; empty without one. */
    struct str attempt_member;
};

struct events {
    struct event *v;
    size_t n;
};

/*
 * Takes an array, also an empty one, or one object.  ERR_SYNTAX for what is
 * neither as a whole: brackets or strings that do not end, anything after
 * the end.  ERR_LIMIT for more than max elements.
 */
enum err events_read(struct str body, size_t max, struct arena *arena,
                     struct events *out) WARN_UNUSED;

/*
 * What a repeat of a good event has in common with the first: eventId alone
 * is not unique, and attemptNumber differs.  Begins with occurredAt,
 * big-endian, so that keys of one time lie together; the rest is a keyed
 * hash.  An event of an unknown class or without eventId is known by all of
 * its bytes but the attempt, so that no other is taken for its repeat.
 */
void event_dedupe_key(const struct event *event,
                      const uint8_t secret[static 32],
                      uint8_t out[static EVENT_KEY_LEN]);

#endif

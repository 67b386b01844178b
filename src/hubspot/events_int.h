#ifndef HUBSPOT_EVENTS_INT_H
#define HUBSPOT_EVENTS_INT_H

#include "hubspot/events.h"

/*
 * Between the files of events.h: the array is cut in events.c, one object is
 * read in events_members.c, what it means is said in events_facts.c.
 */

/* The members of an event that portkeep knows, null ones left out. */
struct event_members {
    uint64_t portal, app, subscription, event_id, attempt, occurred_at;
    uint64_t object, from, to, primary, created;
    struct str subscription_type, event_type;
    struct str object_type, from_type, to_type;
    struct str association, property, source;
    struct str value, message, merged; /* as they stand */
    struct str action, event_type_id;  /* the journal's */
    bool is_removed;
    struct str attempt_member;
};

/* Takes one object off the front of *rest.  After a fault *rest is anywhere
 * within it. */
enum event_fault event_members_take(struct str *rest, struct arena *arena,
                                    struct event_members *out);

/* A number of at most 2^63-1, or its digits as a string. */
struct scan_value;
bool event_number(const struct scan_value *value, uint64_t *out);

enum event_fault event_facts_of(const struct event_members *members,
                                struct arena *arena, struct event_facts *out);

#endif

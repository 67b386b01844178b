#include "hubspot/events_int.h"
#include "hubspot/scan.h"

/* HubSpot's word for a type, and its id. */
static const struct object_type {
    struct str word, id;
} types[] = {
    {{"contact", 7}, {"0-1", 3}}, {{"company", 7}, {"0-2", 3}},
    {{"deal", 4}, {"0-3", 3}},    {{"ticket", 6}, {"0-5", 3}},
    {{"product", 7}, {"0-7", 3}}, {{"line_item", 9}, {"0-8", 3}},
};

static const struct class_of {
    struct str action;
    enum event_class class;
} classes[] = {
    {{"creation", 8}, EVENT_OBJECT},
    {{"deletion", 8}, EVENT_OBJECT},
    {{"restore", 7}, EVENT_OBJECT},
    {{"propertyChange", 14}, EVENT_OBJECT},
    {{"merge", 5}, EVENT_MERGE},
    {{"associationChange", 17}, EVENT_ASSOCIATION},
    {{"privacyDeletion", 15}, EVENT_PRIVACY_DELETION},
};
#define N_OF(table) (sizeof(table) / sizeof((table)[0]))

/* Of a word in any case; empty for one that is not in the table. */
static struct str
type_of(struct str word)
{
    for (size_t i = 0; i < N_OF(types); i++)
        if (str_equal_nocase(types[i].word, word))
            return types[i].id;
    return STR_NONE;
}

static enum event_class
class_of(struct str subject, struct str action)
{
    if (str_equal(subject, STR("app"))) {
        if (str_equal(action, STR("uninstall")))
            return EVENT_UNINSTALL;
        return str_equal(action, STR("install")) ? EVENT_INSTALL : EVENT_OTHER;
    }
    for (size_t i = 0; i < N_OF(classes); i++) {
        if (!str_equal(classes[i].action, action))
            continue;
        if (str_equal(subject, STR("conversation")) &&
            classes[i].class == EVENT_OBJECT)
            return EVENT_CONVERSATION;
        return classes[i].class;
    }
    return str_equal(subject, STR("conversation")) &&
                   str_equal(action, STR("newMessage"))
               ? EVENT_CONVERSATION
               : EVENT_OTHER;
}

/* In the journal (hubspot.md 4.5). */
static const struct class_of actions[] = {
    {{"APP_INSTALL", 11}, EVENT_INSTALL},
    {{"APP_UNINSTALL", 13}, EVENT_UNINSTALL},
    {{"GDPR_DELETE", 11}, EVENT_PRIVACY_DELETION},
    {{"CREATE", 6}, EVENT_OBJECT},
    {{"UPDATE", 6}, EVENT_OBJECT},
    {{"DELETE", 6}, EVENT_OBJECT},
    {{"RESTORE", 7}, EVENT_OBJECT},
    {{"MERGE", 5}, EVENT_MERGE},
    {{"ASSOCIATION_ADDED", 17}, EVENT_ASSOCIATION},
    {{"ASSOCIATION_REMOVED", 19}, EVENT_ASSOCIATION},
};

static enum event_class
class_of_action(struct str action)
{
    for (size_t i = 0; i < N_OF(actions); i++)
        if (str_equal(actions[i].action, action))
            return actions[i].class;
    return EVENT_OTHER;
}

/* The type of what subscriptionType begins with.  Of a word that is not known
 * nothing is concluded: a privacy deletion has to find its events. */
static struct str
subject_type(struct str subject)
{
    struct str conversation = STR("conversation");
    return str_equal(subject, conversation) ? conversation : type_of(subject);
}

/* The two words of CONTACT_TO_LINE_ITEM. */
static bool
split_association(struct str text, struct str *out_from, struct str *out_to)
{
    for (size_t i = 0; i + 4 <= text.n; i++) {
        if (memcmp(text.p + i, "_TO_", 4) != 0)
            continue;
        *out_from = type_of(str_of(text.p, i));
        *out_to = type_of(str_of(text.p + i + 4, text.n - i - 4));
        return true;
    }
    return false;
}

static struct str
first_of(struct str a, struct str b)
{
    return a.n > 0 ? a : b;
}

static enum event_fault
add_object(struct event_facts *facts, struct str type, uint64_t id)
{
    if (id == 0)
        return EVENT_GOOD;
    for (size_t i = 0; i < facts->n_objects; i++)
        if (facts->objects[i].id == id &&
            str_equal(facts->objects[i].type, type))
            return EVENT_GOOD;
    if (facts->n_objects == EVENT_OBJECTS_MAX)
        return EVENT_TOO_MANY_OBJECTS;
    facts->objects[facts->n_objects++] = (struct event_object){type, id};
    return EVENT_GOOD;
}

static enum event_fault
add_merged(struct event_facts *facts, struct str type, struct str list)
{
    struct str rest = str_of(list.p + 1, list.n - 1);
    struct scan_value value;
    enum event_fault fault = EVENT_GOOD;
    uint64_t id;
    for (bool is_first = true;
         fault == EVENT_GOOD && scan_next(&rest, ']', is_first) == ERR_OK;
         is_first = false) {
        if (scan_value(&rest, 1, &value) != ERR_OK ||
            !event_number(&value, &id))
            return EVENT_BAD_VALUE;
        fault = add_object(facts, type, id);
    }
    return fault;
}

/* As many as the members can name at most. */
static size_t
objects_room(const struct event_members *m)
{
    size_t n = 5; /* one for each field of a single id */
    for (size_t i = 0; i < m->merged.n && n < EVENT_OBJECTS_MAX; i++)
        n += m->merged.p[i] == ',' || m->merged.p[i] == '[';
    return n;
}

static enum event_fault
add_objects(const struct event_members *m, struct str subject,
            struct arena *arena, struct event_facts *facts)
{
    struct str type = first_of(m->object_type, subject_type(subject));
    struct str from = STR_NONE, to = STR_NONE;
    if (!split_association(m->association, &from, &to))
        from = type;
    facts->objects =
        arena_alloc(arena, objects_room(m) * sizeof(*facts->objects));
    const struct event_object single[] = {
        {type, m->object},
        {first_of(m->from_type, from), m->from},
        {first_of(m->to_type, to), m->to},
        {type, m->primary},
        {type, m->created},
    };
    enum event_fault fault = EVENT_GOOD;
    for (size_t i = 0; i < N_OF(single) && fault == EVENT_GOOD; i++)
        fault = add_object(facts, single[i].type, single[i].id);
    if (fault == EVENT_GOOD && m->merged.n > 0)
        fault = add_merged(facts, type, m->merged);
    return fault;
}

enum event_fault
event_facts_of(const struct event_members *m, struct arena *arena,
               struct event_facts *out)
{
    struct str type = first_of(m->subscription_type, m->event_type);
    struct str action = type, subject = STR_NONE;
    bool is_journal = type.n == 0 && m->action.n > 0;
    if (m->portal == 0)
        return EVENT_NO_PORTAL;
    if (!str_cut(&action, '.', &subject))
        subject = STR_NONE;
    *out = (struct event_facts){
        .class =
            is_journal ? class_of_action(m->action) : class_of(subject, action),
        .type = is_journal ? m->action : type,
        .portal = m->portal,
        .app = m->app,
        .subscription = m->subscription,
        .event_id = m->event_id,
        .attempt = m->attempt,
        .occurred_at_ms = (int64_t)m->occurred_at,
        .property = m->property,
        .source = m->source,
        .association = m->association,
        .is_removed = m->is_removed,
        .value = m->value,
        .message = m->message,
    };
    enum event_fault fault = add_objects(m, subject, arena, out);
    if (fault == EVENT_GOOD && out->class == EVENT_PRIVACY_DELETION &&
        out->n_objects == 0)
        fault = EVENT_NO_OBJECT;
    return fault;
}

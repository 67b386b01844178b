#include "emulator/journal_subscriptions.h"

#include "emulator/call.h"
#include "emulator/hubdoc.h"
#include "emulator/own.h"

#include <stdlib.h>

/* hubspot.md 4.5: what each kind must say. */
static const struct kind {
    const char *name;
    const char *needs[6];
} kinds[] = {
    {"OBJECT",
     {"portalId", "objectTypeId", "actions", "properties", "objectIds"}},
    {"ASSOCIATION",
     {"portalId", "objectTypeId", "associatedObjectTypeIds", "actions",
      "objectIds"}},
    {"LIST_MEMBERSHIP", {"portalId", "listIds", "objectIds", "actions"}},
    {"GDPR_PRIVACY_DELETION", {"portalId", "objectTypeId", "actions"}},
    {"APP_LIFECYCLE_EVENT", {"eventTypeId", "properties"}},
};

void
journal_subscriptions_done(struct journal_subscriptions *all)
{
    for (size_t i = 0; i < all->n; i++)
        json_decref(all->v[i].body);
    free(all->v);
    *all = (struct journal_subscriptions){0};
}

static const struct kind *
kind_of(const json_t *body)
{
    struct str name = json_text_at(body, "subscriptionType");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (str_equal(name, str_from(kinds[i].name)))
            return &kinds[i];
    }
    return NULL;
}

static const char *
fault_of(const json_t *body)
{
    const struct kind *k = kind_of(body);
    if (k == NULL)
        return "subscriptionType";
    for (size_t i = 0; i < 6 && k->needs[i] != NULL; i++) {
        const json_t *value = json_object_get(body, k->needs[i]);
        bool is_list = str_ends(str_from(k->needs[i]), STR("s"));
        bool is_good = is_list
                           ? json_is_array(value)
                           : json_is_string(value) || json_is_integer(value);
        if (!is_good)
            return k->needs[i];
    }
    return NULL;
}

static bool
same_at(const json_t *a, const json_t *b, const char *name)
{
    return json_equal(json_object_get(a, name), json_object_get(b, name)) ||
           (json_object_get(a, name) == NULL &&
            json_object_get(b, name) == NULL);
}

/* One for each portal and type of record. */
static bool
is_same(const json_t *a, const json_t *b)
{
    return same_at(a, b, "subscriptionType") && same_at(a, b, "portalId") &&
           same_at(a, b, "objectTypeId") && same_at(a, b, "eventTypeId") &&
           same_at(a, b, "associatedObjectTypeIds");
}

static const struct journal_subscription *
add(struct journal_subscriptions *all, uint64_t id, json_t *body,
    int64_t now_ms)
{
    all->v = own_room(all->v, all->n, &all->room, sizeof(*all->v));
    all->v[all->n] =
        (struct journal_subscription){id, json_incref(body), now_ms};
    return &all->v[all->n++];
}

enum err
journal_subscriptions_add(struct journal_subscriptions *all, json_t *body,
                          int64_t now_ms,
                          const struct journal_subscription **out,
                          const char **out_why)
{
    const char *why = fault_of(body);
    if (why != NULL) {
        *out_why = why;
        return ERR_INVALID;
    }
    for (size_t i = 0; i < all->n; i++) {
        if (is_same(all->v[i].body, body))
            return ERR_CONFLICT;
    }
    if (all->n == JOURNAL_SUBSCRIPTIONS)
        return ERR_LIMIT;
    *out = add(all, ++all->last_id, body, now_ms);
    return ERR_OK;
}

const struct journal_subscription *
journal_subscriptions_find(const struct journal_subscriptions *all, uint64_t id)
{
    for (size_t i = 0; i < all->n; i++) {
        if (all->v[i].id == id)
            return &all->v[i];
    }
    return NULL;
}

static void
remove_at(struct journal_subscriptions *all, size_t i)
{
    json_decref(all->v[i].body);
    all->n--;
    memmove(all->v + i, all->v + i + 1, (all->n - i) * sizeof(*all->v));
}

bool
journal_subscriptions_remove(struct journal_subscriptions *all, uint64_t id)
{
    const struct journal_subscription *s = journal_subscriptions_find(all, id);
    if (s != NULL)
        remove_at(all, (size_t)(s - all->v));
    return s != NULL;
}

uint64_t
journal_subscription_portal(const struct journal_subscription *s)
{
    return json_u64_at(s->body, "portalId", 0);
}

/* What was asked for, and what HubSpot adds to it. */
void
journal_subscription_add_json(const struct journal_subscription *s,
                              uint64_t app_id, struct doc *d)
{
    const char *name;
    json_t *value;
    doc_open(d, '{');
    doc_field_u64(d, "id", s->id);
    doc_field_u64(d, "appId", app_id);
    json_object_foreach(s->body, name, value)
    {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        hubdoc_raw(d, name, str_from(text));
        free(text);
    }
    hubdoc_time(d, "createdAt", s->created_at_ms);
    hubdoc_time(d, "updatedAt", s->created_at_ms);
    doc_close(d, '}');
}

static bool
has_text(const json_t *body, const char *list, struct str text)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(body, list), i, one)
    {
        if (str_equal(text,
                      str_of(json_string_value(one), json_string_length(one))))
            return true;
    }
    return false;
}

/* No ids, no properties: all of them. */
static bool
is_open_list(const json_t *body, const char *list)
{
    return json_array_size(json_object_get(body, list)) == 0;
}

static bool
has_object(const json_t *body, uint64_t id)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(body, "objectIds"), i, one)
    {
        if ((uint64_t)json_integer_value(one) == id)
            return true;
    }
    return is_open_list(body, "objectIds");
}

static bool
is_of_kind(const json_t *body, const char *kind)
{
    return str_equal(json_text_at(body, "subscriptionType"), str_from(kind));
}

static bool
wants_life(const json_t *body, const struct happening *h)
{
    return is_of_kind(body, "APP_LIFECYCLE_EVENT") &&
           str_equal(json_text_at(body, "eventTypeId"),
                     h->kind == HAPPENING_INSTALL ? STR(EVENT_TYPE_INSTALL)
                                                  : STR(EVENT_TYPE_UNINSTALL));
}

static bool
wants_kind(const json_t *body, const struct happening *h)
{
    if (h->kind == HAPPENING_PRIVACY)
        return is_of_kind(body, "GDPR_PRIVACY_DELETION");
    if (h->kind == HAPPENING_ASSOCIATION)
        return is_of_kind(body, "ASSOCIATION") &&
               (is_open_list(body, "associatedObjectTypeIds") ||
                has_text(body, "associatedObjectTypeIds",
                         str_from(h->to_type->type_id)));
    return is_of_kind(body, "OBJECT") &&
           (h->kind != HAPPENING_CHANGE || is_open_list(body, "properties") ||
            has_text(body, "properties", h->property));
}

static bool
wants(const struct journal_subscription *s, const struct happening *h)
{
    if (h->type == NULL)
        return wants_life(s->body, h);
    return journal_subscription_portal(s) == h->portal &&
           wants_kind(s->body, h) &&
           str_equal(json_text_at(s->body, "objectTypeId"),
                     str_from(h->type->type_id)) &&
           has_text(s->body, "actions", happening_action(h)) &&
           has_object(s->body, h->object_id);
}

const struct journal_subscription *
journal_subscriptions_match(const struct journal_subscriptions *all,
                            const struct happening *h, size_t *at)
{
    while (*at < all->n) {
        const struct journal_subscription *s = &all->v[(*at)++];
        if (wants(s, h))
            return s;
    }
    return NULL;
}

void
journal_subscriptions_add_state(const struct journal_subscriptions *all,
                                struct doc *d)
{
    doc_field_u64(d, "last_id", all->last_id);
    doc_key(d, "subscriptions");
    doc_open(d, '[');
    for (size_t i = 0; i < all->n; i++) {
        char *body = json_dumps(all->v[i].body, JSON_COMPACT);
        doc_open(d, '{');
        doc_field_u64(d, "id", all->v[i].id);
        hubdoc_i64(d, "created_at_ms", all->v[i].created_at_ms);
        hubdoc_raw(d, "body", str_from(body));
        doc_close(d, '}');
        free(body);
    }
    doc_close(d, ']');
}

void
journal_subscriptions_load_state(struct journal_subscriptions *all,
                                 const json_t *journal)
{
    size_t i;
    json_t *one;
    all->last_id = json_u64_at(journal, "last_id", 0);
    json_array_foreach(json_object_get(journal, "subscriptions"), i, one)
    {
        json_t *body = json_object_get(one, "body");
        if (json_is_object(body))
            (void)add(all, json_u64_at(one, "id", 0), body,
                      json_integer_value(json_object_get(
                          one, "created_at_ms"))); /* it stands in all */
    }
}

#include "emulator/journal_filters.h"

#include "emulator/call.h"
#include "emulator/crm_format.h"
#include "emulator/hubdoc.h"
#include "emulator/own.h"

#include <stdlib.h>

void
journal_filters_done(struct journal_filters *all)
{
    for (size_t i = 0; i < all->n; i++)
        json_decref(all->v[i].body);
    free(all->v);
    *all = (struct journal_filters){0};
}

/* A record's value, and what a condition compares it with. */
struct comparison {
    struct str value; /* empty: there is none */
    struct str wanted;
    int by; /* <0, 0, >0 */
};

static bool
is_equal(const struct comparison *c)
{
    return c->by == 0;
}

static bool
is_less(const struct comparison *c)
{
    return c->by < 0;
}

static bool
is_more(const struct comparison *c)
{
    return c->by > 0;
}

static bool
contains(const struct comparison *c)
{
    for (size_t i = 0; i + c->wanted.n <= c->value.n; i++) {
        if (str_starts(str_of(c->value.p + i, c->value.n - i), c->wanted))
            return true;
    }
    return false;
}

static bool
starts(const struct comparison *c)
{
    return str_starts(c->value, c->wanted);
}

static bool
ends(const struct comparison *c)
{
    return str_ends(c->value, c->wanted);
}

static bool
is_empty(const struct comparison *c)
{
    return c->value.n == 0;
}

static const struct relation {
    const char *name;
    bool (*holds)(const struct comparison *c);
    bool is_negated;
    bool takes_list;  /* "values"; one of them is enough */
    bool takes_value; /* "value" */
} relations[] = {
    {"EQ", is_equal, false, false, true},
    {"N_EQ", is_equal, true, false, true},
    {"LT", is_less, false, false, true},
    {"LTE", is_more, true, false, true},
    {"GT", is_more, false, false, true},
    {"GTE", is_less, true, false, true},
    {"CONTAINS", contains, false, false, true},
    {"STARTS_WITH", starts, false, false, true},
    {"ENDS_WITH", ends, false, false, true},
    {"IN", is_equal, false, true, false},
    {"NOT_IN", is_equal, true, true, false},
    {"IS_EMPTY", is_empty, false, false, false},
    {"IS_NOT_EMPTY", is_empty, true, false, false},
};

static const struct relation *
relation_of(const json_t *condition)
{
    struct str name = json_text_at(condition, "operator");
    for (size_t i = 0; i < sizeof(relations) / sizeof(relations[0]); i++) {
        if (str_equal(name, str_from(relations[i].name)))
            return &relations[i];
    }
    return NULL;
}

static bool
is_readable(const json_t *condition)
{
    const struct relation *how = relation_of(condition);
    return how != NULL && json_text_at(condition, "property").n > 0 &&
           str_equal(json_text_at(condition, "filterType"),
                     STR("CRM_OBJECT_PROPERTY")) &&
           (!how->takes_list ||
            json_is_array(json_object_get(condition, "values"))) &&
           (!how->takes_value || json_text_at(condition, "value").p != NULL);
}

static void
add(struct journal_filters *all, const struct journal_filter *f)
{
    all->v = own_room(all->v, all->n, &all->room, sizeof(*all->v));
    all->v[all->n] = *f;
    json_incref(all->v[all->n++].body);
}

enum err
journal_filters_add(struct journal_filters *all, uint64_t subscription_id,
                    json_t *body, int64_t now_ms, uint64_t *out_id)
{
    const json_t *conditions = json_object_get(body, "conditions");
    if (json_array_size(conditions) == 0)
        return ERR_INVALID;
    for (size_t i = 0; i < json_array_size(conditions); i++) {
        if (!is_readable(json_array_get(conditions, i)))
            return ERR_INVALID;
    }
    struct journal_filter f = {++all->last_id, subscription_id, body, now_ms};
    add(all, &f);
    *out_id = f.id;
    return ERR_OK;
}

const struct journal_filter *
journal_filters_find(const struct journal_filters *all, uint64_t id)
{
    for (size_t i = 0; i < all->n; i++) {
        if (all->v[i].id == id)
            return &all->v[i];
    }
    return NULL;
}

static void
remove_at(struct journal_filters *all, size_t i)
{
    json_decref(all->v[i].body);
    all->n--;
    memmove(all->v + i, all->v + i + 1, (all->n - i) * sizeof(*all->v));
}

bool
journal_filters_remove(struct journal_filters *all, uint64_t id)
{
    const struct journal_filter *f = journal_filters_find(all, id);
    if (f != NULL)
        remove_at(all, (size_t)(f - all->v));
    return f != NULL;
}

void
journal_filters_remove_of(struct journal_filters *all, uint64_t subscription_id)
{
    for (size_t i = all->n; i > 0; i--) {
        if (all->v[i - 1].subscription_id == subscription_id)
            remove_at(all, i - 1);
    }
}

void
journal_filter_add_json(const struct journal_filter *f, struct doc *d)
{
    char *body = json_dumps(f->body, JSON_COMPACT);
    doc_open(d, '{');
    doc_field_u64(d, "id", f->id);
    hubdoc_raw(d, "filter", str_from(body));
    hubdoc_time(d, "createdAt", f->created_at_ms);
    doc_close(d, '}');
    free(body);
}

/* As numbers where the property holds numbers and both texts are some. */
static int
compare(enum crm_format format, struct str a, struct str b)
{
    double x, y;
    if (crm_format_number(format, a, &x) && crm_format_number(format, b, &y))
        return (x > y) - (x < y);
    return str_compare(a, b);
}

/* Against one value, or against each of a list. */
static bool
holds_for_any(const struct relation *how, const json_t *condition,
              struct str value, enum crm_format format)
{
    const json_t *list = json_object_get(condition, "values");
    size_t n = how->takes_list ? json_array_size(list) : 1;
    for (size_t i = 0; i < n; i++) {
        const json_t *one = how->takes_list
                                ? json_array_get(list, i)
                                : json_object_get(condition, "value");
        struct comparison c = {
            .value = value,
            .wanted = str_of(json_string_value(one), json_string_length(one)),
        };
        c.by = compare(format, c.value, c.wanted);
        if (how->holds(&c))
            return true;
    }
    return false;
}

static bool
condition_holds(const json_t *condition, const struct record *r,
                struct arena *arena)
{
    const struct crm_type *type = crm_type_of(r->kind);
    const struct relation *how = relation_of(condition);
    const struct crm_property *p =
        crm_property_find(type, json_text_at(condition, "property"));
    struct str value =
        p != NULL ? crm_value(r, crm_property_index(type, p), arena) : STR_NONE;
    return holds_for_any(how, condition, value,
                         p != NULL ? p->format : CRM_TEXT) != how->is_negated;
}

static bool
filter_holds(const struct journal_filter *f, const struct record *r,
             struct arena *arena)
{
    const json_t *conditions = json_object_get(f->body, "conditions");
    for (size_t i = 0; i < json_array_size(conditions); i++) {
        if (!condition_holds(json_array_get(conditions, i), r, arena))
            return false;
    }
    return true;
}

bool
journal_filters_pass(const struct journal_filters *all,
                     uint64_t subscription_id, const struct record *r)
{
    struct arena *arena = arena_new();
    bool has_any = false, holds = false;
    for (size_t i = 0; i < all->n && r != NULL && !holds; i++) {
        if (all->v[i].subscription_id != subscription_id)
            continue;
        has_any = true;
        holds = filter_holds(&all->v[i], r, arena);
    }
    arena_free(arena);
    return holds || !has_any;
}

void
journal_filters_add_state(const struct journal_filters *all, struct doc *d)
{
    doc_field_u64(d, "last_filter_id", all->last_id);
    doc_key(d, "filters");
    doc_open(d, '[');
    for (size_t i = 0; i < all->n; i++) {
        char *body = json_dumps(all->v[i].body, JSON_COMPACT);
        doc_open(d, '{');
        doc_field_u64(d, "id", all->v[i].id);
        doc_field_u64(d, "subscription_id", all->v[i].subscription_id);
        hubdoc_i64(d, "created_at_ms", all->v[i].created_at_ms);
        hubdoc_raw(d, "body", str_from(body));
        doc_close(d, '}');
        free(body);
    }
    doc_close(d, ']');
}

void
journal_filters_load_state(struct journal_filters *all, const json_t *journal)
{
    size_t i;
    json_t *one;
    all->last_id = json_u64_at(journal, "last_filter_id", 0);
    json_array_foreach(json_object_get(journal, "filters"), i, one)
    {
        struct journal_filter f = {
            json_u64_at(one, "id", 0),
            json_u64_at(one, "subscription_id", 0),
            json_object_get(one, "body"),
            json_integer_value(json_object_get(one, "created_at_ms")),
        };
        if (json_is_object(f.body))
            add(all, &f);
    }
}

#include "emulator/call.h"
#include "emulator/crm_filter.h"

#include "base/text.h"

#define MOST_GROUPS 5
#define MOST_IN_GROUP 6
#define MOST_FILTERS 18
#define LONGEST_QUERY 3000

static const char *const operators[] = {
    [CRM_EQ] = "EQ",
    [CRM_NEQ] = "NEQ",
    [CRM_LT] = "LT",
    [CRM_LTE] = "LTE",
    [CRM_GT] = "GT",
    [CRM_GTE] = "GTE",
    [CRM_BETWEEN] = "BETWEEN",
    [CRM_IN] = "IN",
    [CRM_NOT_IN] = "NOT_IN",
    [CRM_HAS_PROPERTY] = "HAS_PROPERTY",
    [CRM_NOT_HAS_PROPERTY] = "NOT_HAS_PROPERTY",
    [CRM_CONTAINS_TOKEN] = "CONTAINS_TOKEN",
    [CRM_NOT_CONTAINS_TOKEN] = "NOT_CONTAINS_TOKEN",
};

/* One search's conditions on their way from JSON. */
struct reading {
    const struct crm_type *type;
    struct arena *arena;
    struct str why; /* p NULL while all is well */
    size_t n_filters;
};

static void
fail(struct reading *in, struct str why)
{
    if (in->why.p == NULL)
        in->why = why;
}

/* Values may come as texts, numbers or booleans. */
static struct str
text_of(struct reading *in, const json_t *value)
{
    if (json_is_string(value))
        return str_of(json_string_value(value), json_string_length(value));
    if (json_is_integer(value))
        return arena_printf(in->arena, "%lld",
                            (long long)json_integer_value(value));
    if (json_is_real(value))
        return arena_printf(in->arena, "%.17g", json_real_value(value));
    if (json_is_boolean(value))
        return json_is_true(value) ? STR("true") : STR("false");
    return STR_NONE;
}

static struct strs
texts_of(struct reading *in, const json_t *list)
{
    size_t n = json_array_size(list);
    struct strs all = {arena_alloc(in->arena, n * sizeof(*all.v)), n};
    for (size_t i = 0; i < n; i++)
        all.v[i] = text_of(in, json_array_get(list, i));
    return all;
}

static bool
find_operator(struct str name, enum crm_operator *out)
{
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        if (str_equal(name, str_from(operators[i]))) {
            *out = (enum crm_operator)i;
            return true;
        }
    }
    return false;
}

static void
check_values(struct reading *in, const struct crm_condition *k)
{
    switch (k->operator) {
    case CRM_HAS_PROPERTY:
    case CRM_NOT_HAS_PROPERTY:
        break;
    case CRM_IN:
    case CRM_NOT_IN:
        if (k->values.n == 0)
            fail(in, STR("operator IN requires values"));
        break;
    case CRM_BETWEEN:
        if (k->value.p == NULL || k->high.p == NULL)
            fail(in, STR("operator BETWEEN requires value and highValue"));
        break;
    default:
        if (k->value.p == NULL)
            fail(in, STR("the operator requires a value"));
    }
}

static struct crm_condition
read_condition(struct reading *in, const json_t *json)
{
    struct crm_condition k = {0};
    struct str name = json_text_at(json, "propertyName");
    struct str word = json_text_at(json, "operator");
    const struct crm_property *p = crm_property_find(in->type, name);
    if (p == NULL) {
        fail(in, arena_printf(in->arena, "Property \"%.*s\" does not exist",
                              STR_ARG(name)));
        return k;
    }
    k.property = crm_property_index(in->type, p);
    if (!find_operator(word, &k.operator))
        fail(in, arena_printf(in->arena, "There is no operator \"%.*s\"",
                              STR_ARG(word)));
    k.value = text_of(in, json_object_get(json, "value"));
    k.high = text_of(in, json_object_get(json, "highValue"));
    k.values = texts_of(in, json_object_get(json, "values"));
    check_values(in, &k);
    in->n_filters++;
    return k;
}

static struct crm_group
read_group(struct reading *in, const json_t *filters)
{
    size_t n = json_array_size(filters);
    if (n > MOST_IN_GROUP)
        fail(in, STR("a filter group takes at most 6 filters"));
    if (in->why.p != NULL)
        n = 0;
    struct crm_group g = {arena_alloc(in->arena, n * sizeof(*g.v)), n};
    for (size_t i = 0; i < n; i++)
        g.v[i] = read_condition(in, json_array_get(filters, i));
    return g;
}

static void
read_groups(struct reading *in, const json_t *body, struct crm_filter *out)
{
    const json_t *groups = json_object_get(body, "filterGroups");
    const json_t *alone = json_object_get(body, "filters");
    size_t n = json_array_size(groups);
    if (n > MOST_GROUPS) {
        fail(in, STR("a search takes at most 5 filter groups"));
        return;
    }
    out->groups = arena_alloc(in->arena, (n + 1) * sizeof(*out->groups));
    for (size_t i = 0; i < n; i++)
        out->groups[out->n++] = read_group(
            in, json_object_get(json_array_get(groups, i), "filters"));
    if (json_array_size(alone) > 0)
        out->groups[out->n++] = read_group(in, alone);
    if (in->n_filters > MOST_FILTERS)
        fail(in, STR("a search takes at most 18 filters"));
}

enum err
crm_filter_read(const struct crm_type *type, const json_t *body,
                struct arena *arena, struct crm_filter *out,
                struct str *out_why)
{
    struct reading in = {.type = type, .arena = arena};
    struct crm_filter f = {.type = type};
    struct str query = json_text_at(body, "query");
    if (query.n > LONGEST_QUERY)
        fail(&in, STR("a query takes at most 3000 characters"));
    read_groups(&in, body, &f);
    f.words = arena_split(arena, query, ' ');
    if (in.why.p != NULL) {
        *out_why = in.why;
        return ERR_INVALID;
    }
    *out = f;
    return ERR_OK;
}

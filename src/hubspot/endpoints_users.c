#include "hubspot/endpoints_int.h"

/* The table read backwards: which families take one scope. */
static bool
takes(const char *needs, struct str scope)
{
    struct str rest = str_from(needs), one, name;
    while (rest.n > 0 && str_cut(&rest, '|', &one))
        while (str_cut(&one, '+', &name))
            if (str_equal(str_trim(name), scope))
                return true;
    return false;
}

/* The types whose column has the scope, for a word like {read}. */
static void
add_types(struct buf *out, const char *needs, struct str scope)
{
    static const struct {
        struct str word, of_other;
    } columns[OBJECT_ACCESS_COUNT] = {
        [OBJECT_READ] = {STR("{read}"), STR("{other_read}")},
        [OBJECT_WRITE] = {STR("{write}"), STR("{other_write}")},
        [OBJECT_SCHEMA_READ] = {STR("{schema_read}"), STR("{schema_read}")},
        [OBJECT_SCHEMA_WRITE] = {STR("{schema_write}"), STR("{schema_write}")},
    };
    for (size_t c = 0; c < OBJECT_ACCESS_COUNT; c++) {
        if (!takes(needs, columns[c].word) &&
            !takes(needs, columns[c].of_other))
            continue;
        for (size_t i = 0; i < object_type_count(); i++) {
            const struct object_type *type = object_type_at(i);
            if (takes(type->needs[c], scope))
                buf_addf(out, "%s%.*s", out->n > 0 ? ", " : "",
                         STR_ARG(type->plural));
        }
    }
}

static bool
takes_any_type(const char *needs, struct str scope)
{
    for (size_t i = 0; i < object_type_count(); i++)
        if (takes(object_type_at(i)->needs[OBJECT_READ], scope))
            return takes(needs, STR("{any}"));
    return false;
}

static void
add_methods(struct buf *out, unsigned methods)
{
    static const char *const names[] = {"GET", "POST", "PUT", "PATCH",
                                        "DELETE"};
    if (methods == ANY)
        buf_add_text(out, "any method");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (methods != ANY && (methods >> i & 1) != 0)
            buf_addf(out, "%s%s", out->n > 0 ? ", " : "", names[i]);
    buf_add_char(out, ' ');
}

static struct str
tell(struct arena *arena, const struct endpoint_area *area,
     const struct endpoint_rule *rule, struct str scope)
{
    const struct endpoint e = {.area = area, .rule = rule};
    struct buf auto_buf out = {0}, auto_buf types = {0};
    buf_init(&out, 2000);
    buf_init(&types, 2000);
    if (rule->needs != NULL)
        add_types(&types, rule->needs, scope);
    if (types.n == 0 && !takes(rule->needs, scope) &&
        !takes_any_type(rule->needs, scope))
        return STR_NONE;
    add_methods(&out, rule->methods);
    endpoint_add_family(&e, &out);
    if (types.n > 0)
        buf_addf(&out, " of %s", buf_text(&types));
    return arena_copy(arena, buf_str(&out));
}

/* Both forms of a path have the same rules: one is enough. */
static bool
is_told(const struct endpoint_area *area, size_t before)
{
    for (size_t i = 0; i < before; i++)
        if (endpoint_area_at(i)->rules == area->rules)
            return true;
    return false;
}

struct strs
endpoint_users(struct arena *arena, struct str scope)
{
    size_t most = 0;
    for (size_t i = 0; i < endpoint_n_areas(); i++)
        most += endpoint_area_at(i)->n_rules;
    struct strs all = {arena_alloc(arena, most * sizeof(struct str)), 0};
    for (size_t i = 0; i < endpoint_n_areas(); i++) {
        const struct endpoint_area *area = endpoint_area_at(i);
        bool is_twin = is_told(area, i);
        for (size_t k = 0; k < area->n_rules; k++) {
            const struct endpoint_rule *rule = &area->rules[k];
            bool is_here =
                rule->place == 0 || (str_ends(area->path, STR("/@"))
                                         ? VERSION_LAST
                                         : VERSION_SECOND) == rule->place;
            if (!is_here || (is_twin && rule->place == 0))
                continue;
            struct str text = tell(arena, area, rule, scope);
            if (text.n > 0)
                all.v[all.n++] = text;
        }
    }
    return all;
}

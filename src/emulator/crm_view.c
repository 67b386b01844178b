#include "emulator/crm_view.h"

#include "base/text.h"
#include "emulator/hubdoc.h"

/* Shown whatever was asked for. */
static bool
is_always_shown(const struct crm_property *p)
{
    return p->is_read_only;
}

static void
show(struct crm_view *view, struct str name)
{
    const struct crm_property *p = crm_property_find(view->type, name);
    if (p != NULL)
        view->shows[crm_property_index(view->type, p)] = true;
}

static void
show_links(struct crm_view *view, struct str name)
{
    const struct crm_type *type = crm_type_find(name);
    if (type != NULL)
        view->shows_links[type->kind] = true;
}

/* Every value of `name` in the query, cut at commas: both forms are in use. */
static size_t
for_each(struct call *c, const char *name, struct crm_view *view,
         void (*each)(struct crm_view *view, struct str value))
{
    struct str rest = c->query, pair, key, one;
    size_t n = 0;
    while (str_cut(&rest, '&', &pair)) {
        struct buf auto_buf value;
        buf_init(&value, LIMIT_TARGET);
        if (!str_cut(&pair, '=', &key) || !str_equal(key, str_from(name)) ||
            text_add_unpercent(&value, pair, true) != ERR_OK)
            continue;
        struct str list = buf_str(&value);
        while (str_cut(&list, ',', &one)) {
            each(view, str_trim(one));
            n++;
        }
    }
    return n;
}

static void
show_defaults(struct crm_view *view, bool with_all)
{
    for (size_t i = 0; i < view->type->n_properties; i++) {
        const struct crm_property *p = &view->type->properties[i];
        if (is_always_shown(p) || (with_all && p->is_default))
            view->shows[i] = true;
    }
}

struct crm_view
crm_view_of_query(struct call *c, const struct crm_type *type)
{
    struct crm_view view = {.type = type};
    size_t n = for_each(c, "properties", &view, show);
    show_defaults(&view, n == 0);
    for_each(c, "associations", &view, show_links);
    return view;
}

struct crm_view
crm_view_of_body(struct call *c, const struct crm_type *type,
                 const json_t *body)
{
    struct crm_view view = {.type = type};
    struct strs names = json_texts_at(body, "properties", c->arena);
    for (size_t i = 0; i < names.n; i++)
        show(&view, names.v[i]);
    show_defaults(&view, names.n == 0);
    return view;
}

struct crm_view
crm_view_full(const struct crm_type *type, const struct record *r)
{
    struct crm_view view = {.type = type};
    show_defaults(&view, false);
    for (size_t i = 0; i < type->n_properties; i++)
        view.shows[i] |= r->values[i].p != NULL;
    return view;
}

static void
add_property(const struct crm_property *p, const struct record *r, size_t i,
             struct doc *d)
{
    if (!p->is_read_only)
        hubdoc_maybe(d, p->name, r->values[i]);
    else if (p->format == CRM_NUMBER)
        hubdoc_id(d, p->name, r->id);
    else if (strcmp(p->name, "createdate") == 0)
        hubdoc_time(d, p->name, r->created_at_ms);
    else
        hubdoc_time(d, p->name, r->updated_at_ms);
}

struct str
crm_link_name(enum crm_kind from, enum crm_kind to, struct arena *arena)
{
    return arena_printf(arena, "%s_to_%s", crm_type_of(from)->singular,
                        crm_type_of(to)->singular);
}

static bool
has_links(const struct record *r, enum crm_kind to)
{
    for (size_t i = 0; i < r->n_links; i++) {
        if (r->links[i].kind == to)
            return true;
    }
    return false;
}

static void
add_links(const struct record *r, enum crm_kind to, struct doc *d)
{
    struct arena *arena = arena_new();
    doc_key(d, crm_type_of(to)->plural);
    doc_open(d, '{');
    doc_key(d, "results");
    doc_open(d, '[');
    for (size_t i = 0; i < r->n_links; i++) {
        if (r->links[i].kind != to)
            continue;
        doc_open(d, '{');
        hubdoc_id(d, "id", r->links[i].id);
        doc_field_str(d, "type", crm_link_name(r->kind, to, arena));
        doc_close(d, '}');
    }
    doc_close(d, ']');
    doc_close(d, '}');
    arena_free(arena);
}

static void
add_all_links(const struct crm_view *view, const struct record *r,
              struct doc *d)
{
    bool is_open = false;
    for (size_t kind = 0; kind < CRM_KINDS; kind++) {
        if (!view->shows_links[kind] || !has_links(r, (enum crm_kind)kind))
            continue;
        if (!is_open) {
            doc_key(d, "associations");
            doc_open(d, '{');
            is_open = true;
        }
        add_links(r, (enum crm_kind)kind, d);
    }
    if (is_open)
        doc_close(d, '}');
}

void
crm_view_add_members(const struct crm_view *view, const struct record *r,
                     struct doc *d)
{
    hubdoc_id(d, "id", r->id);
    doc_key(d, "properties");
    doc_open(d, '{');
    for (size_t i = 0; i < view->type->n_properties; i++) {
        if (view->shows[i])
            add_property(&view->type->properties[i], r, i, d);
    }
    doc_close(d, '}');
    hubdoc_time(d, "createdAt", r->created_at_ms);
    hubdoc_time(d, "updatedAt", r->updated_at_ms);
    doc_field_bool(d, "archived", r->archived_at_ms != 0);
    if (r->archived_at_ms != 0)
        hubdoc_time(d, "archivedAt", r->archived_at_ms);
    add_all_links(view, r, d);
}

void
crm_view_add(const struct crm_view *view, const struct record *r, struct doc *d)
{
    doc_open(d, '{');
    crm_view_add_members(view, r, d);
    doc_close(d, '}');
}

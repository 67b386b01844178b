#include "emulator/crm_state.h"

#include "emulator/call.h"
#include "emulator/hubdoc.h"

static void
add_values(const struct record *r, struct doc *d)
{
    const struct crm_type *type = crm_type_of(r->kind);
    doc_key(d, "values");
    doc_open(d, '{');
    for (size_t i = 0; i < type->n_properties; i++) {
        if (r->values[i].p != NULL)
            doc_field_str(d, type->properties[i].name, r->values[i]);
    }
    doc_close(d, '}');
}

static void
add_record(const struct record *r, struct doc *d)
{
    doc_open(d, '{');
    doc_field_u64(d, "id", r->id);
    hubdoc_i64(d, "created_at_ms", r->created_at_ms);
    hubdoc_i64(d, "updated_at_ms", r->updated_at_ms);
    hubdoc_i64(d, "archived_at_ms", r->archived_at_ms);
    add_values(r, d);
    doc_key(d, "links");
    doc_open(d, '[');
    for (size_t i = 0; i < r->n_links; i++) {
        doc_open(d, '{');
        doc_field_u64(d, "kind", r->links[i].kind);
        doc_field_u64(d, "id", r->links[i].id);
        doc_close(d, '}');
    }
    doc_close(d, ']');
    doc_close(d, '}');
}

void
crm_state_add(const struct crm *crm, struct doc *d)
{
    doc_open(d, '{');
    doc_field_u64(d, "last_id", crm->last_id);
    for (size_t kind = 0; kind < CRM_KINDS; kind++) {
        const struct crm_table *t = &crm->tables[kind];
        doc_key(d, crm_type_of((enum crm_kind)kind)->plural);
        doc_open(d, '[');
        for (size_t i = 0; i < t->n; i++)
            add_record(t->v[i], d);
        doc_close(d, ']');
    }
    doc_close(d, '}');
}

static int64_t
time_at(const json_t *json, const char *name)
{
    return json_integer_value(json_object_get(json, name));
}

static void
load_record(struct crm *crm, const struct crm_type *type, const json_t *json)
{
    struct crm_values values = {0};
    json_t *members = json_object_get(json, "values"), *value;
    const char *name;
    uint64_t id = json_u64_at(json, "id", 0);
    if (id == 0 || crm_find(crm, type->kind, id) != NULL)
        return;
    json_object_foreach(members, name, value)
    {
        const struct crm_property *p = crm_property_find(type, str_from(name));
        if (p == NULL || !json_is_string(value))
            continue; /* of a later version */
        size_t i = crm_property_index(type, p);
        values.has[i] = true;
        values.v[i] =
            str_of(json_string_value(value), json_string_length(value));
    }
    struct record *r =
        crm_create(crm, type, id, &values, time_at(json, "created_at_ms"));
    if (time_at(json, "archived_at_ms") != 0)
        crm_archive(crm, r, time_at(json, "archived_at_ms"));
    r->updated_at_ms = time_at(json, "updated_at_ms");
}

static void
load_links(struct crm *crm, enum crm_kind kind, const json_t *json)
{
    size_t i;
    json_t *one;
    struct record *r = crm_find(crm, kind, json_u64_at(json, "id", 0));
    json_array_foreach(json_object_get(json, "links"), i, one)
    {
        uint64_t to = json_u64_at(one, "kind", CRM_KINDS);
        struct record *other =
            to < CRM_KINDS
                ? crm_find(crm, (enum crm_kind)to, json_u64_at(one, "id", 0))
                : NULL;
        if (r != NULL && other != NULL)
            crm_connect(r, other);
    }
}

struct crm *
crm_state_load(const json_t *json)
{
    if (!json_is_object(json))
        return NULL;
    struct crm *crm = crm_new();
    size_t i;
    json_t *one;
    for (size_t kind = 0; kind < CRM_KINDS; kind++) {
        const struct crm_type *type = crm_type_of((enum crm_kind)kind);
        json_array_foreach(json_object_get(json, type->plural), i, one)
            load_record(crm, type, one);
    }
    for (size_t kind = 0; kind < CRM_KINDS; kind++) {
        const struct crm_type *type = crm_type_of((enum crm_kind)kind);
        json_array_foreach(json_object_get(json, type->plural), i, one)
            load_links(crm, type->kind, one);
    }
    crm->last_id = json_u64_at(json, "last_id", crm->last_id);
    return crm;
}

#include "emulator/crm_input.h"

#include "emulator/crm_format.h"
#include "emulator/hubdoc.h"
#include "emulator/refusals.h"

#include <inttypes.h>

#define LONGEST_VALUE 65536

struct crm *
crm_of_call(struct call *c)
{
    return crm_of(c->world, c->grant->account);
}

const struct crm_type *
crm_type_of_call(struct call *c)
{
    return crm_type_find(c->params[0]);
}

struct crm_error
crm_error_of(unsigned status, struct str category, struct str message)
{
    return (struct crm_error){
        .status = status, .category = category, .message = message};
}

/* JSON numbers and booleans are taken for the texts that they would be. */
static struct str
text_of(const json_t *value, struct arena *arena)
{
    if (json_is_string(value))
        return str_of(json_string_value(value), json_string_length(value));
    if (json_is_integer(value))
        return arena_printf(arena, "%lld",
                            (long long)json_integer_value(value));
    if (json_is_real(value))
        return arena_printf(arena, "%.17g", json_real_value(value));
    if (json_is_boolean(value))
        return json_is_true(value) ? STR("true") : STR("false");
    return STR_NONE;
}

/* NULL: the value is good. */
static const char *
fault_of(const struct crm_property *property, struct str value)
{
    double number;
    if (property->is_read_only)
        return "READ_ONLY_VALUE";
    if (value.n > LONGEST_VALUE)
        return "PROPERTY_VALUE_TOO_LONG";
    if (value.n == 0)
        return NULL; /* takes the value away */
    switch (property->format) {
    case CRM_EMAIL:
        return crm_format_is_email(value) ? NULL : "INVALID_EMAIL";
    case CRM_NUMBER:
        return crm_format_number(CRM_NUMBER, value, &number) ? NULL
                                                             : "INVALID_NUMBER";
    case CRM_DATETIME:
        return crm_format_number(CRM_DATETIME, value, &number) ? NULL
                                                               : "INVALID_DATE";
    case CRM_OPTION:
        return crm_format_is_option(property->options, value)
                   ? NULL
                   : "INVALID_OPTION";
    default:
        return NULL;
    }
}

static struct str
sentence_of(struct call *c, const char *code,
            const struct crm_property *property, struct str name,
            struct str value)
{
    struct str shown = str_of(value.p, value.n < 80 ? value.n : 80);
    if (property == NULL)
        return arena_printf(c->arena, "Property \"%.*s\" does not exist",
                            STR_ARG(name));
    if (strcmp(code, "READ_ONLY_VALUE") == 0)
        return arena_printf(c->arena,
                            "\"%.*s\" is a read only property; its value "
                            "cannot be set.",
                            STR_ARG(name));
    if (strcmp(code, "INVALID_EMAIL") == 0)
        return arena_printf(c->arena, "Email address %.*s is invalid",
                            STR_ARG(shown));
    if (strcmp(code, "INVALID_OPTION") == 0)
        return arena_printf(c->arena,
                            "%.*s was not one of the allowed options: [%s]",
                            STR_ARG(shown), property->options);
    if (strcmp(code, "PROPERTY_VALUE_TOO_LONG") == 0)
        return STR("The value is too long");
    return arena_printf(c->arena, "%.*s was not a valid %s", STR_ARG(shown),
                        property->format == CRM_NUMBER ? "number" : "date");
}

static void
add_fault(struct crm_error *e, struct str property, const char *code,
          struct str message)
{
    e->values[e->n_values++] =
        (struct crm_value_error){property, str_from(code), message};
}

bool
crm_input_values(struct call *c, const struct crm_type *type,
                 const json_t *input, struct crm_values *out,
                 struct crm_error *out_error)
{
    json_t *properties = json_object_get(input, "properties");
    const char *key;
    json_t *member;
    *out = (struct crm_values){0};
    if (!json_is_object(properties)) {
        *out_error = crm_error_of(
            400, STR("VALIDATION_ERROR"),
            STR("Some required fields were not set: [properties]"));
        return false;
    }
    *out_error = crm_error_of(400, STR("VALIDATION_ERROR"), STR_NONE);
    out_error->values = arena_alloc(c->arena, json_object_size(properties) *
                                                  sizeof(*out_error->values));
    json_object_foreach(properties, key, member)
    {
        struct str name = str_from(key), value = text_of(member, c->arena);
        const struct crm_property *p = crm_property_find(type, name);
        const char *code =
            p == NULL ? "PROPERTY_DOESNT_EXIST" : fault_of(p, value);
        if (code != NULL) {
            add_fault(out_error, name, code,
                      sentence_of(c, code, p, name, value));
            continue;
        }
        size_t i = crm_property_index(type, p);
        out->has[i] = true;
        out->v[i] = crm_format_stored(p->format, value, c->arena);
    }
    return out_error->n_values == 0;
}

bool
crm_input_conflicts(struct call *c, const struct crm_type *type,
                    const struct crm_values *values, const struct record *self,
                    struct crm_error *out_error)
{
    struct crm *crm = crm_of_call(c);
    for (size_t i = 0; i < type->n_properties; i++) {
        if (!type->properties[i].is_unique || !values->has[i] ||
            values->v[i].n == 0)
            continue;
        struct record *r = crm_find_value(crm, type, i, values->v[i]);
        if (r == NULL || r == self)
            continue;
        *out_error = crm_error_of(
            409, STR("CONFLICT"),
            arena_printf(c->arena, "%c%s already exists. Existing ID: %" PRIu64,
                         type->singular[0] - 32, type->singular + 1, r->id));
        return true;
    }
    return false;
}

static struct record *
find_by(struct call *c, const struct crm_type *type, struct str id,
        struct str id_property)
{
    uint64_t number;
    struct crm *crm = crm_of_call(c);
    if (id_property.n == 0 || str_equal(id_property, STR("hs_object_id")))
        return str_to_u64(id, &number) ? crm_find(crm, type->kind, number)
                                       : NULL;
    const struct crm_property *p = crm_property_find(type, id_property);
    if (p == NULL || !p->is_unique)
        return NULL;
    return crm_find_value(crm, type, crm_property_index(type, p),
                          crm_format_stored(p->format, id, c->arena));
}

struct record *
crm_input_record(struct call *c, const struct crm_type *type, struct str id,
                 struct str id_property, bool is_archived_fine,
                 struct crm_error *out_error)
{
    struct record *r = find_by(c, type, id, id_property);
    if (r != NULL && (r->archived_at_ms == 0 || is_archived_fine))
        return r;
    *out_error =
        crm_error_of(404, STR("OBJECT_NOT_FOUND"),
                     STR("Object not found. objectId are usually numeric."));
    out_error->about = "id";
    out_error->about_value = id;
    return NULL;
}

static void
add_value_errors(const struct crm_error *e, struct doc *d)
{
    doc_key(d, "errors");
    doc_open(d, '[');
    for (size_t i = 0; i < e->n_values; i++) {
        doc_open(d, '{');
        doc_field_str(d, "message", e->values[i].message);
        doc_field_str(d, "code", e->values[i].code);
        doc_key(d, "context");
        doc_open(d, '{');
        doc_field_strs(d, "propertyName",
                       (struct strs){&e->values[i].property, 1});
        doc_close(d, '}');
        doc_close(d, '}');
    }
    doc_close(d, ']');
}

/* HubSpot puts the list of errors into the message too, as JSON. */
static void
add_values_message(const struct crm_error *e, struct doc *d)
{
    struct buf auto_buf list;
    buf_init(&list, 1 << 20);
    buf_add(&list, STR("Property values were not valid: "));
    struct doc inner = doc_into(&list);
    doc_open(&inner, '[');
    for (size_t i = 0; i < e->n_values; i++) {
        doc_open(&inner, '{');
        doc_field_bool(&inner, "isValid", false);
        doc_field_str(&inner, "message", e->values[i].message);
        doc_field_str(&inner, "error", e->values[i].code);
        doc_field_str(&inner, "name", e->values[i].property);
        doc_field_str(&inner, "localizedErrorMessage", e->values[i].message);
        doc_close(&inner, '}');
    }
    doc_close(&inner, ']');
    doc_field_str(d, "message", buf_str(&list));
}

static void
add_members(const struct crm_error *e, struct doc *d)
{
    doc_field_str(d, "status", STR("error"));
    doc_field_str(d, "category", e->category);
    if (e->message.p != NULL)
        doc_field_str(d, "message", e->message);
    else
        add_values_message(e, d);
    if (e->n_values > 0)
        add_value_errors(e, d);
    if (e->about != NULL) {
        doc_key(d, "context");
        doc_open(d, '{');
        doc_field_strs(d, e->about,
                       (struct strs){(struct str[]){e->about_value}, 1});
        doc_close(d, '}');
    }
}

void
crm_error_answer(struct call *c, const struct crm_error *e)
{
    struct doc d = call_answer_json(c, e->status);
    doc_open(&d, '{');
    add_members(e, &d);
    add_correlation_id(c, &d);
    doc_close(&d, '}');
}

void
crm_error_add(const struct crm_error *e, struct doc *d)
{
    doc_open(d, '{');
    add_members(e, d);
    doc_close(d, '}');
}

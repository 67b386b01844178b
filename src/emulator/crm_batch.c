#include "emulator/crm_batch.h"

#include "emulator/crm_objects.h"
#include "emulator/crm_view.h"
#include "emulator/hubdoc.h"
#include "emulator/refusals.h"

#define MOST_INPUTS 100

/* The results and errors of one batch, as they come. */
struct batch {
    struct call *c;
    const struct crm_type *type;
    const json_t *inputs;
    size_t n;
    bool is_traced; /* every input has an objectWriteTraceId */
    struct doc d;   /* the answer: results go straight into it */
    struct crm_error *errors;
    struct str *traces;
    size_t n_errors;
};

static bool
has_trace(const json_t *input)
{
    return json_is_string(json_object_get(input, "objectWriteTraceId"));
}

/* False: answered. */
static bool
batch_read(struct batch *b, struct call *c)
{
    json_t *body = call_json(c);
    if (body == NULL)
        return false;
    *b = (struct batch){.c = c,
                        .type = crm_type_of_call(c),
                        .inputs = json_object_get(body, "inputs"),
                        .is_traced = true};
    b->n = json_array_size(b->inputs);
    if (!json_is_array(b->inputs) || b->n > MOST_INPUTS) {
        refuse(c, 400, STR("VALIDATION_ERROR"),
               STR("inputs must be a list of at most 100"));
        return false;
    }
    b->errors = arena_alloc(c->arena, b->n * sizeof(*b->errors));
    b->traces = arena_alloc(c->arena, b->n * sizeof(*b->traces));
    for (size_t i = 0; i < b->n; i++)
        b->is_traced &= has_trace(json_array_get(b->inputs, i));
    return true;
}

static void
batch_begin(struct batch *b)
{
    b->d = call_answer_json(b->c, 200);
    doc_open(&b->d, '{');
    doc_field_str(&b->d, "status", STR("COMPLETE"));
    doc_key(&b->d, "results");
    doc_open(&b->d, '[');
}

static void
batch_add_error(struct batch *b, const json_t *input, const struct crm_error *e)
{
    b->traces[b->n_errors] = json_text_at(input, "objectWriteTraceId");
    b->errors[b->n_errors++] = *e;
}

static void
add_errors(struct batch *b)
{
    doc_field_u64(&b->d, "numErrors", b->n_errors);
    doc_key(&b->d, "errors");
    doc_open(&b->d, '[');
    for (size_t i = 0; i < b->n_errors; i++) {
        struct crm_error *e = &b->errors[i];
        if (e->about == NULL && b->traces[i].p != NULL) {
            e->about = "objectWriteTraceId";
            e->about_value = b->traces[i];
        }
        crm_error_add(e, &b->d);
    }
    doc_close(&b->d, ']');
}

static void
batch_end(struct batch *b, unsigned good_status)
{
    doc_close(&b->d, ']');
    if (b->n_errors > 0)
        add_errors(b);
    hubdoc_time(&b->d, "startedAt", world_now_ms(b->c->world));
    hubdoc_time(&b->d, "completedAt", world_now_ms(b->c->world));
    doc_close(&b->d, '}');
    b->c->status = b->n_errors > 0 ? 207 : good_status;
}

/* Ids that lead nowhere, as HubSpot words it for batches. */
static void
add_missing(struct batch *b, const json_t *input, struct str id)
{
    struct crm_error e = crm_error_of(
        404, STR("OBJECT_NOT_FOUND"),
        arena_printf(b->c->arena,
                     "Could not get some %s objects, they may be deleted or "
                     "not exist. Check that ids are valid.",
                     b->type->singular));
    e.about = "ids";
    e.about_value = id;
    batch_add_error(b, input, &e);
}

/* The id of an input as text, whether it came as a text or as a number. */
static struct str
id_of(struct batch *b, const json_t *input)
{
    const json_t *id = json_object_get(input, "id");
    if (json_is_integer(id))
        return arena_printf(b->c->arena, "%lld",
                            (long long)json_integer_value(id));
    return json_text_at(input, "id");
}

void
do_batch_read(struct call *c)
{
    struct batch b;
    if (!batch_read(&b, c))
        return;
    struct crm_view view = crm_view_of_body(c, b.type, c->json);
    struct str id_property = json_text_at(c->json, "idProperty");
    bool wants_archived = str_equal(call_query(c, "archived"), STR("true"));
    batch_begin(&b);
    for (size_t i = 0; i < b.n; i++) {
        const json_t *input = json_array_get(b.inputs, i);
        struct crm_error e;
        struct str id = id_of(&b, input);
        struct record *r =
            crm_input_record(c, b.type, id, id_property, wants_archived, &e);
        if (r != NULL)
            crm_view_add(&view, r, &b.d);
        else
            add_missing(&b, input, id);
    }
    batch_end(&b, 200);
}

/* Whether all values are good, before any is written. */
static bool
all_valid(struct batch *b)
{
    for (size_t i = 0; !b->is_traced && i < b->n; i++) {
        struct crm_values values;
        struct crm_error e;
        if (!crm_input_values(b->c, b->type, json_array_get(b->inputs, i),
                              &values, &e)) {
            crm_error_answer(b->c, &e);
            return false;
        }
    }
    return true;
}

static void
add_written(struct batch *b, const struct record *r, const json_t *input,
            const char *is_new)
{
    struct crm_view view = crm_view_full(b->type, r);
    doc_open(&b->d, '{');
    crm_view_add_members(&view, r, &b->d);
    if (is_new != NULL)
        doc_field_bool(&b->d, "new", strcmp(is_new, "yes") == 0);
    if (has_trace(input))
        doc_field_str(&b->d, "objectWriteTraceId",
                      json_text_at(input, "objectWriteTraceId"));
    doc_close(&b->d, '}');
}

void
do_batch_create(struct call *c)
{
    struct batch b;
    if (!batch_read(&b, c) || !all_valid(&b))
        return;
    batch_begin(&b);
    for (size_t i = 0; i < b.n; i++) {
        const json_t *input = json_array_get(b.inputs, i);
        struct crm_error e;
        struct record *r = crm_create_from(c, b.type, input, &e);
        if (r != NULL)
            add_written(&b, r, input, NULL);
        else
            batch_add_error(&b, input, &e);
    }
    batch_end(&b, 201);
}

static void
update_one(struct batch *b, const json_t *input)
{
    struct crm_error e;
    struct str id = id_of(b, input);
    struct record *r = crm_input_record(
        b->c, b->type, id, json_text_at(input, "idProperty"), false, &e);
    if (r == NULL)
        add_missing(b, input, id);
    else if (crm_update_from(b->c, b->type, r, input, &e) != NULL)
        add_written(b, r, input, NULL);
    else
        batch_add_error(b, input, &e);
}

void
do_batch_update(struct call *c)
{
    struct batch b;
    if (!batch_read(&b, c) || !all_valid(&b))
        return;
    batch_begin(&b);
    for (size_t i = 0; i < b.n; i++)
        update_one(&b, json_array_get(b.inputs, i));
    batch_end(&b, 200);
}

/* A new record gets the value that it was looked for by. */
static struct record *
create_with(struct batch *b, const json_t *input, struct str id_property,
            struct crm_error *out_error)
{
    json_t *properties = json_object_get(input, "properties");
    struct str id = id_of(b, input), key = arena_copy(b->c->arena, id_property);
    if (json_object_get(properties, key.p) == NULL)
        json_object_set_new(properties, key.p, json_stringn(id.p, id.n));
    return crm_create_from(b->c, b->type, input, out_error);
}

static void
upsert_one(struct batch *b, const json_t *input)
{
    struct crm_error e;
    struct str id_property = json_text_at(input, "idProperty");
    const struct crm_property *p = crm_property_find(b->type, id_property);
    if (p == NULL || !p->is_unique) {
        e = crm_error_of(400, STR("VALIDATION_ERROR"),
                         STR("idProperty must be a unique property"));
        batch_add_error(b, input, &e);
        return;
    }
    struct record *r = crm_input_record(b->c, b->type, id_of(b, input),
                                        id_property, false, &e);
    bool is_new = r == NULL;
    r = is_new ? create_with(b, input, id_property, &e)
               : crm_update_from(b->c, b->type, r, input, &e);
    if (r != NULL)
        add_written(b, r, input, is_new ? "yes" : "no");
    else
        batch_add_error(b, input, &e);
}

void
do_batch_upsert(struct call *c)
{
    struct batch b;
    if (!batch_read(&b, c) || !all_valid(&b))
        return;
    batch_begin(&b);
    for (size_t i = 0; i < b.n; i++)
        upsert_one(&b, json_array_get(b.inputs, i));
    batch_end(&b, 200);
}

void
do_batch_archive(struct call *c)
{
    struct batch b;
    if (!batch_read(&b, c))
        return;
    for (size_t i = 0; i < b.n; i++) {
        struct crm_error e;
        struct record *r =
            crm_input_record(c, b.type, id_of(&b, json_array_get(b.inputs, i)),
                             STR_NONE, false, &e);
        if (r != NULL)
            crm_delete(c, r);
    }
    call_answer_empty(c, 204);
}

#include "emulator/call.h"

#include "base/text.h"
#include "emulator/refusals.h"

void
call_init(struct call *c, struct world *w, struct arena *arena)
{
    *c = (struct call){.world = w, .arena = arena};
    buf_init(&c->out, CALL_MAX_ANSWER);
}

void
call_done(struct call *c)
{
    json_decref(c->json);
    c->json = NULL;
    buf_done(&c->out);
}

struct str
call_value(struct call *c, struct str text, const char *name)
{
    struct buf auto_buf value;
    buf_init(&value, text.n + 1);
    if (text_add_query_value(&value, text, str_from(name)) != ERR_OK)
        return STR_NONE;
    return arena_copy(c->arena, buf_str(&value));
}

struct str
call_form(struct call *c, const char *name)
{
    return call_value(c, c->body, name);
}

struct str
call_query(struct call *c, const char *name)
{
    return call_value(c, c->query, name);
}

json_t *
call_json(struct call *c)
{
    json_error_t error;
    if (c->json == NULL)
        c->json = json_loadb(c->body.p != NULL ? c->body.p : "", c->body.n,
                             JSON_REJECT_DUPLICATES, &error);
    if (json_is_object(c->json))
        return c->json;
    struct str why =
        c->json != NULL
            ? STR("Invalid input JSON: an object is expected")
            : arena_printf(c->arena,
                           "Invalid input JSON on line %d, column %d: %s",
                           error.line, error.column, error.text);
    refuse(c, 400, STR("VALIDATION_ERROR"), why);
    return NULL;
}

struct str
json_text_at(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return str_of(json_string_value(value), json_string_length(value));
}

uint64_t
json_u64_at(const json_t *object, const char *name, uint64_t missing)
{
    const json_t *value = json_object_get(object, name);
    uint64_t number;
    if (json_is_integer(value) && json_integer_value(value) >= 0)
        return (uint64_t)json_integer_value(value);
    if (str_to_u64(json_text_at(object, name), &number))
        return number;
    return missing;
}

struct strs
json_texts_at(const json_t *object, const char *name, struct arena *arena)
{
    const json_t *list = json_object_get(object, name);
    size_t n = json_array_size(list);
    struct strs all = {arena_alloc(arena, n * sizeof(*all.v)), 0};
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(list, i);
        if (json_is_string(one))
            all.v[all.n++] =
                str_of(json_string_value(one), json_string_length(one));
    }
    return all;
}

void
call_header(struct call *c, const char *name, struct str value)
{
    if (c->n_headers < CALL_HEADERS)
        c->headers[c->n_headers++] =
            (struct http_header){str_from(name), value};
}

struct doc
call_answer_json(struct call *c, unsigned status)
{
    c->status = status;
    c->type = STR("application/json;charset=utf-8");
    buf_clear(&c->out);
    return doc_into(&c->out);
}

void
call_answer_empty(struct call *c, unsigned status)
{
    c->status = status;
    c->type = STR_NONE;
    buf_clear(&c->out);
}

void
call_answer_redirect(struct call *c, struct str location)
{
    call_answer_empty(c, 302);
    call_header(c, "Location", location);
    call_header(c, "Cache-Control", STR("no-store"));
}

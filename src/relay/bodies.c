#include "relay/bodies.h"

#include "base/limits.h"
#include "base/secret.h"
#include "base/text.h"
#include "proto/relay.h"

#include <jansson.h>

#define N_OF(list) (sizeof(list) / sizeof((list)[0]))
#define CODE_MAX 512  /* a result's code, or an attempt's id */
#define SCOPE_MAX 128 /* HubSpot's longest has about 50 */

static const struct body_field session_fields[] = {
    {"ref", BODY_TEXT, offsetof(struct relay_session_create, ref), LIMIT_REF},
    {"return_to", BODY_TEXT, offsetof(struct relay_session_create, return_to),
     LIMIT_URL},
    {"optional_scopes", BODY_TEXTS,
     offsetof(struct relay_session_create, optional_scopes), SCOPE_MAX},
    {"portal", BODY_PORTAL, offsetof(struct relay_session_create, portal)},
    {"attempt", BODY_HIDDEN, offsetof(struct relay_session_create, attempt),
     CODE_MAX},
    {"take_over", BODY_FLAG,
     offsetof(struct relay_session_create, is_take_over)},
};
const struct body_table session_body = {session_fields, N_OF(session_fields)};

static const struct body_field result_fields[] = {
    {"code", BODY_HIDDEN, offsetof(struct relay_result_redeem, code), CODE_MAX,
     true},
};
const struct body_table result_body = {result_fields, N_OF(result_fields)};

static const struct body_field ref_fields[] = {
    {"ref", BODY_TEXT, offsetof(struct relay_ref_bind, ref), LIMIT_REF, true},
};
const struct body_table ref_body = {ref_fields, N_OF(ref_fields)};

static bool
take_text(const json_t *value, size_t max, struct str *out)
{
    struct str s = str_of(json_string_value(value), json_string_length(value));
    if (!json_is_string(value) || s.n == 0 || s.n > max || !text_is_clean(s))
        return false;
    *out = s;
    return true;
}

static bool
take_texts(const json_t *value, size_t max, struct arena *arena,
           struct strs *out)
{
    size_t n = json_array_size(value);
    if (!json_is_array(value) || n > LIMIT_SCOPES)
        return false;
    struct strs all = {arena_alloc(arena, (n + 1) * sizeof(*all.v)), n};
    for (size_t i = 0; i < n; i++)
        if (!take_text(json_array_get(value, i), max, &all.v[i]))
            return false;
    *out = all;
    return true;
}

static bool
take_portal(const json_t *value, uint64_t *out)
{
    uint64_t portal = 0;
    if (json_is_integer(value) && json_integer_value(value) > 0)
        portal = (uint64_t)json_integer_value(value);
    else if (!json_is_string(value) ||
             !str_to_u64(
                 str_of(json_string_value(value), json_string_length(value)),
                 &portal))
        return false;
    if (portal == 0)
        return false;
    *out = portal;
    return true;
}

static bool
take_field(const json_t *value, const struct body_field *f, struct arena *arena,
           void *at)
{
    switch (f->type) {
    case BODY_TEXT:
        return take_text(value, f->max, at);
    case BODY_HIDDEN:
        return take_text(value, f->max, &((struct hidden *)at)->s);
    case BODY_TEXTS:
        return take_texts(value, f->max, arena, at);
    case BODY_PORTAL:
        return take_portal(value, at);
    case BODY_FLAG:
        *(bool *)at = json_is_true(value);
        return json_is_boolean(value);
    }
    return false;
}

static void
say_wrong(struct buf *problem, const struct body_field *f)
{
    buf_addf(problem, "The field \"%s\" must be ", f->name);
    switch (f->type) {
    case BODY_TEXT:
    case BODY_HIDDEN:
        buf_addf(problem, "text of 1 to %zu bytes without control characters.",
                 f->max);
        break;
    case BODY_TEXTS:
        buf_addf(problem, "a list of at most %d texts.", LIMIT_SCOPES);
        break;
    case BODY_PORTAL:
        buf_add_text(problem, "a portal's number: a whole number above 0, or "
                              "its digits as text.");
        break;
    case BODY_FLAG:
        buf_add_text(problem, "true or false.");
        break;
    }
}

static void
say_unknown(struct buf *problem, const struct body_table *table,
            const char *name)
{
    /* The name is the caller's: shortened, and escaped by the problem. */
    buf_addf(problem,
             "The field \"%.64s\" is not known here. Known are:", name);
    for (size_t i = 0; i < table->n_fields; i++)
        buf_addf(problem, "%s %s", i > 0 ? "," : "", table->fields[i].name);
    buf_add_char(problem, '.');
}

static const struct body_field *
find_field(const struct body_table *table, const char *name)
{
    for (size_t i = 0; i < table->n_fields; i++)
        if (str_equal(str_from(table->fields[i].name), str_from(name)))
            return &table->fields[i];
    return NULL;
}

static enum err
take_fields(json_t *root, const struct body_table *table, struct arena *arena,
            char *out, struct buf *problem)
{
    const char *name;
    json_t *value;
    json_object_foreach(root, name, value)
    {
        const struct body_field *f = find_field(table, name);
        if (f == NULL) {
            say_unknown(problem, table, name);
            return ERR_INVALID;
        }
        if (json_is_null(value) && !f->is_required)
            continue;
        if (!take_field(value, f, arena, out + f->offset)) {
            say_wrong(problem, f);
            return ERR_INVALID;
        }
    }
    for (size_t i = 0; i < table->n_fields; i++) {
        const struct body_field *f = &table->fields[i];
        if (f->is_required && json_object_get(root, f->name) == NULL) {
            buf_addf(problem, "The field \"%s\" is missing.", f->name);
            return ERR_INVALID;
        }
    }
    return ERR_OK;
}

enum err
body_read(struct body *b, struct str text, const struct body_table *table,
          struct arena *arena, void *out, struct buf *problem)
{
    json_error_t error;
    /* jansson takes no NULL, and its own words quote the body. */
    b->root = json_loadb(text.n > 0 ? text.p : "", text.n,
                         JSON_REJECT_DUPLICATES, &error);
    if (b->root == NULL) {
        buf_addf(problem,
                 "The body is not JSON, or has a field twice: line %d, "
                 "column %d.",
                 error.line, error.column);
        return ERR_SYNTAX;
    }
    if (!json_is_object(b->root)) {
        buf_add_text(problem, "The body must be a JSON object.");
        return ERR_SYNTAX;
    }
    return take_fields(b->root, table, arena, out, problem);
}

void
body_done(struct body *b)
{
    json_decref(b->root);
    b->root = NULL;
}

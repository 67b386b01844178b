#include "relay/bodies.h"

#include "base/limits.h"
#include "base/text.h"
#include "proto/relay.h"

#include <jansson.h>
#include <sodium.h>

#define N_OF(list) (sizeof(list) / sizeof((list)[0]))
#define CODE_MAX 512  /* a result's code, or an attempt's id */
#define SCOPE_MAX 128 /* HubSpot's longest has about 50 */
#define METHOD_MAX 16
#define VALUE_MAX 512 /* of a header that counts; the longest has 88 */

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

static const struct body_field verify_fields[] = {
    {"method", BODY_TEXT, offsetof(struct verify_request, method), METHOD_MAX,
     true},
    {"uri", BODY_TEXT, offsetof(struct verify_request, uri), LIMIT_URL, true},
    {"headers", BODY_HEADERS, offsetof(struct verify_request, headers), 0,
     true},
    {"body", BODY_BYTES, offsetof(struct verify_request, body),
     LIMIT_WEBHOOK_BODY, false},
    {"body_base64", BODY_BASE64, offsetof(struct verify_request, body_base64),
     LIMIT_WEBHOOK_BODY, false},
};
const struct body_table verify_body = {verify_fields, N_OF(verify_fields)};

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

static struct str
text_of(const json_t *value)
{
    return str_of(json_string_value(value), json_string_length(value));
}

static bool
take_bytes(const json_t *value, size_t max, struct hidden *out)
{
    out->s = text_of(value);
    return json_is_string(value) && out->s.n <= max;
}

static bool
take_base64(const json_t *value, size_t max, struct buf *into,
            struct hidden *out)
{
    struct str text = text_of(value);
    char *p;
    size_t n;
    buf_done(into);
    buf_init_secret(into, text.n + 1);
    if (!json_is_string(value) || buf_reserve(into, text.n + 1, &p) != ERR_OK ||
        sodium_base642bin((unsigned char *)p, text.n + 1, text.p, text.n, NULL,
                          &n, NULL, sodium_base64_VARIANT_ORIGINAL) != 0 ||
        n > max)
        return false;
    buf_commit(into, n);
    out->s = str_of(p, n);
    return true;
}

/* One more value of a header, which is NULL before the first. */
static bool
add_value(const json_t *value, struct arena *arena, struct str *header)
{
    struct str text = text_of(value);
    if (!json_is_string(value) || text.n > VALUE_MAX || header->n > VALUE_MAX ||
        !text_is_clean(text))
        return false;
    *header = header->p == NULL ? text
                                : arena_printf(arena, "%.*s, %.*s",
                                               STR_ARG(*header), STR_ARG(text));
    return true;
}

static struct str *
header_of(struct signature_headers *h, struct str name)
{
    const struct {
        struct str name;
        struct str *value;
    } known[] = {
        {STR(SIGNATURE_HEADER), &h->signature},
        {STR(SIGNATURE_HEADER_VERSION), &h->version},
        {STR(SIGNATURE_HEADER_V3), &h->v3},
        {STR(SIGNATURE_HEADER_TIMESTAMP), &h->timestamp},
    };
    for (size_t i = 0; i < N_OF(known); i++)
        if (str_equal_nocase(name, known[i].name))
            return known[i].value;
    return NULL;
}

static bool
take_headers(json_t *value, struct arena *arena, struct signature_headers *out)
{
    const char *name;
    json_t *one;
    if (!json_is_object(value))
        return false;
    json_object_foreach(value, name, one)
    {
        struct str *header = header_of(out, str_from(name));
        if (header == NULL)
            continue;
        if (!json_is_array(one) && !add_value(one, arena, header))
            return false;
        for (size_t i = 0; i < json_array_size(one); i++)
            if (!add_value(json_array_get(one, i), arena, header))
                return false;
    }
    return true;
}

static bool
take_field(struct body *b, json_t *value, const struct body_field *f,
           struct arena *arena, void *at)
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
    case BODY_BYTES:
        return take_bytes(value, f->max, at);
    case BODY_BASE64:
        return take_base64(value, f->max, &b->decoded, at);
    case BODY_HEADERS:
        return take_headers(value, arena, at);
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
    case BODY_BYTES:
        buf_addf(problem, "text of at most %zu bytes.", f->max);
        break;
    case BODY_BASE64:
        buf_addf(problem, "base64 with padding, of at most %zu bytes.", f->max);
        break;
    case BODY_HEADERS:
        buf_add_text(problem, "an object with the request's headers, a text "
                              "or a list of texts each.");
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
take_fields(struct body *b, const struct body_table *table, struct arena *arena,
            char *out, struct buf *problem)
{
    const char *name;
    json_t *value;
    json_object_foreach(b->root, name, value)
    {
        const struct body_field *f = find_field(table, name);
        if (f == NULL) {
            say_unknown(problem, table, name);
            return ERR_INVALID;
        }
        if (json_is_null(value) && !f->is_required)
            continue;
        if (!take_field(b, value, f, arena, out + f->offset)) {
            say_wrong(problem, f);
            return ERR_INVALID;
        }
    }
    for (size_t i = 0; i < table->n_fields; i++) {
        const struct body_field *f = &table->fields[i];
        if (f->is_required && json_object_get(b->root, f->name) == NULL) {
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
    return take_fields(b, table, arena, out, problem);
}

void
body_done(struct body *b)
{
    json_decref(b->root);
    b->root = NULL;
    buf_done(&b->decoded);
}

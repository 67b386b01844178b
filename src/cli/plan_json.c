#define _GNU_SOURCE
#include "base/log.h"
#include "cli/plan_int.h"
#include "parent/nearest.h"

#include <jansson.h>

/* HAR 1.2 and OpenAPI 2 and 3, as far as calls stand in them. */

static struct str
text_at(const json_t *parent, const char *key)
{
    const json_t *value = json_object_get(parent, key);
    if (!json_is_string(value))
        return STR_NONE;
    return str_of(json_string_value(value), json_string_length(value));
}

static enum err
read_har(struct plan_reading *r, const json_t *entries)
{
    size_t i;
    const json_t *entry;
    json_array_foreach(entries, i, entry)
    {
        const json_t *request = json_object_get(entry, "request");
        struct str method = text_at(request, "method");
        struct str url = text_at(request, "url");
        struct str where = arena_printf(r->plan->arena, "%s, entry %zu",
                                        r->source->name, i + 1);
        if (method.n == 0 || url.n == 0) {
            buf_addf(r->problem,
                     "%.*s: log.entries[%zu].request has no method or url; "
                     "export the file again from the browser",
                     STR_ARG(where), i);
            return ERR_INVALID;
        }
        /* Preflights, data: URLs and the like are no calls of the API. */
        if (!plan_is_method(method) || !plan_take(r, method, url, where))
            plan_pass_over(r, where);
    }
    return ERR_OK;
}

/* {objectType}, {fromObjectType}, {toObjectTypeId} */
static bool
is_type_variable(struct str segment)
{
    return str_starts(segment, STR("{")) &&
           (memmem(segment.p, segment.n, "bjectType", 9) != NULL ||
            str_equal(segment, STR("{object}")));
}

/* The document's path with the caller's object types in it. */
static struct str
path_with(struct plan_reading *r, struct str base, struct str path,
          struct str types)
{
    struct buf auto_buf out = {0};
    struct str segment, type;
    buf_init(&out, 4096);
    buf_add(&out, base);
    if (str_starts(path, STR("/")))
        path = str_of(path.p + 1, path.n - 1);
    while (path.n > 0 && str_cut(&path, '/', &segment)) {
        buf_add_char(&out, '/');
        if (is_type_variable(segment) && types.n > 0 &&
            str_cut(&types, '/', &type))
            segment = type;
        buf_add(&out, segment);
    }
    return arena_copy(r->plan->arena, buf_str(&out));
}

struct operation {
    struct str id, method, path; /* of the document */
};

struct document {
    struct operation *v;
    size_t n;
    struct str base; /* the path of its first server, without its last / */
};

static void
collect_path(struct plan_reading *r, struct document *d, const char *path,
             const json_t *item)
{
    static const struct {
        const char *key;
        struct str method;
    } methods[] = {{"get", STR("GET")},   {"post", STR("POST")},
                   {"put", STR("PUT")},   {"patch", STR("PATCH")},
                   {"head", STR("HEAD")}, {"delete", STR("DELETE")}};
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        const json_t *one = json_object_get(item, methods[i].key);
        if (!json_is_object(one))
            continue;
        struct str id = text_at(one, "operationId");
        d->v[d->n++] = (struct operation){
            .id = id.n > 0 ? id
                           : arena_printf(r->plan->arena, "%s-%s",
                                          methods[i].key, path),
            .method = methods[i].method,
            .path = str_from(path)};
    }
}

static struct str
base_of(const json_t *root)
{
    struct str url =
        text_at(json_array_get(json_object_get(root, "servers"), 0), "url");
    struct str base = text_at(root, "basePath");
    const char *host = url.n > 3 ? memmem(url.p, url.n, "://", 3) : NULL;
    if (url.n > 0 && url.p[0] == '/')
        base = url;
    if (host != NULL) {
        struct str rest = str_of(host + 3, url.n - (size_t)(host + 3 - url.p));
        const char *slash = memchr(rest.p, '/', rest.n);
        base = slash == NULL ? STR_NONE
                             : str_of(slash, rest.n - (size_t)(slash - rest.p));
    }
    while (base.n > 0 && base.p[base.n - 1] == '/')
        base.n--;
    return base;
}

static enum err
refuse_operation(struct plan_reading *r, const struct document *d,
                 struct str id)
{
    const char **names =
        arena_alloc(r->plan->arena, (d->n + 1) * sizeof(const char *));
    for (size_t i = 0; i < d->n; i++)
        names[i] = arena_copy(r->plan->arena, d->v[i].id).p;
    const char *near = nearest(id, names, d->n);
    buf_addf(r->problem, "%s has no operation %s", r->source->name,
             log_quote(id));
    if (near != NULL)
        buf_addf(r->problem, "; did you mean %s", log_quote(str_from(near)));
    return ERR_INVALID;
}

static enum err
take_operation(struct plan_reading *r, const struct document *d,
               struct str wanted)
{
    struct str types = wanted, id;
    bool is_found = false, is_all = str_equal(wanted, STR("all"));
    (void)str_cut(&types, '=', &id); /* an empty id is no operation's */
    for (size_t i = 0; i < d->n; i++) {
        const struct operation *o = &d->v[i];
        if (!is_all && !str_equal(o->id, id) && !str_equal(o->id, wanted))
            continue;
        is_found = true;
        if (!plan_take(r, o->method, path_with(r, d->base, o->path, types),
                       arena_copy(r->plan->arena, o->id)))
            plan_pass_over(r, o->id);
    }
    return is_found ? ERR_OK : refuse_operation(r, d, id);
}

static enum err
read_openapi(struct plan_reading *r, json_t *root, json_t *paths)
{
    const char *path;
    json_t *item;
    enum err e = ERR_OK;
    struct document d = {.base = base_of(root)};
    d.v = arena_alloc(r->plan->arena, (6 * json_object_size(paths) + 1) *
                                          sizeof(struct operation));
    json_object_foreach(paths, path, item)
    {
        collect_path(r, &d, path, item);
    }
    if (r->source->operations.n == 0) {
        buf_addf(r->problem,
                 "%s is an OpenAPI document: name the operations that are "
                 "called, --operations ID,ID=contacts, or --operations all "
                 "for its %zu",
                 r->source->name, d.n);
        return ERR_INVALID;
    }
    for (size_t i = 0; i < r->source->operations.n && e == ERR_OK; i++)
        e = take_operation(r, &d, r->source->operations.v[i]);
    return e;
}

static enum err
read_document(struct plan_reading *r, json_t *root)
{
    json_t *entries = json_object_get(json_object_get(root, "log"), "entries");
    json_t *paths = json_object_get(root, "paths");
    if (json_is_array(entries))
        return read_har(r, entries);
    if (json_is_object(paths))
        return read_openapi(r, root, paths);
    buf_addf(r->problem,
             "%s is JSON, but neither a HAR file (no log.entries) nor an "
             "OpenAPI document (no paths)",
             r->source->name);
    return ERR_INVALID;
}

enum err
plan_read_json(struct plan_reading *r)
{
    json_error_t why;
    json_t *root = json_loadf(r->source->file, 0, &why);
    if (root == NULL) {
        buf_addf(r->problem, "%s:%d: no JSON: %s", r->source->name, why.line,
                 why.text);
        return ERR_SYNTAX;
    }
    enum err e = read_document(r, root);
    json_decref(root);
    return e;
}

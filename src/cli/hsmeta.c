#include "cli/hsmeta.h"

#include "base/limits.h"
#include "base/text.h"

#include <jansson.h>

#define OPEN_MAX_ITEMS 64

struct reading {
    struct arena *arena;
    struct hsmeta *meta;
};

static bool
has_variable(struct str text)
{
    for (size_t i = 0; i + 1 < text.n; i++)
        if (text.p[i] == '$' && text.p[i + 1] == '{')
            return true;
    return false;
}

static struct str
take_text(struct reading *r, const json_t *value, const char *where)
{
    struct strs *open = &r->meta->open;
    if (!json_is_string(value))
        return STR("");
    struct str text = arena_copy(
        r->arena, str_of(json_string_value(value), json_string_length(value)));
    if (!text_is_clean(text)) /* it would break the line that it goes to */
        return STR("");
    if (has_variable(text) && open->n < OPEN_MAX_ITEMS)
        open->v[open->n++] =
            arena_printf(r->arena, "%s: %.*s", where, STR_ARG(text));
    return text;
}

static struct strs
take_list(struct reading *r, const json_t *parent, const char *key,
          const char *where)
{
    const json_t *list = json_object_get(parent, key);
    size_t n = json_array_size(list);
    struct strs out = {arena_alloc(r->arena, (n + 1) * sizeof(struct str)), 0};
    for (size_t i = 0; i < n; i++) {
        struct str text = take_text(r, json_array_get(list, i), where);
        if (text.n > 0)
            out.v[out.n++] = text;
    }
    return out;
}

static bool
is_text(const json_t *parent, const char *key, const char *text)
{
    const char *value = json_string_value(json_object_get(parent, key));
    return value != NULL && strcmp(value, text) == 0;
}

static void
take_all(struct reading *r, const json_t *root)
{
    struct hsmeta *m = r->meta;
    const json_t *config = json_object_get(root, "config");
    const json_t *auth = json_object_get(config, "auth");
    const json_t *support = json_object_get(config, "support");
    m->uid = take_text(r, json_object_get(root, "uid"), "uid");
    m->name = take_text(r, json_object_get(config, "name"), "config.name");
    m->is_static = is_text(auth, "type", "static");
    m->is_marketplace = is_text(config, "distribution", "marketplace");
    m->redirect_urls =
        take_list(r, auth, "redirectUrls", "config.auth.redirectUrls");
    m->scopes =
        take_list(r, auth, "requiredScopes", "config.auth.requiredScopes");
    m->optional_scopes =
        take_list(r, auth, "optionalScopes", "config.auth.optionalScopes");
    m->conditional_scopes =
        take_list(r, auth, "conditionallyRequiredScopes",
                  "config.auth.conditionallyRequiredScopes");
    m->support_url = take_text(r, json_object_get(support, "supportUrl"),
                               "config.support.supportUrl");
}

enum err
hsmeta_read(struct arena *arena, const char *path, struct hsmeta *out,
            struct buf *problem)
{
    json_error_t why;
    struct hsmeta meta = {
        .open = {arena_alloc(arena, OPEN_MAX_ITEMS * sizeof(struct str)), 0}};
    struct reading r = {arena, &meta};
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    if (root == NULL && why.line < 0) {
        buf_addf(problem, "cannot read %s: %s", path, why.text);
        return ERR_SYSTEM;
    }
    if (root == NULL) {
        buf_addf(problem, "%s:%d: %s", path, why.line, why.text);
        return ERR_SYNTAX;
    }
    if (!is_text(root, "type", "app")) {
        json_decref(root);
        buf_addf(problem,
                 "%s describes no app (its \"type\" is not \"app\"): name the "
                 "project's src/app/app-hsmeta.json",
                 path);
        return ERR_INVALID;
    }
    take_all(&r, root);
    json_decref(root);
    *out = meta;
    return ERR_OK;
}

struct str
hsmeta_app_name(struct arena *arena, struct str uid)
{
    char *name = arena_alloc(arena, LIMIT_APP + 1);
    size_t n = 0;
    for (size_t i = 0; i < uid.n && n < LIMIT_APP; i++) {
        char c = uid.p[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!is_plain && (n == 0 || (c != '-' && c != '_' && c != '.')))
            continue;
        name[n++] = c == '.' ? '-' : c;
    }
    return str_of(name, n);
}

#include "relay/routes.h"

#include "base/limits.h"

enum match {
    NO_MATCH,
    MATCH,
    MATCH_BUT_PORTAL, /* which is not a number */
};

/* The bytes up to the next slash. */
static struct str
segment_at(struct str path, size_t at)
{
    struct str rest = str_of(path.p + at, path.n - at), segment = STR_NONE;
    (void)str_cut(&rest, '/', &segment); /* rest.p is never NULL here */
    return segment;
}

/* False: it should be a portal, and is not a number. */
static bool
take_value(char first_letter, struct str value, struct route_values *out)
{
    if (first_letter == 'a')
        out->app = value;
    else if (first_letter == 'i')
        out->id = value;
    else
        return str_to_u64(value, &out->portal) && out->portal > 0;
    return true;
}

static enum match
match(const char *pattern, struct str path, struct route_values *out)
{
    enum match found = MATCH;
    size_t at = 0;
    while (*pattern != '\0') {
        if (*pattern != '{') {
            if (at == path.n || path.p[at++] != *pattern++)
                return NO_MATCH;
            continue;
        }
        struct str value = segment_at(path, at);
        if (value.n == 0)
            return NO_MATCH;
        if (!take_value(pattern[1], value, out))
            found = MATCH_BUT_PORTAL;
        at += value.n;
        pattern = strchr(pattern, '}') + 1;
    }
    return at == path.n ? found : NO_MATCH;
}

static bool
is_method(const char *of_route, struct str method)
{
    struct str wanted = str_from(of_route);
    return str_equal(method, wanted) ||
           (str_equal(method, STR("HEAD")) && str_equal(wanted, STR("GET")));
}

enum err
route_find(const struct route *table, size_t n, struct str method,
           struct str target, const struct route **out,
           struct route_values *out_values, const char **out_why)
{
    struct str path, query = target;
    *out_why = "There is nothing at this path. The routes are listed in "
               "docs/api/openapi.yaml.";
    if (!str_cut(&query, '?', &path))
        return ERR_NOT_FOUND;
    for (size_t i = 0; i < n; i++) {
        struct route_values values = {.query = query};
        enum match found = match(table[i].pattern, path, &values);
        if (found == NO_MATCH)
            continue;
        if (!is_method(table[i].method, method))
            continue;
        if (found == MATCH_BUT_PORTAL) {
            *out_why = "The portal in the path must be a number above 0.";
            return ERR_INVALID;
        }
        if (values.app.n > LIMIT_APP) {
            *out_why = "No app has a name that long.";
            return ERR_NOT_FOUND;
        }
        *out = &table[i];
        *out_values = values;
        return ERR_OK;
    }
    return ERR_NOT_FOUND;
}

void
route_add_allowed(const struct route *table, size_t n, struct str target,
                  struct buf *out)
{
    struct route_values values;
    struct str path = STR_NONE;
    (void)str_cut(&target, '?', &path); /* empty: matches nothing */
    for (size_t i = 0; i < n; i++) {
        if (match(table[i].pattern, path, &values) == NO_MATCH)
            continue;
        if (out->n > 0)
            buf_add(out, STR(", "));
        buf_add_text(out, table[i].method);
        if (is_method(table[i].method, STR("HEAD")))
            buf_add(out, STR(", HEAD"));
    }
}

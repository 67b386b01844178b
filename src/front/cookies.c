#include "front/cookies.h"

#include <stdlib.h>

void
cookies_init(struct cookies *c, bool is_https)
{
    c->prefix = is_https ? STR("__Host-portkeep-") : STR("portkeep-");
    c->is_secure = is_https;
}

static bool
is_tag_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool
cookies_is_tag(struct str tag)
{
    for (size_t i = 0; i < tag.n; i++)
        if (!is_tag_char(tag.p[i]))
            return false;
    return tag.n > 0 && tag.n <= COOKIES_TAG;
}

bool
cookies_is_value(struct str value)
{
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        if (c <= ' ' || c > '~' || str_has(STR("\",;\\"), c))
            return false;
    }
    return value.n > 0;
}

struct str
cookies_find(const struct cookies *c, const struct http_head *head,
             struct str tag, struct arena *arena)
{
    if (!cookies_is_tag(tag))
        return STR_NONE;
    return http_head_cookie(
        head,
        arena_printf(arena, "%.*s%.*s", STR_ARG(c->prefix), STR_ARG(tag)));
}

static void
add_tag(const struct cookies *c, struct str pair, struct strs *tags)
{
    struct str name, rest = str_trim(pair);
    if (!str_cut(&rest, '=', &name) || !str_starts(name, c->prefix))
        return;
    struct str tag = str_of(name.p + c->prefix.n, name.n - c->prefix.n);
    if (cookies_is_tag(tag) && tags->n < COOKIES_SEEN && !strs_have(*tags, tag))
        tags->v[tags->n++] = tag;
}

static int
by_time(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

struct strs
cookies_tags(const struct cookies *c, const struct http_head *head,
             struct arena *arena)
{
    struct strs tags = {arena_alloc(arena, COOKIES_SEEN * sizeof(struct str)),
                        0};
    for (size_t i = 0; i < head->n_headers; i++) {
        struct str rest = head->headers[i].value, pair;
        if (!str_equal_nocase(head->headers[i].name, STR("Cookie")))
            continue;
        while (str_cut(&rest, ';', &pair))
            add_tag(c, pair, &tags);
    }
    qsort(tags.v, tags.n, sizeof(struct str), by_time);
    return tags;
}

struct str
cookies_set(const struct cookies *c, struct arena *arena,
            const struct cookies_attempt *attempt)
{
    /* Browsers drop SameSite=None without Secure, so on localhost over http
     * Lax has to do. */
    bool is_none = attempt->is_cross_site && c->is_secure;
    return arena_printf(
        arena, "%.*s%.*s=%.*s; Path=/; Max-Age=%u; HttpOnly; SameSite=%s%s",
        STR_ARG(c->prefix), STR_ARG(attempt->tag), STR_ARG(attempt->value),
        (unsigned)attempt->max_age_s, is_none ? "None" : "Lax",
        c->is_secure ? "; Secure" : "");
}

struct str
cookies_clear(const struct cookies *c, struct arena *arena, struct str tag)
{
    return arena_printf(
        arena, "%.*s%.*s=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax%s",
        STR_ARG(c->prefix), STR_ARG(tag), c->is_secure ? "; Secure" : "");
}

#include "http/head.h"

struct str
http_head_find(const struct http_head *h, const char *name)
{
    struct str wanted = str_from(name);
    for (size_t i = 0; i < h->n_headers; i++)
        if (str_equal_nocase(h->headers[i].name, wanted))
            return h->headers[i].value;
    return STR_NONE;
}

size_t
http_head_count(const struct http_head *h, const char *name)
{
    struct str wanted = str_from(name);
    size_t n = 0;
    for (size_t i = 0; i < h->n_headers; i++)
        n += str_equal_nocase(h->headers[i].name, wanted);
    return n;
}

void
http_head_target(const struct http_head *h, struct str *out_path,
                 struct str *out_query)
{
    struct str rest = h->target;
    *out_path = STR_NONE;
    (void)str_cut(&rest, '?', out_path); /* a target is never empty */
    *out_query = rest;
}

static bool
connection_names(const struct http_head *h, struct str name)
{
    for (size_t i = 0; i < h->n_headers; i++) {
        struct str rest = h->headers[i].value, word;
        if (!str_equal_nocase(h->headers[i].name, STR("connection")))
            continue;
        while (str_cut(&rest, ',', &word))
            if (str_equal_nocase(str_trim(word), name))
                return true;
    }
    return false;
}

bool
http_head_is_hop(const struct http_head *h, struct str name)
{
    static const struct str hops[] = {
        {"connection", 10},
        {"keep-alive", 10},
        {"proxy-connection", 16},
        {"te", 2},
        {"trailer", 7},
        {"transfer-encoding", 17},
        {"upgrade", 7},
        {"proxy-authenticate", 18},
        {"proxy-authorization", 19},
    };
    for (size_t i = 0; i < sizeof(hops) / sizeof(hops[0]); i++)
        if (name.n == hops[i].n && str_equal_nocase(name, hops[i]))
            return true;
    return h->names_hops && connection_names(h, name);
}

static struct str
cookie_of(struct str cookies, struct str name)
{
    struct str rest = cookies, pair;
    while (str_cut(&rest, ';', &pair)) {
        struct str value = str_trim(pair), found;
        if (str_cut(&value, '=', &found) && str_equal(found, name) &&
            value.p != NULL)
            return value;
    }
    return STR_NONE;
}

struct str
http_head_cookie(const struct http_head *h, struct str name)
{
    for (size_t i = 0; i < h->n_headers; i++) {
        if (!str_equal_nocase(h->headers[i].name, STR("cookie")))
            continue;
        struct str value = cookie_of(h->headers[i].value, name);
        if (value.p != NULL)
            return value;
    }
    return STR_NONE;
}

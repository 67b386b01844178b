#include "http/url.h"

#include "base/limits.h"

static bool
is_visible(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7f || s.p[i] == '\\' || s.p[i] == '#')
            return false;
    return true;
}

static bool
is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9');
}

static bool
is_name(struct str host)
{
    for (size_t i = 0; i < host.n; i++)
        if (!is_alnum(host.p[i]) && !str_has(STR("-._"), host.p[i]))
            return false;
    return host.n > 0;
}

static bool
is_bracketed(struct str host)
{
    if (host.n < 4 || host.p[0] != '[' || host.p[host.n - 1] != ']')
        return false;
    for (size_t i = 1; i < host.n - 1; i++)
        if (!str_has(STR("0123456789abcdefABCDEF:."), host.p[i]))
            return false;
    return true;
}

uint16_t
url_default_port(struct str scheme)
{
    if (str_equal_nocase(scheme, STR("https")))
        return 443;
    return str_equal_nocase(scheme, STR("http")) ? 80 : 0;
}

static bool
take_scheme(struct str *rest, struct url *u)
{
    static const struct str all[] = {{"http", 4}, {"https", 5}};
    for (size_t i = 0; i < 2; i++) {
        size_t n = all[i].n;
        if (rest->n <= n + 3 || !str_equal_nocase(str_of(rest->p, n), all[i]) ||
            memcmp(rest->p + n, "://", 3) != 0)
            continue;
        u->scheme = all[i];
        u->port = url_default_port(all[i]);
        *rest = str_of(rest->p + n + 3, rest->n - n - 3);
        return true;
    }
    return false;
}

static bool
take_port(struct str text, struct url *u)
{
    uint64_t port;
    if (text.n > 5 || !str_to_u64(text, &port) || port == 0 || port > 65535)
        return false;
    u->port = (uint16_t)port;
    u->has_port = true;
    return true;
}

static bool
take_authority(struct str text, struct url *u)
{
    size_t n = 0;
    if (text.n > 0 && text.p[0] == '[')
        while (n < text.n && text.p[n] != ']')
            n++;
    while (n < text.n && text.p[n] != ':')
        n++;
    u->host = str_of(text.p, n);
    if (!is_name(u->host) && !is_bracketed(u->host))
        return false;
    return n == text.n || take_port(str_of(text.p + n + 1, text.n - n - 1), u);
}

enum err
url_parse(struct str text, struct url *out)
{
    struct url u = {.path = STR("/"), .query = STR_NONE};
    struct str rest = text;
    if (text.n > LIMIT_URL || !is_visible(text) || !take_scheme(&rest, &u))
        return ERR_SYNTAX;
    size_t n = 0;
    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
        n++;
    if (!take_authority(str_of(rest.p, n), &u))
        return ERR_SYNTAX;
    rest = str_of(rest.p + n, rest.n - n);
    struct str path;
    if (str_cut(&rest, '?', &path) && path.n > 0)
        u.path = path;
    u.query = rest;
    *out = u;
    return ERR_OK;
}

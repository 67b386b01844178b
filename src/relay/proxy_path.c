#include "relay/proxy_path.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/text.h"

/* What a path turns out to be; the worst of all its readings counts. */
enum verdict {
    PATH_FINE,
    PATH_OAUTH,
    PATH_APPINSTALLS,
    PATH_DOTS,
    PATH_EMPTY_SEGMENT,
    PATH_BYTES,
    PATH_PERCENT,
};

/* HubSpot's servers may take ;x=y as parameters of a segment. */
static struct str
without_parameters(struct str segment)
{
    struct str name;
    return str_cut(&segment, ';', &name) ? name : segment;
}

static enum verdict
judge_segments(struct str path)
{
    struct str rest = path, segment;
    bool is_first = true;
    enum verdict found = PATH_FINE;
    while (str_cut(&rest, '/', &segment)) {
        segment = without_parameters(segment);
        if (str_equal(segment, STR(".")) || str_equal(segment, STR("..")))
            return PATH_DOTS;
        if (segment.n == 0 || !is_first)
            continue;
        is_first = false;
        if (str_equal_nocase(segment, STR("oauth")))
            found = PATH_OAUTH;
        else if (str_equal_nocase(segment, STR("appinstalls")))
            found = PATH_APPINSTALLS;
    }
    return found;
}

static bool
has_odd_bytes(struct str path)
{
    for (size_t i = 0; i < path.n; i++)
        if ((uint8_t)path.p[i] < 0x20 || path.p[i] == 0x7f || path.p[i] == '\\')
            return true;
    return false;
}

static enum verdict
worse(enum verdict a, enum verdict b)
{
    return a > b ? a : b;
}

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* What is no code stays as it is, as most decoders have it.  False: there was
 * some of that. */
static bool
decode(struct str text, char out[static LIMIT_TARGET], struct str *out_text)
{
    bool is_strict = true;
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        int high = -1, low = -1;
        out[n++] = text.p[i];
        if (text.p[i] != '%')
            continue;
        if (text.n - i > 2) {
            high = hex_value(text.p[i + 1]);
            low = hex_value(text.p[i + 2]);
        }
        if (high < 0 || low < 0) {
            is_strict = false;
            continue;
        }
        out[n - 1] = (char)(high << 4 | low);
        i += 2;
    }
    *out_text = str_of(out, n);
    return is_strict;
}

static enum verdict
judge_form(struct str path)
{
    return has_odd_bytes(path) ? PATH_BYTES : judge_segments(path);
}

static enum verdict
judge_decoded(struct str path)
{
    char once[LIMIT_TARGET], twice[LIMIT_TARGET];
    struct str form;
    if (path.n > LIMIT_TARGET || !decode(path, once, &form))
        return PATH_PERCENT;
    enum verdict found = judge_form(form);
    if (!str_has(form, '%'))
        return found;
    /* What is no code the second time is a percent sign, and fine. */
    (void)decode(form, twice, &form);
    return worse(found, judge_form(form));
}

static enum verdict
judge(struct str path)
{
    if (has_odd_bytes(path))
        return PATH_BYTES;
    for (size_t i = 1; i < path.n; i++)
        if (path.p[i] == '/' && path.p[i - 1] == '/')
            return PATH_EMPTY_SEGMENT;
    enum verdict found = judge_segments(path);
    if (str_has(path, '%'))
        found = worse(found, judge_decoded(path));
    return found;
}

/* The old developer key: a credential in a URL, and not the portal's. */
static bool
is_hapikey(struct str name)
{
    char bytes[64];
    struct buf decoded = {
        .p = bytes, .room = sizeof(bytes), .max = sizeof(bytes) - 1};
    if (!str_has(name, '%'))
        return str_equal_nocase(name, STR("hapikey"));
    return text_add_unpercent(&decoded, name, true) == ERR_OK &&
           str_equal_nocase(buf_str(&decoded), STR("hapikey"));
}

static bool
has_hapikey(struct str query)
{
    struct str pair, part, name;
    while (str_cut(&query, '&', &pair))
        while (str_cut(&pair, ';', &part))
            if (str_cut(&part, '=', &name) && is_hapikey(name))
                return true;
    return false;
}

static enum err
refuse(enum verdict found, const char **out_why)
{
    static const struct {
        enum err err;
        const char *why;
    } rows[] = {
        [PATH_OAUTH] = {ERR_FORBIDDEN,
                        "HubSpot's OAuth API is not reached through the "
                        "relay, since portkeep keeps the tokens. For an "
                        "access token ask GET /v1/apps/{app}/portals/"
                        "{portal}/token."},
        [PATH_APPINSTALLS] = {ERR_FORBIDDEN,
                              "Of this API only DELETE .../external-install "
                              "passes. It runs as DELETE /v1/apps/{app}/"
                              "portals/{portal}."},
        [PATH_DOTS] = {ERR_INVALID,
                       "The path has a segment of dots, or becomes one with "
                       "one when it is decoded. Send the path as it is "
                       "meant."},
        [PATH_EMPTY_SEGMENT] = {ERR_INVALID,
                                "The path has an empty segment (//). Send "
                                "the path as it is meant."},
        [PATH_BYTES] = {ERR_INVALID,
                        "The path has a backslash or a control character, "
                        "plain or percent-encoded."},
        [PATH_PERCENT] = {ERR_INVALID,
                          "The path has a percent sign that is not followed "
                          "by two hex digits. A plain one is written %25."},
    };
    *out_why = rows[found].why;
    return rows[found].err;
}

static bool
is_one_of(struct str s, const struct str *all, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_equal(s, all[i]))
            return true;
    return false;
}

static bool
is_reading(struct str method, struct str path)
{
    if (str_equal(method, STR("GET")) || str_equal(method, STR("HEAD")))
        return true;
    return str_equal(method, STR("POST")) &&
           (str_ends(path, STR("/search")) ||
            str_ends(path, STR("/batch/read")));
}

/* TRACE would show the portal's token to the caller. */
static bool
is_method(struct str method)
{
    static const struct str methods[] = {
        {"GET", 3},  {"POST", 4},   {"PATCH", 5},   {"PUT", 3},
        {"HEAD", 4}, {"DELETE", 6}, {"OPTIONS", 7},
    };
    return is_one_of(method, methods, sizeof(methods) / sizeof(methods[0]));
}

/* Takes /hubspot/{app}/{portal} off the front, and one of two slashes. */
static enum err
take_prefix(struct str *path, struct proxy_path *out, const char **out_why)
{
    struct str rest = *path, prefix = STR(PROXY_PREFIX), portal;
    rest = str_of(rest.p + prefix.n, rest.n - prefix.n);
    if (!str_cut(&rest, '/', &out->app) || !str_cut(&rest, '/', &portal) ||
        rest.p == NULL) {
        *out_why = "The relay's paths are /hubspot/{app}/{portal}/{path of "
                   "HubSpot's API}.";
        return ERR_NOT_FOUND;
    }
    if (out->app.n == 0 || out->app.n > LIMIT_APP) {
        *out_why = "The second part of the path must be the name of an app.";
        return ERR_NOT_FOUND;
    }
    if (!str_to_u64(portal, &out->portal) || out->portal == 0) {
        *out_why = "The third part of the path must be a portal's number.";
        return ERR_INVALID;
    }
    /* SDKs with a base URL that ends in a slash send two. */
    if (rest.n > 0 && rest.p[0] == '/')
        rest = str_of(rest.p + 1, rest.n - 1);
    *path = str_of(rest.p - 1, rest.n + 1);
    return ERR_OK;
}

enum err
proxy_path_read(struct str method, struct str target, struct proxy_path *out,
                const char **out_why)
{
    struct proxy_path found = {0};
    struct str query = target, path;
    enum err e = ERR_NOT_FOUND;
    *out_why = "There is nothing at this path.";
    if (str_cut(&query, '?', &path) && str_starts(path, STR(PROXY_PREFIX)))
        e = take_prefix(&path, &found, out_why);
    if (e != ERR_OK)
        return e;
    if (!is_method(method)) {
        *out_why = "The relay passes GET, HEAD, POST, PUT, PATCH, DELETE and "
                   "OPTIONS.";
        return ERR_INVALID;
    }
    if (query.p != NULL && has_hapikey(query)) {
        *out_why = "A developer key (hapikey) in the query is refused: the "
                   "relay uses the portal's own token, and keys in URLs end "
                   "up in logs.";
        return ERR_FORBIDDEN;
    }
    enum verdict verdict = judge(path);
    found.is_uninstall = verdict == PATH_APPINSTALLS &&
                         str_equal(method, STR("DELETE")) &&
                         str_ends(path, STR("/external-install"));
    if (verdict != PATH_FINE && !found.is_uninstall)
        return refuse(verdict, out_why);
    found.target = str_of(path.p, (size_t)(target.p + target.n - path.p));
    found.is_read = is_reading(method, path);
    *out = found;
    return ERR_OK;
}

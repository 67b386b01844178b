#include "hubspot/scan.h"

#include "base/text.h"

static void
skip(struct str *rest, size_t n)
{
    if (n > 0)
        *rest = str_of(rest->p + n, rest->n - n);
}

static bool
is_at(const struct str *rest, char c)
{
    return rest->n > 0 && rest->p[0] == c;
}

void
scan_space(struct str *rest)
{
    size_t n = 0;
    while (n < rest->n && (rest->p[n] == ' ' || rest->p[n] == '\n' ||
                           rest->p[n] == '\t' || rest->p[n] == '\r'))
        n++;
    skip(rest, n);
}

enum err
scan_next(struct str *rest, char close, bool is_first)
{
    scan_space(rest);
    if (is_at(rest, close)) {
        skip(rest, 1);
        return ERR_CLOSED;
    }
    if (is_first)
        return rest->n > 0 ? ERR_OK : ERR_SYNTAX;
    if (!is_at(rest, ','))
        return ERR_SYNTAX;
    skip(rest, 1);
    return ERR_OK;
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The unit of a \uXXXX at the front of s, -1 when there is none. */
static int
unicode_escape(struct str s)
{
    int unit = 0;
    if (s.n < 6 || s.p[0] != '\\' || s.p[1] != 'u')
        return -1;
    for (size_t i = 2; i < 6; i++) {
        char c = s.p[i], lower = (char)(c | 0x20);
        if (is_digit(c))
            unit = unit * 16 + c - '0';
        else if (lower >= 'a' && lower <= 'f')
            unit = unit * 16 + lower - 'a' + 10;
        else
            return -1;
    }
    return unit;
}

/* The length of the escape at the front of s; 0 for one that is none, half
 * of a surrogate pair among them. */
static size_t
escape_length(struct str s)
{
    if (s.n < 2)
        return 0;
    if (s.p[1] != 'u')
        return str_has(STR("\"\\/bfnrt"), s.p[1]) ? 2 : 0;
    int unit = unicode_escape(s);
    if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff))
        return 0;
    if (unit < 0xd800 || unit > 0xdfff)
        return 6;
    int low = unicode_escape(str_of(s.p + 6, s.n - 6));
    return low >= 0xdc00 && low <= 0xdfff ? 12 : 0;
}

/* The length of the string at the front of s with its quotes, 0 if it is
 * ill-formed. */
static size_t
string_length(struct str s, bool *out_has_escape)
{
    size_t i = 1;
    *out_has_escape = false;
    while (i < s.n && s.p[i] != '"') {
        uint8_t c = (uint8_t)s.p[i];
        size_t n = 1;
        if (c == '\\') {
            n = escape_length(str_of(s.p + i, s.n - i));
            *out_has_escape = true;
        } else if (c >= 0x80) {
            n = text_utf8_length(str_of(s.p + i, s.n - i));
        }
        if (n == 0 || c < 0x20)
            return 0;
        i += n;
    }
    return i < s.n ? i + 1 : 0;
}

bool
scan_name(struct str *rest, struct str *out_name)
{
    bool has_escape;
    scan_space(rest);
    if (!is_at(rest, '"'))
        return false;
    size_t n = string_length(*rest, &has_escape);
    if (n == 0 || has_escape)
        return false;
    struct str name = str_of(rest->p + 1, n - 2);
    skip(rest, n);
    scan_space(rest);
    if (!is_at(rest, ':'))
        return false;
    skip(rest, 1);
    *out_name = name;
    return true;
}

/* Where the digits end that begin at i, which may be none. */
static size_t
digits_end(struct str s, size_t i)
{
    while (i < s.n && is_digit(s.p[i]))
        i++;
    return i;
}

static size_t
number_length(struct str s, bool *out_is_whole)
{
    size_t start = s.p[0] == '-' ? 1 : 0;
    size_t end = digits_end(s, start);
    *out_is_whole = true;
    if (end == start || (s.p[start] == '0' && end > start + 1))
        return 0;
    if (end < s.n && s.p[end] == '.') {
        start = end + 1;
        end = digits_end(s, start);
        *out_is_whole = false;
        if (end == start)
            return 0;
    }
    if (end < s.n && (s.p[end] == 'e' || s.p[end] == 'E')) {
        start = end + 1;
        if (start < s.n && (s.p[start] == '+' || s.p[start] == '-'))
            start++;
        end = digits_end(s, start);
        *out_is_whole = false;
        if (end == start)
            return 0;
    }
    return end;
}

static size_t
word_length(struct str s)
{
    static const struct str words[] = {
        {"true", 4},
        {"false", 5},
        {"null", 4},
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (str_starts(s, words[i]))
            return words[i].n;
    return 0;
}

static enum err
take_scalar(struct str *rest, struct scan_value *value)
{
    size_t n;
    if (rest->p[0] == '"') {
        value->kind = SCAN_STRING;
        n = string_length(*rest, &value->has_escape);
    } else if (rest->p[0] == '-' || is_digit(rest->p[0])) {
        value->kind = SCAN_NUMBER;
        n = number_length(*rest, &value->is_whole);
    } else {
        value->kind = SCAN_WORD;
        n = word_length(*rest);
    }
    if (n == 0)
        return ERR_SYNTAX;
    value->bytes = str_of(rest->p, n);
    skip(rest, n);
    return ERR_OK;
}

/* Recursive, as deep as depth says. */
static enum err
take_nested(struct str *rest, unsigned depth, struct scan_value *value)
{
    const char *start = rest->p;
    bool is_object = *start == '{', has_object = is_object;
    struct str name;
    enum err e;
    if (depth == 0)
        return ERR_LIMIT;
    skip(rest, 1);
    for (bool is_first = true;
         (e = scan_next(rest, is_object ? '}' : ']', is_first)) == ERR_OK;
         is_first = false) {
        struct scan_value item;
        if (is_object && !scan_name(rest, &name))
            return ERR_SYNTAX;
        e = scan_value(rest, depth - 1, &item);
        if (e != ERR_OK)
            return e;
        has_object |= item.has_object;
    }
    if (e != ERR_CLOSED)
        return e;
    value->kind = is_object ? SCAN_OBJECT : SCAN_ARRAY;
    value->bytes = str_of(start, (size_t)(rest->p - start));
    value->has_object = has_object;
    return ERR_OK;
}

enum err
scan_value(struct str *rest, unsigned depth, struct scan_value *out)
{
    struct scan_value value = {0};
    scan_space(rest);
    if (rest->n == 0)
        return ERR_SYNTAX;
    enum err e = is_at(rest, '{') || is_at(rest, '[')
                     ? take_nested(rest, depth, &value)
                     : take_scalar(rest, &value);
    if (e == ERR_OK)
        *out = value;
    return e;
}

/* The length of the string at i, whatever is in it; to the end of s when it
 * has no end. */
static size_t
quoted_end(struct str s, size_t i)
{
    for (i++; i < s.n && s.p[i] != '"'; i++)
        if (s.p[i] == '\\')
            i++;
    return i;
}

bool
scan_skip(struct str *rest)
{
    size_t depth = 0;
    for (size_t i = 0; i < rest->n; i++) {
        char c = rest->p[i];
        bool closes = c == ']' || c == '}';
        if (depth == 0 && (closes || c == ',')) {
            skip(rest, i);
            return true;
        }
        if (c == '"')
            i = quoted_end(*rest, i);
        else if (c == '[' || c == '{')
            depth++;
        else if (closes)
            depth--;
    }
    return false;
}

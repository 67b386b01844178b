#include "http/head.h"

#include <assert.h>

/*
 * The reader walks over the bytes once.  Each take_* function takes one piece
 * off the front of the cursor, or says ERR_AGAIN when the bytes end within
 * it; nothing is looked at twice.
 */
struct cursor {
    const char *p, *end;
};

/* What the headers say about the connection and the body, until the end of
 * the head, when it is judged together. */
struct seen {
    unsigned n_host, n_length, n_encoding;
    bool says_close, says_keep_alive;
};

#define METHOD_MAX 32 /* the longest registered one has 17 letters */

/* RFC 9110 5.6.2: letters, digits and !#$%&'*+-.^_`|~ */
static const bool is_token[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1,
    ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1, ['^'] = 1, ['_'] = 1,
    ['`'] = 1, ['|'] = 1, ['~'] = 1, ['0'] = 1, ['1'] = 1, ['2'] = 1,
    ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1, ['7'] = 1, ['8'] = 1,
    ['9'] = 1, ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1,
    ['F'] = 1, ['G'] = 1, ['H'] = 1, ['I'] = 1, ['J'] = 1, ['K'] = 1,
    ['L'] = 1, ['M'] = 1, ['N'] = 1, ['O'] = 1, ['P'] = 1, ['Q'] = 1,
    ['R'] = 1, ['S'] = 1, ['T'] = 1, ['U'] = 1, ['V'] = 1, ['W'] = 1,
    ['X'] = 1, ['Y'] = 1, ['Z'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1,
    ['d'] = 1, ['e'] = 1, ['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1,
    ['j'] = 1, ['k'] = 1, ['l'] = 1, ['m'] = 1, ['n'] = 1, ['o'] = 1,
    ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1, ['t'] = 1, ['u'] = 1,
    ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1,
};

bool
http_is_token(char c)
{
    return is_token[(unsigned char)c];
}

static struct str
since(const char *from, const struct cursor *c)
{
    return str_of(from, (size_t)(c->p - from));
}

/* The text up to `c`, which is taken too. */
static enum err
take_until_space(struct cursor *c, size_t max, struct str *out)
{
    const char *from = c->p;
    while (c->p<c->end && * c->p> 0x20 && *c->p < 0x7f &&
           (size_t)(c->p - from) <= max)
        c->p++;
    *out = since(from, c);
    if (out->n > max)
        return ERR_LIMIT;
    if (c->p == c->end)
        return ERR_AGAIN;
    return *c->p++ == ' ' && out->n > 0 ? ERR_OK : ERR_SYNTAX;
}

static enum err
take_line_end(struct cursor *c)
{
    if (c->p == c->end)
        return ERR_AGAIN;
    if (c->p[0] != '\r')
        return ERR_SYNTAX;
    if (c->p + 1 == c->end)
        return ERR_AGAIN;
    if (c->p[1] != '\n')
        return ERR_SYNTAX;
    c->p += 2;
    return ERR_OK;
}

/* True if one of the eight bytes is a control character. */
static bool
has_control(const char *p)
{
    const uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
    uint64_t w, del;
    memcpy(&w, p, sizeof(w));
    del = w ^ (ones * 0x7f);
    return (((w - ones * 0x20) & ~w) | ((del - ones) & ~del)) & tops;
}

/* Text of a line: everything but control characters, tabs allowed. */
static void
skip_text(struct cursor *c)
{
    for (;;) {
        while (c->end - c->p >= 8 && !has_control(c->p))
            c->p += 8;
        size_t n = 0;
        while (c->p < c->end && n < 8 &&
               (((unsigned char)*c->p >= 0x20 && *c->p != 0x7f) ||
                *c->p == '\t')) {
            c->p++;
            n++;
        }
        if (n < 8)
            return;
    }
}

static enum err
take_version(struct cursor *c, struct http_head *h)
{
    static const char name[] = "HTTP/1.";
    for (size_t i = 0; i < sizeof(name) - 1; i++, c->p++) {
        if (c->p == c->end)
            return ERR_AGAIN;
        if (*c->p != name[i])
            return ERR_SYNTAX;
    }
    if (c->p == c->end)
        return ERR_AGAIN;
    if (*c->p != '0' && *c->p != '1')
        return ERR_SYNTAX;
    h->is_http_10 = *c->p++ == '0';
    return ERR_OK;
}

static enum err
take_method(struct cursor *c, struct str *out)
{
    const char *from = c->p;
    while (c->p < c->end && is_token[(unsigned char)*c->p])
        c->p++;
    *out = since(from, c);
    if (out->n > METHOD_MAX)
        return ERR_SYNTAX;
    if (c->p == c->end)
        return ERR_AGAIN;
    return *c->p++ == ' ' && out->n > 0 ? ERR_OK : ERR_SYNTAX;
}

static enum err
take_request_line(struct cursor *c, struct http_head *h)
{
    enum err e = take_method(c, &h->method);
    if (e != ERR_OK)
        return e;
    if (c->p < c->end && *c->p != '/')
        return ERR_SYNTAX; /* only origin-form */
    e = take_until_space(c, LIMIT_TARGET, &h->target);
    if (e != ERR_OK)
        return e;
    if (str_has(h->target, '#'))
        return ERR_SYNTAX;
    e = take_version(c, h);
    return e != ERR_OK ? e : take_line_end(c);
}

static enum err
take_status_line(struct cursor *c, struct http_head *h)
{
    enum err e = take_version(c, h);
    if (e != ERR_OK)
        return e;
    unsigned status = 0;
    for (int i = 0; i < 4; i++, c->p++) {
        if (c->p == c->end)
            return ERR_AGAIN;
        if (i == 0 ? *c->p != ' ' : *c->p < '0' || *c->p > '9')
            return ERR_SYNTAX;
        if (i > 0)
            status = status * 10 + (unsigned)(*c->p - '0');
    }
    if (status < 100 || status > 599)
        return ERR_SYNTAX;
    h->status = status;
    /* RFC 9112 wants the space also before an empty reason; some leave it
     * out, which nobody can misunderstand. */
    if (c->p < c->end && *c->p != ' ' && *c->p != '\r')
        return ERR_SYNTAX;
    skip_text(c);
    return take_line_end(c);
}

static void
note_connection(struct http_head *h, struct seen *seen, struct str value)
{
    struct str rest = value, word;
    while (str_cut(&rest, ',', &word)) {
        word = str_trim(word);
        if (str_equal_nocase(word, STR("close")))
            seen->says_close = true;
        else if (str_equal_nocase(word, STR("keep-alive")))
            seen->says_keep_alive = true;
        else if (word.n > 0)
            h->names_hops = true;
    }
}

static enum err
note_length(struct http_head *h, struct seen *seen, struct str value)
{
    /* Half of the range, so that sums of lengths cannot overflow. */
    if (seen->n_length++ > 0 || !str_to_u64(value, &h->length) ||
        h->length > INT64_MAX)
        return ERR_SYNTAX;
    return ERR_OK;
}

static enum err
note_encoding(struct seen *seen, struct str value)
{
    if (seen->n_encoding++ > 0 || !str_equal_nocase(value, STR("chunked")))
        return ERR_SYNTAX;
    return ERR_OK;
}

/* One host only, nothing that ends it (RFC 3986 3.2.2, without user part). */
static enum err
note_host(struct seen *seen, struct str value)
{
    if (seen->n_host++ > 0 || value.n == 0)
        return ERR_SYNTAX;
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool is_digit = c >= '0' && c <= '9';
        if (!is_letter && !is_digit && !str_has(STR("-._~:[]%"), c))
            return ERR_SYNTAX;
    }
    return ERR_OK;
}

/* The few headers that decide how bytes are read, told apart by length. */
static enum err
note_header(struct http_head *h, struct seen *seen, struct http_header f)
{
    switch (f.name.n) {
    case 4:
        if (str_equal_nocase(f.name, STR("host")))
            return note_host(seen, f.value);
        break;
    case 6:
        if (str_equal_nocase(f.name, STR("expect")))
            h->expects_continue =
                str_equal_nocase(f.value, STR("100-continue"));
        break;
    case 10:
        if (str_equal_nocase(f.name, STR("connection")))
            note_connection(h, seen, f.value);
        break;
    case 14:
        if (str_equal_nocase(f.name, STR("content-length")))
            return note_length(h, seen, f.value);
        break;
    case 17:
        if (str_equal_nocase(f.name, STR("transfer-encoding")))
            return note_encoding(seen, f.value);
        break;
    }
    return ERR_OK;
}

static enum err
take_header(struct cursor *c, struct http_header *out)
{
    const char *from = c->p;
    while (c->p < c->end && is_token[(unsigned char)*c->p])
        c->p++;
    out->name = since(from, c);
    if (c->p == c->end)
        return ERR_AGAIN;
    /* A space here is obs-fold at the start of a line, or stands before the
     * colon: both are read in two ways by others. */
    if (*c->p != ':' || out->name.n == 0)
        return ERR_SYNTAX;
    from = ++c->p;
    skip_text(c);
    out->value = str_trim(since(from, c));
    return take_line_end(c);
}

static enum err
take_headers(struct cursor *c, struct http_head *h, struct seen *seen)
{
    for (;;) {
        if (c->p < c->end && *c->p == '\r')
            return take_line_end(c);
        struct http_header f;
        enum err e = take_header(c, &f);
        if (e != ERR_OK)
            return e;
        if (h->n_headers == LIMIT_HEADERS)
            return ERR_LIMIT;
        e = note_header(h, seen, f);
        if (e != ERR_OK)
            return e;
        h->headers[h->n_headers++] = f;
    }
}

/* Both ways of saying where a body ends, or chunks in HTTP/1.0, are what
 * request smuggling is made of (RFC 9112 6.1, 6.3). */
static enum err
judge(struct http_head *h, const struct seen *seen)
{
    if (seen->n_encoding > 0 && (seen->n_length > 0 || h->is_http_10))
        return ERR_SYNTAX;
    h->has_length = seen->n_length > 0;
    h->framing = seen->n_encoding > 0 ? HTTP_CHUNKED
                 : h->has_length      ? HTTP_LENGTH
                                      : HTTP_NO_BODY;
    h->is_keep_alive =
        !seen->says_close && (!h->is_http_10 || seen->says_keep_alive);
    return ERR_OK;
}

/* All but the headers array, which is large and has its own count. */
static void
start(struct http_head *h)
{
    memset(h, 0, offsetof(struct http_head, headers));
}

static enum err
finish(enum err e, struct str bytes, const struct cursor *c, size_t *out_used)
{
    size_t used = (size_t)(c->p - bytes.p);
    if (e == ERR_OK && used > LIMIT_HEAD)
        return ERR_LIMIT;
    if (e == ERR_AGAIN && bytes.n >= LIMIT_HEAD)
        return ERR_LIMIT;
    if (e == ERR_OK)
        *out_used = used;
    return e;
}

enum err
http_head_parse_request(struct http_head *h, struct str bytes, size_t *out_used)
{
    struct cursor c = {bytes.p, bytes.p + bytes.n};
    struct seen seen = {0};
    start(h);
    enum err e = take_request_line(&c, h);
    if (e == ERR_OK)
        e = take_headers(&c, h, &seen);
    if (e == ERR_OK && seen.n_host == 0 && !h->is_http_10)
        e = ERR_SYNTAX;
    if (e == ERR_OK)
        e = judge(h, &seen);
    return finish(e, bytes, &c, out_used);
}

enum err
http_head_parse_response(struct http_head *h, struct str bytes,
                         struct str request_method, size_t *out_used)
{
    struct cursor c = {bytes.p, bytes.p + bytes.n};
    struct seen seen = {.n_host = 0};
    start(h);
    enum err e = take_status_line(&c, h);
    if (e == ERR_OK)
        e = take_headers(&c, h, &seen);
    if (e == ERR_OK)
        e = judge(h, &seen);
    if (e != ERR_OK)
        return finish(e, bytes, &c, out_used);
    /* RFC 9112 6.3, points 1 and 8. */
    if (str_equal(request_method, STR("HEAD")) || h->status < 200 ||
        h->status == 204 || h->status == 304) {
        h->framing = HTTP_NO_BODY;
    } else if (h->framing == HTTP_NO_BODY) {
        h->framing = HTTP_UNTIL_CLOSE;
        h->is_keep_alive = false;
    }
    return finish(ERR_OK, bytes, &c, out_used);
}

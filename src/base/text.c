#define _GNU_SOURCE
#include "base/text.h"

#include <sodium.h>
#include <stdlib.h>
#include <time.h>

void
text_add_hex(struct buf *out, struct str bytes)
{
    char *p;
    if (bytes.n > out->max || buf_reserve(out, bytes.n * 2, &p) != ERR_OK) {
        out->is_over = true;
        return;
    }
    (void)sodium_bin2hex(p, bytes.n * 2 + 1, (const uint8_t *)bytes.p,
                         bytes.n); /* returns p */
    buf_commit(out, bytes.n * 2);
}

void
text_add_base64url(struct buf *out, struct str bytes)
{
    int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
    size_t room = sodium_base64_encoded_len(bytes.n, variant);
    char *p;
    /* The NUL at its end goes where a buf keeps one byte to spare. */
    if (bytes.n > out->max || buf_reserve(out, room - 1, &p) != ERR_OK) {
        out->is_over = true;
        return;
    }
    (void)sodium_bin2base64(p, room, (const uint8_t *)bytes.p, bytes.n,
                            variant); /* returns p */
    buf_commit(out, room - 1);
}

enum err
text_add_decoded_base64url(struct buf *out, struct str text)
{
    char *p;
    size_t n, room = text.n / 4 * 3 + text.n % 4 * 3 / 4;
    if (buf_reserve(out, room, &p) != ERR_OK)
        return ERR_LIMIT;
    if (sodium_base642bin((uint8_t *)p, room, text.p, text.n, NULL, &n, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
        return ERR_SYNTAX;
    buf_commit(out, n);
    return ERR_OK;
}

enum err
text_add_decoded_hex(struct buf *out, struct str text)
{
    char *p;
    size_t n, room = text.n / 2;
    if (buf_reserve(out, room, &p) != ERR_OK)
        return ERR_LIMIT;
    if (text.n % 2 != 0 ||
        sodium_hex2bin((uint8_t *)p, room, text.p, text.n, NULL, &n, NULL) != 0)
        return ERR_SYNTAX;
    buf_commit(out, n);
    return ERR_OK;
}

static bool
is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
           c == '~';
}

void
text_add_percent(struct buf *out, struct str text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = (uint8_t)text.p[i];
        if (is_unreserved((char)c)) {
            buf_add_char(out, (char)c);
        } else {
            char code[3] = {'%', digits[c >> 4], digits[c & 15]};
            buf_add(out, str_of(code, sizeof(code)));
        }
    }
}

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static enum err
add_unpercent(struct buf *out, struct str text, bool is_form)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '%') {
            if (text.n - i < 3)
                return ERR_SYNTAX;
            int high = hex_value(text.p[i + 1]), low = hex_value(text.p[i + 2]);
            if (high < 0 || low < 0)
                return ERR_SYNTAX;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && is_form) {
            c = ' ';
        }
        buf_add_char(out, c);
    }
    return buf_err(out);
}

enum err
text_add_unpercent(struct buf *out, struct str text, bool is_form)
{
    size_t start = out->n;
    enum err e = add_unpercent(out, text, is_form);
    if (e != ERR_OK)
        out->n = start;
    return e;
}

void
text_add_parameter(struct buf *out, const char *name, struct str value)
{
    if (out->n > 0 && out->p[out->n - 1] != '?')
        buf_add_char(out, '&');
    buf_add_text(out, name);
    buf_add_char(out, '=');
    text_add_percent(out, value);
}

enum err
text_add_query_value(struct buf *out, struct str query, struct str name)
{
    struct str rest = query, pair, key;
    while (str_cut(&rest, '&', &pair)) {
        if (!str_cut(&pair, '=', &key) || !str_equal(key, name))
            continue;
        return pair.p == NULL ? ERR_OK : text_add_unpercent(out, pair, true);
    }
    return ERR_NOT_FOUND;
}

void
text_add_time(struct buf *out, int64_t unix_s)
{
    struct tm utc;
    char text[32];
    time_t t = (time_t)unix_s;
    if (gmtime_r(&t, &utc) == NULL)
        return;
    buf_add(out, str_of(text, strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ",
                                       &utc)));
}

/* Exactly n digits off the front. */
static bool
take_digits(struct str *rest, size_t n, int *out)
{
    *out = 0;
    for (size_t i = 0; i < n; i++, rest->p++, rest->n--) {
        if (rest->n == 0 || *rest->p < '0' || *rest->p > '9')
            return false;
        *out = *out * 10 + (*rest->p - '0');
    }
    return true;
}

static bool
take_char(struct str *rest, char c)
{
    if (rest->n == 0 || *rest->p != c)
        return false;
    rest->p++;
    rest->n--;
    return true;
}

/* .123456 as milliseconds; nothing is 0. */
static bool
take_fraction(struct str *rest, int *out_ms)
{
    int unit = 100, digit;
    *out_ms = 0;
    if (!take_char(rest, '.'))
        return true;
    if (!take_digits(rest, 1, &digit))
        return false;
    do {
        *out_ms += digit * unit;
        unit /= 10;
    } while (rest->n > 0 && *rest->p >= '0' && *rest->p <= '9' &&
             take_digits(rest, 1, &digit));
    return true;
}

static bool
take_offset(struct str *rest, int *out_minutes)
{
    int hours, minutes, sign = take_char(rest, '-') ? -1 : 1;
    *out_minutes = 0;
    if (sign > 0 && (take_char(rest, 'Z') || take_char(rest, 'z')))
        return true;
    if (sign > 0 && !take_char(rest, '+'))
        return false;
    if (!take_digits(rest, 2, &hours) || !take_char(rest, ':') ||
        !take_digits(rest, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *out_minutes = sign * (hours * 60 + minutes);
    return true;
}

static bool
take_date(struct str *rest, struct tm *utc)
{
    int year, month;
    if (!take_digits(rest, 4, &year) || !take_char(rest, '-') ||
        !take_digits(rest, 2, &month) || !take_char(rest, '-') ||
        !take_digits(rest, 2, &utc->tm_mday))
        return false;
    utc->tm_year = year - 1900;
    utc->tm_mon = month - 1;
    return true;
}

static bool
take_clock(struct str *rest, struct tm *utc)
{
    return take_digits(rest, 2, &utc->tm_hour) && take_char(rest, ':') &&
           take_digits(rest, 2, &utc->tm_min) && take_char(rest, ':') &&
           take_digits(rest, 2, &utc->tm_sec);
}

/* timegm takes days that no month has and hours that no day has. */
static bool
find_seconds(const struct tm *utc, int64_t *out)
{
    struct tm again = *utc;
    *out = (int64_t)timegm(&again);
    return again.tm_mday == utc->tm_mday && again.tm_mon == utc->tm_mon &&
           again.tm_hour == utc->tm_hour && again.tm_min == utc->tm_min &&
           again.tm_sec == utc->tm_sec;
}

bool
text_parse_time(struct str text, int64_t *out_ms)
{
    struct str rest = text;
    struct tm utc = {0};
    int ms, offset;
    int64_t seconds;
    if (!take_date(&rest, &utc) ||
        (!take_char(&rest, 'T') && !take_char(&rest, 't')) ||
        !take_clock(&rest, &utc) || !take_fraction(&rest, &ms) ||
        !take_offset(&rest, &offset) || rest.n > 0 ||
        !find_seconds(&utc, &seconds))
        return false;
    *out_ms = (seconds - (int64_t)offset * 60) * 1000 + ms;
    return true;
}

bool
text_parse_http_date(struct str text, int64_t *out_unix_s)
{
    static const char form[] = "%a, %d %b %Y %H:%M:%S GMT";
    char copy[40], again[40];
    struct tm utc = {0};
    if (text.n == 0 || text.n >= sizeof(copy))
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    if (strptime(copy, form, &utc) == NULL)
        return false;
    /* strptime takes much that is not the fixed form, and days that no month
     * has: only what is written the same way again is taken. */
    time_t t = timegm(&utc);
    size_t n = strftime(again, sizeof(again), form, &utc);
    if (!str_equal(str_of(again, n), text))
        return false;
    *out_unix_s = t;
    return true;
}

void
text_add_html(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        switch (text.p[i]) {
        case '&':
            buf_add(out, STR("&amp;"));
            break;
        case '<':
            buf_add(out, STR("&lt;"));
            break;
        case '>':
            buf_add(out, STR("&gt;"));
            break;
        case '"':
            buf_add(out, STR("&quot;"));
            break;
        case '\'':
            buf_add(out, STR("&#39;"));
            break;
        default:
            buf_add_char(out, text.p[i]);
        }
    }
}

/* Unicode 15, table 3-7. */
size_t
text_utf8_length(struct str s)
{
    static const struct {
        uint8_t first, last, low, high;
        size_t n;
    } rows[] = {
        {0x00, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2},
        {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
        {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    const uint8_t *p = (const uint8_t *)s.p;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (p[0] < rows[i].first || p[0] > rows[i].last)
            continue;
        if (s.n < rows[i].n)
            return 0;
        for (size_t k = 1; k < rows[i].n; k++) {
            uint8_t low = k == 1 ? rows[i].low : 0x80;
            uint8_t high = k == 1 ? rows[i].high : 0xbf;
            if (p[k] < low || p[k] > high)
                return 0;
        }
        return rows[i].n;
    }
    return 0;
}

void
text_add_json(struct buf *out, struct str text)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < text.n;) {
        struct str rest = str_of(text.p + i, text.n - i);
        size_t n = text_utf8_length(rest);
        if (n == 0) {
            buf_add(out, STR("\xef\xbf\xbd"));
            i++;
            continue;
        }
        char c = rest.p[0];
        if (c == '"' || c == '\\') {
            buf_add_char(out, '\\');
            buf_add_char(out, c);
        } else if ((uint8_t)c < 0x20) {
            buf_addf(out, "\\u%04x", (unsigned)(uint8_t)c);
        } else {
            buf_add(out, str_of(rest.p, n));
        }
        i += n;
    }
    buf_add_char(out, '"');
}

bool
text_is_clean(struct str text)
{
    for (size_t i = 0; i < text.n;) {
        uint8_t c = (uint8_t)text.p[i];
        size_t n = text_utf8_length(str_of(text.p + i, text.n - i));
        if (n == 0 || c < 0x20 || c == 0x7f)
            return false;
        i += n;
    }
    return true;
}

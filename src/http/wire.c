#include "http/wire.h"

#include <assert.h>
#include <time.h>

/* A first line without target, our own headers, and the empty line. */
#define OWN_ROOM 320
/* Bytes of the Date header with its line end. */
#define WIRE_DATE 37

static const struct {
    unsigned status;
    const char *reason;
} reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {207, "Multi-Status"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
};

/* Empty for a status that is not in the table, as RFC 9112 4 allows. */
static const char *
reason_of(unsigned status)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "";
}

size_t
wire_room(const struct http_header *headers, size_t n)
{
    size_t room = OWN_ROOM;
    for (size_t i = 0; i < n; i++)
        room += headers[i].name.n + headers[i].value.n + 4;
    return room;
}

void
wire_text(struct wire *w, struct str s)
{
    if (s.n > 0)
        memcpy(w->p + w->n, s.p, s.n);
    w->n += s.n;
}

void
wire_number(struct wire *w, uint64_t n)
{
    char digits[20];
    size_t i = sizeof(digits);
    do {
        digits[--i] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    wire_text(w, str_of(digits + i, sizeof(digits) - i));
}

void
wire_status(struct wire *w, unsigned status)
{
    assert(status >= 100 && status <= 999);
    wire_text(w, STR("HTTP/1.1 "));
    wire_number(w, status);
    wire_text(w, STR(" "));
    wire_text(w, str_from(reason_of(status)));
    wire_text(w, STR("\r\n"));
}

static bool
is_one_word(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7f)
            return false;
    return s.n > 0;
}

void
wire_request(struct wire *w, struct str method, struct str target)
{
    assert(is_one_word(method) && is_one_word(target) && target.p[0] == '/');
    wire_text(w, method);
    wire_text(w, STR(" "));
    wire_text(w, target);
    wire_text(w, STR(" HTTP/1.1\r\n"));
}

static bool
is_one_line(struct str s)
{
    return !str_has(s, '\r') && !str_has(s, '\n') && !str_has(s, '\0');
}

void
wire_header(struct wire *w, struct str name, struct str value)
{
    assert(name.n > 0 && is_one_line(name) && is_one_line(value));
    wire_text(w, name);
    wire_text(w, STR(": "));
    wire_text(w, value);
    wire_text(w, STR("\r\n"));
}

void
wire_headers(struct wire *w, const struct http_header *headers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        wire_header(w, headers[i].name, headers[i].value);
}

static void
put_two(char *p, int64_t n)
{
    p[0] = (char)('0' + n / 10 % 10);
    p[1] = (char)('0' + n % 10);
}

/*
 * RFC 9110 5.6.7.  Not by gmtime_r, which opens the time zone's file when it
 * is first used, nor by strftime, which speaks the locale's language.
 */
static void
format_date(int64_t now, char *out)
{
    static const char days[] = "ThuFriSatSunMonTueWed";
    static const char months[] = "MarAprMayJunJulAugSepOctNovDecJanFeb";
    /* Days of a year that starts in March, so that the leap day is last; the
     * count starts with such a year, 719468 days before 1970. */
    int64_t day = now / 86400, shifted = day + 719468;
    int64_t era = shifted / 146097, of_era = shifted % 146097;
    int64_t year =
        (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    year += era * 400 + (month >= 10);
    memcpy(out, "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n", WIRE_DATE);
    memcpy(out + 6, days + 3 * (day % 7), 3);
    put_two(out + 11, of_year - (153 * month + 2) / 5 + 1);
    memcpy(out + 14, months + 3 * month, 3);
    put_two(out + 18, year / 100);
    put_two(out + 20, year);
    put_two(out + 23, now / 3600 % 24);
    put_two(out + 26, now / 60 % 60);
    put_two(out + 29, now % 60);
}

void
wire_date(struct wire *w)
{
    static char text[WIRE_DATE];
    static time_t made_at = -1;
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME_COARSE, &now); /* cannot fail */
    if (now.tv_sec != made_at)
        format_date(now.tv_sec, text);
    made_at = now.tv_sec;
    wire_text(w, str_of(text, sizeof(text)));
}

void
wire_end(struct wire *w)
{
    wire_text(w, STR("\r\n"));
}

struct str
wire_chunk_line(size_t n, char line[static WIRE_CHUNK_LINE])
{
    static const char digits[] = "0123456789abcdef";
    size_t i = WIRE_CHUNK_LINE;
    assert(n > 0);
    line[--i] = '\n';
    line[--i] = '\r';
    for (; n > 0; n /= 16)
        line[--i] = digits[n % 16];
    return str_of(line + i, WIRE_CHUNK_LINE - i);
}

#define _GNU_SOURCE
#include "cli/when.h"

#include <time.h>

#define LENGTH_MAX_S (100LL * 366 * 86400)

static bool
parse_length(struct str text, int64_t *out_s)
{
    static const struct {
        char letter;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    uint64_t n;
    if (text.n < 2 || !str_to_u64(str_of(text.p, text.n - 1), &n))
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        uint64_t most = (uint64_t)(LENGTH_MAX_S / units[i].seconds);
        if (text.p[text.n - 1] != units[i].letter || n > most)
            continue;
        *out_s = (int64_t)n * units[i].seconds;
        return true;
    }
    return false;
}

/* As many digits as the field has; any other character fails. */
static bool
take_number(struct str *rest, size_t digits, char after, int *out)
{
    uint64_t n;
    if (rest->n < digits || !str_to_u64(str_of(rest->p, digits), &n))
        return false;
    *out = (int)n;
    rest->p += digits;
    rest->n -= digits;
    if (after == '\0')
        return true;
    if (rest->n == 0 || rest->p[0] != after)
        return false;
    rest->p++;
    rest->n--;
    return true;
}

static bool
take_day(struct str *rest, struct tm *utc)
{
    return take_number(rest, 4, '-', &utc->tm_year) &&
           take_number(rest, 2, '-', &utc->tm_mon) &&
           take_number(rest, 2, rest->n > 2 ? 'T' : '\0', &utc->tm_mday);
}

static bool
take_time(struct str *rest, struct tm *utc)
{
    return take_number(rest, 2, ':', &utc->tm_hour) &&
           take_number(rest, 2, ':', &utc->tm_min) &&
           take_number(rest, 2, 'Z', &utc->tm_sec);
}

static bool
is_same_moment(const struct tm *a, const struct tm *b)
{
    return a->tm_mon == b->tm_mon && a->tm_mday == b->tm_mday &&
           a->tm_hour == b->tm_hour && a->tm_min == b->tm_min &&
           a->tm_sec == b->tm_sec;
}

static bool
parse_date(struct str text, int64_t *out_unix_s)
{
    struct tm utc = {0}, again;
    struct str rest = text;
    if (!take_day(&rest, &utc) || (text.n > 10 && !take_time(&rest, &utc)) ||
        rest.n > 0)
        return false;
    utc.tm_year -= 1900;
    utc.tm_mon -= 1;
    again = utc;
    time_t seconds = timegm(&again); /* moves 31 February to March */
    if (!is_same_moment(&utc, &again))
        return false;
    *out_unix_s = seconds;
    return true;
}

bool
when_parse(struct str text, int64_t now_s, int64_t *out_unix_s)
{
    int64_t length;
    if (parse_length(text, &length)) {
        *out_unix_s = now_s + length;
        return true;
    }
    return parse_date(text, out_unix_s);
}

bool
when_parse_past(struct str text, int64_t now_s, int64_t *out_unix_s)
{
    int64_t length;
    if (!parse_length(text, &length))
        return parse_date(text, out_unix_s);
    *out_unix_s = now_s - length;
    return true;
}

#include "emulator/crm_format.h"

#include "base/buf.h"
#include "emulator/hubdoc.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

static bool
parse_number(struct str text, double *out)
{
    char copy[64];
    char *end;
    if (text.n == 0 || text.n >= sizeof(copy) ||
        !str_has(STR("-0123456789."), text.p[0]))
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    *out = strtod(copy, &end);
    return *end == '\0' && isfinite(*out);
}

/* Exactly n digits at the front, then the given separator (0: none). */
static bool
take_digits(struct str *rest, size_t n, char separator, int64_t *out)
{
    uint64_t value;
    if (rest->n < n || !str_to_u64(str_of(rest->p, n), &value))
        return false;
    *rest = str_of(rest->p + n, rest->n - n);
    *out = (int64_t)value;
    if (separator == 0)
        return true;
    if (rest->n == 0 || rest->p[0] != separator)
        return false;
    *rest = str_of(rest->p + 1, rest->n - 1);
    return true;
}

/* Days from 1970-01-01; months from March on make leap days the last. */
static int64_t
days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = year / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
           719468;
}

static bool
parse_time_of_day(struct str rest, int64_t *out_ms)
{
    int64_t hour, minute, second, ms = 0;
    if (!take_digits(&rest, 2, ':', &hour) ||
        !take_digits(&rest, 2, ':', &minute) ||
        !take_digits(&rest, 2, 0, &second))
        return false;
    if (rest.n > 0 && rest.p[0] == '.') {
        rest = str_of(rest.p + 1, rest.n - 1);
        if (!take_digits(&rest, 3, 0, &ms))
            return false;
    }
    *out_ms = ((hour * 60 + minute) * 60 + second) * 1000 + ms;
    return str_equal(rest, STR("Z")) && hour < 24 && minute < 60 && second < 61;
}

#define LAST_MS 253402300799999 /* the end of the year 9999 */

static bool
parse_time(struct str text, double *out_ms)
{
    struct str rest = text;
    int64_t year, month, day, of_day = 0;
    uint64_t plain;
    if (str_to_u64(text, &plain)) {
        *out_ms = (double)plain;
        return plain <= LAST_MS;
    }
    if (!take_digits(&rest, 4, '-', &year) ||
        !take_digits(&rest, 2, '-', &month) ||
        !take_digits(&rest, 2, 0, &day) || month < 1 || month > 12 || day < 1 ||
        day > 31)
        return false;
    if (rest.n > 0 &&
        (rest.p[0] != 'T' ||
         !parse_time_of_day(str_of(rest.p + 1, rest.n - 1), &of_day)))
        return false;
    *out_ms = (double)(days_of(year, month, day) * 86400000 + of_day);
    return true;
}

bool
crm_format_number(enum crm_format format, struct str text, double *out)
{
    if (format == CRM_NUMBER)
        return parse_number(text, out);
    return format == CRM_DATETIME && parse_time(text, out);
}

struct str
crm_format_stored(enum crm_format format, struct str text, struct arena *arena)
{
    double ms;
    if (format == CRM_DATETIME && crm_format_number(format, text, &ms)) {
        struct buf auto_buf out;
        buf_init(&out, 64);
        hubdoc_add_time(&out, (int64_t)ms);
        return arena_copy(arena, buf_str(&out));
    }
    if (format != CRM_EMAIL)
        return text;
    char *p = arena_alloc(arena, text.n + 1);
    for (size_t i = 0; i < text.n; i++)
        p[i] = (char)tolower((unsigned char)text.p[i]);
    return str_of(p, text.n);
}

bool
crm_format_is_email(struct str text)
{
    struct str rest = text, local;
    if (!str_cut(&rest, '@', &local) || local.n == 0 || rest.p == NULL)
        return false;
    if (str_has(rest, '@') || !str_has(rest, '.') || str_has(text, ' '))
        return false;
    return rest.p[0] != '.' && rest.p[rest.n - 1] != '.';
}

bool
crm_format_is_option(const char *options, struct str text)
{
    struct str rest = str_from(options), one;
    while (str_cut(&rest, ' ', &one)) {
        if (str_equal(one, text))
            return true;
    }
    return false;
}

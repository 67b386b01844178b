#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048
#define QUOTE_MAX 80
#define QUOTES 8

static struct {
    const char *role;
    unsigned index;
    enum log_level least;
} out = {"portkeep", 0, LOG_INFO};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void
log_open(const char *role, unsigned index, enum log_level least)
{
    out.role = role;
    out.index = index;
    out.least = least;
}

bool
log_level_parse(struct str name, enum log_level *out_level)
{
    for (unsigned i = 0; i < 4; i++)
        if (str_equal(name, str_from(level_names[i]))) {
            *out_level = (enum log_level)i;
            return true;
        }
    return false;
}

static size_t
write_stamp(char *line, size_t room)
{
    struct timespec now;
    struct tm utc;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* always exists */
    if (gmtime_r(&now.tv_sec, &utc) == NULL)
        return 0;
    size_t n = strftime(line, room, "%Y-%m-%dT%H:%M:%S", &utc);
    int more = snprintf(line + n, room - n, ".%03ldZ ", now.tv_nsec / 1000000);
    return n + (size_t)(more > 0 ? more : 0);
}

void
log_write(enum log_level level, const char *event, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;
    if (level > out.least)
        return;
    size_t n = write_stamp(line, sizeof(line));
    int more = snprintf(line + n, sizeof(line) - n, "%s/%u %s %s ", out.role,
                        out.index, level_names[level], event);
    n += (size_t)(more > 0 ? more : 0);
    if (n > sizeof(line) - 1)
        n = sizeof(line) - 1;
    va_start(args, format);
    more = vsnprintf(line + n, sizeof(line) - n, format, args);
    va_end(args);
    n += (size_t)(more > 0 ? more : 0);
    if (n > sizeof(line) - 1)
        n = sizeof(line) - 1;
    while (n > 0 && line[n - 1] == ' ')
        n--;
    line[n++] = '\n';
    /* One write a line; a log that cannot be written stops nothing. */
    if (write(STDERR_FILENO, line, n) < 0)
        return;
}

const char *
log_quote(struct str text)
{
    static char quotes[QUOTES][QUOTE_MAX + 6];
    static unsigned turn;
    char *q = quotes[turn++ % QUOTES];
    size_t n = 0;
    q[n++] = '"';
    for (size_t i = 0; i < text.n && i < QUOTE_MAX; i++) {
        char c = text.p[i];
        q[n++] = c >= ' ' && c <= '~' && c != '"' ? c : '?';
    }
    if (text.n > QUOTE_MAX) {
        memcpy(q + n, "...", 3);
        n += 3;
    }
    q[n++] = '"';
    q[n] = '\0';
    return q;
}

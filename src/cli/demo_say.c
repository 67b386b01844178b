#include "cli/demo_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#define GREEN "\033[32m"
#define RED "\033[31m"
#define BOLD "\033[1m"
#define SOFT "\033[2m"
#define PLAIN "\033[0m"
#define TEXT_WIDTH 64

int64_t
demo_now_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* always exists */
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static const char *
colour(const struct demo *d, const char *code)
{
    return d->is_coloured ? code : "";
}

void
demo_heading(struct demo *d, const char *text)
{
    (void)printf("\n%s%s%s\n", colour(d, BOLD), text, colour(d, PLAIN));
}

bool
demo_check(struct demo *d, bool held, int64_t us, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (demo_is_interrupted()) { /* nothing holds while all is being ended */
        d->n_failed++;
        return false;
    }
    const char *sign = held ? "ok  " : "NOT ";
    if (d->is_coloured)
        sign = held ? GREEN "\u2713" PLAIN : RED "\u2717" PLAIN;
    (void)printf("  %s %s", sign, n < 0 ? format : text);
    if (us >= 0)
        (void)printf("%*s %s%8.1f ms%s", n < TEXT_WIDTH ? TEXT_WIDTH - n : 0,
                     "", colour(d, SOFT), (double)us / 1000, colour(d, PLAIN));
    (void)printf("\n");
    (void)fflush(stdout); /* each step as it happens; main sees errors */
    if (held)
        d->n_held++;
    else
        d->n_failed++;
    return held;
}

void
demo_note(const struct demo *d, const char *format, ...)
{
    va_list args;
    (void)printf("    %s", colour(d, SOFT));
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    (void)printf("%s\n", colour(d, PLAIN));
    (void)fflush(stdout); /* as above */
}

#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static void
say(const struct cli *cli, const char *format, va_list args)
{
    char text[2048];
    int n = vsnprintf(text, sizeof(text), format, args);
    const char *verb = cli->verb != NULL ? cli->verb->name : NULL;
    (void)fflush(stdout); /* what was printed before comes before */
    (void)fprintf(stderr, "portkeep%s%s: %s%s\n", verb != NULL ? " " : "",
                  verb != NULL ? verb : "", n < 0 ? format : text,
                  n >= (int)sizeof(text) ? "..." : "");
}

int
cli_fail(const struct cli *cli, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(cli, format, args);
    va_end(args);
    return CLI_FAILED;
}

int
cli_usage(const struct cli *cli, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(cli, format, args);
    va_end(args);
    (void)fprintf(stderr, "See `portkeep help%s%s`.\n",
                  cli->verb != NULL ? " " : "",
                  cli->verb != NULL ? cli->verb->name : "");
    return CLI_USAGE;
}

void
cli_note(const char *format, ...)
{
    va_list args;
    (void)fflush(stdout); /* as above */
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
}

int
cli_print(const struct cli *cli, struct str text)
{
    bool is_written =
        text.n == 0 || fwrite(text.p, 1, text.n, stdout) == text.n;
    if (!is_written || fflush(stdout) != 0)
        return cli_fail(cli, "cannot write the output: %s", strerror(errno));
    return CLI_DONE;
}

const char *
cli_arg(const struct cli *cli, size_t i)
{
    return i < cli->n_args ? cli->args[i] : NULL;
}

static const struct cli_given *
find_given(const struct cli *cli, const char *option)
{
    for (size_t i = cli->n_given; i > 0; i--)
        if (strcmp(cli->given[i - 1].option->name, option) == 0)
            return &cli->given[i - 1];
    return NULL;
}

bool
cli_flag(const struct cli *cli, const char *option)
{
    return find_given(cli, option) != NULL;
}

const char *
cli_value(const struct cli *cli, const char *option)
{
    const struct cli_given *given = find_given(cli, option);
    return given != NULL ? given->value : NULL;
}

struct strs
cli_values(const struct cli *cli, const char *option)
{
    struct strs all = {NULL, 0};
    for (size_t i = 0; i < cli->n_given; i++) {
        if (strcmp(cli->given[i].option->name, option) != 0)
            continue;
        struct strs more =
            arena_split(cli->arena, str_from(cli->given[i].value), ',');
        struct strs both = {
            arena_alloc(cli->arena, (all.n + more.n + 1) * sizeof(struct str)),
            0};
        for (size_t k = 0; k < all.n; k++)
            both.v[both.n++] = all.v[k];
        for (size_t k = 0; k < more.n; k++)
            both.v[both.n++] = str_trim(more.v[k]);
        all = both;
    }
    return all;
}

bool
cli_number(const struct cli *cli, const char *what, const char *text,
           uint64_t *out)
{
    uint64_t value;
    if (text != NULL && str_to_u64(str_from(text), &value) && value > 0) {
        *out = value;
        return true;
    }
    (void)cli_usage(cli, "%s must be a number from 1 on, not \"%s\"", what,
                    text != NULL ? text : "");
    return false;
}

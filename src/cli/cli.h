#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/arena.h"
#include "base/buf.h"
#include "cli/verb.h"

/*
 * What one run of the command line knows: its verb, its arguments, its
 * options.  A verb's function gets it, prints what it has to say, and
 * returns the exit status.
 *
 *     int do_connect(struct cli *cli)
 *     {
 *         const char *ref = cli_value(cli, "ref");   -- NULL: not given
 *         if (...)
 *             return cli_fail(cli, "no app %s: see `portkeep check`", app);
 *     }
 */
enum cli_status {
    CLI_DONE = 0,
    CLI_FAILED = 1,      /* refused, or it did not work */
    CLI_USAGE = 2,       /* the command line itself is wrong */
    CLI_UNREACHABLE = 3, /* the service does not answer */
};

#define CLI_OPTIONS_MAX 256

struct cli_given {
    const struct verb_option *option;
    const char *value; /* NULL for a flag */
};

struct cli {
    const struct verb *verb; /* NULL before it is known */
    char **args;             /* what is neither verb nor option */
    size_t n_args;
    struct cli_given given[CLI_OPTIONS_MAX];
    size_t n_given;
    bool is_json;
    struct arena *arena; /* all that lives as long as the run */
};

/*
 * Takes the words after the verb apart.  CLI_DONE, or CLI_USAGE after
 * saying why.
 */
int cli_parse(struct cli *cli, size_t n_words, char **words);

/* The i-th argument, or NULL. */
const char *cli_arg(const struct cli *cli, size_t i);
bool cli_flag(const struct cli *cli, const char *option);
/* NULL: not given.  The last one counts. */
const char *cli_value(const struct cli *cli, const char *option);
/* All values of an option that may be repeated, each cut at commas. */
struct strs cli_values(const struct cli *cli, const char *option);
/*
 * An argument or value that must be a number from 1 on; `what` names it in
 * the complaint.  False after complaining.
 */
bool cli_number(const struct cli *cli, const char *what, const char *text,
                uint64_t *out);

/* One line on standard error, "portkeep VERB: ..."; returns CLI_FAILED. */
int cli_fail(const struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same, and where to read how it is used; returns CLI_USAGE. */
int cli_usage(const struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* One plain line on standard error, for what is worth knowing. */
void cli_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Writes to standard output.  CLI_FAILED after saying so if that fails. */
int cli_print(const struct cli *cli, struct str text);

#endif

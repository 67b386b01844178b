#include "cli/cli.h"

#include <string.h>

/* What is wrong with the options is said here, once; callers pass it on. */

static const struct verb_option *
find_option(const struct verb *v, struct str name)
{
    const struct verb_option *o;
    for (size_t i = 0; (o = verb_option_at(v, i)) != NULL; i++)
        if (str_equal(str_from(o->name), name))
            return o;
    return NULL;
}

static int
unknown_option(const struct cli *cli, const char *word)
{
    const char *near = verb_nearest_option(cli->verb, word + strspn(word, "-"));
    if (near == NULL)
        return cli_usage(cli, "there is no option %s", word);
    return cli_usage(cli, "there is no option %s; did you mean --%s?", word,
                     near);
}

/* -c and -h are the only short ones. */
static const struct verb_option *
option_of(const struct verb *v, const char *word, struct str *out_value)
{
    struct str name = str_from(word), left;
    *out_value = STR_NONE;
    if (strcmp(word, "-c") == 0)
        return find_option(v, STR("config"));
    if (strcmp(word, "-h") == 0)
        return find_option(v, STR("help"));
    if (strncmp(word, "--", 2) != 0)
        return NULL;
    name.p += 2;
    name.n -= 2;
    left = name;
    if (!str_has(name, '=') || !str_cut(&left, '=', &name))
        return find_option(v, name);
    *out_value = left.p != NULL ? left : STR("");
    return find_option(v, name);
}

/* *i is at the option; afterwards at the last word that belongs to it. */
static int
take_option(struct cli *cli, size_t n_words, char **words, size_t *i)
{
    struct str value;
    const char *word = words[*i];
    const struct verb_option *o = option_of(cli->verb, word, &value);
    if (o == NULL)
        return unknown_option(cli, word);
    if (cli->n_given == CLI_OPTIONS_MAX)
        return cli_usage(cli, "more than %d options", CLI_OPTIONS_MAX);
    struct cli_given *given = &cli->given[cli->n_given];
    *given = (struct cli_given){.option = o};
    if (o->value == NULL && value.p != NULL)
        return cli_usage(cli, "--%s takes no value", o->name);
    if (o->value != NULL && value.p == NULL) {
        if (*i + 1 >= n_words)
            return cli_usage(cli, "--%s needs %s after it", o->name, o->value);
        value = str_from(words[++*i]);
    }
    /* Values end where their words end, so the NUL is there. */
    given->value = value.p;
    cli->n_given++;
    return CLI_DONE;
}

static int
check_args(const struct cli *cli)
{
    size_t least = verb_least_args(cli->verb);
    size_t most = verb_most_args(cli->verb);
    if (cli->n_args < least)
        return cli_usage(cli, "something is missing: portkeep %s %s",
                         cli->verb->name, cli->verb->arguments);
    if (cli->n_args > most)
        return cli_usage(cli, "\"%s\" is one word too many: portkeep %s%s%s",
                         cli->args[most], cli->verb->name, most > 0 ? " " : "",
                         cli->verb->arguments);
    return CLI_DONE;
}

int
cli_parse(struct cli *cli, size_t n_words, char **words)
{
    bool is_open = true; /* until a plain "--" */
    cli->args = arena_alloc(cli->arena, (n_words + 1) * sizeof(char *));
    if ((cli->verb->traits & VERB_IS_RAW) != 0) {
        for (size_t i = 0; i < n_words; i++)
            cli->args[cli->n_args++] = words[i];
        return CLI_DONE;
    }
    for (size_t i = 0; i < n_words; i++) {
        const char *word = words[i];
        if (is_open && strcmp(word, "--") == 0) {
            is_open = false;
        } else if (is_open && word[0] == '-' && word[1] != '\0') {
            int status = take_option(cli, n_words, words, &i);
            if (status != CLI_DONE)
                return status;
        } else {
            cli->args[cli->n_args++] = words[i];
        }
    }
    cli->is_json = cli_flag(cli, "json");
    return cli_flag(cli, "help") ? CLI_DONE : check_args(cli);
}

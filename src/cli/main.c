#include "cli/cli.h"
#include "cli/help.h"

#include "base/limits.h"
#include "base/secret.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>

/* The verb's name as it was typed, for the complaint. */
static int
unknown_verb(const struct cli *cli, const char *first, const char *second)
{
    struct buf auto_buf name = {0};
    buf_init(&name, LIMIT_TARGET);
    buf_add_text(&name, first);
    if (verb_is_family(first) && second != NULL)
        buf_addf(&name, " %s", second);
    const char *near = verb_nearest(buf_text(&name));
    if (near == NULL)
        return cli_usage(cli, "there is no verb \"%s\"", buf_text(&name));
    return cli_usage(cli, "there is no verb \"%s\"; did you mean \"%s\"?",
                     buf_text(&name), near);
}

static int
print_help(const struct cli *cli)
{
    struct buf auto_buf out = {0};
    buf_init(&out, LIMIT_CLI_TEXT);
    help_add_verb(&out, cli->verb);
    return cli_print(cli, buf_str(&out));
}

/* What every program understands, as the verbs they mean. */
static const char *
first_word(const char *word)
{
    if (word == NULL)
        return NULL;
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return "help";
    return strcmp(word, "--version") == 0 ? "version" : word;
}

static int
run(struct cli *cli, int argc, char **argv)
{
    const char *first = first_word(argc > 1 ? argv[1] : NULL);
    const char *second = argc > 2 ? argv[2] : NULL;
    size_t n_words;
    if (first == NULL)
        return cli_usage(cli, "a verb is missing");
    const struct verb *v = verb_find(first, second, &n_words);
    if (v == NULL)
        return unknown_verb(cli, first, second);
    cli->verb = v;
    int status = cli_parse(cli, (size_t)argc - 1 - n_words, argv + 1 + n_words);
    if (status != CLI_DONE)
        return status;
    if (cli_flag(cli, "help"))
        return print_help(cli);
    return v->run(cli);
}

int
main(int argc, char **argv)
{
    static struct cli cli;
    json_set_alloc_funcs(wiping_malloc, wiping_free);
    cli.arena = arena_new_secret();
    if (sodium_init() < 0)
        return cli_fail(&cli, "the cryptographic library does not start");
    int status = run(&cli, argc, argv);
    arena_free(cli.arena);
    return status;
}

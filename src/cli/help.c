#include "cli/help.h"

#include "base/limits.h"
#include "cli/cli.h"
#include "cli/run.h"
#include "parent/config.h"

#include <string.h>

#ifndef PORTKEEP_VERSION
#define PORTKEEP_VERSION "0"
#endif

#define WIDTH 79
#define NAME_COLUMN 22
#define OPTION_COLUMN 24

static void
add_spaces(struct buf *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_add_char(out, ' ');
}

void
help_add_wrapped(struct buf *out, const char *text, size_t column,
                 size_t indent)
{
    size_t at = column;
    if (at > indent) {
        buf_add_char(out, '\n');
        at = 0;
    }
    add_spaces(out, indent - at);
    at = indent;
    while (*text != '\0') {
        size_t n = strcspn(text, " ");
        if (at > indent && at + 1 + n > WIDTH) {
            buf_add_char(out, '\n');
            add_spaces(out, indent);
            at = indent;
        } else if (at > indent) {
            buf_add_char(out, ' ');
            at++;
        }
        buf_add(out, str_of(text, n));
        at += n;
        text += n + strspn(text + n, " ");
    }
    buf_add_char(out, '\n');
}

static void
add_verb_line(struct buf *out, const struct verb *v)
{
    buf_addf(out, "  %s", v->name);
    help_add_wrapped(out, v->sentence, 2 + strlen(v->name), NAME_COLUMN);
}

void
help_add_overview(struct buf *out)
{
    const char *group = "";
    buf_add_text(out, "portkeep keeps the keys of HubSpot accounts for the "
                      "makers of apps.\n\n"
                      "Usage: portkeep VERB [ARGUMENT...] [OPTION...]\n");
    for (size_t i = 0; i < n_verbs; i++) {
        if (strcmp(group, verbs[i].group) != 0)
            buf_addf(out, "\n%s\n", verbs[i].group);
        group = verbs[i].group;
        add_verb_line(out, &verbs[i]);
    }
    buf_add_text(out,
                 "\n`portkeep help VERB` says how one of them is used, "
                 "`portkeep help config`\nexplains the configuration.\n"
                 "Exit status: 0 done, 1 refused or failed, 2 wrong usage, "
                 "3 the service is not\nreachable.\n");
}

void
help_add_family(struct buf *out, const char *word)
{
    size_t n = strlen(word);
    buf_addf(out, "Usage: portkeep %s VERB [ARGUMENT...] [OPTION...]\n\n",
             word);
    for (size_t i = 0; i < n_verbs; i++)
        if (strncmp(verbs[i].name, word, n) == 0 && verbs[i].name[n] == ' ')
            add_verb_line(out, &verbs[i]);
    buf_addf(out, "\n`portkeep help %s VERB` says how one of them is used.\n",
             word);
}

static void
add_option_line(struct buf *out, const struct verb_option *o)
{
    size_t at = out->n;
    buf_addf(out, "  --%s%s%s", o->name, o->value != NULL ? " " : "",
             o->value != NULL ? o->value : "");
    help_add_wrapped(out, o->sentence, out->n - at, OPTION_COLUMN);
}

void
help_add_verb(struct buf *out, const struct verb *v)
{
    const struct verb_option *o;
    buf_addf(out, "Usage: portkeep %s%s%s%s\n\n", v->name,
             v->arguments[0] != '\0' ? " " : "", v->arguments,
             verb_option_at(v, 0) != NULL ? " [OPTION...]" : "");
    help_add_wrapped(out, v->sentence, 0, 0);
    if (v->more != NULL)
        help_add_wrapped(out, v->more, 0, 0);
    for (size_t i = 0; (o = verb_option_at(v, i)) != NULL; i++) {
        if (i == 0)
            buf_add_text(out, "\nOptions\n");
        add_option_line(out, o);
    }
    buf_addf(out, "\nExample\n  %s\n", v->example);
}

static bool
is_config(const char *word)
{
    return word != NULL && strcmp(word, "config") == 0;
}

static int
add_help_of(const struct cli *cli, struct buf *out)
{
    const char *first = cli_arg(cli, 0), *second = cli_arg(cli, 1);
    size_t n_words;
    if (first == NULL) {
        help_add_overview(out);
        return CLI_DONE;
    }
    if (is_config(first)) {
        config_describe(out);
        return CLI_DONE;
    }
    if (second == NULL && verb_is_family(first)) {
        help_add_family(out, first);
        return CLI_DONE;
    }
    const struct verb *v = verb_find(first, second, &n_words);
    if (v == NULL || (second != NULL && n_words < 2)) {
        (void)cli_fail(
            cli, "there is no verb \"%s%s%s\"; `portkeep help` lists all",
            first, second != NULL ? " " : "", second != NULL ? second : "");
        return CLI_USAGE;
    }
    help_add_verb(out, v);
    return CLI_DONE;
}

int
do_help(struct cli *cli)
{
    struct buf auto_buf out = {0};
    buf_init(&out, LIMIT_CLI_TEXT);
    if (cli_flag(cli, "man") && is_config(cli_arg(cli, 0))) {
        help_add_config_man(&out);
    } else if (cli_flag(cli, "man")) {
        help_add_man(&out);
    } else if (cli_flag(cli, "completion")) {
        help_add_completion(&out);
    } else if (cli_flag(cli, "messages")) {
        help_add_messages(&out);
    } else {
        int status = add_help_of(cli, &out);
        if (status != CLI_DONE)
            return status;
    }
    return cli_print(cli, buf_str(&out));
}

int
do_version(struct cli *cli)
{
    if (cli->is_json)
        return cli_print(cli, STR("{\"version\":\"" PORTKEEP_VERSION "\"}\n"));
    return cli_print(cli, STR("portkeep " PORTKEEP_VERSION "\n"));
}

#include "cli/help.h"

#include "parent/config.h"

#include <string.h>

/* The manual pages in man(7)'s language.  See groff_man(7). */

/* A dot or quote at a line's start is a request; a backslash an escape. */
static void
add_text(struct buf *out, const char *text)
{
    if (text[0] == '.' || text[0] == '\'')
        buf_add_text(out, "\\&");
    for (; *text != '\0'; text++) {
        if (*text == '\\')
            buf_add_text(out, "\\e");
        else if (*text == '-')
            buf_add_text(out, "\\-");
        else
            buf_add_char(out, *text);
    }
}

static void
add_option(struct buf *out, const struct verb_option *o)
{
    buf_add_text(out, ".TP\n\\fB\\-\\-");
    add_text(out, o->name);
    buf_add_text(out, "\\fR");
    if (o->value != NULL)
        buf_addf(out, " \\fI%s\\fR", o->value);
    buf_add_char(out, '\n');
    add_text(out, o->sentence);
    buf_add_char(out, '\n');
}

static void
add_verb(struct buf *out, const struct verb *v)
{
    buf_add_text(out, ".SS \"portkeep ");
    add_text(out, v->name);
    if (v->arguments[0] != '\0')
        buf_add_char(out, ' ');
    add_text(out, v->arguments);
    buf_add_text(out, "\"\n");
    add_text(out, v->sentence);
    buf_add_char(out, '\n');
    if (v->more != NULL) {
        add_text(out, v->more);
        buf_add_char(out, '\n');
    }
    for (size_t i = 0; v->options != NULL && v->options[i].name != NULL; i++)
        add_option(out, &v->options[i]);
    buf_add_text(out, ".PP\n.EX\n");
    add_text(out, v->example);
    buf_add_text(out, "\n.EE\n");
}

static const char head[] =
    ".TH PORTKEEP 1 \"\" \"portkeep\" \"User Commands\"\n"
    ".SH NAME\n"
    "portkeep \\- keep the keys of HubSpot accounts\n"
    ".SH SYNOPSIS\n"
    ".B portkeep\n"
    ".I VERB\n"
    "[\\fIARGUMENT\\fR...] [\\fIOPTION\\fR...]\n"
    ".SH DESCRIPTION\n"
    "portkeep walks customers through HubSpot\\(aqs OAuth install, keeps the\n"
    "tokens encrypted and fresh, and lets an app\\(aqs backend call the API "
    "of\n"
    "any connected account without ever holding a token.\n"
    "This command runs the service and speaks to it.\n";

static const char tail[] =
    ".SH EXIT STATUS\n"
    ".TP\n0\nDone.\n"
    ".TP\n1\nRefused, or it failed; standard error says why.\n"
    ".TP\n2\nThe command line is wrong.\n"
    ".TP\n3\nThe service is not reachable.\n"
    ".SH ENVIRONMENT\n"
    ".TP\n.B PORTKEEP_CONFIG\nThe configuration file, where \\-c does not "
    "name one.\n"
    ".TP\n.BI PORTKEEP_ SECTION _ KEY\nOverrides a key of the configuration; "
    "never a secret.\n"
    ".TP\n.B NO_COLOR\nWhen set, no colours are printed.\n"
    ".SH FILES\n"
    ".TP\n.I /etc/portkeep/portkeep.conf\nThe configuration, "
    "\\fBportkeep.conf\\fR(5).\n"
    ".TP\n.I /etc/portkeep/master.key\nThe master keys, a line each.  Keep a "
    "copy apart from the backups.\n"
    ".TP\n.I /var/lib/portkeep/portkeep.db\nThe database.\n";

void
help_add_man(struct buf *out)
{
    const char *group = "";
    buf_add_text(out, head);
    buf_add_text(out, ".SH OPTIONS OF MANY VERBS\n");
    add_option(out, &option_config);
    add_option(out, &option_json);
    add_option(out, &option_help);
    for (size_t i = 0; i < n_verbs; i++) {
        if (strcmp(group, verbs[i].group) != 0) {
            buf_add_text(out, ".SH \"VERBS: ");
            add_text(out, verbs[i].group);
            buf_add_text(out, "\"\n");
        }
        group = verbs[i].group;
        add_verb(out, &verbs[i]);
    }
    buf_add_text(out, tail);
}

static const char config_head[] =
    ".TH PORTKEEP.CONF 5 \"\" \"portkeep\" \"File Formats\"\n"
    ".SH NAME\n"
    "portkeep.conf \\- configuration of portkeep\n"
    ".SH DESCRIPTION\n"
    "Sections in brackets, and under them lines of the form\n"
    ".IR \"key \" = \" value\" .\n"
    "An indented line goes on with the value above it. A semicolon or a hash\n"
    "sign at the start of a line, or after a space, begins a note.\n"
    "Relative paths start at the file\\(aqs own folder.\n"
    "A key that is not known, or stands there twice, is an error.\n"
    ".PP\n"
    "A secret never stands in the file: its value is \\fBfile:\\fIPATH\\fR or\n"
    "\\fBcredential:\\fINAME\\fR, a credential of systemd.\n"
    "The environment variable\n"
    ".BI PORTKEEP_ SECTION _ KEY\n"
    "overrides a key, never a secret.\n";

static void
add_config_key(struct buf *out, const struct config_key_help *k)
{
    buf_addf(out, ".TP\n\\fB%s\\fR = ", k->key);
    add_text(out, k->kind);
    buf_add_char(out, '\n');
    add_text(out, k->sentence);
    buf_add_char(out, '\n');
    if (k->is_required)
        buf_add_text(out, "Required.\n");
    else if (k->fallback[0] != '\0') {
        buf_add_text(out, "Default: ");
        add_text(out, k->fallback);
        buf_add_text(out, ".\n");
    }
    buf_add_text(out, k->is_reloadable ? "A reload takes it up.\n"
                                       : "Takes effect at a start.\n");
}

void
help_add_config_man(struct buf *out)
{
    const char *section = "";
    buf_add_text(out, config_head);
    for (size_t i = 0; i < config_n_keys(); i++) {
        struct config_key_help k = config_key_help(i);
        if (strcmp(section, k.section) != 0) {
            buf_add_text(out, ".SH \"SECTION [");
            add_text(out, k.section);
            buf_add_text(out, "]\"\n");
        }
        section = k.section;
        add_config_key(out, &k);
    }
    buf_add_text(out, ".SH SEE ALSO\n.BR portkeep (1)\n");
}

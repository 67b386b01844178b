#include "cli/help.h"

#include <string.h>

/*
 * Completion for bash: verbs for the first word, a family's verbs for the
 * second, options after a dash, files after everything else.
 */

static void
add_first_words(struct buf *out)
{
    const char *last = "";
    for (size_t i = 0; i < n_verbs; i++) {
        size_t n = strcspn(verbs[i].name, " ");
        if (strncmp(last, verbs[i].name, n) == 0 &&
            (last[n] == ' ' || last[n] == '\0'))
            continue;
        last = verbs[i].name;
        buf_addf(out, "%s%.*s", i > 0 ? " " : "", (int)n, last);
    }
}

static void
add_second_words(struct buf *out)
{
    for (size_t i = 0; i < n_verbs; i++) {
        const char *rest = strchr(verbs[i].name, ' ');
        if (rest == NULL)
            continue;
        size_t n = (size_t)(rest - verbs[i].name);
        bool is_first =
            i == 0 || strncmp(verbs[i - 1].name, verbs[i].name, n + 1) != 0;
        bool is_last = i + 1 == n_verbs ||
                       strncmp(verbs[i + 1].name, verbs[i].name, n + 1) != 0;
        if (is_first)
            buf_addf(out, "    %.*s) subverbs=\"", (int)n, verbs[i].name);
        buf_addf(out, "%s%s", is_first ? "" : " ", rest + 1);
        if (is_last)
            buf_add_text(out, "\" ;;\n");
    }
}

static void
add_options(struct buf *out)
{
    const struct verb_option *o;
    for (size_t i = 0; i < n_verbs; i++) {
        buf_addf(out, "    \"%s\") options=\"", verbs[i].name);
        for (size_t k = 0; (o = verb_option_at(&verbs[i], k)) != NULL; k++)
            buf_addf(out, "%s--%s", k > 0 ? " " : "", o->name);
        buf_add_text(out, "\" ;;\n");
    }
}

void
help_add_completion(struct buf *out)
{
    buf_add_text(out, "# bash completion for portkeep\n"
                      "_portkeep()\n{\n"
                      "    local word=\"${COMP_WORDS[COMP_CWORD]}\"\n"
                      "    local verb=\"${COMP_WORDS[1]}\" verbs subverbs=\"\" "
                      "options=\"\"\n"
                      "    verbs=\"");
    add_first_words(out);
    buf_add_text(out, "\"\n    case \"$verb\" in\n");
    add_second_words(out);
    buf_add_text(out, "    esac\n"
                      "    [ -n \"$subverbs\" ] && "
                      "verb=\"$verb ${COMP_WORDS[2]}\"\n"
                      "    case \"$verb\" in\n");
    add_options(out);
    buf_add_text(
        out, "    esac\n"
             "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
             "        COMPREPLY=($(compgen -W \"$verbs\" -- \"$word\"))\n"
             "    elif [ \"$COMP_CWORD\" -eq 2 ] && [ -n \"$subverbs\" ]; "
             "then\n"
             "        COMPREPLY=($(compgen -W \"$subverbs\" -- \"$word\"))\n"
             "    elif [ \"${word:0:1}\" = - ]; then\n"
             "        COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
             "    else\n"
             "        COMPREPLY=($(compgen -f -- \"$word\"))\n"
             "    fi\n"
             "}\n"
             "complete -o filenames -F _portkeep portkeep\n");
}

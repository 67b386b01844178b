#include "cli/verb.h"

#include "parent/nearest.h"

#include <string.h>

#define VERBS_MAX 64
#define OPTIONS_MAX 32

const struct verb_option option_config = {
    "config", "FILE",
    "The configuration; without it $PORTKEEP_CONFIG, else ./portkeep.conf, "
    "else /etc/portkeep/portkeep.conf. Also -c FILE."};
const struct verb_option option_json = {"json", NULL,
                                        "Print JSON, for other programs."};
const struct verb_option option_help = {"help", NULL,
                                        "Print how this is used. Also -h."};

const struct verb_option *
verb_option_at(const struct verb *v, size_t i)
{
    const struct verb_option *common[] = {
        (v->traits & VERB_HAS_JSON) != 0 ? &option_json : NULL,
        (v->traits & VERB_HAS_CONFIG) != 0 ? &option_config : NULL,
        (v->traits & VERB_IS_RAW) == 0 ? &option_help : NULL};
    size_t at = 0;
    for (; v->options != NULL && v->options[at].name != NULL; at++)
        if (at == i)
            return &v->options[at];
    for (size_t k = 0; k < sizeof(common) / sizeof(common[0]); k++)
        if (common[k] != NULL && at++ == i)
            return common[k];
    return NULL;
}

/* Words of the arguments' text; optional ones stand in brackets. */
static size_t
count_args(const char *text, bool with_optional)
{
    size_t n = 0;
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        if (len > 3 && strncmp(text + len - 4, "...]", 4) == 0)
            n = with_optional ? 1000 : n;
        else if (text[0] != '[' || with_optional)
            n++;
        text += len + strspn(text + len, " ");
    }
    return n;
}

size_t
verb_least_args(const struct verb *v)
{
    return count_args(v->arguments, false);
}

size_t
verb_most_args(const struct verb *v)
{
    return count_args(v->arguments, true);
}

/* The first word of the verb's name is exactly `word`. */
static bool
starts_with_word(const struct verb *v, const char *word)
{
    size_t n = strlen(word);
    return strncmp(v->name, word, n) == 0 &&
           (v->name[n] == '\0' || v->name[n] == ' ');
}

bool
verb_is_family(const char *word)
{
    for (size_t i = 0; i < n_verbs; i++)
        if (starts_with_word(&verbs[i], word) && strchr(verbs[i].name, ' '))
            return true;
    return false;
}

const struct verb *
verb_find(const char *first, const char *second, size_t *out_n_words)
{
    const struct verb *family = NULL;
    for (size_t i = 0; first != NULL && i < n_verbs; i++) {
        const struct verb *v = &verbs[i];
        const char *rest = strchr(v->name, ' ');
        if (!starts_with_word(v, first))
            continue;
        if (family == NULL)
            family = v;
        if (rest == NULL) {
            *out_n_words = 1;
            return v;
        }
        if (second != NULL && strcmp(rest + 1, second) == 0) {
            *out_n_words = 2;
            return v;
        }
    }
    /* "portals --json" lists; "portals lst" is a mistake. */
    if (family != NULL && second != NULL && second[0] != '-')
        return NULL;
    *out_n_words = 1;
    return family;
}

const char *
verb_nearest(const char *word)
{
    const char *names[VERBS_MAX];
    size_t n = 0;
    for (; n < n_verbs && n < VERBS_MAX; n++)
        names[n] = verbs[n].name;
    return nearest(str_from(word), names, n);
}

const char *
verb_nearest_option(const struct verb *v, const char *word)
{
    const char *names[OPTIONS_MAX];
    const struct verb_option *o;
    size_t n = 0;
    while (n < OPTIONS_MAX && (o = verb_option_at(v, n)) != NULL)
        names[n++] = o->name;
    return nearest(str_from(word), names, n);
}

#ifndef CLI_VERB_H
#define CLI_VERB_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The command line as a table: `portkeep help`, usage errors, the manual,
 * shell completion and the parsing of arguments all read it, so that none of
 * them can say something else than the others.
 *
 *     const struct verb *v = verb_find("portals", "list", &n_words);
 */
struct cli;

struct verb_option {
    const char *name;  /* without its dashes; NULL ends a list */
    const char *value; /* what follows it, "FILE"; NULL: nothing does */
    const char *sentence;
};

enum verb_trait {
    VERB_HAS_CONFIG = 1 << 0, /* takes -c FILE */
    VERB_HAS_JSON = 1 << 1,   /* takes --json */
    VERB_IS_RAW = 1 << 2,     /* its words are another program's business */
};

struct verb {
    const char *group;     /* the heading it stands under in the help */
    const char *name;      /* "portals list" */
    const char *arguments; /* "APP PORTAL [BODY]"; the table counts by it */
    const char *sentence;  /* what it does */
    const char *more;      /* what else there is to know; NULL: nothing */
    const char *example;
    const struct verb_option *options; /* NULL: only those of its traits */
    unsigned traits;                   /* enum verb_trait */
    const char *columns; /* of the tables it prints; NULL: as they come */
    int (*run)(struct cli *cli);
};

extern const struct verb verbs[];
extern const size_t n_verbs;

/* What each trait adds, for everything that lists options. */
extern const struct verb_option option_config;
extern const struct verb_option option_json;
extern const struct verb_option option_help;

/*
 * The verb of one word or two; *out_n_words says how many of them were its
 * name.  "portals" alone is the first verb of that group of words.  NULL:
 * no such verb.  Either word may be NULL.
 */
const struct verb *verb_find(const char *first, const char *second,
                             size_t *out_n_words);
/* True for the first word of several verbs: "portals". */
bool verb_is_family(const char *word);
/* The name that was probably meant; NULL: none is near. */
const char *verb_nearest(const char *word);
const char *verb_nearest_option(const struct verb *v, const char *word);

/* The i-th option of a verb, those of its traits after its own; NULL at the
 * end. */
const struct verb_option *verb_option_at(const struct verb *v, size_t i);
/* How many arguments its text allows. */
size_t verb_least_args(const struct verb *v);
size_t verb_most_args(const struct verb *v);

#endif

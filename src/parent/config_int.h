#ifndef PARENT_CONFIG_INT_H
#define PARENT_CONFIG_INT_H

#include "parent/config.h"

/*
 * The steps of config_load, each in its own file: config_text.c cuts the
 * file into sections and entries, config_keys.c knows what may stand there,
 * config_value.c turns one text into one value, config_rules.c looks at the
 * whole.  config.c leads.
 */
#define CONFIG_VALUE_MAX 65536  /* one value with all its continuations */
#define CONFIG_PROBLEMS_MAX 200 /* nobody reads more of them at once */

struct config_entry {
    struct config_entry *next;
    struct str key, value;
    unsigned line;
};

struct config_section {
    struct config_section *next;
    struct str kind; /* "server", "app" */
    struct str name; /* of [app NAME]; else empty */
    unsigned line;
    struct config_entry *first, **last;
};

/* What stands in the file, nothing understood yet.  Problems are added;
 * ERR_CONFIG only where there is no text at all. */
enum err config_text_read(struct arena *arena, const char *path,
                          struct config_section **out_first,
                          struct config_problems *problems) WARN_UNUSED;

void problem_add(struct config_problems *problems, unsigned line,
                 const char *format, ...) __attribute__((format(printf, 3, 4)));
void problem_warn(struct config_problems *problems, unsigned line,
                  const char *format, ...)
    __attribute__((format(printf, 3, 4)));

enum config_type {
    CONFIG_TEXT,     /* anything printable */
    CONFIG_WORD,     /* without spaces */
    CONFIG_WORDS,    /* separated by spaces */
    CONFIG_YES_NO,   /* bool */
    CONFIG_DURATION, /* uint64_t, milliseconds */
    CONFIG_NUMBER,   /* uint64_t */
    CONFIG_SIZE,     /* uint64_t, bytes */
    CONFIG_HOSTS,    /* names, also *.NAME for all below it */
    CONFIG_ORIGIN,   /* URL without path; https, or http to this machine */
    CONFIG_PAGE,     /* URL; https, or http to this machine */
    CONFIG_PAGES,    /* several, separated by spaces */
    CONFIG_TARGET,   /* URL; https, or http to private addresses */
    CONFIG_ADDRESS,  /* struct config_address */
    CONFIG_PATH,     /* absolute, or beside the configuration file */
    CONFIG_SECRET,   /* struct config_secret */
    CONFIG_CHOICE,   /* one of choices */
    CONFIG_CHOICES,  /* one or more of choices */
    CONFIG_STORE,    /* sqlite:PATH; fills store_path and data_dir too */
};

enum {
    CONFIG_REQUIRED = 1,
    CONFIG_RELOADABLE = 2,
    CONFIG_OAUTH_ONLY = 4,   /* no meaning with type = static */
    CONFIG_OAUTH_NEEDED = 8, /* required with type = oauth */
};

struct config_key {
    const char *section; /* "app" for all [app NAME] */
    const char *name;
    enum config_type type;
    size_t offset;        /* in struct config, or struct config_app */
    const char *fallback; /* "": none */
    unsigned flags;
    const char *choices;  /* "a b c" */
    uint64_t least, most; /* most of several: how many */
    const char *sentence;
};

extern const struct config_key config_keys[];
extern const size_t config_keys_n;

/* NULL: there is none of that name. */
const struct config_key *config_key_find(struct str section, struct str name);
/* The name nearest to what was written, in quotes, after "did you mean"; an
 * empty text where none is near. */
struct str config_key_hint(struct arena *arena, struct str section,
                           struct str name);
struct str config_section_hint(struct arena *arena, struct str kind);
const char *config_type_words(const struct config_key *key);

struct config_value {
    struct arena *arena;
    struct str folder; /* of the configuration file, with a slash */
    struct buf *why;   /* gets what is wrong: "is not a duration: ..." */
};

/* Into the struct that key->offset counts from.  ERR_INVALID fills why. */
enum err config_value_set(const struct config_value *v,
                          const struct config_key *key, struct str text,
                          void *base) WARN_UNUSED;

/* What single keys cannot know: pairs that belong together. */
void config_rules_check(const struct config *config,
                        const struct config_section *sections,
                        struct config_problems *problems);

#endif

#ifndef HUBSPOT_CATALOGUE_H
#define HUBSPOT_CATALOGUE_H

#include "hubspot/scopes.h"

/*
 * Every scope that HubSpot publishes or names anywhere: what it grants, the
 * edition that has it, whether it is sensitive, and whether an app can ask
 * for it.  hubspot/scopes.h has the words for customers.
 *
 *     const struct catalogue_scope *s = catalogue_find(STR("tickets"));
 *
 * Editions change without notice: they are advice, the scopes of a token
 * reply decide.
 */
enum scope_class {
    SCOPE_PUBLISHED,
    SCOPE_OF_APP,      /* only with client credentials, never of an account */
    SCOPE_UNPUBLISHED, /* named in lists only: the app's settings at HubSpot
                          do not offer it */
};

enum scope_access {
    SCOPE_READ,
    SCOPE_WRITE,
    SCOPE_READ_WRITE,
    SCOPE_ACTION, /* sends or publishes something */
    SCOPE_BASIC,  /* every app has it */
};

enum scope_level {
    SCOPE_PLAIN,
    SCOPE_SENSITIVE,
    SCOPE_HIGHLY_SENSITIVE,
};

struct catalogue_tier {
    enum hubspot_edition edition; /* the lowest */
    const char *words;            /* "Sales Hub Professional" */
};

struct catalogue_scope {
    struct str name;
    enum scope_access access;
    const struct catalogue_tier *tier;
    enum scope_class class;
    const char *words; /* of unpublished ones; NULL: those of scopes.h */
};

/* Also by the other spellings that lists and 403 answers have, and with .v2
 * at its end.  NULL: no such scope. */
const struct catalogue_scope *catalogue_find(struct str name);
/* By name, in order of bytes. */
size_t catalogue_count(void);
const struct catalogue_scope *catalogue_at(size_t i);

enum scope_level catalogue_level(const struct catalogue_scope *scope);
void catalogue_add_words(const struct catalogue_scope *scope, struct buf *out);
/* The spelling in HubSpot's lists of endpoints where it is another. */
const char *catalogue_listed_as(const struct catalogue_scope *scope);

const char *scope_class_name(enum scope_class class);
const char *scope_access_name(enum scope_access access);
const char *scope_level_name(enum scope_level level);

#endif

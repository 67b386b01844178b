#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * struct str looks at bytes that somebody else owns: a pointer and a length,
 * no NUL at the end.  Text from outside is always one of these.
 *
 *     struct str rest = line, name;
 *     if (str_cut(&rest, '=', &name)) ...
 *
 * Nothing here allocates, and nothing here changes the bytes.
 */
struct str {
    const char *p;
    size_t n;
};

/* Several of them, e.g. scopes.  The array is in the owner's arena. */
struct strs {
    struct str *v;
    size_t n;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_NONE ((struct str){NULL, 0})
/* For printf: "%.*s", STR_ARG(s). */
#define STR_ARG(s) (int)(s).n, (s).n > 0 ? (s).p : ""

static inline struct str
str_from(const char *text)
{
    return (struct str){text, text != NULL ? strlen(text) : 0};
}

static inline struct str
str_of(const void *p, size_t n)
{
    return (struct str){p, n};
}

static inline bool
str_equal(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* ASCII letters only; never for secrets. */
bool str_equal_nocase(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
bool str_has(struct str s, char c);
bool strs_have(struct strs all, struct str one);

/* Without spaces and tabs at both ends. */
struct str str_trim(struct str s);

/*
 * Takes what stands before the first `sep` off the front of *rest.  Without
 * a separator it takes everything; false only when nothing is left at all
 * (rest->p is NULL then), so "a,b," gives a, b and an empty one.
 */
bool str_cut(struct str *rest, char sep, struct str *out_part);

/* Whole text, decimal digits only, no sign, no overflow. */
bool str_to_u64(struct str s, uint64_t *out);

/* FNV-1a, for tables whose keys nobody outside can choose freely. */
uint32_t str_hash(struct str s);

/* <0, 0, >0 by bytes, shorter first. */
int str_compare(struct str a, struct str b);

#endif

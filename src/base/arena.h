#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"

#include <stddef.h>

/*
 * An arena holds everything about one exchange, message or turn, and lets it
 * go at once.
 *
 *     struct arena *a = arena_new();
 *     struct str name = arena_copy(a, view);
 *     arena_free(a);
 *
 * Secrets pass only through one made with arena_new_secret, which wipes; what
 * stays of them goes to base/secret.h.
 */
struct arena;

struct arena *arena_new(void);
/* Wipes all that it lets go of. */
struct arena *arena_new_secret(void);
/* Frees all that came from it.  Takes NULL. */
void arena_free(struct arena *a);
/* Lets everything go, keeps the first block for the next use. */
void arena_clear(struct arena *a);

/* Zeroed, aligned for any type.  Never NULL: no memory stops the process. */
void *arena_alloc(struct arena *a, size_t n);
/* A copy, with a NUL behind it. */
struct str arena_copy(struct arena *a, struct str s);
struct str arena_printf(struct arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Copies the array and each text. */
struct strs arena_copy_strs(struct arena *a, struct strs all);
/* The words of text, cut at each `sep`, empty ones left out. */
struct strs arena_split(struct arena *a, struct str text, char sep);
/* The other way round. */
struct str arena_join(struct arena *a, struct strs all, char sep);

#endif

#ifndef EMULATOR_MAP_H
#define EMULATOR_MAP_H

#include "base/str.h"

/*
 * A hash map from bytes to pointers.
 *
 *     map_put(&m, token->text, token);
 *     struct token *t = map_get(&m, text);
 *
 * Keys are not copied: they live in the value, and leave the map before it.
 * A zeroed struct map is an empty one.  The order of a walk is arbitrary.
 */
struct map {
    struct map_slot *slots;
    size_t room;   /* a power of two */
    size_t n;      /* keys in the map */
    size_t n_used; /* and the places of keys that left */
};

void map_done(struct map *m);
/* NULL if the key is not there. */
void *map_get(const struct map *m, struct str key);
/* Replaces the value, and the key's own bytes, if it is there already. */
void map_put(struct map *m, struct str key, void *value);
/* Takes the key out; returns its value or NULL. */
void *map_take(struct map *m, struct str key);

/* All values: for (size_t i = 0; (v = map_next(&m, &i)) != NULL;) */
void *map_next(const struct map *m, size_t *i);

/* A number as a key; it must live where the value lives. */
static inline struct str
map_key(const uint64_t *number)
{
    return str_of(number, sizeof(*number));
}

#endif

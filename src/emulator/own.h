#ifndef EMULATOR_OWN_H
#define EMULATOR_OWN_H

#include "base/str.h"

/*
 * Memory that lives as long as its owner, for what outlives a request.
 *
 *     struct str name = own_text(view);
 *     own_drop(&name);
 *
 * No memory stops the process, so nothing here fails.
 */

/* Zeroed; goes back with free. */
void *own_alloc(size_t n);
/* A copy with a NUL behind it; STR_NONE stays STR_NONE. */
struct str own_text(struct str s);
void own_drop(struct str *s);
/* old goes, a copy of s takes its place. */
void own_replace(struct str *old, struct str s);
/* Array and texts. */
struct strs own_texts(struct strs all);
void own_drop_texts(struct strs *all);
/* Room for one more element behind n; returns the array, perhaps moved. */
void *own_room(void *array, size_t n, size_t *room, size_t size);

#endif

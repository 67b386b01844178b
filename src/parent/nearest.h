#ifndef PARENT_NEAREST_H
#define PARENT_NEAREST_H

#include "base/str.h"

/*
 * "Did you mean": the name in a list that takes the fewest changes of single
 * characters to reach.
 *
 *     const char *near = nearest(STR("public_ur"), names, n);
 */

/* Insertions, deletions, changes and swaps of neighbours; texts over 64
 * characters count as wholly different. */
size_t edit_distance(struct str a, struct str b);

/* NULL where all are further than a third of the text's length. */
const char *nearest(struct str text, const char *const *names, size_t n);

#endif

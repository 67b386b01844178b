#ifndef FRONT_QUERY_H
#define FRONT_QUERY_H

#include "base/arena.h"
#include "base/err.h"

/*
 * The parameters of a query, decoded, as a table says which are wanted.
 *
 *     struct query_field f[] = {{STR("code"), 2048}, {STR("state"), 4096}};
 *     e = query_take(query, arena, f, 2);
 *
 * Stricter than browsers need: a wanted name that comes twice can be read in
 * two ways, so it is refused; what is not wanted is ignored, however often.
 */
struct query_field {
    struct str name;
    size_t max;       /* bytes of the decoded value */
    struct str value; /* out: in the arena; p is NULL where it is absent */
};

/*
 * ERR_SYNTAX: a broken percent code or unclean text; ERR_CONFLICT: a name
 * that comes twice; ERR_LIMIT: a value over its maximum.
 */
enum err query_take(struct str query, struct arena *arena,
                    struct query_field *fields, size_t n) WARN_UNUSED;

#endif

#ifndef HUBSPOT_OBJECTS_H
#define HUBSPOT_OBJECTS_H

#include "base/buf.h"

/*
 * HubSpot's CRM object types as they stand in paths, and the scopes that
 * stand for them: contacts, contact, 0-1, and for custom objects 2-123 or
 * p_boat or p123_boat.
 *
 *     const struct object_type *t = object_type_find(STR("0-3"));
 */
enum object_access {
    OBJECT_READ, /* reading, searching, batch/read */
    OBJECT_WRITE,
    OBJECT_SCHEMA_READ, /* property definitions, validations, pipelines */
    OBJECT_SCHEMA_WRITE,
    OBJECT_ACCESS_COUNT,
};

struct object_type {
    struct str plural, singular, id; /* STR_NONE: it has none */
    /* As in the table of endpoints; NULL: no list names a scope. */
    const char *needs[OBJECT_ACCESS_COUNT];
};

/* Without regard to case.  NULL: no such type; a custom object's bare name
 * is none. */
const struct object_type *object_type_find(struct str name);
/* All of them, custom objects last. */
size_t object_type_count(void);
const struct object_type *object_type_at(size_t i);

#endif

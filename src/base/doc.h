#ifndef BASE_DOC_H
#define BASE_DOC_H

#include "base/buf.h"

/*
 * Writes a JSON document (RFC 8259) into a buffer, commas and quotes right.
 *
 *     struct doc d = doc_into(&out);
 *     doc_open(&d, '{');
 *     doc_key(&d, "portal");
 *     doc_u64(&d, 7);
 *     doc_close(&d, '}');
 */
struct doc {
    struct buf *out;
    bool needs_comma;
};

struct doc doc_into(struct buf *out);
/* bracket: { or [ */
void doc_open(struct doc *d, char bracket);
void doc_close(struct doc *d, char bracket);
void doc_key(struct doc *d, const char *name);
void doc_str(struct doc *d, struct str text);
void doc_u64(struct doc *d, uint64_t value);
void doc_bool(struct doc *d, bool value);
void doc_null(struct doc *d);
void doc_strs(struct doc *d, struct strs all);
/* A value that is JSON already, as it stands. */
void doc_json(struct doc *d, struct str json);
/* RFC 3339, or null for 0. */
void doc_time(struct doc *d, int64_t unix_s);

/* Key and value in one. */
void doc_field_str(struct doc *d, const char *name, struct str text);
void doc_field_u64(struct doc *d, const char *name, uint64_t value);
void doc_field_bool(struct doc *d, const char *name, bool value);
void doc_field_time(struct doc *d, const char *name, int64_t unix_s);
void doc_field_strs(struct doc *d, const char *name, struct strs all);

#endif

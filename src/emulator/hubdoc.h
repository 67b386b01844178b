#ifndef EMULATOR_HUBDOC_H
#define EMULATOR_HUBDOC_H

#include "base/doc.h"

/*
 * What HubSpot's JSON has beyond base/doc.h: times with milliseconds, ids as
 * texts, nulls for what is not known, keys that come from data.
 *
 *     hubdoc_id(&d, "id", record->id);
 *     hubdoc_time(&d, "createdAt", record->created_at_ms);
 */
void hubdoc_key(struct doc *d, struct str name);
/* "2026-11-24T15:30:00.123Z" */
void hubdoc_time(struct doc *d, const char *name, int64_t unix_ms);
void hubdoc_add_time(struct buf *out, int64_t unix_ms);
/* A number in quotes. */
void hubdoc_id(struct doc *d, const char *name, uint64_t id);
/* null where text.p is NULL */
void hubdoc_maybe(struct doc *d, const char *name, struct str text);
/* A value that is JSON already. */
void hubdoc_raw(struct doc *d, const char *name, struct str json);
void hubdoc_i64(struct doc *d, const char *name, int64_t value);

#endif

#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"

/*
 * Writes JSON (RFC 8259) into a buffer, with commas and quotes right.
 *
 *     struct json j = json_into(&out);
 *     json_open(&j, '{');
 *     json_key(&j, "portal");
 *     json_u64(&j, 7);
 *     json_close(&j, '}');
 */
struct json {
    struct buf *out;
    bool needs_comma;
};

struct json json_into(struct buf *out);
/* bracket: { or [ */
void json_open(struct json *j, char bracket);
void json_close(struct json *j, char bracket);
void json_key(struct json *j, const char *name);
void json_str(struct json *j, struct str text);
void json_u64(struct json *j, uint64_t value);
void json_bool(struct json *j, bool value);
void json_null(struct json *j);
void json_strs(struct json *j, struct strs all);
/* RFC 3339, or null for 0. */
void json_time(struct json *j, int64_t unix_s);

/* Key and value in one. */
void json_field_str(struct json *j, const char *name, struct str text);
void json_field_u64(struct json *j, const char *name, uint64_t value);
void json_field_bool(struct json *j, const char *name, bool value);
void json_field_time(struct json *j, const char *name, int64_t unix_s);
void json_field_strs(struct json *j, const char *name, struct strs all);

#endif

#ifndef BASE_RECORD_H
#define BASE_RECORD_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/secret.h"

/*
 * A record is a struct whose fields are listed in a table.  The same code
 * writes and reads every message between processes and every stored row:
 * fixed-width big-endian numbers, texts with a 32-bit length before them.
 *
 *     struct lease_ask { struct str app; uint64_t portal; };
 *     static const struct field lease_ask_fields[] = {
 *         FIELD(struct lease_ask, app),
 *         FIELD(struct lease_ask, portal),
 *     };
 *     const struct record lease_ask_record = RECORD(lease_ask);
 *
 * Decoded texts point into the input; arrays of texts are in the arena.
 */
enum field_type {
    FIELD_BOOL,
    FIELD_U32,
    FIELD_U64,
    FIELD_I64,
    FIELD_STR,
    FIELD_STRS,
    FIELD_HIDDEN, /* as FIELD_STR; no dump shows it */
};

struct field {
    const char *name;
    enum field_type type;
    size_t offset;
};

struct record {
    const char *name;
    const struct field *fields;
    size_t n_fields;
    size_t size; /* of the struct */
};

/* The type comes from the member itself, so table and struct cannot part. */
#define FIELD(type, member)                      \
    {                                            \
#member,                                 \
            _Generic(((type *)0)->member, bool   \
                     : FIELD_BOOL, uint32_t      \
                     : FIELD_U32, uint64_t       \
                     : FIELD_U64, int64_t        \
                     : FIELD_I64, struct str     \
                     : FIELD_STR, struct strs    \
                     : FIELD_STRS, struct hidden \
                     : FIELD_HIDDEN),            \
            offsetof(type, member)               \
    }

#define RECORD(tag)                                                   \
    {                                                                 \
        .name = #tag, .fields = tag##_fields,                         \
        .n_fields = sizeof(tag##_fields) / sizeof((tag##_fields)[0]), \
        .size = sizeof(struct tag)                                    \
    }

/* A message without content. */
#define RECORD_EMPTY(tag) \
    {                     \
        .name = #tag      \
    }

/* Appends to out; whether it fitted is buf_err's to say. */
void record_encode(const struct record *r, const void *from, struct buf *out);

/*
 * ERR_SYNTAX for too few bytes, bytes that are left over, a bool that is
 * neither 0 nor 1, or a list longer than the bytes allow.
 */
enum err record_decode(const struct record *r, struct str bytes,
                       struct arena *arena, void *out) WARN_UNUSED;

/*
 * As record_decode, for rows: where the bytes end early at the border of a
 * field, the fields that were added since read as zero.
 */
enum err record_decode_old(const struct record *r, struct str bytes,
                           struct arena *arena, void *out) WARN_UNUSED;

/* Texts and lists copied into the arena, so that `to` outlives the input. */
void record_copy(const struct record *r, const void *from, struct arena *arena,
                 void *to);

#endif

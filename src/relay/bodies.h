#ifndef RELAY_BODIES_H
#define RELAY_BODIES_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/secret.h"
#include "hubspot/signatures.h"

struct json_t;

/*
 * JSON bodies of the API as the structs of proto/relay.h: a table of fields
 * each, and everything that is not in it is an error with a sentence that
 * names it.
 *
 *     struct body auto_body body = {0};
 *     e = body_read(&body, text, &session_body, arena, &message, &problem);
 *
 * What is absent, or null, leaves its member as it was.
 */
enum body_type {
    BODY_TEXT,   /* struct str */
    BODY_HIDDEN, /* struct hidden */
    BODY_TEXTS,  /* struct strs */
    BODY_PORTAL, /* uint64_t; a JSON number, or its digits as text */
    BODY_FLAG,   /* bool */
    BODY_BYTES,  /* struct hidden; any text, also none */
    BODY_BASE64, /* struct hidden; the bytes that the text stands for */
    /* struct signature_headers; an object of all of a request's headers, a
     * text or a list of texts each.  One that came twice is joined, as HTTP
     * has it, and is well-formed no longer. */
    BODY_HEADERS,
};

struct body_field {
    const char *name;
    enum body_type type;
    size_t offset;
    size_t max; /* bytes of each text, at least 1 of them */
    bool is_required;
};

struct body_table {
    const struct body_field *fields;
    size_t n_fields;
};

/* Holds the texts that the struct points to. */
struct body {
    struct json_t *root;
    struct buf decoded;
};

/* ERR_SYNTAX, ERR_INVALID, with the sentence in problem. */
enum err body_read(struct body *b, struct str text,
                   const struct body_table *table, struct arena *arena,
                   void *out, struct buf *problem) WARN_UNUSED;
void body_done(struct body *b);
#define auto_body __attribute__((cleanup(body_done)))

extern const struct body_table session_body; /* relay_session_create */
extern const struct body_table result_body;  /* relay_result_redeem */
extern const struct body_table ref_body;     /* relay_ref_bind */

/* What is to be verified; one of the two bodies, or none. */
struct verify_request {
    struct str method, uri;
    struct signature_headers headers;
    struct hidden body, body_base64; /* p is NULL where it is absent */
};
extern const struct body_table verify_body; /* verify_request */

#endif

#ifndef HTTP_CHUNK_H
#define HTTP_CHUNK_H

#include "base/err.h"
#include "base/str.h"

/*
 * Takes the chunked framing off a body (RFC 9112 7.1), piece by piece as the
 * bytes arrive.
 *
 *     while ((e = chunk_next(&r, &bytes, &piece)) == ERR_OK && piece.n > 0)
 *         use(piece);
 *
 * It copies nothing: pieces point into the bytes.  Extensions and trailers
 * are read, judged and dropped, each up to a limit.
 */
enum chunk_state {
    CHUNK_SIZE,      /* within the digits of a size */
    CHUNK_EXTENSION, /* behind a semicolon; the next seven end where their
                        extension does */
    CHUNK_NAME,
    CHUNK_NAME_END, /* space behind the name */
    CHUNK_VALUE_START,
    CHUNK_VALUE,
    CHUNK_QUOTED,
    CHUNK_ESCAPED,    /* behind a backslash within quotes */
    CHUNK_QUOTED_END, /* behind the closing quote */
    CHUNK_GAP,        /* space that a semicolon must follow */
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILER_START, /* at the start of a line behind the last chunk */
    CHUNK_TRAILER_NAME,
    CHUNK_TRAILER_VALUE,
    CHUNK_TRAILER_LF,
    CHUNK_LAST_LF,
    CHUNK_END,
};

struct chunk_reader {
    enum chunk_state state;
    uint64_t left; /* of the running chunk */
    uint32_t n_digits;
    uint32_t n_line;    /* bytes of the running size line */
    uint32_t n_trailer; /* bytes of all trailers */
};

void chunk_start(struct chunk_reader *r);

/*
 * ERR_OK with a piece; with an empty one when the body has ended, and then
 * *bytes is what stands behind it.  ERR_AGAIN: all bytes are used, more are
 * needed.  ERR_SYNTAX, ERR_LIMIT: the connection is of no use any more.
 */
enum err chunk_next(struct chunk_reader *r, struct str *bytes,
                    struct str *out_piece) WARN_UNUSED;

#endif

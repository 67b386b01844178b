#ifndef HTTP_WIRE_H
#define HTTP_WIRE_H

#include "http/head.h"

/*
 * Writes heads and chunks.
 *
 *     struct wire w = {stream_room(s, wire_room(headers, n))};
 *     wire_status(&w, 200);
 *     wire_headers(&w, headers, n);
 *     wire_end(&w);
 *     stream_wrote(s, w.n);
 *
 * Names and values must hold no CR, LF or NUL: those come from parsed heads
 * or from our own code, so one that does is our mistake and stops the process
 * rather than splitting a message in two.
 */
struct wire {
    char *p; /* room for all of it */
    size_t n;
};

/* The most that these headers, a first line without method and target, and
 * all that we add ourselves can take. */
size_t wire_room(const struct http_header *headers, size_t n);

void wire_text(struct wire *w, struct str s);
void wire_number(struct wire *w, uint64_t n);
void wire_status(struct wire *w, unsigned status);
void wire_request(struct wire *w, struct str method, struct str target);
void wire_header(struct wire *w, struct str name, struct str value);
void wire_headers(struct wire *w, const struct http_header *headers, size_t n);
/* The current time, made new once a second. */
void wire_date(struct wire *w);
/* The empty line. */
void wire_end(struct wire *w);

/* The size of a chunk of n bytes, which is not zero: that is the last. */
#define WIRE_CHUNK_LINE 18
struct str wire_chunk_line(size_t n, char line[static WIRE_CHUNK_LINE]);
#define WIRE_LAST_CHUNK STR("0\r\n\r\n")

#endif

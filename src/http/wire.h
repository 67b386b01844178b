#ifndef HTTP_WIRE_H
#define HTTP_WIRE_H

#include "http/head.h"
#include "http/stream.h"

/*
 * Writes heads and chunks straight into a stream's buffer.
 *
 *     struct wire w = wire_start(&stream, wire_room(headers, n));
 *     wire_status(&w, 200);
 *     wire_headers(&w, headers, n);
 *     wire_end(&w);
 *
 * Names and values must hold no CR, LF or NUL: those come from parsed heads
 * or from our own code, so one that does is our mistake and stops the process
 * rather than splitting an answer in two.
 */
struct wire {
    struct stream *stream;
    char *from, *p;
};

/* The most that these headers, a first line without its target, and all that
 * we add ourselves can take. */
size_t wire_room(const struct http_header *headers, size_t n);

struct wire wire_start(struct stream *s, size_t room);
void wire_text(struct wire *w, struct str s);
void wire_number(struct wire *w, uint64_t n);
void wire_status(struct wire *w, unsigned status);
void wire_header(struct wire *w, struct str name, struct str value);
void wire_headers(struct wire *w, const struct http_header *headers, size_t n);
/* The current time, made new once a second. */
void wire_date(struct wire *w);
/* The empty line. */
void wire_end(struct wire *w);

void wire_chunk(struct stream *s, struct str piece);
void wire_last_chunk(struct stream *s);

#endif

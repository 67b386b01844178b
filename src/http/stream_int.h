#ifndef HTTP_STREAM_INT_H
#define HTTP_STREAM_INT_H

#include "http/stream.h"
#include "http/tls_io.h"

#include <sodium.h>

/* What stream.c (opening, reading, events) and stream_out.c (writing)
 * share. */

/* Puts the write event in or out. */
void stream_watch_writes(struct stream *s, bool wants);
/* Throws away what is unsent, and its buffer. */
void stream_drop_out(struct stream *s);

static inline void
stream_wipe(struct stream *s, char *p, size_t n)
{
    if (s->is_secret && n > 0)
        sodium_memzero(p, n);
}

#endif

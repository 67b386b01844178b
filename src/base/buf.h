#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"
#include "base/str.h"

#include <stdarg.h>

/*
 * struct buf builds bytes, up to a maximum that it is made with.
 *
 *     struct buf auto_buf b = {0};
 *     buf_init(&b, LIMIT_URL);
 *     buf_addf(&b, "%s?code=", base);
 *     buf_add(&b, code);
 *     if (buf_err(&b) != ERR_OK) ...      -- one check at the end
 *
 * Adding past the maximum adds nothing and is remembered until buf_clear.
 * A buffer made with buf_init_secret wipes every byte it lets go of.
 */
struct buf {
    char *p;     /* NULL while empty and never grown */
    size_t n;    /* bytes in use */
    size_t room; /* bytes allocated */
    size_t max;  /* never more than this */
    bool is_over;
    bool is_secret;
};

void buf_init(struct buf *b, size_t max);
void buf_init_secret(struct buf *b, size_t max);
/* Frees; takes a zeroed or already done buffer too. */
void buf_done(struct buf *b);
/* Empties and forgets is_over; keeps the memory. */
void buf_clear(struct buf *b);

void buf_add(struct buf *b, struct str s);
void buf_add_text(struct buf *b, const char *text);
void buf_add_char(struct buf *b, char c);
void buf_addf(struct buf *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void buf_add_u64(struct buf *b, uint64_t value);

/*
 * Room for n more bytes at *out_p; say with buf_commit how many were written.
 * ERR_LIMIT leaves the buffer as it was.
 */
enum err buf_reserve(struct buf *b, size_t n, char **out_p) WARN_UNUSED;
void buf_commit(struct buf *b, size_t n);

/* Takes n bytes off the front. */
void buf_consume(struct buf *b, size_t n);

/* ERR_LIMIT if something did not fit since the last buf_clear. */
enum err buf_err(const struct buf *b) WARN_UNUSED;

static inline struct str
buf_str(const struct buf *b)
{
    return str_of(b->p, b->n);
}

/* With a NUL behind it, which does not count.  "" if it is over. */
const char *buf_text(struct buf *b);

#define auto_buf __attribute__((cleanup(buf_done)))

#endif

#include "base/buf.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

void
buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void
buf_init_secret(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max, .is_secret = true};
}

void
buf_done(struct buf *b)
{
    if (b->is_secret && b->p != NULL)
        sodium_memzero(b->p, b->room);
    free(b->p);
    b->p = NULL;
    b->n = b->room = 0;
}

void
buf_clear(struct buf *b)
{
    if (b->is_secret && b->n > 0)
        sodium_memzero(b->p, b->n);
    b->n = 0;
    b->is_over = false;
}

/* Grows by doubling, so that adding bytes one by one stays linear. */
static void
grow(struct buf *b, size_t need)
{
    size_t room = b->room > 0 ? b->room : 256;
    while (room < need)
        room *= 2;
    char *p = b->is_secret ? malloc(room) : realloc(b->p, room);
    if (p == NULL)
        abort();
    if (b->is_secret && b->p != NULL) {
        memcpy(p, b->p, b->n);
        sodium_memzero(b->p, b->room);
        free(b->p);
    }
    b->p = p;
    b->room = room;
}

enum err
buf_reserve(struct buf *b, size_t n, char **out_p)
{
    if (n > b->max || b->n > b->max - n)
        return ERR_LIMIT;
    /* One byte more, so that buf_text always has room for its NUL. */
    if (b->room < b->n + n + 1)
        grow(b, b->n + n + 1);
    *out_p = b->p + b->n;
    return ERR_OK;
}

void
buf_commit(struct buf *b, size_t n)
{
    assert(b->n + n < b->room);
    b->n += n;
}

void
buf_add(struct buf *b, struct str s)
{
    char *p;
    if (b->is_over || s.n == 0)
        return;
    if (buf_reserve(b, s.n, &p) != ERR_OK) {
        b->is_over = true;
        return;
    }
    memcpy(p, s.p, s.n);
    b->n += s.n;
}

void
buf_add_text(struct buf *b, const char *text)
{
    buf_add(b, str_from(text));
}

void
buf_add_char(struct buf *b, char c)
{
    buf_add(b, str_of(&c, 1));
}

void
buf_addf(struct buf *b, const char *format, ...)
{
    va_list args, again;
    char *p;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(n >= 0);
    if (b->is_over || buf_reserve(b, (size_t)n, &p) != ERR_OK) {
        b->is_over = true;
    } else {
        (void)vsnprintf(p, (size_t)n + 1, format, again); /* measured above */
        b->n += (size_t)n;
    }
    va_end(again);
}

void
buf_add_u64(struct buf *b, uint64_t value)
{
    char digits[20];
    size_t i = sizeof(digits);
    do {
        digits[--i] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    buf_add(b, str_of(digits + i, sizeof(digits) - i));
}

void
buf_consume(struct buf *b, size_t n)
{
    assert(n <= b->n);
    if (n == 0)
        return;
    memmove(b->p, b->p + n, b->n - n);
    if (b->is_secret)
        sodium_memzero(b->p + (b->n - n), n);
    b->n -= n;
}

enum err
buf_err(const struct buf *b)
{
    return b->is_over ? ERR_LIMIT : ERR_OK;
}

const char *
buf_text(struct buf *b)
{
    if (b->is_over || b->p == NULL)
        return "";
    b->p[b->n] = '\0';
    return b->p;
}

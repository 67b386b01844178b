#include "base/arena.h"

#include <assert.h>
#include <sodium.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_BLOCK 2048

struct block {
    struct block *next;
    size_t room, used;
    alignas(max_align_t) char bytes[];
};

struct arena {
    struct block *top; /* newest first; the last one is the first made */
    bool is_secret;
};

static struct block *
block_new(size_t room, struct block *next)
{
    struct block *b = malloc(sizeof(*b) + room);
    if (b == NULL)
        abort();
    *b = (struct block){.next = next, .room = room};
    return b;
}

struct arena *
arena_new(void)
{
    struct arena *a = malloc(sizeof(*a));
    if (a == NULL)
        abort();
    a->top = block_new(FIRST_BLOCK, NULL);
    a->is_secret = false;
    return a;
}

struct arena *
arena_new_secret(void)
{
    struct arena *a = arena_new();
    a->is_secret = true;
    return a;
}

static void
wipe(const struct arena *a, struct block *b)
{
    if (a->is_secret)
        sodium_memzero(b->bytes, b->used);
}

void
arena_clear(struct arena *a)
{
    while (a->top->next != NULL) {
        struct block *b = a->top;
        a->top = b->next;
        wipe(a, b);
        free(b);
    }
    wipe(a, a->top);
    a->top->used = 0;
}

void
arena_free(struct arena *a)
{
    if (a == NULL)
        return;
    arena_clear(a);
    free(a->top);
    free(a);
}

void *
arena_alloc(struct arena *a, size_t n)
{
    size_t step = alignof(max_align_t);
    size_t size = (n + step - 1) / step * step;
    if (a->top->room - a->top->used < size) {
        size_t room = a->top->room * 2;
        a->top = block_new(room > size ? room : size, a->top);
    }
    void *p = a->top->bytes + a->top->used;
    a->top->used += size;
    memset(p, 0, size);
    return p;
}

struct str
arena_copy(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    return str_of(p, s.n);
}

struct str
arena_printf(struct arena *a, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(n >= 0);
    char *p = arena_alloc(a, (size_t)n + 1);
    (void)vsnprintf(p, (size_t)n + 1, format, again); /* measured above */
    va_end(again);
    return str_of(p, (size_t)n);
}

struct strs
arena_copy_strs(struct arena *a, struct strs all)
{
    struct strs out = {NULL, all.n};
    if (all.n > 0)
        out.v = arena_alloc(a, all.n * sizeof(struct str));
    for (size_t i = 0; i < all.n; i++)
        out.v[i] = arena_copy(a, all.v[i]);
    return out;
}

struct strs
arena_split(struct arena *a, struct str text, char sep)
{
    struct str rest = text, word;
    size_t n = 0;
    while (str_cut(&rest, sep, &word))
        n += word.n > 0;
    struct strs out = {n > 0 ? arena_alloc(a, n * sizeof(struct str)) : NULL,
                       0};
    rest = text;
    while (str_cut(&rest, sep, &word))
        if (word.n > 0)
            out.v[out.n++] = word;
    return out;
}

struct str
arena_join(struct arena *a, struct strs all, char sep)
{
    size_t n = 0;
    for (size_t i = 0; i < all.n; i++)
        n += all.v[i].n + 1;
    char *p = arena_alloc(a, n + 1);
    size_t used = 0;
    for (size_t i = 0; i < all.n; i++) {
        if (i > 0)
            p[used++] = sep;
        if (all.v[i].n > 0)
            memcpy(p + used, all.v[i].p, all.v[i].n);
        used += all.v[i].n;
    }
    return str_of(p, used);
}

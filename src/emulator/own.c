#include "emulator/own.h"

#include <stdlib.h>

void *
own_alloc(size_t n)
{
    void *p = calloc(1, n > 0 ? n : 1);
    if (p == NULL)
        abort();
    return p;
}

struct str
own_text(struct str s)
{
    if (s.p == NULL)
        return STR_NONE;
    char *p = own_alloc(s.n + 1);
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    return str_of(p, s.n);
}

void
own_drop(struct str *s)
{
    free((char *)(uintptr_t)s->p);
    *s = STR_NONE;
}

void
own_replace(struct str *old, struct str s)
{
    struct str copy = own_text(s);
    own_drop(old);
    *old = copy;
}

struct strs
own_texts(struct strs all)
{
    struct strs copy = {own_alloc(all.n * sizeof(*all.v)), all.n};
    for (size_t i = 0; i < all.n; i++)
        copy.v[i] = own_text(all.v[i]);
    return copy;
}

void
own_drop_texts(struct strs *all)
{
    for (size_t i = 0; i < all->n; i++)
        own_drop(&all->v[i]);
    free(all->v);
    *all = (struct strs){NULL, 0};
}

void *
own_room(void *array, size_t n, size_t *room, size_t size)
{
    if (n < *room)
        return array;
    *room = *room > 0 ? *room * 2 : 8;
    array = realloc(array, *room * size);
    if (array == NULL)
        abort();
    return array;
}

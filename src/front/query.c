#include "front/query.h"

#include "base/limits.h"
#include "base/text.h"

/* Decoded into the arena, which wipes if its owner wants it to. */
static enum err
decode(struct str text, struct arena *arena, struct str *out)
{
    struct buf auto_buf b;
    buf_init_secret(&b, LIMIT_TARGET);
    enum err e = text_add_unpercent(&b, text, true);
    if (e != ERR_OK)
        return e;
    if (!text_is_clean(buf_str(&b)))
        return ERR_SYNTAX;
    *out = arena_copy(arena, buf_str(&b));
    return ERR_OK;
}

static struct query_field *
find(struct str name, struct query_field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_equal(fields[i].name, name))
            return &fields[i];
    return NULL;
}

static enum err
take_pair(struct str pair, struct arena *arena, struct query_field *fields,
          size_t n)
{
    struct str rest = pair, raw_name, name, value;
    if (!str_cut(&rest, '=', &raw_name))
        return ERR_OK;
    enum err e = decode(raw_name, arena, &name);
    if (e == ERR_OK)
        e = decode(rest, arena, &value);
    if (e != ERR_OK)
        return e;
    struct query_field *f = find(name, fields, n);
    if (f == NULL)
        return ERR_OK;
    if (f->value.p != NULL)
        return ERR_CONFLICT;
    if (value.n > f->max)
        return ERR_LIMIT;
    f->value = value;
    return ERR_OK;
}

enum err
query_take(struct str query, struct arena *arena, struct query_field *fields,
           size_t n)
{
    struct str rest = query, pair;
    for (size_t i = 0; i < n; i++)
        fields[i].value = STR_NONE;
    while (str_cut(&rest, '&', &pair)) {
        enum err e = take_pair(pair, arena, fields, n);
        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}

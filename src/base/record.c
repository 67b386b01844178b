#include "base/record.h"

static void
add_u32(struct buf *out, uint32_t v)
{
    uint8_t b[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8),
                    (uint8_t)v};
    buf_add(out, str_of(b, sizeof(b)));
}

static void
add_u64(struct buf *out, uint64_t v)
{
    add_u32(out, (uint32_t)(v >> 32));
    add_u32(out, (uint32_t)v);
}

static void
add_str(struct buf *out, struct str s)
{
    add_u32(out, (uint32_t)s.n);
    buf_add(out, s);
}

static void
add_strs(struct buf *out, const struct strs *all)
{
    add_u32(out, (uint32_t)all->n);
    for (size_t i = 0; i < all->n; i++)
        add_str(out, all->v[i]);
}

void
record_encode(const struct record *r, const void *from, struct buf *out)
{
    for (size_t i = 0; i < r->n_fields; i++) {
        const struct field *f = &r->fields[i];
        const void *at = (const char *)from + f->offset;
        switch (f->type) {
        case FIELD_BOOL:
            buf_add_char(out, *(const bool *)at ? 1 : 0);
            break;
        case FIELD_U32:
            add_u32(out, *(const uint32_t *)at);
            break;
        case FIELD_U64:
            add_u64(out, *(const uint64_t *)at);
            break;
        case FIELD_I64:
            add_u64(out, (uint64_t) * (const int64_t *)at);
            break;
        case FIELD_STR:
            add_str(out, *(const struct str *)at);
            break;
        case FIELD_HIDDEN:
            add_str(out, ((const struct hidden *)at)->s);
            break;
        case FIELD_STRS:
            add_strs(out, at);
            break;
        }
    }
}

static bool
take(struct str *in, size_t n, struct str *out)
{
    if (in->n < n)
        return false;
    *out = str_of(in->p, n);
    *in = str_of(in->p + n, in->n - n);
    return true;
}

static bool
take_number(struct str *in, size_t width, uint64_t *out)
{
    struct str bytes;
    uint64_t v = 0;
    if (!take(in, width, &bytes))
        return false;
    for (size_t i = 0; i < width; i++)
        v = v << 8 | (uint8_t)bytes.p[i];
    *out = v;
    return true;
}

static bool
take_str(struct str *in, struct str *out)
{
    uint64_t n;
    return take_number(in, 4, &n) && take(in, n, out);
}

static bool
take_strs(struct str *in, struct arena *arena, struct strs *out)
{
    uint64_t n;
    /* Each text costs four bytes at least: a bound before allocating. */
    if (!take_number(in, 4, &n) || n > in->n / 4)
        return false;
    struct strs all = {NULL, n};
    if (n > 0)
        all.v = arena_alloc(arena, n * sizeof(struct str));
    for (size_t i = 0; i < n; i++)
        if (!take_str(in, &all.v[i]))
            return false;
    *out = all;
    return true;
}

static bool
take_field(struct str *in, enum field_type type, struct arena *arena, void *at)
{
    uint64_t v;
    switch (type) {
    case FIELD_BOOL:
        if (!take_number(in, 1, &v) || v > 1)
            return false;
        *(bool *)at = v == 1;
        return true;
    case FIELD_U32:
        if (!take_number(in, 4, &v))
            return false;
        *(uint32_t *)at = (uint32_t)v;
        return true;
    case FIELD_U64:
        return take_number(in, 8, at);
    case FIELD_I64:
        if (!take_number(in, 8, &v))
            return false;
        *(int64_t *)at = (int64_t)v;
        return true;
    case FIELD_STR:
        return take_str(in, at);
    case FIELD_HIDDEN:
        return take_str(in, &((struct hidden *)at)->s);
    case FIELD_STRS:
        return take_strs(in, arena, at);
    }
    return false;
}

static enum err
decode(const struct record *r, struct str bytes, struct arena *arena, void *out,
       bool may_end_early)
{
    struct str in = bytes;
    if (r->size > 0)
        memset(out, 0, r->size);
    for (size_t i = 0; i < r->n_fields; i++) {
        const struct field *f = &r->fields[i];
        if (in.n == 0 && may_end_early)
            return ERR_OK;
        if (!take_field(&in, f->type, arena, (char *)out + f->offset))
            return ERR_SYNTAX;
    }
    return in.n == 0 ? ERR_OK : ERR_SYNTAX;
}

enum err
record_decode(const struct record *r, struct str bytes, struct arena *arena,
              void *out)
{
    return decode(r, bytes, arena, out, false);
}

enum err
record_decode_old(const struct record *r, struct str bytes, struct arena *arena,
                  void *out)
{
    return decode(r, bytes, arena, out, true);
}

void
record_copy(const struct record *r, const void *from, struct arena *arena,
            void *to)
{
    memcpy(to, from, r->size);
    for (size_t i = 0; i < r->n_fields; i++) {
        void *at = (char *)to + r->fields[i].offset;
        enum field_type type = r->fields[i].type;
        if (type == FIELD_STR || type == FIELD_HIDDEN)
            *(struct str *)at = arena_copy(arena, *(struct str *)at);
        else if (type == FIELD_STRS)
            *(struct strs *)at = arena_copy_strs(arena, *(struct strs *)at);
    }
}

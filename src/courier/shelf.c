#include "courier/shelf.h"

#include "base/limits.h"
#include "hubspot/scan.h"

#include <sodium.h>
#include <stdlib.h>

#define DEPTH_MAX 64 /* of what stands beside the events */

struct held {
    uint64_t handle; /* 0: an empty place */
    int64_t until_ms;
    struct buf file;
    struct str *pieces; /* spans of file: events and the commas between */
    uint32_t n_pieces, room;
};

struct shelf {
    struct env *env;
    struct held v[SHELF_FILES];
};

struct shelf *
shelf_new(struct env *env)
{
    struct shelf *s = calloc(1, sizeof(*s));
    if (s == NULL)
        abort(); /* no memory */
    s->env = env;
    return s;
}

static void
drop(struct held *h)
{
    buf_done(&h->file);
    free(h->pieces);
    *h = (struct held){0};
}

void
shelf_free(struct shelf *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < SHELF_FILES; i++)
        drop(&s->v[i]);
    free(s);
}

static void
forget_old(struct shelf *s)
{
    int64_t now = s->env->mono_ms(s->env);
    for (size_t i = 0; i < SHELF_FILES; i++)
        if (s->v[i].handle != 0 && s->v[i].until_ms <= now)
            drop(&s->v[i]);
}

static struct held *
find(struct shelf *s, uint64_t handle)
{
    forget_old(s);
    for (size_t i = 0; i < SHELF_FILES; i++)
        if (s->v[i].handle == handle)
            return &s->v[i];
    return NULL;
}

size_t
shelf_room(struct shelf *s)
{
    size_t n = 0;
    forget_old(s);
    for (size_t i = 0; i < SHELF_FILES; i++)
        n += s->v[i].handle == 0;
    return n;
}

static void
add_piece(struct held *h, struct str piece)
{
    if (h->n_pieces == h->room) {
        h->room = h->room > 0 ? 2 * h->room : 16;
        h->pieces = realloc(h->pieces, h->room * sizeof(*h->pieces));
        if (h->pieces == NULL)
            abort(); /* no memory */
    }
    h->pieces[h->n_pieces++] = piece;
}

/* The piece that grows: from its first event to the end of its last. */
struct growing {
    struct str span;
    size_t n_events;
};

static void
add_event(struct held *h, struct growing *g, struct str event)
{
    struct str both = {g->span.p, 0};
    if (g->n_events > 0)
        both.n = (size_t)(event.p + event.n - g->span.p);
    if (g->n_events == SHELF_EVENTS || both.n > LIMIT_PIECE) {
        add_piece(h, g->span);
        *g = (struct growing){0};
    }
    if (event.n > LIMIT_PIECE) {
        /* No message takes it: it counts as one that cannot be read. */
        add_piece(h, STR("null"));
        return;
    }
    g->span = g->n_events > 0 ? both : event;
    g->n_events++;
}

/* From behind the opening bracket to behind the closing one. */
static enum err
cut_events(struct held *h, struct str *rest)
{
    struct growing g = {0};
    bool is_first = true;
    enum err e;
    while ((e = scan_next(rest, ']', is_first)) == ERR_OK) {
        is_first = false;
        scan_space(rest);
        const char *start = rest->p;
        if (!scan_skip(rest))
            return ERR_SYNTAX;
        add_event(h, &g, str_trim(str_of(start, (size_t)(rest->p - start))));
    }
    if (g.n_events > 0)
        add_piece(h, g.span);
    return e == ERR_CLOSED ? ERR_OK : e;
}

static bool
take(struct str *rest, char c)
{
    scan_space(rest);
    if (rest->n == 0 || rest->p[0] != c)
        return false;
    *rest = str_of(rest->p + 1, rest->n - 1);
    return true;
}

static enum err
cut_file(struct held *h)
{
    struct str rest = buf_str(&h->file), name;
    struct scan_value value;
    bool is_first = true, has_events = false;
    enum err e;
    if (!take(&rest, '{'))
        return ERR_SYNTAX;
    while ((e = scan_next(&rest, '}', is_first)) == ERR_OK) {
        is_first = false;
        if (!scan_name(&rest, &name))
            return ERR_SYNTAX;
        if (!has_events && str_equal(name, STR("journalEvents"))) {
            has_events = true;
            e = take(&rest, '[') ? cut_events(h, &rest) : ERR_SYNTAX;
        } else {
            e = scan_value(&rest, DEPTH_MAX, &value);
        }
        if (e != ERR_OK)
            return ERR_SYNTAX;
    }
    return e == ERR_CLOSED && has_events ? ERR_OK : ERR_SYNTAX;
}

enum err
shelf_put(struct shelf *s, struct buf *file, uint64_t *out_handle,
          uint32_t *out_n_pieces)
{
    struct held *h = find(s, 0);
    if (h == NULL)
        return ERR_LIMIT;
    h->file = *file;
    enum err e = cut_file(h);
    if (e != ERR_OK) {
        h->file = (struct buf){0}; /* still the caller's */
        drop(h);
        return e;
    }
    *file = (struct buf){0};
    *out_n_pieces = h->n_pieces;
    *out_handle = 0;
    if (h->n_pieces == 0) {
        drop(h);
        return ERR_OK;
    }
    /* No other courier's file is taken for this one. */
    while (h->handle == 0)
        randombytes_buf(&h->handle, sizeof(h->handle));
    h->until_ms = s->env->mono_ms(s->env) + SHELF_KEEP_MS;
    *out_handle = h->handle;
    return ERR_OK;
}

enum err
shelf_piece(struct shelf *s, uint64_t handle, uint32_t index, struct buf *out)
{
    struct held *h = handle != 0 ? find(s, handle) : NULL;
    if (h == NULL || index >= h->n_pieces)
        return ERR_NOT_FOUND;
    buf_add_char(out, '[');
    buf_add(out, h->pieces[index]);
    buf_add_char(out, ']');
    if (index + 1 == h->n_pieces)
        drop(h);
    return ERR_OK;
}

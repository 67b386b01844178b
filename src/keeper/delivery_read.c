#include "keeper/delivery_int.h"

#include "keeper/queue.h"

#define PAGE 64 /* parcels of one turn */

struct reading {
    uint64_t scan, n_notes; /* of the window, when the page was asked for */
    bool is_last;
    size_t n_rows;
    struct read_row {
        uint64_t number;
        struct sighting *v;
        size_t n;
    } rows[PAGE];
};

/* What is pending of one parcel. */
static bool
look_at(struct turn *t, struct str app, const struct store_row *row,
        struct read_row *out)
{
    struct arena *a = turn_arena(t);
    struct queue *q = arena_alloc(a, sizeof(*q));
    struct parcel p;
    struct parcel_entry *entries;
    size_t n;
    if (!queue_key_number(row->key, &out->number))
        return false;
    if (!turn_get(t, STORE_EVENTS, parcel_key(a, app, out->number),
                  &parcel_record, &p) ||
        !queue_decode(row->body, a, q) || !parcel_read(&p, a, &entries, &n))
        return false;
    out->v = arena_alloc(a, n * sizeof(*out->v));
    for (size_t i = 0; i < n; i++)
        if (queue_state(q, i) == EVENT_PENDING)
            out->v[out->n++] = (struct sighting){
                .number = out->number,
                .index = (uint8_t)i,
                .is_replay = q->try[i].is_replay,
                .n_attempts = q->try[i].n_attempts,
                .retry_at_ms = q->try[i].retry_at_ms,
                .n_bytes = entries[i].n,
                .objects = entries[i].objects,
                .n_objects = entries[i].n_objects,
            };
    return true;
}

enum err
reading_load(struct turn *t, const struct lane *l, struct reading **out)
{
    struct arena *a = turn_arena(t);
    const struct window *w = &l->window;
    *out = NULL;
    if (!window_wants(w))
        return ERR_OK;
    struct store_ask ask = {.table = STORE_QUEUE,
                            .by = STORE_BY_PREFIX,
                            .key =
                                arena_printf(a, "live/%.*s/", STR_ARG(l->app)),
                            .after = queue_live_key(a, l->app, w->scan),
                            .limit = PAGE};
    const struct store_ask *page = turn_find(t, &ask);
    if (page == NULL)
        return ERR_AGAIN;
    struct reading *r = arena_alloc(a, sizeof(*r));
    r->scan = w->scan;
    r->n_notes = w->n_notes;
    r->is_last = page->n_rows < PAGE;
    for (size_t i = 0; i < page->n_rows; i++)
        if (look_at(t, l->app, &page->rows[i], &r->rows[r->n_rows]))
            r->n_rows++;
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    *out = r;
    return ERR_OK;
}

/* A window that went back meanwhile reads anew, from there. */
void
reading_take(struct lane *l, const struct reading *r)
{
    struct window *w = &l->window;
    if (w->scan != r->scan)
        return;
    for (size_t i = 0; i < r->n_rows; i++) {
        for (size_t n = 0; n < r->rows[i].n; n++)
            window_take(w, &r->rows[i].v[n]);
        if (!window_read_to(w, r->rows[i].number))
            return;
    }
    if (r->is_last && w->n_notes == r->n_notes)
        window_read_all(w);
}

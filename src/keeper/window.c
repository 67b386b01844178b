#include "keeper/window.h"

#include <stdlib.h>

#define BUCKETS 1024

struct object {
    struct object *chain;
    uint8_t hash[OBJECT_HASH];
    struct link *first, *last;
    size_t n;
    uint64_t later_from; /* a parcel with more of it; 0: none was skipped */
    bool is_wanted;      /* the reading goes back for it */
};

void
window_init(struct window *w)
{
    *w = (struct window){.is_more = true, .next_retry_ms = INT64_MAX};
    w->buckets = calloc(BUCKETS, sizeof(*w->buckets));
    if (w->buckets == NULL)
        abort();
}

static struct object **
bucket_of(const struct window *w, const uint8_t *hash)
{
    return &w->buckets[((size_t)hash[0] << 8 | hash[1]) % BUCKETS];
}

static struct object *
object_find(const struct window *w, const uint8_t *hash)
{
    struct object *o = *bucket_of(w, hash);
    while (o != NULL && memcmp(o->hash, hash, OBJECT_HASH) != 0)
        o = o->chain;
    return o;
}

static struct object *
object_get(struct window *w, const uint8_t *hash)
{
    struct object *o = object_find(w, hash);
    if (o != NULL)
        return o;
    o = calloc(1, sizeof(*o));
    if (o == NULL)
        abort();
    memcpy(o->hash, hash, OBJECT_HASH);
    o->chain = *bucket_of(w, hash);
    *bucket_of(w, hash) = o;
    w->n_objects++;
    return o;
}

static void
object_forget_empty(struct window *w, struct object *gone)
{
    if (gone->first != NULL || gone->later_from != 0 || gone->is_wanted)
        return;
    struct object **at = bucket_of(w, gone->hash);
    while (*at != gone)
        at = &(*at)->chain;
    *at = gone->chain;
    w->n_objects--;
    free(gone);
}

static void
unwant(struct window *w, struct object *o)
{
    w->n_wanted -= o->is_wanted;
    o->is_wanted = false;
}

/* Behind an event that failed nobody waits, nor in a long chain. */
static bool
object_is_full(const struct object *o)
{
    return o->n >= WINDOW_CHAIN ||
           (o->first != NULL && o->first->item->n_attempts > 0);
}

static void
list_remove(struct item_list *l, struct item *i)
{
    if (i->prev != NULL)
        i->prev->next = i->next;
    else
        l->first = i->next;
    if (i->next != NULL)
        i->next->prev = i->prev;
    else
        l->last = i->prev;
    l->n--;
}

static bool
is_after(const struct item *a, const struct item *b)
{
    return a->number > b->number ||
           (a->number == b->number && a->index > b->index);
}

static void
list_insert(struct item_list *l, struct item *i)
{
    struct item *before = l->last;
    while (before != NULL && is_after(before, i))
        before = before->prev;
    i->prev = before;
    i->next = before != NULL ? before->next : l->first;
    if (i->next != NULL)
        i->next->prev = i;
    else
        l->last = i;
    if (before != NULL)
        before->next = i;
    else
        l->first = i;
    l->n++;
}

static void
chain_insert(struct object *o, struct link *k)
{
    struct link *before = o->last;
    while (before != NULL && is_after(before->item, k->item))
        before = before->prev;
    k->prev = before;
    k->next = before != NULL ? before->next : o->first;
    if (k->next != NULL)
        k->next->prev = k;
    else
        o->last = k;
    if (before != NULL)
        before->next = k;
    else
        o->first = k;
    o->n++;
}

static void
chain_remove(struct link *k)
{
    struct object *o = k->object;
    if (k->prev != NULL)
        k->prev->next = k->next;
    else
        o->first = k->next;
    if (k->next != NULL)
        k->next->prev = k->prev;
    else
        o->last = k->prev;
    o->n--;
}

static struct item_list *
list_of(struct window *w, const struct item *i)
{
    return i->state == ITEM_RETRY ? &w->retries : &w->order;
}

void
window_done(struct window *w)
{
    for (struct item *i; (i = w->order.first) != NULL; free(i))
        list_remove(&w->order, i);
    for (struct item *i; (i = w->retries.first) != NULL; free(i))
        list_remove(&w->retries, i);
    for (size_t b = 0; b < BUCKETS; b++)
        while (w->buckets[b] != NULL) {
            struct object *o = w->buckets[b];
            w->buckets[b] = o->chain;
            free(o);
        }
    free(w->buckets);
}

bool
window_wants(const struct window *w)
{
    return w->is_more && w->order.n < WINDOW_MAX &&
           w->retries.n < WINDOW_RETRIES && w->n_objects < WINDOW_OBJECTS;
}

/* What is skipped behind that number will be read again. */
static void
want_again(struct window *w, uint64_t number)
{
    for (size_t b = 0; b < BUCKETS; b++)
        for (struct object *o = w->buckets[b]; o != NULL; o = o->chain)
            if (o->later_from > number) {
                o->later_from = 0;
                w->n_wanted += !o->is_wanted;
                o->is_wanted = true;
            }
}

static void
go_back(struct window *w, uint64_t number)
{
    want_again(w, number);
    w->is_more = true;
    if (number < w->scan)
        w->scan = number;
}

void
window_note(struct window *w, uint64_t number)
{
    w->n_notes++;
    w->is_more = true;
    if (number > w->high)
        return;
    if (number > w->must)
        w->must = number;
    if (number <= w->scan)
        go_back(w, number - 1);
}

struct item *
window_find(const struct window *w, uint64_t number, uint8_t index)
{
    struct item *i = w->order.last;
    while (i != NULL && (i->number != number || i->index != index))
        i = i->prev;
    if (i != NULL)
        return i;
    for (i = w->retries.first; i != NULL; i = i->next)
        if (i->number == number && i->index == index)
            return i;
    return NULL;
}

static bool
is_blocked(const struct window *w, const struct sighting *s)
{
    for (size_t n = 0; n < s->n_objects; n++) {
        const struct object *o = object_find(w, s->objects + n * OBJECT_HASH);
        if (o != NULL && (object_is_full(o) ||
                          (o->later_from != 0 && o->later_from <= s->number)))
            return true;
    }
    return false;
}

static void
leave_out(struct window *w, const uint8_t *hash, uint64_t number)
{
    struct object *o = object_get(w, hash);
    if (o->later_from == 0 || number < o->later_from)
        o->later_from = number;
    unwant(w, o);
}

static void
note_retry(struct window *w, int64_t at_ms)
{
    if (at_ms < w->next_retry_ms)
        w->next_retry_ms = at_ms;
}

void
window_take(struct window *w, const struct sighting *s)
{
    if (window_find(w, s->number, s->index) != NULL)
        return;
    if (is_blocked(w, s)) {
        for (size_t n = 0; n < s->n_objects; n++)
            leave_out(w, s->objects + n * OBJECT_HASH, s->number);
        return;
    }
    struct item *i = calloc(1, sizeof(*i) + s->n_objects * sizeof(i->links[0]));
    if (i == NULL)
        abort();
    i->number = s->number;
    i->index = s->index;
    i->is_replay = s->is_replay;
    i->is_single = s->n_attempts > 0;
    i->n_attempts = s->n_attempts;
    i->retry_at_ms = s->retry_at_ms;
    i->n_bytes = s->n_bytes;
    i->n_links = s->n_objects;
    i->state = s->retry_at_ms > 0 ? ITEM_RETRY : ITEM_READY;
    for (size_t n = 0; n < s->n_objects; n++) {
        i->links[n].item = i;
        i->links[n].object = object_get(w, s->objects + n * OBJECT_HASH);
        chain_insert(i->links[n].object, &i->links[n]);
    }
    list_insert(list_of(w, i), i);
    if (i->state == ITEM_RETRY)
        note_retry(w, i->retry_at_ms);
}

bool
window_read_to(struct window *w, uint64_t number)
{
    w->scan = number;
    if (number >= w->high)
        w->high = number;
    if (number >= w->must)
        w->must = 0;
    if (number == w->high || w->n_wanted > 0 || w->must > 0)
        return window_wants(w);
    w->scan = w->high; /* what lies between is here, or skipped with a note */
    return false;
}

void
window_read_all(struct window *w)
{
    if (w->scan < w->high)
        w->scan = w->high;
    w->is_more = false;
    w->must = 0;
    for (size_t b = 0; b < BUCKETS && w->n_wanted > 0; b++)
        for (struct object *o = w->buckets[b], *next; o != NULL; o = next) {
            next = o->chain;
            unwant(w, o);
            object_forget_empty(w, o);
        }
}

const uint8_t *
window_object(const struct item *i, size_t n)
{
    return i->links[n].object->hash;
}

bool
window_is_free(const struct item *i, unsigned request)
{
    for (size_t n = 0; n < i->n_links; n++) {
        const struct link *before = i->links[n].prev;
        if (before != NULL && before->item != i &&
            (request == 0 || before->item->picked != request))
            return false;
    }
    return true;
}

static void
forget(struct window *w, struct item *i)
{
    list_remove(list_of(w, i), i);
    for (size_t n = 0; n < i->n_links; n++)
        chain_remove(&i->links[n]);
}

void
window_drop(struct window *w, struct item *i)
{
    uint64_t back = UINT64_MAX;
    forget(w, i);
    for (size_t n = 0; n < i->n_links; n++) {
        struct object *o = i->links[n].object;
        if (o->later_from != 0 && o->n <= WINDOW_CHAIN / 2 &&
            !object_is_full(o) && o->later_from - 1 < back)
            back = o->later_from - 1;
    }
    if (back != UINT64_MAX)
        go_back(w, back);
    for (size_t n = 0; n < i->n_links; n++)
        object_forget_empty(w, i->links[n].object);
    free(i);
}

/* What waits behind it and was not sent meanwhile, as a replay may be. */
static struct item *
waiting_behind(const struct link *k)
{
    do
        k = k->next;
    while (k != NULL && k->item->state == ITEM_SENT);
    return k != NULL ? k->item : NULL;
}

static void evict(struct window *w, struct item *i);

static void
evict_behind(struct window *w, struct item *i)
{
    for (size_t n = 0; n < i->n_links; n++)
        for (struct item *f; (f = waiting_behind(&i->links[n])) != NULL;)
            evict(w, f);
}

/* Out of the window, to be read again; and with it all that waits for it. */
static void
evict(struct window *w, struct item *i)
{
    evict_behind(w, i);
    forget(w, i);
    for (size_t n = 0; n < i->n_links; n++)
        leave_out(w, i->links[n].object->hash, i->number);
    free(i);
}

void
window_postpone(struct window *w, struct item *i, int64_t at_ms)
{
    evict_behind(w, i);
    list_remove(list_of(w, i), i);
    i->state = ITEM_RETRY;
    i->is_single = true;
    i->retry_at_ms = at_ms;
    list_insert(&w->retries, i);
    note_retry(w, at_ms);
}

void
window_wake(struct window *w, int64_t now_ms, bool is_target_back)
{
    struct item *next;
    if (now_ms < w->next_retry_ms && !is_target_back)
        return;
    w->next_retry_ms = INT64_MAX;
    for (struct item *i = w->retries.first; i != NULL; i = next) {
        next = i->next;
        if (i->retry_at_ms > now_ms &&
            !(is_target_back && i->is_target_fault)) {
            note_retry(w, i->retry_at_ms);
            continue;
        }
        list_remove(&w->retries, i);
        i->state = ITEM_READY;
        list_insert(&w->order, i);
    }
}

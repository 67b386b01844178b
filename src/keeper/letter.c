#include "keeper/letter.h"

#include "keeper/notice.h"
#include "keeper/portals.h"

#include <inttypes.h>

/* Opening a data key is dear; a turn has many events of one portal. */
static struct str
ref_of(struct turn *t, struct str app, uint64_t portal, const struct grant *g)
{
    struct str name =
        arena_printf(turn_arena(t), "ref/%.*s/%" PRIu64, STR_ARG(app), portal);
    struct str *kept = turn_recall(t, name);
    if (kept == NULL) {
        kept = arena_alloc(turn_arena(t), sizeof(*kept));
        *kept = portal_ref(t, app, portal, g);
        turn_remember(t, name, kept);
    }
    return *kept;
}

static enum err
open_sealed(struct turn *t, struct str key, struct letter *l)
{
    const struct parcel *p = &l->parcel;
    struct event_keys keys = {0};
    struct grant g;
    struct data_key row;
    bool has_grant = p->seal == SEALED_BY_GRANT &&
                     grant_load(t, l->app, p->portal, &g, &row);
    enum err e = ERR_OK;
    if (p->seal == SEALED_BY_PARKING)
        e = event_keys_parking(t, l->app, (int64_t)p->key_number, false, &keys);
    /* Names the body's row, too, while others are missing. */
    enum err body = parcel_open_body(t, key, p, &keys, &l->body);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (p->seal != SEALED_BY_GRANT)
        return e != ERR_OK ? e : body;
    if (!has_grant || g.erase_since_ms != 0)
        return ERR_NOT_FOUND;
    e = event_keys_open(t, l->app, p->portal, &g, &keys);
    if (e == ERR_OK)
        e = parcel_open_body(t, key, p, &keys, &l->body);
    if (e == ERR_OK)
        l->ref = ref_of(t, l->app, p->portal, &g);
    return e;
}

static enum err
open_notice(struct turn *t, struct str key, struct letter *l)
{
    struct notice n = {0};
    struct str body;
    enum err e = parcel_open_body(t, key, &l->parcel, NULL, &body);
    if (e == ERR_OK)
        e = notice_read(body, turn_arena(t), &n);
    if (e == ERR_OK) {
        l->ref = n.ref;
        l->body = n.data;
    }
    return e;
}

enum err
letter_open(struct turn *t, struct str app, uint64_t number,
            const struct letter **out)
{
    struct arena *a = turn_arena(t);
    struct str key = parcel_key(a, app, number);
    struct str name = arena_printf(a, "letter/%.*s", STR_ARG(key));
    struct letter *l = turn_recall(t, name);
    if (l != NULL) {
        *out = l;
        return ERR_OK;
    }
    l = arena_alloc(a, sizeof(*l));
    *l = (struct letter){.app = arena_copy(a, app), .number = number};
    if (!turn_get(t, STORE_EVENTS, key, &parcel_record, &l->parcel))
        return turn_is_waiting(t) ? ERR_AGAIN : ERR_NOT_FOUND;
    if (!parcel_read(&l->parcel, a, &l->entries, &l->n))
        return ERR_CRYPTO;
    enum err e = l->parcel.seal == SEALED_BY_MASTER ? open_notice(t, key, l)
                                                    : open_sealed(t, key, l);
    if (e != ERR_OK)
        return e;
    turn_remember(t, name, l);
    *out = l;
    return ERR_OK;
}

bool
letter_is_erased(const struct letter *l, size_t index)
{
    return index >= l->n || l->entries[index].is_erased;
}

static void
add_content(struct doc *d, const struct letter *l, const struct parcel_entry *e)
{
    bool is_inside = e->at <= l->body.n && e->n <= l->body.n - e->at;
    struct str bytes = is_inside ? str_of(l->body.p + e->at, e->n) : STR_NONE;
    if (l->parcel.kind == PARCEL_UNREADABLE) {
        doc_field_str(d, "unreadable", bytes);
    } else if (l->parcel.kind != PARCEL_HUBSPOT) {
        doc_key(d, "data");
        doc_json(d, l->body.n > 0 ? l->body : STR("{}"));
    } else {
        doc_key(d, "event");
        doc_json(d, bytes.n > 0 ? bytes : STR("null"));
    }
}

void
letter_add(struct doc *d, const struct letter *l, size_t index)
{
    const struct parcel_entry *e = &l->entries[index];
    struct buf auto_buf text = {0};
    buf_init(&text, 32);
    buf_addf(&text, "evt_%016" PRIx64 "_%02zx", l->number, index);
    doc_open(d, '{');
    doc_field_str(d, "type", parcel_kind_name(l->parcel.kind));
    doc_field_str(d, "id", buf_str(&text));
    doc_field_time(d, "occurred_at", e->occurred_at_ms / 1000);
    doc_field_str(d, "app", l->app);
    doc_field_u64(d, "portal", l->parcel.portal);
    if (l->ref.n > 0)
        doc_field_str(d, "ref", l->ref);
    doc_field_str(d, "source", parcel_source_name(l->parcel.source));
    if (!e->is_erased)
        add_content(d, l, e);
}

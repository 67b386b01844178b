#include "emulator/crm.h"

#include "base/buf.h"
#include "emulator/crm_seed.h"
#include "emulator/hubdoc.h"
#include "emulator/own.h"
#include "emulator/world.h"

#include <inttypes.h>
#include <stdlib.h>

struct crm *
crm_new(void)
{
    return own_alloc(sizeof(struct crm));
}

static void
record_free(struct record *r)
{
    for (size_t i = 0; i < CRM_MOST_PROPERTIES; i++)
        own_drop(&r->values[i]);
    free(r->links);
    free(r);
}

void
crm_free(struct crm *crm)
{
    if (crm == NULL)
        return;
    for (size_t kind = 0; kind < CRM_KINDS; kind++) {
        struct crm_table *t = &crm->tables[kind];
        for (size_t i = 0; i < t->n; i++)
            record_free(t->v[i]);
        free(t->v);
        map_done(&t->by_id);
        for (size_t i = 0; i < CRM_MOST_PROPERTIES; i++)
            map_done(&t->by_value[i]);
    }
    free(crm);
}

struct crm *
crm_of(struct world *w, struct account *a)
{
    if (a->crm == NULL) {
        a->crm = crm_new();
        crm_seed(a->crm, w->seed ^ a->portal, a->domain);
    }
    return a->crm;
}

struct record *
crm_find(const struct crm *crm, enum crm_kind kind, uint64_t id)
{
    return map_get(&crm->tables[kind].by_id, map_key(&id));
}

struct record *
crm_find_value(const struct crm *crm, const struct crm_type *type,
               size_t property, struct str value)
{
    return map_get(&crm->tables[type->kind].by_value[property], value);
}

static void
set_value(struct crm_table *t, struct record *r, size_t property,
          struct str value)
{
    bool is_unique = crm_type_of(r->kind)->properties[property].is_unique;
    if (is_unique && r->values[property].p != NULL)
        map_take(&t->by_value[property], r->values[property]);
    own_replace(&r->values[property], value.n > 0 ? value : STR_NONE);
    if (is_unique && value.n > 0)
        map_put(&t->by_value[property], r->values[property], r);
}

static void
set_values(struct crm *crm, struct record *r, const struct crm_values *values)
{
    for (size_t i = 0; i < CRM_MOST_PROPERTIES; i++) {
        if (values->has[i])
            set_value(&crm->tables[r->kind], r, i, values->v[i]);
    }
}

struct record *
crm_create(struct crm *crm, const struct crm_type *type, uint64_t id,
           const struct crm_values *values, int64_t now_ms)
{
    struct crm_table *t = &crm->tables[type->kind];
    struct record *r = own_alloc(sizeof(*r));
    if (id > crm->last_id)
        crm->last_id = id;
    *r = (struct record){.id = id != 0 ? id : ++crm->last_id,
                         .kind = type->kind,
                         .created_at_ms = now_ms,
                         .updated_at_ms = now_ms};
    t->v = own_room(t->v, t->n, &t->room, sizeof(*t->v));
    t->v[t->n++] = r;
    map_put(&t->by_id, map_key(&r->id), r);
    set_values(crm, r, values);
    return r;
}

void
crm_update(struct crm *crm, struct record *r, const struct crm_values *values,
           int64_t now_ms)
{
    set_values(crm, r, values);
    r->updated_at_ms = now_ms;
}

/* Neither its values nor its links stand in anybody's way any more. */
static void
detach(struct crm *crm, struct record *r)
{
    const struct crm_type *type = crm_type_of(r->kind);
    struct crm_table *t = &crm->tables[r->kind];
    for (size_t i = 0; i < type->n_properties; i++) {
        if (type->properties[i].is_unique && r->values[i].p != NULL)
            map_take(&t->by_value[i], r->values[i]);
    }
    while (r->n_links > 0) {
        struct link l = r->links[0];
        struct record *other = crm_find(crm, l.kind, l.id);
        crm_disconnect(r, other);
    }
}

void
crm_archive(struct crm *crm, struct record *r, int64_t now_ms)
{
    if (r->archived_at_ms != 0)
        return;
    detach(crm, r);
    r->archived_at_ms = r->updated_at_ms = now_ms;
}

void
crm_purge(struct crm *crm, struct record *r)
{
    struct crm_table *t = &crm->tables[r->kind];
    if (r->archived_at_ms == 0)
        detach(crm, r);
    size_t at = 0;
    while (t->v[at] != r)
        at++;
    memmove(t->v + at, t->v + at + 1, (t->n - at - 1) * sizeof(*t->v));
    t->n--;
    map_take(&t->by_id, map_key(&r->id));
    record_free(r);
}

static size_t
link_at(const struct record *a, const struct record *b)
{
    size_t i = 0;
    while (i < a->n_links &&
           (a->links[i].kind != b->kind || a->links[i].id != b->id))
        i++;
    return i;
}

bool
crm_is_connected(const struct record *a, const struct record *b)
{
    return link_at(a, b) < a->n_links;
}

static void
add_link(struct record *a, const struct record *b)
{
    if (crm_is_connected(a, b))
        return;
    a->links =
        own_room(a->links, a->n_links, &a->links_room, sizeof(*a->links));
    a->links[a->n_links++] = (struct link){b->kind, b->id};
}

static void
take_link(struct record *a, const struct record *b)
{
    size_t i = link_at(a, b);
    if (i == a->n_links)
        return;
    a->n_links--;
    memmove(a->links + i, a->links + i + 1,
            (a->n_links - i) * sizeof(*a->links));
}

void
crm_connect(struct record *a, struct record *b)
{
    add_link(a, b);
    add_link(b, a);
}

void
crm_disconnect(struct record *a, struct record *b)
{
    take_link(a, b);
    take_link(b, a);
}

static struct str
time_text(int64_t unix_ms, struct arena *arena)
{
    struct buf auto_buf text;
    buf_init(&text, 64);
    hubdoc_add_time(&text, unix_ms);
    return arena_copy(arena, buf_str(&text));
}

struct str
crm_value(const struct record *r, size_t property, struct arena *arena)
{
    const struct crm_type *type = crm_type_of(r->kind);
    struct str name = str_from(type->properties[property].name);
    if (!type->properties[property].is_read_only)
        return r->values[property];
    if (str_equal(name, STR("hs_object_id")))
        return arena_printf(arena, "%" PRIu64, r->id);
    if (str_equal(name, STR("createdate")))
        return time_text(r->created_at_ms, arena);
    return time_text(r->updated_at_ms, arena);
}

#include "emulator/crm_merge.h"

#include "emulator/crm_input.h"
#include "emulator/crm_view.h"
#include "emulator/news.h"
#include "emulator/refusals.h"

struct merge {
    struct call *c;
    const struct crm_type *type;
    struct record *primary, *other;
    struct crm_values values;
    uint64_t n_moved; /* values that only the other one had */
};

/* False: answered. */
static bool
read_merge(struct merge *m, const json_t *body)
{
    struct crm_error e = {0};
    m->primary =
        crm_input_record(m->c, m->type, json_text_at(body, "primaryObjectId"),
                         STR_NONE, false, &e);
    m->other = m->primary == NULL
                   ? NULL
                   : crm_input_record(m->c, m->type,
                                      json_text_at(body, "objectIdToMerge"),
                                      STR_NONE, false, &e);
    if (m->other == NULL)
        crm_error_answer(m->c, &e);
    else if (m->other == m->primary)
        refuse(m->c, 400, STR("VALIDATION_ERROR"),
               STR("A record cannot be merged with itself."));
    return m->other != NULL && m->other != m->primary;
}

static void
collect_values(struct merge *m)
{
    for (size_t i = 0; i < m->type->n_properties; i++) {
        struct str mine = m->primary->values[i], other = m->other->values[i];
        m->values.has[i] = mine.p != NULL || other.p != NULL;
        m->values.v[i] = arena_copy(m->c->arena, mine.p != NULL ? mine : other);
        m->n_moved += mine.p == NULL && other.p != NULL;
    }
}

/* Both records' links, taken before archiving takes them away. */
static struct link *
collect_links(struct merge *m, size_t *out_n)
{
    const struct record *from[] = {m->primary, m->other};
    size_t n = 0;
    struct link *all = arena_alloc(
        m->c->arena, (from[0]->n_links + from[1]->n_links) * sizeof(*all));
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < from[k]->n_links; i++)
            all[n++] = from[k]->links[i];
    }
    *out_n = n;
    return all;
}

static struct record *
make(struct merge *m)
{
    struct crm *crm = crm_of_call(m->c);
    int64_t now_ms = world_now_ms(m->c->world);
    size_t n;
    struct link *links = collect_links(m, &n);
    collect_values(m);
    crm_archive(crm, m->primary, now_ms);
    crm_archive(crm, m->other, now_ms);
    struct record *r = crm_create(crm, m->type, 0, &m->values, now_ms);
    for (size_t i = 0; i < n; i++) {
        struct record *other = crm_find(crm, links[i].kind, links[i].id);
        if (other != NULL && other->archived_at_ms == 0)
            crm_connect(r, other);
    }
    return r;
}

void
do_merge(struct call *c)
{
    struct merge m = {.c = c, .type = crm_type_of_call(c)};
    json_t *body = call_json(c);
    if (body == NULL || !read_merge(&m, body))
        return;
    struct record *r = make(&m);
    struct happening h = {
        .kind = HAPPENING_MERGE,
        .portal = c->portal,
        .type = m.type,
        .object_id = r->id,
        .at_ms = world_now_ms(c->world),
        .event_id = news_event_id(c->world, c->portal),
        .source = STR("INTEGRATION"),
        .merged = &m.other->id,
        .n_merged = 1,
        .primary_id = m.primary->id,
        .new_id = r->id,
        .n_moved = m.n_moved,
    };
    news_tell(c->world, &h);
    struct crm_view view = crm_view_full(m.type, r);
    struct doc d = call_answer_json(c, 200);
    crm_view_add(&view, r, &d);
}

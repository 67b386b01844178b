#include "emulator/crm_links.h"

#include "emulator/crm_input.h"
#include "emulator/crm_view.h"
#include "emulator/door.h"
#include "emulator/hubdoc.h"
#include "emulator/news.h"
#include "emulator/refusals.h"

struct pair {
    const struct crm_type *from_type, *to_type;
    struct record *from, *to;
};

/* The types of the path, and the record that it begins with. */
static bool
read_from(struct call *c, bool is_writing, struct pair *out)
{
    struct crm_error e = {0};
    out->from_type = crm_type_of_call(c);
    out->to_type = crm_type_find(c->params[2]);
    if (out->to_type == NULL) {
        refuse_unknown_path(c);
        return false;
    }
    if (!door_has_scope(c, out->to_type, is_writing))
        return false;
    out->from =
        crm_input_record(c, out->from_type, c->params[1], STR_NONE, false, &e);
    if (out->from == NULL)
        crm_error_answer(c, &e);
    return out->from != NULL;
}

static bool
read_pair(struct call *c, struct pair *out)
{
    struct crm_error e = {0};
    if (!read_from(c, true, out))
        return false;
    out->to =
        crm_input_record(c, out->to_type, c->params[3], STR_NONE, false, &e);
    if (out->to == NULL)
        crm_error_answer(c, &e);
    return out->to != NULL;
}

static void
connect(struct call *c, const struct pair *p)
{
    if (crm_is_connected(p->from, p->to))
        return;
    crm_connect(p->from, p->to);
    news_link(c, p->from, p->to, false);
}

static void
disconnect(struct call *c, const struct pair *p)
{
    if (!crm_is_connected(p->from, p->to))
        return;
    crm_disconnect(p->from, p->to);
    news_link(c, p->from, p->to, true);
}

static void
add_type(const struct pair *p, struct doc *d)
{
    doc_open(d, '{');
    doc_field_str(d, "category", STR("HUBSPOT_DEFINED"));
    doc_field_u64(d, "typeId",
                  happening_link_type(p->from_type->kind, p->to_type->kind));
    doc_key(d, "label");
    doc_null(d);
    doc_close(d, '}');
}

/* Ids are texts here as the SDKs of 2026 have them; older ones had numbers. */
static void
add_v4(struct arena *arena, const struct pair *p, uint64_t id, struct doc *d)
{
    (void)arena; /* nothing is made up */
    doc_open(d, '{');
    hubdoc_id(d, "toObjectId", id);
    doc_key(d, "associationTypes");
    doc_open(d, '[');
    add_type(p, d);
    doc_close(d, ']');
    doc_close(d, '}');
}

static void
add_v3(struct arena *arena, const struct pair *p, uint64_t id, struct doc *d)
{
    doc_open(d, '{');
    hubdoc_id(d, "id", id);
    doc_field_str(d, "type",
                  crm_link_name(p->from_type->kind, p->to_type->kind, arena));
    doc_close(d, '}');
}

static void
answer_links(struct call *c, void (*add)(struct arena *, const struct pair *,
                                         uint64_t id, struct doc *))
{
    struct pair p;
    if (!read_from(c, false, &p))
        return;
    struct doc d = call_answer_json(c, 200);
    doc_open(&d, '{');
    doc_key(&d, "results");
    doc_open(&d, '[');
    for (size_t i = 0; i < p.from->n_links; i++) {
        if (p.from->links[i].kind == p.to_type->kind)
            add(c->arena, &p, p.from->links[i].id, &d);
    }
    doc_close(&d, ']');
    doc_close(&d, '}');
}

void
do_links(struct call *c)
{
    answer_links(c, add_v4);
}

void
do_v3_links(struct call *c)
{
    answer_links(c, add_v3);
}

static void
add_side(struct doc *d, const char *name, uint64_t id)
{
    doc_key(d, name);
    doc_open(d, '{');
    hubdoc_id(d, "id", id);
    doc_close(d, '}');
}

static void
add_direction(struct doc *d, const struct record *from, const struct record *to)
{
    doc_open(d, '{');
    add_side(d, "from", from->id);
    add_side(d, "to", to->id);
    doc_key(d, "associationSpec");
    doc_open(d, '{');
    doc_field_str(d, "associationCategory", STR("HUBSPOT_DEFINED"));
    doc_field_u64(d, "associationTypeId",
                  happening_link_type(from->kind, to->kind));
    doc_close(d, '}');
    doc_close(d, '}');
}

void
do_link_default(struct call *c)
{
    struct pair p;
    if (!read_pair(c, &p))
        return;
    connect(c, &p);
    struct doc d = call_answer_json(c, 200);
    doc_open(&d, '{');
    doc_field_str(&d, "status", STR("COMPLETE"));
    doc_key(&d, "results");
    doc_open(&d, '[');
    add_direction(&d, p.from, p.to);
    add_direction(&d, p.to, p.from);
    doc_close(&d, ']');
    hubdoc_time(&d, "startedAt", world_now_ms(c->world));
    hubdoc_time(&d, "completedAt", world_now_ms(c->world));
    doc_close(&d, '}');
}

void
do_link(struct call *c)
{
    struct pair p;
    if (!read_pair(c, &p))
        return;
    connect(c, &p);
    struct doc d = call_answer_json(c, 201);
    doc_open(&d, '{');
    doc_field_str(&d, "fromObjectTypeId", str_from(p.from_type->type_id));
    hubdoc_id(&d, "fromObjectId", p.from->id);
    doc_field_str(&d, "toObjectTypeId", str_from(p.to_type->type_id));
    hubdoc_id(&d, "toObjectId", p.to->id);
    doc_field_strs(&d, "labels", (struct strs){NULL, 0});
    doc_close(&d, '}');
}

void
do_unlink(struct call *c)
{
    struct pair p;
    if (!read_pair(c, &p))
        return;
    disconnect(c, &p);
    call_answer_empty(c, 204);
}

void
do_v3_link(struct call *c)
{
    struct pair p;
    if (!read_pair(c, &p))
        return;
    connect(c, &p);
    struct crm_view view = crm_view_of_query(c, p.from_type);
    view.shows_links[p.to_type->kind] = true;
    struct doc d = call_answer_json(c, 200);
    crm_view_add(&view, p.from, &d);
}

#include "emulator/crm_objects.h"

#include "base/text.h"
#include "emulator/crm_view.h"
#include "emulator/hubdoc.h"
#include "emulator/news.h"
#include "emulator/refusals.h"

#include <inttypes.h>

#define LIST_DEFAULT 10
#define LIST_MOST 100

/* False: the number is none, or too high; answered. */
static bool
read_limit(struct call *c, uint64_t *out)
{
    struct str text = call_query(c, "limit");
    *out = LIST_DEFAULT;
    if (text.p == NULL ||
        (str_to_u64(text, out) && *out > 0 && *out <= LIST_MOST))
        return true;
    refuse(c, 400, STR("VALIDATION_ERROR"),
           arena_printf(c->arena, "limit must be from 1 to %d", LIST_MOST));
    return false;
}

/* The place of the first record behind the id. */
static size_t
place_after(const struct crm_table *t, uint64_t id)
{
    size_t low = 0, high = t->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (t->v[middle]->id <= id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The query of this call, but with another place to go on from. */
static void
add_paging(struct call *c, uint64_t after, struct doc *d)
{
    struct buf auto_buf link;
    struct str rest = c->query, pair;
    buf_init(&link, LIMIT_URL * 2);
    buf_add(&link, c->world->origin);
    buf_add(&link, c->path);
    buf_addf(&link, "?after=%" PRIu64, after);
    while (str_cut(&rest, '&', &pair)) {
        if (str_starts(pair, STR("after=")) || pair.n == 0)
            continue;
        buf_add_char(&link, '&');
        buf_add(&link, pair);
    }
    doc_key(d, "paging");
    doc_open(d, '{');
    doc_key(d, "next");
    doc_open(d, '{');
    hubdoc_id(d, "after", after);
    doc_field_str(d, "link", buf_str(&link));
    doc_close(d, '}');
    doc_close(d, '}');
}

void
do_list(struct call *c)
{
    const struct crm_type *type = crm_type_of_call(c);
    const struct crm_table *t = &crm_of_call(c)->tables[type->kind];
    struct crm_view view = crm_view_of_query(c, type);
    bool wants_archived = str_equal(call_query(c, "archived"), STR("true"));
    uint64_t limit, after = 0, n = 0;
    struct str start = call_query(c, "after");
    if (!read_limit(c, &limit))
        return;
    if (start.n > 0 && !str_to_u64(start, &after)) {
        refuse(c, 400, STR("VALIDATION_ERROR"),
               STR("after must be what paging.next.after said"));
        return;
    }
    struct doc d = call_answer_json(c, 200);
    doc_open(&d, '{');
    doc_key(&d, "results");
    doc_open(&d, '[');
    size_t i = place_after(t, after);
    for (; i < t->n; i++) {
        if ((t->v[i]->archived_at_ms != 0) != wants_archived)
            continue;
        if (n == limit)
            break; /* so there is a next page, and it is not empty */
        crm_view_add(&view, t->v[i], &d);
        after = t->v[i]->id;
        n++;
    }
    doc_close(&d, ']');
    if (i < t->n)
        add_paging(c, after, &d);
    doc_close(&d, '}');
}

static void
answer_record(struct call *c, unsigned status, const struct crm_view *view,
              const struct record *r)
{
    struct doc d = call_answer_json(c, status);
    crm_view_add(view, r, &d);
}

/* {"to":{"id"},"types":[...]}: what the new record is connected to. */
static struct record *
read_target(struct call *c, const json_t *association,
            struct crm_error *out_error)
{
    /* Each type of association belongs to one pair of kinds. */
    static const struct {
        uint64_t type_id;
        enum crm_kind to;
    } known[] = {
        {279, CRM_COMPANY}, {1, CRM_COMPANY},   {4, CRM_DEAL},
        {280, CRM_CONTACT}, {2, CRM_CONTACT},   {342, CRM_DEAL},
        {6, CRM_DEAL},      {3, CRM_CONTACT},   {341, CRM_COMPANY},
        {5, CRM_COMPANY},   {449, CRM_CONTACT}, {450, CRM_COMPANY},
        {451, CRM_DEAL},
    };
    const json_t *types = json_object_get(association, "types");
    const json_t *to = json_object_get(association, "to");
    uint64_t type_id =
        json_u64_at(json_array_get(types, 0), "associationTypeId", 0);
    uint64_t id = json_u64_at(to, "id", 0);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].type_id != type_id)
            continue;
        struct record *r = crm_find(crm_of_call(c), known[i].to, id);
        if (r != NULL && r->archived_at_ms == 0)
            return r;
    }
    *out_error =
        crm_error_of(400, STR("VALIDATION_ERROR"),
                     arena_printf(c->arena,
                                  "No record %" PRIu64
                                  " can be associated by the type %" PRIu64,
                                  id, type_id));
    return NULL;
}

struct record *
crm_create_from(struct call *c, const struct crm_type *type,
                const json_t *input, struct crm_error *out_error)
{
    struct crm_values values;
    const json_t *list = json_object_get(input, "associations");
    size_t n = json_array_size(list);
    struct record **targets = arena_alloc(c->arena, n * sizeof(*targets));
    if (!crm_input_values(c, type, input, &values, out_error) ||
        crm_input_conflicts(c, type, &values, NULL, out_error))
        return NULL;
    for (size_t i = 0; i < n; i++) {
        targets[i] = read_target(c, json_array_get(list, i), out_error);
        if (targets[i] == NULL)
            return NULL;
    }
    struct record *r =
        crm_create(crm_of_call(c), type, 0, &values, world_now_ms(c->world));
    news_record(c, HAPPENING_CREATION, r);
    news_values(c, r, &values);
    for (size_t i = 0; i < n; i++) {
        crm_connect(r, targets[i]);
        news_link(c, r, targets[i], false);
    }
    return r;
}

struct record *
crm_update_from(struct call *c, const struct crm_type *type, struct record *r,
                const json_t *input, struct crm_error *out_error)
{
    struct crm_values values;
    if (!crm_input_values(c, type, input, &values, out_error) ||
        crm_input_conflicts(c, type, &values, r, out_error))
        return NULL;
    crm_update(crm_of_call(c), r, &values, world_now_ms(c->world));
    news_values(c, r, &values);
    return r;
}

void
do_create(struct call *c)
{
    const struct crm_type *type = crm_type_of_call(c);
    struct crm_error e = {0};
    json_t *body = call_json(c);
    if (body == NULL)
        return;
    struct record *r = crm_create_from(c, type, body, &e);
    if (r == NULL) {
        crm_error_answer(c, &e);
        return;
    }
    struct crm_view view = crm_view_full(type, r);
    answer_record(c, 201, &view, r);
}

/* The record of the path; NULL: answered. */
static struct record *
record_of_path(struct call *c, bool is_archived_fine)
{
    struct crm_error e = {0};
    struct record *r =
        crm_input_record(c, crm_type_of_call(c), c->params[1],
                         call_query(c, "idProperty"), is_archived_fine, &e);
    if (r == NULL)
        crm_error_answer(c, &e);
    return r;
}

void
do_read(struct call *c)
{
    bool wants_archived = str_equal(call_query(c, "archived"), STR("true"));
    struct record *r = record_of_path(c, wants_archived);
    if (r == NULL)
        return;
    struct crm_view view = crm_view_of_query(c, crm_type_of_call(c));
    answer_record(c, 200, &view, r);
}

void
do_update(struct call *c)
{
    const struct crm_type *type = crm_type_of_call(c);
    struct crm_error e = {0};
    json_t *body = call_json(c);
    struct record *r = body != NULL ? record_of_path(c, false) : NULL;
    if (r == NULL)
        return;
    if (crm_update_from(c, type, r, body, &e) == NULL) {
        crm_error_answer(c, &e);
        return;
    }
    struct crm_view view = crm_view_full(type, r);
    answer_record(c, 200, &view, r);
}

void
crm_delete(struct call *c, struct record *r)
{
    if (r->archived_at_ms != 0)
        return;
    crm_archive(crm_of_call(c), r, world_now_ms(c->world));
    news_record(c, HAPPENING_DELETION, r);
}

/* hubspot.md 5.3: both events, in no fixed order. */
void
crm_erase(struct call *c, struct crm *crm, struct record *r)
{
    bool is_first = world_draw(c->world) % 2 == 0;
    if (is_first)
        news_record(c, HAPPENING_DELETION, r);
    news_record(c, HAPPENING_PRIVACY, r);
    if (!is_first)
        news_record(c, HAPPENING_DELETION, r);
    crm_purge(crm, r);
}

void
do_archive(struct call *c)
{
    struct record *r = record_of_path(c, true);
    if (r == NULL)
        return;
    crm_delete(c, r);
    call_answer_empty(c, 204);
}

void
do_gdpr_delete(struct call *c)
{
    struct crm_error e = {0};
    json_t *body = call_json(c);
    if (body == NULL)
        return;
    struct record *r =
        crm_input_record(c, crm_type_of_call(c), json_text_at(body, "objectId"),
                         json_text_at(body, "idProperty"), true, &e);
    /* One that never existed is as good as deleted. */
    if (r != NULL)
        crm_erase(c, crm_of_call(c), r);
    call_answer_empty(c, 204);
}

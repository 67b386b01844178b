#include "emulator/crm_search.h"

#include "emulator/crm_filter.h"
#include "emulator/crm_input.h"
#include "emulator/crm_view.h"
#include "emulator/hubdoc.h"
#include "emulator/refusals.h"

#define PAGE_DEFAULT 10
#define PAGE_MOST 200
#define RESULTS_MOST 10000

struct search {
    const struct crm_type *type;
    struct crm_filter filter;
    size_t sort_by; /* a property; CRM_MOST_PROPERTIES: none, by id */
    bool is_descending;
    uint64_t limit, after;
    struct record **found;
    size_t n;
};

/* {"propertyName","direction"}, or the name alone with - for downwards. */
static bool
read_sort(const json_t *body, struct search *s)
{
    const json_t *first = json_array_get(json_object_get(body, "sorts"), 0);
    struct str name = json_text_at(first, "propertyName");
    s->sort_by = CRM_MOST_PROPERTIES;
    if (first == NULL)
        return true;
    if (json_is_string(first))
        name = str_of(json_string_value(first), json_string_length(first));
    s->is_descending =
        str_equal(json_text_at(first, "direction"), STR("DESCENDING"));
    if (str_starts(name, STR("-"))) {
        s->is_descending = true;
        name = str_of(name.p + 1, name.n - 1);
    }
    const struct crm_property *p = crm_property_find(s->type, name);
    if (p == NULL)
        return false;
    s->sort_by = crm_property_index(s->type, p);
    return true;
}

/* Why the search cannot be done; p NULL when it can. */
static struct str
read_search(struct call *c, const json_t *body, struct search *s)
{
    struct str why = STR_NONE;
    *s = (struct search){.type = crm_type_of_call(c)};
    if (crm_filter_read(s->type, body, c->arena, &s->filter, &why) != ERR_OK)
        return why;
    if (!read_sort(body, s))
        return STR("A search can be sorted by an existing property only");
    s->limit = json_u64_at(body, "limit", PAGE_DEFAULT);
    s->after = json_u64_at(body, "after", 0);
    if (s->limit == 0)
        s->limit = PAGE_DEFAULT;
    if (s->limit > PAGE_MOST)
        return STR("limit must not be over 200");
    if (s->after >= RESULTS_MOST || s->after + s->limit > RESULTS_MOST)
        return STR("A search gives the first 10,000 results only");
    return STR_NONE;
}

static bool
comes_before(const struct search *s, const struct record *a,
             const struct record *b, struct arena *arena)
{
    int by = crm_filter_compare(s->type, s->sort_by, a, b, arena);
    return s->is_descending ? by > 0 : by <= 0;
}

/* Merges two sorted halves; records that compare equal keep their order. */
static void
sort(const struct search *s, struct record **v, struct record **spare, size_t n,
     struct arena *arena)
{
    if (n < 2)
        return;
    size_t half = n / 2, i = 0, j = half;
    sort(s, v, spare, half, arena);
    sort(s, v + half, spare, n - half, arena);
    memcpy(spare, v, n * sizeof(*v));
    for (size_t k = 0; k < n; k++) {
        bool takes_left =
            j == n || (i < half && comes_before(s, spare[i], spare[j], arena));
        v[k] = takes_left ? spare[i++] : spare[j++];
    }
}

static void
find_all(struct call *c, struct search *s)
{
    const struct crm_table *t = &crm_of_call(c)->tables[s->type->kind];
    s->found = arena_alloc(c->arena, t->n * sizeof(*s->found));
    for (size_t i = 0; i < t->n; i++) {
        if (crm_filter_holds(&s->filter, t->v[i], c->arena))
            s->found[s->n++] = t->v[i];
    }
    if (s->sort_by < CRM_MOST_PROPERTIES)
        sort(s, s->found, arena_alloc(c->arena, s->n * sizeof(*s->found)), s->n,
             c->arena);
}

void
do_search(struct call *c)
{
    struct search s;
    json_t *body = call_json(c);
    if (body == NULL)
        return;
    struct str why = read_search(c, body, &s);
    if (why.p != NULL) {
        refuse(c, 400, STR("VALIDATION_ERROR"), why);
        return;
    }
    struct crm_view view = crm_view_of_body(c, s.type, body);
    find_all(c, &s);
    uint64_t end = s.after + s.limit < s.n ? s.after + s.limit : s.n;
    struct doc d = call_answer_json(c, 200);
    doc_open(&d, '{');
    doc_field_u64(&d, "total", s.n);
    doc_key(&d, "results");
    doc_open(&d, '[');
    for (uint64_t i = s.after; i < end; i++)
        crm_view_add(&view, s.found[i], &d);
    doc_close(&d, ']');
    if (end < s.n) {
        doc_key(&d, "paging");
        doc_open(&d, '{');
        doc_key(&d, "next");
        doc_open(&d, '{');
        hubdoc_id(&d, "after", end);
        doc_close(&d, '}');
        doc_close(&d, '}');
    }
    doc_close(&d, '}');
}

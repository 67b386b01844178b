#include "emulator/journal.h"

#include "emulator/call.h"
#include "emulator/hubdoc.h"
#include "emulator/own.h"
#include "emulator/world.h"

#include <stdlib.h>

static void
file_free(struct journal_file *f)
{
    for (size_t i = 0; i < f->n; i++)
        own_drop(&f->events[i].json);
    free(f->events);
    own_drop(&f->offset);
    free(f);
}

void
journals_done(struct journals *all)
{
    for (size_t i = 0; i < all->n; i++) {
        struct journal *j = all->v[i];
        for (size_t k = 0; k < j->n; k++)
            file_free(j->files[k]);
        free(j->files);
        journal_subscriptions_done(&j->subscriptions);
        journal_filters_done(&j->filters);
        own_drop(&j->client_id);
        free(j);
    }
    free(all->v);
    *all = (struct journals){0};
}

struct journal *
journal_of(struct world *w, struct str client_id)
{
    struct journals *all = &w->journals;
    for (size_t i = 0; i < all->n; i++) {
        if (str_equal(all->v[i]->client_id, client_id))
            return all->v[i];
    }
    struct journal *j = own_alloc(sizeof(*j));
    j->client_id = own_text(client_id);
    all->v = own_room(all->v, all->n, &all->room, sizeof(*all->v));
    all->v[all->n++] = j;
    return j;
}

static struct journal_file *
add_file(struct journal *j, struct str offset, int64_t at_ms)
{
    struct journal_file *f = own_alloc(sizeof(*f));
    *f = (struct journal_file){
        .offset = own_text(offset), .at_ms = at_ms, .is_open = true};
    j->files = own_room(j->files, j->n, &j->room, sizeof(*j->files));
    j->files[j->n++] = f;
    return f;
}

static void
add_event(struct journal_file *f, uint64_t portal, struct str json)
{
    f->events = own_room(f->events, f->n, &f->room, sizeof(*f->events));
    f->events[f->n++] = (struct journal_event){portal, own_text(json)};
}

void
journal_add(struct world *w, struct journal *j, uint64_t portal,
            struct str json)
{
    struct journal_file *f = j->n > 0 ? j->files[j->n - 1] : NULL;
    if (f == NULL || !f->is_open) {
        struct arena *arena = arena_new();
        f = add_file(j, world_uuid(w, arena), world_now_ms(w));
        arena_free(arena);
    }
    add_event(f, portal, json);
    f->is_open = f->n < (size_t)w->settings.journal_file_events;
}

/* The record that it happened to; NULL: it is not, or not known. */
static const struct record *
record_of(const struct world *w, const struct happening *h)
{
    const struct account *a = accounts_find(&w->accounts, h->portal);
    if (h->type == NULL || a == NULL || a->crm == NULL)
        return NULL;
    return crm_find(a->crm, h->type->kind, h->object_id);
}

static bool
is_wanted(const struct world *w, const struct journal *j,
          const struct happening *h)
{
    const struct journal_subscription *s;
    size_t at = 0;
    while ((s = journal_subscriptions_match(&j->subscriptions, h, &at)) !=
           NULL) {
        if (journal_filters_pass(&j->filters, s->id, record_of(w, h)))
            return true;
    }
    return false;
}

void
journal_tell(struct world *w, const struct app *app, const struct happening *h)
{
    struct journal *j = journal_of(w, app->client_id);
    struct buf auto_buf json;
    buf_init(&json, 1u << 20);
    if (!is_wanted(w, j, h))
        return;
    happening_add_journal(h, app->app_id, &json);
    journal_add(w, j, h->portal, buf_str(&json));
}

bool
journal_forget(struct journal *j, uint64_t subscription_id)
{
    journal_filters_remove_of(&j->filters, subscription_id);
    return journal_subscriptions_remove(&j->subscriptions, subscription_id);
}

void
journal_forget_portal(struct journal *j, uint64_t portal)
{
    for (size_t i = j->subscriptions.n; i > 0; i--) {
        const struct journal_subscription *s = &j->subscriptions.v[i - 1];
        if (journal_subscription_portal(s) == portal)
            (void)journal_forget(j, s->id); /* it is there */
    }
}

bool
journal_refresh(struct world *w, struct journal *j)
{
    int64_t now_ms = world_now_ms(w);
    size_t n_old = 0;
    bool has_closed = false;
    if (j->n > 0 && j->files[j->n - 1]->is_open &&
        j->files[j->n - 1]->at_ms + w->settings.journal_delay_ms <= now_ms) {
        j->files[j->n - 1]->is_open = false;
        has_closed = true;
    }
    while (n_old < j->n && j->files[n_old]->at_ms + JOURNAL_KEPT_MS <= now_ms)
        file_free(j->files[n_old++]);
    j->n -= n_old;
    if (n_old > 0)
        memmove(j->files, j->files + n_old, j->n * sizeof(*j->files));
    return has_closed || n_old > 0;
}

static bool
is_shown(const struct journal_file *f, uint64_t portal)
{
    bool has_any = portal == 0;
    for (size_t i = 0; i < f->n && !has_any; i++)
        has_any = f->events[i].portal == portal;
    return has_any && !f->is_open;
}

/* The place of a file; j->n where it is none of these. */
static size_t
place_of(const struct journal *j, const struct journal_file *f)
{
    size_t i = 0;
    while (i < j->n && j->files[i] != f)
        i++;
    return i;
}

static const struct journal_file *
from(const struct journal *j, size_t i, uint64_t portal)
{
    while (i < j->n && !is_shown(j->files[i], portal))
        i++;
    return i < j->n ? j->files[i] : NULL;
}

/* The last one before place n. */
static const struct journal_file *
up_to(const struct journal *j, size_t n, uint64_t portal)
{
    while (n > 0 && !is_shown(j->files[n - 1], portal))
        n--;
    return n > 0 ? j->files[n - 1] : NULL;
}

const struct journal_file *
journal_first(const struct journal *j, uint64_t portal)
{
    return from(j, 0, portal);
}

const struct journal_file *
journal_last(const struct journal *j, uint64_t portal)
{
    return up_to(j, j->n, portal);
}

const struct journal_file *
journal_after(const struct journal *j, const struct journal_file *f,
              uint64_t portal)
{
    return from(j, place_of(j, f) + 1, portal);
}

const struct journal_file *
journal_before(const struct journal *j, const struct journal_file *f,
               uint64_t portal)
{
    return up_to(j, place_of(j, f), portal);
}

const struct journal_file *
journal_find(const struct journal *j, struct str offset)
{
    for (size_t i = 0; i < j->n; i++) {
        if (!j->files[i]->is_open && str_equal(j->files[i]->offset, offset))
            return j->files[i];
    }
    return NULL;
}

void
journal_add_file(const struct journal_file *f, uint64_t portal, struct buf *out)
{
    struct doc d = doc_into(out);
    bool is_first = true;
    doc_open(&d, '{');
    doc_field_str(&d, "offset", f->offset);
    hubdoc_time(&d, "publishedAt", f->at_ms);
    doc_key(&d, "journalEvents");
    doc_open(&d, '[');
    for (size_t i = 0; i < f->n; i++) {
        if (portal != 0 && f->events[i].portal != portal)
            continue;
        buf_add(out, is_first ? STR("") : STR(","));
        buf_add(out, f->events[i].json);
        is_first = false;
    }
    doc_close(&d, ']');
    doc_close(&d, '}');
}

static void
add_file_state(const struct journal_file *f, struct doc *d)
{
    doc_open(d, '{');
    doc_field_str(d, "offset", f->offset);
    hubdoc_i64(d, "at_ms", f->at_ms);
    doc_field_bool(d, "is_open", f->is_open);
    doc_key(d, "events");
    doc_open(d, '[');
    for (size_t i = 0; i < f->n; i++) {
        doc_open(d, '{');
        doc_field_u64(d, "portal", f->events[i].portal);
        doc_field_str(d, "json", f->events[i].json);
        doc_close(d, '}');
    }
    doc_close(d, ']');
    doc_close(d, '}');
}

void
journals_add_state(const struct journals *all, struct doc *d)
{
    doc_key(d, "journals");
    doc_open(d, '[');
    for (size_t i = 0; i < all->n; i++) {
        const struct journal *j = all->v[i];
        doc_open(d, '{');
        doc_field_str(d, "client_id", j->client_id);
        journal_subscriptions_add_state(&j->subscriptions, d);
        journal_filters_add_state(&j->filters, d);
        doc_key(d, "files");
        doc_open(d, '[');
        for (size_t k = 0; k < j->n; k++)
            add_file_state(j->files[k], d);
        doc_close(d, ']');
        doc_close(d, '}');
    }
    doc_close(d, ']');
}

static void
load_file(struct journal *j, const json_t *one)
{
    size_t i;
    json_t *event;
    struct journal_file *f =
        add_file(j, json_text_at(one, "offset"),
                 json_integer_value(json_object_get(one, "at_ms")));
    json_array_foreach(json_object_get(one, "events"), i, event)
    {
        add_event(f, json_u64_at(event, "portal", 0),
                  json_text_at(event, "json"));
    }
    f->is_open = json_is_true(json_object_get(one, "is_open"));
}

void
journals_load_state(struct world *w, const json_t *list)
{
    size_t i, k;
    json_t *one, *file;
    json_array_foreach(list, i, one)
    {
        struct journal *j = journal_of(w, json_text_at(one, "client_id"));
        journal_subscriptions_load_state(&j->subscriptions, one);
        journal_filters_load_state(&j->filters, one);
        json_array_foreach(json_object_get(one, "files"), k, file)
            load_file(j, file);
    }
}

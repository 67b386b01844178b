#include "emulator/tally.h"

#include "emulator/hubdoc.h"
#include "emulator/own.h"

#include <stdlib.h>

struct counter {
    struct str key; /* "POST /oauth/2026-03/token" */
    size_t n_method;
    uint64_t n;
};

/* One of the last calls.  Its name is the counter's, which stays. */
struct tally_entry {
    const struct counter *counter;
    int64_t at_ms;
    struct str note, fault;
    uint64_t portal;
    unsigned status;
    uint16_t n_path, n_client_id;
    char path[160];
    char client_id[40];
};

static void
counters_done(struct map *counters)
{
    struct counter *c;
    for (size_t i = 0; (c = map_next(counters, &i)) != NULL;) {
        own_drop(&c->key);
        free(c);
    }
    map_done(counters);
}

void
tally_done(struct tally *t)
{
    counters_done(&t->counters);
    counters_done(&t->notes);
    free(t->recent);
    *t = (struct tally){0};
}

static struct counter *
count(struct map *counters, struct str key, size_t n_method)
{
    struct counter *c = map_get(counters, key);
    if (c == NULL) {
        c = own_alloc(sizeof(*c));
        c->key = own_text(key);
        c->n_method = n_method;
        map_put(counters, c->key, c);
    }
    c->n++;
    return c;
}

static uint16_t
keep(char *out, size_t room, struct str text)
{
    size_t n = text.n < room ? text.n : room;
    if (n > 0)
        memcpy(out, text.p, n);
    return (uint16_t)n;
}

void
tally_add(struct tally *t, const struct tally_call *call)
{
    char key[256];
    size_t n = keep(key, 16, call->method);
    key[n++] = ' ';
    n += keep(key + n, sizeof(key) - n, call->name);
    struct counter *c = count(&t->counters, str_of(key, n),
                              call->method.n < 16 ? call->method.n : 16);
    if (call->note.n > 0)
        count(&t->notes, call->note, 0);
    if (t->recent == NULL)
        t->recent = own_alloc(TALLY_RECENT * sizeof(*t->recent));
    struct tally_entry *e = &t->recent[t->n++ % TALLY_RECENT];
    e->counter = c;
    e->at_ms = call->at_ms;
    e->note = call->note;
    e->fault = call->fault;
    e->portal = call->portal;
    e->status = call->status;
    e->n_path = keep(e->path, sizeof(e->path), call->path);
    e->n_client_id = keep(e->client_id, sizeof(e->client_id), call->client_id);
}

static void
add_counters(const struct map *counters, const char *name, struct doc *d)
{
    const struct counter *c;
    doc_key(d, name);
    doc_open(d, '{');
    for (size_t i = 0; (c = map_next(counters, &i)) != NULL;) {
        hubdoc_key(d, c->key);
        doc_u64(d, c->n);
    }
    doc_close(d, '}');
}

static struct str
name_of(const struct tally_entry *e)
{
    size_t skip = e->counter->n_method + 1;
    return str_of(e->counter->key.p + skip, e->counter->key.n - skip);
}

static void
add_entry(const struct tally_entry *e, struct doc *d)
{
    doc_open(d, '{');
    hubdoc_time(d, "at", e->at_ms);
    doc_field_str(d, "method", str_of(e->counter->key.p, e->counter->n_method));
    doc_field_str(d, "name", name_of(e));
    if (e->n_path > 0)
        doc_field_str(d, "path", str_of(e->path, e->n_path));
    doc_field_u64(d, "status", e->status);
    if (e->portal != 0)
        doc_field_u64(d, "portal", e->portal);
    if (e->n_client_id > 0)
        doc_field_str(d, "client_id", str_of(e->client_id, e->n_client_id));
    if (e->note.n > 0)
        doc_field_str(d, "grant_type", e->note);
    if (e->fault.n > 0)
        doc_field_str(d, "fault", e->fault);
    doc_close(d, '}');
}

static bool
is_asked_for(const struct tally_entry *e, struct str path)
{
    return path.n == 0 || str_equal(path, name_of(e)) ||
           str_equal(path, str_of(e->path, e->n_path));
}

void
tally_add_json(const struct tally *t, struct str path, struct doc *d)
{
    doc_open(d, '{');
    doc_field_u64(d, "total", t->n);
    add_counters(&t->counters, "by_path", d);
    add_counters(&t->notes, "by_grant_type", d);
    doc_key(d, "recent");
    doc_open(d, '[');
    uint64_t i = t->n > TALLY_RECENT ? t->n - TALLY_RECENT : 0;
    for (; i < t->n; i++) {
        const struct tally_entry *e = &t->recent[i % TALLY_RECENT];
        if (is_asked_for(e, path))
            add_entry(e, d);
    }
    doc_close(d, ']');
    doc_close(d, '}');
}

#include "emulator/outbox_state.h"

#include "emulator/call.h"
#include "emulator/hubdoc.h"
#include "emulator/own.h"

static void
add_style(const struct style *s, struct doc *d)
{
    hubdoc_maybe(d, "url", s->url);
    hubdoc_maybe(d, "sign_url", s->sign_url);
    hubdoc_maybe(d, "secret", s->secret);
    hubdoc_maybe(d, "versions", s->versions);
    doc_field_bool(d, "is_bad", s->is_bad);
    hubdoc_i64(d, "shift_ms", s->shift_ms);
}

static void
add_delivery(const struct delivery *one, struct doc *d)
{
    doc_open(d, '{');
    doc_field_u64(d, "kind", one->kind);
    doc_field_str(d, "client_id", one->client_id);
    doc_field_u64(d, "portal", one->portal);
    doc_field_str(d, "method", one->method);
    hubdoc_maybe(d, "body", one->body);
    doc_field_u64(d, "attempt", one->attempt);
    hubdoc_i64(d, "due_ms", one->state == DELIVERY_WAITING ? one->due_ms : 0);
    add_style(&one->style, d);
    doc_key(d, "events");
    doc_open(d, '[');
    for (size_t i = 0; i < one->n; i++) {
        doc_open(d, '{');
        doc_field_u64(d, "serial", one->events[i].serial);
        doc_field_str(d, "json", one->events[i].json);
        doc_close(d, '}');
    }
    doc_close(d, ']');
    doc_close(d, '}');
}

void
outbox_state_add(const struct world *w, struct doc *d)
{
    const struct outbox *o = &w->outbox;
    size_t i = 0;
    doc_key(d, "outbox");
    doc_open(d, '{');
    doc_field_u64(d, "last_serial", o->last_serial);
    doc_field_u64(d, "last_event_id", o->last_event_id);
    doc_key(d, "deliveries");
    doc_open(d, '[');
    for (const struct delivery *one; (one = map_next(&o->by_id, &i)) != NULL;)
        add_delivery(one, d);
    doc_close(d, ']');
    doc_close(d, '}');
}

static void
load_delivery(struct world *w, const json_t *one)
{
    size_t i;
    json_t *event;
    uint64_t kind = json_u64_at(one, "kind", DELIVERY_EVENTS);
    struct delivery model = {
        .kind =
            kind < DELIVERY_KINDS ? (enum delivery_kind)kind : DELIVERY_EVENTS,
        .client_id = json_text_at(one, "client_id"),
        .portal = json_u64_at(one, "portal", 0),
        .method = json_text_at(one, "method"),
        .body = json_text_at(one, "body"),
        .style =
            {
                .url = json_text_at(one, "url"),
                .sign_url = json_text_at(one, "sign_url"),
                .secret = json_text_at(one, "secret"),
                .versions = json_text_at(one, "versions"),
                .is_bad = json_is_true(json_object_get(one, "is_bad")),
                .shift_ms =
                    json_integer_value(json_object_get(one, "shift_ms")),
            },
    };
    struct delivery *d = delivery_new(&model);
    json_array_foreach(json_object_get(one, "events"), i, event)
    {
        delivery_add(d, json_u64_at(event, "serial", 0),
                     json_text_at(event, "json"));
    }
    d->attempt = (unsigned)json_u64_at(one, "attempt", 0);
    d->due_ms = json_integer_value(json_object_get(one, "due_ms"));
    outbox_send(w, d);
}

void
outbox_state_load(struct world *w, const json_t *json)
{
    size_t i;
    json_t *one;
    w->outbox.last_serial = json_u64_at(json, "last_serial", 0);
    w->outbox.last_event_id = json_u64_at(json, "last_event_id", 0);
    json_array_foreach(json_object_get(json, "deliveries"), i, one)
        load_delivery(w, one);
}

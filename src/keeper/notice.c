#include "keeper/notice.h"

#include "keeper/delivery.h"
#include "keeper/event_log.h"

#include <inttypes.h>
#include <sodium.h>

#define ROWS_BYTES 400 /* of its rows, beside its body */
#define BODY_BYTES 65536

/* What is sealed. */
struct notice_text {
    struct str ref, data;
};
static const struct field notice_text_fields[] = {
    FIELD(struct notice_text, ref),
    FIELD(struct notice_text, data),
};
static const struct record notice_text_record = RECORD(notice_text);

bool
notice_load(struct turn *t, struct str app)
{
    struct event_log log;
    return event_log_load(t, app, &log);
}

/* The notices of one portal follow each other, as if it were an object. */
static void
hash_portal(struct turn *t, const struct notice *n,
            uint8_t out[static OBJECT_HASH])
{
    struct str name = arena_printf(turn_arena(t), "notice/%.*s/%" PRIu64,
                                   STR_ARG(n->app), n->portal);
    (void)crypto_generichash(out, OBJECT_HASH, (const uint8_t *)name.p, name.n,
                             NULL, 0); /* sizes are right */
}

static struct str
write_text(struct turn *t, const struct notice *n)
{
    struct buf auto_buf body = {0};
    struct notice_text text = {n->ref, n->data};
    buf_init_secret(&body, BODY_BYTES);
    record_encode(&notice_text_record, &text, &body);
    return arena_copy(turn_arena(t), buf_str(&body));
}

void
notice_put(struct turn *t, const struct notice *n)
{
    struct arena *a = turn_arena(t);
    struct event_log log;
    uint8_t object[OBJECT_HASH];
    if (!event_log_load(t, n->app, &log))
        return; /* who did not name it has no such app */
    uint64_t number = event_log_next_number(t, &log);
    struct str key = parcel_key(a, n->app, number);
    struct str body = write_text(t, n);
    hash_portal(t, n, object);
    struct parcel_entry entry = {.occurred_at_ms = turn_now_ms(t),
                                 .class = EVENT_OTHER,
                                 .n = (uint32_t)body.n,
                                 .objects = object,
                                 .n_objects = 1};
    struct parcel p = {.kind = n->kind,
                       .source = SOURCE_PORTKEEP,
                       .seal = SEALED_BY_MASTER,
                       .portal = n->portal,
                       .generation = n->generation,
                       .accepted_at_ms = turn_now_ms(t)};
    parcel_write(&p, a, &entry, 1);
    p.n_bytes = body.n + p.entries.n + ROWS_BYTES;
    turn_put(t, STORE_EVENTS, key, &parcel_record, &p, STORE_NEVER,
             parcel_tag(a, n->app, n->portal));
    parcel_put_body(t, key, &p, NULL, body);
    log.n_parcels++;
    log.n_events++;
    log.n_bytes += p.n_bytes;
    log.n_pending += delivery_put(t, n->app, number, 1);
    event_log_store(t, n->app, &log);
    turn_wake(t, arena_printf(a, "events/%.*s", STR_ARG(n->app)));
}

enum err
notice_read(struct str body, struct arena *arena, struct notice *out)
{
    struct notice_text text;
    enum err e = record_decode_old(&notice_text_record, body, arena, &text);
    if (e != ERR_OK)
        return e;
    out->ref = text.ref;
    out->data = text.data;
    return ERR_OK;
}

enum err
notice_reseal(struct turn *t, struct str row)
{
    struct parcel p = {.seal = SEALED_BY_MASTER};
    struct str body;
    enum err e = parcel_open_body(t, row, &p, NULL, &body);
    if (e == ERR_OK)
        parcel_put_body(t, row, &p, NULL, body);
    return e;
}

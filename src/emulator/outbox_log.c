#include "emulator/outbox_log.h"

#include "emulator/delivery.h"
#include "emulator/hubdoc.h"
#include "emulator/own.h"

#include <stdlib.h>

struct attempt {
    int64_t at_ms;
    int64_t took_ms;
    struct str client_id;
    struct str error; /* a literal */
    uint64_t *serials;
    size_t n;
    uint64_t portal;
    unsigned number, status;
    enum delivery_kind kind;
};

static void
clear(struct attempt *a)
{
    free(a->serials);
    own_drop(&a->client_id);
    *a = (struct attempt){0};
}

void
outbox_log_done(struct outbox_log *log)
{
    for (size_t i = 0; log->rows != NULL && i < OUTBOX_LOG; i++)
        clear(&log->rows[i]);
    free(log->rows);
    *log = (struct outbox_log){0};
}

void
outbox_log_add(struct outbox_log *log, const struct delivery *d,
               const struct outcome *o, int64_t now_ms)
{
    if (log->rows == NULL)
        log->rows = own_alloc(OUTBOX_LOG * sizeof(*log->rows));
    struct attempt *a = &log->rows[log->n++ % OUTBOX_LOG];
    clear(a);
    *a = (struct attempt){
        .at_ms = d->sent_at_ms,
        .took_ms = now_ms - d->sent_at_ms,
        .client_id = own_text(d->client_id),
        .error = o->error,
        .serials = own_alloc(d->n * sizeof(*a->serials)),
        .n = d->n,
        .portal = d->portal,
        .number = d->attempt,
        .status = o->status,
        .kind = d->kind,
    };
    for (size_t i = 0; i < d->n; i++)
        a->serials[i] = d->events[i].serial;
}

static void
add_row(const struct attempt *a, uint64_t number, struct doc *d)
{
    doc_open(d, '{');
    doc_field_u64(d, "number", number);
    doc_field_str(d, "kind", str_from(delivery_kind_name(a->kind)));
    hubdoc_time(d, "at", a->at_ms);
    hubdoc_i64(d, "took_ms", a->took_ms);
    doc_field_str(d, "client_id", a->client_id);
    doc_field_u64(d, "portal", a->portal);
    doc_field_u64(d, "attempt", a->number);
    doc_field_u64(d, "status", a->status);
    doc_field_str(d, "error", a->error);
    doc_key(d, "events");
    doc_open(d, '[');
    for (size_t i = 0; i < a->n; i++)
        doc_u64(d, a->serials[i]);
    doc_close(d, ']');
    doc_close(d, '}');
}

void
outbox_log_add_json(const struct outbox_log *log, uint64_t after, uint64_t most,
                    struct doc *d)
{
    uint64_t forgotten = log->n > OUTBOX_LOG ? log->n - OUTBOX_LOG : 0;
    uint64_t i = after > forgotten ? after : forgotten;
    doc_open(d, '[');
    for (; i < log->n && most > 0; i++, most--)
        add_row(&log->rows[i % OUTBOX_LOG], i + 1, d);
    doc_close(d, ']');
}

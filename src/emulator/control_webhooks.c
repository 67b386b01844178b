#include "emulator/control.h"
#include "emulator/emission.h"
#include "emulator/hubdoc.h"

/* What became of webhooks, for tests that wait for a condition. */

#define ROWS_USUAL 100

void
do_get_webhooks(struct call *c)
{
    const struct outbox *o = &c->world->outbox;
    uint64_t after = o->log.n > ROWS_USUAL ? o->log.n - ROWS_USUAL : 0;
    uint64_t most = OUTBOX_LOG;
    (void)str_to_u64(call_query(c, "after"), &after); /* the last hundred */
    (void)str_to_u64(call_query(c, "limit"), &most);  /* all */
    struct doc d = call_answer_json(c, 200);
    doc_open(&d, '{');
    doc_field_u64(&d, "pending", o->n_held + emission_left(c->world));
    doc_field_u64(&d, "to_be_made", emission_left(c->world));
    doc_field_u64(&d, "in_flight", o->n_flying);
    doc_field_u64(&d, "requests", o->n_requests);
    doc_field_u64(&d, "delivered", o->n_delivered);
    doc_field_u64(&d, "given_up", o->n_given_up);
    hubdoc_i64(&d, "next_in_ms", outbox_next_ms(c->world));
    doc_field_u64(&d, "last", o->log.n);
    doc_key(&d, "recent");
    outbox_log_add_json(&o->log, after, most, &d);
    doc_close(&d, '}');
}

void
do_drop_webhooks(struct call *c)
{
    uint64_t n = emission_left(c->world) + outbox_drop_all(c->world);
    emissions_done(&c->world->emissions);
    control_answer_done(c, n);
}

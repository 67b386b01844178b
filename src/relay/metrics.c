#include "relay/metrics.h"

#include "base/arena.h"
#include "proto/relay.h"
#include "relay/asks.h"
#include "relay/relay.h"

#include <inttypes.h>

#define METRICS_MAX 65536
#define METRICS_CALL_MS 2000 /* a scraper does not wait for long */

struct metrics_call {
    struct exchange_user user; /* first, so that it is found by it */
    struct relay *relay;
    struct http_exchange *x;
    struct request_id id;
    uint32_t call;
};

static const struct {
    const char *name, *type, *help;
    size_t offset; /* in struct counters */
} rows[] = {
    {"portkeep_relay_tokens_total", "counter",
     "Answers of the token API with a token.",
     offsetof(struct counters, tokens)},
    {"portkeep_relay_leases_found_total", "counter",
     "Requests that were served under a lease without asking the keeper.",
     offsetof(struct counters, cached)},
    {"portkeep_relay_problems_total", "counter",
     "Answers of portkeep's own that say what went wrong.",
     offsetof(struct counters, refusals)},
    {"portkeep_relay_api_calls_total", "counter",
     "Calls of portkeep's API that the keeper was asked for.",
     offsetof(struct counters, api_calls)},
    {"portkeep_relay_hubspot_calls_total", "counter",
     "Calls that were passed on to HubSpot, repeated ones counted twice.",
     offsetof(struct counters, calls)},
    {"portkeep_relay_hubspot_failures_total", "counter",
     "Calls that ended without a whole answer of HubSpot.",
     offsetof(struct counters, failures)},
    {"portkeep_relay_hubspot_repeats_total", "counter",
     "Calls that were sent again with a newer token after a 401.",
     offsetof(struct counters, repeats)},
    {"portkeep_relay_hubspot_sent_bytes_total", "counter",
     "Bytes of request bodies sent to HubSpot.",
     offsetof(struct counters, bytes_sent)},
    {"portkeep_relay_hubspot_received_bytes_total", "counter",
     "Bytes of answers received from HubSpot.",
     offsetof(struct counters, bytes_received)},
    {"portkeep_relay_cuts_total", "counter",
     "Calls that were ended because the right to make them was taken away.",
     offsetof(struct counters, cuts)},
    {"portkeep_relay_revocation_gaps_total", "counter",
     "Times at which revocations were missed and every lease forgotten.",
     offsetof(struct counters, gaps)},
};

static void
add_head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
add_gauge(struct buf *out, const char *name, const char *help, uint64_t value)
{
    add_head(out, name, "gauge", help);
    buf_addf(out, "%s %" PRIu64 "\n", name, value);
}

static void
add_answers(struct buf *out, const struct counters *n)
{
    const char *name = "portkeep_relay_hubspot_answers_total";
    add_head(out, name, "counter", "Answers of HubSpot by class of status.");
    for (unsigned i = 2; i < 6; i++)
        buf_addf(out, "%s{status=\"%uxx\"} %" PRIu64 "\n", name, i,
                 n->answers[i]);
}

static void
add_own(struct buf *out, const struct relay *r)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t value;
        memcpy(&value, (const char *)&r->counters + rows[i].offset,
               sizeof(value));
        add_head(out, rows[i].name, rows[i].type, rows[i].help);
        buf_addf(out, "%s %" PRIu64 "\n", rows[i].name, value);
    }
    add_answers(out, &r->counters);
    add_head(out, "portkeep_relay_lease_asks_total", "counter",
             "Questions to the keeper for a lease.");
    buf_addf(out, "portkeep_relay_lease_asks_total %" PRIu64 "\n",
             asks_count(r->asks));
    add_gauge(out, "portkeep_relay_leases", "Leases that are held.",
              leases_count(r->leases));
    add_gauge(out, "portkeep_relay_exchanges", "Requests that are running.",
              http_server_n_running(r->server));
    add_gauge(out, "portkeep_relay_ready",
              "1 while the keeper's beats come in time.",
              leases_are_fresh(r->leases));
}

static void
answer(struct relay *r, struct http_exchange *x, const struct request_id *id,
       struct str of_keeper)
{
    struct buf auto_buf out;
    buf_init(&out, METRICS_MAX + of_keeper.n);
    add_own(&out, r);
    buf_add(&out, of_keeper);
    answer_text(x, id, buf_str(&out));
}

static void
on_end(struct exchange_user *u)
{
    struct metrics_call *c = (struct metrics_call *)u;
    if (c->call != 0 && c->relay->keeper != NULL)
        channel_cancel(c->relay->keeper, c->call);
}

/* Without the keeper's, the relay's own are still worth having. */
static void
on_reply(enum err e, const struct message *m, const void *reply, void *arg)
{
    struct metrics_call *c = arg;
    const struct relay_answer *a = reply;
    (void)m;
    c->call = 0;
    answer(c->relay, c->x, &c->id,
           e == ERR_OK && a->err == ERR_OK ? a->json : STR_NONE);
}

void
metrics_do(struct relay *r, struct http_exchange *x,
           const struct request_id *id, const struct route_values *v)
{
    (void)v;
    if (r->keeper == NULL) {
        answer(r, x, id, STR_NONE);
        return;
    }
    struct metrics_call *c = arena_alloc(http_arena(x), sizeof(*c));
    *c = (struct metrics_call){
        .user = {.on_end = on_end}, .relay = r, .x = x, .id = *id};
    http_set_user(x, &c->user);
    c->call = channel_call(r->keeper, RELAY_METRICS, NULL, METRICS_CALL_MS,
                           on_reply, c);
}

void
metrics_do_ready(struct relay *r, struct http_exchange *x,
                 const struct request_id *id, const struct route_values *v)
{
    (void)v;
    if (leases_are_fresh(r->leases)) {
        answer_json(x, 200, id, STR("{\"ready\":true}"));
        return;
    }
    struct problem p = {.err = ERR_UNAVAILABLE,
                        .detail = STR("No word from the keeper within "
                                      "[server] revocation_max.")};
    relay_refuse(r, x, id, &p);
}

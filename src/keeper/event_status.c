#include "keeper/event_status.h"

#include "keeper/apps.h"
#include "keeper/delivery.h"
#include "keeper/event_log.h"
#include "keeper/keeper.h"
#include "keeper/queue.h"

#include <inttypes.h>

struct standing {
    struct str app;
    struct event_log log;
    int64_t oldest_ms; /* accepted; 0: all is delivered */
    const char *target;
};

static const char *
target_of(struct keeper *k, const struct app *app, const struct event_log *log)
{
    if (app->conf->webhook_target.n == 0)
        return "none";
    if (log->is_target_gone &&
        str_equal(log->gone_target, app->conf->webhook_target))
        return "gone";
    return delivery_is_target_away(k, app->conf->name) ? "away" : "ok";
}

static bool
look_at(struct turn *t, const struct app *app, struct standing *out)
{
    uint64_t number;
    struct str name = app->conf->name;
    struct store_ask ask = {
        .table = STORE_QUEUE,
        .by = STORE_BY_PREFIX,
        .key = arena_printf(turn_arena(t), "live/%.*s/", STR_ARG(name)),
        .limit = 1};
    const struct store_ask *first = turn_find(t, &ask);
    *out = (struct standing){.app = name};
    if (!event_log_load(t, name, &out->log) || first == NULL)
        return false;
    if (first->n_rows > 0 && queue_key_number(first->rows[0].key, &number))
        out->oldest_ms = (int64_t)(number / 65536);
    out->target = target_of(turn_keeper(t), app, &out->log);
    return true;
}

bool
event_status_name(struct turn *t)
{
    struct apps *apps = turn_keeper(t)->apps;
    struct standing s;
    bool is_there = true;
    for (size_t i = 0; i < apps_count(apps); i++)
        is_there &= look_at(t, apps_at(apps, i), &s);
    return is_there;
}

void
event_status_add(struct turn *t, struct doc *d)
{
    struct apps *apps = turn_keeper(t)->apps;
    doc_key(d, "events");
    doc_open(d, '[');
    for (size_t i = 0; i < apps_count(apps); i++) {
        struct standing s;
        (void)look_at(t, apps_at(apps, i), &s); /* is there */
        doc_open(d, '{');
        doc_field_str(d, "app", s.app);
        doc_field_u64(d, "stored", s.log.n_events);
        doc_field_u64(d, "bytes", s.log.n_bytes);
        doc_field_u64(d, "pending", s.log.n_pending);
        doc_field_time(d, "oldest_undelivered", s.oldest_ms / 1000);
        doc_field_u64(d, "dead", s.log.n_dead);
        doc_field_u64(d, "parked", s.log.n_parked);
        doc_field_str(d, "target", str_from(s.target));
        doc_close(d, '}');
    }
    doc_close(d, ']');
}

struct metric {
    const char *name, *help, *kind;
    size_t offset; /* in struct event_log */
};
#define OF(member) offsetof(struct event_log, member)
static const struct metric metrics[] = {
    {"events_taken_total", "Events taken in.", "counter", OF(n_taken)},
    {"events_repeats_total", "Events that had been here before.", "counter",
     OF(n_repeats)},
    {"events_bad_total", "Events that could not be read.", "counter",
     OF(n_bad)},
    {"events_dropped_total", "Events of portals that were erased.", "counter",
     OF(n_erased_dropped)},
    {"events_delivered_total", "Events that the target took.", "counter",
     OF(n_delivered)},
    {"events_stored", "Events in the log.", "gauge", OF(n_events)},
    {"events_bytes", "Bytes of the log.", "gauge", OF(n_bytes)},
    {"events_pending", "Events still to be delivered.", "gauge", OF(n_pending)},
    {"events_dead", "Events that were given up.", "gauge", OF(n_dead)},
    {"events_parked", "Events of portals that are not connected.", "gauge",
     OF(n_parked)},
};

static void
add_metric(struct turn *t, struct buf *out, const struct metric *m)
{
    struct apps *apps = turn_keeper(t)->apps;
    buf_addf(out, "# HELP portkeep_%s %s\n# TYPE portkeep_%s %s\n", m->name,
             m->help, m->name, m->kind);
    for (size_t i = 0; i < apps_count(apps); i++) {
        struct standing s;
        (void)look_at(t, apps_at(apps, i), &s); /* is there */
        const char *log = (const char *)&s.log;
        uint64_t value;
        memcpy(&value, log + m->offset, sizeof(value));
        buf_addf(out, "portkeep_%s{app=\"%.*s\"} %" PRIu64 "\n", m->name,
                 STR_ARG(s.app), value);
    }
}

void
event_status_add_metrics(struct turn *t, struct buf *out)
{
    struct apps *apps = turn_keeper(t)->apps;
    for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
        add_metric(t, out, &metrics[i]);
    buf_add_text(out, "# HELP portkeep_events_oldest_undelivered_seconds Age "
                      "of the oldest event still to be delivered.\n"
                      "# TYPE portkeep_events_oldest_undelivered_seconds "
                      "gauge\n");
    for (size_t i = 0; i < apps_count(apps); i++) {
        struct standing s;
        (void)look_at(t, apps_at(apps, i), &s); /* is there */
        int64_t age = s.oldest_ms > 0 ? turn_now_ms(t) - s.oldest_ms : 0;
        buf_addf(out,
                 "portkeep_events_oldest_undelivered_seconds{app=\"%.*s\"} "
                 "%" PRId64 "\n",
                 STR_ARG(s.app), age > 0 ? age / 1000 : 0);
    }
}

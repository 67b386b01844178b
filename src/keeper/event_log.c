#include "keeper/event_log.h"

static const struct field event_log_fields[] = {
    FIELD(struct event_log, last_number),
    FIELD(struct event_log, n_parcels),
    FIELD(struct event_log, n_events),
    FIELD(struct event_log, n_bytes),
    FIELD(struct event_log, n_pending),
    FIELD(struct event_log, n_dead),
    FIELD(struct event_log, n_parked),
    FIELD(struct event_log, n_taken),
    FIELD(struct event_log, n_repeats),
    FIELD(struct event_log, n_bad),
    FIELD(struct event_log, n_erased_dropped),
    FIELD(struct event_log, n_delivered),
    FIELD(struct event_log, is_target_gone),
    FIELD(struct event_log, gone_target),
};
const struct record event_log_record = RECORD(event_log);

#define NUMBERS_PER_MS 65536

static struct str
log_key(struct turn *t, struct str app)
{
    return arena_printf(turn_arena(t), "events/%.*s", STR_ARG(app));
}

bool
event_log_load(struct turn *t, struct str app, struct event_log *out)
{
    if (turn_get(t, STORE_META, log_key(t, app), &event_log_record, out))
        return true;
    *out = (struct event_log){0};
    return !turn_is_waiting(t);
}

void
event_log_store(struct turn *t, struct str app, const struct event_log *l)
{
    turn_put(t, STORE_META, log_key(t, app), &event_log_record, l, STORE_NEVER,
             STR_NONE);
}

uint64_t
event_log_next_number(struct turn *t, struct event_log *l)
{
    uint64_t now = (uint64_t)turn_now_ms(t) * NUMBERS_PER_MS;
    l->last_number = now > l->last_number ? now : l->last_number + 1;
    return l->last_number;
}

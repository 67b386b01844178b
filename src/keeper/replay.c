#include "keeper/replay.h"

#include "keeper/answer.h"
#include "keeper/apikeys.h"
#include "keeper/apps.h"
#include "keeper/audit.h"
#include "keeper/delivery.h"
#include "keeper/event_log.h"
#include "keeper/keeper.h"
#include "keeper/peers.h"
#include "keeper/queue.h"

#include <inttypes.h>

#define PAGE 100 /* parcels of one call */
#define EVERY PARCEL_EVENTS_MAX

static void
refuse(struct turn *t, enum err e, struct str detail)
{
    answer_refusal(t, answer_waiter(t),
                   &(struct refusal_text){.err = e, .detail = detail});
}

/* What is chosen of each parcel. */
struct choice {
    struct str app;
    size_t index; /* EVERY: all of it */
    bool is_dead_only;
};

static bool
is_chosen(const struct choice *c, const struct queue *q, size_t index,
          const struct parcel_entry *e)
{
    enum event_state state = queue_state(q, index);
    return (c->index == EVERY || c->index == index) && !e->is_erased &&
           state != EVENT_PENDING && state != EVENT_GONE &&
           (!c->is_dead_only || state == EVENT_DEAD);
}

/* Its rows are loaded.  How many events it brought back. */
static size_t
replay_parcel(struct turn *t, const struct choice *c, uint64_t number,
              struct event_log *log)
{
    struct arena *a = turn_arena(t);
    struct queue *q = arena_alloc(a, sizeof(*q));
    struct parcel p;
    struct parcel_entry *entries;
    size_t n, n_chosen = 0;
    if (!turn_get(t, STORE_EVENTS, parcel_key(a, c->app, number),
                  &parcel_record, &p) ||
        !queue_load(t, c->app, number, q) || p.seal == SEALED_BY_PARKING ||
        p.kind == PARCEL_UNREADABLE || !parcel_read(&p, a, &entries, &n))
        return 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_chosen(c, q, i, &entries[i]))
            continue;
        queue_move(q, log, n, i, EVENT_PENDING);
        q->try[i] = (struct queue_try){.is_replay = true};
        n_chosen++;
    }
    if (n_chosen > 0) {
        queue_store(t, q);
        delivery_note(t, c->app, number);
    }
    return n_chosen;
}

static void
act_target_back(struct keeper *k, void *arg)
{
    (void)arg;
    delivery_reload(k);
}

/* What all that was replayed in this turn has in common. */
static void
finish(struct turn *t, const struct choice *c, struct event_log *log,
       struct audit_entry *entry, size_t n)
{
    if (log->is_target_gone)
        turn_after(t, act_target_back, NULL);
    log->is_target_gone = false;
    event_log_store(t, c->app, log);
    entry->kind = STR("events.replay");
    entry->app = c->app;
    entry->outcome = STR("ok");
    entry->detail = arena_printf(turn_arena(t), "%zu events", n);
    if (n > 0)
        audit_add(t, entry);
}

static bool
has_target(struct turn *t, struct str name)
{
    struct app *app = apps_find(turn_keeper(t)->apps, name);
    if (app == NULL)
        refuse(t, ERR_NOT_FOUND,
               STR("There is no app of that name in the configuration."));
    else if (app->conf->webhook_target.n == 0)
        refuse(t, ERR_CONFLICT,
               STR("This app has no webhook_target to send to. Its events are "
                   "read from the event log."));
    else
        return true;
    return false;
}

static void
answer(struct turn *t, size_t n, struct str next)
{
    struct buf auto_buf json = {0};
    buf_init(&json, 1024);
    struct doc d = doc_into(&json);
    doc_open(&d, '{');
    doc_field_u64(&d, "replayed", n);
    doc_key(&d, "next");
    if (next.n > 0)
        doc_str(&d, next);
    else
        doc_null(&d);
    doc_close(&d, '}');
    answer_document(t, answer_waiter(t), buf_str(&json));
}

static void
refuse_unknown(struct turn *t)
{
    refuse(t, ERR_NOT_FOUND,
           STR("There is no such event: it was never there, its portal was "
               "erased, or the log keeps no events as old."));
}

/* Names the rows of one parcel; true: it is there. */
static bool
name_parcel(struct turn *t, struct str app, uint64_t number, struct parcel *out)
{
    struct arena *a = turn_arena(t);
    struct queue *q = arena_alloc(a, sizeof(*q));
    (void)queue_load(t, app, number, q); /* named here */
    return turn_get(t, STORE_EVENTS, parcel_key(a, app, number), &parcel_record,
                    out);
}

static bool
may_see(struct turn *t, const struct api_key *key, uint64_t portal)
{
    return key->portals.n == 0 ||
           strs_have(key->portals,
                     arena_printf(turn_arena(t), "%" PRIu64, portal));
}

enum err
do_event_replay(struct turn *t, const void *ask)
{
    const struct relay_event_replay *a = ask;
    struct key_wish wish = {.credential = a->credential,
                            .app = a->app,
                            .verb = VERB_EVENTS,
                            .address = a->address};
    struct choice c = {.app = a->app};
    struct api_key key;
    struct str detail;
    struct event_log log;
    struct parcel p;
    uint64_t number;
    bool is_id = parcel_event_id_parse(a->id, &number, &c.index);
    bool is_there = is_id && name_parcel(t, a->app, number, &p);
    (void)event_log_load(t, a->app, &log); /* named here */
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    enum err e = apikey_authorize(t, &wish, &key, &detail);
    if (e == ERR_AGAIN)
        return e;
    if (e != ERR_OK) {
        refuse(t, e, detail);
    } else if (!has_target(t, a->app)) {
        return ERR_OK;
    } else if (!is_there || !may_see(t, &key, p.portal)) {
        refuse_unknown(t);
    } else {
        size_t n = replay_parcel(t, &c, number, &log);
        struct audit_entry entry = {.portal = p.portal,
                                    .actor = apikey_actor(t, &key)};
        finish(t, &c, &log, &entry, n);
        answer(t, n, STR_NONE);
    }
    return ERR_OK;
}

/* The page of a bulk replay. */
static const struct store_ask *
find_page(struct turn *t, const struct admin_replay *a, uint64_t after)
{
    struct arena *arena = turn_arena(t);
    struct store_ask ask = {.table = STORE_EVENTS,
                            .by = STORE_BY_PREFIX,
                            .key =
                                arena_printf(arena, "%.*s/", STR_ARG(a->app)),
                            .after = parcel_key(arena, a->app, after),
                            .limit = PAGE};
    if (a->is_dead_only) {
        ask.table = STORE_QUEUE;
        ask.key = arena_printf(arena, "dead/%.*s/", STR_ARG(a->app));
        ask.after = queue_dead_key(arena, a->app, after);
    } else if (a->portal != 0) {
        ask.by = STORE_BY_TAG;
        ask.key = STR_NONE;
        ask.tag = parcel_tag(arena, a->app, a->portal);
    }
    return turn_find(t, &ask);
}

static uint64_t
number_of(const struct store_row *row)
{
    struct parcel_key k = {0};
    uint64_t number = 0;
    if (row->table == STORE_QUEUE)
        (void)queue_key_number(row->key, &number); /* 0: not ours */
    else if (parcel_key_parse(row->key, &k))
        number = k.number;
    return number;
}

static uint64_t
number_at(int64_t ms)
{
    return ms > 0 ? (uint64_t)ms * 65536 : 0;
}

/* Where a page begins: after that number. */
static bool
find_start(const struct admin_replay *a, uint64_t *out)
{
    size_t index;
    *out = 0;
    if (a->cursor.n > 0)
        return parcel_event_id_parse(a->cursor, out, &index);
    if (a->from_ms > 0)
        *out = number_at(a->from_ms) - 1;
    return true;
}

static struct audit_entry
by_operator(struct turn *t, uint64_t portal)
{
    uint32_t uid = peers_uid(turn_keeper(t)->peers, turn_peer(t));
    return (struct audit_entry){
        .portal = portal, .actor = arena_printf(turn_arena(t), "uid:%u", uid)};
}

static enum err
replay_one(struct turn *t, const struct admin_replay *a)
{
    struct choice c = {.app = a->app};
    struct event_log log;
    struct parcel p;
    uint64_t number;
    bool is_id = parcel_event_id_parse(a->id, &number, &c.index);
    bool is_there = is_id && name_parcel(t, a->app, number, &p);
    (void)event_log_load(t, a->app, &log); /* named here */
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (!is_there) {
        refuse_unknown(t);
        return ERR_OK;
    }
    size_t n = replay_parcel(t, &c, number, &log);
    struct audit_entry entry = by_operator(t, p.portal);
    finish(t, &c, &log, &entry, n);
    answer(t, n, STR_NONE);
    return ERR_OK;
}

static enum err
replay_page(struct turn *t, const struct admin_replay *a, uint64_t after)
{
    struct choice c = {
        .app = a->app, .index = EVERY, .is_dead_only = a->is_dead_only};
    uint64_t end = a->to_ms > 0 ? number_at(a->to_ms + 1) : UINT64_MAX;
    struct event_log log;
    struct parcel p;
    size_t n = 0, i;
    const struct store_ask *found = find_page(t, a, after);
    (void)event_log_load(t, a->app, &log); /* named here */
    for (i = 0; found != NULL && i < found->n_rows; i++)
        (void)name_parcel(t, a->app, number_of(&found->rows[i]), &p);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    for (i = 0; i < found->n_rows; i++) {
        uint64_t number = number_of(&found->rows[i]);
        if (number >= end)
            break;
        after = number;
        if (name_parcel(t, a->app, number, &p) &&
            (a->portal == 0 || p.portal == a->portal))
            n += replay_parcel(t, &c, number, &log);
    }
    struct audit_entry entry = by_operator(t, a->portal);
    finish(t, &c, &log, &entry, n);
    answer(t, n,
           i == PAGE ? parcel_event_id(turn_arena(t), after, 0) : STR_NONE);
    return ERR_OK;
}

enum err
do_events_replay(struct turn *t, const void *ask)
{
    const struct admin_replay *a = ask;
    uint64_t after;
    if (!has_target(t, a->app))
        return ERR_OK;
    if (a->id.n > 0)
        return replay_one(t, a);
    if (!find_start(a, &after)) {
        refuse(t, ERR_INVALID,
               STR("This cursor is of no page: begin without one."));
        return ERR_OK;
    }
    return replay_page(t, a, after);
}

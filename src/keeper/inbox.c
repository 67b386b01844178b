#include "keeper/inbox.h"

#include "keeper/delivery.h"
#include "keeper/keeper.h"
#include "keeper/parking.h"
#include "keeper/privacy.h"
#include "keeper/receipt.h"
#include "keeper/seen.h"
#include "keeper/uninstall.h"

#include <inttypes.h>
#include <string.h>

/* Stored events that wait for a portal we do not know, an app. */
#define PARKED_MAX 10000
#define DAY_MS INT64_C(86400000)
/* What a parcel's rows take beside its body: keys, hashes, pages. */
#define ROWS_BYTES 400

/* Where the events of one portal go. */
enum fate { FATE_STORED, FATE_PARKED, FATE_DROPPED };

/* The events of one portal in what came; portal 0: those that are no good. */
struct share {
    struct share *next;
    uint64_t portal;
    enum fate fate;
    struct grant grant;
    const struct event *events[PARCEL_EVENTS_MAX];
    size_t n;
    struct seen_batch seen;
};

struct intake {
    struct turn *t;
    struct str app;
    uint32_t source;
    const struct arrivals *all;
    struct event_log log;
    bool is_short; /* something found no room: HubSpot shall try again */
};

void
inbox_name_events(struct turn *t, struct arrivals *all)
{
    const uint8_t *secret = secret_bytes(turn_keeper(t)->ref_key);
    all->keys =
        arena_alloc(turn_lasting(t), all->events.n * sizeof(*all->keys));
    for (size_t i = 0; i < all->events.n; i++)
        if (all->events.v[i].fault == EVENT_GOOD)
            event_dedupe_key(&all->events.v[i], secret, all->keys[i]);
}

static void
make_seen_batch(struct intake *in, struct share *s)
{
    struct arena *a = turn_arena(in->t);
    s->seen = (struct seen_batch){
        .app = in->app,
        .portal = s->portal,
        .keys = arena_alloc(a, s->n * sizeof(*s->seen.keys)),
        .n = s->n,
        .is_repeat = arena_alloc(a, s->n * sizeof(bool)),
    };
    for (size_t i = 0; i < s->n; i++)
        memcpy(s->seen.keys[i], in->all->keys[s->events[i] - in->all->events.v],
               EVENT_KEY_LEN);
}

/* By portal, 100 at most a share, in the order in which they came. */
static struct share *
split(struct arena *a, const struct events *events)
{
    struct share *first = NULL, **end = &first;
    for (size_t i = 0; i < events->n; i++) {
        const struct event *e = &events->v[i];
        uint64_t portal = e->fault == EVENT_GOOD ? e->facts.portal : 0;
        struct share *s = first;
        while (s != NULL && (s->portal != portal || s->n == PARCEL_EVENTS_MAX))
            s = s->next;
        if (s == NULL) {
            s = arena_alloc(a, sizeof(*s));
            s->portal = portal;
            *end = s;
            end = &s->next;
        }
        s->events[s->n++] = e;
    }
    return first;
}

static void
name_privacy(struct intake *in, const struct share *s)
{
    if (s->grant.privacy_until_ms <= turn_now_ms(in->t))
        return;
    for (size_t i = 0; i < s->n; i++)
        privacy_name(in->t, in->app, s->portal, &s->grant, s->events[i]);
}

/* Names all rows of a share; its fate is known once nothing is waited for. */
static void
look_at(struct intake *in, struct share *s)
{
    struct turn *t = in->t;
    struct data_key row;
    struct event_keys parking;
    int64_t today = turn_now_ms(t) / DAY_MS;
    s->fate = FATE_PARKED;
    if (s->portal != 0) {
        make_seen_batch(in, s);
        (void)seen_load(t, &s->seen); /* waits, or is there */
    }
    if (s->portal != 0 && grant_load(t, in->app, s->portal, &s->grant, &row)) {
        s->fate = s->grant.state == GRANT_ERASING ? FATE_DROPPED : FATE_STORED;
        name_privacy(in, s);
        return;
    }
    /* Named; whether it opens is asked when something is sealed. */
    enum err named = event_keys_parking(t, in->app, today, false, &parking);
    (void)named;
}

/* Erased before, where it is not connected.  Of all portals at once: asked
 * for one after another, many would need more rounds than a turn has. */
static void
look_for_receipt(struct intake *in, struct share *s)
{
    if (s->portal != 0 && s->fate == FATE_PARKED &&
        receipt_last_generation(in->t, in->app, s->portal) != 0)
        s->fate = FATE_DROPPED;
}

static void
add_objects(struct intake *in, const struct event *e,
            const struct secret *hash_key, struct parcel_entry *out)
{
    const struct event_facts *f = &e->facts;
    uint8_t *hashes =
        arena_alloc(turn_arena(in->t), f->n_objects * OBJECT_HASH);
    for (size_t i = 0; i < f->n_objects; i++)
        parcel_hash_object(hash_key, f->portal, f->objects[i].type,
                           f->objects[i].id, hashes + i * OBJECT_HASH);
    out->objects = hashes;
    out->n_objects = (uint8_t)f->n_objects;
}

_Static_assert(EVENT_OBJECTS_MAX <= UINT8_MAX, "n_objects takes them");

/* One parcel: what its rows are sealed and hashed with is in keys. */
static void
put_parcel(struct intake *in, const struct share *s, struct parcel *p,
           const struct event_keys *keys)
{
    struct turn *t = in->t;
    struct arena *a = turn_arena(t);
    struct buf auto_buf body = {0};
    struct parcel_entry *entries = arena_alloc(a, s->n * sizeof(*entries));
    uint64_t number = event_log_next_number(t, &in->log);
    struct str key = parcel_key(a, in->app, number);
    buf_init_secret(&body, LIMIT_FRAME);
    for (size_t i = 0; i < s->n; i++) {
        const struct event *e = s->events[i];
        entries[i] = (struct parcel_entry){
            .occurred_at_ms = e->facts.occurred_at_ms,
            .class = (uint8_t)e->facts.class,
            .at = (uint32_t)body.n,
            .n = (uint32_t)e->bytes.n,
        };
        buf_add(&body, e->bytes);
        add_objects(in, e, keys->hash[keys->n - 1], &entries[i]);
    }
    p->portal = s->portal;
    p->source = in->source;
    p->key_number = keys->first + keys->n - 1;
    p->accepted_at_ms = turn_now_ms(t);
    parcel_write(p, a, entries, s->n);
    p->n_bytes = body.n + p->entries.n + ROWS_BYTES;
    bool is_parked = p->seal == SEALED_BY_PARKING;
    turn_put(t, STORE_EVENTS, key, &parcel_record, p,
             is_parked ? p->accepted_at_ms + PARKED_MS : STORE_NEVER,
             is_parked ? parcel_parked_tag(a, in->app, s->portal)
                       : parcel_tag(a, in->app, s->portal));
    parcel_put_body(t, key, p, keys->seal[keys->n - 1], buf_str(&body));
    in->log.n_parcels++;
    in->log.n_events += s->n;
    in->log.n_bytes += p->n_bytes;
    if (is_parked)
        in->log.n_parked += s->n;
    else
        in->log.n_pending += delivery_put(t, in->app, number, s->n);
}

/* Without the events that were here before. */
static void
drop_repeats(struct intake *in, struct share *s)
{
    size_t n = 0;
    seen_note(in->t, &s->seen);
    for (size_t i = 0; i < s->n; i++) {
        if (s->seen.is_repeat[i])
            in->log.n_repeats++;
        else
            s->events[n++] = s->events[i];
    }
    s->n = n;
}

/* What is said by word, and so does not stay as an event: an uninstall ends
 * the grant, a privacy deletion becomes a notice. */
static void
take_words(struct intake *in, struct share *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct event *e = s->events[i];
        if (e->facts.class == EVENT_UNINSTALL)
            uninstall_note(in->t, in->app, s->portal, &s->grant,
                           e->facts.occurred_at_ms, in->source);
        else if (e->facts.class == EVENT_PRIVACY_DELETION &&
                 e->facts.n_objects > 0)
            privacy_note(in->t, in->app, s->portal, e->facts.objects,
                         e->facts.occurred_at_ms);
        else if (e->facts.class != EVENT_INSTALL &&
                 !privacy_has_deleted(in->t, in->app, s->portal, &s->grant, e))
            s->events[n++] = e;
    }
    s->n = n;
}

static enum err
store_share(struct intake *in, struct share *s)
{
    struct turn *t = in->t;
    struct event_keys keys;
    struct data_key data_key;
    struct str row = grant_key(turn_arena(t), in->app, s->portal);
    /* As the shares before left it: keys made, a word noted. */
    (void)grant_load(t, in->app, s->portal, &s->grant,
                     &data_key); /* is there */
    enum err e = event_keys_open(t, in->app, s->portal, &s->grant, &keys);
    if (e == ERR_OK && keys.n == 0) {
        e = event_keys_add(t, in->app, s->portal, &s->grant, &keys);
        if (e == ERR_OK)
            grant_store(t, in->app, s->portal, &s->grant,
                        turn_due(t, STORE_GRANTS, row));
    }
    if (e != ERR_OK)
        return e;
    drop_repeats(in, s);
    in->log.n_taken += s->n;
    take_words(in, s);
    if (s->n > 0)
        put_parcel(in, s,
                   &(struct parcel){.kind = PARCEL_HUBSPOT,
                                    .seal = SEALED_BY_GRANT,
                                    .generation = s->grant.generation},
                   &keys);
    return ERR_OK;
}

/* That an app was installed says nothing that a connect will not say. */
static void
drop_installs(struct share *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        if (s->events[i]->facts.class != EVENT_INSTALL)
            s->events[n++] = s->events[i];
    s->n = n;
}

static enum err
park_share(struct intake *in, struct share *s)
{
    struct event_keys keys;
    int64_t today = turn_now_ms(in->t) / DAY_MS;
    if (in->log.n_parked + s->n > PARKED_MAX) {
        if (!in->is_short) /* once a request, whatever it holds */
            turn_log(in->t, LOG_WARN, "inbox.parking_full",
                     "app=%.*s parked=%" PRIu64, STR_ARG(in->app),
                     in->log.n_parked);
        in->is_short = true;
        return ERR_OK;
    }
    enum err e = event_keys_parking(in->t, in->app, today, true, &keys);
    if (e != ERR_OK)
        return e;
    if (s->portal != 0)
        drop_repeats(in, s);
    else
        in->log.n_bad += s->n;
    in->log.n_taken += s->n;
    drop_installs(s);
    if (s->n > 0)
        put_parcel(in, s,
                   &(struct parcel){.kind = s->portal != 0 ? PARCEL_HUBSPOT
                                                           : PARCEL_UNREADABLE,
                                    .seal = SEALED_BY_PARKING},
                   &keys);
    return ERR_OK;
}

static enum err
take_share(struct intake *in, struct share *s)
{
    switch (s->fate) {
    case FATE_STORED:
        return store_share(in, s);
    case FATE_PARKED:
        return park_share(in, s);
    case FATE_DROPPED:
        in->log.n_erased_dropped += s->n;
        break;
    }
    return ERR_OK;
}

enum err
inbox_take(struct turn *t, struct str app, uint32_t source,
           const struct arrivals *all)
{
    struct intake in = {.t = t, .app = app, .source = source, .all = all};
    struct share *shares = split(turn_arena(t), &all->events);
    (void)event_log_load(t, app, &in.log); /* named */
    for (struct share *s = shares; s != NULL; s = s->next)
        look_at(&in, s);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    for (struct share *s = shares; s != NULL; s = s->next)
        look_for_receipt(&in, s);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (in.log.n_bytes >= turn_keeper(t)->events_max)
        return ERR_LIMIT;
    for (struct share *s = shares; s != NULL; s = s->next) {
        enum err e = take_share(&in, s);
        if (e == ERR_OK)
            continue;
        in.is_short = true;
        turn_log(t, LOG_ERROR, "inbox.not_sealed",
                 "app=%.*s portal=%" PRIu64 " err=%s", STR_ARG(app), s->portal,
                 err_name(e));
    }
    event_log_store(t, app, &in.log);
    turn_wake(t, arena_printf(turn_arena(t), "events/%.*s", STR_ARG(app)));
    return in.is_short ? ERR_UNAVAILABLE : ERR_OK;
}

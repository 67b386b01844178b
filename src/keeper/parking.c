#include "keeper/parking.h"

#include "keeper/delivery.h"
#include "keeper/inbox.h"
#include "keeper/keeper.h"
#include "keeper/privacy.h"
#include "keeper/seen.h"
#include "keeper/uninstall.h"

#include <inttypes.h>

/*
 *   parked --its portal connects--> its own, under a new number
 *      \--72 h--> gone, and the day's key with the last of the day
 */
#define DAY_MS INT64_C(86400000)
#define PAGE 20
#define PARKED_ALL 20000 /* small rows, without their bodies */

struct unpark {
    struct str app;
    uint64_t portal;
    struct str after; /* what does not open is passed over */
};
static const struct field unpark_fields[] = {
    FIELD(struct unpark, app),
    FIELD(struct unpark, portal),
    FIELD(struct unpark, after),
};
static const struct record unpark_record = RECORD(unpark);

/* One parked parcel, opened with its day's key. */
struct parked {
    struct str key;
    struct parcel parcel;
    struct str body;
    struct parcel_entry *entries;
    size_t n;
    bool is_open;
};

/* ERR_AGAIN while rows are missing; what does not open is left to its end. */
static enum err
open_one(struct turn *t, struct str app, struct str key, struct parked *out)
{
    struct event_keys keys = {0};
    *out = (struct parked){.key = key};
    if (!turn_get(t, STORE_EVENTS, key, &parcel_record, &out->parcel))
        return ERR_OK;
    enum err e = event_keys_parking(t, app, (int64_t)out->parcel.key_number,
                                    false, &keys);
    enum err read = parcel_open_body(t, key, &out->parcel, &keys, &out->body);
    if (e == ERR_AGAIN || read == ERR_AGAIN)
        return ERR_AGAIN;
    out->is_open =
        e == ERR_OK && read == ERR_OK &&
        parcel_read(&out->parcel, turn_arena(t), &out->entries, &out->n);
    return ERR_OK;
}

/* As inbox.c has it: what is a word does not stay as an event. */
static bool
take_word(struct turn *t, const struct unpark *u, struct grant *g,
          const struct event_facts *f)
{
    if (f->class == EVENT_UNINSTALL)
        uninstall_note(t, u->app, u->portal, g, f->occurred_at_ms, SOURCE_PUSH);
    else if (f->class == EVENT_PRIVACY_DELETION && f->n_objects > 0)
        privacy_note(t, u->app, u->portal, f->objects, f->occurred_at_ms);
    else
        return f->class == EVENT_INSTALL;
    return true;
}

static void
hash_objects(struct turn *t, uint64_t portal, const struct event_facts *f,
             const struct secret *hash_key, struct parcel_entry *out)
{
    uint8_t *hashes = arena_alloc(turn_arena(t), f->n_objects * OBJECT_HASH);
    for (size_t k = 0; k < f->n_objects; k++)
        parcel_hash_object(hash_key, portal, f->objects[k].type,
                           f->objects[k].id, hashes + k * OBJECT_HASH);
    out->objects = hashes;
    out->n_objects = (uint8_t)f->n_objects;
}

/* Hashes are keyed: they are made anew from the events.  Words leave. */
static void
read_again(struct turn *t, const struct unpark *u, struct grant *g,
           const struct secret *hash_key, struct parked *one)
{
    size_t n = 0;
    for (size_t i = 0; i < one->n; i++) {
        struct parcel_entry e = one->entries[i];
        struct events read;
        e.n_objects = 0;
        if (events_read(str_of(one->body.p + e.at, e.n), 1, turn_arena(t),
                        &read) == ERR_OK &&
            read.n == 1) {
            if (take_word(t, u, g, &read.v[0].facts))
                continue;
            hash_objects(t, u->portal, &read.v[0].facts, hash_key, &e);
        }
        one->entries[n++] = e;
    }
    one->n = n;
}

static void
forget(struct turn *t, struct event_log *log, const struct parked *one)
{
    turn_delete(t, STORE_EVENTS, one->key);
    turn_delete(t, STORE_BODIES, one->key);
    log->n_parcels--;
    log->n_events -= one->n;
    log->n_parked -= one->n;
    log->n_bytes -= one->parcel.n_bytes;
}

static void
hand_over(struct turn *t, const struct unpark *u, struct grant *g,
          const struct event_keys *keys, struct event_log *log,
          struct parked *one)
{
    struct arena *a = turn_arena(t);
    struct parcel p = one->parcel;
    uint64_t number;
    forget(t, log, one);
    read_again(t, u, g, keys->hash[keys->n - 1], one);
    if (one->n == 0)
        return;
    number = event_log_next_number(t, log);
    struct str key = parcel_key(a, u->app, number);
    p.seal = SEALED_BY_GRANT;
    p.generation = g->generation;
    p.key_number = keys->first + keys->n - 1;
    parcel_write(&p, a, one->entries, one->n);
    turn_put(t, STORE_EVENTS, key, &parcel_record, &p, STORE_NEVER,
             parcel_tag(a, u->app, u->portal));
    parcel_put_body(t, key, &p, keys->seal[keys->n - 1], one->body);
    log->n_parcels++;
    log->n_events += one->n;
    log->n_bytes += p.n_bytes;
    log->n_pending += delivery_put(t, u->app, number, one->n);
}

static enum err
keys_of(struct turn *t, const struct unpark *u, struct grant *g,
        struct event_keys *out)
{
    struct str row = grant_key(turn_arena(t), u->app, u->portal);
    enum err e = event_keys_open(t, u->app, u->portal, g, out);
    if (e != ERR_OK || out->n > 0)
        return e;
    e = event_keys_add(t, u->app, u->portal, g, out);
    if (e == ERR_OK)
        grant_store(t, u->app, u->portal, g, turn_due(t, STORE_GRANTS, row));
    return e;
}

static enum err
do_unpark(struct turn *t, const void *ask)
{
    const struct unpark *u = ask;
    struct grant g;
    struct data_key row;
    struct event_log log;
    struct event_keys keys;
    struct parked parked[PAGE];
    bool is_there = grant_load(t, u->app, u->portal, &g, &row);
    (void)event_log_load(t, u->app, &log); /* named */
    const struct store_ask *found =
        turn_find(t, &(struct store_ask){.table = STORE_EVENTS,
                                         .by = STORE_BY_TAG,
                                         .tag = parcel_parked_tag(
                                             turn_arena(t), u->app, u->portal),
                                         .after = u->after,
                                         .limit = PAGE});
    for (size_t i = 0; found != NULL && i < found->n_rows; i++)
        (void)open_one(t, u->app, found->rows[i].key, &parked[i]); /* named */
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (!is_there || g.state == GRANT_ERASING || found->n_rows == 0 ||
        keys_of(t, u, &g, &keys) != ERR_OK)
        return ERR_OK;
    for (size_t i = 0; i < found->n_rows; i++)
        if (parked[i].is_open)
            hand_over(t, u, &g, &keys, &log, &parked[i]);
    event_log_store(t, u->app, &log);
    turn_scrub(t);
    if (found->n_rows == PAGE)
        turn_follow(
            t, do_unpark, &unpark_record,
            &(struct unpark){u->app, u->portal, found->rows[PAGE - 1].key});
    return ERR_OK;
}

void
inbox_unpark(struct turn *t, struct str app, uint64_t portal)
{
    turn_follow(t, do_unpark, &unpark_record,
                &(struct unpark){.app = app, .portal = portal});
}

/* Is that parked parcel's portal connected? */
static bool
is_connected(struct turn *t, struct str row, struct unpark *out)
{
    struct parcel_key k;
    struct parcel p;
    struct grant g;
    if (!parcel_key_parse(row, &k) ||
        !turn_get(t, STORE_EVENTS, row, &parcel_record, &p) || p.portal == 0)
        return false;
    *out = (struct unpark){.app = k.app, .portal = p.portal};
    return turn_get(t, STORE_GRANTS, grant_key(turn_arena(t), k.app, p.portal),
                    &grant_record, &g);
}

/* What a keeper that died did not hand over.  All that is parked is due. */
enum err
do_parking_resume(struct turn *t, const void *ask)
{
    const struct store_ask *found =
        turn_find(t, &(struct store_ask){.table = STORE_EVENTS,
                                         .by = STORE_BY_DUE,
                                         .due = turn_now_ms(t) + 2 * PARKED_MS,
                                         .limit = PARKED_ALL});
    struct unpark u;
    struct str last = STR_NONE;
    (void)ask;
    for (size_t i = 0; found != NULL && i < found->n_rows; i++)
        (void)is_connected(t, found->rows[i].key, &u); /* named here */
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    for (size_t i = 0; i < found->n_rows; i++) {
        const struct store_row *row = &found->rows[i];
        if (!str_equal(row->tag, last) && is_connected(t, row->key, &u))
            inbox_unpark(t, u.app, u.portal);
        last = row->tag;
    }
    return ERR_OK;
}

/* Rows of parcels whose time is over, by app. */
static void
end_parcels(struct turn *t, const struct store_ask *found)
{
    for (size_t i = 0; i < found->n_rows; i++) {
        struct parked one = {.key = found->rows[i].key};
        struct parcel_key k;
        struct event_log log;
        if (turn_due(t, STORE_EVENTS, one.key) > turn_now_ms(t) ||
            !turn_get(t, STORE_EVENTS, one.key, &parcel_record, &one.parcel) ||
            !parcel_key_parse(one.key, &k) || !event_log_load(t, k.app, &log) ||
            !parcel_read(&one.parcel, turn_arena(t), &one.entries, &one.n))
            continue;
        forget(t, &log, &one);
        event_log_store(t, k.app, &log);
        turn_log(t, LOG_WARN, "parking.ended",
                 "app=%.*s portal=%" PRIu64 " events=%zu", STR_ARG(k.app),
                 one.parcel.portal, one.n);
    }
}

static void
name_parcels(struct turn *t, const struct store_ask *found)
{
    for (size_t i = 0; found != NULL && i < found->n_rows; i++) {
        struct str key = found->rows[i].key, body;
        struct parcel_key k;
        struct parcel p;
        struct event_log log;
        struct event_keys none = {0};
        if (turn_get(t, STORE_EVENTS, key, &parcel_record, &p) &&
            parcel_key_parse(key, &k)) {
            (void)event_log_load(t, k.app, &log); /* named */
            enum err named = parcel_open_body(t, key, &p, &none, &body);
            (void)named;
        }
    }
}

/* A day's key goes when its last event must have gone. */
static bool
end_keys(struct turn *t, const struct store_ask *found)
{
    uint64_t day;
    bool is_any = false;
    for (size_t i = 0; i < found->n_rows; i++) {
        struct str rest = found->rows[i].key, part;
        while (str_cut(&rest, '/', &part))
            ;
        if (!str_to_u64(part, &day) ||
            ((int64_t)day + 1) * DAY_MS + PARKED_MS > turn_now_ms(t))
            continue;
        turn_delete(t, STORE_DATA_KEYS, found->rows[i].key);
        is_any = true;
    }
    return is_any;
}

enum err
do_parking_end(struct turn *t, const void *ask)
{
    bool is_more = false;
    const struct store_ask *parcels =
        turn_find(t, &(struct store_ask){.table = STORE_EVENTS,
                                         .by = STORE_BY_DUE,
                                         .due = turn_now_ms(t),
                                         .limit = PAGE});
    const struct store_ask *keys =
        turn_find(t, &(struct store_ask){.table = STORE_DATA_KEYS,
                                         .by = STORE_BY_PREFIX,
                                         .key = STR(PARKING_PREFIX),
                                         .limit = 1000});
    (void)ask;
    name_parcels(t, parcels);
    if (turn_is_waiting(t) || seen_forget_old(t, &is_more) == ERR_AGAIN)
        return ERR_AGAIN;
    end_parcels(t, parcels);
    if (end_keys(t, keys) || parcels->n_rows > 0)
        turn_scrub(t);
    if (is_more || parcels->n_rows == PAGE)
        turn_follow(t, do_parking_end, NULL, NULL);
    return ERR_OK;
}

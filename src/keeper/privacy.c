#include "keeper/privacy.h"

#include "base/doc.h"
#include "base/text.h"
#include "keeper/audit.h"
#include "keeper/erasures.h"
#include "keeper/event_keys.h"
#include "keeper/keeper.h"
#include "keeper/notice.h"
#include "keeper/queue.h"
#include "keeper/seal.h"

#include <inttypes.h>
#include <string.h>

/*
 *   note --> remembered --> page of the portal's parcels --> page ... -->
 *   notice
 *
 * What is to be done stands in a row from the note's commit on, and moves
 * with each page, so that a crash in between is taken up by the next sweep.
 * The hash is remembered by a turn of its own, before anything is read, so
 * that nothing of that contact comes in behind the reading.
 */
#define LATE_MS (4 * 86400 * INT64_C(1000)) /* HubSpot repeats for one day */
#define PAGE 100
#define AGAIN_MS 60000 /* a page that nobody came back for */
#define RANDOM_BYTES 12
#define HASHES_MAX (2 * EVENT_KEYS_MAX)

/* What is being deleted, and how far that has come. */
struct deletion {
    struct str app;
    uint64_t portal;
    struct str type;
    uint64_t id;
    int64_t occurred_at_ms;
    struct str after; /* the last parcel that was read */
    uint64_t n_erased;
    bool is_remembered;
    bool is_done; /* but for its line in the erasure list */
    /* Of a restored backup, which knows no more: all that is to go. */
    struct str hashes;
};
static const struct field deletion_fields[] = {
    FIELD(struct deletion, app),      FIELD(struct deletion, portal),
    FIELD(struct deletion, type),     FIELD(struct deletion, id),
    FIELD(struct deletion, after),    FIELD(struct deletion, occurred_at_ms),
    FIELD(struct deletion, n_erased), FIELD(struct deletion, is_remembered),
    FIELD(struct deletion, is_done),  FIELD(struct deletion, hashes),
};
static const struct record deletion_record = RECORD(deletion);

/* Of a row in STORE_PRIVACY. */
struct deleted {
    int64_t until_ms;
};
static const struct field deleted_fields[] = {
    FIELD(struct deleted, until_ms),
};
static const struct record deleted_record = RECORD(deleted);

struct page_of {
    struct str row;
};
static const struct field page_of_fields[] = {
    FIELD(struct page_of, row),
};
static const struct record page_of_record = RECORD(page_of);

static enum err do_page(struct turn *t, const void *ask);

/* One object's hashes: under every key, as itself and without a type. */
struct hashes {
    uint8_t v[HASHES_MAX][OBJECT_HASH];
    size_t n;
};

static void
take_hashes(struct str packed, struct hashes *out)
{
    out->n = 0;
    for (size_t at = 0; at + OBJECT_HASH <= packed.n && out->n < HASHES_MAX;
         at += OBJECT_HASH)
        memcpy(out->v[out->n++], packed.p + at, OBJECT_HASH);
}

static void
hash_object(const struct event_keys *keys, uint64_t portal, struct str type,
            uint64_t id, struct hashes *out)
{
    out->n = 0;
    for (size_t i = 0; i < keys->n; i++) {
        parcel_hash_object(keys->hash[i], portal, type, id, out->v[out->n++]);
        if (type.n > 0)
            parcel_hash_object(keys->hash[i], portal, STR_NONE, id,
                               out->v[out->n++]);
    }
}

static struct str
deleted_key(struct turn *t, struct str app, uint64_t portal,
            const uint8_t *hash)
{
    struct buf auto_buf key = {0};
    buf_init(&key, LIMIT_APP + 64 + 2 * OBJECT_HASH);
    buf_add(&key, grant_key(turn_arena(t), app, portal));
    buf_add_char(&key, '/');
    text_add_hex(&key, str_of((const char *)hash, OBJECT_HASH));
    return arena_copy(turn_arena(t), buf_str(&key));
}

/* Any of these hashes remembered?  Names the rows. */
static bool
is_deleted(struct turn *t, struct str app, uint64_t portal,
           const struct grant *g, const struct event *event)
{
    struct event_keys keys;
    struct hashes h;
    struct deleted d;
    bool is_any = false;
    if (g->privacy_until_ms <= turn_now_ms(t) ||
        event_keys_open(t, app, portal, g, &keys) != ERR_OK)
        return false;
    for (size_t i = 0; i < event->facts.n_objects; i++) {
        const struct event_object *o = &event->facts.objects[i];
        hash_object(&keys, portal, o->type, o->id, &h);
        for (size_t k = 0; k < h.n; k++)
            is_any |=
                turn_get(t, STORE_PRIVACY, deleted_key(t, app, portal, h.v[k]),
                         &deleted_record, &d);
    }
    return is_any;
}

void
privacy_name(struct turn *t, struct str app, uint64_t portal,
             const struct grant *g, const struct event *event)
{
    (void)is_deleted(t, app, portal, g, event); /* names its rows */
}

bool
privacy_has_deleted(struct turn *t, struct str app, uint64_t portal,
                    const struct grant *g, const struct event *event)
{
    return is_deleted(t, app, portal, g, event);
}

/* A parcel of the page, with what is to go of it. */
struct hit {
    struct str key;
    struct parcel parcel;
    struct parcel_entry *entries;
    size_t n;
    bool is_gone[PARCEL_EVENTS_MAX];
    size_t n_gone;
    struct str body;
    struct queue queue;
};

static bool
names(const struct parcel_entry *e, const struct hashes *h)
{
    for (size_t i = 0; i < e->n_objects; i++)
        for (size_t k = 0; k < h->n; k++)
            if (memcmp(e->objects + i * OBJECT_HASH, h->v[k], OBJECT_HASH) == 0)
                return true;
    return false;
}

/* Does anything of it go?  Its other rows are then named, too. */
static bool
look_at(struct turn *t, const struct deletion *d, struct str key,
        const struct event_keys *keys, const struct hashes *h, struct hit *out)
{
    struct parcel_key k;
    *out = (struct hit){.key = key};
    if (!turn_get(t, STORE_EVENTS, key, &parcel_record, &out->parcel) ||
        out->parcel.kind != PARCEL_HUBSPOT || !parcel_key_parse(key, &k) ||
        !parcel_read(&out->parcel, turn_arena(t), &out->entries, &out->n))
        return false;
    for (size_t i = 0; i < out->n; i++) {
        /* A restore has marked them, and left their bytes. */
        out->is_gone[i] = out->entries[i].n > 0 && names(&out->entries[i], h);
        out->n_gone += out->is_gone[i];
    }
    if (out->n_gone == 0)
        return false;
    (void)queue_load(t, d->app, k.number, &out->queue); /* named */
    return parcel_open_body(t, key, &out->parcel, keys, &out->body) == ERR_OK;
}

static void
erase_from(struct turn *t, struct hit *h, const struct event_keys *keys,
           struct event_log *log)
{
    struct buf auto_buf body = {0};
    buf_init_secret(&body, PARCEL_BODY_MAX);
    for (size_t i = 0; i < h->n; i++) {
        struct parcel_entry *e = &h->entries[i];
        struct str bytes = str_of(h->body.p + e->at, e->n);
        e->at = (uint32_t)body.n;
        if (!h->is_gone[i]) {
            buf_add(&body, bytes);
            continue;
        }
        e->is_erased = true;
        e->n = 0;
        e->n_objects = 0;
        e->occurred_at_ms = 0;
        queue_move(&h->queue, log, h->n, i, EVENT_GONE);
    }
    struct str tag = turn_tag(t, STORE_EVENTS, h->key);
    parcel_write(&h->parcel, turn_arena(t), h->entries, h->n);
    h->parcel.key_number = keys->first + keys->n - 1;
    turn_put(t, STORE_EVENTS, h->key, &parcel_record, &h->parcel, STORE_NEVER,
             tag);
    parcel_put_body(t, h->key, &h->parcel, keys->seal[keys->n - 1],
                    buf_str(&body));
    queue_store(t, &h->queue);
}

/* From here on, late events of it find no way in. */
static void
remember(struct turn *t, const struct deletion *d, struct grant *g,
         const struct hashes *h)
{
    struct str row = grant_key(turn_arena(t), d->app, d->portal);
    struct deleted until = {turn_now_ms(t) + LATE_MS};
    for (size_t i = 0; i < h->n; i++)
        turn_put(t, STORE_PRIVACY, deleted_key(t, d->app, d->portal, h->v[i]),
                 &deleted_record, &until, until.until_ms, STR_NONE);
    g->privacy_until_ms = until.until_ms;
    grant_store(t, d->app, d->portal, g, turn_due(t, STORE_GRANTS, row));
}

static void
put_deletion(struct turn *t, struct str row, const struct deletion *d)
{
    turn_put(t, STORE_PRIVACY, row, &deletion_record, d,
             turn_now_ms(t) + AGAIN_MS, STR_NONE);
    turn_follow(t, do_page, &page_of_record, &(struct page_of){row});
}

static void
tell(struct turn *t, const struct deletion *d, const struct grant *g)
{
    struct buf auto_buf json = {0};
    buf_init_secret(&json, 512);
    buf_addf(&json, "{\"object_id\":\"%" PRIu64 "\",\"object_type\":", d->id);
    text_add_json(&json, d->type);
    buf_addf(&json, ",\"erased_events\":%" PRIu64 "}", d->n_erased);
    notice_put(t, &(struct notice){.kind = PARCEL_PRIVACY_DELETION,
                                   .app = d->app,
                                   .portal = d->portal,
                                   .generation = g->generation,
                                   .data = buf_str(&json)});
}

/* After a restore, the backend has heard of it long ago. */
static void
finish(struct turn *t, const struct deletion *d, const struct grant *g)
{
    bool is_again = d->hashes.n > 0;
    if (!is_again)
        tell(t, d, g);
    audit_add(
        t, &(struct audit_entry){
               .kind = STR("privacy.deletion"),
               .app = d->app,
               .portal = d->portal,
               .generation = g->generation,
               .actor = is_again ? STR("restore") : STR("hubspot"),
               .outcome = STR("ok"),
               .detail = arena_printf(turn_arena(t), "events erased: %" PRIu64,
                                      d->n_erased)});
    turn_log(t, LOG_INFO, "privacy.deletion",
             "app=%.*s portal=%" PRIu64 " erased=%" PRIu64, STR_ARG(d->app),
             d->portal, d->n_erased);
}

/* ERR_AGAIN; else the keys, and a grant that has them. */
static enum err
open_keys(struct turn *t, const struct deletion *d, struct grant *g,
          struct event_keys *out)
{
    struct data_key row;
    if (!grant_load(t, d->app, d->portal, g, &row))
        return turn_is_waiting(t) ? ERR_AGAIN : ERR_NOT_FOUND;
    return event_keys_open(t, d->app, d->portal, g, out);
}

static const struct store_ask *
find_page(struct turn *t, const struct deletion *d)
{
    return turn_find(t, &(struct store_ask){
                            .table = STORE_EVENTS,
                            .by = STORE_BY_TAG,
                            .tag = parcel_tag(turn_arena(t), d->app, d->portal),
                            .after = d->after,
                            .limit = PAGE});
}

/* Names what it has to know of its hashes' rows before it puts them. */
static void
name_rows(struct turn *t, const struct deletion *d, const struct hashes *h)
{
    struct deleted row;
    for (size_t i = 0; i < h->n; i++)
        (void)turn_get(t, STORE_PRIVACY,
                       deleted_key(t, d->app, d->portal, h->v[i]),
                       &deleted_record, &row); /* named */
}

/* What a page is about; its rows are named by the first rounds. */
struct reading {
    struct deletion d;
    struct grant g;
    struct event_keys keys;
    struct event_log log;
    struct hashes hashes;
    const struct store_ask *found;
    struct hit *hits;
    size_t n_hits;
};

/* ERR_AGAIN; ERR_NOT_FOUND: nothing is left to be done. */
static enum err
read_page(struct turn *t, struct str row, struct reading *r)
{
    if (!turn_get(t, STORE_PRIVACY, row, &deletion_record, &r->d))
        return turn_is_waiting(t) ? ERR_AGAIN : ERR_NOT_FOUND;
    (void)notice_load(t, r->d.app);             /* named */
    (void)event_log_load(t, r->d.app, &r->log); /* named */
    r->found = find_page(t, &r->d);
    enum err e = open_keys(t, &r->d, &r->g, &r->keys);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (e == ERR_OK && r->g.erase_since_ms != 0)
        e = ERR_NOT_FOUND; /* all of it goes */
    if (e == ERR_OK && r->keys.n == 0)
        e = event_keys_add(t, r->d.app, r->d.portal, &r->g, &r->keys);
    if (e != ERR_OK)
        return ERR_NOT_FOUND; /* gone, or nothing of it opens: logged */
    if (r->d.hashes.n > 0)
        take_hashes(r->d.hashes, &r->hashes);
    else
        hash_object(&r->keys, r->d.portal, r->d.type, r->d.id, &r->hashes);
    name_rows(t, &r->d, &r->hashes);
    r->hits = arena_alloc(turn_arena(t), PAGE * sizeof(*r->hits));
    for (size_t i = 0; i < r->found->n_rows; i++)
        r->n_hits += look_at(t, &r->d, r->found->rows[i].key, &r->keys,
                             &r->hashes, &r->hits[r->n_hits]);
    return turn_is_waiting(t) ? ERR_AGAIN : ERR_OK;
}

/* A restored backup forgets it, too. */
static void
note_on_list(struct turn *t, struct str row, const struct reading *r)
{
    struct str hashes =
        str_of((const char *)r->hashes.v, r->hashes.n * OBJECT_HASH);
    erasures_note_deletion(
        t, &(struct erasures_deletion){r->d.app, r->d.portal, hashes}, row);
}

/* The page is done: on to the next, or to the end. */
static void
go_on(struct turn *t, struct str row, struct reading *r)
{
    if (r->found->n_rows == PAGE) {
        r->d.after = r->found->rows[PAGE - 1].key;
        put_deletion(t, row, &r->d);
        return;
    }
    finish(t, &r->d, &r->g);
    r->d.is_done = true;
    turn_put(t, STORE_PRIVACY, row, &deletion_record, &r->d,
             turn_now_ms(t) + AGAIN_MS, STR_NONE);
    note_on_list(t, row, r);
}

static enum err
do_page(struct turn *t, const void *ask)
{
    const struct page_of *p = ask;
    struct reading r = {.n_hits = 0};
    enum err e = read_page(t, p->row, &r);
    if (e == ERR_AGAIN)
        return e;
    if (e != ERR_OK) {
        turn_delete(t, STORE_PRIVACY, p->row);
        return ERR_OK;
    }
    if (r.d.is_done) {
        note_on_list(t, p->row, &r);
        return ERR_OK;
    }
    if (!r.d.is_remembered) {
        remember(t, &r.d, &r.g, &r.hashes);
        r.d.is_remembered = true;
        put_deletion(t, p->row, &r.d);
        return ERR_OK;
    }
    for (size_t i = 0; i < r.n_hits; i++) {
        erase_from(t, &r.hits[i], &r.keys, &r.log);
        r.d.n_erased += r.hits[i].n_gone;
    }
    event_log_store(t, r.d.app, &r.log);
    if (r.n_hits > 0)
        turn_scrub(t);
    go_on(t, p->row, &r);
    return ERR_OK;
}

void
privacy_note(struct turn *t, struct str app, uint64_t portal,
             const struct event_object *object, int64_t occurred_at_ms)
{
    struct deletion d = {.app = app,
                         .portal = portal,
                         .type = object->type,
                         .id = object->id,
                         .occurred_at_ms = occurred_at_ms};
    struct str row = arena_printf(
        turn_arena(t), PRIVACY_OPEN "%.*s/%" PRIu64 "/%.*s", STR_ARG(app),
        portal, STR_ARG(seal_random(t, RANDOM_BYTES)));
    turn_put(t, STORE_PRIVACY, row, &deletion_record, &d, turn_now_ms(t),
             STR_NONE);
}

void
privacy_end(struct turn *t, struct str row)
{
    struct deletion d;
    if (!str_starts(row, STR(PRIVACY_OPEN))) {
        turn_delete(t, STORE_PRIVACY, row);
        return;
    }
    if (!turn_get(t, STORE_PRIVACY, row, &deletion_record, &d))
        return;
    put_deletion(t, row, &d);
}

bool
privacy_is_done(struct turn *t, struct str row)
{
    struct deletion d;
    return turn_get(t, STORE_PRIVACY, row, &deletion_record, &d) && d.is_done;
}

struct store_row
privacy_restored(struct arena *arena, const struct erasures_deletion *e,
                 struct str name, struct buf *body)
{
    struct deletion d = {
        .app = e->app, .portal = e->portal, .hashes = e->hashes};
    record_encode(&deletion_record, &d, body);
    return (struct store_row){
        .table = STORE_PRIVACY,
        .key = arena_printf(arena, PRIVACY_OPEN "%.*s/%" PRIu64 "/%.*s",
                            STR_ARG(e->app), e->portal, STR_ARG(name)),
        .due = 0, /* at once */
        .body = buf_str(body)};
}

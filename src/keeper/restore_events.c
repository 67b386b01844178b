#include "keeper/restore_events.h"

#include "base/env.h"
#include "base/text.h"
#include "keeper/event_log.h"
#include "keeper/parcel.h"
#include "keeper/privacy.h"

#include <inttypes.h>

#define PAGE 100
#define BODIES_PAGE 20 /* which are large */
#define COUNT_PAGE 1000
#define LATE_S (4 * 86400) /* see privacy.c: that long, nothing comes in */

/* Rows of one parcel, whichever are there. */
static size_t
delete_parcel(struct store_change *out, const struct store_ask asks[static 4])
{
    size_t n = 0;
    for (size_t i = 0; i < 4; i++)
        if (asks[i].rows[0].version != 0)
            out[n++] = (struct store_change){.row = asks[i].rows[0],
                                             .is_delete = true};
    return n;
}

static enum err
erase_parcel(struct store *s, struct str key, struct arena *arena,
             uint64_t *turn)
{
    struct parcel_key k;
    struct store_change changes[4];
    if (!parcel_key_parse(key, &k))
        return ERR_INVALID;
    struct store_ask asks[4] = {
        {.table = STORE_EVENTS, .key = key},
        {.table = STORE_BODIES, .key = key},
        {.table = STORE_QUEUE, .key = queue_live_key(arena, k.app, k.number)},
        {.table = STORE_QUEUE, .key = queue_dead_key(arena, k.app, k.number)}};
    enum err e = store_load(s, asks, 4, arena);
    return e == ERR_OK ? store_commit(s, (*turn)++, changes,
                                      delete_parcel(changes, asks))
                       : e;
}

/* One page of that tag. */
static enum err
erase_page(struct store *s, struct str tag, uint64_t *turn, bool *out_is_more)
{
    struct arena *arena = arena_new();
    struct store_ask ask = {.table = STORE_EVENTS,
                            .by = STORE_BY_TAG,
                            .tag = tag,
                            .limit = BODIES_PAGE};
    enum err e = store_load(s, &ask, 1, arena);
    for (size_t i = 0; e == ERR_OK && i < ask.n_rows; i++)
        e = erase_parcel(s, ask.rows[i].key, arena, turn);
    *out_is_more = e == ERR_OK && ask.n_rows > 0;
    arena_free(arena);
    return e;
}

enum err
restore_erase_events(struct store *s, struct str app, uint64_t portal,
                     uint64_t *turn)
{
    struct arena *arena = arena_new();
    struct str tags[2] = {parcel_tag(arena, app, portal),
                          parcel_parked_tag(arena, app, portal)};
    enum err e = ERR_OK;
    for (size_t i = 0; e == ERR_OK && i < 2; i++)
        for (bool is_more = true; e == ERR_OK && is_more;)
            e = erase_page(s, tags[i], turn, &is_more);
    arena_free(arena);
    return e;
}

static bool
names(const struct parcel_entry *entry, struct str hashes)
{
    for (size_t i = 0; i < entry->n_objects; i++)
        for (size_t at = 0; at + OBJECT_HASH <= hashes.n; at += OBJECT_HASH)
            if (memcmp(entry->objects + i * OBJECT_HASH, hashes.p + at,
                       OBJECT_HASH) == 0)
                return true;
    return false;
}

/* False: nothing of it names the contact.  body is the caller's. */
static bool
mark_parcel(const struct store_row *row, const struct erasures_deletion *d,
            struct arena *arena, struct buf *body, struct store_change *out)
{
    struct parcel p;
    struct parcel_entry *entries;
    size_t n, n_marked = 0;
    if (record_decode_old(&parcel_record, row->body, arena, &p) != ERR_OK ||
        !parcel_read(&p, arena, &entries, &n))
        return false;
    for (size_t i = 0; i < n; i++)
        if (entries[i].n > 0 && names(&entries[i], d->hashes)) {
            entries[i].is_erased = true;
            n_marked++;
        }
    if (n_marked == 0)
        return false;
    parcel_write(&p, arena, entries, n);
    record_encode(&parcel_record, &p, body);
    *out = (struct store_change){.row = *row};
    out->row.body = buf_str(body);
    return true;
}

static enum err
mark_page(struct store *s, const struct erasures_deletion *d,
          const struct store_ask *page, struct arena *arena, uint64_t *turn,
          bool *out_is_any)
{
    for (size_t i = 0; i < page->n_rows; i++) {
        struct buf auto_buf body = {0};
        struct store_change change;
        buf_init(&body, LIMIT_FRAME);
        if (!mark_parcel(&page->rows[i], d, arena, &body, &change))
            continue;
        enum err e = store_commit(s, (*turn)++, &change, 1);
        if (e != ERR_OK)
            return e;
        *out_is_any = true;
    }
    return ERR_OK;
}

static enum err
mark_all(struct store *s, const struct erasures_deletion *d, uint64_t *turn,
         bool *out_is_any)
{
    struct arena *last = arena_new();
    struct store_ask ask = {.table = STORE_EVENTS,
                            .by = STORE_BY_TAG,
                            .tag = parcel_tag(last, d->app, d->portal),
                            .limit = PAGE};
    enum err e = ERR_OK;
    do {
        struct arena *arena = arena_new();
        e = store_load(s, &ask, 1, arena);
        if (e == ERR_OK)
            e = mark_page(s, d, &ask, arena, turn, out_is_any);
        if (e == ERR_OK && ask.n_rows > 0)
            ask.after = arena_copy(last, ask.rows[ask.n_rows - 1].key);
        arena_free(arena);
    } while (e == ERR_OK && ask.n_rows == PAGE);
    arena_free(last);
    return e;
}

/* The keeper's part: a row as privacy.c has them. */
static enum err
put_rest(struct store *s, const struct erasures_deletion *d,
         struct arena *arena, uint64_t *turn)
{
    struct buf auto_buf body = {0}, name = {0};
    buf_init(&body, 1024);
    buf_init(&name, 512);
    text_add_hex(&name, d->hashes);
    struct store_change change = {
        .row = privacy_restored(arena, d, buf_str(&name), &body)};
    struct store_ask ask = {.table = STORE_PRIVACY, .key = change.row.key};
    enum err e = store_load(s, &ask, 1, arena);
    if (e != ERR_OK)
        return e;
    change.row.version = ask.rows[0].version;
    return store_commit(s, (*turn)++, &change, 1);
}

enum err
restore_forget_contact(struct store *s, const struct erasures_deletion *d,
                       int64_t deleted_at, uint64_t *turn, bool *out_is_any)
{
    struct env *env = env_real();
    struct arena *arena = arena_new();
    struct store_ask grant = {.table = STORE_GRANTS,
                              .key = grant_key(arena, d->app, d->portal)};
    *out_is_any = false;
    enum err e = store_load(s, &grant, 1, arena);
    if (e == ERR_OK && grant.rows[0].version != 0) {
        bool is_late = env->now_ms(env) / 1000 - deleted_at < LATE_S;
        e = mark_all(s, d, turn, out_is_any);
        if (e == ERR_OK && (is_late || *out_is_any))
            e = put_rest(s, d, arena, turn);
    }
    arena_free(arena);
    return e;
}

/* Takes a row of that table into the counts. */
typedef void (*add_row)(const struct store_row *row, struct arena *arena,
                        struct event_log *log);

static void
add_parcel(const struct store_row *row, struct arena *arena,
           struct event_log *log)
{
    struct parcel p;
    struct parcel_entry *entries;
    size_t n;
    if (record_decode_old(&parcel_record, row->body, arena, &p) != ERR_OK ||
        !parcel_read(&p, arena, &entries, &n))
        return;
    log->n_parcels++;
    log->n_events += n;
    log->n_bytes += p.n_bytes;
    if (p.seal == SEALED_BY_PARKING)
        log->n_parked += n;
}

static void
add_queued(const struct store_row *row, struct arena *arena,
           struct event_log *log)
{
    struct queued q;
    bool is_live = str_starts(row->key, STR("live/"));
    if (record_decode_old(&queued_record, row->body, arena, &q) != ERR_OK)
        return;
    for (size_t i = 0; i < q.states.n; i++) {
        log->n_pending += is_live && q.states.p[i] == EVENT_PENDING;
        log->n_dead += !is_live && q.states.p[i] == EVENT_DEAD;
    }
}

static enum err
add_all(struct store *s, enum store_table table, struct str prefix, add_row add,
        struct event_log *log)
{
    struct arena *last = arena_new();
    struct store_ask ask = {.table = table,
                            .by = STORE_BY_PREFIX,
                            .key = prefix,
                            .limit = COUNT_PAGE};
    enum err e;
    do {
        struct arena *arena = arena_new();
        e = store_load(s, &ask, 1, arena);
        for (size_t i = 0; e == ERR_OK && i < ask.n_rows; i++)
            add(&ask.rows[i], arena, log);
        if (e == ERR_OK && ask.n_rows > 0)
            ask.after = arena_copy(last, ask.rows[ask.n_rows - 1].key);
        arena_free(arena);
    } while (e == ERR_OK && ask.n_rows == COUNT_PAGE);
    arena_free(last);
    return e;
}

static enum err
count_app(struct store *s, const struct store_row *row, struct arena *arena,
          uint64_t *turn)
{
    struct event_log log;
    struct buf auto_buf body = {0};
    struct str app = str_of(row->key.p + 7, row->key.n - 7); /* events/APP */
    if (record_decode_old(&event_log_record, row->body, arena, &log) != ERR_OK)
        return ERR_OK; /* nobody can read it: the keeper begins anew */
    log.n_parcels = log.n_events = log.n_bytes = 0;
    log.n_pending = log.n_dead = log.n_parked = 0;
    enum err e =
        add_all(s, STORE_EVENTS, arena_printf(arena, "%.*s/", STR_ARG(app)),
                add_parcel, &log);
    if (e == ERR_OK)
        e = add_all(s, STORE_QUEUE,
                    arena_printf(arena, "live/%.*s/", STR_ARG(app)), add_queued,
                    &log);
    if (e == ERR_OK)
        e = add_all(s, STORE_QUEUE,
                    arena_printf(arena, "dead/%.*s/", STR_ARG(app)), add_queued,
                    &log);
    if (e != ERR_OK)
        return e;
    buf_init(&body, LIMIT_API_BODY);
    record_encode(&event_log_record, &log, &body);
    struct store_change change = {.row = *row};
    change.row.body = buf_str(&body);
    return store_commit(s, (*turn)++, &change, 1);
}

enum err
restore_count_events(struct store *s, uint64_t *turn)
{
    struct arena *arena = arena_new();
    struct store_ask logs = {.table = STORE_META,
                             .by = STORE_BY_PREFIX,
                             .key = STR("events/"),
                             .limit = COUNT_PAGE};
    enum err e = store_load(s, &logs, 1, arena);
    for (size_t i = 0; e == ERR_OK && i < logs.n_rows; i++)
        e = count_app(s, &logs.rows[i], arena, turn);
    arena_free(arena);
    return e;
}

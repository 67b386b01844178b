#include "keeper/cascade.h"

#include "keeper/erasures.h"
#include "keeper/keeper.h"
#include "keeper/notice.h"
#include "keeper/portals.h"
#include "keeper/privacy.h"
#include "keeper/queue.h"
#include "keeper/receipt.h"
#include "keeper/retention.h"
#include "keeper/revoke.h"
#include "keeper/session.h"

#include <inttypes.h>

#define PAGE 200
#define PAGE_BYTES (4 << 20) /* of bodies, which have to be loaded to go */
#define RESUME_MS 60000      /* no page came: the keeper died, see schedule.c */

/* One page.  A cursor for what is passed over; it need not outlive a crash. */
struct step {
    struct str app;
    uint64_t portal, generation;
    uint64_t peer;
    uint32_t call;
    uint32_t stage;
    struct str after;
};
static const struct field step_fields[] = {
    FIELD(struct step, app),        FIELD(struct step, portal),
    FIELD(struct step, generation), FIELD(struct step, peer),
    FIELD(struct step, call),       FIELD(struct step, stage),
    FIELD(struct step, after),
};
static const struct record step_record = RECORD(step);

static enum err do_cascade(struct turn *t, const void *ask);

/* A page of one stage, found and named. */
struct find {
    const struct store_ask *rows; /* NULL while waiting */
    size_t n;                     /* of them, that this page takes */
    bool is_last;                 /* nothing of the stage is behind it */
};

struct work {
    const struct step *step;
    struct grant grant;
    struct event_log log;
};

/* What goes, in this order.  take: a row that was there when it was found. */
struct stage {
    enum store_table table;
    enum store_by by;
    struct str (*what)(struct turn *t, const struct step *s);
    void (*take)(struct turn *t, struct work *w, struct str row);
};

static struct str
tag_of_events(struct turn *t, const struct step *s)
{
    return parcel_tag(turn_arena(t), s->app, s->portal);
}

static struct str
tag_of_parked(struct turn *t, const struct step *s)
{
    return parcel_parked_tag(turn_arena(t), s->app, s->portal);
}

static struct str
prefix_of_deleted(struct turn *t, const struct step *s)
{
    return arena_printf(turn_arena(t), "%.*s/%" PRIu64 "/", STR_ARG(s->app),
                        s->portal);
}

static struct str
prefix_of_deletions(struct turn *t, const struct step *s)
{
    return arena_printf(turn_arena(t), PRIVACY_OPEN "%.*s/%" PRIu64 "/",
                        STR_ARG(s->app), s->portal);
}

static struct str
all_of_them(struct turn *t, const struct step *s)
{
    (void)t;
    (void)s;
    return STR_NONE;
}

static void
count(struct work *w, const struct parcel *p, size_t n, const struct queue *q)
{
    struct erased_parts *all = &w->grant.erased;
    if (p->kind != PARCEL_HUBSPOT) {
        all->n_notices += n;
        return;
    }
    all->n_events += n;
    for (size_t i = 0; i < n; i++) {
        enum event_state state = queue_state(q, i);
        all->n_queued += state == EVENT_PENDING || state == EVENT_DEAD;
    }
}

/* What tells the backend of an end stays until it is delivered. */
static void
take_parcel(struct turn *t, struct work *w, struct str row)
{
    struct parcel_key k;
    struct parcel p;
    struct parcel_entry *entries;
    size_t n = 0;
    struct queue *q = arena_alloc(turn_arena(t), sizeof(*q));
    if (!parcel_key_parse(row, &k) ||
        !retention_name(t, w->step->app, k.number, &p) ||
        p.kind == PARCEL_UNINSTALLED || p.kind == PARCEL_ERASED)
        return;
    (void)parcel_read(&p, turn_arena(t), &entries, &n); /* damaged: none */
    (void)queue_load(t, w->step->app, k.number, q);     /* is there */
    count(w, &p, n, q);
    retention_drop(t, w->step->app, k.number, &p, &w->log);
}

static void
take_parked(struct turn *t, struct work *w, struct str row)
{
    struct parcel_key k;
    struct parcel p;
    struct parcel_entry *entries;
    size_t n = 0;
    if (!parcel_key_parse(row, &k) ||
        !retention_name(t, w->step->app, k.number, &p))
        return;
    (void)parcel_read(&p, turn_arena(t), &entries, &n); /* damaged: none */
    w->grant.erased.n_parked += n;
    retention_drop(t, w->step->app, k.number, &p, &w->log);
}

static void
take_deletion(struct turn *t, struct work *w, struct str row)
{
    if (turn_due(t, STORE_PRIVACY, row) == STORE_NEVER)
        return; /* another of this turn took it */
    w->grant.erased.n_deletions++;
    turn_delete(t, STORE_PRIVACY, row);
}

static void
take_session(struct turn *t, struct work *w, struct str row)
{
    if (!session_is_for(t, row, w->step->app, w->step->portal))
        return;
    w->grant.erased.n_links++;
    turn_delete(t, STORE_SESSIONS, row);
}

static void
take_result(struct turn *t, struct work *w, struct str row)
{
    if (!result_is_for(t, row, w->step->app, w->step->portal))
        return;
    w->grant.erased.n_links++;
    turn_delete(t, STORE_RESULTS, row);
}

static const struct stage stages[] = {
    {STORE_EVENTS, STORE_BY_TAG, tag_of_events, take_parcel},
    {STORE_EVENTS, STORE_BY_TAG, tag_of_parked, take_parked},
    {STORE_PRIVACY, STORE_BY_PREFIX, prefix_of_deleted, take_deletion},
    {STORE_PRIVACY, STORE_BY_PREFIX, prefix_of_deletions, take_deletion},
    {STORE_SESSIONS, STORE_BY_PREFIX, all_of_them, take_session},
    {STORE_RESULTS, STORE_BY_PREFIX, all_of_them, take_result},
};
#define N_STAGES (sizeof(stages) / sizeof(stages[0]))

/* As many parcels as may be loaded with their bodies. */
static void
name_parcels(struct turn *t, const struct step *s, struct find *f)
{
    uint64_t n_bytes = 0;
    while (f->n < f->rows->n_rows && n_bytes < PAGE_BYTES) {
        struct parcel_key k;
        struct parcel p = {0};
        if (parcel_key_parse(f->rows->rows[f->n].key, &k))
            (void)retention_name(t, s->app, k.number, &p); /* named here */
        n_bytes += p.n_bytes;
        f->n++;
    }
}

static struct find
find_page(struct turn *t, const struct step *s, size_t stage)
{
    const struct stage *g = &stages[stage];
    struct str what = g->what(t, s);
    bool is_tag = g->by == STORE_BY_TAG;
    struct store_ask ask = {.table = g->table,
                            .by = g->by,
                            .key = is_tag ? STR_NONE : what,
                            .tag = is_tag ? what : STR_NONE,
                            .after = stage == s->stage ? s->after : STR_NONE,
                            .limit = PAGE};
    struct find f = {.rows = turn_find(t, &ask)};
    if (f.rows == NULL)
        return f;
    if (g->table == STORE_EVENTS)
        name_parcels(t, s, &f);
    else
        f.n = f.rows->n_rows;
    f.is_last = f.n == f.rows->n_rows && f.n < PAGE;
    return f;
}

/* The pages of this turn: all stages up to the first that has more. */
static size_t
find_pages(struct turn *t, const struct step *s, struct find *out)
{
    for (size_t i = s->stage; i < N_STAGES; i++) {
        out[i] = find_page(t, s, i);
        if (out[i].rows != NULL && !out[i].is_last)
            return i;
    }
    return N_STAGES;
}

static void
take_page(struct turn *t, struct work *w, size_t stage, const struct find *f)
{
    for (size_t i = 0; i < f->n; i++)
        stages[stage].take(t, w, f->rows->rows[i].key);
}

/* The data key goes with the commit that says so. */
static void
finish(struct turn *t, struct work *w, struct waiter waiter)
{
    struct keeper *k = turn_keeper(t);
    const struct step *s = w->step;
    const struct grant *g = &w->grant;
    struct str key = grant_key(turn_arena(t), s->app, s->portal);
    struct receipt r;
    receipt_make(t, s->app, s->portal, g, &r);
    struct str json = receipt_json(t, &r);
    struct str receipt = receipt_store(t, &r, erasures_due_ms(t));
    grant_count_move(t, s->app, g->state, 0);
    turn_delete(t, STORE_GRANTS, key);
    turn_delete(t, STORE_DATA_KEYS, key);
    notice_put(t, &(struct notice){.kind = PARCEL_ERASED,
                                   .app = s->app,
                                   .portal = s->portal,
                                   .generation = g->generation,
                                   .data = json});
    turn_count(t, &k->n_erased);
    turn_scrub(t);
    erasures_note(t, &r, receipt);
    answer_document(t, waiter, json);
    turn_wake(t, key);
    turn_log(t, LOG_INFO, "grant.erased",
             "app=%.*s portal=%" PRIu64 " generation=%" PRIu64
             " remote=%.*s word=%.*s events=%" PRIu64,
             STR_ARG(s->app), s->portal, g->generation, STR_ARG(r.remote),
             STR_ARG(r.word), g->erased.n_events);
}

static void
tell_of_end(struct turn *t, struct work *w)
{
    if (w->grant.is_end_told || w->grant.is_word_confirmed)
        return;
    w->grant.is_end_told = true;
    notice_put(t, &(struct notice){.kind = PARCEL_UNINSTALLED,
                                   .app = w->step->app,
                                   .portal = w->step->portal,
                                   .generation = w->grant.generation});
}

static void
take_pages(struct turn *t, struct work *w, size_t full,
           const struct find finds[static N_STAGES])
{
    struct step next = *w->step;
    struct waiter waiter = {next.peer, next.call};
    for (size_t i = next.stage; i < N_STAGES && i <= full; i++)
        take_page(t, w, i, &finds[i]);
    event_log_store(t, next.app, &w->log);
    tell_of_end(t, w); /* moves the log, too */
    if (full == N_STAGES) {
        finish(t, w, waiter);
        return;
    }
    grant_store(t, next.app, next.portal, &w->grant,
                turn_now_ms(t) + RESUME_MS);
    next.stage = (uint32_t)full;
    next.after = finds[full].rows->rows[finds[full].n - 1].key;
    turn_follow(t, do_cascade, &step_record, &next);
}

static enum err
do_cascade(struct turn *t, const void *ask)
{
    const struct step *s = ask;
    struct work w = {.step = s};
    struct data_key row;
    struct grant_counts counts;
    struct find finds[N_STAGES] = {{0}};
    bool has_grant = grant_load(t, s->app, s->portal, &w.grant, &row);
    (void)grant_counts_load(t, s->app, &counts); /* named here */
    (void)event_log_load(t, s->app, &w.log);     /* named here */
    size_t full = find_pages(t, s, finds);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (!has_grant || w.grant.generation != s->generation ||
        w.grant.erase_since_ms == 0) { /* another was at its end first */
        cascade_answer_gone(
            t, &(struct cascade){s->app, s->portal, 0, {s->peer, s->call}});
        return ERR_OK;
    }
    take_pages(t, &w, full, finds);
    return ERR_OK;
}

void
cascade_go_on(struct turn *t, const struct cascade *c)
{
    turn_follow(t, do_cascade, &step_record,
                &(struct step){.app = c->app,
                               .portal = c->portal,
                               .generation = c->generation,
                               .peer = c->waiter.peer,
                               .call = c->waiter.call});
}

static enum err
do_answer_gone(struct turn *t, const void *ask)
{
    const struct step *s = ask;
    return receipt_answer_last(t, s->app, s->portal,
                               (struct waiter){s->peer, s->call});
}

void
cascade_answer_gone(struct turn *t, const struct cascade *c)
{
    if (c->waiter.peer != 0)
        turn_follow(t, do_answer_gone, &step_record,
                    &(struct step){.app = c->app,
                                   .portal = c->portal,
                                   .peer = c->waiter.peer,
                                   .call = c->waiter.call});
}

#include "keeper/journal.h"

#include "keeper/apps.h"
#include "keeper/audit.h"
#include "keeper/backoff.h"
#include "keeper/inbox.h"
#include "keeper/keeper.h"
#include "keeper/peers.h"

#include <inttypes.h>
#include <stdlib.h>

/*
 * 1. The offset moves in the commit of its file's last piece, never before.
 * 2. While a reading runs the row is due LEASE_MS later: should it get lost
 *    (the courier died), the sweep begins it anew.
 */
#define LEASE_MS 60000
#define POLL_MS 60000
#define SPREAD_MS 10000
#define PASS_MS 2000                       /* between the pages of a pass */
#define READ_WITHIN_MS 75000               /* the courier has 30 s for a file */
#define GAP_MS (3 * 86400 * INT64_C(1000)) /* HubSpot keeps that much */
#define WAIT_MS 10000                      /* first wait after a failure */
#define WAIT_MAX_MS 600000
#define SOON_MS 500
#define NO_COURIER "NO_COURIER" /* as errands.c says it */
#define PIECE_MAX 1000          /* events; the courier cuts at 100 */

static const struct field journal_fields[] = {
    FIELD(struct journal, offset),     FIELD(struct journal, read_at_ms),
    FIELD(struct journal, owner),      FIELD(struct journal, lease_until_ms),
    FIELD(struct journal, n_failures), FIELD(struct journal, last_error),
    FIELD(struct journal, fresh),      FIELD(struct journal, pass_at_ms),
    FIELD(struct journal, pass_from),  FIELD(struct journal, is_gap),
    FIELD(struct journal, n_events),
};
const struct record journal_record = RECORD(journal);

static enum err do_app_token(struct turn *t, const void *ask);
static enum err do_read(struct turn *t, const void *ask);
static enum err do_piece(struct turn *t, const void *ask);

/* What the courier said, with what it was asked. */
struct journal_read {
    struct str app;
    struct courier_journal_read r;
};
static const struct field journal_read_fields[] = {
    FIELD(struct journal_read, app),
    FIELD(struct journal_read, r.outcome),
    FIELD(struct journal_read, r.http_status),
    FIELD(struct journal_read, r.status),
    FIELD(struct journal_read, r.message),
    FIELD(struct journal_read, r.retry_after_s),
    FIELD(struct journal_read, r.offset),
    FIELD(struct journal_read, r.handle),
    FIELD(struct journal_read, r.n_pieces),
};
static const struct record journal_read_record = RECORD(journal_read);

struct piece {
    struct str app;
    struct str offset;
    uint64_t handle;
    uint32_t index, n;
    uint32_t err;
    struct hidden events;
};
static const struct field piece_fields[] = {
    FIELD(struct piece, app),    FIELD(struct piece, offset),
    FIELD(struct piece, handle), FIELD(struct piece, index),
    FIELD(struct piece, n),      FIELD(struct piece, err),
    FIELD(struct piece, events),
};
static const struct record piece_record = RECORD(piece);

/* A call that is on its way. */
struct journal_call {
    struct keeper *keeper;
    struct arena *arena;
    struct piece piece; /* of a reading: app alone */
};

static struct journal_call *
call_new(struct keeper *k, const struct piece *p)
{
    struct journal_call *c = calloc(1, sizeof(*c));
    if (c == NULL)
        abort();
    c->keeper = k;
    c->arena = arena_new();
    record_copy(&piece_record, p, c->arena, &c->piece);
    return c;
}

static void
call_end(struct journal_call *c, turn_handler handler,
         const struct record *record, const void *result)
{
    if (turns_add(c->keeper->turns, handler, record, result, 0, 0) != ERR_OK)
        keeper_fail(c->keeper, "journal.no_room"); /* own requests have room */
    arena_free(c->arena);
    free(c);
}

static void
on_piece(enum err e, const struct message *m, const void *reply, void *arg)
{
    struct journal_call *c = arg;
    const struct courier_piece_read *r = reply;
    (void)m;
    c->piece.err = (uint32_t)e;
    if (e == ERR_OK) {
        c->piece.err = r->err;
        c->piece.events = r->events;
    }
    call_end(c, do_piece, &piece_record, &c->piece);
}

static void
act_piece(struct keeper *k, void *arg)
{
    const struct piece *p = arg;
    struct channel *courier = peers_newest(k->peers, LIFE_PEER_COURIER);
    struct courier_piece ask = {.handle = p->handle, .index = p->index};
    struct journal_call *c = call_new(k, p);
    if (courier == NULL)
        on_piece(ERR_CLOSED, NULL, NULL, c);
    else
        (void)channel_call(courier, COURIER_PIECE, &ask, READ_WITHIN_MS,
                           on_piece, c); /* never cancelled: no id is kept */
}

static void
on_read(enum err e, const struct message *m, const void *reply, void *arg)
{
    struct journal_call *c = arg;
    struct journal_read r = {.app = c->piece.app,
                             .r.outcome = OUTCOME_TRANSIENT,
                             .r.status = STR(NO_COURIER)};
    (void)m;
    if (e == ERR_OK)
        r.r = *(const struct courier_journal_read *)reply;
    call_end(c, do_read, &journal_read_record, &r);
}

static void
act_read(struct keeper *k, void *arg)
{
    const struct courier_journal *ask = arg;
    struct channel *courier = peers_newest(k->peers, LIFE_PEER_COURIER);
    struct journal_call *c = call_new(k, &(struct piece){.app = ask->app});
    if (courier == NULL)
        on_read(ERR_CLOSED, NULL, NULL, c);
    else
        (void)channel_call(courier, COURIER_JOURNAL, ask, READ_WITHIN_MS,
                           on_read, c); /* never cancelled: no id is kept */
}

void
journal_store(struct turn *t, struct str app, const struct journal *j,
              int64_t due_ms)
{
    struct journal row = *j;
    if (due_ms != j->lease_until_ms) /* nothing runs any more */
        row.lease_until_ms = 0;
    turn_put(t, STORE_JOURNALS, app, &journal_record, &row, due_ms, STR_NONE);
}

static void
read_next(struct turn *t, struct app *app, struct journal *j)
{
    struct arena *a = turn_arena(t);
    struct courier_journal *ask = arena_alloc(a, sizeof(*ask));
    *ask = (struct courier_journal){
        .app = arena_copy(a, app->conf->name),
        .token = HIDDEN(arena_copy(a, secret_view(app->journal_token).s)),
        .offset = arena_copy(a, j->offset),
        .not_after_ms = turn_now_ms(t) + LEASE_MS,
    };
    j->owner = keeper_owner(t);
    j->lease_until_ms = turn_now_ms(t) + LEASE_MS;
    journal_store(t, app->conf->name, j, j->lease_until_ms);
    turn_after(t, act_read, ask);
}

static void
want_token(struct turn *t, const struct app *app, struct journal *j)
{
    struct errand_note note = {.app = app->conf->name};
    struct courier_errand errand = {
        .kind = ERRAND_APP_TOKEN,
        .app = app->conf->name,
        .client_id = app->conf->client_id,
        .client_secret = secret_view(app->client_secret),
        .text = STR("developer.webhooks_journal.read "
                    "developer.webhooks_journal.subscriptions.read "
                    "developer.webhooks_journal.subscriptions.write"),
        .not_after_ms = turn_now_ms(t) + LEASE_MS,
    };
    j->owner = keeper_owner(t);
    j->lease_until_ms = turn_now_ms(t) + LEASE_MS;
    journal_store(t, app->conf->name, j, j->lease_until_ms);
    errands_send(t, &errand, &note, do_app_token);
}

/* On with it: what is to be subscribed first, then the next file. */
static void
go_on(struct turn *t, struct app *app, struct journal *j)
{
    bool has_token = app->journal_token != NULL &&
                     app->journal_token_until_ms > turn_now_ms(t);
    if (j->read_at_ms != 0 && turn_now_ms(t) - j->read_at_ms > GAP_MS &&
        !j->is_gap) {
        turn_log(t, LOG_ERROR, "journal.gap",
                 "app=%.*s do=\"events older than three days are lost; all "
                 "portals are asked about\"",
                 STR_ARG(app->conf->name));
        j->is_gap = true;
        j->pass_at_ms = 0;
    }
    if (!has_token) {
        want_token(t, app, j);
        return;
    }
    journal_pass(t, app, j);
    read_next(t, app, j);
}

/* Later, and later again. */
static void
fail(struct turn *t, struct str app, struct journal *j, struct str why,
     uint32_t retry_after_s)
{
    struct env *env = turn_keeper(t)->env;
    int64_t wait = backoff_ms(env, WAIT_MS, WAIT_MAX_MS, j->n_failures);
    /* It is being replaced, or has no room just now. */
    if (str_equal(why, STR(NO_COURIER)) || str_equal(why, STR("limit"))) {
        journal_store(t, app, j, turn_now_ms(t) + SOON_MS);
        return;
    }
    if (wait < (int64_t)retry_after_s * 1000)
        wait = (int64_t)retry_after_s * 1000;
    if (wait > WAIT_MAX_MS)
        wait = WAIT_MAX_MS;
    turn_log(t, j->n_failures == 0 ? LOG_WARN : LOG_INFO, "journal.failed",
             "app=%.*s why=%s failures=%u", STR_ARG(app), log_quote(why),
             j->n_failures + 1);
    j->n_failures++;
    j->last_error = why;
    journal_store(t, app, j, turn_now_ms(t) + wait);
}

static void
act_forget_token(struct keeper *k, void *arg)
{
    struct app *app = apps_find(k->apps, *(struct str *)arg);
    if (app == NULL)
        return;
    secret_free(app->journal_token);
    app->journal_token = NULL;
}

static void
forget_token(struct turn *t, struct str name)
{
    struct str *app = arena_alloc(turn_arena(t), sizeof(*app));
    *app = arena_copy(turn_arena(t), name);
    turn_after(t, act_forget_token, app);
}

/* Kept in memory alone: another one is to be had at any time. */
static bool
keep_token(struct app *app, const struct errand_result *r, int64_t now_ms)
{
    int64_t life_ms = (int64_t)r->done.expires_in * 1000;
    struct secret *s =
        r->done.access_token.s.n > 0 ? secret_new(r->done.access_token) : NULL;
    if (s == NULL)
        return false;
    secret_free(app->journal_token);
    app->journal_token = s;
    app->journal_token_until_ms = now_ms + life_ms - life_ms / 10;
    return true;
}

static enum err
do_app_token(struct turn *t, const void *ask)
{
    const struct errand_result *r = ask;
    struct app *app = apps_find(turn_keeper(t)->apps, r->note.app);
    struct journal j;
    bool is_there =
        turn_get(t, STORE_JOURNALS, r->note.app, &journal_record, &j);
    if (is_there && app != NULL)
        journal_pass_name(t, app, &j);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (!is_there || app == NULL)
        return ERR_OK;
    if (r->done.outcome != OUTCOME_OK || !keep_token(app, r, turn_now_ms(t)))
        fail(t, r->note.app, &j,
             r->done.status.n > 0 ? r->done.status : STR("no_token"),
             r->done.retry_after_s);
    else
        go_on(t, app, &j);
    return ERR_OK;
}

/* HubSpot does not know the offset any more: what lay between is lost. */
static void
take_gap(struct turn *t, struct str app, struct journal *j)
{
    turn_log(t, LOG_ERROR, "journal.offset_refused",
             "app=%.*s do=\"events may be lost; reading goes on with the "
             "oldest file, and all portals are asked about\"",
             STR_ARG(app));
    audit_add(t, &(struct audit_entry){.kind = STR("journal.gap"),
                                       .app = app,
                                       .actor = STR("keeper"),
                                       .outcome = STR("ok"),
                                       .detail = STR("offset refused")});
    j->offset = STR_NONE;
    j->is_gap = true;
    j->pass_at_ms = 0;
    journal_store(t, app, j, turn_now_ms(t) + WAIT_MS);
}

static void
ask_piece(struct turn *t, const struct piece *p)
{
    struct piece *next = arena_alloc(turn_arena(t), sizeof(*next));
    record_copy(&piece_record, p, turn_arena(t), next);
    turn_after(t, act_piece, next);
}

static void
take_file(struct turn *t, const struct journal_read *r, struct journal *j)
{
    struct env *env = turn_keeper(t)->env;
    int64_t now = turn_now_ms(t);
    j->read_at_ms = now;
    j->n_failures = 0;
    j->last_error = STR_NONE;
    if (r->r.n_pieces > 0) {
        j->lease_until_ms = now + LEASE_MS;
        journal_store(t, r->app, j, j->lease_until_ms);
        ask_piece(t, &(struct piece){.app = r->app,
                                     .offset = r->r.offset,
                                     .handle = r->r.handle,
                                     .n = r->r.n_pieces});
        return;
    }
    if (r->r.offset.n > 0) /* a file with nothing in it */
        j->offset = r->r.offset;
    int64_t wait = POLL_MS + backoff_spread_ms(env, SPREAD_MS);
    if (r->r.offset.n > 0)
        wait = 0;
    else if (j->pass_from.n > 0)
        wait = PASS_MS;
    journal_store(t, r->app, j, now + wait);
}

static enum err
do_read(struct turn *t, const void *ask)
{
    const struct journal_read *r = ask;
    struct journal j;
    bool is_there = turn_get(t, STORE_JOURNALS, r->app, &journal_record, &j);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (!is_there)
        return ERR_OK;
    if (r->r.outcome == OUTCOME_OK) {
        take_file(t, r, &j);
    } else if (r->r.outcome == OUTCOME_TOKEN_ENDED) {
        forget_token(t, r->app);
        fail(t, r->app, &j, STR("token_refused"), 0);
    } else if (r->r.outcome == OUTCOME_REFUSED && j.offset.n > 0) {
        take_gap(t, r->app, &j);
    } else {
        fail(t, r->app, &j,
             r->r.status.n > 0 ? r->r.status : STR("unreachable"),
             r->r.retry_after_s);
    }
    return ERR_OK;
}

/* Its events, read once; bytes are in the request's own memory. */
static const struct arrivals *
read_piece(struct turn *t, const struct piece *p)
{
    void **memo = turn_memo(t);
    struct arrivals *all = *memo;
    if (all != NULL)
        return all;
    all = arena_alloc(turn_lasting(t), sizeof(*all));
    if (events_read(p->events.s, PIECE_MAX, turn_lasting(t), &all->events) !=
        ERR_OK)
        all->events = (struct events){0}; /* the courier cut it: never */
    inbox_name_events(t, all);
    *memo = all;
    return all;
}

static enum err
do_piece(struct turn *t, const void *ask)
{
    const struct piece *p = ask;
    struct journal j;
    const struct arrivals *all;
    enum err e = ERR_OK;
    bool is_there = turn_get(t, STORE_JOURNALS, p->app, &journal_record, &j);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (!is_there)
        return ERR_OK;
    if (p->err != ERR_OK) { /* no longer held: the file is read anew */
        fail(t, p->app, &j, STR(NO_COURIER), 0);
        return ERR_OK;
    }
    all = read_piece(t, p);
    e = inbox_take(t, p->app, SOURCE_JOURNAL, all);
    if (e == ERR_AGAIN)
        return e;
    if (e == ERR_LIMIT) { /* no room: from the file's beginning, later */
        fail(t, p->app, &j, STR("log_full"), 0);
        return ERR_OK;
    }
    if (e != ERR_OK) /* what cannot be taken must not hold up all the rest */
        turn_log(t, LOG_ERROR, "journal.left_out",
                 "app=%.*s do=\"see inbox.parking_full and "
                 "inbox.not_sealed above\"",
                 STR_ARG(p->app));
    j.n_events += all->events.n;
    if (p->index + 1 < p->n) {
        struct piece next = *p;
        next.index++;
        next.events = HIDDEN_NONE;
        j.lease_until_ms = turn_now_ms(t) + LEASE_MS;
        journal_store(t, p->app, &j, j.lease_until_ms);
        ask_piece(t, &next);
    } else {
        j.offset = p->offset;
        journal_store(t, p->app, &j, turn_now_ms(t));
    }
    return ERR_OK;
}

void
journal_name(struct turn *t, struct str app)
{
    struct journal j;
    struct app *a = apps_find(turn_keeper(t)->apps, app);
    if (turn_get(t, STORE_JOURNALS, app, &journal_record, &j) && a != NULL)
        journal_pass_name(t, a, &j);
}

/* Another keeper's, which is at it. */
static bool
is_leased(struct turn *t, const struct journal *j)
{
    return j->owner.n > 0 && j->lease_until_ms > turn_now_ms(t) &&
           !str_equal(j->owner, keeper_owner(t)) &&
           keeper_owner_lives(t, j->owner);
}

void
journal_tend(struct turn *t, struct str name)
{
    struct journal j;
    struct app *app = apps_find(turn_keeper(t)->apps, name);
    if (!turn_get(t, STORE_JOURNALS, name, &journal_record, &j))
        return;
    if (app == NULL || app->conf->is_static)
        turn_delete(t, STORE_JOURNALS, name);
    else if (is_leased(t, &j))
        journal_store(t, name, &j, j.lease_until_ms);
    else
        go_on(t, app, &j);
}

enum err
do_journals_start(struct turn *t, const void *ask)
{
    struct apps *apps = turn_keeper(t)->apps;
    struct journal j;
    (void)ask;
    for (size_t i = 0; i < apps_count(apps); i++)
        (void)turn_get(t, STORE_JOURNALS, apps_at(apps, i)->conf->name,
                       &journal_record, &j); /* named */
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    for (size_t i = 0; i < apps_count(apps); i++) {
        const struct life_app *conf = apps_at(apps, i)->conf;
        if (conf->is_static)
            continue;
        if (!turn_get(t, STORE_JOURNALS, conf->name, &journal_record, &j))
            j = (struct journal){0};
        j.owner = STR_NONE; /* this keeper's birth ended its reading */
        journal_store(t, conf->name, &j, turn_now_ms(t));
    }
    return ERR_OK;
}

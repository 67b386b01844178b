#include "keeper/event_list.h"

#include "keeper/answer.h"
#include "keeper/apikeys.h"
#include "keeper/apps.h"
#include "keeper/audit.h"
#include "keeper/event_log.h"
#include "keeper/keeper.h"
#include "keeper/page.h"
#include "keeper/peers.h"
#include "keeper/queue.h"

#include <inttypes.h>

#define PARCELS 256           /* looked at in one call */
#define BYTES_MAX LIMIT_FRAME /* opened in one call; more do not fit */

/* What is asked for, by whichever of the two. */
struct listing {
    struct turn *t;
    bool is_admin;
    struct str app;
    uint64_t portal;
    struct strs portals;         /* of a bound key: no others; empty: all */
    const struct key_wish *wish; /* NULL: the operator's */
    uint32_t filter;
    struct str cursor;
    size_t limit;
    uint32_t wait_ms;
    /* Where it begins: after that event. */
    uint64_t number;
    size_t index;
    /* What was found. */
    struct event_log log;
    const struct store_ask *found;
    const struct letter *letters[PARCELS];
    size_t n_letters;
    bool is_all;   /* there is nothing behind the letters */
    uint64_t last; /* the number up to which all was looked at */
};

/* Kept over a long poll's runs. */
struct poll {
    int64_t until_ms; /* monotonic */
    uint64_t number;  /* where "now" was */
};

struct str
event_list_topic(struct turn *t, struct str app)
{
    return arena_printf(turn_arena(t), "events/%.*s", STR_ARG(app));
}

static void
refuse(struct turn *t, enum err e, struct str detail)
{
    answer_refusal(t, answer_waiter(t),
                   &(struct refusal_text){.err = e, .detail = detail});
}

static struct poll *
poll_of(struct listing *l)
{
    struct env *env = turn_keeper(l->t)->env;
    struct poll **p = (struct poll **)turn_memo(l->t);
    if (*p == NULL) {
        *p = arena_alloc(turn_lasting(l->t), sizeof(**p));
        (*p)->until_ms = env->mono_ms(env) + l->wait_ms;
    }
    return *p;
}

/* ERR_AGAIN; ERR_INVALID: no cursor of ours. */
static enum err
find_start(struct listing *l)
{
    struct poll *p = poll_of(l);
    if (!event_log_load(l->t, l->app, &l->log))
        return ERR_AGAIN;
    l->index = PARCEL_EVENTS_MAX;
    if (str_equal(l->cursor, STR("now"))) {
        if (p->number == 0)
            p->number = l->log.last_number;
        l->number = p->number;
        return ERR_OK;
    }
    if (l->cursor.n == 0)
        return ERR_OK;
    return parcel_event_id_parse(l->cursor, &l->number, &l->index)
               ? ERR_OK
               : ERR_INVALID;
}

/* The rows behind the cursor; its own parcel may have more events. */
static const struct store_ask *
find_rows(struct listing *l)
{
    struct arena *a = turn_arena(l->t);
    uint64_t after = l->number > 0 ? l->number - 1 : 0;
    struct store_ask ask = {.table = STORE_EVENTS,
                            .by = STORE_BY_PREFIX,
                            .key = arena_printf(a, "%.*s/", STR_ARG(l->app)),
                            .after = parcel_key(a, l->app, after),
                            .limit = PARCELS};
    if (l->limit + 1 < PARCELS)
        ask.limit = l->limit + 1;
    if (l->filter == EVENTS_PENDING || l->filter == EVENTS_DEAD) {
        bool is_dead = l->filter == EVENTS_DEAD;
        ask.table = STORE_QUEUE;
        ask.key = arena_printf(a, "%s/%.*s/", is_dead ? "dead" : "live",
                               STR_ARG(l->app));
        ask.after = is_dead ? queue_dead_key(a, l->app, after)
                            : queue_live_key(a, l->app, after);
    } else if (l->portal != 0) {
        ask.by = STORE_BY_TAG;
        ask.key = STR_NONE;
        ask.tag = l->filter == EVENTS_PARKED
                      ? parcel_parked_tag(a, l->app, l->portal)
                      : parcel_tag(a, l->app, l->portal);
    }
    return turn_find(l->t, &ask);
}

static bool
number_of(const struct store_row *row, uint64_t *out)
{
    struct parcel_key k;
    if (row->table == STORE_QUEUE)
        return queue_key_number(row->key, out);
    if (!parcel_key_parse(row->key, &k))
        return false;
    *out = k.number;
    return true;
}

static bool
is_wanted(const struct listing *l, const struct parcel *p)
{
    bool is_parked = p->seal == SEALED_BY_PARKING;
    if (l->portal != 0 && p->portal != l->portal)
        return false;
    if (l->portals.n > 0 &&
        !strs_have(l->portals,
                   arena_printf(turn_arena(l->t), "%" PRIu64, p->portal)))
        return false;
    if (!l->is_admin)
        return !is_parked && p->kind != PARCEL_UNREADABLE;
    return l->filter != EVENTS_PARKED || is_parked;
}

/* How many of its events stand behind the cursor. */
static size_t
count_behind(const struct listing *l, uint64_t number, const struct parcel *p)
{
    struct parcel_entry *entries;
    size_t n;
    if (!parcel_read(p, turn_arena(l->t), &entries, &n))
        return 0;
    if (number != l->number)
        return n;
    return n > l->index + 1 ? n - l->index - 1 : 0;
}

/* One row of the page.  False: the page is full of what comes before it. */
static bool
look_at(struct listing *l, uint64_t number, size_t *n_events, size_t *n_bytes)
{
    struct arena *a = turn_arena(l->t);
    struct queue *q = arena_alloc(a, sizeof(*q));
    struct parcel p;
    const struct letter *letter;
    if (*n_events >= l->limit || *n_bytes > BYTES_MAX)
        return false;
    l->last = number;
    if (!turn_get(l->t, STORE_EVENTS, parcel_key(a, l->app, number),
                  &parcel_record, &p) ||
        !is_wanted(l, &p))
        return true;
    size_t n_behind = count_behind(l, number, &p);
    if (n_behind == 0)
        return true;
    *n_bytes += p.n_bytes;
    if (l->is_admin)
        (void)queue_load(l->t, l->app, number, q); /* named here */
    if (letter_open(l->t, l->app, number, &letter) != ERR_OK)
        return true; /* waited for, erased, or not to be opened */
    l->letters[l->n_letters++] = letter;
    *n_events += n_behind;
    return true;
}

static enum err
load(struct listing *l)
{
    size_t n_events = 0, n_bytes = 0, i;
    l->found = find_rows(l);
    if (l->found == NULL)
        return ERR_AGAIN;
    l->last = l->number;
    for (i = 0; i < l->found->n_rows; i++) {
        uint64_t number;
        if (number_of(&l->found->rows[i], &number) &&
            !look_at(l, number, &n_events, &n_bytes))
            break;
    }
    l->is_all = i == l->found->n_rows && l->found->n_rows < l->found->limit;
    return turn_is_waiting(l->t) ? ERR_AGAIN : ERR_OK;
}

static const char *
state_of(struct turn *t, const struct letter *l, const struct queue *q,
         size_t index)
{
    struct app *app = apps_find(turn_keeper(t)->apps, l->app);
    bool has_target = app != NULL && app->conf->webhook_target.n > 0;
    if (letter_is_erased(l, index))
        return "erased";
    if (l->parcel.seal == SEALED_BY_PARKING)
        return "parked";
    switch (queue_state(q, index)) {
    case EVENT_PENDING:
        return "pending";
    case EVENT_DEAD:
        return "dead";
    case EVENT_GONE:
        return "erased";
    default:
        return has_target ? "delivered" : "kept";
    }
}

/* As a backend gets it, and what an operator wants to know beside. */
static void
add_admin(struct turn *t, struct doc *d, const struct letter *l,
          const struct queue *q, size_t index)
{
    const struct queue_try *y = &q->try[index];
    letter_add(d, l, index);
    doc_field_time(d, "accepted_at", l->parcel.accepted_at_ms / 1000);
    doc_field_str(d, "state", str_from(state_of(t, l, q, index)));
    doc_field_u64(d, "attempts", y->n_attempts);
    doc_field_u64(d, "last_status", y->last_status);
    doc_field_str(d, "last_reason", y->last_reason);
    doc_field_time(d, "retry_at", y->retry_at_ms / 1000);
    doc_close(d, '}');
}

static bool
is_state_wanted(const struct listing *l, const struct queue *q, size_t index)
{
    if (l->filter == EVENTS_PENDING)
        return queue_state(q, index) == EVENT_PENDING;
    return l->filter != EVENTS_DEAD || queue_state(q, index) == EVENT_DEAD;
}

/* The events of one parcel.  False: the page is full. */
static bool
add_letter(struct listing *l, struct page *page, const struct letter *letter,
           size_t *n_added)
{
    struct arena *a = turn_arena(l->t);
    struct queue *q = arena_alloc(a, sizeof(*q));
    if (l->is_admin)
        (void)queue_load(l->t, l->app, letter->number, q); /* is there */
    for (size_t i = 0; i < letter->n; i++) {
        if ((letter->number == l->number && i <= l->index) ||
            (!l->is_admin && letter_is_erased(letter, i)) ||
            !is_state_wanted(l, q, i))
            continue;
        if (*n_added == l->limit)
            return false;
        if (l->is_admin) {
            add_admin(l->t, &page->doc, letter, q, i);
        } else {
            letter_add(&page->doc, letter, i);
            doc_close(&page->doc, '}');
        }
        if (!page_keep(page, parcel_event_id(a, letter->number, i)))
            return false;
        ++*n_added;
    }
    return true;
}

/* Where the caller goes on.  Who waits, or asks for what comes, needs a place
 * even at the end. */
static struct str
next_of(const struct listing *l, const struct page *page, bool is_cut)
{
    struct arena *a = turn_arena(l->t);
    bool wants_place =
        !l->is_admin || l->wait_ms > 0 || str_equal(l->cursor, STR("now"));
    if (is_cut)
        return page->last.n > 0 ? page->last : l->cursor;
    if (l->is_all && !wants_place)
        return STR_NONE;
    if (l->last > l->number || (l->last == l->number && l->index < 100))
        return parcel_event_id(a, l->last, PARCEL_EVENTS_MAX - 1);
    if (l->number > 0)
        return parcel_event_id(a, l->number, PARCEL_EVENTS_MAX - 1);
    return STR_NONE;
}

static void
note_shown(struct listing *l, size_t n)
{
    uint32_t uid = peers_uid(turn_keeper(l->t)->peers, turn_peer(l->t));
    struct arena *a = turn_arena(l->t);
    if (!l->is_admin || n == 0)
        return;
    audit_add(l->t, &(struct audit_entry){
                        .kind = STR("events.show"),
                        .app = l->app,
                        .portal = l->portal,
                        .actor = arena_printf(a, "uid:%u", uid),
                        .outcome = STR("ok"),
                        .detail = arena_printf(a, "%zu events", n)});
}

static void
act_poll(struct keeper *k, void *arg)
{
    int64_t until = *(const int64_t *)arg;
    if (k->next_poll_ms == 0 || until < k->next_poll_ms)
        k->next_poll_ms = until;
}

static bool
may_wait(struct listing *l)
{
    struct env *env = turn_keeper(l->t)->env;
    if (turn_keeper(l->t)->is_draining)
        return false;
    return l->wait_ms > 0 && l->is_all && !turn_is_late(l->t) &&
           env->mono_ms(env) < poll_of(l)->until_ms;
}

static void
wait_for_more(struct listing *l)
{
    int64_t *until = arena_alloc(turn_arena(l->t), sizeof(*until));
    *until = poll_of(l)->until_ms;
    turn_park(l->t, event_list_topic(l->t, l->app));
    turn_after(l->t, act_poll, until);
}

static void
answer(struct listing *l)
{
    struct page auto_page page = {0};
    bool is_cut = false;
    size_t n = 0;
    page_open(&page, "events");
    for (size_t i = 0; i < l->n_letters && !is_cut; i++)
        is_cut = !add_letter(l, &page, l->letters[i], &n);
    if (n == 0 && !is_cut && may_wait(l)) {
        wait_for_more(l);
        return;
    }
    (void)page_end_list(&page, false); /* next is no key of a row */
    struct str next = next_of(l, &page, is_cut);
    doc_key(&page.doc, "next");
    if (next.n > 0)
        doc_str(&page.doc, next);
    else
        doc_null(&page.doc);
    doc_close(&page.doc, '}');
    note_shown(l, n);
    answer_document(l->t, answer_waiter(l->t), buf_str(&page.json));
}

static enum err
list(struct listing *l)
{
    struct api_key key;
    struct str detail;
    enum err e = find_start(l);
    if (e == ERR_OK)
        e = load(l);
    if (e == ERR_INVALID) {
        refuse(l->t, e,
               STR("cursor is the `next` of an earlier page, the id of an "
                   "event, or \"now\"."));
        return ERR_OK;
    }
    if (e != ERR_OK)
        return e;
    if (l->wish != NULL)
        e = apikey_authorize(l->t, l->wish, &key, &detail); /* noted */
    answer(l);
    return ERR_OK;
}

static bool
has_app(struct turn *t, struct str app)
{
    if (apps_find(turn_keeper(t)->apps, app) != NULL)
        return true;
    refuse(t, ERR_NOT_FOUND,
           STR("There is no app of that name in the configuration."));
    return false;
}

enum err
do_events_list(struct turn *t, const void *ask)
{
    const struct relay_events_list *a = ask;
    struct key_wish wish = {.credential = a->credential,
                            .app = a->app,
                            .portal = a->portal,
                            .verb = VERB_EVENTS,
                            .address = a->address};
    struct api_key key;
    struct str detail;
    enum err e = apikey_check(t, &wish, &key, &detail);
    if (e == ERR_AGAIN)
        return e;
    if (e != ERR_OK) {
        refuse(t, e, detail);
        return ERR_OK;
    }
    if (!has_app(t, a->app))
        return ERR_OK;
    struct listing *l = arena_alloc(turn_arena(t), sizeof(*l));
    *l = (struct listing){.t = t,
                          .app = a->app,
                          .portal = a->portal,
                          .portals = key.portals,
                          .wish = &wish,
                          .cursor = a->cursor,
                          .limit =
                              a->limit > 0 && a->limit < 100 ? a->limit : 100,
                          .wait_ms = a->wait_ms};
    return list(l);
}

enum err
do_events_list_admin(struct turn *t, const void *ask)
{
    const struct admin_events *a = ask;
    if (!has_app(t, a->app))
        return ERR_OK;
    struct listing *l = arena_alloc(turn_arena(t), sizeof(*l));
    *l = (struct listing){.t = t,
                          .is_admin = true,
                          .app = a->app,
                          .portal = a->portal,
                          .filter = a->filter,
                          .cursor = a->cursor,
                          .limit =
                              a->limit > 0 && a->limit < 1000 ? a->limit : 1000,
                          .wait_ms = a->wait_ms};
    return list(l);
}

enum err
do_event_show(struct turn *t, const void *ask)
{
    const struct admin_event *a = ask;
    const struct letter *letter;
    struct queue *q = arena_alloc(turn_arena(t), sizeof(*q));
    struct listing l = {.t = t, .is_admin = true, .app = a->app};
    struct buf auto_buf json = {0};
    uint64_t number;
    size_t index;
    if (!parcel_event_id_parse(a->id, &number, &index)) {
        refuse(t, ERR_INVALID,
               STR("An event's id looks like evt_0123456789abcdef_00."));
        return ERR_OK;
    }
    (void)queue_load(t, a->app, number, q); /* named here */
    enum err e = letter_open(t, a->app, number, &letter);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (e == ERR_OK && index >= letter->n)
        e = ERR_NOT_FOUND;
    if (e == ERR_NOT_FOUND)
        refuse(t, e,
               STR("There is no such event: it was never there, its portal "
                   "was erased, or the log keeps no events as old."));
    else if (e != ERR_OK)
        refuse(t, e,
               STR("This event does not open with the keys that are "
                   "here."));
    if (e != ERR_OK)
        return ERR_OK;
    buf_init_secret(&json, LIMIT_FRAME - 1024);
    struct doc d = doc_into(&json);
    add_admin(t, &d, letter, q, index);
    l.portal = letter->parcel.portal;
    note_shown(&l, 1);
    answer_document(t, answer_waiter(t), buf_str(&json));
    return ERR_OK;
}

static enum err
do_end_polls(struct turn *t, const void *ask)
{
    struct keeper *k = turn_keeper(t);
    (void)ask;
    for (size_t i = 0; i < apps_count(k->apps); i++)
        turn_wake(t, event_list_topic(t, apps_at(k->apps, i)->conf->name));
    return ERR_OK;
}

void
event_list_drain(struct keeper *k)
{
    k->is_draining = true;
    turns_add_event(k->turns, do_end_polls, NULL, NULL);
}

void
event_list_tick(struct keeper *k)
{
    if (k->next_poll_ms == 0 || k->env->mono_ms(k->env) < k->next_poll_ms)
        return;
    k->next_poll_ms = 0;
    turns_add_event(k->turns, do_end_polls, NULL, NULL);
}

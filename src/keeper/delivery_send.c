#include "keeper/delivery_int.h"

#include "hubspot/standard_webhooks.h"
#include "keeper/keeper.h"
#include "keeper/letter.h"
#include "keeper/peers.h"
#include "keeper/queue.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>

#define ANSWER_WITHIN_MS 60000 /* the courier's own deadline is shorter */
#define SEND_WITHIN_MS 20000
#define BATCH_BYTES_MAX 400000 /* of HubSpot's; the frame holds more */
#define BODY_MAX (LIMIT_FRAME - 32768)
#define EVENT_AROUND 512 /* what a letter adds to an event's bytes */

/* One request, as decided; in the turn's arena. */
struct departure {
    struct departure *next;
    struct sent_list events;
    size_t n_bytes;
    bool is_erased; /* nothing is left of it to send */
    bool is_locked; /* it does not open */
    struct courier_deliver message;
};

/* On its way. */
struct flight {
    struct keeper *keeper;
    struct lane *lane; /* lives as long as the keeper */
    size_t n_bytes;
    struct arena *arena;
    struct sent_list events;
    struct str target;
};

static bool
has_gap(const struct item *i, const struct gaps *gaps)
{
    for (size_t n = 0; n < i->n_links; n++)
        if (gaps_has(gaps, window_object(i, n)))
            return true;
    return false;
}

/* The request so far, while the window is walked in order. */
struct choice {
    unsigned request;
    size_t most;
    bool is_alone, is_replay;
    size_t n, n_bytes;
};

static bool
may_join(const struct choice *c, const struct item *i, bool is_alone)
{
    size_t n_bytes = i->n_bytes + EVENT_AROUND;
    if (i->state != ITEM_READY || i->picked != 0 ||
        !window_is_free(i, c->request))
        return false;
    return c->n == 0 || (!c->is_alone && !is_alone && c->n < c->most &&
                         c->is_replay == i->is_replay &&
                         c->n_bytes + n_bytes <= BATCH_BYTES_MAX);
}

static struct departure *
choose(struct turn *t, struct lane *l, const struct gaps *gaps,
       unsigned request, size_t most)
{
    struct choice c = {.request = request, .most = most};
    struct departure *d = NULL;
    for (struct item *i = l->window.order.first; i != NULL; i = i->next) {
        bool is_alone = i->is_single || has_gap(i, gaps);
        if (!may_join(&c, i, is_alone))
            continue;
        if (d == NULL) {
            d = arena_alloc(turn_arena(t), sizeof(*d));
            d->events.v =
                arena_alloc(turn_arena(t), most * sizeof(*d->events.v));
            c.is_alone = is_alone;
            c.is_replay = d->message.is_replay = i->is_replay;
        }
        i->picked = request;
        d->events.v[d->events.n++] = (struct sent){i->number, i->index};
        c.n_bytes += i->n_bytes + EVENT_AROUND;
        if (++c.n == most || is_alone)
            break;
    }
    if (d != NULL)
        d->n_bytes = c.n_bytes;
    return d;
}

/* As many as there is room for, the oldest events first. */
static struct departure *
choose_all(struct turn *t, struct lane *l, const struct gaps *gaps)
{
    struct keeper *k = turn_keeper(t);
    unsigned room = lane_room(k, l);
    size_t most = lane_app(k, l)->conf->webhook_batch;
    size_t n_bytes = k->delivery->n_bytes;
    struct departure *first = NULL, **end = &first;
    for (struct item *i = l->window.order.first; i != NULL; i = i->next)
        i->picked = 0;
    for (unsigned n = 1; n <= room && n_bytes < FLIGHT_BYTES_MAX; n++) {
        *end = choose(t, l, gaps, n, most > 0 ? most : 1);
        if (*end == NULL)
            break;
        n_bytes += (*end)->n_bytes;
        end = &(*end)->next;
    }
    for (struct item *i = l->window.order.first; i != NULL; i = i->next)
        i->picked = 0;
    return first;
}

/* Stable over retries: the event's own; of a batch, what names all of it. */
static struct str
id_of(struct turn *t, const struct sent_list *events)
{
    uint8_t hash[16];
    struct buf auto_buf hex = {0};
    if (events->n == 1)
        return parcel_event_id(turn_arena(t), events->v[0].number,
                               events->v[0].index);
    struct str all = sent_pack(turn_arena(t), events);
    (void)crypto_generichash(hash, sizeof(hash), (const uint8_t *)all.p, all.n,
                             NULL, 0); /* sizes are right */
    buf_init(&hex, 64);
    buf_add_text(&hex, "bat_");
    for (size_t i = 0; i < sizeof(hash); i++)
        buf_addf(&hex, "%02x", hash[i]);
    return arena_copy(turn_arena(t), buf_str(&hex));
}

static struct str
sign(struct turn *t, const struct app *app, const struct courier_deliver *m)
{
    struct webhook_message message = {
        .id = m->id, .timestamp_s = turn_now_s(t), .body = m->body.s};
    struct hidden keys[2];
    size_t n = 0;
    struct buf auto_buf signature = {0};
    if (app->webhook_secret != NULL)
        keys[n++] = secret_view(app->webhook_secret);
    if (app->webhook_secret_old != NULL)
        keys[n++] = secret_view(app->webhook_secret_old);
    buf_init(&signature, 256);
    webhook_sign(&message, keys, n, &signature);
    return arena_copy(turn_arena(t), buf_str(&signature));
}

static void
address(struct turn *t, const struct app *app, struct departure *d)
{
    struct arena *a = turn_arena(t);
    struct courier_deliver *m = &d->message;
    m->url = arena_copy(a, app->conf->webhook_target);
    m->id = id_of(t, &d->events);
    m->timestamp = arena_printf(a, "%" PRId64, turn_now_s(t));
    m->not_after_ms = turn_now_ms(t) + SEND_WITHIN_MS;
    m->signature = sign(t, app, m);
}

/* Its events, those left out of which nothing is left. */
static void
write_body(struct turn *t, const struct lane *l, struct departure *d,
           bool is_batch)
{
    struct buf auto_buf body = {0};
    buf_init_secret(&body, BODY_MAX);
    struct doc doc = doc_into(&body);
    if (is_batch) {
        doc_open(&doc, '{');
        doc_key(&doc, "events");
        doc_open(&doc, '[');
    }
    for (size_t i = 0; i < d->events.n; i++) {
        const struct sent *s = &d->events.v[i];
        const struct letter *letter;
        enum err e = letter_open(t, l->app, s->number, &letter);
        bool is_erased = e == ERR_NOT_FOUND ||
                         (e == ERR_OK && letter_is_erased(letter, s->index));
        d->is_erased |= is_erased;
        d->is_locked |= !is_erased && e != ERR_OK;
        if (is_erased || e != ERR_OK)
            continue;
        letter_add(&doc, letter, s->index);
        doc_close(&doc, '}');
    }
    if (is_batch) {
        doc_close(&doc, ']');
        doc_close(&doc, '}');
    }
    d->is_locked |= buf_err(&body) != ERR_OK;
    d->message.body = HIDDEN(arena_copy(turn_arena(t), buf_str(&body)));
}

static struct str
gap_of(struct turn *t, struct lane *l, const struct gaps *gaps,
       const struct sent *s)
{
    const struct item *i = window_find(&l->window, s->number, s->index);
    struct str id = STR_NONE;
    for (size_t n = 0; i != NULL && n < i->n_links && id.n == 0; n++)
        id = gaps_find(gaps, turn_arena(t), window_object(i, n));
    return id;
}

enum err
departures_load(struct turn *t, struct lane *l, struct gaps *gaps,
                struct departure **out)
{
    const struct app *app = lane_app(turn_keeper(t), l);
    bool is_batch = app->conf->webhook_batch > 1;
    struct departure *all = choose_all(t, l, gaps);
    const struct letter *letter;
    bool is_waiting = false; /* all are named at once */
    for (struct departure *d = all; d != NULL; d = d->next)
        for (size_t i = 0; i < d->events.n; i++)
            is_waiting |= letter_open(t, l->app, d->events.v[i].number,
                                      &letter) == ERR_AGAIN;
    if (is_waiting)
        return ERR_AGAIN;
    for (struct departure *d = all; d != NULL; d = d->next) {
        write_body(t, l, d, is_batch);
        if (d->events.n == 1)
            d->message.gap = gap_of(t, l, gaps, &d->events.v[0]);
        address(t, app, d);
    }
    *out = all;
    return ERR_OK;
}

static void
flight_end(struct flight *f)
{
    f->lane->n_flights--;
    f->keeper->delivery->n_bytes -= f->n_bytes;
    arena_free(f->arena);
    free(f);
}

/* It was not sent, or nobody knows: it is sent again, with the same id. */
static void
take_back(struct flight *f)
{
    for (size_t n = 0; n < f->events.n; n++) {
        const struct sent *s = &f->events.v[n];
        struct item *i = window_find(&f->lane->window, s->number, s->index);
        if (i != NULL && i->state == ITEM_SENT)
            i->state = ITEM_READY;
    }
}

static void
come_back(struct flight *f, const struct delivered *d)
{
    struct keeper *k = f->keeper;
    if (turns_add(k->turns, do_delivered, &delivered_record, d, 0, 0) != ERR_OK)
        keeper_fail(k, "delivery.no_room"); /* own requests have room */
    flight_end(f);
}

/* The courier had no room, or got it too late. */
static bool
was_not_sent(const struct courier_delivered *r)
{
    return r->http_status == 0 && (str_equal(r->reason, STR("too_late")) ||
                                   str_equal(r->reason, STR("busy")));
}

static void
on_reply(enum err e, const struct message *m, const void *reply, void *arg)
{
    struct flight *f = arg;
    const struct courier_delivered *r = reply;
    (void)m;
    if (e == ERR_OK && !was_not_sent(r)) {
        struct delivered d = {.app = f->lane->app,
                              .target = f->target,
                              .events = sent_pack(f->arena, &f->events),
                              .http_status = r->http_status,
                              .retry_after_s = r->retry_after_s,
                              .reason = r->reason};
        come_back(f, &d);
        return;
    }
    take_back(f);
    flight_end(f); /* the next tick sends it */
}

static struct flight *
flight_new(struct keeper *k, struct lane *l, const struct departure *d)
{
    struct flight *f = calloc(1, sizeof(*f));
    if (f == NULL)
        abort();
    f->keeper = k;
    f->lane = l;
    f->n_bytes = d->n_bytes;
    f->arena = arena_new();
    f->events.n = d->events.n;
    f->events.v = arena_alloc(f->arena, d->events.n * sizeof(*f->events.v));
    memcpy(f->events.v, d->events.v, d->events.n * sizeof(*f->events.v));
    f->target = arena_copy(f->arena, d->message.url);
    l->n_flights++;
    k->delivery->n_bytes += f->n_bytes;
    return f;
}

/* Others of the turn may have moved the window since it was decided. */
static bool
mark_sent(struct lane *l, const struct departure *d)
{
    for (size_t n = 0; n < d->events.n; n++) {
        const struct sent *s = &d->events.v[n];
        const struct item *i = window_find(&l->window, s->number, s->index);
        if (i == NULL || i->state != ITEM_READY)
            return false;
    }
    for (size_t n = 0; n < d->events.n; n++) {
        const struct sent *s = &d->events.v[n];
        window_find(&l->window, s->number, s->index)->state = ITEM_SENT;
    }
    return true;
}

void
departures_send(struct keeper *k, struct lane *l, struct departure *d)
{
    struct channel *courier = peers_newest(k->peers, LIFE_PEER_DELIVER);
    for (; d != NULL && courier != NULL; d = d->next) {
        if (!mark_sent(l, d))
            continue;
        struct flight *f = flight_new(k, l, d);
        struct delivered fault = {.app = l->app,
                                  .target = f->target,
                                  .events = sent_pack(f->arena, &f->events),
                                  .reason = STR("does_not_open"),
                                  .is_erased = d->is_erased};
        if (d->is_erased || d->is_locked)
            come_back(f, &fault);
        else
            (void)channel_call(courier, COURIER_DELIVER, &d->message,
                               ANSWER_WITHIN_MS, on_reply,
                               f); /* never cancelled: no id is kept */
    }
}

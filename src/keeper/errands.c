#include "keeper/errands.h"

#include "ipc/channel.h"
#include "keeper/install.h"
#include "keeper/keeper.h"
#include "keeper/peers.h"
#include "keeper/refresh.h"
#include "keeper/remote.h"

#include <event2/event.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

/*
 *   WAITING (no courier yet) --courier--> RUNNING --reply, close--> gone
 *      |--too late--> gone                     |
 *      ^----------- it could not be sent ------/
 *
 * Whichever way it goes, `come_back` runs once.
 */

#define SEND_WITHIN_MS 5000 /* after the commit; later it is not sent */
/* The courier answers by its own deadline.  Ours only ends errands of one that
 * hangs: a reply that a slow keeper finds late is still a reply. */
#define BACK_WITHIN_MS 60000
#define HOLD_MS 10000 /* renewed every second while it must be */
#define SPILL_HEAD 4  /* bytes that say how long an entry is */

static const struct field errand_note_fields[] = {
    FIELD(struct errand_note, app),        FIELD(struct errand_note, portal),
    FIELD(struct errand_note, generation), FIELD(struct errand_note, version),
    FIELD(struct errand_note, row),        FIELD(struct errand_note, peer),
    FIELD(struct errand_note, call),       FIELD(struct errand_note, step),
    FIELD(struct errand_note, came_at_ms),
};
const struct record errand_note_record = RECORD(errand_note);

static const struct field errand_result_fields[] = {
    FIELD(struct errand_result, note.app),
    FIELD(struct errand_result, note.portal),
    FIELD(struct errand_result, note.generation),
    FIELD(struct errand_result, note.version),
    FIELD(struct errand_result, note.row),
    FIELD(struct errand_result, note.peer),
    FIELD(struct errand_result, note.call),
    FIELD(struct errand_result, note.step),
    FIELD(struct errand_result, note.came_at_ms),
    FIELD(struct errand_result, done.kind),
    FIELD(struct errand_result, done.outcome),
    FIELD(struct errand_result, done.http_status),
    FIELD(struct errand_result, done.status),
    FIELD(struct errand_result, done.message),
    FIELD(struct errand_result, done.retry_after_s),
    FIELD(struct errand_result, done.date),
    FIELD(struct errand_result, done.access_token),
    FIELD(struct errand_result, done.refresh_token),
    FIELD(struct errand_result, done.expires_in),
    FIELD(struct errand_result, done.hub_id),
    FIELD(struct errand_result, done.user_id),
    FIELD(struct errand_result, done.user_email),
    FIELD(struct errand_result, done.hub_domain),
    FIELD(struct errand_result, done.client_id),
    FIELD(struct errand_result, done.scopes),
    FIELD(struct errand_result, done.has_scopes),
};
static const struct record errand_result_record = RECORD(errand_result);

int64_t
errand_came_at_s(const struct errand_note *note, int64_t now_s)
{
    int64_t at = note->came_at_ms / 1000;
    return at > 0 && at < now_s ? at : now_s;
}

bool
errand_is_transient(const struct courier_done *d)
{
    return d->outcome == OUTCOME_TRANSIENT || d->outcome == OUTCOME_DROPPED ||
           d->outcome == OUTCOME_THROTTLED || d->outcome == OUTCOME_OUR_FAULT;
}

struct errand {
    struct errand *next;
    struct keeper *keeper;
    struct arena *arena; /* wipes */
    struct courier_errand ask;
    struct errand_note note;
    turn_handler on_done;
    int64_t send_before_ms; /* monotonic */
};

struct errands {
    struct errand *waiting; /* newest first; only without a courier */
    size_t n_running;
    struct event *on_tick;
};

static void come_back(struct errand *e, const struct courier_done *done);

static void
drop(struct errand *e)
{
    struct courier_done done = {.kind = e->ask.kind,
                                .outcome = OUTCOME_TRANSIENT,
                                .status = STR("NO_COURIER")};
    come_back(e, &done);
}

static void
come_back(struct errand *e, const struct courier_done *done)
{
    struct keeper *k = e->keeper;
    struct errand_result r = {.note = e->note, .done = *done};
    if (r.note.came_at_ms == 0)
        r.note.came_at_ms = k->env->now_ms(k->env);
    k->errands->n_running--;
    if (turns_add(k->turns, e->on_done, &errand_result_record, &r, 0, 0) !=
        ERR_OK)
        keeper_fail(k, "errand.no_room");
    arena_free(e->arena);
    free(e);
}

static void
wait_for_courier(struct errand *e)
{
    struct errands *es = e->keeper->errands;
    struct timeval tick = {.tv_usec = 250000};
    e->next = es->waiting;
    es->waiting = e;
    if (es->on_tick != NULL)
        (void)event_add(es->on_tick, &tick); /* made before: cannot fail */
}

/* The courier did not send it: it is full, or is being replaced. */
static bool
may_try_again(const struct errand *e, const struct courier_done *done)
{
    struct env *env = e->keeper->env;
    return done->outcome == OUTCOME_DROPPED &&
           env->mono_ms(env) < e->send_before_ms;
}

static void
on_reply(enum err err, const struct message *m, const void *reply, void *arg)
{
    struct errand *e = arg;
    (void)m;
    if (err != ERR_OK)
        drop(e);
    else if (may_try_again(e, reply))
        wait_for_courier(e);
    else
        come_back(e, reply);
}

static void
send_to(struct channel *courier, struct errand *e)
{
    (void)channel_call(courier, COURIER_ERRAND, &e->ask, BACK_WITHIN_MS,
                       on_reply, e); /* never cancelled: no id is kept */
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct keeper *k = arg;
    struct errands *es = k->errands;
    int64_t now = k->env->mono_ms(k->env);
    struct channel *courier = peers_newest(k->peers, LIFE_PEER_COURIER);
    (void)fd;
    (void)what;
    for (struct errand **at = &es->waiting; *at != NULL;) {
        struct errand *e = *at;
        bool is_late = e->send_before_ms <= now;
        if (!is_late && courier == NULL) {
            at = &e->next;
            continue;
        }
        *at = e->next;
        if (is_late)
            drop(e);
        else
            send_to(courier, e);
    }
    if (es->waiting == NULL)
        (void)event_del(es->on_tick); /* never fails on a made event */
}

struct errands *
errands_new(struct keeper *k)
{
    struct errands *es = calloc(1, sizeof(*es));
    if (es == NULL)
        abort();
    k->env->random(k->env, &k->birth, sizeof(k->birth));
    if (k->base != NULL) {
        es->on_tick = event_new(k->base, -1, EV_PERSIST, on_tick, k);
        if (es->on_tick == NULL)
            abort();
    }
    return es;
}

void
errands_free(struct errands *es)
{
    if (es == NULL)
        return;
    while (es->waiting != NULL) {
        struct errand *e = es->waiting;
        es->waiting = e->next;
        arena_free(e->arena);
        free(e);
    }
    if (es->on_tick != NULL)
        event_free(es->on_tick);
    free(es);
}

size_t
errands_n_running(const struct errands *es)
{
    return es->n_running;
}

/* The key pair that spilled replies are sealed to, of one master key. */
static enum err
spill_pair(struct keeper *k, struct str key_id, uint8_t *public_key,
           struct secret **out_secret)
{
    struct secret *auto_secret seed = NULL;
    enum err e = vault_derive(k->vault, key_id, STR("spill"), &seed);
    if (e != ERR_OK)
        return e;
    *out_secret = secret_new_empty(crypto_box_SECRETKEYBYTES);
    if (*out_secret == NULL)
        return ERR_LIMIT;
    (void)crypto_box_seed_keypair(public_key, secret_bytes(*out_secret),
                                  secret_bytes(seed)); /* always 0 */
    return ERR_OK;
}

void
errands_renew_spill_key(struct keeper *k)
{
    uint8_t public_key[crypto_box_PUBLICKEYBYTES];
    struct secret *auto_secret own = NULL;
    if (spill_pair(k, vault_current(k->vault), public_key, &own) != ERR_OK)
        return; /* the current key is always there */
    struct courier_spill_key key = {
        str_of((const char *)public_key, sizeof(public_key))};
    peers_tell(k->peers, LIFE_PEER_COURIER, COURIER_SPILL_KEY, &key);
}

void
errands_hold(struct keeper *k)
{
    struct courier_hold hold = {.for_ms = HOLD_MS};
    if (k->peers != NULL)
        peers_tell(k->peers, LIFE_PEER_COURIER, COURIER_HOLD, &hold);
}

void
errands_on_courier(struct keeper *k)
{
    struct channel *courier = peers_newest(k->peers, LIFE_PEER_COURIER);
    errands_renew_spill_key(k);
    while (k->errands->waiting != NULL) {
        struct errand *e = k->errands->waiting;
        k->errands->waiting = e->next;
        send_to(courier, e);
    }
}

/* As decided, in the turn's arena: a turn that is not committed sends none. */
struct decision {
    struct courier_errand ask;
    struct errand_note note;
    turn_handler on_done;
};

static const struct record *
ask_record(void)
{
    return conversation_find(&courier_conversation, COURIER_ERRAND)->record;
}

static struct errand *
errand_new(struct keeper *k, const struct decision *d)
{
    struct errand *e = calloc(1, sizeof(*e));
    if (e == NULL)
        abort();
    e->keeper = k;
    e->arena = arena_new_secret();
    e->on_done = d->on_done;
    record_copy(ask_record(), &d->ask, e->arena, &e->ask);
    record_copy(&errand_note_record, &d->note, e->arena, &e->note);
    e->send_before_ms = k->env->mono_ms(k->env) + SEND_WITHIN_MS;
    return e;
}

static void
act_send(struct keeper *k, void *arg)
{
    struct errand *e = errand_new(k, arg);
    struct errands *es = k->errands;
    struct channel *courier =
        k->peers != NULL ? peers_newest(k->peers, LIFE_PEER_COURIER) : NULL;
    es->n_running++;
    if (courier != NULL) {
        send_to(courier, e);
        return;
    }
    wait_for_courier(e);
}

void
errands_send(struct turn *t, const struct courier_errand *errand,
             const struct errand_note *note, turn_handler on_done)
{
    struct arena *a = turn_arena(t);
    struct decision *d = arena_alloc(a, sizeof(*d));
    struct buf auto_buf context = {0};
    buf_init(&context, LIMIT_API_BODY);
    record_encode(&errand_note_record, note, &context);
    record_copy(ask_record(), errand, a, &d->ask);
    record_copy(&errand_note_record, note, a, &d->note);
    d->on_done = on_done;
    d->ask.app = d->note.app;
    d->ask.portal = d->note.portal;
    d->ask.version = d->note.version;
    d->ask.context = arena_copy(a, buf_str(&context));
    d->ask.not_after_ms = turn_now_ms(t) + SEND_WITHIN_MS;
    turn_after(t, act_send, d);
}

/* Whose future a spilled reply is: an attempt's, or a grant's refresh. */
static turn_handler
handler_of(const struct errand_note *note)
{
    if (str_starts(note->row, STR(REMOTE_PREFIX)))
        return do_remote_step;
    return note->row.n > 0 ? do_exchanged : do_refreshed;
}

/* One sealed entry: opened with whichever master key it was sealed to. */
static enum err
open_entry(struct keeper *k, struct str box, struct buf *out)
{
    char *p;
    if (box.n < crypto_box_SEALBYTES ||
        buf_reserve(out, box.n - crypto_box_SEALBYTES, &p) != ERR_OK)
        return ERR_SYNTAX;
    for (size_t i = 0; i < vault_n_keys(k->vault); i++) {
        uint8_t public_key[crypto_box_PUBLICKEYBYTES];
        struct secret *auto_secret own = NULL;
        if (spill_pair(k, vault_key_id(k->vault, i), public_key, &own) !=
            ERR_OK)
            return ERR_CRYPTO;
        if (crypto_box_seal_open((uint8_t *)p, (const uint8_t *)box.p, box.n,
                                 public_key, secret_bytes(own)) == 0) {
            buf_commit(out, box.n - crypto_box_SEALBYTES);
            return ERR_OK;
        }
    }
    return ERR_CRYPTO;
}

static enum err
take_entry(struct keeper *k, struct str box, struct arena *arena)
{
    struct buf auto_buf plain = {0};
    struct spill_entry entry;
    struct courier_done done;
    struct errand *e = calloc(1, sizeof(*e));
    if (e == NULL)
        abort();
    buf_init_secret(&plain, LIMIT_FRAME);
    enum err err = open_entry(k, box, &plain);
    if (err == ERR_OK)
        err =
            record_decode(&spill_entry_record, buf_str(&plain), arena, &entry);
    if (err == ERR_OK)
        err = record_decode_old(&errand_note_record, entry.context, arena,
                                &e->note); /* an older keeper's, perhaps */
    if (err == ERR_OK)
        err = record_decode(&courier_done_record, entry.done.s, arena, &done);
    if (err != ERR_OK) {
        log_error("spill.bad_entry", "err=%s", err_name(err));
        free(e);
        return err;
    }
    log_info("spill.taken", "app=%.*s portal=%llu kind=%u", STR_ARG(entry.app),
             (unsigned long long)entry.portal, entry.kind);
    e->keeper = k;
    e->arena = arena_new();
    e->note.peer = 0; /* who waited is gone */
    e->note.came_at_ms = entry.at_ms;
    e->on_done = handler_of(&e->note);
    k->errands->n_running++;
    come_back(e, &done);
    return ERR_OK;
}

/* The n bytes at that place; ERR_CLOSED: the file ends before. */
static enum err
read_at(int fd, off_t at, size_t n, struct buf *out)
{
    char *p;
    buf_clear(out);
    if (buf_reserve(out, n, &p) != ERR_OK)
        return ERR_LIMIT;
    while (out->n < n) {
        ssize_t got = pread(fd, p + out->n, n - out->n, at + (off_t)out->n);
        if (got < 0)
            return ERR_SYSTEM;
        if (got == 0)
            return ERR_CLOSED;
        buf_commit(out, (size_t)got);
    }
    return ERR_OK;
}

/* One after another; an entry that a crash cut off ends the file. */
static enum err
take_entries(struct keeper *k, struct arena *arena)
{
    struct buf auto_buf entry = {0};
    off_t at = 0;
    enum err e;
    buf_init(&entry, LIMIT_FRAME);
    for (;;) {
        e = read_at(k->spill_fd, at, SPILL_HEAD, &entry);
        if (e != ERR_OK)
            break;
        const uint8_t *p = (const uint8_t *)entry.p;
        size_t n =
            (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
        e = read_at(k->spill_fd, at + SPILL_HEAD, n, &entry);
        if (e != ERR_OK)
            break;
        (void)take_entry(k, buf_str(&entry), arena); /* logged */
        arena_clear(arena);
        at += (off_t)(SPILL_HEAD + n);
    }
    return e == ERR_SYSTEM ? e : ERR_OK;
}

enum err
errands_read_spill(struct keeper *k, struct buf *problem)
{
    struct arena *arena = arena_new_secret();
    enum err e = k->spill_fd < 0 ? ERR_OK : take_entries(k, arena);
    arena_free(arena);
    if (e != ERR_OK)
        buf_add_text(problem, "cannot read the spill file of token replies in "
                              "the data directory");
    if (e != ERR_OK || k->spill_fd < 0)
        return e;
    turns_run(k->turns);
    if (k->has_failed)
        return ERR_STORE;
    /* Known by their versions, entries may be read twice, but not lost. */
    if (turns_n_waiting(k->turns) > 0)
        log_warn("spill.kept", "do=\"make room on the database's disk\"");
    else if (ftruncate(k->spill_fd, 0) != 0 || fsync(k->spill_fd) != 0)
        log_warn("spill.not_emptied", "entries are read again at next start");
    return ERR_OK;
}

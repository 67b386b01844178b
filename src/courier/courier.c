#include "base/env.h"
#include "base/limits.h"
#include "courier/errand.h"
#include "courier/journal.h"
#include "courier/role.h"
#include "courier/spill.h"
#include "http/dns.h"
#include "http/tls.h"
#include "ipc/channel.h"

#include <event2/event.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

/*
 *   WORKING --channel or parent gone--> ORPHANED --all ended--> gone
 *      |   \--LIFE_STOP---------------> DRAINING --all ended--> gone
 *      |    \-10,000 errands, an hour-> WORKING, leaves when idle
 *
 * 1. Each COURIER_ERRAND gets one COURIER_DONE while the channel is open.
 * 2. In ORPHANED only token errands run, and each reply is in the spill file
 *    before the next thing is done.  Their deadline bounds it: 20 s.
 * 3. Idle: nothing runs and no reply is kept for the spill.
 * 4. Readings of the journal begin in WORKING only, and no more of them than
 *    the shelf has room for: what is lost of them is read once more.
 */

#define ERRANDS_MAX 256 /* running; as many as there are connections */
/* Shorter than any server's: a code that goes out on a connection that is
 * being closed cannot be sent twice, and the install is lost. */
#define KEEP_ALIVE_MS 4000
#define LIFETIME_ERRANDS 10000
#define LIFETIME_S 3600
#define HTTPS_PORT 443
/* How long a reply that was handed over delays the end of a drain: the
 * keeper's turn is over by then, and if it was killed we have noticed. */
#define DRAIN_LINGER_MS 500

enum courier_state { COURIER_WORKING, COURIER_DRAINING, COURIER_ORPHANED };

static struct courier {
    struct child *child;
    struct env *env;
    struct dns *dns;
    struct tls_context *tls;
    struct http_client *client;
    struct destination destination;
    struct errand_office office;
    struct journal_office journals;
    struct channel *work; /* NULL once the keeper is gone */
    struct spill *spill;
    struct event *tick; /* while anything is kept, or an end is near */
    /* moves */
    enum courier_state state;
    struct errand *running[ERRANDS_MAX];
    size_t n_running;
    struct journal *readings[SHELF_FILES];
    size_t n_readings;
    size_t n_done;
    int64_t born_ms, last_tokens_ms; /* monotonic */
} courier;

static void
write_spill(void)
{
    if (spill_write(courier.spill) != ERR_OK)
        log_error("courier.spill_failed", "what=%s",
                  log_quote(STR("token replies could not be written to the "
                                "spill file: check its disk")));
}

static void
leave(void)
{
    /* The keeper stops, too, and has not committed them. */
    if (spill_is_held(courier.spill))
        write_spill();
    if (courier.work != NULL)
        channel_flush(courier.work, 1000);
    log_info("courier.leaves", "errands=%zu", courier.n_done);
    child_exit(courier.child, 0);
}

static bool
has_served_its_time(void)
{
    int64_t age_ms = courier.env->mono_ms(courier.env) - courier.born_ms;
    return courier.n_done >= LIFETIME_ERRANDS ||
           (courier.n_done > 0 && age_ms >= LIFETIME_S * 1000);
}

static bool
may_leave(size_t n_kept)
{
    int64_t now = courier.env->mono_ms(courier.env);
    if (courier.n_running > 0 || courier.n_readings > 0)
        return false;
    switch (courier.state) {
    case COURIER_ORPHANED:
        return true;
    case COURIER_DRAINING:
        return n_kept == 0 || now - courier.last_tokens_ms >= DRAIN_LINGER_MS;
    case COURIER_WORKING:
        return n_kept == 0 && has_served_its_time();
    }
    return false;
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    struct timeval soon = {.tv_usec = 100 * 1000};
    struct timeval later = {.tv_sec = 1};
    struct timeval idle = {.tv_sec = 60};
    size_t n_kept = spill_forget(courier.spill);
    if (may_leave(n_kept)) {
        leave();
        return;
    }
    const struct timeval *next = n_kept > 0 ? &later : &idle;
    if (courier.state != COURIER_WORKING)
        next = &soon;
    (void)event_add(courier.tick, next); /* made before: cannot fail */
}

/* Looks when the loop comes round whether this was the last thing to do. */
static void
look_again(void)
{
    event_active(courier.tick, EV_TIMEOUT, 0);
}

static void
forget(const struct errand *e)
{
    for (size_t i = 0; i < courier.n_running; i++)
        if (courier.running[i] == e) {
            courier.running[i] = courier.running[--courier.n_running];
            return;
        }
}

static void
keep(const struct errand *e, const struct courier_done *done)
{
    const struct courier_errand *asked = errand_asked(e);
    struct buf auto_buf plain;
    buf_init_secret(&plain, LIMIT_FRAME);
    record_encode(&courier_done_record, done, &plain);
    struct spill_entry entry = {
        .app = asked->app,
        .portal = asked->portal,
        .version = asked->version,
        .kind = asked->kind,
        .context = asked->context,
        .at_ms = courier.env->now_ms(courier.env),
        .done = HIDDEN(buf_str(&plain)),
    };
    spill_keep(courier.spill, &entry);
    courier.last_tokens_ms = courier.env->mono_ms(courier.env);
}

/* Once per errand that was started. */
static void
on_done(struct errand *e, const struct courier_done *done, void *arg)
{
    const struct courier_errand *asked = errand_asked(e);
    (void)arg;
    log_debug("courier.done",
              "kind=%" PRIu32 " app=%s portal=%" PRIu64 " outcome=%" PRIu32
              " http=%" PRIu32 " status=%s",
              asked->kind, log_quote(asked->app), asked->portal, done->outcome,
              done->http_status, log_quote(done->status));
    forget(e);
    courier.n_done++;
    if (errand_brings_tokens(e))
        keep(e, done);
    if (courier.work != NULL)
        channel_reply(courier.work, errand_call_id(e), COURIER_DONE, done);
    if (courier.state == COURIER_ORPHANED)
        write_spill();
    look_again();
}

/* What was not even started. */
static void
reply_unsent(const struct incoming *in, enum err e)
{
    const struct courier_errand *asked = in->body;
    struct courier_done done = {
        .kind = asked->kind,
        .outcome = e == ERR_INVALID ? OUTCOME_REFUSED : OUTCOME_DROPPED,
        .status = str_from(err_name(e)),
    };
    channel_reply(in->channel, in->id, COURIER_DONE, &done);
}

static void
do_errand(const struct incoming *in)
{
    enum err e = ERR_LIMIT;
    struct errand *errand;
    if (courier.state == COURIER_WORKING && courier.n_running < ERRANDS_MAX)
        e = errand_start(&courier.office, in->body, in->id, &errand);
    if (e == ERR_OK)
        courier.running[courier.n_running++] = errand;
    else
        reply_unsent(in, e);
}

static void
forget_reading(const struct journal *j)
{
    for (size_t i = 0; i < courier.n_readings; i++)
        if (courier.readings[i] == j) {
            courier.readings[i] = courier.readings[--courier.n_readings];
            return;
        }
}

/* Once per reading that was started. */
static void
on_read(struct journal *j, const struct courier_journal_read *read, void *arg)
{
    (void)arg;
    log_debug("courier.read",
              "outcome=%" PRIu32 " http=%" PRIu32 " pieces=%" PRIu32
              " status=%s",
              read->outcome, read->http_status, read->n_pieces,
              log_quote(read->status));
    forget_reading(j);
    courier.n_done++;
    channel_reply(courier.work, journal_call_id(j), COURIER_JOURNAL_READ, read);
    look_again();
}

static void
do_journal(const struct incoming *in)
{
    bool has_room = shelf_room(courier.journals.shelf) > courier.n_readings;
    enum err e = ERR_LIMIT;
    struct journal *j;
    if (courier.state == COURIER_WORKING && has_room)
        e = journal_start(&courier.journals, in->body, in->id, &j);
    if (e == ERR_OK) {
        courier.readings[courier.n_readings++] = j;
        return;
    }
    struct courier_journal_read read = {
        .outcome = e == ERR_EXPIRED ? OUTCOME_DROPPED : OUTCOME_TRANSIENT,
        .status = str_from(err_name(e))};
    channel_reply(in->channel, in->id, COURIER_JOURNAL_READ, &read);
}

static void
do_piece(const struct incoming *in)
{
    const struct courier_piece *asked = in->body;
    struct courier_piece_read read = {0};
    struct buf auto_buf events = {0};
    buf_init_secret(&events, LIMIT_PIECE + 2);
    enum err e = shelf_piece(courier.journals.shelf, asked->handle,
                             asked->index, &events);
    read.err = (uint32_t)e;
    read.events = HIDDEN(buf_str(&events));
    channel_reply(in->channel, in->id, COURIER_PIECE_READ, &read);
}

static void
break_rules(const struct incoming *in)
{
    log_error("courier.bad_message", "type=%u", in->message->type);
    child_exit(courier.child, 1);
}

static void
on_message(const struct incoming *in, void *arg)
{
    const struct courier_spill_key *key = in->body;
    const struct courier_hold *hold = in->body;
    (void)arg;
    switch (in->message->type) {
    case COURIER_ERRAND:
        do_errand(in);
        break;
    case COURIER_JOURNAL:
        do_journal(in);
        break;
    case COURIER_PIECE:
        do_piece(in);
        break;
    case COURIER_SPILL_KEY:
        if (spill_set_key(courier.spill, key->public_key) != ERR_OK)
            break_rules(in);
        break;
    case COURIER_HOLD:
        spill_hold(courier.spill, hold->for_ms);
        break;
    default: /* for the other role, or for the keeper */
        break_rules(in);
    }
}

static void
cancel_readings(void)
{
    while (courier.n_readings > 0)
        journal_cancel(courier.readings[--courier.n_readings]);
}

static void
cancel_lesser_errands(void)
{
    for (size_t i = courier.n_running; i > 0; i--) {
        struct errand *e = courier.running[i - 1];
        if (errand_brings_tokens(e))
            continue;
        forget(e);
        errand_cancel(e);
    }
}

static void
become_orphan(void)
{
    if (courier.state == COURIER_ORPHANED)
        return;
    courier.state = COURIER_ORPHANED;
    cancel_lesser_errands();
    cancel_readings();
    log_info("courier.orphaned", "token_errands=%zu", courier.n_running);
    write_spill();
    look_again();
}

static void
on_close(struct channel *ch, enum err reason, void *arg)
{
    (void)reason;
    (void)arg;
    channel_free(ch);
    courier.work = NULL;
    become_orphan();
}

static enum err
take_destination(const struct child *c, struct buf *problem)
{
    struct destination d;
    if (destination_parse(&d, c->settings.api_url) != ERR_OK) {
        buf_add_text(problem, "[hubspot] api_url is not a URL like "
                              "https://api.hubapi.com");
        return ERR_CONFIG;
    }
    if (str_equal(d.url.scheme, STR("https")) && courier.tls == NULL) {
        buf_add_text(problem, "no certificates to check api_url with: "
                              "install ca-certificates");
        return ERR_CONFIG;
    }
    courier.destination = d;
    courier.office.version = c->settings.oauth_version;
    courier.journals.version = c->settings.oauth_version;
    courier.journals.hosts = c->settings.journal_hosts;
    return ERR_OK;
}

/* Everything that needs the file system: certificates, resolv.conf. */
static enum err
start(struct child *c, struct buf *problem)
{
    json_set_alloc_funcs(wiping_malloc, wiping_free);
    courier.child = c;
    courier.env = env_real();
    courier.dns = dns_new(c->base);
    struct str ca = arena_copy(c->arena, c->settings.ca_file);
    /* Without certificates http still works; take_destination decides. */
    if (tls_client_new(ca.n > 0 ? ca.p : NULL, &courier.tls) != ERR_OK)
        courier.tls = NULL;
    if (courier.dns == NULL) {
        buf_add_text(problem, "cannot read /etc/resolv.conf");
        return ERR_SYSTEM;
    }
    int spill_fd = child_take_fd(c, LIFE_FD_SPILL, STR_NONE);
    courier.spill = spill_new(spill_fd, courier.env);
    return take_destination(c, problem);
}

static enum err
confine(const struct child *c, struct sandbox_result *out, struct buf *problem)
{
    struct sandbox_ports to = {{courier.destination.url.port}, 1};
    (void)c;
    if (to.v[0] != HTTPS_PORT) /* journal files have a host of their own */
        to.v[to.n++] = HTTPS_PORT;
    return sandbox_courier(&to, out, problem);
}

static void
open_office(struct event_base *base)
{
    struct http_client_setup setup = {.base = base,
                                      .dns = courier.dns,
                                      .tls = courier.tls,
                                      .filter = destination_filter,
                                      .filter_arg = &courier.destination,
                                      .max_connections = ERRANDS_MAX,
                                      .idle_ms = KEEP_ALIVE_MS};
    courier.client = http_client_new(&setup);
    courier.office.base = base;
    courier.office.client = courier.client;
    courier.office.destination = &courier.destination;
    courier.office.env = courier.env;
    courier.office.on_done = on_done;
    courier.journals.base = base;
    courier.journals.client = courier.client;
    courier.journals.destination = &courier.destination;
    courier.journals.env = courier.env;
    courier.journals.shelf = shelf_new(courier.env);
    courier.journals.on_done = on_read;
}

static void
run(struct child *c)
{
    static const struct channel_handler handler = {on_message, on_close};
    int fd = child_take_fd(c, LIFE_FD_WORK, STR_NONE);
    courier.born_ms = courier.env->mono_ms(courier.env);
    courier.tick = event_new(c->base, -1, 0, on_tick, NULL);
    if (courier.tick == NULL)
        abort(); /* no memory */
    if (fd < 0) {
        log_error("courier.no_work", "what=%s",
                  log_quote(STR("the parent sent no channel")));
        child_exit(c, 1);
        return;
    }
    open_office(c->base);
    courier.work =
        channel_new(c->base, fd, &courier_conversation, &handler, NULL);
    look_again();
}

static void
drain(struct child *c, bool is_brief)
{
    (void)c;
    /* Token errands run on even now: they have 20 s at most, and what they
     * bring may stand nowhere else. */
    if (is_brief) {
        cancel_lesser_errands();
        cancel_readings();
    }
    if (courier.state == COURIER_WORKING)
        courier.state = COURIER_DRAINING;
    look_again();
}

static void
orphaned(struct child *c)
{
    (void)c;
    become_orphan();
}

const struct courier_role courier_oauth = {
    .start = start,
    .confine = confine,
    .run = run,
    .drain = drain,
    .orphaned = orphaned,
};

_Static_assert(ERRANDS_MAX *ERRAND_SECRETS <= COURIER_SECRETS,
               "each running errand has its cells");

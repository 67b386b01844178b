#include "base/limits.h"
#include "courier/delivery.h"
#include "courier/role.h"
#include "http/destination.h"
#include "http/dns.h"
#include "http/tls.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdlib.h>

/*
 *   WORKING --LIFE_STOP---------> DRAINING --all ended--> gone
 *      |  \--channel or parent gone--> gone
 *      \--10,000 deliveries--> WORKING, asks the parent for a successor
 *
 * 1. Each COURIER_DELIVER gets one COURIER_DELIVERED while the channel is
 *    open; in DRAINING too, since the keeper may not know of the end yet.
 * 2. Nothing here is worth more than an answer: what the keeper does not hear
 *    of, it sends once more.
 */
#define DELIVERIES_MAX 256 /* running; the keeper asks for fewer */
#define KEEP_ALIVE_MS 30000
#define LIFETIME_DELIVERIES 10000

static struct deliver {
    struct child *child;
    struct env *env;
    struct dns *dns;
    struct tls_context *tls;
    struct delivery_office office;
    struct channel *work;
    struct event *look; /* whether this was the last thing to do */
    /* moves */
    struct delivery *running[DELIVERIES_MAX];
    size_t n_running;
    size_t n_done;
    bool is_draining, has_served;
} deliver;

static void
leave(void)
{
    log_info("deliver.leaves", "deliveries=%zu running=%zu", deliver.n_done,
             deliver.n_running);
    child_exit(deliver.child, 0);
}

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    if (!deliver.is_draining || deliver.n_running > 0)
        return;
    channel_flush(deliver.work, 1000);
    leave();
}

static void
look_again(void)
{
    event_active(deliver.look, EV_TIMEOUT, 0);
}

static void
forget(const struct delivery *d)
{
    for (size_t i = 0; i < deliver.n_running; i++)
        if (deliver.running[i] == d) {
            deliver.running[i] = deliver.running[--deliver.n_running];
            return;
        }
}

static void
count(void)
{
    deliver.n_done++;
    if (deliver.n_done < LIFETIME_DELIVERIES || deliver.has_served)
        return;
    deliver.has_served = true;
    if (!deliver.is_draining)
        child_want_successor(deliver.child);
}

/* Once per delivery that was started. */
static void
on_done(struct delivery *d, const struct courier_delivered *done, void *arg)
{
    (void)arg;
    log_debug("deliver.done", "http=%" PRIu32 " reason=%s", done->http_status,
              log_quote(done->reason));
    forget(d);
    count();
    channel_reply(deliver.work, delivery_call_id(d), COURIER_DELIVERED, done);
    look_again();
}

static struct str
reason_unsent(enum err e)
{
    switch (e) {
    case ERR_EXPIRED:
        return STR("too_late");
    case ERR_INVALID:
        return STR("not_a_request");
    default:
        return STR("busy");
    }
}

static void
do_deliver(const struct incoming *in)
{
    enum err e = ERR_LIMIT;
    struct delivery *d;
    if (deliver.n_running < DELIVERIES_MAX)
        e = delivery_start(&deliver.office, in->body, in->id, &d);
    if (e == ERR_OK) {
        deliver.running[deliver.n_running++] = d;
        return;
    }
    struct courier_delivered done = {.reason = reason_unsent(e)};
    channel_reply(in->channel, in->id, COURIER_DELIVERED, &done);
}

static void
on_message(const struct incoming *in, void *arg)
{
    (void)arg;
    if (in->message->type == COURIER_DELIVER) {
        do_deliver(in);
        return;
    }
    log_error("deliver.bad_message", "type=%u", in->message->type);
    child_exit(deliver.child, 1);
}

static void
on_close(struct channel *ch, enum err reason, void *arg)
{
    (void)ch;
    (void)reason;
    (void)arg;
    leave();
}

/* Everything that needs the file system: certificates, resolv.conf. */
static enum err
start(struct child *c, struct buf *problem)
{
    struct str ca = arena_copy(c->arena, c->settings.ca_file);
    deliver.child = c;
    deliver.env = env_real();
    deliver.dns = dns_new(c->base);
    if (deliver.dns == NULL) {
        buf_add_text(problem, "cannot read /etc/resolv.conf");
        return ERR_SYSTEM;
    }
    if (tls_client_new(ca.n > 0 ? ca.p : NULL, &deliver.tls) != ERR_OK) {
        buf_add_text(problem, "no certificates to check webhook targets with: "
                              "install ca-certificates");
        return ERR_CONFIG;
    }
    return ERR_OK;
}

static enum err
confine(const struct child *c, struct sandbox_result *out, struct buf *problem)
{
    struct sandbox_ports to = {.n = 0};
    for (size_t i = 0; i < c->settings.target_urls.n; i++) {
        struct url url;
        if (url_parse(c->settings.target_urls.v[i], &url) != ERR_OK ||
            to.n == SANDBOX_PORTS) {
            buf_add_text(problem, "webhook_target is not a URL");
            return ERR_CONFIG;
        }
        to.v[to.n++] = url.port;
    }
    return sandbox_courier(&to, out, problem);
}

static struct http_client *
new_client(struct event_base *base, dns_filter filter)
{
    struct http_client_setup setup = {.base = base,
                                      .dns = deliver.dns,
                                      .tls = deliver.tls,
                                      .filter = filter,
                                      .max_connections = LIMIT_TARGET_HOST,
                                      .idle_ms = KEEP_ALIVE_MS};
    return http_client_new(&setup);
}

static void
run(struct child *c)
{
    static const struct channel_handler handler = {on_message, on_close};
    int fd = child_take_fd(c, LIFE_FD_WORK, STR_NONE);
    deliver.look = event_new(c->base, -1, 0, on_look, NULL);
    if (deliver.look == NULL)
        abort(); /* no memory */
    if (fd < 0) {
        log_error("deliver.no_work", "what=%s",
                  log_quote(STR("the parent sent no channel")));
        child_exit(c, 1);
        return;
    }
    deliver.office = (struct delivery_office){
        .base = c->base,
        .https = new_client(c->base, NULL),
        .http = new_client(c->base, destination_private_filter),
        .env = deliver.env,
        .on_done = on_done};
    deliver.work =
        channel_new(c->base, fd, &courier_conversation, &handler, NULL);
}

/* The deadline of what runs is shorter than that of a drain. */
static void
drain(struct child *c, bool is_brief)
{
    (void)c;
    deliver.is_draining = true;
    if (is_brief)
        leave();
    else
        look_again();
}

static void
orphaned(struct child *c)
{
    (void)c;
    leave();
}

const struct courier_role courier_deliver = {
    .start = start,
    .confine = confine,
    .run = run,
    .drain = drain,
    .orphaned = orphaned,
};

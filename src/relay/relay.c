#include "relay/relay.h"

#include "base/env.h"
#include "base/limits.h"
#include "base/log.h"
#include "child/child.h"
#include "ipc/channel.h"
#include "relay/api.h"
#include "relay/asks.h"
#include "relay/leases.h"
#include "relay/passage.h"
#include "sandbox/sandbox.h"

#include <event2/event.h>
#include <jansson.h>
#include <stdlib.h>

/*
 *   BORN --run--> SERVING --drain--> DRAINING --nothing runs, 30 s--> gone
 *
 * 1. The keeper's channel is there from run until it closes; from then on
 *    nothing is answered but 503, and the parent ends the process.
 * 2. Every lease has its cell in the slab, and nothing else has one.
 */

#define REPORT_S 10
#define FLUSH_MS 1000
#define ANSWER_MAX 65536 /* a token and all scopes of an app */

static struct relay relay;

static void
on_used(const struct relay_used *used, void *arg)
{
    struct relay *r = arg;
    if (r->keeper != NULL)
        channel_event(r->keeper, RELAY_USED, used);
}

/* Revocations were missed: any call that runs may be one of them. */
static void
close_gap(struct relay *r)
{
    static const struct relay_revoked all = {0};
    r->counters.gaps++;
    log_warn("relay.revocations_missed", "leases=forgotten calls=cut");
    passages_cut(r, &all);
}

static void
on_message(const struct incoming *in, void *arg)
{
    struct relay *r = arg;
    const struct relay_revoked *revoked = in->body;
    switch (in->message->type) {
    case RELAY_BEAT:
        if (!leases_beat(r->leases,
                         ((const struct relay_beat *)in->body)->epoch))
            close_gap(r);
        break;
    case RELAY_REVOKED:
        if (!leases_revoke(r->leases, revoked))
            close_gap(r);
        else if (!revoked->is_replaced)
            passages_cut(r, revoked);
        break;
    default: /* what only relays say */
        child_exit(r->child, 1);
    }
}

static void
on_close(struct channel *ch, enum err reason, void *arg)
{
    struct relay *r = arg;
    log_error("relay.keeper_gone", "err=%s", err_name(reason));
    r->keeper = NULL;
    asks_lose_keeper(r->asks);
    leases_forget_all(r->leases);
    channel_free(ch);
}

/* What was used is said before the end. */
static void
leave(struct relay *r)
{
    leases_report(r->leases);
    if (r->keeper != NULL)
        channel_flush(r->keeper, FLUSH_MS);
    child_exit(r->child, 0);
}

static void
on_report(evutil_socket_t fd, short what, void *arg)
{
    struct relay *r = arg;
    (void)fd;
    (void)what;
    leases_report(r->leases);
}

static void
on_exchange_end(evutil_socket_t fd, short what, void *arg)
{
    struct relay *r = arg;
    (void)fd;
    (void)what;
    if (http_server_n_running(r->server) == 0)
        leave(r);
}

/* What still runs by now is cut. */
static void
on_drained(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    leave(arg);
}

static void
report_regularly(struct relay *r)
{
    struct timeval every = {.tv_sec = REPORT_S};
    r->report_timer = event_new(r->child->base, -1, EV_PERSIST, on_report, r);
    if (r->report_timer == NULL || event_add(r->report_timer, &every) != 0)
        abort(); /* no memory */
}

/* Everything that needs the file system. */
static enum err
start(struct child *c, struct buf *problem)
{
    struct relay *r = &relay;
    json_set_alloc_funcs(wiping_malloc, wiping_free);
    r->child = c;
    r->env = env_real();
    buf_init_secret(&r->scratch, ANSWER_MAX);
    return upstream_open(&r->upstream, c, problem);
}

static enum err
confine(const struct child *c, struct sandbox_result *out, struct buf *problem)
{
    (void)c;
    return sandbox_relay(relay.upstream.destination.url.port, out, problem);
}

static void
run(struct child *c)
{
    static const struct channel_handler handler = {on_message, on_close};
    struct relay *r = &relay;
    int work = child_take_fd(c, LIFE_FD_WORK, STR_NONE);
    int listening = child_take_fd(c, LIFE_FD_LISTEN, STR_NONE);
    if (work < 0 || listening < 0) {
        log_error("relay.no_work", "channel=%d listener=%d", work, listening);
        child_exit(c, 1);
        return;
    }
    struct leases_setup leases = {.env = r->env,
                                  .n_max = slab_room(),
                                  .revocation_max_ms =
                                      c->settings.revocation_max_ms,
                                  .on_used = on_used,
                                  .arg = r};
    struct http_server_setup server = {.base = c->base,
                                       .fd = listening,
                                       .max_body = LIMIT_API_BODY,
                                       .is_secret = true,
                                       .handler = &relay_handler,
                                       .arg = r};
    r->leases = leases_new(&leases);
    r->keeper = channel_new(c->base, work, &relay_conversation, &handler, r);
    r->asks = asks_new(r->leases, r->keeper);
    upstream_run(&r->upstream, c->base);
    report_regularly(r);
    r->server = http_server_new(&server);
}

/* The sandbox has pinned the port, and certificates are read at birth. */
static enum err
reload(struct child *c, struct buf *problem)
{
    struct relay *r = &relay;
    struct upstream old = r->upstream;
    enum err e = upstream_set(&r->upstream, c, problem);
    if (e != ERR_OK)
        return e;
    if (r->upstream.destination.url.port != old.destination.url.port) {
        r->upstream = old;
        buf_add_text(problem, "the port of [hubspot] api_url changes only "
                              "with a restart");
        return ERR_CONFIG;
    }
    leases_set_revocation_max(r->leases, c->settings.revocation_max_ms);
    return ERR_OK;
}

static void
drain(struct child *c, bool is_brief)
{
    struct relay *r = &relay;
    (void)c;
    if (is_brief) {
        leave(r);
        return;
    }
    struct timeval longest = {.tv_sec = DEADLINE_DRAIN_MS / 1000,
                              .tv_usec = DEADLINE_DRAIN_MS % 1000 * 1000};
    http_server_drain(r->server);
    api_end_polls(r);
    r->on_exchange_end = event_new(c->base, -1, 0, on_exchange_end, r);
    if (r->on_exchange_end == NULL ||
        event_base_once(c->base, -1, EV_TIMEOUT, on_drained, r, &longest) != 0)
        abort(); /* no memory */
    event_active(r->on_exchange_end, EV_TIMEOUT, 0);
}

int
main(void)
{
    static const struct child_role role = {
        .name = "relay",
        .n_secrets = LIMIT_LEASES_LEAST,
        .n_secrets_most = LIMIT_LEASES,
        .start = start,
        .confine = confine,
        .run = run,
        .reload = reload,
        .drain = drain,
    };
    return child_main(&role);
}

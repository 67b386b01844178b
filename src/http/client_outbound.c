#include "http/client_int.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/*
 *   NEW -> RESOLVING -> CONNECTING (next address, if one fails) -> IDLE
 *   IDLE <-> RUNNING,   any -> CLOSED
 *
 * 1. On its host's idle list exactly in IDLE; counted as opening exactly in
 *    RESOLVING and CONNECTING.
 * 2. A call and its connection point at each other, in RUNNING only.
 * 3. A connection is used again only if the call before ended with nothing
 *    left over in either direction.
 */
static const bool may_move[OUTBOUND_STATES][OUTBOUND_STATES] = {
    [OUTBOUND_NEW] = {[OUTBOUND_RESOLVING] = 1},
    [OUTBOUND_RESOLVING] = {[OUTBOUND_CONNECTING] = 1, [OUTBOUND_CLOSED] = 1},
    [OUTBOUND_CONNECTING] = {[OUTBOUND_IDLE] = 1, [OUTBOUND_CLOSED] = 1},
    [OUTBOUND_IDLE] = {[OUTBOUND_RUNNING] = 1, [OUTBOUND_CLOSED] = 1},
    [OUTBOUND_RUNNING] = {[OUTBOUND_IDLE] = 1, [OUTBOUND_CLOSED] = 1},
};

static bool
is_opening(enum outbound_state state)
{
    return state == OUTBOUND_RESOLVING || state == OUTBOUND_CONNECTING;
}

static void
join_idle(struct outbound *o)
{
    o->before_idle = NULL;
    o->next_idle = o->host->idle;
    if (o->next_idle != NULL)
        o->next_idle->before_idle = o;
    o->host->idle = o;
}

static void
leave_idle(struct outbound *o)
{
    if (o->next_idle != NULL)
        o->next_idle->before_idle = o->before_idle;
    if (o->before_idle != NULL)
        o->before_idle->next_idle = o->next_idle;
    else
        o->host->idle = o->next_idle;
}

/* As an accepted connection waits. */
static void
wait_warm(struct outbound *o)
{
    int64_t idle_ms = o->host->client->setup.idle_ms;
    o->is_resting = !o->host->is_tls || idle_ms <= STREAM_REST_MS;
    deadline_set(&o->deadline, o->is_resting ? idle_ms : STREAM_REST_MS);
}

static void
wait_resting(struct outbound *o)
{
    o->is_resting = true;
    stream_rest(&o->stream);
    deadline_set(&o->deadline, o->host->client->setup.idle_ms - STREAM_REST_MS);
}

static void
set_state(struct outbound *o, enum outbound_state next)
{
    struct host *h = o->host;
    assert(may_move[o->state][next]);
    if (o->state == OUTBOUND_IDLE)
        leave_idle(o);
    if (is_opening(o->state) && !is_opening(next))
        h->n_opening--;
    if (!is_opening(o->state) && is_opening(next))
        h->n_opening++;
    o->state = next;
    if (next == OUTBOUND_IDLE) {
        join_idle(o);
        wait_warm(o);
    } else if (next == OUTBOUND_CONNECTING) {
        deadline_set(&o->deadline, h->client->setup.connect_ms);
    } else {
        deadline_clear(&o->deadline);
    }
}

static void
on_drop(struct task *t)
{
    free((char *)t - offsetof(struct outbound, drop));
}

void
outbound_close(struct outbound *o)
{
    struct host *h = o->host;
    if (o->state == OUTBOUND_CLOSED)
        return;
    set_state(o, OUTBOUND_CLOSED);
    if (o->query != NULL)
        dns_cancel(o->query);
    o->query = NULL;
    if (o->call != NULL)
        o->call->o = NULL;
    o->call = NULL;
    stream_close(&o->stream);
    deadline_stop(&o->deadline);
    if (o->next != NULL)
        o->next->before = o->before;
    if (o->before != NULL)
        o->before->next = o->next;
    else
        h->first = o->next;
    h->n_connections--;
    o->drop.run = on_drop;
    loop_drop(&h->client->loop, &o->drop);
    if (h->waiting != NULL)
        host_due(h);
}

/* It did not open.  One of those who wait fails with it, or all if there is
 * no way for any. */
static void
fail(struct outbound *o, enum err e, const char *why)
{
    struct host *h = o->host;
    bool is_for_all = e == ERR_NOT_FOUND || e == ERR_FORBIDDEN;
    outbound_close(o);
    size_t n = is_for_all ? h->n_waiting : 1;
    while (n-- > 0 && h->waiting != NULL) {
        h->waiting->why = why;
        call_end(h->waiting, e);
    }
}

static bool
is_allowed(const struct outbound *o, const union dns_address *address)
{
    const struct http_client_setup *setup = &o->host->client->setup;
    return setup->filter == NULL ||
           setup->filter(&address->any, setup->filter_arg);
}

static bool
try_address(struct outbound *o, const union dns_address *address,
            const char **why)
{
    struct host *h = o->host;
    struct ssl_st *ssl = NULL;
    int fd = socket(address->any.sa_family,
                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || (connect(fd, &address->any, dns_address_len(address)) != 0 &&
                   errno != EINPROGRESS)) {
        *why = strerror(errno);
        if (fd >= 0)
            (void)close(fd); /* nothing can be done about a failure */
        return false;
    }
    if (h->is_tls) {
        ssl =
            tls_connecting(h->client->setup.tls, buf_str(&h->name), &h->ticket);
        if (ssl == NULL) {
            *why = "the host can have no certificate";
            (void)close(fd); /* nothing was sent */
            return false;
        }
    }
    stream_close(&o->stream);
    stream_connect(&o->stream, fd, ssl);
    deadline_set(&o->deadline, h->client->setup.connect_ms);
    return true;
}

/* What went wrong first is told: the later addresses are the worse ones. */
static void
try_next(struct outbound *o, const char *why)
{
    bool was_any = o->n_tried > 0;
    if (o->why == NULL && was_any)
        o->why = why;
    while (o->n_tried < o->addresses.n) {
        const union dns_address *address = &o->addresses.v[o->n_tried++];
        if (!is_allowed(o, address))
            continue;
        was_any = true;
        if (try_address(o, address, &why))
            return;
        if (o->why == NULL)
            o->why = why;
    }
    if (was_any)
        fail(o, ERR_UNREACHABLE, o->why);
    else
        fail(o, ERR_FORBIDDEN, "the address is not allowed");
}

static void
on_resolved(enum err e, const struct dns_addresses *found, void *arg)
{
    struct outbound *o = arg;
    struct loop *l = &o->host->client->loop;
    loop_enter(l);
    o->query = NULL;
    if (e != ERR_OK) {
        fail(o, e == ERR_NOT_FOUND ? e : ERR_UNREACHABLE,
             "the name could not be resolved");
    } else {
        o->addresses = *found;
        set_state(o, OUTBOUND_CONNECTING);
        try_next(o, "");
    }
    loop_leave(l);
}

void
outbound_start_call(struct outbound *o, struct http_call *call)
{
    assert(o->state == OUTBOUND_IDLE);
    set_state(o, OUTBOUND_RUNNING);
    o->n_calls++;
    o->call = call;
    call->o = o;
    call->sent_before = o->stream.n_sent;
    o->stream.is_secret = call->is_secret;
    stream_write(&o->stream, buf_str(&call->request));
    call_touch(call);
    outbound_due(o);
}

/* Open and without a call: whoever waits gets it. */
static void
offer(struct outbound *o)
{
    struct host *h = o->host;
    struct http_call *call = h->waiting;
    if (call == NULL)
        return;
    host_remove_call(h, call);
    outbound_start_call(o, call);
}

void
outbound_rest(struct outbound *o)
{
    o->call = NULL;
    o->stream.is_secret = false;
    set_state(o, OUTBOUND_IDLE);
    offer(o);
}

static bool
step_connecting(struct outbound *o)
{
    if (o->stream.is_broken || o->stream.has_ended) {
        try_next(o, o->stream.why);
        return false;
    }
    if (o->stream.state != STREAM_OPEN)
        return false;
    set_state(o, OUTBOUND_IDLE);
    offer(o);
    return true;
}

static bool
step(struct outbound *o)
{
    const struct stream *s = &o->stream;
    switch (o->state) {
    case OUTBOUND_CONNECTING:
        return step_connecting(o);
    case OUTBOUND_IDLE:
        /* Bytes that nobody asked for could be taken for an answer. */
        if (stream_input(s).n > 0 || s->has_ended || s->is_broken ||
            s->cannot_write)
            outbound_close(o);
        return false;
    case OUTBOUND_RUNNING:
        if (o->call == NULL)
            outbound_close(o);
        else
            return reply_go(o);
        return false;
    default:
        return false;
    }
}

static void
go(void *owner)
{
    struct outbound *o = owner;
    o->is_going = true;
    while (step(o))
        continue;
    o->is_going = false;
    if (o->state == OUTBOUND_RUNNING && o->call != NULL)
        call_touch(o->call);
}

void
outbound_due(struct outbound *o)
{
    if (!o->is_going && o->state != OUTBOUND_CLOSED)
        stream_due(&o->stream);
}

static void
on_due(struct deadline *d)
{
    struct outbound *o =
        (struct outbound *)((char *)d - offsetof(struct outbound, deadline));
    if (o->state == OUTBOUND_CONNECTING)
        try_next(o, "connecting took too long");
    else if (o->state == OUTBOUND_IDLE && !o->is_resting)
        wait_resting(o);
    else
        outbound_close(o);
}

void
outbound_open(struct host *h)
{
    struct outbound *o = calloc(1, sizeof(*o));
    if (o == NULL)
        abort();
    o->host = h;
    o->next = h->first;
    if (h->first != NULL)
        h->first->before = o;
    h->first = o;
    h->n_connections++;
    deadline_start(&h->client->loop.deadlines, &o->deadline, on_due);
    stream_init(&o->stream, &h->client->loop, go, o);
    set_state(o, OUTBOUND_RESOLVING);
    struct dns_query *query = dns_resolve(
        h->client->setup.dns, buf_str(&h->name), h->port, on_resolved, o);
    /* It may have been answered already, and o be closed. */
    if (query != NULL)
        o->query = query;
}

#include "http/server_int.h"

#include <assert.h>
#include <stdlib.h>

/*
 *   NEW -> OPENING (TLS) -> WAITING -> HEAD -> RUNNING -> WAITING ...
 *              any -> LINGERING -> CLOSED,   any -> CLOSED
 *
 * connection_go looks at the state and the stream and takes steps until
 * nothing moves.  Functions that the handler calls only leave marks and ask
 * for it, so no callback is ever called from within them.
 *
 * 1. x is there exactly in HEAD and RUNNING.
 * 2. Every state but RUNNING has a deadline; RUNNING has one while it waits
 *    for the client, and none while it waits for the handler.
 */

/* How long, and over how many bytes, the end of an answer is protected from
 * the reset that unread bytes would cause (RFC 9112 9.6). */
#define LINGER_MS 2000
#define LINGER_BYTES (1024 * 1024)
/* A body that is collected must come at least so fast: this many bytes in
 * body_ms. */
#define BODY_STEP 4096

static const bool may_move[CONNECTION_STATES][CONNECTION_STATES] = {
    [CONNECTION_NEW] = {[CONNECTION_OPENING] = 1,
                        [CONNECTION_WAITING] = 1,
                        [CONNECTION_CLOSED] = 1},
    [CONNECTION_OPENING] = {[CONNECTION_WAITING] = 1, [CONNECTION_CLOSED] = 1},
    [CONNECTION_WAITING] = {[CONNECTION_HEAD] = 1, [CONNECTION_CLOSED] = 1},
    [CONNECTION_HEAD] = {[CONNECTION_RUNNING] = 1,
                         [CONNECTION_LINGERING] = 1,
                         [CONNECTION_CLOSED] = 1},
    [CONNECTION_RUNNING] = {[CONNECTION_WAITING] = 1,
                            [CONNECTION_LINGERING] = 1,
                            [CONNECTION_CLOSED] = 1},
    [CONNECTION_LINGERING] = {[CONNECTION_CLOSED] = 1},
};

/* Waiting has two parts: the first is short and keeps TLS's buffers. */
static void
wait_warm(struct connection *c)
{
    int64_t idle_ms = c->server->setup.idle_ms;
    c->is_resting = c->stream.ssl == NULL || idle_ms <= STREAM_REST_MS;
    int64_t in_ms = c->is_resting ? idle_ms : STREAM_REST_MS;
    deadline_set(&c->deadline, in_ms);
    c->waits_since = c->deadline.at - in_ms;
}

static void
wait_resting(struct connection *c)
{
    c->is_resting = true;
    stream_rest(&c->stream);
    deadline_set(&c->deadline, c->server->setup.idle_ms - STREAM_REST_MS);
}

static void
set_state(struct connection *c, enum connection_state next)
{
    assert(may_move[c->state][next]);
    c->state = next;
    if (next == CONNECTION_HEAD || next == CONNECTION_OPENING)
        deadline_set(&c->deadline, c->server->setup.head_ms);
    else if (next == CONNECTION_WAITING)
        wait_warm(c);
    else if (next == CONNECTION_LINGERING)
        deadline_set(&c->deadline, LINGER_MS);
    else
        deadline_clear(&c->deadline);
}

static void
on_drop(struct task *t)
{
    free((char *)t - offsetof(struct connection, drop));
}

void
connection_close(struct connection *c, enum err reason)
{
    if (c->state == CONNECTION_CLOSED)
        return;
    set_state(c, CONNECTION_CLOSED);
    if (c->x != NULL)
        exchange_end(c->x, reason);
    /* An answer that broke off must not look whole, also where only the end
     * of the connection tells. */
    if (reason != ERR_OK)
        stream_reset(&c->stream);
    else
        stream_close(&c->stream);
    deadline_stop(&c->deadline);
    server_remove(c->server, c);
    c->drop.run = on_drop;
    loop_drop(&c->server->loop, &c->drop);
}

void
connection_linger(struct connection *c)
{
    stream_flush(&c->stream);
    set_state(c, CONNECTION_LINGERING);
    connection_due(c);
}

/* The client is gone, or will not be answered any more. */
static bool
is_lost(const struct connection *c)
{
    const struct stream *s = &c->stream;
    return s->is_broken || s->cannot_write;
}

static void
begin(struct connection *c, size_t head_n)
{
    const struct http_server_setup *setup = &c->server->setup;
    struct http_exchange *x = c->x;
    const struct http_head *h = &x->head;
    stream_pin(&c->stream, head_n);
    set_state(c, CONNECTION_RUNNING);
    x->body_left = h->framing == HTTP_LENGTH ? h->length : 0;
    x->is_body_done = h->framing != HTTP_CHUNKED && x->body_left == 0;
    chunk_start(&x->chunks);
    x->is_seen = true;
    c->server->n_running++;
    if (setup->handler->on_head != NULL)
        setup->handler->on_head(x, setup->arg);
    if (c->state != CONNECTION_RUNNING || x->is_begun || x->is_aborted)
        return;
    if (!x->is_streamed && x->body_left > x->body_buf.max)
        body_refuse(x, ERR_LIMIT);
    else if (x->is_body_done)
        body_finish(x);
}

static unsigned
refusal_status(const struct http_exchange *x, enum err e)
{
    if (e != ERR_LIMIT)
        return 400;
    return x->head.target.n > LIMIT_TARGET ? 414 : 431;
}

static void
refuse(struct connection *c, unsigned status)
{
    exchange_end(c->x, ERR_SYNTAX);
    answer_refusal(c, status, false);
}

static bool
step_head(struct connection *c)
{
    struct str input = stream_input(&c->stream);
    size_t used;
    if (input.n == 0 || is_lost(c)) {
        if (c->stream.has_ended || is_lost(c))
            connection_close(c, ERR_OK);
        return false;
    }
    if (c->state == CONNECTION_WAITING) {
        c->x = exchange_new(c);
        set_state(c, CONNECTION_HEAD);
    }
    enum err e = http_head_parse_request(&c->x->head, input, &used);
    if (e == ERR_AGAIN) {
        if (c->stream.has_ended)
            connection_close(c, ERR_OK);
        return false;
    }
    if (e != ERR_OK)
        refuse(c, refusal_status(c->x, e));
    else if (c->is_over)
        refuse(c, 503);
    else
        begin(c, used);
    return true;
}

static void
finish(struct connection *c)
{
    struct http_exchange *x = c->x;
    bool is_last = x->is_closing || c->server->is_draining;
    bool is_all_read = x->is_body_done;
    exchange_end(x, ERR_OK);
    if (c->state == CONNECTION_CLOSED)
        return;
    if (!is_all_read || (is_last && stream_input(&c->stream).n > 0)) {
        connection_linger(c);
    } else if (is_last) {
        stream_shut(&c->stream);
        connection_close(c, ERR_OK);
    } else {
        set_state(c, CONNECTION_WAITING);
    }
}

static void
tell_writable(struct http_exchange *x)
{
    const struct http_server_setup *setup = &x->connection->server->setup;
    if (!x->is_full ||
        stream_unsent(&x->connection->stream) >= LIMIT_RELAY_WINDOW / 2)
        return;
    x->is_full = false;
    if (setup->handler->on_writable != NULL)
        setup->handler->on_writable(x, setup->arg);
}

static bool
step_running(struct connection *c)
{
    struct http_exchange *x = c->x;
    if (x->is_aborted) {
        connection_close(c, x->abort_reason);
        return false;
    }
    if (is_lost(c)) {
        connection_close(c, ERR_CLOSED);
        return false;
    }
    if (body_go(x))
        return true;
    if (c->stream.has_ended && !x->is_ended) {
        connection_close(c, ERR_CLOSED);
        return false;
    }
    if (!c->stream.is_writing)
        stream_flush(&c->stream);
    if (x->is_ended && !x->is_aborted && stream_unsent(&c->stream) == 0 &&
        !c->stream.cannot_write) {
        finish(c);
        return true;
    }
    bool was_full = x->is_full;
    tell_writable(x);
    return c->x == x && was_full && !x->is_full;
}

static bool
step_lingering(struct connection *c)
{
    struct stream *s = &c->stream;
    size_t n = stream_input(s).n;
    c->n_dropped += n;
    stream_take(s, n);
    if (stream_unsent(s) == 0)
        stream_shut(s);
    if (s->has_ended || s->is_broken || c->n_dropped > LINGER_BYTES)
        connection_close(c, ERR_OK);
    return false;
}

static bool
step(struct connection *c)
{
    switch (c->state) {
    case CONNECTION_OPENING:
        /* No reset: it would overtake TLS's own word of what is wrong. */
        if (c->stream.is_broken)
            connection_close(c, ERR_OK);
        else if (c->stream.state == STREAM_OPEN)
            set_state(c, CONNECTION_WAITING);
        return c->state == CONNECTION_WAITING;
    case CONNECTION_WAITING:
    case CONNECTION_HEAD:
        return step_head(c);
    case CONNECTION_RUNNING:
        return step_running(c);
    case CONNECTION_LINGERING:
        return step_lingering(c);
    default:
        return false;
    }
}

/* Only what the client owes has a deadline here; see 2 above. */
static void
watch_running(struct connection *c)
{
    struct http_exchange *x = c->x;
    bool wants_body = !x->is_body_done && !x->is_paused;
    uint64_t came = x->body_n + stream_input(&c->stream).n;
    if (stream_unsent(&c->stream) == 0 && !wants_body) {
        deadline_clear(&c->deadline);
        return;
    }
    bool is_slow = wants_body && !x->is_streamed && !x->is_begun &&
                   c->deadline.at != INT64_MAX &&
                   came < x->body_marked + BODY_STEP;
    if (is_slow)
        return;
    x->body_marked = came;
    deadline_set(&c->deadline, c->server->setup.body_ms);
}

static void
go(void *owner)
{
    struct connection *c = owner;
    c->is_going = true;
    while (step(c))
        continue;
    c->is_going = false;
    if (c->state == CONNECTION_RUNNING)
        watch_running(c);
}

void
connection_due(struct connection *c)
{
    if (!c->is_going && c->state != CONNECTION_CLOSED)
        stream_due(&c->stream);
}

static void
on_due(struct deadline *d)
{
    struct connection *c =
        (struct connection *)((char *)d -
                              offsetof(struct connection, deadline));
    struct loop *l = &c->server->loop;
    loop_enter(l);
    if (c->state == CONNECTION_WAITING && !c->is_resting) {
        wait_resting(c);
    } else if (c->state == CONNECTION_HEAD) {
        refuse(c, 408);
    } else if (c->state == CONNECTION_RUNNING && !c->x->is_begun) {
        exchange_end(c->x, ERR_TIMEOUT);
        if (c->state == CONNECTION_RUNNING)
            answer_refusal(c, 408, false);
    } else {
        enum err reason = c->state == CONNECTION_RUNNING ? ERR_TIMEOUT : ERR_OK;
        connection_close(c, reason);
    }
    loop_leave(l);
}

void
connection_new(struct http_server *s, int fd, struct ssl_st *ssl,
               const char *peer, bool is_over)
{
    struct connection *c = calloc(1, sizeof(*c));
    if (c == NULL)
        abort();
    c->server = s;
    c->is_over = is_over;
    (void)memcpy(c->peer, peer, strlen(peer) + 1);
    c->next = s->first;
    if (s->first != NULL)
        s->first->before = c;
    s->first = c;
    s->n_connections++;
    deadline_start(&s->loop.deadlines, &c->deadline, on_due);
    stream_init(&c->stream, &s->loop, go, c);
    c->stream.is_secret = s->setup.is_secret;
    stream_accept(&c->stream, fd, ssl);
    set_state(c, ssl != NULL ? CONNECTION_OPENING : CONNECTION_WAITING);
}

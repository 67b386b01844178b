#include "http/client_int.h"
#include "http/wire.h"

#include <assert.h>
#include <stdlib.h>

/* Spare calls of one client; each is about 4 KiB and its request. */
#define SPARE_MAX 64
/* A request buffer larger than this is not kept for the next call. */
#define REQUEST_KEPT 32768
/* A streamed body is kept up to here, so that it can be sent once more. */
#define REPEAT_MAX 16384
/* Whole bodies are made by us; larger ones are streamed. */
#define REQUEST_MAX (16 * 1024 * 1024)
#define SILENCE_MS 30000

/* Deadlines */

/* While the caller makes the other side wait, only the total counts. */
static bool
waits_for_caller(const struct http_call *call)
{
    if (call->is_paused)
        return true;
    return !call->is_finished && call->o != NULL &&
           stream_unsent(&call->o->stream) == 0;
}

void
call_touch(struct http_call *call)
{
    int64_t total = call->total_at;
    if (!waits_for_caller(call)) {
        deadline_set(&call->deadline, call->silence_ms);
        if (call->deadline.at <= total)
            return;
    }
    deadline_clear(&call->deadline);
    if (total != INT64_MAX)
        deadline_set(&call->deadline, total - deadline_now());
}

static void
on_due(struct deadline *d)
{
    struct http_call *call =
        (struct http_call *)((char *)d - offsetof(struct http_call, deadline));
    call_end(call, ERR_TIMEOUT);
}

/* Birth and death */

static void
on_fail(struct task *t)
{
    struct http_call *call =
        (struct http_call *)((char *)t - offsetof(struct http_call, fail));
    call_end(call, call->failed);
}

static void
on_drop(struct task *t)
{
    struct http_call *call =
        (struct http_call *)((char *)t - offsetof(struct http_call, drop));
    struct http_client *c = call->client;
    buf_clear(&call->request);
    if (call->request.room > REQUEST_KEPT)
        buf_done(&call->request);
    if (c->n_spare >= SPARE_MAX) {
        buf_done(&call->request);
        free(call);
        return;
    }
    call->next = c->spare;
    c->spare = call;
    c->n_spare++;
}

static struct http_call *
take_call(struct http_client *c)
{
    struct http_call *call = c->spare;
    if (call != NULL) {
        c->spare = call->next;
        c->n_spare--;
    } else {
        call = malloc(sizeof(*call));
        if (call == NULL)
            abort();
        buf_init(&call->request, REQUEST_MAX + 2 * LIMIT_HEAD);
    }
    struct buf request = call->request;
    /* The head is large, and its parser clears what it uses. */
    memset(call, 0, offsetof(struct http_call, head));
    call->client = c;
    call->request = request;
    call->why = "";
    call->fail.run = on_fail;
    call->drop.run = on_drop;
    return call;
}

static void
link_call(struct http_client *c, struct http_call *call)
{
    call->next = c->calls;
    if (c->calls != NULL)
        c->calls->before = call;
    c->calls = call;
    deadline_start(&c->loop.deadlines, &call->deadline, on_due);
}

static void
unlink_call(struct http_call *call)
{
    struct http_client *c = call->client;
    if (call->next != NULL)
        call->next->before = call->before;
    if (call->before != NULL)
        call->before->next = call->next;
    else
        c->calls = call->next;
    deadline_stop(&call->deadline);
    loop_not_due(&c->loop, &call->fail);
    if (call->is_waiting)
        host_remove_call(call->host, call);
}

/* Parts call and connection. */
static struct outbound *
leave(struct http_call *call)
{
    struct outbound *o = call->o;
    if (o == NULL)
        return NULL;
    call->was_sent = http_call_was_sent(call);
    call->o = NULL;
    o->call = NULL;
    return o;
}

void
call_end(struct http_call *call, enum err e)
{
    struct http_client *c = call->client;
    struct outbound *o = call->o;
    unlink_call(call);
    /* The head lies in the connection's buffer, so that is freed behind. */
    call->handler.on_end(call, e, call->arg);
    if (leave(call) != NULL) {
        stream_unpin(&o->stream);
        if (call->is_reusable)
            outbound_rest(o);
        else
            outbound_close(o);
    }
    loop_drop(&c->loop, &call->drop);
}

void
call_return(struct http_call *call)
{
    struct outbound *o = leave(call);
    call->was_repeated = true;
    outbound_close(o);
    host_return_call(call->host, call);
}

/* The request */

static bool
is_idempotent(struct str method)
{
    static const struct str all[] = {{"GET", 3},     {"HEAD", 4},
                                     {"PUT", 3},     {"DELETE", 6},
                                     {"OPTIONS", 7}, {"TRACE", 5}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (str_equal(method, all[i]))
            return true;
    return false;
}

static void
add_framing(struct wire *w, const struct http_call_spec *spec)
{
    /* RFC 9110 8.6: where a body has a meaning, zero is said too. */
    bool wants_length = str_equal(spec->method, STR("POST")) ||
                        str_equal(spec->method, STR("PUT")) ||
                        str_equal(spec->method, STR("PATCH"));
    uint64_t n = spec->is_streamed ? spec->length : spec->body.n;
    if (spec->is_streamed && !spec->has_length) {
        wire_text(w, STR("Transfer-Encoding: chunked\r\n"));
    } else if (n > 0 || wants_length) {
        wire_text(w, STR("Content-Length: "));
        wire_number(w, n);
        wire_text(w, STR("\r\n"));
    }
}

static void
add_host(struct wire *w, const struct http_call_spec *spec)
{
    wire_text(w, STR("Host: "));
    wire_text(w, spec->host);
    if (spec->port != 0 && spec->port != url_default_port(spec->scheme)) {
        wire_text(w, STR(":"));
        wire_number(w, spec->port);
    }
    wire_text(w, STR("\r\n"));
}

static enum err
build(struct http_call *call, const struct http_call_spec *spec)
{
    struct wire w = {NULL, 0};
    size_t room = wire_room(spec->headers, spec->n_headers) + spec->method.n +
                  spec->target.n + spec->host.n;
    enum err e = buf_reserve(&call->request, room, &w.p);
    if (e != ERR_OK)
        return e;
    wire_request(&w, spec->method, spec->target);
    add_host(&w, spec);
    wire_headers(&w, spec->headers, spec->n_headers);
    add_framing(&w, spec);
    wire_end(&w);
    buf_commit(&call->request, w.n);
    if (!spec->is_streamed)
        buf_add(&call->request, spec->body);
    return buf_err(&call->request);
}

static void
set_up(struct http_call *call, const struct http_call_spec *spec)
{
    call->is_idempotent = is_idempotent(spec->method);
    call->is_head_method = str_equal(spec->method, STR("HEAD"));
    call->is_secret = spec->is_secret;
    call->request.is_secret = spec->is_secret;
    call->is_chunked = spec->is_streamed && !spec->has_length;
    call->has_length = spec->is_streamed && spec->has_length;
    call->body_left = spec->length;
    call->is_finished = !spec->is_streamed;
    call->is_whole = true;
    call->silence_ms = spec->silence_ms > 0 ? spec->silence_ms : SILENCE_MS;
    call->total_at =
        spec->timeout_ms > 0 ? deadline_now() + spec->timeout_ms : INT64_MAX;
}

/* What can be known to fail before anything is tried. */
static enum err
check(const struct http_client *c, const struct http_call_spec *spec)
{
    uint16_t own = url_default_port(spec->scheme);
    if (own == 0 || (own == 443 && c->setup.tls == NULL) || spec->host.n == 0 ||
        spec->host.n > LIMIT_URL)
        return ERR_UNREACHABLE;
    return ERR_OK;
}

struct http_call *
http_call_start(struct http_client *c, const struct http_call_spec *spec,
                const struct http_call_handler *handler, void *arg)
{
    if (c->is_freed)
        return NULL;
    loop_enter(&c->loop);
    struct http_call *call = take_call(c);
    call->handler = *handler;
    call->arg = arg;
    link_call(c, call);
    set_up(call, spec);
    call_touch(call);
    call->failed = check(c, spec);
    if (call->failed == ERR_OK)
        call->failed = build(call, spec);
    if (call->failed == ERR_OK) {
        uint16_t own = url_default_port(spec->scheme);
        struct host *h = client_host(c, own == 443, spec->host,
                                     spec->port != 0 ? spec->port : own);
        if (h->n_waiting < LIMIT_CALLS)
            host_add_call(h, call);
        else
            call->failed = ERR_UNAVAILABLE;
    }
    if (call->failed != ERR_OK)
        loop_due(&c->loop, &call->fail);
    loop_leave(&c->loop);
    return call;
}

/* A streamed body: into the request while that is kept, and into the stream
 * once there is one. */
static void
add_kept(struct http_call *call, struct str s)
{
    if (call->o == NULL) {
        buf_add(&call->request, s);
        assert(buf_err(&call->request) == ERR_OK); /* see on_writable */
        return;
    }
    if (!call->is_whole)
        return;
    if (call->request.n + s.n > REPEAT_MAX)
        call->is_whole = false;
    else
        buf_add(&call->request, s);
}

static void
write_piece(struct http_call *call, struct str piece)
{
    char line[WIRE_CHUNK_LINE];
    struct str start =
        call->is_chunked ? wire_chunk_line(piece.n, line) : STR_NONE;
    struct str end = call->is_chunked ? STR("\r\n") : STR_NONE;
    const struct str parts[] = {start, piece, end};
    for (size_t i = 0; i < 3; i++) {
        add_kept(call, parts[i]);
        if (call->o != NULL)
            stream_write(&call->o->stream, parts[i]);
    }
}

size_t
http_call_piece(struct http_call *call, struct str piece)
{
    assert(!call->is_finished);
    if (piece.n > 0) {
        assert(!call->has_length || piece.n <= call->body_left);
        call->body_left -= call->has_length ? piece.n : 0;
        write_piece(call, piece);
        if (call->o != NULL)
            outbound_due(call->o);
    }
    size_t unsent =
        call->o != NULL ? stream_unsent(&call->o->stream) : call->request.n;
    if (unsent > LIMIT_RELAY_WINDOW)
        call->is_full = true;
    return unsent;
}

void
http_call_finish(struct http_call *call)
{
    assert(!call->is_finished && (!call->has_length || call->body_left == 0));
    call->is_finished = true;
    call->is_full = false;
    if (call->is_chunked) {
        add_kept(call, WIRE_LAST_CHUNK);
        if (call->o != NULL)
            stream_write(&call->o->stream, WIRE_LAST_CHUNK);
    }
    if (call->o != NULL)
        outbound_due(call->o);
}

void
http_call_pause(struct http_call *call)
{
    call->is_paused = true;
    call_touch(call);
}

void
http_call_resume(struct http_call *call)
{
    call->is_paused = false;
    call_touch(call);
    if (call->o != NULL)
        outbound_due(call->o);
}

void
http_call_cancel(struct http_call *call)
{
    struct http_client *c = call->client;
    loop_enter(&c->loop);
    unlink_call(call);
    struct outbound *o = leave(call);
    if (o != NULL)
        outbound_due(o); /* which finds no call, and closes */
    loop_drop(&c->loop, &call->drop);
    loop_leave(&c->loop);
}

bool
http_call_was_sent(const struct http_call *call)
{
    return call->was_sent ||
           (call->o != NULL && call->o->stream.n_sent > call->sent_before);
}

const char *
http_call_why(const struct http_call *call)
{
    return call->why;
}

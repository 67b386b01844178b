#include "http/client_int.h"

/* More heads before the final one than anybody sends. */
#define INTERIM_MAX 8

/* Ends the call; the caller of this returns at once. */
static bool
end(struct http_call *call, enum err e, const char *why)
{
    if (e != ERR_OK)
        call->why = why;
    call_end(call, e);
    return true;
}

/* The connection may be used again if nothing is left over on it. */
static bool
finish(struct http_call *call)
{
    const struct stream *s = &call->o->stream;
    call->is_reusable = call->head.is_keep_alive && call->is_finished &&
                        stream_unsent(s) == 0 && stream_input(s).n == 0 &&
                        !s->has_ended && !s->is_broken && !s->cannot_write;
    return end(call, ERR_OK, "");
}

static bool
is_over(const struct stream *s)
{
    return s->has_ended || s->is_broken;
}

/* Closed before a byte of the answer.  A kept connection may have been closed
 * while the request was on its way. */
static bool
lose(struct outbound *o)
{
    struct http_call *call = o->call;
    bool was_sent = http_call_was_sent(call);
    if (o->n_calls > 1 && !call->was_repeated && call->is_whole &&
        (call->is_idempotent || !was_sent)) {
        call_return(call);
        return true;
    }
    const char *why =
        o->stream.is_broken ? o->stream.why : "closed before the answer";
    return end(call, was_sent ? ERR_CLOSED : ERR_UNREACHABLE, why);
}

static bool
take_interim(struct http_call *call, size_t used)
{
    if (call->head.status == 101 || ++call->n_interim > INTERIM_MAX)
        return end(call, ERR_UPSTREAM, "too many heads, or a switch");
    stream_take(&call->o->stream, used);
    return true;
}

static bool
take_final(struct http_call *call, size_t used)
{
    struct outbound *o = call->o;
    const struct http_head *h = &call->head;
    call->has_head = true;
    call->reply_left = h->framing == HTTP_LENGTH ? h->length : 0;
    chunk_start(&call->chunks);
    stream_pin(&o->stream, used);
    call->handler.on_head(call, h, call->arg);
    if (o->call != call)
        return true;
    if (h->framing == HTTP_NO_BODY ||
        (h->framing == HTTP_LENGTH && h->length == 0))
        return finish(call);
    return true;
}

static bool
go_head(struct http_call *call)
{
    struct stream *s = &call->o->stream;
    struct str input = stream_input(s);
    struct str method = call->is_head_method ? STR("HEAD") : STR("GET");
    size_t used;
    if (input.n == 0)
        return is_over(s) ? lose(call->o) : false;
    enum err e = http_head_parse_response(&call->head, input, method, &used);
    if (e == ERR_AGAIN)
        return is_over(s) ? end(call, ERR_CLOSED, "closed within the head")
                          : false;
    if (e == ERR_LIMIT)
        return end(call, e, "the head is too large");
    if (e != ERR_OK)
        return end(call, ERR_UPSTREAM, "not HTTP/1.1");
    return call->head.status < 200 ? take_interim(call, used)
                                   : take_final(call, used);
}

/* Hands over a piece, then takes it and its framing off the stream.  False:
 * the call has ended meanwhile. */
static bool
deliver(struct http_call *call, struct str piece, size_t n_taken)
{
    struct outbound *o = call->o;
    if (piece.n > 0)
        call->handler.on_body(call, piece, call->arg);
    if (o->call != call)
        return false;
    stream_take(&o->stream, n_taken);
    return true;
}

static bool
go_length(struct http_call *call, struct str input)
{
    if (input.n > call->reply_left)
        input.n = (size_t)call->reply_left;
    call->reply_left -= input.n;
    if (deliver(call, input, input.n) && call->reply_left == 0)
        return finish(call);
    return true;
}

static bool
go_chunked(struct http_call *call, struct str input)
{
    struct str rest = input, piece = STR_NONE;
    enum err e = chunk_next(&call->chunks, &rest, &piece);
    if (e != ERR_OK && e != ERR_AGAIN)
        return end(call, ERR_UPSTREAM, "broken chunks");
    bool is_last = e == ERR_OK && piece.n == 0;
    if (deliver(call, piece, input.n - rest.n) && is_last)
        return finish(call);
    return true;
}

static bool
go_body(struct http_call *call)
{
    const struct stream *s = &call->o->stream;
    struct str input = stream_input(s);
    bool is_until_close = call->head.framing == HTTP_UNTIL_CLOSE;
    if (call->is_paused)
        return false;
    if (input.n == 0) {
        if (is_until_close && s->has_ended)
            return finish(call);
        return is_over(s) ? end(call, ERR_CLOSED, "closed within the body")
                          : false;
    }
    if (is_until_close) {
        (void)deliver(call, input, input.n); /* either way: look again */
        return true;
    }
    return call->head.framing == HTTP_CHUNKED ? go_chunked(call, input)
                                              : go_length(call, input);
}

static bool
tell_writable(struct http_call *call)
{
    if (!call->is_full ||
        stream_unsent(&call->o->stream) >= LIMIT_RELAY_WINDOW / 2)
        return false;
    call->is_full = false;
    if (call->handler.on_writable != NULL)
        call->handler.on_writable(call, call->arg);
    return true;
}

bool
reply_go(struct outbound *o)
{
    struct http_call *call = o->call;
    bool has_moved = call->has_head ? go_body(call) : go_head(call);
    if (has_moved)
        return true;
    if (!o->stream.is_writing)
        stream_flush(&o->stream);
    return tell_writable(call);
}

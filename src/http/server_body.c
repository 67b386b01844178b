#include "http/server_int.h"

/*
 * The body of a request.  Three ways lead to its end:
 *
 *   in place   a known length that fits behind the head: nothing is copied
 *   collected  chunks, or too long for that: copied into body_buf
 *   streamed   handed to on_body as it comes
 *
 * A body of an exchange that was answered already is read and dropped.
 */

static bool
is_dropped(const struct http_exchange *x)
{
    return x->is_ended || (x->is_begun && !x->is_streamed);
}

void
body_refuse(struct http_exchange *x, enum err e)
{
    struct connection *c = x->connection;
    if (x->is_begun) {
        connection_close(c, e);
        return;
    }
    bool is_head = str_equal(x->head.method, STR("HEAD"));
    exchange_end(x, e);
    if (c->state != CONNECTION_CLOSED)
        answer_refusal(c, e == ERR_LIMIT ? 413 : 400, is_head);
}

/* Takes n bytes off the stream after the handler has seen the piece. */
static void
deliver(struct http_exchange *x, struct str piece, size_t n_taken)
{
    struct connection *c = x->connection;
    const struct http_server_setup *setup = &c->server->setup;
    x->body_n += piece.n;
    if (piece.n > 0 && !is_dropped(x)) {
        if (x->is_streamed)
            setup->handler->on_body(x, piece, false, setup->arg);
        else
            buf_add(&x->body_buf, piece);
    }
    if (c->state != CONNECTION_RUNNING)
        return;
    stream_take(&c->stream, n_taken);
    if (buf_err(&x->body_buf) != ERR_OK)
        body_refuse(x, ERR_LIMIT);
}

static bool
go_length(struct http_exchange *x)
{
    struct stream *s = &x->connection->stream;
    struct str input = stream_input(s);
    bool is_in_place = !x->is_streamed && x->body_n == 0 && !is_dropped(x) &&
                       x->body_left <= stream_window(s);
    if (is_in_place) {
        if (input.n < x->body_left)
            return false;
        x->body = str_of(input.p, (size_t)x->body_left);
        stream_pin(s, x->body.n);
        x->body_n = x->body.n;
        x->is_body_done = true;
        return true;
    }
    if (input.n == 0)
        return false;
    if (input.n > x->body_left)
        input.n = (size_t)x->body_left;
    x->body_left -= input.n;
    x->is_body_done = x->body_left == 0;
    deliver(x, input, input.n);
    return true;
}

static bool
go_chunked(struct http_exchange *x)
{
    struct stream *s = &x->connection->stream;
    struct str input = stream_input(s), rest = input, piece = STR_NONE;
    if (input.n == 0)
        return false;
    enum err e = chunk_next(&x->chunks, &rest, &piece);
    if (e != ERR_OK && e != ERR_AGAIN) {
        /* Lines that are too long are no body that is too large. */
        body_refuse(x, ERR_SYNTAX);
        return true;
    }
    x->is_body_done = e == ERR_OK && piece.n == 0;
    deliver(x, piece, input.n - rest.n);
    return true;
}

/* The handler gets what it waits for: the request, or the last piece. */
void
body_finish(struct http_exchange *x)
{
    const struct http_server_setup *setup = &x->connection->server->setup;
    if (x->connection->state != CONNECTION_RUNNING || is_dropped(x))
        return;
    if (x->is_streamed) {
        setup->handler->on_body(x, STR_NONE, true, setup->arg);
        return;
    }
    if (x->body.p == NULL)
        x->body = buf_str(&x->body_buf);
    setup->handler->on_request(x, setup->arg);
}

static bool
ask_for_it(struct http_exchange *x)
{
    struct stream *s = &x->connection->stream;
    x->is_continued = true;
    if (!x->head.expects_continue || x->head.is_http_10 || x->is_begun ||
        stream_input(s).n > 0)
        return false;
    stream_write(s, STR("HTTP/1.1 100 Continue\r\n\r\n"));
    stream_flush(s);
    return true;
}

bool
body_go(struct http_exchange *x)
{
    struct connection *c = x->connection;
    if (x->is_body_done || (x->is_paused && !is_dropped(x)))
        return false;
    if (!x->is_continued && ask_for_it(x))
        return true;
    bool has_moved =
        x->head.framing == HTTP_CHUNKED ? go_chunked(x) : go_length(x);
    /* x may be gone now; then the connection has none. */
    if (c->x == x && x->is_body_done)
        body_finish(x);
    return has_moved;
}

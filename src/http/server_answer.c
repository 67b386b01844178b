#include "http/server_int.h"
#include "http/wire.h"

#include <assert.h>

/*
 * An answer goes   begin -> piece ... -> end,   a whole one all at once.  It
 * is written into the stream's buffer and leaves when the turn ends.
 */

/* What is still to come of the request lies in the buffer already. */
static bool
body_will_be_done(const struct http_exchange *x)
{
    return x->is_body_done ||
           (x->head.framing == HTTP_LENGTH &&
            x->body_left <= stream_input(&x->connection->stream).n);
}

static bool
status_has_body(unsigned status)
{
    return status >= 200 && status != 204 && status != 304;
}

static void
add_framing(struct wire *w, const struct http_exchange *x,
            const struct http_answer *a)
{
    if (a->status == 204 || a->status < 200)
        return;
    if (a->has_length) {
        wire_text(w, STR("Content-Length: "));
        wire_number(w, a->length);
        wire_text(w, STR("\r\n"));
    } else if (x->is_chunked) {
        wire_text(w, STR("Transfer-Encoding: chunked\r\n"));
    }
}

static void
add_connection(struct wire *w, const struct http_exchange *x)
{
    if (x->is_closing)
        wire_text(w, STR("Connection: close\r\n"));
    else if (x->head.is_http_10)
        wire_text(w, STR("Connection: keep-alive\r\n"));
}

/* How the end of the answer is told. */
static void
decide_framing(struct http_exchange *x, const struct http_answer *a)
{
    bool may_have_body = status_has_body(a->status) && !a->is_bodiless;
    bool has_body = may_have_body && !str_equal(x->head.method, STR("HEAD"));
    x->is_bodiless = !has_body;
    x->has_length = a->has_length;
    x->answer_left = has_body && a->has_length ? a->length : 0;
    /* An answer to HEAD says what one to GET would. */
    x->is_chunked = may_have_body && !a->has_length && !x->head.is_http_10;
    x->is_closing = has_body && !a->has_length && x->head.is_http_10;
}

static bool
ends_connection(const struct http_exchange *x)
{
    const struct connection *c = x->connection;
    return x->is_closing || !x->head.is_keep_alive || c->is_over ||
           c->server->is_draining || !body_will_be_done(x);
}

void
http_answer_begin(struct http_exchange *x, const struct http_answer *a)
{
    assert(!x->is_begun);
    decide_framing(x, a);
    x->is_closing = ends_connection(x);
    x->is_begun = true;
    struct stream *s = &x->connection->stream;
    struct wire w = {stream_room(s, wire_room(a->headers, a->n_headers)), 0};
    wire_status(&w, a->status);
    if (!a->has_date)
        wire_date(&w);
    wire_headers(&w, a->headers, a->n_headers);
    add_framing(&w, x, a);
    add_connection(&w, x);
    wire_end(&w);
    stream_wrote(s, w.n);
    connection_due(x->connection);
}

static void
write_chunk(struct stream *s, struct str piece)
{
    char line[WIRE_CHUNK_LINE];
    stream_write(s, wire_chunk_line(piece.n, line));
    stream_write(s, piece);
    stream_write(s, STR("\r\n"));
}

size_t
http_answer_piece(struct http_exchange *x, struct str piece)
{
    struct stream *s = &x->connection->stream;
    assert(x->is_begun && !x->is_ended);
    if (!x->is_bodiless && piece.n > 0) {
        assert(!x->has_length || piece.n <= x->answer_left);
        x->answer_left -= x->has_length ? piece.n : 0;
        if (x->is_chunked)
            write_chunk(s, piece);
        else
            stream_write(s, piece);
        connection_due(x->connection);
    }
    size_t unsent = stream_unsent(s);
    if (unsent > LIMIT_RELAY_WINDOW)
        x->is_full = true;
    return unsent;
}

void
http_answer_end(struct http_exchange *x)
{
    assert(x->is_begun && !x->is_ended);
    x->is_ended = true;
    x->is_full = false;
    /* Shorter than it said: the connection must not look whole. */
    if (x->answer_left > 0)
        http_abort(x, ERR_CLOSED);
    else if (x->is_chunked && !x->is_bodiless)
        stream_write(&x->connection->stream, WIRE_LAST_CHUNK);
    connection_due(x->connection);
}

void
http_respond(struct http_exchange *x, unsigned status,
             const struct http_header *headers, size_t n_headers,
             struct str body)
{
    struct http_answer a = {.status = status,
                            .headers = headers,
                            .n_headers = n_headers,
                            .has_length = status_has_body(status),
                            .length = body.n};
    http_answer_begin(x, &a);
    http_answer_piece(x, body);
    http_answer_end(x);
}

void
http_respond_text(struct http_exchange *x, unsigned status, struct str type,
                  struct str body)
{
    struct http_header header = {STR("Content-Type"), type};
    http_respond(x, status, &header, 1, body);
}

/* No exchange is left, or none ever was. */
void
answer_refusal(struct connection *c, unsigned status, bool is_head)
{
    const struct http_server_setup *setup = &c->server->setup;
    const struct http_handler *handler = setup->handler;
    struct http_header headers[2];
    struct str type = STR_NONE;
    size_t n = 0;
    struct buf body;
    buf_init(&body, LIMIT_API_BODY);
    if (handler->on_refused_header != NULL)
        handler->on_refused_header(&headers[n++], setup->arg);
    if (handler->on_refused != NULL)
        handler->on_refused(status, &body, &type, setup->arg);
    if (type.n > 0)
        headers[n++] = (struct http_header){STR("Content-Type"), type};
    struct wire w = {stream_room(&c->stream, wire_room(headers, n)), 0};
    wire_status(&w, status);
    wire_date(&w);
    wire_headers(&w, headers, n);
    wire_text(&w, STR("Content-Length: "));
    wire_number(&w, body.n);
    wire_text(&w, STR("\r\nConnection: close\r\n"));
    wire_end(&w);
    stream_wrote(&c->stream, w.n);
    if (!is_head)
        stream_write(&c->stream, buf_str(&body));
    buf_done(&body);
    connection_linger(c);
}

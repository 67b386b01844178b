#include "http/server_int.h"

#include <stdlib.h>

/* Spare exchanges of one server; each is about 6 KiB. */
#define SPARE_MAX 64
/* A body buffer larger than this is not kept for the next exchange. */
#define BODY_KEPT 16384

struct http_exchange *
exchange_new(struct connection *c)
{
    struct http_server *s = c->server;
    struct http_exchange *x = s->spare;
    if (x != NULL) {
        s->spare = x->next;
        s->n_spare--;
    } else {
        x = malloc(sizeof(*x));
        if (x == NULL)
            abort();
        x->arena = arena_new();
        buf_init(&x->body_buf, s->setup.max_body);
        x->body_buf.is_secret = s->setup.is_secret;
    }
    struct arena *arena = x->arena;
    struct buf body_buf = x->body_buf;
    body_buf.max = s->setup.max_body; /* the one before may have had more */
    /* The head is large, and its parser clears what it uses. */
    memset(x, 0, offsetof(struct http_exchange, head));
    x->connection = c;
    x->arena = arena;
    x->body_buf = body_buf;
    return x;
}

void
exchange_free(struct http_exchange *x)
{
    arena_free(x->arena);
    buf_done(&x->body_buf);
    free(x);
}

static void
keep_spare(struct http_server *s, struct http_exchange *x)
{
    if (s->n_spare >= SPARE_MAX || s->is_freed) {
        exchange_free(x);
        return;
    }
    arena_clear(x->arena);
    buf_clear(&x->body_buf);
    if (x->body_buf.room > BODY_KEPT)
        buf_done(&x->body_buf);
    x->next = s->spare;
    s->spare = x;
    s->n_spare++;
}

void
exchange_end(struct http_exchange *x, enum err reason)
{
    struct connection *c = x->connection;
    struct http_server *s = c->server;
    c->x = NULL;
    if (x->is_seen) {
        x->is_seen = false;
        s->n_running--;
        if (s->setup.handler->on_end != NULL)
            s->setup.handler->on_end(x, reason, s->setup.arg);
    }
    keep_spare(s, x);
    stream_unpin(&c->stream);
}

const struct http_head *
http_request(const struct http_exchange *x)
{
    return &x->head;
}

struct str
http_request_body(const struct http_exchange *x)
{
    return x->body;
}

struct str
http_peer(const struct http_exchange *x)
{
    return str_from(x->connection->peer);
}

struct arena *
http_arena(struct http_exchange *x)
{
    return x->arena;
}

void
http_set_user(struct http_exchange *x, void *user)
{
    x->user = user;
}

void *
http_user(const struct http_exchange *x)
{
    return x->user;
}

void
http_stream_body(struct http_exchange *x)
{
    x->is_streamed = true;
}

void
http_set_max_body(struct http_exchange *x, size_t max_body)
{
    x->body_buf.max = max_body;
}

void
http_pause_body(struct http_exchange *x)
{
    x->is_paused = true;
}

void
http_resume_body(struct http_exchange *x)
{
    x->is_paused = false;
    connection_due(x->connection);
}

void
http_abort(struct http_exchange *x, enum err reason)
{
    if (x->is_aborted)
        return;
    x->is_aborted = true;
    x->abort_reason = reason;
    connection_due(x->connection);
}

bool
http_is_answered(const struct http_exchange *x)
{
    return x->is_begun;
}

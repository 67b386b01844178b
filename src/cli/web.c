#include "cli/web.h"

#include "base/limits.h"
#include "http/tls.h"

#include <event2/event.h>
#include <stdlib.h>
#include <time.h>

#define BODY_MAX 67108864 /* of an answer that is held whole */
#define CALL_MS 60000

static int64_t
now_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* always exists */
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

enum err
web_open_as(struct web *web, const struct web_setup *setup)
{
    struct tls_context *tls = NULL;
    *web = (struct web){.is_beside = setup->beside != NULL};
    if (setup->has_tls && tls_client_new(NULL, &tls) != ERR_OK)
        return ERR_SYSTEM;
    web->tls = tls;
    web->base = web->is_beside ? setup->beside->base : event_base_new();
    if (web->base == NULL)
        abort(); /* no memory */
    web->dns = dns_new(web->base);
    web->client =
        http_client_new(&(struct http_client_setup){.base = web->base,
                                                    .dns = web->dns,
                                                    .tls = web->tls,
                                                    .filter = setup->filter});
    return ERR_OK;
}

void
web_open(struct web *web)
{
    if (web_open_as(web, &(struct web_setup){.has_tls = false}) != ERR_OK)
        abort(); /* without certificates nothing can fail */
}

void
web_stop(struct web *web)
{
    http_client_free(web->client);
    web->client = NULL;
    if (web->base != NULL)
        (void)event_base_loopbreak(web->base); /* the base is there */
}

void
web_close(struct web *web)
{
    if (web->base == NULL)
        return;
    http_client_free(web->client);
    dns_free(web->dns);
    tls_free(web->tls);
    if (!web->is_beside)
        event_base_free(web->base);
    web->base = NULL;
}

static void
on_pause_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)event_base_loopbreak(arg); /* the base is there */
}

void
web_pause(struct web *web, unsigned ms)
{
    struct timeval length = {.tv_sec = ms / 1000,
                             .tv_usec = (ms % 1000) * 1000};
    struct event *e = event_new(web->base, -1, 0, on_pause_over, web->base);
    if (e == NULL || event_add(e, &length) != 0)
        abort();                          /* no memory */
    (void)event_base_dispatch(web->base); /* until it breaks out */
    event_free(e);
}

static void
on_head(struct http_call *call, const struct http_head *head, void *arg)
{
    struct web_answer *a = arg;
    (void)call;
    a->status = head->status;
    for (size_t i = 0; i < head->n_headers && i < WEB_HEADERS; i++)
        a->headers[a->n_headers++] =
            (struct http_header){arena_copy(a->arena, head->headers[i].name),
                                 arena_copy(a->arena, head->headers[i].value)};
}

static void
on_body(struct http_call *call, struct str piece, void *arg)
{
    struct web_answer *a = arg;
    (void)call;
    if (a->on_piece != NULL)
        a->on_piece(piece, a->arg);
    else
        buf_add(&a->body, piece);
}

static void
on_end(struct http_call *call, enum err e, void *arg)
{
    struct web_answer *a = arg;
    (void)call;
    a->err = e == ERR_OK ? buf_err(&a->body) : e;
    a->ended_us = now_us();
    if (--a->web->n_running == 0)
        (void)event_base_loopbreak(a->web->base); /* the base is there */
}

static const struct http_call_handler handler = {
    .on_head = on_head, .on_body = on_body, .on_end = on_end};

void
web_start(struct web *web, const struct http_call_spec *spec,
          struct web_answer *out)
{
    struct http_call_spec timed = *spec;
    *out = (struct web_answer){
        .web = web, .on_piece = out->on_piece, .arg = out->arg};
    out->arena = arena_new_secret();
    buf_init_secret(&out->body, BODY_MAX);
    if (timed.timeout_ms == 0)
        timed.timeout_ms = CALL_MS;
    out->started_us = now_us();
    web->n_running++;
    (void)http_call_start(web->client, &timed, &handler,
                          out); /* on_end tells how it went */
}

void
web_wait(struct web *web)
{
    while (web->n_running > 0)
        if (event_base_dispatch(web->base) != 0)
            return;
}

void
web_call(struct web *web, const struct http_call_spec *spec,
         struct web_answer *out)
{
    web_start(web, spec, out);
    web_wait(web);
}

void
web_answer_done(struct web_answer *answer)
{
    arena_free(answer->arena);
    answer->arena = NULL;
    buf_done(&answer->body);
}

struct str
web_header(const struct web_answer *answer, const char *name)
{
    for (size_t i = 0; i < answer->n_headers; i++)
        if (str_equal_nocase(answer->headers[i].name, str_from(name)))
            return answer->headers[i].value;
    return STR("");
}

int64_t
web_took_us(const struct web_answer *answer)
{
    return answer->ended_us - answer->started_us;
}

enum err
web_spec(struct arena *arena, struct str method, struct str url,
         struct http_call_spec *out)
{
    struct url u;
    struct str text = arena_copy(arena, url);
    if (url_parse(text, &u) != ERR_OK)
        return ERR_SYNTAX;
    *out = (struct http_call_spec){.scheme = u.scheme,
                                   .host = u.host,
                                   .port = u.port,
                                   .method = method,
                                   .target = u.path};
    if (u.query.p != NULL)
        out->target =
            arena_printf(arena, "%.*s?%.*s", STR_ARG(u.path), STR_ARG(u.query));
    return ERR_OK;
}

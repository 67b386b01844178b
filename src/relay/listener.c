#include "relay/api.h"
#include "relay/proxy.h"
#include "relay/relay.h"

#include <event2/event.h>

/* The HTTP server's events, each to the one it is for. */

static void
on_head(struct http_exchange *x, void *arg)
{
    const struct http_head *head = http_request(x);
    if (!proxy_is_for(head->target)) {
        api_on_head(x);
    } else if (proxy_wants_stream(head)) {
        http_stream_body(x);
        proxy_do(arg, x, true);
    }
}

static void
on_request(struct http_exchange *x, void *arg)
{
    if (proxy_is_for(http_request(x)->target))
        proxy_do(arg, x, false);
    else
        api_do(arg, x);
}

static void
on_body(struct http_exchange *x, struct str piece, bool is_last, void *arg)
{
    struct exchange_user *u = http_user(x);
    (void)arg;
    if (u != NULL && u->on_body != NULL)
        u->on_body(u, piece, is_last);
}

static void
on_writable(struct http_exchange *x, void *arg)
{
    struct exchange_user *u = http_user(x);
    (void)arg;
    if (u != NULL && u->on_writable != NULL)
        u->on_writable(u);
}

static void
on_end(struct http_exchange *x, enum err reason, void *arg)
{
    struct exchange_user *u = http_user(x);
    struct relay *r = arg;
    (void)reason;
    if (u != NULL && u->on_end != NULL)
        u->on_end(u);
    if (r->on_exchange_end != NULL)
        event_active(r->on_exchange_end, EV_TIMEOUT, 0);
}

const struct http_handler relay_handler = {
    .on_head = on_head,
    .on_request = on_request,
    .on_body = on_body,
    .on_writable = on_writable,
    .on_end = on_end,
    .on_refused_header = answer_refused_header,
    .on_refused = answer_refused,
};

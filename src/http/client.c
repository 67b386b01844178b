#include "http/client_int.h"

#include <stdlib.h>

/* Hosts that are remembered, for their TLS tickets, without any use. */
#define HOSTS_KEPT 64

static void
host_free(struct host *h)
{
    loop_not_due(&h->client->loop, &h->pump);
    tls_ticket_done(&h->ticket);
    buf_done(&h->name);
    free(h);
}

static void
forget_hosts(struct http_client *c)
{
    struct host **at = &c->hosts;
    while (*at != NULL) {
        struct host *h = *at;
        if (h->first != NULL || h->waiting != NULL) {
            at = &h->next;
            continue;
        }
        *at = h->next;
        c->n_hosts--;
        host_free(h);
    }
}

/* One round only: a caller may answer a failure with the next call. */
static void
pump(struct task *t)
{
    struct host *h = (struct host *)((char *)t - offsetof(struct host, pump));
    while (h->waiting != NULL && h->idle != NULL) {
        struct http_call *call = h->waiting;
        host_remove_call(h, call);
        outbound_start_call(h->idle, call);
    }
    for (size_t n = h->n_waiting;
         n > 0 && h->n_waiting > h->n_opening &&
         h->n_connections < h->client->setup.max_connections;
         n--)
        outbound_open(h);
    if (h->n_waiting > h->n_opening &&
        h->n_connections < h->client->setup.max_connections)
        host_due(h);
}

void
host_due(struct host *h)
{
    if (!h->client->is_freed)
        loop_due(&h->client->loop, &h->pump);
}

struct host *
client_host(struct http_client *c, bool is_tls, struct str name, uint16_t port)
{
    struct host *h;
    for (h = c->hosts; h != NULL; h = h->next)
        if (h->port == port && h->is_tls == is_tls &&
            str_equal_nocase(buf_str(&h->name), name))
            return h;
    if (c->n_hosts >= HOSTS_KEPT)
        forget_hosts(c);
    h = calloc(1, sizeof(*h));
    if (h == NULL)
        abort();
    h->client = c;
    h->port = port;
    h->is_tls = is_tls;
    h->waiting_end = &h->waiting;
    h->pump.run = pump;
    buf_init(&h->name, LIMIT_URL);
    buf_add(&h->name, name);
    h->next = c->hosts;
    c->hosts = h;
    c->n_hosts++;
    return h;
}

void
host_add_call(struct host *h, struct http_call *call)
{
    call->host = h;
    if (h->idle != NULL && h->waiting == NULL) {
        outbound_start_call(h->idle, call);
        return;
    }
    call->is_waiting = true;
    call->next_waiting = NULL;
    *h->waiting_end = call;
    h->waiting_end = &call->next_waiting;
    h->n_waiting++;
    host_due(h);
}

void
host_return_call(struct host *h, struct http_call *call)
{
    call->is_waiting = true;
    call->next_waiting = h->waiting;
    if (h->waiting == NULL)
        h->waiting_end = &call->next_waiting;
    h->waiting = call;
    h->n_waiting++;
    /* Where one kept connection was closed, others are likely to be. */
    while (h->idle != NULL)
        outbound_close(h->idle);
    host_due(h);
}

void
host_remove_call(struct host *h, struct http_call *call)
{
    struct http_call **at = &h->waiting;
    if (!call->is_waiting)
        return;
    while (*at != call)
        at = &(*at)->next_waiting;
    *at = call->next_waiting;
    if (*at == NULL)
        h->waiting_end = at;
    h->n_waiting--;
    call->is_waiting = false;
}

struct http_client *
http_client_new(const struct http_client_setup *setup)
{
    struct http_client *c = calloc(1, sizeof(*c));
    if (c == NULL)
        abort();
    c->setup = *setup;
    if (c->setup.max_connections == 0)
        c->setup.max_connections = LIMIT_UPSTREAM;
    if (c->setup.idle_ms == 0)
        c->setup.idle_ms = 30000;
    if (c->setup.connect_ms == 0)
        c->setup.connect_ms = 8000;
    loop_init(&c->loop, setup->base);
    return c;
}

static void
on_drop(struct task *t)
{
    struct http_client *c =
        (struct http_client *)((char *)t - offsetof(struct http_client, drop));
    while (c->hosts != NULL) {
        struct host *h = c->hosts;
        c->hosts = h->next;
        host_free(h);
    }
    while (c->spare != NULL) {
        struct http_call *call = c->spare;
        c->spare = call->next;
        buf_done(&call->request);
        free(call);
    }
    loop_done(&c->loop);
    free(c);
}

void
http_client_free(struct http_client *c)
{
    if (c == NULL || c->is_freed)
        return;
    loop_enter(&c->loop);
    c->is_freed = true;
    while (c->calls != NULL)
        call_end(c->calls, ERR_CLOSED);
    for (struct host *h = c->hosts; h != NULL; h = h->next)
        while (h->first != NULL)
            outbound_close(h->first);
    c->drop.run = on_drop;
    loop_drop_owner(&c->loop, &c->drop);
    loop_leave(&c->loop);
}

#define _GNU_SOURCE /* accept4 */
#include "http/server_int.h"
#include "http/tls_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connections taken in one turn, so that new ones do not starve others. */
#define ACCEPT_TURN 16
/* After the system ran out of descriptors or memory. */
#define ACCEPT_AGAIN_MS 500

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage room;
};

static void
peer_text(const union address *a, char out[static INET6_ADDRSTRLEN])
{
    const char *done = NULL;
    if (a->any.sa_family == AF_INET)
        done = inet_ntop(AF_INET, &a->v4.sin_addr, out, INET6_ADDRSTRLEN);
    else if (a->any.sa_family == AF_INET6 &&
             IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr))
        done = inet_ntop(AF_INET, &a->v6.sin6_addr.s6_addr[12], out,
                         INET6_ADDRSTRLEN);
    else if (a->any.sa_family == AF_INET6)
        done = inet_ntop(AF_INET6, &a->v6.sin6_addr, out, INET6_ADDRSTRLEN);
    if (done == NULL)
        out[0] = '\0';
}

static void
close_longest_waiting(struct http_server *s)
{
    struct connection *longest = NULL;
    for (struct connection *c = s->first; c != NULL; c = c->next)
        if (c->state == CONNECTION_WAITING &&
            (longest == NULL || c->waits_since < longest->waits_since))
            longest = c;
    if (longest != NULL)
        connection_close(longest, ERR_OK);
}

static void
take(struct http_server *s, int fd, const union address *address)
{
    char peer[INET6_ADDRSTRLEN];
    size_t max = s->setup.max_connections;
    if (s->n_connections >= max)
        close_longest_waiting(s);
    /* A few over the limit are heard, so that they can be told. */
    if (s->n_connections >= max + max / 8 + 1) {
        (void)close(fd); /* nothing can be done about a failure */
        return;
    }
    struct ssl_st *ssl = NULL;
    if (s->setup.tls != NULL)
        ssl = tls_accepting(s->setup.tls);
    peer_text(address, peer);
    connection_new(s, fd, ssl, peer, s->n_connections >= max);
}

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
    struct http_server *s = arg;
    (void)what;
    loop_enter(&s->loop);
    for (int i = 0; i < ACCEPT_TURN && !s->is_draining; i++) {
        union address address = {.any = {0}};
        socklen_t n = sizeof(address);
        int taken = accept4(fd, &address.any, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (taken >= 0) {
            take(s, taken, &address);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
            errno == ENOMEM) {
            (void)event_del(&s->accept_event);
            deadline_set(&s->accept_again, ACCEPT_AGAIN_MS);
        }
        break; /* others mean that this one is gone, or that none waits */
    }
    loop_leave(&s->loop);
}

static void
on_accept_again(struct deadline *d)
{
    struct http_server *s =
        (struct http_server *)((char *)d -
                               offsetof(struct http_server, accept_again));
    (void)event_add(&s->accept_event, NULL);
}

static void
set_defaults(struct http_server_setup *setup)
{
    if (setup->max_connections == 0)
        setup->max_connections = LIMIT_CONNECTIONS;
    if (setup->head_ms == 0)
        setup->head_ms = DEADLINE_HEAD_MS;
    if (setup->body_ms == 0)
        setup->body_ms = DEADLINE_BODY_MS;
    if (setup->idle_ms == 0)
        setup->idle_ms = DEADLINE_IDLE_MS;
}

struct http_server *
http_server_new(const struct http_server_setup *setup)
{
    struct http_server *s = calloc(1, sizeof(*s));
    if (s == NULL)
        abort();
    s->setup = *setup;
    set_defaults(&s->setup);
    loop_init(&s->loop, setup->base);
    deadline_start(&s->loop.deadlines, &s->accept_again, on_accept_again);
    (void)event_assign(&s->accept_event, setup->base, setup->fd,
                       EV_READ | EV_PERSIST, on_accept, s);
    (void)event_add(&s->accept_event, NULL);
    return s;
}

static void
stop_accepting(struct http_server *s)
{
    if (s->is_draining)
        return;
    s->is_draining = true;
    (void)event_del(&s->accept_event);
    deadline_stop(&s->accept_again);
    (void)close(s->setup.fd); /* nothing can be done about a failure */
}

void
http_server_drain(struct http_server *s)
{
    loop_enter(&s->loop);
    stop_accepting(s);
    struct connection *next;
    for (struct connection *c = s->first; c != NULL; c = next) {
        next = c->next;
        if (c->state == CONNECTION_WAITING || c->state == CONNECTION_OPENING)
            connection_close(c, ERR_OK);
    }
    loop_leave(&s->loop);
}

size_t
http_server_n_running(const struct http_server *s)
{
    return s->n_running;
}

void
server_remove(struct http_server *s, struct connection *c)
{
    if (c->next != NULL)
        c->next->before = c->before;
    if (c->before != NULL)
        c->before->next = c->next;
    else
        s->first = c->next;
    s->n_connections--;
}

static void
on_drop(struct task *t)
{
    struct http_server *s =
        (struct http_server *)((char *)t - offsetof(struct http_server, drop));
    while (s->spare != NULL) {
        struct http_exchange *x = s->spare;
        s->spare = x->next;
        exchange_free(x);
    }
    loop_done(&s->loop);
    free(s);
}

void
http_server_free(struct http_server *s)
{
    if (s == NULL || s->is_freed)
        return;
    loop_enter(&s->loop);
    stop_accepting(s);
    s->is_freed = true;
    /* Each close may call back, and the callback may close others. */
    while (s->first != NULL) {
        struct connection *c = s->first;
        connection_close(c, c->x != NULL ? ERR_CLOSED : ERR_OK);
    }
    s->drop.run = on_drop;
    loop_drop_owner(&s->loop, &s->drop);
    loop_leave(&s->loop);
}

#include "http/client.h"
#include "http/client_int.h"

#include <arpa/inet.h>
#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Calls to an upstream that says anything.  The first byte says what the
 * caller does; the rest is a row of pieces, each with its length before it,
 * that the upstream sends in turns of their own before it closes.  Every call
 * ends exactly once unless it is cancelled, and never with another's bytes.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum deed {
    CANCEL_AT_HEAD = 1,
    CANCEL_AT_BODY = 2,
    PAUSE = 4,
    HEAD_ONLY = 8,
    STREAMED = 16,
    TWO_CALLS = 32,
};

struct world {
    struct event_base *base;
    struct dns *dns;
    struct http_client *client;
    int listener;
    uint16_t port;
    unsigned deeds;
    struct http_call *calls[2]; /* NULL once they are over */
    size_t n_heads[2];
};

static size_t
place_of(const struct world *w, const struct http_call *call)
{
    assert(call == w->calls[0] || call == w->calls[1]);
    return call == w->calls[1];
}

static void
cancel(struct world *w, struct http_call *call)
{
    w->calls[place_of(w, call)] = NULL;
    http_call_cancel(call);
}

static void
on_head(struct http_call *call, const struct http_head *head, void *arg)
{
    struct world *w = arg;
    assert(head->status >= 200 && head->status <= 599);
    assert(++w->n_heads[place_of(w, call)] == 1);
    if (w->deeds & CANCEL_AT_HEAD)
        cancel(w, call);
    else if (w->deeds & PAUSE)
        http_call_pause(call);
}

static void
on_body(struct http_call *call, struct str piece, void *arg)
{
    struct world *w = arg;
    assert(piece.n > 0 && w->n_heads[place_of(w, call)] == 1);
    assert(!(w->deeds & HEAD_ONLY));
    if (w->deeds & CANCEL_AT_BODY)
        cancel(w, call);
    else if (w->deeds & PAUSE)
        http_call_pause(call);
}

static void
on_end(struct http_call *call, enum err e, void *arg)
{
    struct world *w = arg;
    size_t i = place_of(w, call);
    assert(e != ERR_OK || w->n_heads[i] == 1);
    w->calls[i] = NULL;
}

static const struct http_call_handler handler = {on_head, on_body, NULL,
                                                 on_end};

static struct world *
the_world(void)
{
    static struct world w;
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t n = sizeof(a);
    if (w.base != NULL)
        return &w;
    w.base = event_base_new();
    w.dns = dns_new(w.base);
    struct http_client_setup setup = {
        .base = w.base, .dns = w.dns, .max_connections = 1};
    w.client = http_client_new(&setup);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    w.listener = socket(AF_INET, SOCK_STREAM, 0);
    assert(bind(w.listener, (struct sockaddr *)&a, n) == 0);
    assert(listen(w.listener, 16) == 0);
    assert(getsockname(w.listener, (struct sockaddr *)&a, &n) == 0);
    w.port = ntohs(a.sin_port);
    return &w;
}

static void
turn(struct world *w)
{
    (void)event_base_loop(w->base, EVLOOP_NONBLOCK);
    for (size_t i = 0; i < 2; i++)
        if (w->calls[i] != NULL)
            http_call_resume(w->calls[i]);
    (void)event_base_loop(w->base, EVLOOP_NONBLOCK);
}

static void
start(struct world *w, size_t i)
{
    struct http_call_spec spec = {
        .scheme = STR("http"),
        .host = STR("127.0.0.1"),
        .port = w->port,
        .method = w->deeds & HEAD_ONLY  ? STR("HEAD")
                  : w->deeds & STREAMED ? STR("POST")
                                        : STR("GET"),
        .target = STR("/"),
        .is_streamed = w->deeds & STREAMED,
    };
    w->n_heads[i] = 0;
    w->calls[i] = http_call_start(w->client, &spec, &handler, w);
    if (w->deeds & STREAMED) {
        (void)http_call_piece(w->calls[i], STR("piece"));
        http_call_finish(w->calls[i]);
    }
}

static int
accept_one(struct world *w)
{
    (void)event_base_loop(w->base, EVLOOP_NONBLOCK);
    (void)event_base_loop(w->base, EVLOOP_NONBLOCK);
    int fd = accept(w->listener, NULL, NULL);
    assert(fd >= 0);
    return fd;
}

/* What is left is told that the upstream is gone. */
static void
close_all(struct world *w, int fd)
{
    struct linger at_once = {.l_onoff = 1};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    (void)close(fd);
    for (int i = 0; i < 4; i++)
        turn(w);
    for (size_t i = 0; i < 2; i++)
        if (w->calls[i] != NULL)
            cancel(w, w->calls[i]);
    turn(w);
    for (struct host *h = w->client->hosts; h != NULL; h = h->next)
        while (h->first != NULL)
            outbound_close(h->first);
    loop_enter(&w->client->loop);
    loop_leave(&w->client->loop);
    assert(w->client->calls == NULL);
    for (struct host *h = w->client->hosts; h != NULL; h = h->next)
        assert(h->n_connections == 0 && h->n_waiting == 0 &&
               h->n_opening == 0 && h->idle == NULL);
}

static void
drop_the_rest(struct world *w)
{
    for (;;) {
        int fd = accept(w->listener, NULL, NULL);
        if (fd < 0)
            return;
        (void)close(fd);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct world *w = the_world();
    if (n == 0)
        return 0;
    w->deeds = data[0];
    start(w, 0);
    if (w->deeds & TWO_CALLS)
        start(w, 1);
    int fd = accept_one(w);
    evutil_make_socket_nonblocking(w->listener);
    data++;
    n--;
    while (n > 0) {
        size_t piece = 1 + (size_t)data[0] * 4;
        if (piece > n - 1)
            piece = n - 1;
        (void)send(fd, data + 1, piece, MSG_NOSIGNAL | MSG_DONTWAIT);
        data += 1 + piece;
        n -= 1 + piece;
        turn(w);
    }
    close_all(w, fd);
    drop_the_rest(w);
    return 0;
}

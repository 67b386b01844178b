#include "http/server.h"
#include "http/server_int.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * A connection of the server, from its first byte to its end.  The input is a
 * row of pieces, each with its length before it, that arrive in turns of
 * their own; what the handler does is in the target's second letter.  Every
 * exchange ends exactly once, and what comes back begins with a status line.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct world {
    struct event_base *base;
    struct http_server *server;
    struct http_exchange *held; /* answered in a turn of its own */
    size_t n_begun, n_ended;
};

static char
letter(const struct http_exchange *x)
{
    struct str target = http_request(x)->target;
    return target.n > 1 ? target.p[1] : ' ';
}

static void
respond(struct http_exchange *x)
{
    struct http_header header = {STR("X-Body"), STR("all of it")};
    http_respond(x, 200, &header, 1, http_request_body(x));
}

static void
on_head(struct http_exchange *x, void *arg)
{
    struct world *w = arg;
    struct http_answer chunked = {.status = 200};
    w->n_begun++;
    http_set_user(x, arena_alloc(http_arena(x), 100));
    switch (letter(x)) {
    case 'e':
        http_respond(x, 401, NULL, 0, STR("early"));
        break;
    case 'a':
        http_abort(x, ERR_INVALID);
        break;
    case 's':
        http_stream_body(x);
        http_answer_begin(x, &chunked);
        break;
    case 'p':
    case 'b':
        http_stream_body(x);
        break;
    }
}

static void
on_request(struct http_exchange *x, void *arg)
{
    struct world *w = arg;
    if (letter(x) == 'h')
        w->held = x;
    else
        respond(x);
}

static void
on_body(struct http_exchange *x, struct str piece, bool is_last, void *arg)
{
    struct world *w = arg;
    switch (letter(x)) {
    case 's':
        (void)http_answer_piece(x, piece);
        if (is_last)
            http_answer_end(x);
        break;
    case 'b':
        http_abort(x, ERR_INVALID);
        break;
    default:
        w->held = x;
        http_pause_body(x);
        if (is_last)
            respond(x);
    }
}

static void
on_end(struct http_exchange *x, enum err reason, void *arg)
{
    struct world *w = arg;
    assert(reason < ERR_COUNT && http_user(x) != NULL);
    w->n_ended++;
    if (w->held == x)
        w->held = NULL;
}

static const struct http_handler handler = {.on_head = on_head,
                                            .on_request = on_request,
                                            .on_body = on_body,
                                            .on_end = on_end};

static struct world *
the_world(void)
{
    static struct world w;
    if (w.base != NULL)
        return &w;
    struct http_server_setup setup = {
        .max_body = 1000, .handler = &handler, .arg = &w};
    w.base = event_base_new();
    setup.base = w.base;
    setup.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert(listen(setup.fd, 1) == 0); /* for nobody */
    w.server = http_server_new(&setup);
    return &w;
}

static void
turn(struct world *w)
{
    for (int i = 0; i < 3; i++) {
        (void)event_base_loop(w->base, EVLOOP_NONBLOCK);
        struct http_exchange *x = w->held;
        w->held = NULL;
        if (x != NULL && letter(x) == 'h')
            respond(x);
        else if (x != NULL)
            http_resume_body(x);
    }
}

/* Reads what is there; the first of it is a status line. */
static void
listen_to(int fd, size_t *n_heard)
{
    char text[65536];
    ssize_t n;
    while ((n = recv(fd, text, sizeof(text), MSG_DONTWAIT)) > 0) {
        if (*n_heard == 0)
            assert(n >= 9 && memcmp(text, "HTTP/1.1 ", 9) == 0);
        *n_heard += (size_t)n;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct world *w = the_world();
    int ends[2];
    size_t n_heard = 0, n_turns = 0;
    assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    connection_new(w->server, ends[0], NULL, "", false);
    while (n > 0) {
        size_t piece = 1 + (size_t)data[0] * 4;
        if (piece > n - 1)
            piece = n - 1;
        (void)send(ends[1], data + 1, piece, MSG_NOSIGNAL | MSG_DONTWAIT);
        data += 1 + piece;
        n -= 1 + piece;
        turn(w);
        listen_to(ends[1], &n_heard);
    }
    (void)close(ends[1]);
    while (w->server->n_connections > 0) {
        assert(n_turns++ < 100);
        turn(w);
    }
    assert(w->n_begun == w->n_ended);
    assert(http_server_n_running(w->server) == 0 && w->held == NULL);
    return 0;
}

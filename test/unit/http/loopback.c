#include "loopback.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define RAW_MAX (64 * 1024 * 1024)

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
}

void
loopback_init(struct loopback *lb)
{
    struct timeval every = {.tv_usec = 2000};
    lb->base = event_base_new();
    assert_non_null(lb->base);
    lb->tick = event_new(lb->base, -1, EV_PERSIST, on_tick, NULL);
    assert_int_equal(event_add(lb->tick, &every), 0);
}

void
loopback_done(struct loopback *lb)
{
    event_free(lb->tick);
    event_base_free(lb->base);
}

void
loopback_turn(struct loopback *lb, unsigned n, const char *what,
              const char *file, int line)
{
    static struct timeval from;
    struct timeval now;
    (void)evutil_gettimeofday(&now, NULL);
    if (n == 0)
        from = now;
    if (now.tv_sec - from.tv_sec > 20) {
        print_error("%s:%d: waited in vain for %s\n", file, line, what);
        fail();
    }
    (void)event_base_loop(lb->base, EVLOOP_ONCE);
}

void
loopback_rest(struct loopback *lb)
{
    for (int i = 0; i < 20; i++)
        (void)event_base_loop(lb->base, EVLOOP_ONCE);
}

static struct sockaddr_in
local(uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

static void
set_nonblocking(int fd)
{
    assert_int_equal(evutil_make_socket_nonblocking(fd), 0);
}

int
loopback_listen(uint16_t *out_port)
{
    struct sockaddr_in a = local(0);
    socklen_t n = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    set_nonblocking(fd);
    *out_port = ntohs(a.sin_port);
    return fd;
}

static struct raw
raw_of(struct loopback *lb, int fd)
{
    struct raw r = {.lb = lb, .fd = fd};
    set_nonblocking(fd);
    buf_init(&r.in, RAW_MAX);
    return r;
}

struct raw
raw_connect(struct loopback *lb, uint16_t port)
{
    struct sockaddr_in a = local(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return raw_of(lb, fd);
}

static bool
try_accept(int listener, int *out_fd)
{
    *out_fd = accept(listener, NULL, NULL);
    return *out_fd >= 0;
}

struct raw
raw_accept(struct loopback *lb, int listener)
{
    int fd;
    WAIT(lb, try_accept(listener, &fd));
    return raw_of(lb, fd);
}

static void
pump(struct raw *r)
{
    char *p;
    while (!r->has_ended) {
        assert_int_equal(buf_reserve(&r->in, 65536, &p), ERR_OK);
        ssize_t n = recv(r->fd, p, 65536, 0);
        if (n > 0) {
            buf_commit(&r->in, (size_t)n);
            continue;
        }
        if (n < 0 && errno == EAGAIN)
            return;
        r->has_ended = true;
        r->is_reset = n < 0;
    }
}

static bool
say_some(struct raw *r, struct str *rest)
{
    ssize_t n = send(r->fd, rest->p, rest->n, MSG_NOSIGNAL);
    pump(r);
    if (n < 0 && errno != EAGAIN)
        return true; /* the other side has had enough */
    if (n > 0)
        *rest = str_of(rest->p + n, rest->n - (size_t)n);
    return rest->n == 0;
}

void
raw_say_bytes(struct raw *r, struct str bytes)
{
    WAIT(r->lb, say_some(r, &bytes));
}

void
raw_say(struct raw *r, const char *text)
{
    raw_say_bytes(r, str_from(text));
}

size_t
raw_count(struct raw *r, const char *text)
{
    size_t n = strlen(text), count = 0;
    pump(r);
    for (size_t i = 0; i + n <= r->in.n; i++)
        count += memcmp(r->in.p + i, text, n) == 0;
    return count;
}

bool
raw_has(struct raw *r, const char *text)
{
    return raw_count(r, text) > 0;
}

bool
raw_is(struct raw *r, const char *text)
{
    pump(r);
    return str_equal(buf_str(&r->in), str_from(text));
}

bool
raw_has_ended(struct raw *r)
{
    pump(r);
    return r->has_ended;
}

void
raw_forget(struct raw *r)
{
    pump(r);
    buf_clear(&r->in);
}

void
raw_close(struct raw *r)
{
    (void)close(r->fd);
    buf_done(&r->in);
}

void
raw_reset(struct raw *r)
{
    struct linger at_once = {.l_onoff = 1};
    (void)setsockopt(r->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    raw_close(r);
}

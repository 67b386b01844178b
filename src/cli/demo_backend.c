#define _GNU_SOURCE
#include "cli/demo_int.h"

#include "base/limits.h"
#include "cli/keyfile.h"
#include "http/server.h"
#include "hubspot/standard_webhooks.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* The 40 lines that an app needs to take events, in C. */

#define KEPT 256
#define WAIT_S 10
#define BODY_MAX 1048576

struct demo_backend {
    struct demo *demo;
    struct http_server *server;
    struct buf key; /* of Standard Webhooks */
    struct demo_delivery got[KEPT];
    size_t n;
    bool is_printing;
};

static bool
is_signed(const struct demo_backend *b, const struct http_head *head,
          struct str body)
{
    uint64_t at;
    struct buf auto_buf expected = {0};
    struct hidden key = HIDDEN(buf_str(&b->key));
    struct webhook_message m = {.id = http_head_find(head, WEBHOOK_HEADER_ID),
                                .body = body};
    if (!str_to_u64(http_head_find(head, WEBHOOK_HEADER_TIMESTAMP), &at))
        return false;
    m.timestamp_s = (int64_t)at;
    buf_init(&expected, 256);
    webhook_sign(&m, &key, 1, &expected);
    return str_equal(buf_str(&expected),
                     http_head_find(head, WEBHOOK_HEADER_SIGNATURE));
}

static void
on_request(struct http_exchange *x, void *arg)
{
    struct demo_backend *b = arg;
    struct str body = http_request_body(x);
    bool is_taken = b->is_printing || b->n < KEPT;
    if (b->is_printing)
        demo_note(b->demo, "the backend gets %.*s", STR_ARG(body));
    else if (is_taken)
        b->got[b->n++] = (struct demo_delivery){
            .body = json_loadb(body.n > 0 ? body.p : "", body.n, 0, NULL),
            .is_signed = is_signed(b, http_request(x), body),
            .at_us = demo_now_us()};
    http_respond_text(x, is_taken ? 200 : 503, STR("text/plain"),
                      STR("taken\n"));
}

static void
on_end(struct http_exchange *x, enum err reason, void *arg)
{
    (void)x;
    (void)reason; /* who did not hear the answer sends it again */
    (void)arg;
}

static const struct http_handler handler = {.on_request = on_request,
                                            .on_end = on_end};

static int
open_listener(unsigned *out_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
        listen(fd, SOMAXCONN) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0) {
        if (fd >= 0)
            (void)close(fd); /* nothing was sent */
        return -1;
    }
    *out_port = ntohs(at.sin_port);
    return fd;
}

/* As the backend's own configuration would have it. */
static bool
read_key(struct demo *d, struct demo_backend *b)
{
    char text[256];
    struct buf auto_buf problem = {0};
    struct str path = demo_path(d, DEMO_WHSEC);
    buf_init(&problem, LIMIT_URL);
    buf_init_secret(&b->key, WEBHOOK_KEY_MAX);
    if (keyfile_create_webhook(path.p, &problem) != ERR_OK)
        return false;
    int fd = open(path.p, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
    if (fd >= 0)
        (void)close(fd); /* only read */
    struct str line = n > 0 ? str_of(text, (size_t)n) : STR("");
    while (line.n > 0 && line.p[line.n - 1] == '\n')
        line.n--;
    return webhook_key_decode(HIDDEN(line), &b->key) == ERR_OK;
}

bool
demo_backend_open(struct demo *d)
{
    unsigned port;
    int fd = open_listener(&port);
    if (fd < 0)
        return false;
    struct demo_backend *b = calloc(1, sizeof(*b));
    if (b == NULL)
        abort(); /* no memory */
    d->backend = b;
    b->demo = d;
    b->server =
        http_server_new(&(struct http_server_setup){.base = d->web.base,
                                                    .fd = fd,
                                                    .max_body = BODY_MAX,
                                                    .handler = &handler,
                                                    .arg = b});
    d->target_url =
        arena_printf(d->arena, "http://127.0.0.1:%u/hubspot/events", port);
    return read_key(d, b);
}

void
demo_backend_close(struct demo *d)
{
    struct demo_backend *b = d->backend;
    if (b == NULL)
        return;
    http_server_free(b->server);
    for (size_t i = 0; i < b->n; i++)
        json_decref(b->got[i].body);
    buf_done(&b->key);
    free(b);
    d->backend = NULL;
}

size_t
demo_backend_count(const struct demo *d, const char *type, uint64_t portal,
                   const struct demo_delivery **out)
{
    const struct demo_backend *b = d->backend;
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++) {
        const struct demo_delivery *one = &b->got[i];
        if (!str_equal(answer_text(one->body, "type"), str_from(type)) ||
            answer_number(one->body, "portal") != portal)
            continue;
        *out = one;
        n++;
    }
    return n;
}

const struct demo_delivery *
demo_backend_wait(struct demo *d, const char *type, uint64_t portal, size_t n)
{
    const struct demo_delivery *last = NULL;
    int64_t until_us = demo_now_us() + WAIT_S * 1000000;
    while (demo_backend_count(d, type, portal, &last) < n) {
        if (demo_is_interrupted() || demo_now_us() > until_us)
            return NULL;
        web_pause(&d->web, 2);
    }
    return last;
}

void
demo_backend_print(struct demo *d)
{
    d->backend->is_printing = true;
}

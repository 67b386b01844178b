#define _GNU_SOURCE
#include "rig.h"

#include "base/apikey.h"
#include "base/env.h"
#include "base/secret.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define BEAT_EVERY_US 50000

/* ---- the keeper ---- */

void
rig_yes(struct rig *rig, const struct incoming *in)
{
    static struct str scopes[] = {{"oauth", 5},
                                  {"crm.objects.contacts.read", 25}};
    char token[32];
    int64_t now = env_real()->now_ms(env_real());
    (void)snprintf(token, sizeof(token), "CJ-token-%u", (unsigned)rig->version);
    struct relay_lease lease = {
        .access_token = HIDDEN(str_from(token)),
        .version = rig->version,
        .expires_at = now / 1000 + 1800,
        .floor_s = 60,
        .scopes = {scopes, 2},
        .key_number = 5,
        .is_read_only = rig->is_read_only,
        .lease_until = now + (rig->lease_ms > 0 ? rig->lease_ms : 60000),
    };
    channel_reply(in->channel, in->id, RELAY_LEASE, &lease);
}

void
rig_no(const struct incoming *in, enum err e, const char *detail)
{
    struct relay_lease lease = {.err = (uint32_t)e, .detail = str_from(detail)};
    channel_reply(in->channel, in->id, RELAY_LEASE, &lease);
}

static void
note_use(struct rig *rig, const struct relay_used *used)
{
    assert_true(rig->n_used < 8);
    char *app = rig->used_app[rig->n_used];
    memcpy(app, used->app.p, used->app.n);
    rig->used[rig->n_used] = *used;
    rig->used[rig->n_used++].app = str_of(app, used->app.n);
}

static void
on_work(const struct incoming *in, void *arg)
{
    struct rig *rig = arg;
    switch (in->message->type) {
    case RELAY_LEASE_ASK:
        rig->n_asks++;
        rig->on_ask(rig, in);
        break;
    case RELAY_USED:
        note_use(rig, in->body);
        break;
    default:
        assert_non_null(rig->on_api);
        rig->on_api(rig, in);
    }
}

static void
on_work_close(struct channel *ch, enum err reason, void *arg)
{
    struct rig *rig = arg;
    (void)reason;
    channel_free(ch);
    rig->nursery.work = NULL;
}

static void
on_beat(evutil_socket_t fd, short what, void *arg)
{
    struct rig *rig = arg;
    struct relay_beat beat = {.epoch = rig->epoch};
    (void)fd;
    (void)what;
    if (rig->is_beating && rig->nursery.work != NULL)
        channel_event(rig->nursery.work, RELAY_BEAT, &beat);
}

void
rig_revoke(struct rig *rig, struct relay_revoked what)
{
    what.epoch = ++rig->epoch;
    channel_event(rig->nursery.work, RELAY_REVOKED, &what);
}

/* ---- HubSpot ---- */

static void
note_request(struct rig *rig, struct http_exchange *x)
{
    const struct http_head *h = http_request(x);
    struct str body = http_request_body(x);
    size_t n =
        (size_t)snprintf(rig->request, sizeof(rig->request), "%.*s %.*s\n",
                         STR_ARG(h->method), STR_ARG(h->target));
    for (size_t i = 0; i < h->n_headers; i++)
        n += (size_t)snprintf(rig->request + n, sizeof(rig->request) - n,
                              "%.*s: %.*s\n", STR_ARG(h->headers[i].name),
                              STR_ARG(h->headers[i].value));
    (void)snprintf(rig->request + n, sizeof(rig->request) - n, "\n%.*s",
                   STR_ARG(body)); /* cut if it is long */
}

static void
on_hubspot_request(struct http_exchange *x, void *arg)
{
    struct rig *rig = arg;
    rig->n_calls++;
    note_request(rig, x);
    rig->on_hubspot(rig, x);
}

static void
say_hello(struct rig *rig, struct http_exchange *x)
{
    (void)rig;
    http_respond_text(x, 200, STR("application/json"), STR("{\"id\":\"1\"}"));
}

/* ---- callers ---- */

static void
on_head(struct http_call *call, const struct http_head *head, void *arg)
{
    struct rig_call *c = arg;
    size_t n = 0;
    if (c->pauses_at_head)
        http_call_pause(call);
    c->is_begun = true;
    c->status = head->status;
    for (size_t i = 0; i < head->n_headers; i++) {
        size_t start = n;
        n += (size_t)snprintf(c->headers + n, sizeof(c->headers) - n,
                              "%.*s: %.*s\n", STR_ARG(head->headers[i].name),
                              STR_ARG(head->headers[i].value));
        for (; c->headers[start] != ':'; start++)
            c->headers[start] = (char)tolower(c->headers[start]);
    }
}

static void
on_body(struct http_call *call, struct str piece, void *arg)
{
    struct rig_call *c = arg;
    (void)call;
    c->n_received += piece.n;
    if (!c->keeps_nothing)
        buf_add(&c->body, piece);
}

static void
send_more(struct rig_call *c)
{
    static char piece[16384];
    memset(piece, 'x', sizeof(piece));
    while (c->n_sent < c->to_send) {
        size_t n = c->to_send - c->n_sent;
        if (n > sizeof(piece))
            n = sizeof(piece);
        c->n_sent += n;
        if (http_call_piece(c->call, str_of(piece, n)) > LIMIT_RELAY_WINDOW)
            return;
    }
    http_call_finish(c->call);
}

static void
on_writable(struct http_call *call, void *arg)
{
    struct rig_call *c = arg;
    (void)call;
    if (c->n_sent < c->to_send)
        send_more(c);
}

static void
on_end(struct http_call *call, enum err e, void *arg)
{
    struct rig_call *c = arg;
    (void)call;
    c->call = NULL;
    c->err = e;
    c->is_done = true;
}

static const struct http_call_handler call_handler = {
    .on_head = on_head,
    .on_body = on_body,
    .on_writable = on_writable,
    .on_end = on_end,
};

struct rig_call *
rig_send_spec(struct rig *rig, const struct http_call_spec *given)
{
    struct rig_call *c = calloc(1, sizeof(*c));
    struct http_call_spec spec = *given;
    assert_non_null(c);
    assert_true(rig->n_all_calls < sizeof(rig->calls) / sizeof(rig->calls[0]));
    c->rig = rig;
    buf_init(&c->body, 1 << 20);
    spec.scheme = STR("http");
    spec.host = STR("127.0.0.1");
    spec.port = rig->relay_port;
    rig->calls[rig->n_all_calls++] = c;
    c->call = http_call_start(rig->client, &spec, &call_handler, c);
    if (spec.is_streamed) {
        c->to_send = (size_t)spec.length;
        send_more(c);
    }
    return c;
}

struct rig_call *
rig_send(struct rig *rig, const char *method, const char *target,
         const char *body)
{
    struct http_header headers[] = {
        {STR("Authorization"), str_from(rig->authorization)},
        {STR("Content-Type"), STR("application/json")},
    };
    struct http_call_spec spec = {.method = str_from(method),
                                  .target = str_from(target),
                                  .headers = headers,
                                  .n_headers = body != NULL ? 2 : 1,
                                  .body = str_from(body)};
    return rig_send_spec(rig, &spec);
}

struct rig_call *
rig_get(struct rig *rig, const char *target)
{
    return rig_send(rig, "GET", target, NULL);
}

void
rig_wait_call(struct rig *rig, const struct rig_call *c)
{
    nursery_wait(&rig->nursery, &c->is_done);
}

const char *
rig_header(const struct rig_call *c, const char *name)
{
    static char value[1024];
    char start[64];
    (void)snprintf(start, sizeof(start), "%s: ", name); /* names are short */
    const char *at = c->headers;
    while (at != NULL && strncmp(at, start, strlen(start)) != 0) {
        at = strchr(at, '\n');
        at = at != NULL && at[1] != '\0' ? at + 1 : NULL;
    }
    if (at == NULL)
        return NULL;
    (void)snprintf(value, sizeof(value), "%.*s",
                   (int)(strchr(at, '\n') - at - (ptrdiff_t)strlen(start)),
                   at + strlen(start));
    return value;
}

const char *
rig_body(struct rig_call *c)
{
    return buf_text(&c->body);
}

/* ---- raw bytes ---- */

static void
on_raw(evutil_socket_t fd, short what, void *arg)
{
    struct rig_raw *raw = arg;
    (void)what;
    ssize_t n = recv(fd, raw->text + raw->n, sizeof(raw->text) - 1 - raw->n, 0);
    if (n > 0) {
        raw->n += (size_t)n;
        raw->text[raw->n] = '\0';
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        raw->is_closed = true;
    }
}

struct rig_raw *
rig_raw(struct rig *rig, const char *text, size_t n)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(rig->relay_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct rig_raw *raw = calloc(1, sizeof(*raw));
    assert_non_null(raw);
    raw->rig = rig;
    raw->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(raw->fd, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(send(raw->fd, text, n, MSG_NOSIGNAL), n);
    assert_int_equal(evutil_make_socket_nonblocking(raw->fd), 0);
    struct event *e = event_new(rig->nursery.base, raw->fd,
                                EV_READ | EV_PERSIST, on_raw, raw);
    assert_int_equal(event_add(e, NULL), 0);
    nursery_wait(&rig->nursery, &raw->is_closed);
    event_free(e);
    return raw;
}

void
rig_raw_done(struct rig_raw *raw)
{
    (void)close(raw->fd); /* nothing was left to send */
    free(raw);
}

/* ---- all together ---- */

static void
on_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    *(bool *)arg = true;
}

void
rig_run_ms(struct rig *rig, unsigned ms)
{
    struct timeval t = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
    bool is_over = false;
    struct event *e = event_new(rig->nursery.base, -1, 0, on_over, &is_over);
    assert_int_equal(event_add(e, &t), 0);
    nursery_wait(&rig->nursery, &is_over);
    event_free(e);
}

/* Many callers at once need descriptors, here and in the relay. */
static void
raise_descriptors(void)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max < 8192 ? limit.rlim_max : 8192;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

void
rig_open(struct rig *rig)
{
    struct buf auto_buf key;
    memset(rig, 0, sizeof(*rig));
    raise_descriptors();
    nursery_open(&rig->nursery);
    rig->nursery.settings.revocation_max_ms = 1000;
    rig->epoch = 100;
    rig->version = 1;
    rig->is_beating = true;
    rig->on_ask = rig_yes;
    rig->on_hubspot = say_hello;
    buf_init_secret(&key, APIKEY_LEN);
    apikey_make(env_real(), &key);
    (void)snprintf(rig->key, sizeof(rig->key), "%s", buf_text(&key));
    (void)snprintf(rig->authorization, sizeof(rig->authorization), "Bearer %s",
                   rig->key);
}

static void
open_hubspot(struct rig *rig)
{
    static const struct http_handler own = {.on_request = on_hubspot_request};
    struct http_server_setup setup = {
        .base = rig->nursery.base,
        .fd = nursery_listen(&rig->hubspot_port),
        .max_body = 1 << 20,
        .handler = rig->hubspot_handler != NULL ? rig->hubspot_handler : &own,
        .arg = rig,
    };
    rig->hubspot = http_server_new(&setup);
}

void
rig_birth(struct rig *rig, const char *program)
{
    static const struct channel_handler work = {on_work, on_work_close};
    struct timeval every = {.tv_usec = BEAT_EVERY_US};
    if (rig->hubspot_port == 0)
        open_hubspot(rig);
    (void)snprintf(rig->url, sizeof(rig->url), "http://127.0.0.1:%u",
                   rig->hubspot_port);
    rig->nursery.settings.api_url = str_from(rig->url);
    nursery_add_fd(&rig->nursery, LIFE_FD_LISTEN,
                   nursery_listen(&rig->relay_port));
    nursery_birth(&rig->nursery, program, &relay_conversation, &work, rig);
    assert_string_equal(rig->nursery.problem, "");
    rig->beat = event_new(rig->nursery.base, -1, EV_PERSIST, on_beat, rig);
    assert_int_equal(event_add(rig->beat, &every), 0);
    on_beat(-1, 0, rig);
    rig->dns = dns_new(rig->nursery.base);
    struct http_client_setup setup = {
        .base = rig->nursery.base, .dns = rig->dns, .max_connections = 1100};
    rig->client = http_client_new(&setup);
}

void
rig_close(struct rig *rig)
{
    http_client_free(rig->client);
    dns_free(rig->dns);
    if (rig->hubspot != NULL)
        http_server_free(rig->hubspot);
    if (rig->beat != NULL)
        event_free(rig->beat);
    for (size_t i = 0; i < rig->n_all_calls; i++) {
        buf_done(&rig->calls[i]->body);
        free(rig->calls[i]);
    }
    /* What the client and server still have to free, they free in a turn. */
    (void)event_base_loop(rig->nursery.base, EVLOOP_NONBLOCK);
    nursery_close(&rig->nursery);
}

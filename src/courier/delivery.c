#include "courier/delivery.h"

#include "base/limits.h"
#include "base/text.h"
#include "courier/answer.h"
#include "hubspot/standard_webhooks.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

/*
 *   delivery_start --call--> ASKED --on_head--> ANSWERED --on_end--> gone
 *                              |                    |
 *                              | not sent by        | too much body: its head
 *                              | not_after_ms       | counts all the same
 *                              v                    v
 *                             gone                 gone
 *
 * A delivery leaves through end(), or through delivery_cancel().
 */
#define HEADERS_MAX 7

struct delivery {
    const struct delivery_office *office;
    uint32_t call_id;
    bool is_tls;
    struct event *too_late;
    struct event *too_long;
    /* moves */
    struct http_call *call;
    struct answer answer; /* status 0: no head yet */
    size_t n_body;
};

static void
delivery_free(struct delivery *d)
{
    if (d->too_late != NULL)
        event_free(d->too_late);
    if (d->too_long != NULL)
        event_free(d->too_long);
    free(d);
}

void
delivery_cancel(struct delivery *d)
{
    http_call_cancel(d->call);
    delivery_free(d);
}

static void
end(struct delivery *d, struct str reason)
{
    struct courier_delivered done = {.http_status = d->answer.status,
                                     .retry_after_s = d->answer.retry_after_s};
    if (d->answer.status == 0)
        done.reason = reason;
    d->office->on_done(d, &done, d->office->arg);
    delivery_free(d);
}

/* The client says both of a connection that does not open and of a
 * certificate that is not good that nothing was sent. */
static struct str
reason_unreachable(const struct delivery *d)
{
    static const int others[] = {EHOSTUNREACH, ENETUNREACH, ECONNRESET,
                                 EADDRNOTAVAIL, EACCES};
    struct str why = str_from(http_call_why(d->call));
    if (str_equal(why, str_from(strerror(ECONNREFUSED))))
        return STR("refused");
    if (str_equal(why, str_from(strerror(ETIMEDOUT))))
        return STR("timeout");
    if (str_starts(why, STR("the name")))
        return STR("no_such_host");
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (str_equal(why, str_from(strerror(others[i]))))
            return STR("unreachable");
    return d->is_tls ? STR("tls") : STR("unreachable");
}

static struct str
reason_of(const struct delivery *d, enum err e)
{
    switch (e) {
    case ERR_UNREACHABLE:
        return reason_unreachable(d);
    case ERR_TIMEOUT:
        return STR("timeout");
    case ERR_NOT_FOUND:
        return STR("no_such_host");
    case ERR_FORBIDDEN:
        return STR("forbidden_address");
    case ERR_UPSTREAM:
        return STR("not_http");
    case ERR_LIMIT:
        return STR("head_too_long");
    case ERR_UNAVAILABLE:
        return STR("busy");
    default:
        return STR("closed");
    }
}

static void
on_too_late(evutil_socket_t fd, short what, void *arg)
{
    struct delivery *d = arg;
    (void)fd;
    (void)what;
    if (http_call_was_sent(d->call))
        return;
    http_call_cancel(d->call);
    end(d, STR("too_late"));
}

/* By an event, so that no call is cancelled from within its own function. */
static void
on_too_long(evutil_socket_t fd, short what, void *arg)
{
    struct delivery *d = arg;
    (void)fd;
    (void)what;
    http_call_cancel(d->call);
    end(d, STR_NONE);
}

static void
on_head(struct http_call *call, const struct http_head *head, void *arg)
{
    struct delivery *d = arg;
    (void)call;
    answer_take_head(&d->answer, head, env_now_s(d->office->env));
}

static void
on_body(struct http_call *call, struct str piece, void *arg)
{
    struct delivery *d = arg;
    if (d->n_body <= LIMIT_TARGET_BODY)
        d->n_body += piece.n;
    if (d->n_body <= LIMIT_TARGET_BODY)
        return;
    http_call_pause(call);
    event_active(d->too_long, EV_TIMEOUT, 0);
}

static void
on_end(struct http_call *call, enum err reason, void *arg)
{
    struct delivery *d = arg;
    (void)call;
    end(d, reason_of(d, reason));
}

static void
add_header(struct http_call_spec *spec, struct http_header *headers,
           const char *name, struct str value)
{
    headers[spec->n_headers++] =
        (struct http_header){.name = str_from(name), .value = value};
}

static bool
is_clean(const struct courier_deliver *asked)
{
    return text_is_clean(asked->id) && text_is_clean(asked->timestamp) &&
           text_is_clean(asked->signature) && text_is_clean(asked->gap);
}

static void
add_headers(struct http_call_spec *spec, struct http_header *headers,
            const struct courier_deliver *asked)
{
    spec->headers = headers;
    add_header(spec, headers, "Content-Type", STR("application/json"));
    add_header(spec, headers, "User-Agent", STR("portkeep"));
    add_header(spec, headers, WEBHOOK_HEADER_ID, asked->id);
    add_header(spec, headers, WEBHOOK_HEADER_TIMESTAMP, asked->timestamp);
    add_header(spec, headers, WEBHOOK_HEADER_SIGNATURE, asked->signature);
    if (asked->is_replay)
        add_header(spec, headers, "Portkeep-Replay", STR("true"));
    if (asked->gap.n > 0)
        add_header(spec, headers, "Portkeep-Gap", asked->gap);
}

static enum err
start_call(struct delivery *d, const struct courier_deliver *asked)
{
    static const struct http_call_handler handler = {
        .on_head = on_head, .on_body = on_body, .on_end = on_end};
    struct http_header headers[HEADERS_MAX];
    struct buf auto_buf target = {0};
    struct url url;
    buf_init(&target, LIMIT_URL);
    if (!is_clean(asked) || url_parse(asked->url, &url) != ERR_OK)
        return ERR_INVALID;
    buf_add(&target, url.path);
    if (url.query.p != NULL)
        buf_addf(&target, "?%.*s", STR_ARG(url.query));
    if (buf_err(&target) != ERR_OK)
        return ERR_INVALID;
    struct http_call_spec spec = {.scheme = url.scheme,
                                  .host = url.host,
                                  .port = url.port,
                                  .method = STR("POST"),
                                  .target = buf_str(&target),
                                  .body = asked->body.s,
                                  .is_secret = true,
                                  .timeout_ms = DEADLINE_DELIVER_MS,
                                  .silence_ms = DEADLINE_DELIVER_MS};
    add_headers(&spec, headers, asked);
    d->is_tls = str_equal(url.scheme, STR("https"));
    d->call = http_call_start(d->is_tls ? d->office->https : d->office->http,
                              &spec, &handler, d);
    return d->call != NULL ? ERR_OK : ERR_INVALID;
}

static void
start_timers(struct delivery *d, int64_t left_ms)
{
    struct timeval left = {.tv_sec = left_ms / 1000,
                           .tv_usec = left_ms % 1000 * 1000};
    d->too_late = event_new(d->office->base, -1, 0, on_too_late, d);
    d->too_long = event_new(d->office->base, -1, 0, on_too_long, d);
    if (d->too_late == NULL || d->too_long == NULL)
        abort();                         /* no memory */
    (void)event_add(d->too_late, &left); /* made before: cannot fail */
}

enum err
delivery_start(const struct delivery_office *office,
               const struct courier_deliver *asked, uint32_t call_id,
               struct delivery **out)
{
    int64_t left_ms = asked->not_after_ms - office->env->now_ms(office->env);
    if (left_ms > DEADLINE_DELIVER_MS) /* the call ends before */
        left_ms = DEADLINE_DELIVER_MS;
    if (left_ms <= 0)
        return ERR_EXPIRED;
    struct delivery *d = calloc(1, sizeof(*d));
    if (d == NULL)
        abort(); /* no memory */
    d->office = office;
    d->call_id = call_id;
    enum err e = start_call(d, asked);
    if (e != ERR_OK) {
        delivery_free(d);
        return e;
    }
    start_timers(d, left_ms);
    *out = d;
    return ERR_OK;
}

uint32_t
delivery_call_id(const struct delivery *d)
{
    return d->call_id;
}

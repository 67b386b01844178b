#include "emulator/serve.h"

#include "emulator/oauth_token.h"
#include "emulator/own.h"
#include "emulator/refusals.h"
#include "emulator/route.h"

#include <event2/event.h>
#include <stdlib.h>

/*
 * A visit is one request on its way:  begin -> [wait] -> send.  The work is
 * done at once, only the answer waits for latency and delays, so that a
 * client that gives up meets what it would meet at HubSpot: it happened.
 */
struct site {
    struct site_setup setup;
    struct http_server *server;
};

struct visit {
    struct site *site;
    struct http_exchange *x;
    const struct fault *fault; /* NULL: none */
    struct event *timer;       /* NULL: not waiting */
    struct call call;
};

#define TRUNCATED_AFTER_MS 20 /* the bytes that are sent must arrive */

static void
fill_call(struct call *c, const struct http_exchange *x)
{
    const struct http_head *head = http_request(x);
    http_head_target(head, &c->path, &c->query);
    c->method =
        str_equal(head->method, STR("HEAD")) ? STR("GET") : head->method;
    c->body = http_request_body(x);
    c->authorization = http_head_find(head, "Authorization");
    c->host = http_head_find(head, "Host");
}

/* HubSpot's own refusal at this kind of place. */
static void
answer_refusal(struct call *c, const struct fault *f)
{
    if (str_starts(c->path, STR("/oauth/")))
        refuse_oauth(c, f->type.n > 0 ? f->type : STR("BAD_REFRESH_TOKEN"));
    else if (str_equal(f->type, STR("EXPIRED_AUTHENTICATION")))
        refuse_expired_token(c, world_now_ms(c->world));
    else if (str_equal(f->type, STR("MISSING_SCOPES")))
        refuse_missing_scopes(c, (struct strs){NULL, 0});
    else
        refuse_unknown_token(c);
}

static void
answer_html(struct call *c)
{
    call_answer_empty(c, 403);
    c->type = STR("text/html");
    buf_add(&c->out, STR("<html><head><title>Attention Required!</title>"
                         "</head><body><h1>Blocked</h1></body></html>\n"));
}

static void
answer_garbage(struct call *c)
{
    (void)call_answer_json(c, 200); /* for its type; no JSON follows */
    buf_add(&c->out, STR("{\"access_token\":\x01\xff\xfe{{[[\"\\u12"));
}

static void
answer_status(struct call *c, const struct fault *f)
{
    if (f->body.p == NULL) {
        refuse_status(c, f->status, f->type);
    } else {
        (void)call_answer_json(c, f->status); /* the body is given */
        buf_add(&c->out, f->body);
    }
    if (f->retry_after >= 0)
        call_header(c, "Retry-After",
                    arena_printf(c->arena, "%lld", (long long)f->retry_after));
}

/* False: the fault leaves the work to be done as usual. */
static bool
answer_fault(struct call *c, const struct fault *f)
{
    switch (f->kind) {
    case FAULT_REFUSE:
        answer_refusal(c, f);
        return true;
    case FAULT_STATUS:
        answer_status(c, f);
        return true;
    case FAULT_GARBAGE:
        answer_garbage(c);
        return true;
    case FAULT_HTML:
        answer_html(c);
        return true;
    case FAULT_DROP:
        return true;
    default:
        return false;
    }
}

static bool
is_dropped(const struct visit *v)
{
    return v->fault != NULL &&
           (v->fault->kind == FAULT_DROP || v->fault->kind == FAULT_DROP_AFTER);
}

static void
count(struct visit *v)
{
    const struct call *c = &v->call;
    struct tally_call entry = {
        .at_ms = world_now_ms(c->world),
        .method = c->method,
        .name = c->name,
        .path = c->has_token_in_path ? STR_NONE : c->path,
        .client_id = c->client_id,
        .note = c->note,
        .fault = v->fault != NULL ? str_from(fault_kind_name(v->fault->kind))
                                  : STR_NONE,
        .portal = c->portal,
        .status = is_dropped(v) ? 0 : c->status,
    };
    tally_add(&c->world->tally, &entry);
}

static void
on_truncated(evutil_socket_t fd, short what, void *arg)
{
    struct visit *v = arg;
    (void)fd;
    (void)what;
    http_abort(v->x, ERR_CLOSED);
}

static void
wait_for(struct visit *v, uint32_t ms, event_callback_fn then)
{
    struct timeval time = {ms / 1000, (ms % 1000) * 1000};
    if (v->timer != NULL)
        event_free(v->timer);
    v->timer = event_new(v->site->setup.base, -1, 0, then, v);
    if (v->timer == NULL || event_add(v->timer, &time) != 0)
        abort();
}

static void
send_truncated(struct visit *v)
{
    struct call *c = &v->call;
    struct http_answer a = {
        .status = c->status,
        .headers = c->headers,
        .n_headers = c->n_headers,
        .has_length = true,
        .length = c->out.n + 64,
    };
    http_answer_begin(v->x, &a);
    (void)http_answer_piece(v->x, buf_str(&c->out)); /* small: no waiting */
    wait_for(v, TRUNCATED_AFTER_MS, on_truncated);
}

static void
send_answer(struct visit *v)
{
    struct call *c = &v->call;
    if (is_dropped(v)) {
        http_abort(v->x, ERR_CLOSED);
        return;
    }
    if (c->type.p != NULL)
        call_header(c, "Content-Type", c->type);
    if (v->fault != NULL && v->fault->kind == FAULT_TRUNCATE)
        send_truncated(v);
    else
        http_respond(v->x, c->status, c->headers, c->n_headers,
                     buf_str(&c->out));
}

static void
on_time(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    send_answer(arg);
}

static bool
is_control(const struct call *c)
{
    return str_starts(c->path, STR("/_emulator/"));
}

static void
on_request(struct http_exchange *x, void *arg)
{
    struct site *s = arg;
    struct visit *v = arena_alloc(http_arena(x), sizeof(*v));
    struct call *c = &v->call;
    v->site = s;
    v->x = x;
    http_set_user(x, v);
    call_init(c, s->setup.world, http_arena(x));
    fill_call(c, x);
    route_find(c);
    if (c->route != NULL && c->route->run == do_token)
        oauth_note(c);

    uint32_t wait_ms = 0;
    if (!is_control(c)) {
        struct fault_call asked = {c->method, c->path, c->name};
        v->fault = faults_take(&c->world->faults, &asked, c->arena);
        wait_ms = (uint32_t)c->world->settings.latency_ms;
    }
    if (v->fault != NULL)
        wait_ms += v->fault->delay_ms;
    if (v->fault == NULL || !answer_fault(c, v->fault))
        route_run(c);
    if (!is_control(c))
        count(v);
    if (c->has_changed || !str_equal(c->method, STR("GET")))
        s->setup.on_change(s->setup.arg);
    if (wait_ms > 0)
        wait_for(v, wait_ms, on_time);
    else
        send_answer(v);
}

static void
on_end(struct http_exchange *x, enum err reason, void *arg)
{
    struct visit *v = http_user(x);
    (void)reason;
    (void)arg;
    if (v == NULL)
        return;
    if (v->timer != NULL)
        event_free(v->timer);
    call_done(&v->call);
}

static void
on_refused(unsigned status, struct buf *out_body, struct str *out_type,
           void *arg)
{
    (void)arg;
    buf_addf(out_body,
             "{\"status\":\"error\",\"message\":\"The request was refused.\","
             "\"category\":\"EMULATOR_REFUSED_%u\"}",
             status);
    *out_type = STR("application/json;charset=utf-8");
}

struct site *
site_open(const struct site_setup *setup)
{
    static const struct http_handler handler = {
        .on_request = on_request,
        .on_end = on_end,
        .on_refused = on_refused,
    };
    struct site *s = own_alloc(sizeof(*s));
    s->setup = *setup;
    struct http_server_setup server = {
        .base = setup->base,
        .fd = setup->fd,
        .tls = setup->tls,
        .max_body = CALL_MAX_BODY,
        .handler = &handler,
        .arg = s,
    };
    s->server = http_server_new(&server);
    return s;
}

void
site_close(struct site *s)
{
    if (s == NULL)
        return;
    http_server_free(s->server);
    free(s);
}

#include "courier/errand.h"

#include "base/limits.h"
#include "courier/answer.h"
#include "courier/request.h"

#include <event2/event.h>
#include <stdlib.h>

/*
 *   errand_start --call--> ASKED --on_head--> ANSWERED --on_end--> gone
 *                            |                   |
 *                            | not sent by       | body over its limit:
 *                            | not_after_ms:     | transient
 *                            v dropped           v
 *                           gone                gone
 *
 * An errand leaves through end(), or through errand_cancel().
 */
struct errand {
    const struct errand_office *office;
    uint32_t call_id;
    struct arena *arena;
    struct courier_errand asked; /* texts in the arena, secrets below */
    struct secret *secrets[ERRAND_SECRETS];
    struct event *too_late;
    struct event *too_long;
    /* moves */
    struct http_call *call;
    struct answer answer;
    struct buf body;
};

/* Which members of an errand are secret: they go into cells. */
static struct hidden *
secret_member(struct courier_errand *asked, size_t i)
{
    struct hidden *members[ERRAND_SECRETS] = {
        &asked->client_secret, &asked->token, &asked->code, &asked->verifier};
    return members[i];
}

static enum err
copy_asked(struct errand *e, const struct courier_errand *asked)
{
    struct courier_errand c = *asked;
    c.app = arena_copy(e->arena, asked->app);
    c.client_id = arena_copy(e->arena, asked->client_id);
    c.redirect_uri = arena_copy(e->arena, asked->redirect_uri);
    c.context = arena_copy(e->arena, asked->context);
    c.text = arena_copy(e->arena, asked->text);
    for (size_t i = 0; i < ERRAND_SECRETS; i++) {
        struct hidden *member = secret_member(&c, i);
        e->secrets[i] = secret_new(*member);
        if (e->secrets[i] == NULL)
            return member->s.n > SECRET_MAX ? ERR_INVALID : ERR_LIMIT;
        *member = secret_view(e->secrets[i]);
    }
    e->asked = c;
    return ERR_OK;
}

static void
errand_free(struct errand *e)
{
    if (e->too_late != NULL)
        event_free(e->too_late);
    if (e->too_long != NULL)
        event_free(e->too_long);
    for (size_t i = 0; i < ERRAND_SECRETS; i++)
        secret_free(e->secrets[i]);
    buf_done(&e->body);
    arena_free(e->arena);
    free(e);
}

void
errand_cancel(struct errand *e)
{
    http_call_cancel(e->call);
    errand_free(e);
}

static void
end(struct errand *e, const struct courier_done *done)
{
    e->office->on_done(e, done, e->office->arg);
    errand_free(e);
}

static void
on_too_late(evutil_socket_t fd, short what, void *arg)
{
    struct errand *e = arg;
    (void)fd;
    (void)what;
    if (http_call_was_sent(e->call))
        return;
    http_call_cancel(e->call);
    struct courier_done done = {.kind = e->asked.kind,
                                .outcome = OUTCOME_DROPPED,
                                .status = STR("too_late")};
    end(e, &done);
}

static void
end_broken_off(struct errand *e, enum err reason)
{
    struct reading r;
    reading_init(&r);
    reading_take_failure(&r, &e->answer, &e->asked, reason);
    end(e, &r.done);
    reading_done(&r);
}

/* By an event, so that no call is cancelled from within its own function. */
static void
on_too_long(evutil_socket_t fd, short what, void *arg)
{
    struct errand *e = arg;
    (void)fd;
    (void)what;
    http_call_cancel(e->call);
    end_broken_off(e, ERR_LIMIT);
}

static void
on_head(struct http_call *call, const struct http_head *head, void *arg)
{
    struct errand *e = arg;
    (void)call;
    answer_take_head(&e->answer, head, env_now_s(e->office->env));
}

static void
on_body(struct http_call *call, struct str piece, void *arg)
{
    struct errand *e = arg;
    buf_add(&e->body, piece);
    if (buf_err(&e->body) == ERR_OK)
        return;
    http_call_pause(call);
    event_active(e->too_long, EV_TIMEOUT, 0);
}

static void
on_end(struct http_call *call, enum err reason, void *arg)
{
    struct errand *e = arg;
    (void)call;
    if (reason == ERR_OK)
        reason = buf_err(&e->body);
    if (reason != ERR_OK) {
        end_broken_off(e, reason);
        return;
    }
    struct reading r;
    reading_init(&r);
    reading_take(&r, &e->answer, &e->asked, buf_str(&e->body));
    end(e, &r.done);
    reading_done(&r);
}

static enum err
start_call(struct errand *e)
{
    static const struct http_call_handler handler = {
        .on_head = on_head, .on_body = on_body, .on_end = on_end};
    const struct destination *d = e->office->destination;
    struct request r;
    request_init(&r);
    enum err err = request_build(&r, d->prefix, e->office->version, &e->asked);
    if (err == ERR_OK) {
        r.spec.scheme = d->url.scheme;
        r.spec.host = d->url.host;
        r.spec.port = d->url.port;
        r.spec.timeout_ms = DEADLINE_ERRAND_MS;
        r.spec.silence_ms = DEADLINE_ERRAND_MS;
        e->call = http_call_start(e->office->client, &r.spec, &handler, e);
    }
    request_done(&r);
    return err == ERR_OK ? ERR_OK : ERR_INVALID;
}

static void
start_timers(struct errand *e, int64_t left_ms)
{
    struct timeval left = {.tv_sec = left_ms / 1000,
                           .tv_usec = left_ms % 1000 * 1000};
    e->too_late = event_new(e->office->base, -1, 0, on_too_late, e);
    e->too_long = event_new(e->office->base, -1, 0, on_too_long, e);
    if (e->too_late == NULL || e->too_long == NULL)
        abort();
    (void)event_add(e->too_late, &left); /* made before: cannot fail */
}

enum err
errand_start(const struct errand_office *office,
             const struct courier_errand *asked, uint32_t call_id,
             struct errand **out)
{
    int64_t left_ms = asked->not_after_ms - office->env->now_ms(office->env);
    if (left_ms > DEADLINE_ERRAND_MS) /* the call ends before */
        left_ms = DEADLINE_ERRAND_MS;
    if (left_ms <= 0)
        return ERR_EXPIRED;
    struct errand *e = calloc(1, sizeof(*e));
    if (e == NULL)
        abort();
    e->office = office;
    e->call_id = call_id;
    e->arena = arena_new();
    buf_init_secret(&e->body, LIMIT_OAUTH_REPLY);
    enum err err = copy_asked(e, asked);
    if (err == ERR_OK)
        err = start_call(e);
    if (err != ERR_OK) {
        errand_free(e);
        return err;
    }
    start_timers(e, left_ms);
    *out = e;
    return ERR_OK;
}

uint32_t
errand_call_id(const struct errand *e)
{
    return e->call_id;
}

const struct courier_errand *
errand_asked(const struct errand *e)
{
    return &e->asked;
}

bool
errand_brings_tokens(const struct errand *e)
{
    return e->asked.kind == ERRAND_EXCHANGE || e->asked.kind == ERRAND_REFRESH;
}

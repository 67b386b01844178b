#include "relay/passage.h"

#include "base/arena.h"
#include "base/log.h"
#include "http/client.h"
#include "relay/leases.h"
#include "relay/proxy_headers.h"

#include <assert.h>

/*
 *   ASKING --lease--> CALLING --head--> ANSWERING --end--> ENDED
 *     |                | ^  \                               ^
 *     no               | |   401 --> HOLDING --other------->|
 *     |               no |              |                   |
 *     v                | |            stale                 |
 *   ENDED <------------+ +--newer---- RENEWING --no---------+
 *
 * 1. A call of the client's is there in CALLING, HOLDING and ANSWERING only.
 * 2. From CALLING to the end the passage is in the relay's list, where
 *    revocations find it.
 * 3. The answer has begun in ANSWERING, and in no state before it.
 * 4. The request is sent a second time at most once, and only if all of its
 *    body is still here.
 */
enum passage_state {
    PASSAGE_ASKING,
    PASSAGE_CALLING,
    PASSAGE_HOLDING,  /* a 401, until it is understood */
    PASSAGE_RENEWING, /* the keeper is asked for a newer token */
    PASSAGE_ANSWERING,
    PASSAGE_ENDED,
    PASSAGE_STATES
};

struct passage {
    struct exchange_user user; /* first, so that it is found by it */
    struct passage_setup setup;
    /* moves */
    enum passage_state state;
    struct ask_wait wait;
    struct http_call *call;
    struct passage *next, *before;
    bool is_listed;
    uint64_t key_number, version; /* of the lease it runs under */
    struct buf kept; /* a streamed body, in case it is sent again */
    bool is_kept_whole;
    bool is_body_done;
    bool was_repeated;
    struct held held;
};

#define KEPT_MAX 65536 /* of a request's body; SDKs send far less */

static void
move(struct passage *p, enum passage_state to)
{
    static const unsigned allowed[PASSAGE_STATES] = {
        [PASSAGE_ASKING] = 1 << PASSAGE_CALLING | 1 << PASSAGE_ENDED,
        [PASSAGE_CALLING] =
            1 << PASSAGE_HOLDING | 1 << PASSAGE_ANSWERING | 1 << PASSAGE_ENDED,
        [PASSAGE_HOLDING] =
            1 << PASSAGE_RENEWING | 1 << PASSAGE_ANSWERING | 1 << PASSAGE_ENDED,
        [PASSAGE_RENEWING] =
            1 << PASSAGE_CALLING | 1 << PASSAGE_ANSWERING | 1 << PASSAGE_ENDED,
        [PASSAGE_ANSWERING] = 1 << PASSAGE_ENDED,
    };
    assert(allowed[p->state] & 1U << to);
    p->state = to;
}

static void
list(struct passage *p)
{
    struct relay *r = p->setup.relay;
    if (p->is_listed)
        return;
    p->is_listed = true;
    p->next = r->passages;
    if (p->next != NULL)
        p->next->before = p;
    r->passages = p;
}

static void
unlist(struct passage *p)
{
    if (!p->is_listed)
        return;
    p->is_listed = false;
    *(p->before != NULL ? &p->before->next : &p->setup.relay->passages) =
        p->next;
    if (p->next != NULL)
        p->next->before = p->before;
    p->next = p->before = NULL;
}

/* The one way out; what is said to the caller was said before. */
static void
end(struct passage *p)
{
    if (p->state == PASSAGE_ENDED)
        return;
    move(p, PASSAGE_ENDED);
    asks_cancel(&p->wait);
    if (p->call != NULL)
        http_call_cancel(p->call);
    p->call = NULL;
    unlist(p);
    buf_done(&p->kept);
    held_done(&p->held);
}

static void
refuse(struct passage *p, enum err e, struct str detail)
{
    struct problem problem = {.err = e, .detail = detail};
    relay_refuse(p->setup.relay, p->setup.x, &p->setup.id, &problem);
    end(p);
}

/* An answer that broke off must not look whole. */
static void
cut(struct passage *p, enum err e)
{
    http_abort(p->setup.x, e);
    end(p);
}

/* ---- the answer ---- */

static void
begin_answer(struct passage *p, const struct http_head *head)
{
    struct proxy_headers headers;
    struct http_exchange *x = p->setup.x;
    proxy_headers_for_caller(&headers, head, request_id_str(&p->setup.id),
                             http_arena(x));
    struct http_answer answer = {.status = head->status,
                                 .headers = headers.v,
                                 .n_headers = headers.n,
                                 .has_length = head->has_length,
                                 .length = head->length,
                                 .is_bodiless = head->framing == HTTP_NO_BODY,
                                 .has_date = headers.has_date};
    move(p, PASSAGE_ANSWERING);
    http_answer_begin(x, &answer);
}

static void
pass_piece(struct passage *p, struct str piece)
{
    p->setup.relay->counters.bytes_received += piece.n;
    size_t unsent = http_answer_piece(p->setup.x, piece);
    if (unsent > LIMIT_RELAY_WINDOW && p->call != NULL)
        http_call_pause(p->call);
}

/* The 401 was not what it might have been: it goes on as it came. */
static void
release(struct passage *p)
{
    begin_answer(p, p->held.head);
    pass_piece(p, buf_str(&p->held.body));
}

static void
finish(struct passage *p)
{
    http_answer_end(p->setup.x);
    end(p);
}

/* ---- a token that HubSpot refused ---- */

static void call_hubspot(struct passage *p, struct lease *lease);

static bool
can_repeat(const struct passage *p)
{
    return !p->was_repeated &&
           (!p->setup.is_streamed || (p->is_body_done && p->is_kept_whole));
}

static void
on_renewed(const struct ask_answer *answer, void *arg)
{
    struct passage *p = arg;
    if (answer->err == ERR_OK && answer->lease->version > p->version) {
        p->was_repeated = true;
        p->setup.relay->counters.repeats++;
        call_hubspot(p, answer->lease);
        return;
    }
    release(p);
    finish(p);
}

static void
understand(struct passage *p)
{
    struct passage_setup *s = &p->setup;
    if (held_is_stale_token(&p->held) && can_repeat(p)) {
        p->wait = (struct ask_wait){.on_answer = on_renewed, .arg = p};
        enum err e = asks_start(s->relay->asks, &p->wait, s->key, &s->question,
                                request_id_str(&s->id), p->version);
        if (e == ERR_OK) {
            move(p, PASSAGE_RENEWING);
            return;
        }
    }
    release(p);
    finish(p);
}

/* ---- what the client tells ---- */

static void
on_head(struct http_call *call, const struct http_head *head, void *arg)
{
    struct passage *p = arg;
    struct counters *n = &p->setup.relay->counters;
    (void)call;
    n->answers[head->status / 100 < 6 ? head->status / 100 : 0]++;
    if (!p->was_repeated && held_wants(head)) {
        held_begin(&p->held, head, http_arena(p->setup.x));
        move(p, PASSAGE_HOLDING);
        return;
    }
    begin_answer(p, head);
}

static void
on_answer_body(struct http_call *call, struct str piece, void *arg)
{
    struct passage *p = arg;
    (void)call;
    if (p->state == PASSAGE_HOLDING) {
        if (held_add(&p->held, piece))
            return;
        release(p);
    }
    pass_piece(p, piece);
}

static void
on_room(struct http_call *call, void *arg)
{
    struct passage *p = arg;
    (void)call;
    http_resume_body(p->setup.x);
}

static void
on_call_end(struct http_call *call, enum err e, void *arg)
{
    struct passage *p = arg;
    bool was_sent = http_call_was_sent(call);
    const char *why = http_call_why(call);
    p->call = NULL;
    if (e != ERR_OK) {
        p->setup.relay->counters.failures++;
        log_warn("relay.call_failed", "err=%s sent=%d why=%s", err_name(e),
                 was_sent, log_quote(str_from(why)));
    }
    if (p->state == PASSAGE_ANSWERING && e == ERR_OK) {
        finish(p);
    } else if (p->state == PASSAGE_ANSWERING) {
        cut(p, e);
    } else if (e == ERR_OK) {
        understand(p);
    } else {
        relay_refuse_call(p->setup.relay, p->setup.x, &p->setup.id, e,
                          was_sent);
        end(p);
    }
}

/* ---- the request ---- */

static struct str
target_of(const struct passage *p)
{
    struct str prefix = p->setup.relay->upstream.destination.prefix;
    struct str target = p->setup.path.target;
    if (prefix.n == 0)
        return target;
    return arena_printf(http_arena(p->setup.x), "%.*s%.*s", STR_ARG(prefix),
                        STR_ARG(target));
}

static void
start_call(struct passage *p, const struct proxy_headers *headers)
{
    static const struct http_call_handler handler = {
        .on_head = on_head,
        .on_body = on_answer_body,
        .on_writable = on_room,
        .on_end = on_call_end,
    };
    const struct upstream *u = &p->setup.relay->upstream;
    const struct http_head *request = http_request(p->setup.x);
    struct http_call_spec spec = {.scheme = u->destination.url.scheme,
                                  .host = u->destination.url.host,
                                  .port = u->destination.url.port,
                                  .method = request->method,
                                  .target = target_of(p),
                                  .headers = headers->v,
                                  .n_headers = headers->n,
                                  .is_secret = true,
                                  .silence_ms = DEADLINE_UPSTREAM_MS};
    if (p->setup.is_streamed) {
        spec.is_streamed = true;
        spec.has_length = request->framing == HTTP_LENGTH;
        spec.length = request->length;
    } else {
        spec.body = http_request_body(p->setup.x);
    }
    p->setup.relay->counters.calls++;
    p->setup.relay->counters.bytes_sent += spec.body.n;
    p->call = http_call_start(u->client, &spec, &handler, p);
}

/* The first time the body streams on; the second time it is here. */
static void
send_body(struct passage *p)
{
    if (!p->setup.is_streamed)
        return;
    if (!p->was_repeated) {
        http_resume_body(p->setup.x);
        return;
    }
    (void)http_call_piece(p->call, buf_str(&p->kept)); /* bounded by itself */
    http_call_finish(p->call);
}

static void
call_hubspot(struct passage *p, struct lease *lease)
{
    struct proxy_headers headers;
    struct buf *bearer = &p->setup.relay->scratch;
    if (lease->is_read_only && !p->setup.path.is_read) {
        refuse(p, ERR_FORBIDDEN,
               STR("This API key may only read: GET, HEAD, and POST to "
                   ".../search and .../batch/read."));
        return;
    }
    lease->n_uses++;
    p->key_number = lease->key_number;
    p->version = lease->version;
    list(p);
    move(p, PASSAGE_CALLING);
    buf_clear(bearer);
    buf_add(bearer, STR("Bearer "));
    buf_add(bearer, secret_view(lease->token).s);
    proxy_headers_for_hubspot(&headers, http_request(p->setup.x),
                              buf_str(bearer));
    start_call(p, &headers);
    buf_clear(bearer);
    send_body(p);
}

static void
keep(struct passage *p, struct str piece)
{
    if (!p->is_kept_whole)
        return;
    buf_add(&p->kept, piece);
    if (buf_err(&p->kept) != ERR_OK) {
        p->is_kept_whole = false;
        buf_done(&p->kept);
    }
}

static void
on_request_body(struct exchange_user *u, struct str piece, bool is_last)
{
    struct passage *p = (struct passage *)u;
    if (p->call == NULL)
        return;
    keep(p, piece);
    p->setup.relay->counters.bytes_sent += piece.n;
    if (http_call_piece(p->call, piece) > LIMIT_RELAY_WINDOW)
        http_pause_body(p->setup.x);
    if (is_last) {
        p->is_body_done = true;
        http_call_finish(p->call);
    }
}

static void
on_caller_room(struct exchange_user *u)
{
    struct passage *p = (struct passage *)u;
    if (p->call != NULL)
        http_call_resume(p->call);
}

static void
on_exchange_end(struct exchange_user *u)
{
    end((struct passage *)u);
}

/* ---- from outside ---- */

struct passage *
passage_new(const struct passage_setup *setup)
{
    struct passage *p = arena_alloc(http_arena(setup->x), sizeof(*p));
    p->user = (struct exchange_user){.on_body = on_request_body,
                                     .on_writable = on_caller_room,
                                     .on_end = on_exchange_end};
    p->setup = *setup;
    p->state = PASSAGE_ASKING;
    p->is_kept_whole = true;
    buf_init_secret(&p->kept, KEPT_MAX);
    http_set_user(setup->x, &p->user);
    return p;
}

static void
on_lease(const struct ask_answer *answer, void *arg)
{
    struct passage *p = arg;
    if (answer->err == ERR_OK) {
        call_hubspot(p, answer->lease);
        return;
    }
    relay_refuse_answer(p->setup.relay, p->setup.x, &p->setup.id, answer);
    end(p);
}

void
passage_ask(struct passage *p)
{
    struct passage_setup *s = &p->setup;
    p->wait = (struct ask_wait){.on_answer = on_lease, .arg = p};
    enum err e = asks_start(s->relay->asks, &p->wait, s->key, &s->question,
                            request_id_str(&s->id), 0);
    if (e != ERR_OK) {
        relay_refuse_err(s->relay, s->x, &s->id, e);
        end(p);
    } else if (s->is_streamed) {
        http_pause_body(s->x);
    }
}

void
passage_run(struct passage *p, struct lease *lease)
{
    call_hubspot(p, lease);
}

static void
revoke(struct passage *p)
{
    p->setup.relay->counters.cuts++;
    if (p->state == PASSAGE_ANSWERING)
        cut(p, ERR_FORBIDDEN);
    else
        refuse(p, ERR_FORBIDDEN,
               STR("The right to make this call was taken away while it ran. "
                   "HubSpot may have executed it."));
}

void
passages_cut(struct relay *r, const struct relay_revoked *what)
{
    struct passage *next;
    for (struct passage *p = r->passages; p != NULL; p = next) {
        next = p->next;
        if (leases_revoked_matches(what, p->setup.path.app,
                                   p->setup.path.portal, p->key_number))
            revoke(p);
    }
}

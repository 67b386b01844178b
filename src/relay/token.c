#include "relay/token.h"

#include "base/arena.h"
#include "base/env.h"
#include "relay/asks.h"
#include "relay/callers.h"
#include "relay/relay.h"

struct token_wait {
    struct exchange_user user;
    struct ask_wait wait;
    struct relay *relay;
    struct http_exchange *x;
    struct request_id id;
};

/* The scopes are JSON already, and neither token nor time needs escapes. */
static void
add_json(struct buf *out, const struct lease *l, int64_t now_s)
{
    buf_add(out, STR("{\"access_token\":\""));
    buf_add(out, secret_view(l->token).s);
    buf_add(out, STR("\",\"token_type\":\"bearer\",\"expires_at\":"));
    if (l->expires_at == 0) {
        buf_add(out, STR("null,\"expires_in\":null"));
    } else {
        buf_add(out, STR("\""));
        buf_add(out, str_from(l->expires_text));
        buf_add(out, STR("\",\"expires_in\":"));
        buf_add_u64(out, (uint64_t)(l->expires_at - now_s));
    }
    buf_add(out, STR(",\"portal_id\":"));
    buf_add_u64(out, l->portal);
    buf_add(out, STR(",\"scopes\":"));
    buf_add(out, buf_str(&l->scopes));
    buf_add(out, STR("}"));
}

static void
answer(struct relay *r, struct http_exchange *x, const struct request_id *id,
       struct lease *l)
{
    buf_clear(&r->scratch);
    add_json(&r->scratch, l, env_now_s(r->env));
    answer_json(x, 200, id, buf_str(&r->scratch));
    buf_clear(&r->scratch);
    l->n_uses++;
    r->counters.tokens++;
}

static void
on_answer(const struct ask_answer *a, void *arg)
{
    struct token_wait *w = arg;
    if (a->err == ERR_OK)
        answer(w->relay, w->x, &w->id, a->lease);
    else
        relay_refuse_answer(w->relay, w->x, &w->id, a);
}

static void
on_end(struct exchange_user *u)
{
    struct token_wait *w = (struct token_wait *)u; /* its first member */
    asks_cancel(&w->wait);
}

static void
ask(struct relay *r, struct http_exchange *x, const struct request_id *id,
    const struct lease_question *q, struct lease_key key)
{
    struct token_wait *w = arena_alloc(http_arena(x), sizeof(*w));
    *w = (struct token_wait){
        .user = {.on_end = on_end},
        .wait = {.on_answer = on_answer, .arg = w},
        .relay = r,
        .x = x,
        .id = *id,
    };
    enum err e = asks_start(r->asks, &w->wait, key, q, request_id_str(id), 0);
    if (e == ERR_OK)
        http_set_user(x, &w->user);
    else
        relay_refuse_err(r, x, id, e);
}

void
token_do(struct relay *r, struct http_exchange *x, const struct request_id *id,
         const struct route_values *v)
{
    struct lease_question q = {.address = http_peer(x),
                               .app = v->app,
                               .portal = v->portal,
                               .verb = VERB_TOKEN};
    enum err e = caller_read(http_request(x), &q.credential);
    if (e != ERR_OK) {
        relay_refuse_err(r, x, id, e);
        return;
    }
    struct lease_key key = leases_key(r->leases, &q);
    struct lease *l = asks_find(r->asks, key, &q, request_id_str(id));
    if (l != NULL) {
        r->counters.cached++;
        answer(r, x, id, l);
        return;
    }
    ask(r, x, id, &q, key);
}

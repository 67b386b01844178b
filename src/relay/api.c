#include "relay/api.h"

#include "base/apikey.h"
#include "base/arena.h"
#include "base/limits.h"
#include "relay/api_int.h"
#include "relay/asks.h"
#include "relay/callers.h"
#include "relay/metrics.h"
#include "relay/routes.h"
#include "relay/token.h"

/* One call to the keeper for one exchange. */
struct api_call {
    struct exchange_user user; /* first, so that it is found by it */
    struct relay *relay;
    struct http_exchange *x;
    struct request_id id;
    unsigned status; /* of a good answer */
    uint32_t call;   /* 0 when there is none any more */
    /* In relay.polls, while it is a long poll; at: what points to it. */
    struct api_call *next_poll, **at_poll;
};

static void
add_poll(struct api_call *c)
{
    struct api_call **first = &c->relay->polls;
    c->next_poll = *first;
    c->at_poll = first;
    if (*first != NULL)
        (*first)->at_poll = &c->next_poll;
    *first = c;
}

static void
remove_poll(struct api_call *c)
{
    if (c->at_poll == NULL)
        return;
    *c->at_poll = c->next_poll;
    if (c->next_poll != NULL)
        c->next_poll->at_poll = c->at_poll;
    c->at_poll = NULL;
}

static void
on_end(struct exchange_user *u)
{
    struct api_call *c = (struct api_call *)u;
    remove_poll(c);
    if (c->call != 0 && c->relay->keeper != NULL)
        channel_cancel(c->relay->keeper, c->call);
}

void
api_refuse(struct relay *r, struct http_exchange *x,
           const struct request_id *id, enum err e, struct str detail)
{
    struct problem p = {.err = e, .detail = detail};
    relay_refuse(r, x, id, &p);
}

static void
on_reply(enum err e, const struct message *m, const void *reply, void *arg)
{
    struct api_call *c = arg;
    const struct relay_answer *a = reply;
    (void)m;
    c->call = 0;
    remove_poll(c);
    if (e != ERR_OK) {
        api_refuse(
            c->relay, c->x, &c->id,
            e == ERR_TIMEOUT ? ERR_TIMEOUT : ERR_UNAVAILABLE,
            STR("The keeper did not answer. What was asked may have been "
                "done all the same."));
        return;
    }
    if (a->err == ERR_OK) {
        answer_json(c->x, c->status, &c->id, a->json);
        return;
    }
    struct ask_answer no = {.err = (enum err)a->err,
                            .detail = a->detail,
                            .reconnect_url = a->reconnect_url,
                            .retry_after_s = a->retry_after_s};
    if (a->err >= ERR_COUNT)
        no.err = ERR_SYSTEM;
    relay_refuse_answer(c->relay, c->x, &c->id, &no);
}

void
api_ask(struct relay *r, struct http_exchange *x, const struct request_id *id,
        const struct api_question *q)
{
    if (r->keeper == NULL) {
        relay_refuse_err(r, x, id, ERR_UNAVAILABLE);
        return;
    }
    struct api_call *c = arena_alloc(http_arena(x), sizeof(*c));
    *c = (struct api_call){
        .user = {.on_end = on_end},
        .relay = r,
        .x = x,
        .id = *id,
        .status = q->status,
    };
    http_set_user(x, &c->user);
    r->counters.api_calls++;
    c->call = channel_call(r->keeper, q->type, q->message,
                           DEADLINE_CALL_MS + q->wait_ms, on_reply, c);
    if (q->wait_ms > 0)
        add_poll(c);
}

/* Nothing is lost: whoever waits has a cursor, and asks again. */
void
api_end_polls(struct relay *r)
{
    while (r->polls != NULL) {
        struct api_call *c = r->polls;
        struct problem p = {.err = ERR_UNAVAILABLE,
                            .detail = STR("This relay is about to stop. Ask "
                                          "again with the same cursor."),
                            .retry_after_s = 1};
        remove_poll(c);
        if (r->keeper != NULL)
            channel_cancel(r->keeper, c->call);
        c->call = 0;
        relay_refuse(r, c->x, &c->id, &p);
    }
}

bool
api_take_caller(struct relay *r, struct http_exchange *x,
                const struct request_id *id, struct hidden *out)
{
    enum err e = caller_read(http_request(x), out);
    if (e == ERR_OK && apikey_is_formed(out->s))
        return true;
    relay_refuse_err(r, x, id, ERR_UNAUTHORIZED);
    return false;
}

#define PROBLEM_MAX 1024

bool
api_take_body(struct relay *r, struct http_exchange *x,
              const struct request_id *id, const struct body_table *table,
              struct body *body, void *out)
{
    struct buf auto_buf problem;
    buf_init(&problem, PROBLEM_MAX);
    enum err e = body_read(body, http_request_body(x), table, http_arena(x),
                           out, &problem);
    if (e != ERR_OK)
        api_refuse(r, x, id, e, buf_str(&problem));
    return e == ERR_OK;
}

static void
do_session(struct relay *r, struct http_exchange *x,
           const struct request_id *id, const struct route_values *v)
{
    struct body auto_body body = {0};
    struct relay_session_create m = {.request_id = request_id_str(id),
                                     .address = http_peer(x),
                                     .app = v->app};
    if (api_take_caller(r, x, id, &m.credential) &&
        api_take_body(r, x, id, &session_body, &body, &m))
        api_ask(r, x, id,
                &(struct api_question){RELAY_SESSION_CREATE, &m, 201, 0});
}

static void
do_result(struct relay *r, struct http_exchange *x, const struct request_id *id,
          const struct route_values *v)
{
    struct body auto_body body = {0};
    struct relay_result_redeem m = {.request_id = request_id_str(id),
                                    .address = http_peer(x),
                                    .app = v->app};
    if (api_take_caller(r, x, id, &m.credential) &&
        api_take_body(r, x, id, &result_body, &body, &m))
        api_ask(r, x, id,
                &(struct api_question){RELAY_RESULT_REDEEM, &m, 200, 0});
}

static void
do_bind(struct relay *r, struct http_exchange *x, const struct request_id *id,
        const struct route_values *v)
{
    struct body auto_body body = {0};
    struct relay_ref_bind m = {.request_id = request_id_str(id),
                               .address = http_peer(x),
                               .app = v->app,
                               .portal = v->portal};
    if (api_take_caller(r, x, id, &m.credential) &&
        api_take_body(r, x, id, &ref_body, &body, &m))
        api_ask(r, x, id, &(struct api_question){RELAY_REF_BIND, &m, 200, 0});
}

static void
do_portal(struct relay *r, struct http_exchange *x, const struct request_id *id,
          uint16_t type, struct str app, uint64_t portal)
{
    struct relay_portal m = {.request_id = request_id_str(id),
                             .address = http_peer(x),
                             .app = app,
                             .portal = portal};
    if (api_take_caller(r, x, id, &m.credential))
        api_ask(r, x, id, &(struct api_question){type, &m, 200, 0});
}

static void
do_show(struct relay *r, struct http_exchange *x, const struct request_id *id,
        const struct route_values *v)
{
    do_portal(r, x, id, RELAY_PORTAL_SHOW, v->app, v->portal);
}

static void
do_delete(struct relay *r, struct http_exchange *x, const struct request_id *id,
          const struct route_values *v)
{
    do_portal(r, x, id, RELAY_PORTAL_DELETE, v->app, v->portal);
}

void
api_delete_portal(struct relay *r, struct http_exchange *x,
                  const struct request_id *id, struct str app, uint64_t portal)
{
    do_portal(r, x, id, RELAY_PORTAL_DELETE, app, portal);
}

static void
do_list(struct relay *r, struct http_exchange *x, const struct request_id *id,
        const struct route_values *v)
{
    struct api_query q = {.limit = API_PAGE_MAX};
    struct relay_portals_list m = {.request_id = request_id_str(id),
                                   .address = http_peer(x),
                                   .app = v->app};
    if (!api_take_caller(r, x, id, &m.credential))
        return;
    if (api_query_take(v->query, "ref cursor limit", http_arena(x), &q) !=
        ERR_OK) {
        api_refuse(r, x, id, ERR_INVALID,
                   STR("The query may have ref (at most 255 bytes), cursor (as "
                       "it came with the page before) and limit (1 to 100)."));
        return;
    }
    m.ref = q.ref;
    m.cursor = q.cursor;
    m.limit = q.limit;
    api_ask(r, x, id, &(struct api_question){RELAY_PORTALS_LIST, &m, 200, 0});
}

/* ---- the table ---- */

static const struct route routes[] = {
    {"GET", "/v1/apps/{app}/portals/{portal}/token", token_do, 0},
    {"POST", "/v1/apps/{app}/connect-sessions", do_session, 0},
    {"POST", "/v1/apps/{app}/connect-results", do_result, 0},
    {"PUT", "/v1/apps/{app}/portals/{portal}/ref", do_bind, 0},
    {"GET", "/v1/apps/{app}/portals", do_list, 0},
    {"GET", "/v1/apps/{app}/portals/{portal}", do_show, 0},
    {"DELETE", "/v1/apps/{app}/portals/{portal}", do_delete, 0},
    {"GET", "/v1/apps/{app}/events", api_do_events, 0},
    {"POST", "/v1/apps/{app}/events/{id}/replay", api_do_replay, 0},
    {"POST", "/v1/apps/{app}/verify", api_do_verify, LIMIT_VERIFY_BODY},
    {"GET", "/metrics", metrics_do, 0},
    {"GET", "/readyz", metrics_do_ready, 0},
};

#define N_ROUTES (sizeof(routes) / sizeof(routes[0]))

static void
refuse_route(struct relay *r, struct http_exchange *x,
             const struct request_id *id, enum err e, const char *why)
{
    struct buf auto_buf allowed;
    buf_init(&allowed, 64);
    if (e == ERR_NOT_FOUND)
        route_add_allowed(routes, N_ROUTES, http_request(x)->target, &allowed);
    if (allowed.n > 0)
        relay_refuse_method(r, x, id, buf_str(&allowed));
    else
        api_refuse(r, x, id, e, str_from(why));
}

void
api_do(struct relay *r, struct http_exchange *x)
{
    const struct http_head *head = http_request(x);
    struct request_id id = request_id_make();
    const struct route *route;
    struct route_values values;
    const char *why;
    enum err e = route_find(routes, N_ROUTES, head->method, head->target,
                            &route, &values, &why);
    if (e != ERR_OK)
        refuse_route(r, x, &id, e, why);
    else
        route->do_it(r, x, &id, &values);
}

void
api_on_head(struct http_exchange *x)
{
    const struct http_head *head = http_request(x);
    const struct route *route;
    struct route_values values;
    const char *why;
    if (head->framing != HTTP_NO_BODY &&
        route_find(routes, N_ROUTES, head->method, head->target, &route,
                   &values, &why) == ERR_OK &&
        route->max_body > 0)
        http_set_max_body(x, route->max_body);
}

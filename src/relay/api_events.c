#include "relay/api_int.h"

#include "base/arena.h"

/*
 * Events for a backend that pulls them, and the check of requests that the
 * backend got from HubSpot itself.  The keeper does the waiting of a long
 * poll: only it knows when something comes.
 */

void
api_do_events(struct relay *r, struct http_exchange *x,
              const struct request_id *id, const struct route_values *v)
{
    struct api_query q = {.limit = API_PAGE_MAX};
    struct relay_events_list m = {.request_id = request_id_str(id),
                                  .address = http_peer(x),
                                  .app = v->app};
    if (!api_take_caller(r, x, id, &m.credential))
        return;
    if (api_query_take(v->query, "portal cursor limit wait", http_arena(x),
                       &q) != ERR_OK) {
        api_refuse(r, x, id, ERR_INVALID,
                   STR("The query may have portal (its number), cursor (the "
                       "next of the page before, or now), limit (1 to 100) "
                       "and wait (0 to 20 seconds)."));
        return;
    }
    m.portal = q.portal;
    m.cursor = q.cursor;
    m.limit = q.limit;
    m.wait_ms = q.wait_s * 1000;
    api_ask(r, x, id,
            &(struct api_question){RELAY_EVENTS_LIST, &m, 200, m.wait_ms});
}

void
api_do_replay(struct relay *r, struct http_exchange *x,
              const struct request_id *id, const struct route_values *v)
{
    struct relay_event_replay m = {.request_id = request_id_str(id),
                                   .address = http_peer(x),
                                   .app = v->app,
                                   .id = v->id};
    if (api_take_caller(r, x, id, &m.credential))
        api_ask(r, x, id,
                &(struct api_question){RELAY_EVENT_REPLAY, &m, 202, 0});
}

/* Signatures are made over the method in capitals; some frameworks say it in
 * small letters. */
static struct str
in_capitals(struct arena *arena, struct str method)
{
    char *p = arena_alloc(arena, method.n + 1);
    for (size_t i = 0; i < method.n; i++) {
        bool is_small = method.p[i] >= 'a' && method.p[i] <= 'z';
        p[i] = (char)(is_small ? method.p[i] - 'a' + 'A' : method.p[i]);
    }
    return str_of(p, method.n);
}

void
api_do_verify(struct relay *r, struct http_exchange *x,
              const struct request_id *id, const struct route_values *v)
{
    struct body auto_body body = {0};
    struct verify_request asked = {0};
    struct relay_verify m = {.request_id = request_id_str(id),
                             .address = http_peer(x),
                             .app = v->app};
    if (!api_take_caller(r, x, id, &m.credential) ||
        !api_take_body(r, x, id, &verify_body, &body, &asked))
        return;
    if (asked.body.s.p != NULL && asked.body_base64.s.p != NULL) {
        api_refuse(r, x, id, ERR_INVALID,
                   STR("Give the body once: as \"body\" or as "
                       "\"body_base64\"."));
        return;
    }
    m.method = in_capitals(http_arena(x), asked.method);
    m.uri = asked.uri;
    m.signature = asked.headers.signature;
    m.signature_version = asked.headers.version;
    m.signature_v3 = asked.headers.v3;
    m.timestamp = asked.headers.timestamp;
    m.body = asked.body.s.p != NULL ? asked.body : asked.body_base64;
    api_ask(r, x, id, &(struct api_question){RELAY_VERIFY, &m, 200, 0});
}

#include "relay/proxy.h"

#include "relay/api.h"
#include "relay/callers.h"
#include "relay/passage.h"

bool
proxy_is_for(struct str target)
{
    return str_starts(target, STR(PROXY_PREFIX));
}

/* A short body of known length is taken whole before HubSpot is called, so
 * that a slow caller does not keep a connection, and a call can be sent
 * again. */
bool
proxy_wants_stream(const struct http_head *head)
{
    return head->framing == HTTP_CHUNKED ||
           (head->framing == HTTP_LENGTH && head->length > LIMIT_API_BODY);
}

static void
find_right(const struct passage_setup *s)
{
    struct lease *lease =
        asks_find(s->relay->asks, s->key, &s->question, request_id_str(&s->id));
    struct passage *p = passage_new(s);
    if (lease == NULL) {
        passage_ask(p);
        return;
    }
    s->relay->counters.cached++;
    passage_run(p, lease);
}

void
proxy_do(struct relay *r, struct http_exchange *x, bool is_streamed)
{
    const struct http_head *head = http_request(x);
    struct passage_setup s = {.relay = r,
                              .x = x,
                              .id = request_id_make(),
                              .is_streamed = is_streamed};
    const char *why;
    enum err e = proxy_path_read(head->method, head->target, &s.path, &why);
    if (e != ERR_OK) {
        struct problem p = {.err = e, .detail = str_from(why)};
        relay_refuse(r, x, &s.id, &p);
        return;
    }
    if (s.path.is_uninstall) {
        api_delete_portal(r, x, &s.id, s.path.app, s.path.portal);
        return;
    }
    s.question = (struct lease_question){.address = http_peer(x),
                                         .app = s.path.app,
                                         .portal = s.path.portal,
                                         .verb = VERB_CALL};
    e = caller_read(head, &s.question.credential);
    if (e != ERR_OK) {
        relay_refuse_err(r, x, &s.id, e);
        return;
    }
    s.key = leases_key(r->leases, &s.question);
    find_right(&s);
}

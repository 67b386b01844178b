#include "base/arena.h"
#include "relay/asks.h"
#include "relay/callers.h"
#include "relay/relay.h"

void
relay_refuse(struct relay *r, struct http_exchange *x,
             const struct request_id *id, const struct problem *p)
{
    r->counters.refusals++;
    answer_problem(x, id, p, STR_NONE);
}

void
relay_refuse_method(struct relay *r, struct http_exchange *x,
                    const struct request_id *id, struct str allowed)
{
    struct problem p = {.err = ERR_NOT_FOUND,
                        .status = 405,
                        .detail = STR("There is something at this path, but "
                                      "not for this method. See Allow.")};
    r->counters.refusals++;
    answer_problem(x, id, &p, allowed);
}

static struct str
sentence(struct http_exchange *x, enum err e)
{
    switch (e) {
    case ERR_UNAUTHORIZED:
        return caller_problem(http_request(x));
    case ERR_UNAVAILABLE:
        return STR("The relay has no connection to the keeper and is about "
                   "to be restarted. Nothing was done.");
    default:
        return STR_NONE;
    }
}

void
relay_refuse_err(struct relay *r, struct http_exchange *x,
                 const struct request_id *id, enum err e)
{
    struct problem p = {.err = e, .detail = sentence(x, e)};
    relay_refuse(r, x, id, &p);
}

void
relay_refuse_answer(struct relay *r, struct http_exchange *x,
                    const struct request_id *id, const struct ask_answer *a)
{
    struct problem p = {.err = a->err,
                        .detail = a->detail,
                        .reconnect_url = a->reconnect_url,
                        .retry_after_s = a->retry_after_s};
    if (p.detail.n == 0 && p.err == ERR_UNAUTHORIZED)
        p.detail = caller_problem(http_request(x));
    relay_refuse(r, x, id, &p);
}

static const struct {
    enum err err;
    const char *why;
} failures[ERR_COUNT] = {
    [ERR_TIMEOUT] = {ERR_TIMEOUT, "HubSpot did not answer in time."},
    [ERR_CLOSED] = {ERR_UNREACHABLE,
                    "HubSpot closed the connection before it answered."},
    [ERR_UPSTREAM] = {ERR_UPSTREAM,
                      "HubSpot's answer was not well-formed HTTP."},
    [ERR_LIMIT] = {ERR_UPSTREAM,
                   "The headers of HubSpot's answer are over the limit."},
    [ERR_UNAVAILABLE] = {ERR_UNAVAILABLE,
                         "Too many calls wait for a connection to HubSpot."},
    [ERR_FORBIDDEN] = {ERR_UNREACHABLE,
                       "The name in [hubspot] api_url leads to an address "
                       "that is not of the public internet, which is "
                       "refused."},
    [ERR_NOT_FOUND] = {ERR_UNREACHABLE,
                       "The name in [hubspot] api_url was not found."},
};

void
relay_refuse_call(struct relay *r, struct http_exchange *x,
                  const struct request_id *id, enum err e, bool was_sent)
{
    struct problem p = {.err = ERR_UNREACHABLE};
    const char *why = "HubSpot could not be reached.";
    if (failures[e].why != NULL) {
        p.err = failures[e].err;
        why = failures[e].why;
    }
    p.detail = arena_printf(
        http_arena(x), "%s %s", why,
        was_sent ? "The request was sent and may have been executed."
                 : "Nothing was sent.");
    relay_refuse(r, x, id, &p);
}

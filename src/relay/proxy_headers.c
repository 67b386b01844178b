#include "relay/proxy_headers.h"

#include "base/arena.h"
#include "base/buf.h"

#define NAME(text)                \
    {                             \
        "" text, sizeof(text) - 1 \
    }

/* Of one connection (RFC 9110 7.6.1), and framing, which is written anew. */
static const struct str hops[] = {
    NAME("connection"),
    NAME("keep-alive"),
    NAME("proxy-connection"),
    NAME("te"),
    NAME("trailer"),
    NAME("transfer-encoding"),
    NAME("upgrade"),
    NAME("proxy-authenticate"),
    NAME("proxy-authorization"),
    NAME("content-length"),
};

static const struct str kept_from_hubspot[] = {
    NAME("authorization"),
    NAME("host"),
    NAME("expect"), /* answered by the listener */
    NAME("cookie"),
    NAME("forwarded"),
    NAME("via"),
    NAME("x-real-ip"),
    NAME("traceparent"),
    NAME("tracestate"),
    NAME("baggage"),
    /* A key limited to reading is judged by the method. */
    NAME("x-http-method"),
    NAME("x-http-method-override"),
    NAME("x-method-override"),
};

static const struct str kept_from_callers[] = {
    NAME("request-id"),
    NAME("portkeep-upstream"),
};

#define N_OF(list) (sizeof(list) / sizeof((list)[0]))

static bool
is_one_of(struct str name, const struct str *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].n == name.n && str_equal_nocase(list[i], name))
            return true;
    return false;
}

static bool
is_hop(const struct http_head *h, struct str name)
{
    return is_one_of(name, hops, N_OF(hops)) ||
           (h->names_hops && http_head_is_hop(h, name));
}

static bool
is_forwarded(struct str name)
{
    struct str prefix = STR("x-forwarded-");
    return name.n >= prefix.n &&
           str_equal_nocase(str_of(name.p, prefix.n), prefix);
}

static void
add(struct proxy_headers *out, struct str name, struct str value)
{
    out->v[out->n++] = (struct http_header){name, value};
}

void
proxy_headers_for_hubspot(struct proxy_headers *out,
                          const struct http_head *request, struct str bearer)
{
    out->n = 0;
    out->has_date = false;
    for (size_t i = 0; i < request->n_headers; i++) {
        const struct http_header *h = &request->headers[i];
        if (!is_hop(request, h->name) && !is_forwarded(h->name) &&
            !is_one_of(h->name, kept_from_hubspot, N_OF(kept_from_hubspot)))
            out->v[out->n++] = *h;
    }
    add(out, STR("Authorization"), bearer);
}

/* HubSpot's words for the burst limit of this app at this portal. */
struct rate_limit {
    uint64_t max, remaining, interval_ms;
    bool has_max, has_remaining, has_interval;
    bool is_told; /* as RateLimit already */
};

static void
note_rate_limit(struct rate_limit *r, const struct http_header *h)
{
    if (str_equal_nocase(h->name, STR("x-hubspot-ratelimit-max")))
        r->has_max = str_to_u64(h->value, &r->max);
    else if (str_equal_nocase(h->name, STR("x-hubspot-ratelimit-remaining")))
        r->has_remaining = str_to_u64(h->value, &r->remaining);
    else if (str_equal_nocase(h->name, STR("x-hubspot-ratelimit-interval-"
                                           "milliseconds")))
        r->has_interval = str_to_u64(h->value, &r->interval_ms);
    else if (str_equal_nocase(h->name, STR("ratelimit")))
        r->is_told = true;
}

#define NUMBER_MAX 20 /* digits of a uint64_t */
#define POLICY_ROOM (sizeof("\"hubspot\";q=;w=") + 2 * NUMBER_MAX)

static struct buf
text_in(struct arena *arena, size_t room)
{
    return (struct buf){
        .p = arena_alloc(arena, room), .room = room, .max = room - 1};
}

/* draft-ietf-httpapi-ratelimit-headers-10.  When the window ends is not
 * known, so RateLimit has no t. */
static void
add_rate_limit(struct proxy_headers *out, const struct rate_limit *r,
               struct arena *arena)
{
    if (!r->has_max || !r->has_remaining || !r->has_interval || r->is_told)
        return;
    struct buf policy = text_in(arena, POLICY_ROOM);
    buf_add(&policy, STR("\"hubspot\";q="));
    buf_add_u64(&policy, r->max);
    buf_add(&policy, STR(";w="));
    buf_add_u64(&policy, r->interval_ms / 1000);
    struct buf left = text_in(arena, POLICY_ROOM);
    buf_add(&left, STR("\"hubspot\";r="));
    buf_add_u64(&left, r->remaining);
    add(out, STR("RateLimit-Policy"), buf_str(&policy));
    add(out, STR("RateLimit"), buf_str(&left));
}

void
proxy_headers_for_caller(struct proxy_headers *out,
                         const struct http_head *answer, struct str request_id,
                         struct arena *arena)
{
    struct rate_limit limit = {0};
    out->n = 0;
    out->has_date = false;
    for (size_t i = 0; i < answer->n_headers; i++) {
        const struct http_header *h = &answer->headers[i];
        if (is_hop(answer, h->name) ||
            is_one_of(h->name, kept_from_callers, N_OF(kept_from_callers)))
            continue;
        if (h->name.n == 4 && str_equal_nocase(h->name, STR("date")))
            out->has_date = true;
        else if (h->name.n >= 9)
            note_rate_limit(&limit, h);
        out->v[out->n++] = *h;
    }
    add(out, STR("Portkeep-Upstream"), STR("hubspot"));
    add(out, STR("Request-Id"), request_id);
    add_rate_limit(out, &limit, arena);
}

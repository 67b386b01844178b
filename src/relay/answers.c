#include "relay/answers.h"

#include "base/env.h"
#include "base/limits.h"

#define PROBLEM_MAX 4096 /* two URLs would fill it; one is never that long */

struct request_id
request_id_make(void)
{
    static const char digits[] = "0123456789abcdef";
    static uint64_t next;
    struct request_id id;
    /* A random beginning, so that restarts and other relays do not meet. */
    if (next == 0)
        env_real()->random(env_real(), &next, sizeof(next));
    uint64_t n = next++;
    for (size_t i = REQUEST_ID_LEN; i > 0; i--, n >>= 4)
        id.text[i - 1] = digits[n & 15];
    return id;
}

void
answer_json(struct http_exchange *x, unsigned status,
            const struct request_id *id, struct str json)
{
    struct http_header headers[] = {
        {STR("Content-Type"), STR("application/json")},
        {STR("Cache-Control"), STR("no-store")},
        {STR("Request-Id"), request_id_str(id)},
    };
    http_respond(x, status, headers, 3, json);
}

void
answer_text(struct http_exchange *x, const struct request_id *id,
            struct str text)
{
    struct http_header headers[] = {
        {STR("Content-Type"), STR("text/plain; version=0.0.4")},
        {STR("Request-Id"), request_id_str(id)},
    };
    http_respond(x, 200, headers, 2, text);
}

/* RFC 6750 3: no error code for those who sent nothing. */
static struct str
challenge(const struct http_exchange *x)
{
    if (http_head_count(http_request(x), "authorization") == 0)
        return STR("Bearer realm=\"portkeep\"");
    return STR("Bearer realm=\"portkeep\", error=\"invalid_token\"");
}

/*
 * HubSpot's newer SDKs repeat 409 and 5xx by themselves and obey this header.
 * Where the same call cannot go better, or may have been executed, they must
 * not.
 */
static bool
is_worth_repeating(enum err e)
{
    return e == ERR_UNAVAILABLE || e == ERR_THROTTLED || e == ERR_STORE;
}

void
answer_problem(struct http_exchange *x, const struct request_id *id,
               const struct problem *p, struct str allowed)
{
    struct problem whole = *p;
    unsigned status = p->status != 0 ? p->status : problem_status(p->err);
    struct http_header headers[7];
    struct buf body, after;
    size_t n = 0;
    buf_init(&body, PROBLEM_MAX + p->reconnect_url.n + p->detail.n * 6);
    buf_init(&after, 32);
    whole.request_id = request_id_str(id);
    problem_add_json(&body, &whole);
    headers[n++] = (struct http_header){STR("Content-Type"), STR(PROBLEM_TYPE)};
    headers[n++] = (struct http_header){STR("Cache-Control"), STR("no-store")};
    headers[n++] = (struct http_header){STR("Request-Id"), whole.request_id};
    if (p->err == ERR_UNAUTHORIZED)
        headers[n++] =
            (struct http_header){STR("WWW-Authenticate"), challenge(x)};
    if (allowed.n > 0)
        headers[n++] = (struct http_header){STR("Allow"), allowed};
    if (status >= 409)
        headers[n++] = (struct http_header){
            STR("X-Should-Retry"),
            is_worth_repeating(p->err) ? STR("true") : STR("false")};
    if (p->retry_after_s > 0) {
        buf_add_u64(&after, p->retry_after_s);
        headers[n++] =
            (struct http_header){STR("Retry-After"), buf_str(&after)};
    }
    http_respond(x, status, headers, n, buf_str(&body));
    buf_done(&body);
    buf_done(&after);
}

/* What the listener refuses by itself, in our words. */
static const struct refusal {
    unsigned status;
    enum err err;
    const char *detail;
} refusals[] = {
    {408, ERR_TIMEOUT, "The request did not arrive in time."},
    {413, ERR_LIMIT,
     "The body is larger than 65,536 bytes, or, to be verified, than "
     "1,048,576."},
    {414, ERR_LIMIT, "The path and query are longer than 8,192 bytes."},
    {431, ERR_LIMIT,
     "The headers are larger than 16,384 bytes, or more "
     "than 100."},
    {503, ERR_UNAVAILABLE,
     "There are too many connections. Keep and share "
     "connections."},
    {400, ERR_SYNTAX, "The request is not well-formed HTTP/1.1."},
};

/* Of the refusal that is being put together. */
static struct request_id refused_id;

void
answer_refused_header(struct http_header *out, void *arg)
{
    (void)arg;
    refused_id = request_id_make();
    *out = (struct http_header){STR("Request-Id"), request_id_str(&refused_id)};
}

void
answer_refused(unsigned status, struct buf *out_body, struct str *out_type,
               void *arg)
{
    size_t i = 0, last = sizeof(refusals) / sizeof(refusals[0]) - 1;
    (void)arg;
    while (i < last && refusals[i].status != status)
        i++;
    struct problem p = {.err = refusals[i].err,
                        .status = status,
                        .detail = str_from(refusals[i].detail),
                        .request_id = request_id_str(&refused_id)};
    problem_add_json(out_body, &p);
    *out_type = STR(PROBLEM_TYPE);
}

#include "front/webhook.h"

#include "base/limits.h"
#include "http/problem.h"
#include "hubspot/signatures.h"
#include "proto/front.h"

/*
 *   webhook_on_head --form, time, size--> refused, most of them unread
 *   do_webhook      --FRONT_WEBHOOK-->    on_taken: 200, or a problem
 *
 * HubSpot tries again after every answer but 200 (workflows: after 5xx and
 * 429 only), so what may be our own fault is 503 and nothing else.
 */

#define ASKING_MAX 2048 /* calls in flight; more would only wait longer */
/* Each connection may hold a body of any usual size; of larger ones only so
 * many are let in, or all connections together could hold gigabytes. */
#define LARGE_BODY 65536
#define LARGE_MAX 64
#define RETRY_S 2 /* where the keeper cannot say */
#define PROBLEM_MAX 2048

enum refusal {
    REFUSED_METHOD,
    REFUSED_APP,
    REFUSED_UNSIGNED,
    REFUSED_DOUBLED,
    REFUSED_ILL_FORMED,
    REFUSED_STALE,
    REFUSED_TOO_LARGE,
    REFUSED_WRONG,
    REFUSED_BUSY,
};

static const struct {
    unsigned status;
    enum err err;
    const char *id; /* for the log */
    const char *detail;
} refusals[] = {
    [REFUSED_METHOD] = {405, ERR_NOT_FOUND, "method",
                        "HubSpot reports here by POST. There is nothing to "
                        "look at."},
    [REFUSED_APP] = {404, ERR_NOT_FOUND, "unknown-app",
                     "No app has this name here. `portkeep urls APP` prints "
                     "the URL that belongs into HubSpot's webhook settings."},
    [REFUSED_UNSIGNED] = {401, ERR_UNAUTHORIZED, "unsigned",
                          "The request has no signature of HubSpot's: neither "
                          "X-HubSpot-Signature-v3 with "
                          "X-HubSpot-Request-Timestamp nor "
                          "X-HubSpot-Signature with its version. In a "
                          "workflow, the action signs only once the app's id "
                          "is set in it."},
    [REFUSED_DOUBLED] = {400, ERR_SYNTAX, "doubled",
                         "A header of HubSpot's signature is there twice, so "
                         "that it could be read in two ways."},
    [REFUSED_ILL_FORMED] = {401, ERR_UNAUTHORIZED, "ill-formed",
                            "The signature, its version or its timestamp does "
                            "not have the form that HubSpot gives it. Does a "
                            "proxy on the way change headers?"},
    [REFUSED_STALE] = {401, ERR_UNAUTHORIZED, "stale",
                       "The signature's timestamp is more than 5 minutes old, "
                       "or more than a minute ahead. If HubSpot has just sent "
                       "this, the clock of portkeep's machine is wrong."},
    [REFUSED_TOO_LARGE] = {413, ERR_LIMIT, "too-large",
                           "The body is larger than 524,288 bytes."},
    [REFUSED_WRONG] = {401, ERR_UNAUTHORIZED, "wrong-signature",
                       "The signature does not hold. Check in portkeep's "
                       "configuration that webhook_url is the target URL as "
                       "it stands in HubSpot's settings, that client_secret "
                       "is this app's, and, where HubSpot sends nothing newer "
                       "than v2 or v1, that webhook_signatures allows it."},
    [REFUSED_BUSY] = {503, ERR_UNAVAILABLE, "busy",
                      "This could not be stored just now. Send it again."},
};

/* The headers as they came.  ERR_CONFLICT: one of them came twice. */
static enum err
take_headers(const struct http_head *head, struct signature_headers *out)
{
    const struct {
        struct str name;
        struct str *value;
    } wanted[] = {
        {STR(SIGNATURE_HEADER), &out->signature},
        {STR(SIGNATURE_HEADER_VERSION), &out->version},
        {STR(SIGNATURE_HEADER_V3), &out->v3},
        {STR(SIGNATURE_HEADER_TIMESTAMP), &out->timestamp},
    };
    *out = (struct signature_headers){.signature = STR_NONE};
    for (size_t i = 0; i < head->n_headers; i++) {
        const struct http_header *h = &head->headers[i];
        for (size_t k = 0; k < sizeof(wanted) / sizeof(wanted[0]); k++) {
            if (!str_equal_nocase(h->name, wanted[k].name))
                continue;
            if (wanted[k].value->p != NULL)
                return ERR_CONFLICT;
            *wanted[k].value = h->value;
        }
    }
    return ERR_OK;
}

/*
 * Retry-After of a subscription's webhook, which has a v1 signature, counts
 * seconds.  Workflows, whose is v2, read it as milliseconds, and with v3 alone
 * nobody can tell: they get a number that does no harm in either reading.
 * 1000 to 3600 are a second and more, or 17 minutes to an hour, which is
 * little of the day that HubSpot goes on trying.
 */
static uint32_t
retry_after(const struct visit *v, uint32_t wait_s)
{
    struct signature_headers h;
    enum err e = take_headers(http_request(v->exchange), &h);
    uint32_t s = wait_s > 0 && wait_s <= 3600 ? wait_s : RETRY_S;
    if (e == ERR_OK && str_equal(h.version, STR("v1")))
        return s;
    return s * 1000 < 3600 ? s * 1000 : 3600;
}

static void
refuse(struct visit *v, enum refusal refusal, uint32_t retry_after_s)
{
    struct buf auto_buf body, auto_buf after;
    struct problem p = {.err = refusals[refusal].err,
                        .status = refusals[refusal].status,
                        .detail = str_from(refusals[refusal].detail),
                        .request_id = v->request_id};
    struct http_header h[4] = {
        {STR("Request-Id"), v->request_id},
        {STR("Cache-Control"), STR("no-store")},
        {STR("Content-Type"), STR(PROBLEM_TYPE)},
    };
    size_t n = 3;
    buf_init(&body, PROBLEM_MAX);
    buf_init(&after, 16);
    problem_add_json(&body, &p);
    buf_add_u64(&after, retry_after_s);
    if (refusal == REFUSED_METHOD)
        h[n++] = (struct http_header){STR("Allow"), STR("POST")};
    if (refusal == REFUSED_BUSY)
        h[n++] = (struct http_header){STR("Retry-After"), buf_str(&after)};
    visit_note(v, p.status, refusals[refusal].id);
    http_respond(v->exchange, p.status, h, n, buf_str(&body));
}

static void
refuse_busy(struct visit *v, uint32_t wait_s)
{
    refuse(v, REFUSED_BUSY, retry_after(v, wait_s));
}

/* What can be said of the signature without the secret.  False: refused. */
static bool
is_signed(struct visit *v, const struct signature_headers *headers)
{
    struct env *env = v->front->env;
    struct signature s;
    enum err e = signature_read(headers, &s);
    if (e == ERR_OK && s.version == SIGNATURE_V3 &&
        signature_check_time(s.timestamp_ms, env->now_ms(env)) != ERR_OK)
        refuse(v, REFUSED_STALE, 0);
    else if (e != ERR_OK)
        refuse(v, e == ERR_NOT_FOUND ? REFUSED_UNSIGNED : REFUSED_ILL_FORMED,
               0);
    else
        return true;
    return false;
}

static void
let_body_in(struct visit *v)
{
    const struct http_head *head = http_request(v->exchange);
    struct front *f = v->front;
    v->is_large = head->framing == HTTP_CHUNKED || head->length > LARGE_BODY;
    if (v->is_large)
        f->n_large++;
    if (head->framing == HTTP_LENGTH && head->length > LIMIT_WEBHOOK_BODY)
        refuse(v, REFUSED_TOO_LARGE, 0);
    else if (f->work == NULL || (v->is_large && f->n_large > LARGE_MAX))
        refuse_busy(v, RETRY_S);
    else
        http_set_max_body(v->exchange, LIMIT_WEBHOOK_BODY);
}

void
webhook_on_head(struct visit *v)
{
    struct signature_headers headers;
    if (!v->is_post)
        refuse(v, REFUSED_METHOD, 0);
    else if (child_app(v->front->child, v->app) == NULL)
        refuse(v, REFUSED_APP, 0);
    else if (take_headers(http_request(v->exchange), &headers) != ERR_OK)
        refuse(v, REFUSED_DOUBLED, 0);
    else if (is_signed(v, &headers))
        let_body_in(v);
}

static void
on_taken(enum err e, const struct message *m, const void *reply, void *arg)
{
    struct visit *v = arg;
    const struct front_webhook_taken *taken = reply;
    struct http_header id = {STR("Request-Id"), v->request_id};
    (void)m;
    if (!visit_is_answered(v, e)) {
        refuse_busy(v, RETRY_S);
        return;
    }
    switch (taken->err) {
    case ERR_OK:
        visit_note(v, 200, "taken");
        http_respond(v->exchange, 200, &id, 1, STR_NONE);
        break;
    case ERR_NOT_FOUND:
        refuse(v, REFUSED_APP, 0);
        break;
    case ERR_UNAUTHORIZED:
        refuse(v, REFUSED_WRONG, 0);
        break;
    default:
        refuse_busy(v, taken->retry_after_s);
    }
}

void
do_webhook(struct visit *v)
{
    const struct http_head *head = http_request(v->exchange);
    struct asking *asking = &v->front->webhooks;
    struct signature_headers headers;
    struct front_webhook w = {.request_id = v->request_id,
                              .app = v->app,
                              .body = HIDDEN(http_request_body(v->exchange))};
    struct str path;
    size_t n = w.body.s.n;
    http_head_target(head, &path, &w.query);
    if (v->front->work == NULL || asking->n >= ASKING_MAX ||
        asking->n_bytes + n > LIMIT_WEBHOOKS_ASKED ||
        take_headers(head, &headers) != ERR_OK) { /* they were good before */
        refuse_busy(v, RETRY_S);
        return;
    }
    w.signature_v3 = headers.v3;
    w.timestamp = headers.timestamp;
    w.signature = headers.signature;
    w.signature_version = headers.version;
    visit_ask(v, &(struct visit_question){.asking = asking,
                                          .n_bytes = n,
                                          .type = FRONT_WEBHOOK,
                                          .body = &w,
                                          .deadline_ms = DEADLINE_WEBHOOK_MS,
                                          .on_reply = on_taken});
}

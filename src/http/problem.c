#include "http/problem.h"

#include "base/text.h"

#include <assert.h>

static const struct {
    unsigned status;
    const char *name; /* stable: callers tell problems apart by it */
    const char *title;
} problems[ERR_COUNT] = {
    [ERR_OK] = {200, "none", "No problem"},
    [ERR_AGAIN] = {503, "unavailable", "Not available now, try again"},
    [ERR_CLOSED] = {503, "unavailable", "Not available now, try again"},
    [ERR_TIMEOUT] = {504, "timeout", "It took too long"},
    [ERR_LIMIT] = {413, "too-large", "Larger than is allowed"},
    [ERR_SYNTAX] = {400, "malformed", "The request cannot be understood"},
    [ERR_INVALID] = {400, "invalid", "A value is not acceptable"},
    [ERR_NOT_FOUND] = {404, "not-found", "There is no such thing"},
    [ERR_UNAUTHORIZED] = {401, "unauthorized",
                          "The credential is missing or not valid"},
    [ERR_FORBIDDEN] = {403, "forbidden", "The credential does not allow this"},
    [ERR_CONFLICT] = {409, "conflict", "It was changed or taken meanwhile"},
    [ERR_EXPIRED] = {410, "expired", "It is no longer valid"},
    [ERR_NEEDS_RECONNECT] = {409, "needs-reconnect",
                             "The portal must be connected again"},
    [ERR_THROTTLED] = {429, "throttled", "Too many requests"},
    [ERR_UPSTREAM] = {502, "upstream", "HubSpot's answer cannot be used"},
    [ERR_UNREACHABLE] = {502, "unreachable", "HubSpot cannot be reached"},
    [ERR_UNAVAILABLE] = {503, "unavailable", "Not available now, try again"},
    [ERR_STORE] = {503, "store", "The database does not answer"},
    [ERR_CRYPTO] = {500, "internal", "An error on our side"},
    [ERR_SYSTEM] = {500, "internal", "An error on our side"},
    [ERR_CONFIG] = {500, "configuration", "The configuration is at fault"},
};

unsigned
problem_status(enum err e)
{
    assert(e < ERR_COUNT && problems[e].status != 0);
    return problems[e].status;
}

static void
add_text(struct buf *out, const char *key, struct str value)
{
    if (value.n == 0)
        return;
    buf_addf(out, ",\"%s\":", key);
    text_add_json(out, value);
}

static void
add_texts(struct buf *out, const char *key, struct strs values)
{
    if (values.n == 0)
        return;
    buf_addf(out, ",\"%s\":[", key);
    for (size_t i = 0; i < values.n; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        text_add_json(out, values.v[i]);
    }
    buf_add_char(out, ']');
}

void
problem_add_json(struct buf *out, const struct problem *p)
{
    unsigned status = p->status != 0 ? p->status : problem_status(p->err);
    buf_addf(out, "{\"type\":\"" PROBLEM_TYPE_PREFIX "%s\"",
             problems[p->err].name);
    add_text(out, "title", str_from(problems[p->err].title));
    buf_addf(out, ",\"status\":%u", status);
    add_text(out, "detail", p->detail);
    add_text(out, "request_id", p->request_id);
    add_text(out, "reconnect_url", p->reconnect_url);
    if (p->retry_after_s > 0)
        buf_addf(out, ",\"retry_after\":%u", (unsigned)p->retry_after_s);
    add_texts(out, "missing_scopes", p->missing_scopes);
    buf_add_char(out, '}');
}

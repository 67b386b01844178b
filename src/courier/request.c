#include "courier/request.h"

#include "base/limits.h"
#include "base/text.h"

/* Five fields of a form, each a token long and percent-encoded. */
#define BODY_MAX (5 * 3 * LIMIT_TOKEN + LIMIT_URL * 3)

enum form {
    FORM_NONE,
    FORM_CODE,    /* grant_type=authorization_code */
    FORM_REFRESH, /* grant_type=refresh_token */
    FORM_TOKEN,   /* token and its hint */
    FORM_JSON,    /* {"tokenKey": ...} */
    FORM_APP,     /* grant_type=client_credentials */
    FORM_CONTEXT, /* JSON, as the keeper wrote it */
};

/* %s in a path is the dated version. */
static const struct endpoint {
    struct str method;
    struct str before, after; /* the version stands between them */
    bool has_version;
    enum form form;
    bool has_bearer;
} endpoints[] = {
    [ERRAND_EXCHANGE] = {STR("POST"), STR("/oauth/"), STR("/token"), true,
                         FORM_CODE, false},
    [ERRAND_REFRESH] = {STR("POST"), STR("/oauth/"), STR("/token"), true,
                        FORM_REFRESH, false},
    [ERRAND_INTROSPECT] = {STR("POST"), STR("/oauth/"),
                           STR("/token/introspect"), true, FORM_TOKEN, false},
    [ERRAND_REVOKE] = {STR("POST"), STR("/oauth/"), STR("/token/revoke"), true,
                       FORM_TOKEN, false},
    [ERRAND_UNINSTALL] = {STR("DELETE"), STR("/appinstalls/"),
                          STR("/external-install"), true, FORM_NONE, true},
    /* This one never got a date.  A token of another data centre is known
     * by the bearer only, so both are sent (hubspot.md 2). */
    [ERRAND_TOKEN_INFO] = {STR("POST"), STR("/oauth/v2/private-apps/get/"),
                           STR("access-token-info"), false, FORM_JSON, true},
    [ERRAND_APP_TOKEN] = {STR("POST"), STR("/oauth/"), STR("/token"), true,
                          FORM_APP, false},
    [ERRAND_SUBSCRIBE] = {STR("POST"), STR("/webhooks-journal/subscriptions/"),
                          STR(""), true, FORM_CONTEXT, true},
};

void
request_init(struct request *r)
{
    *r = (struct request){0};
    buf_init(&r->target, LIMIT_URL);
    buf_init_secret(&r->body, BODY_MAX);
    buf_init_secret(&r->bearer, LIMIT_TOKEN + 16);
}

void
request_done(struct request *r)
{
    buf_done(&r->target);
    buf_done(&r->body);
    buf_done(&r->bearer);
}

/* RFC 6750 2.1: what may stand in an Authorization header. */
static bool
is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    return s.n > 0 && s.n <= LIMIT_TOKEN;
}

static void
add_header(struct request *r, const char *name, struct str value)
{
    r->headers[r->spec.n_headers++] =
        (struct http_header){.name = str_from(name), .value = value};
}

static void
add_client(struct buf *body, const struct courier_errand *asked)
{
    text_add_parameter(body, "client_id", asked->client_id);
    text_add_parameter(body, "client_secret", asked->client_secret.s);
}

static void
add_code_form(struct buf *body, const struct courier_errand *asked)
{
    text_add_parameter(body, "grant_type", STR("authorization_code"));
    add_client(body, asked);
    text_add_parameter(body, "redirect_uri", asked->redirect_uri);
    text_add_parameter(body, "code", asked->code.s);
    if (asked->verifier.s.n > 0)
        text_add_parameter(body, "code_verifier", asked->verifier.s);
}

static void
add_body(struct request *r, enum form form, const struct courier_errand *asked)
{
    switch (form) {
    case FORM_NONE:
        return;
    case FORM_CODE:
        add_code_form(&r->body, asked);
        break;
    case FORM_REFRESH:
        text_add_parameter(&r->body, "grant_type", STR("refresh_token"));
        add_client(&r->body, asked);
        text_add_parameter(&r->body, "refresh_token", asked->token.s);
        break;
    case FORM_TOKEN:
        add_client(&r->body, asked);
        text_add_parameter(&r->body, "token", asked->token.s);
        text_add_parameter(&r->body, "token_type_hint", STR("refresh_token"));
        break;
    case FORM_JSON:
        buf_add(&r->body, STR("{\"tokenKey\":"));
        text_add_json(&r->body, asked->token.s);
        buf_add_char(&r->body, '}');
        break;
    case FORM_APP:
        text_add_parameter(&r->body, "grant_type", STR("client_credentials"));
        add_client(&r->body, asked);
        text_add_parameter(&r->body, "scope", asked->text);
        break;
    case FORM_CONTEXT:
        buf_add(&r->body, asked->text);
        break;
    }
    bool is_json = form == FORM_JSON || form == FORM_CONTEXT;
    add_header(r, "Content-Type",
               is_json ? STR("application/json")
                       : STR("application/x-www-form-urlencoded"));
}

static bool
add_bearer(struct request *r, struct hidden token)
{
    if (!is_token(token.s))
        return false;
    buf_add(&r->bearer, STR("Bearer "));
    buf_add(&r->bearer, token.s);
    add_header(r, "Authorization", buf_str(&r->bearer));
    return true;
}

static enum err
finish(struct request *r)
{
    r->spec.target = buf_str(&r->target);
    r->spec.headers = r->headers;
    r->spec.body = buf_str(&r->body);
    r->spec.is_secret = true;
    if (buf_err(&r->target) != ERR_OK || buf_err(&r->body) != ERR_OK ||
        buf_err(&r->bearer) != ERR_OK)
        return ERR_LIMIT;
    return ERR_OK;
}

enum err
request_build(struct request *r, struct str prefix, struct str version,
              const struct courier_errand *asked)
{
    if (asked->kind < ERRAND_EXCHANGE || asked->kind > ERRAND_SUBSCRIBE)
        return ERR_INVALID;
    const struct endpoint *e = &endpoints[asked->kind];
    buf_add(&r->target, prefix);
    buf_add(&r->target, e->before);
    if (asked->kind == ERRAND_SUBSCRIBE)
        version = request_journal_version(version);
    if (e->has_version)
        buf_add(&r->target, version);
    buf_add(&r->target, e->after);
    add_header(r, "Accept", STR("application/json"));
    add_header(r, "User-Agent", STR("portkeep"));
    add_body(r, e->form, asked);
    if (e->has_bearer && !add_bearer(r, asked->token))
        return ERR_INVALID;
    r->spec.method = e->method;
    return finish(r);
}

struct str
request_journal_version(struct str version)
{
    return str_starts(version, STR("20")) ? version : STR("2026-03");
}

enum err
request_build_journal(struct request *r, struct str prefix, struct str version,
                      const struct courier_journal *asked)
{
    buf_add(&r->target, prefix);
    buf_add(&r->target, STR("/webhooks-journal/journal/"));
    buf_add(&r->target, request_journal_version(version));
    if (asked->offset.n == 0) {
        buf_add(&r->target, STR("/earliest"));
    } else {
        buf_add(&r->target, STR("/offset/"));
        text_add_percent(&r->target, asked->offset);
        buf_add(&r->target, STR("/next"));
    }
    add_header(r, "Accept", STR("application/json"));
    add_header(r, "User-Agent", STR("portkeep"));
    if (!add_bearer(r, asked->token))
        return ERR_INVALID;
    r->spec.method = STR("GET");
    return finish(r);
}

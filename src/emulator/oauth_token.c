#include "emulator/oauth_token.h"

#include "base/text.h"
#include "emulator/door.h"
#include "emulator/news.h"
#include "emulator/refusals.h"
#include "emulator/tokens.h"

#include <inttypes.h>
#include <sodium.h>

struct str
oauth_param(struct call *c, const char *name)
{
    struct str value = call_form(c, name);
    if (value.p == NULL && str_starts(c->path, STR("/oauth/v1/")))
        value = call_query(c, name);
    return value;
}

struct app *
oauth_client(struct call *c)
{
    return door_client(c, oauth_param(c, "client_id"),
                       oauth_param(c, "client_secret"));
}

static void
answer_tokens(struct call *c, struct token *access, struct token *refresh)
{
    const struct settings *set = &c->world->settings;
    const struct grant *g = access->grant;
    struct doc d = call_answer_json(c, 200);
    call_header(c, "Cache-Control", STR("no-store"));
    doc_open(&d, '{');
    doc_field_str(&d, "token_type", STR("bearer"));
    if (refresh != NULL && !set->omit_refresh_token)
        doc_field_str(&d, "refresh_token", refresh->text);
    doc_field_str(&d, "access_token", access->text);
    doc_field_u64(&d, "expires_in", (uint64_t)set->expires_in);
    if (g->account != NULL && !set->omit_hub_id)
        doc_field_u64(&d, "hub_id", g->account->portal);
    if (!set->omit_scopes)
        doc_field_strs(&d, "scopes", g->scopes);
    if (g->account != NULL)
        doc_field_u64(&d, "user_id", g->account->user_id);
    doc_field_str(&d, "token_use",
                  g->kind == GRANT_APP_LEVEL ? STR("client_credentials")
                                             : STR("access_token"));
    doc_close(&d, '}');
    c->portal = g->account != NULL ? g->account->portal : 0;
}

static bool
verifier_fits(struct call *c, struct str challenge)
{
    struct str verifier = oauth_param(c, "code_verifier");
    uint8_t hash[crypto_hash_sha256_BYTES];
    struct buf auto_buf text;
    buf_init(&text, 64);
    if (challenge.p == NULL)
        return true;
    if (verifier.p == NULL)
        return false;
    (void)crypto_hash_sha256(hash, (const uint8_t *)verifier.p,
                             verifier.n); /* always 0 */
    text_add_base64url(&text, str_of(hash, sizeof(hash)));
    return str_equal(buf_str(&text), challenge);
}

/* NULL: refused and answered. */
static struct code *
find_code(struct call *c, const struct app *app)
{
    struct str text = oauth_param(c, "code");
    struct code *code = codes_find(&c->world->codes, text);
    const char *status = NULL;
    if (code == NULL || code->is_used ||
        !str_equal(code->client_id, app->client_id))
        status = "BAD_AUTH_CODE";
    else if (code->expires_at_ms <= world_now_ms(c->world))
        status = "EXPIRED_AUTH_CODE";
    else if (!str_equal(code->redirect_uri, oauth_param(c, "redirect_uri")))
        status = "MISMATCH_REDIRECT_URI_AUTH_CODE";
    else if (!verifier_fits(c, code->challenge))
        status = "BAD_CODE_VERIFIER";
    if (status == NULL)
        return code;
    refuse_oauth(c, str_from(status));
    return NULL;
}

static void
exchange(struct call *c, struct app *app)
{
    struct code *code = find_code(c, app);
    if (code == NULL)
        return;
    code->is_used = true;
    bool is_new = grants_find(&c->world->grants, code->client_id,
                              code->account->portal) == NULL;
    struct grant *g =
        grants_connect(c->world, code->client_id, code->account, code->scopes);
    struct token *refresh = token_new(c->world, g, TOKEN_REFRESH);
    if (is_new)
        news_install(c->world, g);
    answer_tokens(c, token_new(c->world, g, TOKEN_ACCESS), refresh);
}

static void
refresh(struct call *c, struct app *app)
{
    struct token *t =
        token_find(&c->world->grants, oauth_param(c, "refresh_token"));
    if (t == NULL || t->kind != TOKEN_REFRESH ||
        !str_equal(t->grant->client_id, app->client_id)) {
        refuse_oauth(c, STR("BAD_REFRESH_TOKEN"));
        return;
    }
    struct grant *g = t->grant;
    if (c->world->settings.rotate_refresh) {
        token_remove(&c->world->grants, t);
        t = token_new(c->world, g, TOKEN_REFRESH);
    }
    answer_tokens(c, token_new(c->world, g, TOKEN_ACCESS), t);
}

/* hubspot.md 1.10: scopes are asked for in the call, no account. */
static void
client_credentials(struct call *c, struct app *app)
{
    struct strs scopes = arena_split(c->arena, oauth_param(c, "scope"), ' ');
    for (size_t i = 0; i < scopes.n; i++) {
        struct hubspot_scope scope;
        if (hubspot_scope_find(scopes.v[i], &scope) && scope.is_app_level)
            continue;
        refuse_oauth(c, STR("BAD_SCOPES"));
        return;
    }
    struct grant *g = grants_app_level(c->world, app->client_id, scopes);
    answer_tokens(c, token_new(c->world, g, TOKEN_ACCESS), NULL);
}

static const struct grant_type {
    struct str name;
    void (*run)(struct call *c, struct app *app);
} grant_types[] = {
    {{"authorization_code", 18}, exchange},
    {{"refresh_token", 13}, refresh},
    {{"client_credentials", 18}, client_credentials},
};

static bool
take_throttle(struct call *c, struct app *app)
{
    size_t limit = (size_t)c->world->settings.throttle_token_endpoint;
    if (limit == 0 ||
        throttle_take(&app->token_calls, limit, 10000, world_now_ms(c->world)))
        return true;
    refuse_rate(c, STR_NONE);
    return false;
}

static const struct grant_type *
type_of(struct call *c)
{
    struct str wanted = oauth_param(c, "grant_type");
    for (size_t i = 0; i < sizeof(grant_types) / sizeof(grant_types[0]); i++) {
        if (str_equal(wanted, grant_types[i].name))
            return &grant_types[i];
    }
    return NULL;
}

void
oauth_note(struct call *c)
{
    const struct grant_type *type = type_of(c);
    if (type != NULL)
        c->note = type->name;
    c->client_id = oauth_param(c, "client_id");
}

void
do_token(struct call *c)
{
    const struct grant_type *type = type_of(c);
    if (type == NULL) {
        refuse_oauth(c, STR("BAD_GRANT_TYPE"));
        return;
    }
    struct app *app = oauth_client(c);
    if (app != NULL && take_throttle(c, app))
        type->run(c, app);
}

#include "emulator/oauth_info.h"

#include "emulator/hubdoc.h"
#include "emulator/oauth_token.h"
#include "emulator/refusals.h"
#include "emulator/tokens.h"

static uint64_t
app_id_of(struct call *c, const struct grant *g)
{
    const struct app *app = apps_find(&c->world->apps, g->client_id);
    return app != NULL ? app->app_id : 900000 + g->install_id;
}

static bool
is_private(struct call *c, const struct grant *g)
{
    const struct app *app = apps_find(&c->world->apps, g->client_id);
    return app != NULL && app->is_private;
}

static void
add_signed_token(struct call *c, const struct token *t, struct doc *d)
{
    const struct grant *g = t->grant;
    doc_key(d, "signed_access_token");
    doc_open(d, '{');
    doc_field_u64(d, "expiresAt", (uint64_t)t->expires_at_ms);
    doc_field_strs(d, "scopes", g->scopes);
    doc_field_u64(d, "hubId", g->account->portal);
    doc_field_u64(d, "userId", g->account->user_id);
    doc_field_u64(d, "appId", app_id_of(c, g));
    doc_field_u64(d, "appInstallId", g->install_id);
    doc_field_u64(d, "installingUserId", g->account->user_id);
    doc_field_str(d, "hublet", STR("na1"));
    doc_field_str(d, "signature", STR(""));
    doc_field_bool(d, "isUserLevel", false);
    doc_field_bool(d, "isPrivateDistribution", is_private(c, g));
    doc_field_bool(d, "isServiceAccount", false);
    doc_close(d, '}');
}

/* The members that every form of the answer has. */
static void
add_common(struct call *c, const struct token *t, struct doc *d)
{
    const struct grant *g = t->grant;
    doc_field_str(d, "token", t->text);
    doc_field_str(d, "user", g->account->user_email);
    doc_field_str(d, "hub_domain", g->account->domain);
    doc_field_strs(d, "scopes", g->scopes);
    doc_field_u64(d, "hub_id", g->account->portal);
    doc_field_str(d, "client_id", g->client_id);
    doc_field_u64(d, "user_id", g->account->user_id);
    c->portal = g->account->portal;
    if (t->kind != TOKEN_ACCESS)
        return;
    int64_t left_ms = t->expires_at_ms - world_now_ms(c->world);
    doc_field_u64(d, "app_id", app_id_of(c, g));
    hubdoc_i64(d, "expires_in", left_ms / 1000);
    doc_field_bool(d, "is_private_distribution", is_private(c, g));
    add_signed_token(c, t, d);
}

/* A good token of an OAuth connection; NULL for everything else. */
static struct token *
find_live(struct call *c, struct str text, enum token_kind kind)
{
    struct token *t = token_find(&c->world->grants, text);
    if (t == NULL || t->kind != kind || t->grant->kind != GRANT_OAUTH ||
        token_is_expired(t, world_now_ms(c->world)))
        return NULL;
    return t;
}

static struct str
token_param(struct call *c)
{
    static const char *const names[] = {"token", "access_token",
                                        "refresh_token"};
    struct str text = STR_NONE;
    for (size_t i = 0; i < 3 && text.p == NULL; i++)
        text = oauth_param(c, names[i]);
    return text;
}

static struct token *
find_either(struct call *c, struct str client_id)
{
    struct str text = token_param(c);
    struct token *t = find_live(c, text, TOKEN_ACCESS);
    if (t == NULL)
        t = find_live(c, text, TOKEN_REFRESH);
    if (t == NULL || !str_equal(t->grant->client_id, client_id))
        return NULL;
    return t;
}

void
do_introspect(struct call *c)
{
    struct app *app = oauth_client(c);
    if (app == NULL)
        return;
    struct token *t = find_either(c, app->client_id);
    struct doc d = call_answer_json(c, 200);
    call_header(c, "Cache-Control", STR("no-store"));
    doc_open(&d, '{');
    doc_field_bool(&d, "active", t != NULL);
    if (t != NULL) {
        doc_field_str(&d, "token_type", STR("Bearer"));
        doc_field_str(&d, "token_use",
                      t->kind == TOKEN_ACCESS ? STR("access_token")
                                              : STR("refresh_token"));
        add_common(c, t, &d);
    }
    doc_close(&d, '}');
}

void
do_revoke(struct call *c)
{
    struct app *app = oauth_client(c);
    if (app == NULL)
        return;
    /* RFC 7009 2.2: a token that is not there is as good as revoked. */
    struct token *t = find_either(c, app->client_id);
    if (t != NULL) {
        c->portal = t->grant->account->portal;
        token_remove(&c->world->grants, t);
    }
    call_answer_empty(c, 200);
}

static void
v1_answer(struct call *c, enum token_kind kind)
{
    struct token *t = find_live(c, c->params[0], kind);
    if (t == NULL) {
        refuse(c, 404, STR("OBJECT_NOT_FOUND"),
               STR("The token is unknown, expired or revoked."));
        return;
    }
    struct doc d = call_answer_json(c, 200);
    call_header(c, "Cache-Control", STR("no-store"));
    doc_open(&d, '{');
    doc_field_str(&d, "token_type",
                  kind == TOKEN_ACCESS ? STR("access") : STR("refresh"));
    add_common(c, t, &d);
    doc_close(&d, '}');
}

void
do_v1_access_token(struct call *c)
{
    v1_answer(c, TOKEN_ACCESS);
}

void
do_v1_refresh_token(struct call *c)
{
    v1_answer(c, TOKEN_REFRESH);
}

void
do_v1_revoke(struct call *c)
{
    struct token *t = find_live(c, c->params[0], TOKEN_REFRESH);
    if (t != NULL)
        token_remove(&c->world->grants, t);
    call_answer_empty(c, 204);
}

void
do_static_token_info(struct call *c)
{
    json_t *asked = call_json(c);
    if (asked == NULL)
        return;
    struct token *t =
        token_find(&c->world->grants, json_text_at(asked, "tokenKey"));
    if (t == NULL || t->kind != TOKEN_STATIC) {
        refuse(c, 404, STR("OBJECT_NOT_FOUND"),
               STR("No private app has this token."));
        return;
    }
    const struct grant *g = t->grant;
    struct doc d = call_answer_json(c, 200);
    doc_open(&d, '{');
    doc_field_u64(&d, "userId", g->account->user_id);
    doc_field_u64(&d, "hubId", g->account->portal);
    doc_field_u64(&d, "appId", app_id_of(c, g));
    doc_field_strs(&d, "scopes", g->scopes);
    doc_close(&d, '}');
    c->portal = g->account->portal;
}

#include "emulator/control.h"
#include "emulator/hubdoc.h"
#include "emulator/news.h"
#include "emulator/refusals.h"
#include "emulator/tokens.h"

#include <inttypes.h>

/* Which grants and tokens a control call means. */
struct aim {
    struct str client_id; /* empty: any */
    uint64_t portal;      /* 0: any */
    struct str token;     /* empty: any */
};

/* A slip of the pen would mean all of them; NULL where there is none. */
static const char *
find_slip(json_t *body)
{
    static const char *const names[] = {"client_id", "portal", "token"};
    const char *name;
    json_t *value;
    json_object_foreach(body, name, value)
    {
        size_t i = 0;
        while (i < 3 && strcmp(name, names[i]) != 0)
            i++;
        bool is_number = i == 1;
        if (i == 3 ||
            (is_number ? !json_is_integer(value) : !json_is_string(value)))
            return name;
    }
    return NULL;
}

static bool
read_aim(struct call *c, struct aim *out)
{
    json_t *body = control_body(c);
    if (body == NULL)
        return false;
    const char *slip = find_slip(body);
    if (slip != NULL) {
        refuse_about(c, 400, STR("VALIDATION_ERROR"),
                     STR("A body may have portal, a number, and client_id and "
                         "token, which are text."),
                     "name", str_from(slip));
        return false;
    }
    *out = (struct aim){json_text_at(body, "client_id"),
                        json_u64_at(body, "portal", 0),
                        json_text_at(body, "token")};
    return true;
}

static bool
is_meant(const struct aim *aim, const struct grant *g)
{
    if (aim->client_id.n > 0 && !str_equal(aim->client_id, g->client_id))
        return false;
    return aim->portal == 0 ||
           (g->account != NULL && g->account->portal == aim->portal);
}

static bool
is_token_meant(const struct aim *aim, const struct token *t)
{
    return aim->token.n == 0 || str_equal(aim->token, t->text);
}

static uint64_t
expire_tokens(struct world *w, struct grant *g, const struct aim *aim)
{
    uint64_t n = 0;
    for (struct token *t = g->tokens; t != NULL; t = t->next) {
        if (t->kind != TOKEN_ACCESS || !is_token_meant(aim, t) ||
            token_is_expired(t, world_now_ms(w)))
            continue;
        t->expires_at_ms = world_now_ms(w);
        n++;
    }
    return n;
}

/* A static token is revoked as its app would be: by name, by its text, or
 * not at all when only accounts were aimed at. */
static uint64_t
revoke_tokens(struct world *w, struct grant *g, const struct aim *aim)
{
    uint64_t n = 0;
    for (struct token *t = g->tokens, *next; t != NULL; t = next) {
        next = t->next;
        bool is_static = t->kind == TOKEN_STATIC &&
                         (aim->token.n > 0 || aim->client_id.n > 0);
        bool is_named_access = t->kind == TOKEN_ACCESS && aim->token.n > 0;
        if (!is_static && !is_named_access && t->kind != TOKEN_REFRESH)
            continue;
        if (!is_token_meant(aim, t))
            continue;
        token_remove(&w->grants, t);
        n++;
    }
    return n;
}

static void
for_tokens(struct call *c, uint64_t (*change)(struct world *, struct grant *,
                                              const struct aim *))
{
    struct aim aim;
    uint64_t n = 0;
    if (!read_aim(c, &aim))
        return;
    struct grant *g = c->world->grants.first;
    for (; g != NULL; g = g->next) {
        if (is_meant(&aim, g))
            n += change(c->world, g, &aim);
    }
    control_answer_done(c, n);
}

void
do_expire(struct call *c)
{
    for_tokens(c, expire_tokens);
}

void
do_control_revoke(struct call *c)
{
    for_tokens(c, revoke_tokens);
}

void
do_control_uninstall(struct call *c)
{
    struct aim aim;
    uint64_t n = 0;
    if (!read_aim(c, &aim))
        return;
    struct grants *all = &c->world->grants;
    for (struct grant *g = all->first, *next; g != NULL; g = next) {
        next = g->next;
        if (g->kind != GRANT_OAUTH || !is_meant(&aim, g))
            continue;
        news_uninstall(c->world, g);
        n++;
    }
    control_answer_done(c, n);
}

static void
add_static_token(const struct grant *g, struct doc *d)
{
    doc_open(d, '{');
    doc_field_u64(d, "portal", g->account->portal);
    doc_field_str(d, "name", g->client_id);
    doc_field_str(d, "token", g->tokens->text);
    doc_field_strs(d, "scopes", g->scopes);
    doc_close(d, '}');
}

void
do_list_tokens(struct call *c)
{
    struct doc d = call_answer_json(c, 200);
    doc_open(&d, '{');
    doc_key(&d, "results");
    doc_open(&d, '[');
    for (const struct grant *g = c->world->grants.first; g != NULL;
         g = g->next) {
        if (g->kind == GRANT_PRIVATE && g->tokens != NULL)
            add_static_token(g, &d);
    }
    doc_close(&d, ']');
    doc_close(&d, '}');
}

void
do_add_token(struct call *c)
{
    json_t *body = control_body(c);
    if (body == NULL)
        return;
    struct account *a =
        accounts_find(&c->world->accounts, json_u64_at(body, "portal", 0));
    struct str name = json_text_at(body, "name");
    if (a == NULL) {
        refuse(c, 404, STR("OBJECT_NOT_FOUND"),
               STR("There is no account with this portal number."));
        return;
    }
    struct grant *g =
        grants_add_private(c->world, name.n > 0 ? name : STR("Private app"), a,
                           json_texts_at(body, "scopes", c->arena));
    token_new(c->world, g, TOKEN_STATIC);
    struct doc d = call_answer_json(c, 201);
    add_static_token(g, &d);
}

void
do_list_apps(struct call *c)
{
    const struct apps *all = &c->world->apps;
    struct doc d = call_answer_json(c, 200);
    doc_open(&d, '{');
    doc_key(&d, "results");
    doc_open(&d, '[');
    for (size_t i = 0; i < all->n; i++) {
        doc_open(&d, '{');
        doc_field_str(&d, "client_id", all->v[i]->client_id);
        doc_field_str(&d, "name", all->v[i]->name);
        doc_field_u64(&d, "app_id", all->v[i]->app_id);
        doc_field_bool(&d, "is_declared", all->v[i]->is_declared);
        doc_field_strs(&d, "redirect_urls", all->v[i]->redirect_urls);
        doc_close(&d, '}');
    }
    doc_close(&d, ']');
    doc_close(&d, '}');
}

static void
mint(struct call *c, struct str client_id, struct strs scopes, uint64_t portal,
     struct doc *d)
{
    struct account *a =
        accounts_add(&c->world->accounts, portal,
                     arena_printf(c->arena, "Account %" PRIu64, portal),
                     EDITION_PROFESSIONAL);
    bool is_new = grants_find(&c->world->grants, client_id, portal) == NULL;
    struct grant *g = grants_connect(c->world, client_id, a, scopes);
    if (is_new)
        news_install(c->world, g);
    struct token *refresh = token_new(c->world, g, TOKEN_REFRESH);
    doc_open(d, '{');
    doc_field_u64(d, "portal", portal);
    doc_field_str(d, "refresh_token", refresh->text);
    doc_close(d, '}');
}

#define MOST_MINTED 200000

void
do_mint_grants(struct call *c)
{
    json_t *body = control_body(c);
    if (body == NULL)
        return;
    uint64_t count = json_u64_at(body, "count", 1);
    uint64_t first = json_u64_at(body, "first_portal", 2001);
    struct strs scopes = json_texts_at(body, "scopes", c->arena);
    struct app *app =
        apps_meet(&c->world->apps, json_text_at(body, "client_id"));
    if (app == NULL || first == 0 || count > MOST_MINTED) {
        refuse(c, 400, STR("VALIDATION_ERROR"),
               STR("It needs a known client_id, a first_portal above 0 and a "
                   "count of at most 200000."));
        return;
    }
    struct str oauth = STR("oauth");
    if (scopes.n == 0)
        scopes = (struct strs){&oauth, 1};
    struct doc d = call_answer_json(c, 201);
    doc_open(&d, '{');
    doc_key(&d, "results");
    doc_open(&d, '[');
    for (uint64_t i = 0; i < count; i++)
        mint(c, app->client_id, scopes, first + i, &d);
    doc_close(&d, ']');
    doc_close(&d, '}');
}

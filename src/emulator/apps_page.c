#include "emulator/apps_page.h"

#include "base/text.h"
#include "emulator/consent.h"
#include "emulator/news.h"
#include "emulator/page.h"
#include "emulator/tokens.h"

static void
show_grant(struct call *c, const struct grant *g)
{
    const struct app *app = apps_find(&c->world->apps, g->client_id);
    page_add(c, "<form class=\"row\" method=\"post\" "
                "action=\"/apps/uninstall\">\n<p>");
    page_text(c, app != NULL ? app->name : g->client_id);
    page_add(c, "<br><span class=\"soft\"><code>");
    page_text(c, arena_join(c->arena, g->scopes, ' '));
    page_add(c, "</code></span></p>\n");
    page_hidden(c, "client_id", g->client_id);
    page_add(c, "<input type=\"hidden\" name=\"portal\" value=\"");
    page_u64(c, g->account->portal);
    page_add(c, "\">\n<button aria-label=\"Uninstall ");
    page_text(c, app != NULL ? app->name : g->client_id);
    page_add(c, " from ");
    page_text(c, g->account->name);
    page_add(c, "\">Uninstall</button>\n</form>\n");
}

static const char *
static_token_of(const struct world *w, const struct account *a)
{
    for (const struct grant *g = w->grants.first; g != NULL; g = g->next) {
        if (g->kind == GRANT_PRIVATE && g->account == a && g->tokens != NULL)
            return g->tokens->text.p;
    }
    return NULL;
}

#define MOST_SHOWN 20

static void
show_account(struct call *c, const struct account *a)
{
    size_t n = 0;
    page_add(c, "<h2>");
    page_text(c, a->name);
    page_add(c, " <span class=\"soft\">");
    page_u64(c, a->portal);
    page_add(c, "</span></h2>\n<p class=\"soft\"><a href=\"/apps/contacts/");
    page_u64(c, a->portal);
    page_add(c, "\">Contacts</a></p>\n");
    for (const struct grant *g = c->world->grants.first; g != NULL;
         g = g->next) {
        if (g->kind == GRANT_OAUTH && g->account == a) {
            show_grant(c, g);
            n++;
        }
    }
    if (n == 0)
        page_add(c, "<p>No app is connected.</p>\n");
    const char *token = static_token_of(c->world, a);
    if (token != NULL) {
        page_add(c, "<p class=\"soft\">Static token: <code>");
        page_text(c, str_from(token));
        page_add(c, "</code></p>\n");
    }
}

static void
text_field(struct call *c, const char *name, const char *label,
           struct str value)
{
    page_add(c, "<label>");
    page_add(c, label);
    page_add(c, "<input type=\"text\" required name=\"");
    page_add(c, name);
    page_add(c, "\" value=\"");
    page_text(c, value);
    page_add(c, "\"></label>\n");
}

/* The newest app that can be installed: the one that is worked on. */
static const struct app *
newest_app(const struct apps *apps)
{
    for (size_t i = apps->n; i > 0; i--) {
        if (apps->v[i - 1]->redirect_urls.n > 0)
            return apps->v[i - 1];
    }
    return NULL;
}

static void
show_install(struct call *c)
{
    const struct app *app = newest_app(&c->world->apps);
    struct str redirect = app != NULL ? app->redirect_urls.v[0] : STR("");
    struct str scopes =
        app != NULL ? arena_join(c->arena, app->required, ' ') : STR("oauth");
    page_add(c, "<h2>Install from the Marketplace</h2>\n"
                "<p>Begins an install at HubSpot, so without a state.</p>\n"
                "<form method=\"post\" action=\"/apps/install\">\n"
                "<label>Account<select name=\"portal\">\n");
    for (size_t i = 0; i < c->world->accounts.n && i < MOST_SHOWN; i++) {
        const struct account *a = c->world->accounts.v[i];
        page_add(c, "<option value=\"");
        page_u64(c, a->portal);
        page_add(c, "\">");
        page_text(c, a->name);
        page_add(c, "</option>\n");
    }
    page_add(c, "</select></label>\n");
    text_field(c, "client_id", "Client id",
               app != NULL ? app->client_id : STR(""));
    text_field(c, "redirect_uri", "Redirect URL", redirect);
    text_field(c, "scope", "Scopes", scopes);
    page_add(c, "<div class=\"row\">\n"
                "<button class=\"main\" name=\"sign_in\" value=\"no\">"
                "Install</button>\n"
                "<button name=\"sign_in\" value=\"yes\">"
                "Install with the app's sign-in</button>\n</div>\n</form>\n");
}

void
do_apps(struct call *c)
{
    page_begin(c, 200, STR("Connected apps"));
    for (size_t i = 0; i < c->world->accounts.n && i < MOST_SHOWN; i++)
        show_account(c, c->world->accounts.v[i]);
    show_install(c);
    page_end(c);
}

void
do_apps_uninstall(struct call *c)
{
    struct account *a =
        accounts_find_text(&c->world->accounts, call_form(c, "portal"));
    struct grant *g = a == NULL
                          ? NULL
                          : grants_find(&c->world->grants,
                                        call_form(c, "client_id"), a->portal);
    if (g == NULL) {
        page_error(c, 404, "not_connected", STR("Not connected"),
                   STR("This app is not connected to this account."));
        return;
    }
    c->portal = a->portal;
    news_uninstall(c->world, g);
    call_answer_redirect(c, STR("/apps"));
}

/* ours + path, as the browser knows us. */
static struct str
own_url(struct call *c, const char *path, struct str rest)
{
    bool is_https = str_starts(c->world->origin, STR("https"));
    return arena_printf(c->arena, "%s://%.*s%s%.*s",
                        is_https ? "https" : "http", STR_ARG(c->host), path,
                        STR_ARG(rest));
}

static void
send_to_app(struct call *c, struct str redirect_uri,
            const struct http_header *params, size_t n)
{
    struct buf auto_buf url;
    buf_init(&url, LIMIT_URL);
    buf_add(&url, redirect_uri);
    if (!str_has(redirect_uri, '?'))
        buf_add_char(&url, '?');
    for (size_t i = 0; i < n; i++)
        text_add_parameter(&url, params[i].name.p, params[i].value);
    call_answer_redirect(c, arena_copy(c->arena, buf_str(&url)));
}

static struct str
code_for(struct call *c, const struct install *i)
{
    struct code model = {.client_id = i->client_id,
                         .redirect_uri = i->redirect_uri,
                         .account = i->account,
                         .scopes = i->scopes};
    return codes_issue(c->world, &model)->text;
}

/* False: answered. */
static bool
read_install(struct call *c, struct install *out)
{
    struct app *app = apps_meet(&c->world->apps, call_form(c, "client_id"));
    struct str scope = call_form(c, "scope");
    *out = (struct install){
        .client_id = app != NULL ? app->client_id : STR_NONE,
        .redirect_uri = call_form(c, "redirect_uri"),
        .account =
            accounts_find_text(&c->world->accounts, call_form(c, "portal")),
        .scopes = arena_split(
            c->arena,
            str_starts(scope, STR("oauth"))
                ? scope
                : arena_printf(c->arena, "oauth %.*s", STR_ARG(scope)),
            ' '),
    };
    bool is_good =
        app != NULL && out->account != NULL &&
        consent_is_redirect(out->redirect_uri) &&
        (!app->is_declared || strs_have(app->redirect_urls, out->redirect_uri));
    if (!is_good)
        page_error(c, 400, "bad_install", STR("This install cannot begin"),
                   STR("It needs a known client id, an account, and a "
                       "redirect URL that the app has."));
    return is_good;
}

void
do_apps_install(struct call *c)
{
    struct install model;
    if (!read_install(c, &model))
        return;
    c->client_id = model.client_id;
    c->portal = model.account->portal;
    if (!str_equal(call_form(c, "sign_in"), STR("yes"))) {
        struct http_header params[] = {
            {STR("code"), code_for(c, &model)},
            {STR("returnUrl"), own_url(c, "/apps/installed", STR(""))},
        };
        send_to_app(c, model.redirect_uri, params, 2);
        return;
    }
    struct install *i = installs_begin(c->world, &model);
    struct http_header params[] = {
        {STR("step"), STR("authorize")},
        {STR("returnUrl"), own_url(c, "/apps/installs/", i->id)},
    };
    send_to_app(c, i->redirect_uri, params, 2);
}

void
do_install_continue(struct call *c)
{
    struct install *i = installs_find(&c->world->installs, c->params[0]);
    struct str state = call_query(c, "state");
    if (i == NULL || state.n == 0) {
        page_error(c, 400, "bad_return", STR("This install cannot go on"),
                   STR("The app must come back to its returnUrl with a "
                       "state."));
        return;
    }
    c->portal = i->account->portal;
    struct http_header params[] = {
        {STR("step"), STR("finalize")},
        {STR("code"), code_for(c, i)},
        {STR("state"), state},
        {STR("returnUrl"), own_url(c, "/apps/installed", STR(""))},
    };
    send_to_app(c, i->redirect_uri, params, 4);
}

void
do_install_finished(struct call *c)
{
    page_begin(c, 200, STR("Installed"));
    page_add(c, "<p>The app sent the browser back to HubSpot: the install is "
                "complete.</p>\n");
    page_end(c);
}

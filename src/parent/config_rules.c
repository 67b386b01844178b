#define _GNU_SOURCE
#include "parent/config_int.h"

#include "base/limits.h"
#include "hubspot/scopes.h"
#include "parent/place.h"

#include <sys/un.h>

/* What single keys cannot know: pairs that belong together. */

struct rules {
    const struct config *config;
    const struct config_section *sections;
    struct config_problems *problems;
};

/* The line where a key is set, else that of its section, else 0. */
static unsigned
line_of(const struct rules *r, struct str kind, struct str name,
        const char *key)
{
    for (const struct config_section *s = r->sections; s != NULL; s = s->next) {
        if (!str_equal(s->kind, kind) || !str_equal(s->name, name))
            continue;
        for (const struct config_entry *e = s->first; e != NULL; e = e->next)
            if (str_equal(e->key, str_from(key)))
                return e->line;
        return s->line;
    }
    return 0;
}

static unsigned
app_line(const struct rules *r, const struct config_app *app, const char *key)
{
    return line_of(r, STR("app"), app->name, key);
}

static void
check_listeners(const struct rules *r)
{
    const struct config *c = r->config;
    unsigned line = line_of(r, STR("server"), STR_NONE, "private_listen");
    if (c->private_listen.len == 0 || c->public_listen.len == 0)
        return; /* a problem already */
    if (!place_is_loopback(&c->private_listen))
        problem_warn(r->problems, line,
                     "[server] private_listen %.*s is not on this machine "
                     "alone: see that only your backend reaches it",
                     STR_ARG(c->private_listen.text));
    if (str_equal(c->private_listen.text, c->public_listen.text) &&
        !str_ends(c->private_listen.text, STR(":0")))
        problem_add(r->problems, line,
                    "[server] private_listen and public_listen are the same");
}

static void
check_server(const struct rules *r)
{
    const struct config *c = r->config;
    struct str server = STR("server");
    size_t most = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
    if ((c->tls_cert.n > 0) != (c->tls_key.path.n > 0))
        problem_add(r->problems, line_of(r, server, STR_NONE, "tls_cert"),
                    "[server] tls_cert and tls_key go together: set both or "
                    "neither");
    if (c->admin_socket.n > most)
        problem_add(r->problems, line_of(r, server, STR_NONE, "admin_socket"),
                    "[server] admin_socket is over %zu bytes, the most that a "
                    "socket's path may have",
                    most);
    if (str_equal(c->user, STR("root")))
        problem_add(r->problems, line_of(r, server, STR_NONE, "user"),
                    "[server] user is root, whose rights are to be dropped: "
                    "name another");
    check_listeners(r);
}

static void
check_store(const struct rules *r)
{
    if (r->config->store_password.path.n > 0)
        problem_add(r->problems, line_of(r, STR("store"), STR_NONE, "password"),
                    "[store] password is set, but SQLite has none: take it "
                    "out");
}

static void
check_scopes(const struct rules *r, const struct config_app *app,
             const char *key, struct strs scopes, struct strs others)
{
    struct hubspot_scope found;
    unsigned line = app_line(r, app, key);
    for (size_t i = 0; i < scopes.n; i++) {
        if (strs_have(others, scopes.v[i]))
            problem_add(r->problems, line,
                        "[app %.*s] %s: \"%.*s\" stands in more than one of "
                        "scopes, optional_scopes and conditional_scopes",
                        STR_ARG(app->name), key, STR_ARG(scopes.v[i]));
        if (!hubspot_scope_find(scopes.v[i], &found))
            problem_warn(r->problems, line,
                         "[app %.*s] %s: HubSpot publishes no scope %s",
                         STR_ARG(app->name), key, log_quote(scopes.v[i]));
        else if (found.is_app_level)
            problem_add(r->problems, line,
                        "[app %.*s] %s: \"%.*s\" is for client credentials, "
                        "no account can grant it",
                        STR_ARG(app->name), key, STR_ARG(scopes.v[i]));
    }
}

static void
check_webhooks(const struct rules *r, const struct config_app *app)
{
    if (app->webhook_target.n > 0 && app->webhook_secret.path.n == 0)
        problem_add(r->problems, app_line(r, app, "webhook_target"),
                    "[app %.*s] webhook_target needs webhook_secret, so that "
                    "your backend knows who calls",
                    STR_ARG(app->name));
    if (app->webhook_target.n == 0 && app->webhook_secret.path.n > 0)
        problem_warn(r->problems, app_line(r, app, "webhook_secret"),
                     "[app %.*s] webhook_secret signs nothing without "
                     "webhook_target",
                     STR_ARG(app->name));
    if (app->webhook_secret.path.n == 0 &&
        app->webhook_secret_previous.path.n > 0)
        problem_add(r->problems, app_line(r, app, "webhook_secret_previous"),
                    "[app %.*s] webhook_secret_previous needs webhook_secret, "
                    "the new one",
                    STR_ARG(app->name));
    if (app->is_static && str_equal(app->events_from, STR("journal")))
        problem_add(r->problems, app_line(r, app, "events_from"),
                    "[app %.*s] events_from is journal, which HubSpot has for "
                    "OAuth apps only: use push",
                    STR_ARG(app->name));
}

static void
check_twins(const struct rules *r, size_t i)
{
    const struct config_app *app = &r->config->apps[i];
    for (size_t j = 0; j < i && app->client_id.n > 0; j++)
        if (str_equal(app->client_id, r->config->apps[j].client_id))
            problem_warn(r->problems, app_line(r, app, "client_id"),
                         "[app %.*s] client_id is that of [app %.*s] too",
                         STR_ARG(app->name), STR_ARG(r->config->apps[j].name));
}

static void
check_app(const struct rules *r, const struct config_app *app)
{
    check_scopes(r, app, "scopes", app->scopes, app->optional_scopes);
    check_scopes(r, app, "optional_scopes", app->optional_scopes,
                 app->conditional_scopes);
    check_scopes(r, app, "conditional_scopes", app->conditional_scopes,
                 app->scopes);
    check_webhooks(r, app);
}

void
config_rules_check(const struct config *config,
                   const struct config_section *sections,
                   struct config_problems *problems)
{
    const struct rules r = {config, sections, problems};
    check_server(&r);
    check_store(&r);
    for (size_t i = 0; i < config->n_apps; i++) {
        check_app(&r, &config->apps[i]);
        check_twins(&r, i);
    }
    if (config->n_apps == 0 && problems->n_errors == 0)
        problem_warn(problems, 0, "there is no [app NAME] section yet");
}

#include "emulator/consent_request.h"

#include "emulator/consent.h"
#include "emulator/page.h"

/* HTTPS with a name for a host, or http://localhost: no bare addresses. */
bool
consent_is_redirect(struct str url)
{
    struct str rest = url, host;
    if (str_starts(url, STR("https://"))) {
        rest = str_of(url.p + 8, url.n - 8);
        if (!str_cut(&rest, '/', &host) || host.n == 0 || host.p[0] == '[')
            return false;
        rest = host;
        if (!str_cut(&rest, ':', &host) || host.n == 0)
            return false;
        char last = host.p[host.n - 1];
        return !str_has(host, '@') && (last < '0' || last > '9');
    }
    if (!str_starts(url, STR("http://")))
        return false;
    rest = str_of(url.p + 7, url.n - 7);
    if (!str_cut(&rest, '/', &host))
        return false;
    rest = host;
    return str_cut(&rest, ':', &host) && str_equal(host, STR("localhost"));
}

static void
fill(struct call *c, struct str text, struct consent *q)
{
    *q = (struct consent){
        .redirect_uri = call_value(c, text, "redirect_uri"),
        .scope = call_value(c, text, "scope"),
        .optional_scope = call_value(c, text, "optional_scope"),
        .state = call_value(c, text, "state"),
        .challenge = call_value(c, text, "code_challenge"),
        .challenge_method = call_value(c, text, "code_challenge_method"),
    };
    q->scopes = arena_split(c->arena, q->scope, ' ');
    q->optional = arena_split(c->arena, q->optional_scope, ' ');
}

/* Every one of `few` is among `many`; else the first that is not. */
static bool
all_in(struct strs few, struct strs many, struct str *out_stranger)
{
    for (size_t i = 0; i < few.n; i++) {
        if (!strs_have(many, few.v[i])) {
            *out_stranger = few.v[i];
            return false;
        }
    }
    return true;
}

static bool
scopes_error(struct call *c, const char *error, const char *title,
             const char *sentence, struct str scope)
{
    page_error(c, 400, error, str_from(title),
               arena_printf(c->arena, "%s %.*s", sentence, STR_ARG(scope)));
    return false;
}

#define MISMATCH "The install link does not match the app's configuration"

/* The three classes of scopes of a declared app. */
static bool
check_declared(struct call *c, const struct consent *q)
{
    const struct app *app = q->app;
    struct str oauth = STR("oauth"), stranger;
    struct strs always = {&oauth, 1};
    if (!all_in(app->required, q->scopes, &stranger) &&
        !str_equal(stranger, oauth))
        return scopes_error(c, "insufficient_scopes",
                            "Insufficient scopes were asked for",
                            "The app requires a scope that the link does not "
                            "have in scope:",
                            stranger);
    for (size_t i = 0; i < q->scopes.n; i++) {
        struct str one = q->scopes.v[i];
        if (!strs_have(app->required, one) &&
            !strs_have(app->conditional, one) && !strs_have(always, one))
            return scopes_error(c, "mismatch", MISMATCH,
                                "Neither required nor conditionally required "
                                "by the app:",
                                one);
    }
    if (!all_in(q->optional, app->optional, &stranger))
        return scopes_error(c, "mismatch", MISMATCH,
                            "Not one of the app's optional scopes:", stranger);
    return true;
}

static bool
check_redirect(struct call *c, const struct consent *q)
{
    const char *why = NULL;
    if (q->redirect_uri.n == 0)
        why = "The link has no redirect_uri.";
    else if (!consent_is_redirect(q->redirect_uri))
        why = "The redirect_uri must begin with https:// and a name, or with "
              "http://localhost.";
    else if (q->app->is_declared &&
             !strs_have(q->app->redirect_urls, q->redirect_uri))
        why = "The redirect_uri is none of the app's redirect URLs. They are "
              "compared letter by letter.";
    if (why == NULL)
        return true;
    page_error(c, 400, "bad_redirect_uri", STR("The redirect URL is not right"),
               str_from(why));
    return false;
}

static bool
check_scopes(struct call *c, const struct consent *q)
{
    struct hubspot_scope scope;
    if (q->scopes.n == 0) {
        page_error(c, 400, "missing_scope", STR("No scopes were asked for"),
                   STR("The link has no scope."));
        return false;
    }
    for (size_t i = 0; i < q->scopes.n; i++) {
        if (hubspot_scope_find(q->scopes.v[i], &scope) && scope.is_app_level)
            return scopes_error(c, "mismatch", MISMATCH,
                                "Only for client credentials:", q->scopes.v[i]);
    }
    return !q->app->is_declared || check_declared(c, q);
}

static bool
check_challenge(struct call *c, const struct consent *q)
{
    if (q->challenge.p == NULL ||
        (str_equal(q->challenge_method, STR("S256")) && q->challenge.n == 43))
        return true;
    page_error(
        c, 400, "bad_code_challenge", STR("The link is not right"),
        STR("A code_challenge needs 43 characters and the method S256."));
    return false;
}

bool
consent_read(struct call *c, struct str text, struct consent *out)
{
    fill(c, text, out);
    out->app = apps_meet(&c->world->apps, call_value(c, text, "client_id"));
    if (out->app == NULL) {
        page_error(c, 400, "bad_client_id", STR("Unknown app"),
                   STR("No app has this client_id. With --app, only the "
                       "declared ones are known."));
        return false;
    }
    if (!check_redirect(c, out) || !check_scopes(c, out) ||
        !check_challenge(c, out))
        return false;
    apps_remember(out->app, out->redirect_uri, out->scopes);
    return true;
}

static bool
edition_has(const struct account *a, struct str name)
{
    struct hubspot_scope scope;
    return !hubspot_scope_find(name, &scope) || scope.edition <= a->edition;
}

struct strs
consent_missing(struct call *c, const struct consent *q,
                const struct account *a)
{
    struct strs missing = {
        arena_alloc(c->arena, q->scopes.n * sizeof(struct str)), 0};
    for (size_t i = 0; i < q->scopes.n; i++) {
        if (!edition_has(a, q->scopes.v[i]))
            missing.v[missing.n++] = q->scopes.v[i];
    }
    return missing;
}

static void
add_once(struct strs *all, struct str one)
{
    if (!strs_have(*all, one))
        all->v[all->n++] = one;
}

struct strs
consent_granted(struct call *c, const struct consent *q,
                const struct account *a)
{
    size_t most = q->scopes.n + q->optional.n + 1;
    struct strs all = {arena_alloc(c->arena, most * sizeof(struct str)), 0};
    add_once(&all, STR("oauth"));
    for (size_t i = 0; i < q->scopes.n; i++)
        add_once(&all, q->scopes.v[i]);
    for (size_t i = 0; i < q->optional.n; i++) {
        if (edition_has(a, q->optional.v[i]))
            add_once(&all, q->optional.v[i]);
    }
    return all;
}

#include "emulator/route.h"

#include "base/text.h"
#include "emulator/account_info.h"
#include "emulator/apps_page.h"
#include "emulator/consent.h"
#include "emulator/contacts_page.h"
#include "emulator/control.h"
#include "emulator/crm_batch.h"
#include "emulator/crm_links.h"
#include "emulator/crm_merge.h"
#include "emulator/crm_objects.h"
#include "emulator/crm_search.h"
#include "emulator/door.h"
#include "emulator/journal_api.h"
#include "emulator/oauth_info.h"
#include "emulator/oauth_token.h"
#include "emulator/refusals.h"

/*
 * A path's {words}: oauth, modern and date are versions, portal is digits,
 * type and to are kinds of records, token is a secret, all others are
 * anything.  Versions are no parameters of the call.
 */
/* One job under the path of version 3 and under the dated one. */
#define CRM(method, path, access, run)                         \
    {method, "/crm/v3/objects/{type}" path, access, run},      \
    {                                                          \
        method, "/crm/objects/{date}/{type}" path, access, run \
    }
/* The journal of all accounts, and that of one. */
#define JOURNAL(method, path, run)                                             \
    {method, "/webhooks-journal/journal/{date}" path, ACCESS_APP, run},        \
    {                                                                          \
        method, "/webhooks-journal/journal-local/{date}" path, ACCESS_APP, run \
    }
#define SUBSCRIPTIONS "/webhooks-journal/subscriptions/{date}"
#define LINKS "/{type}/{id}/associations"

static const struct route routes[] = {
    /* the CRM comes first: it is what is called by the thousand */
    CRM("GET", "/{id}", ACCESS_READ, do_read),
    CRM("GET", "", ACCESS_READ, do_list),
    CRM("POST", "", ACCESS_WRITE, do_create),
    CRM("PATCH", "/{id}", ACCESS_WRITE, do_update),
    CRM("DELETE", "/{id}", ACCESS_WRITE, do_archive),
    CRM("POST", "/search", ACCESS_SEARCH, do_search),
    CRM("POST", "/gdpr-delete", ACCESS_WRITE, do_gdpr_delete),
    CRM("POST", "/merge", ACCESS_WRITE, do_merge),
    CRM("POST", "/batch/read", ACCESS_READ, do_batch_read),
    CRM("POST", "/batch/create", ACCESS_WRITE, do_batch_create),
    CRM("POST", "/batch/update", ACCESS_WRITE, do_batch_update),
    CRM("POST", "/batch/upsert", ACCESS_WRITE, do_batch_upsert),
    CRM("POST", "/batch/archive", ACCESS_WRITE, do_batch_archive),
    {"GET", "/crm/v4/objects" LINKS "/{to}", ACCESS_READ, do_links},
    {"GET", "/crm/objects/{date}" LINKS "/{to}", ACCESS_READ, do_links},
    {"GET", "/crm/v3/objects" LINKS "/{to}", ACCESS_READ, do_v3_links},
    {"PUT", "/crm/v4/objects" LINKS "/default/{to}/{to_id}", ACCESS_WRITE,
     do_link_default},
    {"PUT", "/crm/objects/{date}" LINKS "/default/{to}/{to_id}", ACCESS_WRITE,
     do_link_default},
    {"PUT", "/crm/v4/objects" LINKS "/{to}/{to_id}", ACCESS_WRITE, do_link},
    {"PUT", "/crm/objects/{date}" LINKS "/{to}/{to_id}", ACCESS_WRITE, do_link},
    {"PUT", "/crm/v3/objects" LINKS "/{to}/{to_id}/{label}", ACCESS_WRITE,
     do_v3_link},
    {"DELETE", "/crm/v4/objects" LINKS "/{to}/{to_id}", ACCESS_WRITE,
     do_unlink},
    {"DELETE", "/crm/objects/{date}" LINKS "/{to}/{to_id}", ACCESS_WRITE,
     do_unlink},
    {"DELETE", "/crm/v3/objects" LINKS "/{to}/{to_id}/{label}", ACCESS_WRITE,
     do_unlink},
    /* pages */
    {"GET", "/", ACCESS_CONTROL, do_apps},
    {"GET", "/apps", ACCESS_CONTROL, do_apps},
    {"POST", "/apps/uninstall", ACCESS_CONTROL, do_apps_uninstall},
    {"POST", "/apps/install", ACCESS_CONTROL, do_apps_install},
    {"GET", "/apps/contacts/{portal}", ACCESS_CONTROL, do_contacts},
    {"POST", "/apps/contacts/erase", ACCESS_CONTROL, do_contacts_erase},
    {"GET", "/apps/installs/{id}", ACCESS_CONTROL, do_install_continue},
    {"GET", "/apps/installed", ACCESS_CONTROL, do_install_finished},
    {"GET", "/oauth/authorize", ACCESS_CONTROL, do_authorize},
    {"GET", "/oauth/{portal}/authorize", ACCESS_CONTROL, do_authorize},
    {"POST", "/oauth/authorize/decision", ACCESS_CONTROL, do_decision},
    /* tokens */
    {"POST", "/oauth/{oauth}/token", ACCESS_OPEN, do_token},
    {"POST", "/oauth/{modern}/token/introspect", ACCESS_OPEN, do_introspect},
    {"POST", "/oauth/{modern}/token/revoke", ACCESS_OPEN, do_revoke},
    {"GET", "/oauth/v1/access-tokens/{token}", ACCESS_OPEN, do_v1_access_token},
    {"GET", "/oauth/v1/refresh-tokens/{token}", ACCESS_OPEN,
     do_v1_refresh_token},
    {"DELETE", "/oauth/v1/refresh-tokens/{token}", ACCESS_OPEN, do_v1_revoke},
    {"POST", "/oauth/v2/private-apps/get/access-token-info", ACCESS_OPEN,
     do_static_token_info},
    /* the account */
    {"GET", "/account-info/{modern}/details", ACCESS_TOKEN, do_details},
    {"GET", "/account-info/{modern}/api-usage/daily/private-apps", ACCESS_TOKEN,
     do_daily_usage},
    {"GET", "/integrations/v1/me", ACCESS_TOKEN, do_me},
    {"DELETE", "/appinstalls/{modern}/external-install", ACCESS_TOKEN,
     do_external_uninstall},
    /* the webhooks journal */
    JOURNAL("GET", "/earliest", do_journal_earliest),
    JOURNAL("GET", "/latest", do_journal_latest),
    JOURNAL("GET", "/offset/{offset}/next", do_journal_next),
    JOURNAL("GET", "/batch/earliest/{n}", do_journal_batch_earliest),
    JOURNAL("GET", "/batch/latest/{n}", do_journal_batch_latest),
    JOURNAL("GET", "/batch/{offset}/next/{n}", do_journal_batch_next),
    JOURNAL("POST", "/batch/read", do_journal_batch_read),
    {"GET", "/journal-files/{client_id}/{offset}", ACCESS_OPEN,
     do_journal_file},
    {"POST", SUBSCRIPTIONS, ACCESS_APP, do_journal_subscribe},
    {"GET", SUBSCRIPTIONS, ACCESS_APP, do_journal_subscriptions},
    {"POST", SUBSCRIPTIONS "/filters", ACCESS_APP, do_journal_add_filter},
    {"GET", SUBSCRIPTIONS "/filters/subscription/{id}", ACCESS_APP,
     do_journal_filters},
    {"GET", SUBSCRIPTIONS "/filters/{id}", ACCESS_APP, do_journal_filter},
    {"DELETE", SUBSCRIPTIONS "/filters/{id}", ACCESS_APP,
     do_journal_remove_filter},
    {"GET", SUBSCRIPTIONS "/{id}", ACCESS_APP, do_journal_subscription},
    {"DELETE", SUBSCRIPTIONS "/{id}", ACCESS_APP, do_journal_unsubscribe},
    {"DELETE", SUBSCRIPTIONS "/portals/{portal}", ACCESS_APP,
     do_journal_unsubscribe_portal},
    /* the emulator itself */
    {"GET", "/_emulator/calls", ACCESS_CONTROL, do_calls},
    {"GET", "/_emulator/tokens", ACCESS_CONTROL, do_list_tokens},
    {"POST", "/_emulator/tokens", ACCESS_CONTROL, do_add_token},
    {"GET", "/_emulator/apps", ACCESS_CONTROL, do_list_apps},
    {"GET", "/_emulator/settings", ACCESS_CONTROL, do_get_settings},
    {"PUT", "/_emulator/settings", ACCESS_CONTROL, do_put_settings},
    {"POST", "/_emulator/faults", ACCESS_CONTROL, do_add_fault},
    {"DELETE", "/_emulator/faults", ACCESS_CONTROL, do_clear_faults},
    {"POST", "/_emulator/emit", ACCESS_CONTROL, do_emit},
    {"GET", "/_emulator/webhooks", ACCESS_CONTROL, do_get_webhooks},
    {"DELETE", "/_emulator/webhooks", ACCESS_CONTROL, do_drop_webhooks},
    {"POST", "/_emulator/reset", ACCESS_CONTROL, do_reset},
    {"POST", "/_emulator/clock", ACCESS_CONTROL, do_clock},
    {"POST", "/_emulator/expire", ACCESS_CONTROL, do_expire},
    {"POST", "/_emulator/revoke", ACCESS_CONTROL, do_control_revoke},
    {"POST", "/_emulator/uninstall", ACCESS_CONTROL, do_control_uninstall},
    {"POST", "/_emulator/grants", ACCESS_CONTROL, do_mint_grants},
};

#define N_ROUTES (sizeof(routes) / sizeof(routes[0]))

static bool
is_date(struct str s)
{
    return str_equal(s, STR("2026-03")) || str_equal(s, STR("2026-09"));
}

static bool
is_modern(struct str s)
{
    return is_date(s) || str_equal(s, STR("v3"));
}

static bool
is_digits(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    }
    return s.n > 0;
}

/* What a word in braces stands for in the path at hand. */
struct match {
    struct str word; /* with its braces */
    struct str text;
};

static bool
word_is(const struct match *m, const char *word)
{
    return str_equal(m->word, str_from(word));
}

static bool
is_version(const struct match *m)
{
    return word_is(m, "{oauth}") || word_is(m, "{modern}") ||
           word_is(m, "{date}");
}

static bool
segment_fits(const struct match *m)
{
    if (m->word.n == 0 || m->word.p[0] != '{')
        return str_equal(m->word, m->text);
    if (word_is(m, "{oauth}"))
        return is_modern(m->text) || str_equal(m->text, STR("v1"));
    if (word_is(m, "{modern}"))
        return is_modern(m->text);
    if (word_is(m, "{date}"))
        return is_date(m->text);
    if (word_is(m, "{portal}"))
        return is_digits(m->text);
    return m->text.n > 0;
}

/* Both paths, segment by segment, side by side. */
static bool
next_segments(struct str *pattern, struct str *path, struct match *out)
{
    bool has_word = str_cut(pattern, '/', &out->word);
    bool has_text = str_cut(path, '/', &out->text);
    if (has_word != has_text)
        *out = (struct match){STR("x"), STR("y")}; /* lengths differ */
    return has_word || has_text;
}

static bool
path_fits(const char *pattern, struct str path)
{
    struct str rest = str_from(pattern);
    struct match m;
    while (next_segments(&rest, &path, &m)) {
        if (!segment_fits(&m))
            return false;
    }
    return true;
}

static struct str
decoded(struct call *c, struct str text)
{
    struct buf auto_buf out;
    buf_init(&out, text.n + 1);
    if (!str_has(text, '%'))
        return text;
    if (text_add_unpercent(&out, text, false) != ERR_OK)
        return text;
    return arena_copy(c->arena, buf_str(&out));
}

/* Takes the parameters out of the path and gives it its name. */
static void
take_params(struct call *c)
{
    struct str rest = str_from(c->route->path), path = c->path;
    struct match m;
    struct buf auto_buf name;
    size_t n = 0;
    buf_init(&name, 1024);
    while (next_segments(&rest, &path, &m)) {
        bool is_param = m.word.n > 0 && m.word.p[0] == '{' && !is_version(&m);
        bool shows_text =
            !is_param || word_is(&m, "{type}") || word_is(&m, "{to}");
        if (is_param)
            c->params[n++] = decoded(c, m.text);
        c->has_token_in_path |= word_is(&m, "{token}");
        buf_add(&name, shows_text ? m.text : m.word);
        buf_add_char(&name, '/');
    }
    name.n -= name.n > 1; /* the last slash */
    c->name = arena_copy(c->arena, buf_str(&name));
}

void
route_find(struct call *c)
{
    for (size_t i = 0; i < N_ROUTES; i++) {
        if (str_equal(c->method, str_from(routes[i].method)) &&
            path_fits(routes[i].path, c->path)) {
            c->route = &routes[i];
            take_params(c);
            return;
        }
    }
    c->name = STR("unknown");
    /* It may be a version of OAuth that is not here, with a token in it. */
    c->has_token_in_path = str_starts(c->path, STR("/oauth/"));
}

/* The methods that the path has; empty if it has none. */
static struct str
methods_of(struct call *c)
{
    struct buf auto_buf all;
    buf_init(&all, 128);
    for (size_t i = 0; i < N_ROUTES; i++) {
        if (!path_fits(routes[i].path, c->path))
            continue;
        if (all.n > 0)
            buf_add_text(&all, ", ");
        buf_add_text(&all, routes[i].method);
        if (strcmp(routes[i].method, "GET") == 0)
            buf_add_text(&all, ", HEAD");
    }
    return arena_copy(c->arena, buf_str(&all));
}

void
route_run(struct call *c)
{
    if (c->route != NULL) {
        if (door_admit(c))
            c->route->run(c);
        return;
    }
    struct str methods = methods_of(c);
    if (methods.n == 0) {
        refuse_unknown_path(c);
        return;
    }
    refuse(c, 405, STR("METHOD_NOT_ALLOWED"),
           arena_printf(c->arena, "This path takes %.*s.", STR_ARG(methods)));
    call_header(c, "Allow", methods);
}

#include "emulator/consent.h"

#include "base/text.h"
#include "emulator/consent_request.h"
#include "emulator/page.h"

/* "Read contacts" and its name; what is optional is marked. */
static void
show_scope(struct call *c, struct str name, bool is_optional)
{
    struct hubspot_scope scope;
    struct buf auto_buf words;
    buf_init(&words, 256);
    if (hubspot_scope_find(name, &scope))
        hubspot_scope_add_words(&scope, &words);
    else
        buf_add(&words, STR("A permission without a description"));
    page_add(c, "<li>");
    page_text(c, buf_str(&words));
    page_add(c, " <span class=\"soft\"><code>");
    page_text(c, name);
    page_add(c, is_optional ? "</code>, if the account has it</span></li>\n"
                            : "</code></span></li>\n");
}

static void
show_scopes(struct call *c, const struct consent *q)
{
    page_add(c, "<h2>It will be able to</h2>\n<ul>\n");
    for (size_t i = 0; i < q->scopes.n; i++)
        show_scope(c, q->scopes.v[i], false);
    for (size_t i = 0; i < q->optional.n; i++)
        show_scope(c, q->optional.v[i], true);
    page_add(c, "</ul>\n");
}

static void
show_account(struct call *c, const struct consent *q, const struct account *a,
             bool is_checked)
{
    struct strs missing = consent_missing(c, q, a);
    page_add(c, "<label><input type=\"radio\" name=\"portal\" required "
                "value=\"");
    page_u64(c, a->portal);
    page_add(c, is_checked ? "\" checked> " : "\"> ");
    page_text(c, a->name);
    page_add(c, " <span class=\"soft\">");
    page_u64(c, a->portal);
    page_add(c, ", ");
    page_add(c, hubspot_edition_name(a->edition));
    if (missing.n > 0) {
        page_add(c, "; lacks ");
        page_text(c, arena_join(c->arena, missing, ' '));
    }
    page_add(c, "</span></label>\n");
}

/* Added accounts by the thousand are not listed: a link names them. */
#define MOST_SHOWN 20

static void
show_accounts(struct call *c, const struct consent *q)
{
    const struct accounts *all = &c->world->accounts;
    page_add(c, "<fieldset>\n<legend>Account</legend>\n");
    if (q->account != NULL) {
        show_account(c, q, q->account, true);
    } else {
        for (size_t i = 0; i < all->n && i < MOST_SHOWN; i++)
            show_account(c, q, all->v[i], i == 0);
    }
    page_add(c, "</fieldset>\n");
}

static void
show_consent(struct call *c, const struct consent *q)
{
    page_begin(c, 200,
               arena_printf(c->arena, "Connect %.*s to HubSpot",
                            STR_ARG(q->app->name)));
    page_add(c, "<p>This app asks for access to a HubSpot account. You will "
                "be sent to <code>");
    page_text(c, q->redirect_uri);
    page_add(c,
             "</code>.</p>\n"
             "<form method=\"post\" action=\"/oauth/authorize/decision\">\n");
    page_hidden(c, "client_id", q->app->client_id);
    page_hidden(c, "redirect_uri", q->redirect_uri);
    page_hidden(c, "scope", q->scope);
    page_hidden(c, "optional_scope", q->optional_scope);
    page_hidden(c, "state", q->state);
    page_hidden(c, "code_challenge", q->challenge);
    page_hidden(c, "code_challenge_method", q->challenge_method);
    show_accounts(c, q);
    show_scopes(c, q);
    page_add(c, "<div class=\"row\">\n"
                "<button class=\"main\" name=\"decision\" value=\"allow\">"
                "Allow</button>\n"
                "<button name=\"decision\" value=\"cancel\" formnovalidate>"
                "Cancel</button>\n</div>\n</form>\n");
    page_end(c);
}

void
do_authorize(struct call *c)
{
    struct consent q;
    if (!consent_read(c, c->query, &q))
        return;
    if (c->params[0].p != NULL) {
        q.account = accounts_find_text(&c->world->accounts, c->params[0]);
        if (q.account == NULL) {
            page_error(c, 404, "unknown_account", STR("No such account"),
                       STR("There is no HubSpot account with this number."));
            return;
        }
    }
    show_consent(c, &q);
}

static void
send_back(struct call *c, const struct consent *q, const char *const *names,
          const struct str *values, size_t n)
{
    struct buf auto_buf url;
    buf_init(&url, LIMIT_URL);
    buf_add(&url, q->redirect_uri);
    if (!str_has(q->redirect_uri, '?'))
        buf_add_char(&url, '?');
    for (size_t i = 0; i < n; i++) {
        if (values[i].p != NULL)
            text_add_parameter(&url, names[i], values[i]);
    }
    call_answer_redirect(c, arena_copy(c->arena, buf_str(&url)));
}

static void
allow(struct call *c, const struct consent *q)
{
    struct strs missing = consent_missing(c, q, q->account);
    if (missing.n > 0) {
        page_error(
            c, 403, "missing_in_edition", STR("This account cannot connect"),
            arena_printf(c->arena,
                         "%.*s has HubSpot %s, which does not include what "
                         "the app needs: %.*s.",
                         STR_ARG(q->account->name),
                         hubspot_edition_name(q->account->edition),
                         STR_ARG(arena_join(c->arena, missing, ' '))));
        return;
    }
    struct code model = {.client_id = q->app->client_id,
                         .redirect_uri = q->redirect_uri,
                         .challenge = q->challenge,
                         .account = q->account,
                         .scopes = consent_granted(c, q, q->account)};
    struct code *code = codes_issue(c->world, &model);
    static const char *const names[] = {"code", "state"};
    struct str values[] = {code->text, q->state};
    send_back(c, q, names, values, 2);
}

static void
cancel(struct call *c, const struct consent *q)
{
    static const char *const names[] = {"error", "error_description", "state"};
    struct str values[] = {STR("access_denied"),
                           STR("The user did not allow access"), q->state};
    send_back(c, q, names, values, 3);
}

void
do_decision(struct call *c)
{
    struct consent q;
    struct str decision = call_form(c, "decision");
    if (!consent_read(c, c->body, &q))
        return;
    c->client_id = q.app->client_id;
    if (str_equal(decision, STR("cancel"))) {
        cancel(c, &q);
        return;
    }
    q.account = accounts_find_text(&c->world->accounts, call_form(c, "portal"));
    if (!str_equal(decision, STR("allow")) || q.account == NULL) {
        page_error(c, 400, "bad_form", STR("Choose an account"),
                   STR("The form needs a portal, and a decision that is "
                       "allow or cancel."));
        return;
    }
    c->portal = q.account->portal;
    allow(c, &q);
}

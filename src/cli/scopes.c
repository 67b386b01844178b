#include "base/doc.h"
#include "base/limits.h"
#include "base/log.h"
#include "cli/run.h"
#include "cli/show.h"
#include "http/url.h"
#include "hubspot/catalogue.h"
#include "hubspot/endpoints.h"
#include "parent/nearest.h"

/* The catalogue of scopes, and what one scope or one call is about. */

static struct str
words_of(struct cli *cli, const struct catalogue_scope *s)
{
    struct buf auto_buf words = {0};
    buf_init(&words, 400);
    catalogue_add_words(s, &words);
    return arena_copy(cli->arena, buf_str(&words));
}

static void
add_scope(struct cli *cli, struct doc *d, const struct catalogue_scope *s)
{
    doc_field_str(d, "scope", s->name);
    doc_field_str(d, "grants", words_of(cli, s));
    doc_field_str(d, "access", str_from(scope_access_name(s->access)));
    doc_field_str(d, "edition", str_from(s->tier->words));
    doc_field_str(d, "sensitive",
                  str_from(scope_level_name(catalogue_level(s))));
    doc_field_str(d, "class", str_from(scope_class_name(s->class)));
}

static bool
has_text(struct str text, struct str part)
{
    for (size_t i = 0; i + part.n <= text.n; i++)
        if (str_equal_nocase(str_of(text.p + i, part.n), part))
            return true;
    return false;
}

int
do_scopes_list(struct cli *cli)
{
    struct buf auto_buf out = {0};
    struct str word = str_from(cli_arg(cli, 0));
    size_t n = 0;
    buf_init(&out, LIMIT_CLI_TEXT);
    struct doc d = doc_into(&out);
    doc_open(&d, '[');
    for (size_t i = 0; i < catalogue_count(); i++) {
        const struct catalogue_scope *s = catalogue_at(i);
        if (s->class == SCOPE_UNPUBLISHED && !cli_flag(cli, "all"))
            continue;
        if (!has_text(s->name, word) && !has_text(words_of(cli, s), word))
            continue;
        doc_open(&d, '{');
        add_scope(cli, &d, s);
        doc_close(&d, '}');
        n++;
    }
    doc_close(&d, ']');
    if (n == 0 && !cli->is_json)
        return cli_fail(cli, "no scope has %s in its name or words%s",
                        log_quote(word),
                        cli_flag(cli, "all") ? ""
                                             : "; --all lists also those "
                                               "that are not published");
    return show_document(cli, buf_str(&out));
}

static int
refuse_scope(struct cli *cli, struct str name)
{
    const char **names =
        arena_alloc(cli->arena, catalogue_count() * sizeof(const char *));
    for (size_t i = 0; i < catalogue_count(); i++)
        names[i] = catalogue_at(i)->name.p;
    const char *near = nearest(name, names, catalogue_count());
    return cli_fail(cli,
                    "HubSpot has no scope %s%s%s; `portkeep scopes list` "
                    "lists them, and a call is explained as METHOD PATH",
                    log_quote(name), near != NULL ? "; did you mean " : "",
                    near != NULL ? near : "");
}

static int
explain_scope(struct cli *cli, struct str name)
{
    struct buf auto_buf out = {0};
    const struct catalogue_scope *s = catalogue_find(name);
    if (s == NULL)
        return refuse_scope(cli, name);
    const char *listed = catalogue_listed_as(s);
    buf_init(&out, LIMIT_CLI_TEXT);
    struct doc d = doc_into(&out);
    doc_open(&d, '{');
    add_scope(cli, &d, s);
    if (listed != NULL)
        doc_field_str(&d, "listed_as", str_from(listed));
    if (catalogue_level(s) != SCOPE_PLAIN)
        doc_field_str(&d, "note",
                      STR("Enterprise accounts only; an app on the "
                          "Marketplace needs HubSpot's approval for it, and "
                          "every account must connect again."));
    else if (s->class == SCOPE_UNPUBLISHED)
        doc_field_str(&d, "note",
                      STR("Named in HubSpot's lists of endpoints only: the "
                          "settings of an app do not offer it."));
    else if (s->class == SCOPE_OF_APP)
        doc_field_str(&d, "note",
                      STR("Asked for with client credentials, in no app's "
                          "configuration; portkeep does it by itself."));
    doc_field_strs(&d, "calls", endpoint_users(cli->arena, s->name));
    doc_close(&d, '}');
    return show_document(cli, buf_str(&out));
}

static const char *
answer_name(enum endpoint_kind kind)
{
    static const char *const names[] = {"unknown", "not listed", "no scope",
                                        "needs scopes"};
    return names[kind];
}

static void
add_needs(struct cli *cli, struct doc *d, const struct endpoint *e)
{
    struct scope_needs needs;
    endpoint_needs(e, &needs);
    if (needs.n > 0)
        doc_field_strs(d, "ask_for",
                       (struct strs){needs.any_of[0].v, needs.any_of[0].n});
    doc_key(d, "any_of");
    doc_open(d, '[');
    for (size_t i = 0; i < needs.n; i++) {
        struct strs all = {needs.any_of[i].v, needs.any_of[i].n};
        if (cli->is_json)
            doc_strs(d, all);
        else /* one line each for people */
            doc_str(d, arena_join(cli->arena, all, '+'));
    }
    doc_close(d, ']');
}

static int
say_what_is_not_known(struct cli *cli, const struct endpoint *e)
{
    if (e->kind == ENDPOINT_UNKNOWN)
        return cli_fail(cli, "no such endpoint is known, and nothing is "
                             "guessed: look it up in HubSpot's reference; a "
                             "path is like /crm/v3/objects/contacts, a method "
                             "in capitals");
    if (e->unknown_type.n > 0)
        return cli_fail(cli,
                        "%s is no object type that is known: contacts, 0-1, "
                        "and for custom objects 2-123 or p_name",
                        log_quote(e->unknown_type));
    return cli_fail(cli, "the endpoint is known, but no list of HubSpot names "
                         "its scopes");
}

static int
explain_call(struct cli *cli, struct str method, struct str path)
{
    struct endpoint e;
    struct url url;
    struct buf auto_buf out = {0}, auto_buf family = {0};
    if (url_parse(path, &url) == ERR_OK)
        path = url.path;
    endpoint_find(method, path, &e);
    buf_init(&out, LIMIT_CLI_TEXT);
    buf_init(&family, 2000);
    endpoint_add_family(&e, &family);
    struct doc d = doc_into(&out);
    doc_open(&d, '{');
    doc_field_str(&d, "method", method);
    doc_field_str(&d, "path", path);
    doc_field_str(&d, "answer", str_from(answer_name(e.kind)));
    if (family.n > 0)
        doc_field_str(&d, "endpoint", buf_str(&family));
    if (e.kind == ENDPOINT_NEEDS_SCOPES)
        add_needs(cli, &d, &e);
    if (endpoint_note(&e) != NULL)
        doc_field_str(&d, "note", str_from(endpoint_note(&e)));
    doc_close(&d, '}');
    int status = show_document(cli, buf_str(&out));
    if (status != CLI_DONE || e.kind >= ENDPOINT_OPEN)
        return status;
    return say_what_is_not_known(cli, &e);
}

int
do_scopes_explain(struct cli *cli)
{
    const char *path = cli_arg(cli, 1);
    struct str first = str_from(cli_arg(cli, 0)), method;
    if (path != NULL)
        return explain_call(cli, first, str_from(path));
    struct str rest = first;
    if (str_cut(&rest, ' ', &method) && rest.n > 0)
        return explain_call(cli, method, str_trim(rest)); /* in one word */
    return explain_scope(cli, first);
}

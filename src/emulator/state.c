#include "emulator/state.h"

#include "emulator/call.h"
#include "emulator/crm_state.h"
#include "emulator/hubdoc.h"
#include "emulator/outbox_state.h"
#include "emulator/own.h"
#include "emulator/tokens.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define VERSION 1
#define MOST_BYTES (1u << 30)

static void
add_accounts(const struct world *w, struct doc *d)
{
    doc_key(d, "accounts");
    doc_open(d, '[');
    for (size_t i = 0; i < w->accounts.n; i++) {
        const struct account *a = w->accounts.v[i];
        doc_open(d, '{');
        doc_field_u64(d, "portal", a->portal);
        doc_field_str(d, "name", a->name);
        doc_field_u64(d, "edition", a->edition);
        doc_field_u64(d, "last_event_id", a->last_event_id);
        if (a->crm != NULL) {
            doc_key(d, "crm");
            crm_state_add(a->crm, d);
        }
        doc_close(d, '}');
    }
    doc_close(d, ']');
}

/* What a declared app is comes from its file again. */
static void
add_apps(const struct world *w, struct doc *d)
{
    doc_key(d, "apps");
    doc_open(d, '[');
    for (size_t i = 0; i < w->apps.n; i++) {
        const struct app *app = w->apps.v[i];
        doc_open(d, '{');
        doc_field_str(d, "client_id", app->client_id);
        hubdoc_maybe(d, "secret", app->secret);
        doc_field_strs(d, "redirect_urls", app->redirect_urls);
        doc_field_strs(d, "scopes", app->required);
        doc_close(d, '}');
    }
    doc_close(d, ']');
}

static void
add_tokens(const struct grant *g, struct doc *d)
{
    const struct token *t = g->tokens;
    while (t != NULL && t->next != NULL)
        t = t->next;
    doc_key(d, "tokens");
    doc_open(d, '[');
    for (; t != NULL; t = t->previous) { /* oldest first */
        doc_open(d, '{');
        doc_field_u64(d, "kind", t->kind);
        doc_field_str(d, "text", t->text);
        hubdoc_i64(d, "expires_at_ms", t->expires_at_ms);
        doc_close(d, '}');
    }
    doc_close(d, ']');
}

static void
add_grants(const struct world *w, struct doc *d)
{
    doc_key(d, "grants");
    doc_open(d, '[');
    for (const struct grant *g = w->grants.first; g != NULL; g = g->next) {
        doc_open(d, '{');
        doc_field_u64(d, "kind", g->kind);
        doc_field_str(d, "client_id", g->client_id);
        if (g->account != NULL)
            doc_field_u64(d, "portal", g->account->portal);
        doc_field_strs(d, "scopes", g->scopes);
        doc_field_u64(d, "install_id", g->install_id);
        hubdoc_i64(d, "connected_at_ms", g->connected_at_ms);
        add_tokens(g, d);
        doc_close(d, '}');
    }
    doc_close(d, ']');
}

static void
add_world(const struct world *w, struct doc *d)
{
    doc_open(d, '{');
    doc_field_u64(d, "version", VERSION);
    hubdoc_i64(d, "clock_offset_ms", w->clock_offset_ms);
    doc_field_u64(d, "last_install_id", w->grants.last_install_id);
    doc_key(d, "settings");
    settings_add_json(&w->settings, d);
    add_accounts(w, d);
    add_apps(w, d);
    add_grants(w, d);
    outbox_state_add(w, d);
    journals_add_state(&w->journals, d);
    doc_close(d, '}');
}

static enum err
write_all(int fd, struct str text)
{
    while (text.n > 0) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0)
            return ERR_SYSTEM;
        text = str_of(text.p + n, text.n - (size_t)n);
    }
    return fsync(fd) == 0 ? ERR_OK : ERR_SYSTEM;
}

static enum err
replace_file(const char *path, struct str text)
{
    struct buf auto_buf beside;
    buf_init(&beside, 4096);
    buf_addf(&beside, "%s.new", path);
    if (buf_err(&beside) != ERR_OK)
        return ERR_LIMIT;
    int fd =
        open(buf_text(&beside), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return ERR_SYSTEM;
    enum err e = write_all(fd, text);
    if (close(fd) != 0 && e == ERR_OK)
        e = ERR_SYSTEM;
    if (e == ERR_OK && rename(buf_text(&beside), path) != 0)
        e = ERR_SYSTEM;
    if (e != ERR_OK)
        (void)unlink(buf_text(&beside)); /* the old file still stands */
    return e;
}

enum err
state_save(const struct world *w, const char *path)
{
    struct buf auto_buf text;
    buf_init(&text, MOST_BYTES);
    struct doc d = doc_into(&text);
    add_world(w, &d);
    buf_add_char(&text, '\n');
    if (buf_err(&text) != ERR_OK)
        return ERR_LIMIT;
    return replace_file(path, buf_str(&text));
}

static void
load_accounts(struct world *w, const json_t *list)
{
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one)
    {
        uint64_t edition = json_u64_at(one, "edition", EDITION_FREE);
        if (edition > EDITION_ENTERPRISE)
            edition = EDITION_FREE;
        struct account *a = accounts_add(
            &w->accounts, json_u64_at(one, "portal", 0),
            json_text_at(one, "name"), (enum hubspot_edition)edition);
        a->last_event_id = json_u64_at(one, "last_event_id", 0);
        crm_free(a->crm);
        a->crm = crm_state_load(json_object_get(one, "crm"));
    }
}

static void
load_apps(struct world *w, const json_t *list)
{
    size_t i;
    json_t *one;
    struct arena *arena = arena_new();
    json_array_foreach(list, i, one)
    {
        struct strs urls = json_texts_at(one, "redirect_urls", arena);
        struct app *app = apps_meet(&w->apps, json_text_at(one, "client_id"));
        struct str secret = json_text_at(one, "secret");
        if (app != NULL && secret.p != NULL)
            own_replace(&app->secret, secret);
        if (app != NULL && urls.n > 0)
            apps_remember(app, urls.v[0], json_texts_at(one, "scopes", arena));
    }
    arena_free(arena);
}

static void
load_tokens(struct world *w, struct grant *g, const json_t *list)
{
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one)
    {
        uint64_t kind = json_u64_at(one, "kind", TOKEN_ACCESS);
        struct str text = json_text_at(one, "text");
        if (text.n > 0 && kind <= TOKEN_STATIC)
            token_add(
                &w->grants, g, (enum token_kind)kind, text,
                json_integer_value(json_object_get(one, "expires_at_ms")));
    }
}

static struct grant *
load_grant(struct world *w, const json_t *one, struct arena *arena)
{
    struct str client_id = json_text_at(one, "client_id");
    struct strs scopes = json_texts_at(one, "scopes", arena);
    struct account *a =
        accounts_find(&w->accounts, json_u64_at(one, "portal", 0));
    uint64_t kind = json_u64_at(one, "kind", GRANT_OAUTH);
    if (kind == GRANT_APP_LEVEL)
        return grants_app_level(w, client_id, scopes);
    if (a == NULL)
        return NULL;
    return kind == GRANT_PRIVATE ? grants_add_private(w, client_id, a, scopes)
                                 : grants_connect(w, client_id, a, scopes);
}

static void
load_grants(struct world *w, const json_t *list)
{
    size_t i;
    json_t *one;
    grants_done(&w->grants); /* the ready-made ones are in the file too */
    json_array_foreach(list, i, one)
    {
        struct arena *arena = arena_new();
        struct grant *g = load_grant(w, one, arena);
        arena_free(arena);
        if (g == NULL)
            continue;
        g->install_id = json_u64_at(one, "install_id", g->install_id);
        g->connected_at_ms =
            json_integer_value(json_object_get(one, "connected_at_ms"));
        load_tokens(w, g, json_object_get(one, "tokens"));
    }
}

static enum err
load_world(struct world *w, json_t *file)
{
    const char *name;
    if (json_u64_at(file, "version", 0) != VERSION)
        return ERR_INVALID;
    w->clock_offset_ms =
        json_integer_value(json_object_get(file, "clock_offset_ms"));
    load_accounts(w, json_object_get(file, "accounts"));
    load_apps(w, json_object_get(file, "apps"));
    load_grants(w, json_object_get(file, "grants"));
    outbox_state_load(w, json_object_get(file, "outbox"));
    journals_load_state(w, json_object_get(file, "journals"));
    w->grants.last_install_id =
        json_u64_at(file, "last_install_id", w->grants.last_install_id);
    return settings_put(&w->settings, json_object_get(file, "settings"), &name);
}

enum err
state_load(struct world *w, const char *path, struct buf *out_why)
{
    json_error_t error;
    if (access(path, F_OK) != 0)
        return ERR_OK;
    json_t *file = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (file == NULL) {
        buf_addf(out_why, "%s: %s (line %d)", path, error.text, error.line);
        return ERR_CONFIG;
    }
    enum err e = load_world(w, file);
    json_decref(file);
    if (e != ERR_OK)
        buf_addf(out_why, "%s: not a state file of this version", path);
    return e;
}

#include "emulator/apps.h"

#include "base/arena.h"
#include "base/text.h"
#include "emulator/own.h"

#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>

static void
app_free(struct app *app)
{
    own_drop(&app->client_id);
    own_drop(&app->name);
    own_drop_texts(&app->required);
    own_drop_texts(&app->optional);
    own_drop_texts(&app->conditional);
    own_drop_texts(&app->redirect_urls);
    own_drop(&app->secret);
    own_drop(&app->webhook);
    subscriptions_done(&app->hooks);
    throttle_done(&app->token_calls);
    free(app);
}

void
apps_done(struct apps *all)
{
    for (size_t i = 0; i < all->n; i++)
        app_free(all->v[i]);
    free(all->v);
    map_done(&all->by_client_id);
    *all = (struct apps){0};
}

void
apps_forget_seen(struct apps *all)
{
    size_t n = 0;
    for (size_t i = 0; i < all->n; i++) {
        struct app *app = all->v[i];
        if (app->is_declared) {
            all->v[n++] = app;
            continue;
        }
        map_take(&all->by_client_id, app->client_id);
        app_free(app);
    }
    all->n = n;
}

struct app *
apps_find(const struct apps *all, struct str client_id)
{
    return map_get(&all->by_client_id, client_id);
}

static void
digest(struct str text, uint8_t out[static 16])
{
    (void)crypto_generichash(out, 16, (const uint8_t *)text.p, text.n, NULL,
                             0); /* cannot fail with these lengths */
}

static struct app *
add(struct apps *all, struct str client_id, struct str name)
{
    struct app *app = own_alloc(sizeof(*app));
    uint8_t d[16];
    digest(client_id, d);
    app->client_id = own_text(client_id);
    app->name = own_text(name);
    app->app_id =
        1000000 + (uint64_t)d[0] * 65536 + (uint64_t)d[1] * 256 + d[2];
    all->v = own_room(all->v, all->n, &all->room, sizeof(*all->v));
    all->v[all->n++] = app;
    map_put(&all->by_client_id, app->client_id, app);
    return app;
}

struct app *
apps_meet(struct apps *all, struct str client_id)
{
    struct app *app = apps_find(all, client_id);
    if (app != NULL || all->n_declared > 0 || client_id.n == 0)
        return app;
    struct arena *arena = arena_new();
    size_t n = client_id.n < 8 ? client_id.n : 8;
    app = add(all, client_id,
              arena_printf(arena, "App %.*s", (int)n, client_id.p));
    arena_free(arena);
    return app;
}

void
apps_remember(struct app *app, struct str redirect_url, struct strs scopes)
{
    if (app->is_declared)
        return;
    own_drop_texts(&app->redirect_urls);
    own_drop_texts(&app->required);
    app->redirect_urls = own_texts((struct strs){&redirect_url, 1});
    app->required = own_texts(scopes);
}

/* A client id that stays the same as long as the file's uid does. */
static struct str
client_id_of(struct arena *arena, struct str uid)
{
    uint8_t d[16];
    digest(uid, d);
    d[6] = (uint8_t)((d[6] & 0x0f) | 0x40);
    d[8] = (uint8_t)((d[8] & 0x3f) | 0x80);
    struct buf auto_buf hex;
    buf_init(&hex, 64);
    text_add_hex(&hex, str_of(d, sizeof(d)));
    return arena_printf(arena, "%.8s-%.4s-%.4s-%.4s-%.12s", hex.p, hex.p + 8,
                        hex.p + 12, hex.p + 16, hex.p + 20);
}

static struct str
text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return str_of(json_string_value(value), json_string_length(value));
}

static struct strs
texts_of(const json_t *object, const char *name)
{
    const json_t *list = json_object_get(object, name);
    struct strs all = {own_alloc(json_array_size(list) * sizeof(*all.v)), 0};
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        if (json_is_string(one))
            all.v[all.n++] = own_text(
                str_of(json_string_value(one), json_string_length(one)));
    }
    return all;
}

static enum err
fill(struct app *app, const json_t *config, const char *path,
     struct buf *out_why)
{
    const json_t *auth = json_object_get(config, "auth");
    app->is_declared = true;
    app->is_private =
        !str_equal(text_of(config, "distribution"), STR("marketplace"));
    app->required = texts_of(auth, "requiredScopes");
    app->optional = texts_of(auth, "optionalScopes");
    app->conditional = texts_of(auth, "conditionallyRequiredScopes");
    app->redirect_urls = texts_of(auth, "redirectUrls");
    return subscriptions_read(&app->hooks, path, out_why);
}

/* What is wrong with the file's content; NULL when it will do. */
static const char *
fault_of(const json_t *file, const json_t *config)
{
    const json_t *auth = json_object_get(config, "auth");
    if (!str_equal(text_of(file, "type"), STR("app")))
        return "its type is not \"app\"";
    if (text_of(file, "uid").n == 0)
        return "it has no uid";
    if (text_of(config, "name").n == 0)
        return "config.name is missing";
    if (!str_equal(text_of(auth, "type"), STR("oauth")))
        return "config.auth.type is not \"oauth\"";
    if (json_array_size(json_object_get(auth, "redirectUrls")) == 0)
        return "config.auth.redirectUrls is empty";
    if (json_array_size(json_object_get(auth, "requiredScopes")) == 0)
        return "config.auth.requiredScopes is empty";
    return NULL;
}

static enum err
declare(struct apps *all, const json_t *file, struct str client_id,
        const char *path, struct buf *out_why)
{
    const json_t *config = json_object_get(file, "config");
    const char *fault = fault_of(file, config);
    if (fault != NULL) {
        buf_addf(out_why, "%s: %s", path, fault);
        return ERR_CONFIG;
    }
    struct arena *arena = arena_new();
    if (client_id.n == 0)
        client_id = client_id_of(arena, text_of(file, "uid"));
    bool is_taken = apps_find(all, client_id) != NULL;
    enum err e = is_taken ? ERR_CONFIG : ERR_OK;
    if (is_taken)
        buf_addf(out_why, "%s: client id %.*s is taken by another --app", path,
                 STR_ARG(client_id));
    else
        e = fill(add(all, client_id, text_of(config, "name")), config, path,
                 out_why);
    all->n_declared += !is_taken;
    arena_free(arena);
    return e;
}

void
apps_set_webhook(struct apps *all, struct str url)
{
    own_replace(&all->v[all->n - 1]->webhook, url);
}

enum err
apps_declare(struct apps *all, const char *path, struct str client_id,
             struct buf *out_why)
{
    json_error_t error;
    json_t *file = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (file == NULL) {
        buf_addf(out_why, "%s: %s", path, error.text);
        if (error.line > 0)
            buf_addf(out_why, " (line %d)", error.line);
        return ERR_CONFIG;
    }
    enum err e = declare(all, file, client_id, path, out_why);
    json_decref(file);
    return e;
}

#include "emulator/subscriptions.h"

#include "emulator/own.h"

#include <dirent.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>

void
subscriptions_done(struct subscriptions *all)
{
    for (size_t i = 0; i < all->n; i++) {
        own_drop(&all->v[i].type);
        own_drop(&all->v[i].property);
    }
    free(all->v);
    own_drop(&all->target);
    *all = (struct subscriptions){0};
}

/* The same for the same subscription, in every run. */
static uint64_t
id_of(struct str type, const struct crm_type *object, struct str property)
{
    struct buf auto_buf text;
    uint8_t d[4];
    buf_init(&text, 1024);
    buf_addf(&text, "%.*s/%s/%.*s", STR_ARG(type),
             object != NULL ? object->singular : "", STR_ARG(property));
    (void)crypto_generichash(d, sizeof(d), (const uint8_t *)text.p, text.n,
                             NULL, 0); /* sizes that it takes */
    return 1000000 + (uint64_t)d[0] * 65536 + (uint64_t)d[1] * 256 + d[2];
}

static struct str
text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return str_of(json_string_value(value), json_string_length(value));
}

/* Kinds of records that are not emulated never happen; they are left out. */
static bool
add_one(struct subscriptions *all, const json_t *one)
{
    struct str type = text_of(one, "subscriptionType"), rest = type, object;
    struct subscription s = {0};
    if (!str_cut(&rest, '.', &object) || rest.n == 0)
        return false;
    if (json_is_false(json_object_get(one, "active")))
        return true;
    s.is_generic = str_equal(object, STR("object"));
    if (s.is_generic)
        object = text_of(one, json_object_get(one, "objectType") != NULL
                                  ? "objectType"
                                  : "objectName");
    s.object = crm_type_find(object);
    if (s.object == NULL || !happening_find(rest, &s.kind))
        return true;
    struct str property = text_of(one, "propertyName");
    s.property = own_text(property.n > 0 ? property : STR_NONE);
    s.type = own_text(type);
    s.id = id_of(type, s.object, s.property);
    all->v = own_room(all->v, all->n, &all->room, sizeof(*all->v));
    all->v[all->n++] = s;
    return true;
}

static bool
add_list(struct subscriptions *all, const json_t *lists, const char *name)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(lists, name), i, one)
    {
        if (!add_one(all, one))
            return false;
    }
    return true;
}

static enum err
read_config(struct subscriptions *all, const json_t *file, const char *path,
            struct buf *out_why)
{
    const json_t *config = json_object_get(file, "config");
    const json_t *settings = json_object_get(config, "settings");
    const json_t *lists = json_object_get(config, "subscriptions");
    if (!str_equal(text_of(file, "type"), STR("webhooks"))) {
        buf_addf(out_why, "%s: its type is not \"webhooks\"", path);
        return ERR_CONFIG;
    }
    all->is_declared = true;
    own_replace(&all->target, text_of(settings, "targetUrl"));
    json_int_t most =
        json_integer_value(json_object_get(settings, "maxConcurrentRequests"));
    all->concurrency = most > 0 ? (uint64_t)most : 0;
    if (add_list(all, lists, "crmObjects") &&
        add_list(all, lists, "legacyCrmObjects") &&
        add_list(all, lists, "hubEvents"))
        return ERR_OK;
    buf_addf(out_why, "%s: a subscriptionType is missing or has no dot", path);
    return ERR_CONFIG;
}

static enum err
read_file(struct subscriptions *all, const char *path, struct buf *out_why)
{
    json_error_t error;
    json_t *file = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (file == NULL) {
        buf_addf(out_why, "%s: %s (line %d)", path, error.text, error.line);
        return ERR_CONFIG;
    }
    enum err e = read_config(all, file, path, out_why);
    json_decref(file);
    return e;
}

enum err
subscriptions_read(struct subscriptions *all, const char *app_path,
                   struct buf *out_why)
{
    struct buf auto_buf folder, path;
    size_t n = strlen(app_path);
    enum err e = ERR_OK;
    buf_init(&folder, 4096);
    buf_init(&path, 8192);
    while (n > 0 && app_path[n - 1] != '/')
        n--;
    buf_addf(&folder, "%.*swebhooks", (int)n, app_path);
    DIR *d = opendir(buf_text(&folder));
    if (d == NULL)
        return ERR_OK; /* the app has no webhooks */
    for (struct dirent *f; e == ERR_OK && (f = readdir(d)) != NULL;) {
        if (!str_ends(str_from(f->d_name), STR("-hsmeta.json")))
            continue;
        buf_clear(&path);
        buf_addf(&path, "%s/%s", buf_text(&folder), f->d_name);
        e = read_file(all, buf_text(&path), out_why);
    }
    (void)closedir(d); /* only read */
    return e;
}

static bool
is_meant(const struct subscription *s, const struct happening *h)
{
    return s->kind == h->kind && s->object == h->type &&
           (s->property.p == NULL || h->kind != HAPPENING_CHANGE ||
            str_equal(s->property, h->property));
}

void
subscriptions_usual(const struct happening *h, struct buf *type_text,
                    struct happening_push *out)
{
    struct str name = happening_name(h->kind);
    buf_clear(type_text);
    buf_addf(type_text, "%s.%.*s", h->type != NULL ? h->type->singular : "app",
             STR_ARG(name));
    *out = (struct happening_push){
        .subscription_id = id_of(buf_str(type_text), h->type, STR_NONE),
        .subscription_type = buf_str(type_text),
    };
}

bool
subscriptions_match(const struct subscriptions *all, const struct happening *h,
                    size_t *at, struct buf *type_text,
                    struct happening_push *out)
{
    if (!all->is_declared) {
        subscriptions_usual(h, type_text, out);
        return (*at)++ == 0;
    }
    for (; *at < all->n; (*at)++) {
        const struct subscription *s = &all->v[*at];
        if (!is_meant(s, h))
            continue;
        *out = (struct happening_push){.subscription_id = s->id,
                                       .subscription_type = s->type,
                                       .is_generic = s->is_generic};
        (*at)++;
        return true;
    }
    return false;
}

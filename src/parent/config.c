#define _GNU_SOURCE
#include "parent/config_int.h"

#include "base/limits.h"

#include <stdlib.h>
#include <unistd.h>

/*
 * Sections and entries become values: for each key of the table, the
 * environment before the file before the default.
 */
struct loader {
    struct arena *arena;
    struct config *config;
    struct config_section *sections;
    struct config_problems *problems;
    struct config_value value;
    struct strs env_used; /* names of variables that were taken */
    size_t env_room;
};

const struct config_app *
config_find_app(const struct config *config, struct str name)
{
    for (size_t i = 0; i < config->n_apps; i++)
        if (str_equal(config->apps[i].name, name))
            return &config->apps[i];
    return NULL;
}

void
config_problem_add_text(const struct config_problems *problems, size_t i,
                        struct buf *out)
{
    const struct config_problem *p = &problems->v[i];
    buf_add(out, problems->file);
    if (p->line > 0)
        buf_addf(out, ":%u", p->line);
    buf_addf(out, ": %s: %.*s", p->is_warning ? "warning" : "error",
             STR_ARG(p->text));
}

/* The folder of the configuration file, absolute, with its slash. */
static struct str
folder_of(struct arena *arena, const char *path)
{
    char here[4096] = "";
    while (path[0] == '.' && path[1] == '/')
        path += 2;
    const char *slash = strrchr(path, '/');
    int n = slash == NULL ? 0 : (int)(slash - path) + 1;
    if (path[0] == '/')
        return arena_printf(arena, "%.*s", n, path);
    if (getcwd(here, sizeof(here)) == NULL)
        here[0] = '\0'; /* a deleted directory: paths fail when opened */
    return arena_printf(arena, "%s/%.*s", here, n, path);
}

/* PORTKEEP_SECTION_KEY, PORTKEEP_APP_NAME_KEY */
static struct str
env_name(struct arena *arena, const struct config_section *s, const char *key)
{
    struct str name =
        arena_printf(arena, "PORTKEEP_%.*s%s%.*s_%s", STR_ARG(s->kind),
                     s->name.n > 0 ? "_" : "", STR_ARG(s->name), key);
    char *p = (char *)(uintptr_t)name.p; /* ours: just made */
    for (size_t i = 0; i < name.n; i++) {
        if (p[i] >= 'a' && p[i] <= 'z')
            p[i] = (char)(p[i] - 'a' + 'A');
        else if (p[i] == '-')
            p[i] = '_';
    }
    return name;
}

static const char *
env_value(struct loader *l, const struct config_section *s,
          const struct config_key *key)
{
    struct str name = env_name(l->arena, s, key->name);
    const char *value = getenv(name.p);
    if (value == NULL)
        return NULL;
    if (l->env_used.n < l->env_room)
        l->env_used.v[l->env_used.n++] = name;
    if (key->type != CONFIG_SECRET)
        return value;
    problem_add(l->problems, 0,
                "%s is set: a secret and its place never come from the "
                "environment",
                name.p);
    return NULL;
}

static const struct config_entry *
find_entry(const struct config_section *s, const char *key)
{
    for (const struct config_entry *e = s->first; e != NULL; e = e->next)
        if (str_equal(e->key, str_from(key)))
            return e;
    return NULL;
}

/* [server] public_url, [app crm-sync] scopes */
static struct str
key_words(struct arena *arena, const struct config_section *s, const char *key)
{
    return arena_printf(arena, "[%.*s%s%.*s] %s", STR_ARG(s->kind),
                        s->name.n > 0 ? " " : "", STR_ARG(s->name), key);
}

static void
set(struct loader *l, const struct config_section *s,
    const struct config_key *key, void *base)
{
    const struct config_entry *entry = find_entry(s, key->name);
    const char *env = env_value(l, s, key);
    unsigned line = entry != NULL && env == NULL ? entry->line : 0;
    struct str text = str_from(key->fallback);
    struct buf auto_buf why = {0};
    if (env != NULL)
        text = arena_copy(l->arena, str_from(env));
    else if (entry != NULL && entry->value.n > 0)
        text = entry->value;
    buf_init(&why, 1024);
    if (text.n == 0) {
        if ((key->flags & CONFIG_REQUIRED) != 0)
            problem_add(l->problems, entry != NULL ? entry->line : s->line,
                        "%s is missing: %s",
                        key_words(l->arena, s, key->name).p, key->sentence);
        return;
    }
    l->value.why = &why;
    if (config_value_set(&l->value, key, text, base) != ERR_OK)
        problem_add(
            l->problems, line, "%s%s: %s", key_words(l->arena, s, key->name).p,
            env != NULL ? " (from the environment)" : "", buf_text(&why));
}

static void
set_all(struct loader *l, const struct config_section *s, void *base)
{
    for (size_t i = 0; i < config_keys_n; i++)
        if (str_equal(s->kind, str_from(config_keys[i].section)))
            set(l, s, &config_keys[i], base);
    for (const struct config_entry *e = s->first; e != NULL; e = e->next) {
        if (config_key_find(s->kind, e->key) != NULL)
            continue;
        struct str hint = config_key_hint(l->arena, s->kind, e->key);
        problem_add(l->problems, e->line,
                    "there is no key \"%.*s\" in [%.*s]%.*s", STR_ARG(e->key),
                    STR_ARG(s->kind), STR_ARG(hint));
    }
}

/* Keys that go with the type of the app. */
static void
check_type(struct loader *l, const struct config_section *s, bool is_static)
{
    for (size_t i = 0; i < config_keys_n; i++) {
        const struct config_key *key = &config_keys[i];
        if (!str_equal(s->kind, str_from(key->section)))
            continue;
        const struct config_entry *e = find_entry(s, key->name);
        bool is_set = e != NULL && e->value.n > 0;
        if (is_static && is_set && (key->flags & CONFIG_OAUTH_ONLY) != 0)
            problem_add(l->problems, e->line,
                        "%s means nothing with type = static: take it out",
                        key_words(l->arena, s, key->name).p);
        if (!is_static && !is_set && (key->flags & CONFIG_OAUTH_NEEDED) != 0 &&
            getenv(env_name(l->arena, s, key->name).p) == NULL)
            problem_add(l->problems, s->line, "%s is missing: %s",
                        key_words(l->arena, s, key->name).p, key->sentence);
    }
}

static void
load_app(struct loader *l, const struct config_section *s)
{
    if (l->config->n_apps == LIMIT_APPS) {
        problem_add(l->problems, s->line, "there are more than %d apps",
                    LIMIT_APPS);
        return;
    }
    struct config_app *app = &l->config->apps[l->config->n_apps++];
    app->name = s->name;
    app->line = s->line;
    set_all(l, s, app);
    app->is_static = str_equal(app->type, STR("static"));
    if (app->title.n == 0)
        app->title = app->name;
    check_type(l, s, app->is_static);
}

/* Those that are not in the file have their defaults and the environment. */
static void
load_single(struct loader *l, const char *kind)
{
    struct config_section none = {.kind = str_from(kind)};
    const struct config_section *found = &none;
    for (const struct config_section *s = l->sections; s != NULL; s = s->next)
        if (str_equal(s->kind, none.kind))
            found = s;
    set_all(l, found, l->config);
}

static void
check_environment(struct loader *l)
{
    static const char *const ours[] = {"PORTKEEP_SERVER_", "PORTKEEP_STORE_",
                                       "PORTKEEP_HUBSPOT_", "PORTKEEP_APP_"};
    for (char **at = environ; at != NULL && *at != NULL; at++) {
        struct str rest = str_from(*at), name;
        (void)str_cut(&rest, '=', &name); /* never empty */
        bool is_ours = false;
        for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
            is_ours = is_ours || str_starts(name, str_from(ours[i]));
        if (is_ours && !strs_have(l->env_used, name))
            problem_add(l->problems, 0,
                        "the environment has %s, which overrides no key of "
                        "this configuration",
                        log_quote(name));
    }
}

static void
load_sections(struct loader *l)
{
    struct config *c = l->config;
    l->env_room = (LIMIT_APPS + 3) * config_keys_n;
    l->env_used.v = arena_alloc(l->arena, l->env_room * sizeof(struct str));
    c->apps = arena_alloc(l->arena, LIMIT_APPS * sizeof(*c->apps));
    load_single(l, "server");
    load_single(l, "store");
    load_single(l, "hubspot");
    for (const struct config_section *s = l->sections; s != NULL; s = s->next)
        if (str_equal(s->kind, STR("app")))
            load_app(l, s);
    if (!log_level_parse(c->log_level_name, &c->log_level))
        c->log_level = LOG_INFO; /* a problem already */
    check_environment(l);
}

struct str
config_fixed_change(struct arena *arena, const struct config *old,
                    const struct config *next)
{
    for (size_t i = 0; i < config_keys_n; i++) {
        const struct config_key *key = &config_keys[i];
        if ((key->flags & CONFIG_RELOADABLE) != 0)
            continue;
        /* Each such key is a text, or a struct that begins with one. */
        struct str a, b;
        memcpy(&a, (const char *)old + key->offset, sizeof(a));
        memcpy(&b, (const char *)next + key->offset, sizeof(b));
        if (!str_equal(a, b))
            return arena_printf(arena, "[%s] %s", key->section, key->name);
    }
    return STR_NONE;
}

/* Only where the file itself says so: the default may be another service's. */
static struct str
socket_of_file(const struct loader *l)
{
    for (const struct config_section *s = l->sections; s != NULL; s = s->next)
        if (str_equal(s->kind, STR("server")) &&
            find_entry(s, "admin_socket") != NULL)
            return l->config->admin_socket;
    return STR_NONE;
}

static int
compare_lines(const void *a, const void *b)
{
    const struct config_problem *x = a, *y = b;
    return x->line < y->line ? -1 : x->line > y->line;
}

enum err
config_load(struct arena *arena, const char *path, struct config *out,
            struct config_problems *problems)
{
    struct config config = {.file = arena_copy(arena, str_from(path))};
    struct loader l = {
        .arena = arena,
        .config = &config,
        .problems = problems,
        .value = {.arena = arena, .folder = folder_of(arena, path)}};
    *problems = (struct config_problems){.arena = arena, .file = config.file};
    *out = (struct config){.file = config.file};
    enum err e = config_text_read(arena, path, &l.sections, problems);
    if (e != ERR_OK)
        return e;
    load_sections(&l);
    config_rules_check(&config, l.sections, problems);
    if (problems->n > 0)
        qsort(problems->v, problems->n, sizeof(*problems->v), compare_lines);
    if (problems->n_errors > 0) {
        *out = (struct config){.file = config.file,
                               .admin_socket = socket_of_file(&l)};
        return ERR_CONFIG;
    }
    *out = config;
    return ERR_OK;
}

#define _GNU_SOURCE
#include "parent/settings.h"

#include "base/limits.h"
#include "ipc/fd.h"
#include "parent/files.h"

#include <unistd.h>

void
settings_node(char out[static SETTINGS_NODE_MAX + 1])
{
    char name[256] = "";
    size_t n = 0;
    if (gethostname(name, sizeof(name) - 1) != 0)
        name[0] = '\0';
    for (const char *p = name; *p != '\0' && *p != '.'; p++) {
        char c = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if ((is_plain || c == '-') && n < SETTINGS_NODE_MAX)
            out[n++] = c;
    }
    if (n == 0) {
        memcpy(out, "node", 4);
        n = 4;
    }
    out[n] = '\0';
}

static struct strs
target_urls(const struct config *c, struct str room[static LIMIT_APPS])
{
    struct strs all = {.v = room};
    for (size_t i = 0; i < c->n_apps; i++)
        if (c->apps[i].webhook_target.n > 0)
            room[all.n++] = c->apps[i].webhook_target;
    return all;
}

bool
settings_want(const struct settings *s, enum role role)
{
    struct str targets[LIMIT_APPS];
    return role != ROLE_DELIVER || target_urls(s->config, targets).n > 0;
}

static void
send_settings(const struct settings *s, struct process *x)
{
    const struct config *c = s->config;
    char node[SETTINGS_NODE_MAX + 1];
    struct str targets[LIMIT_APPS];
    struct life_settings m = {
        .index = x->index,
        .log_level = (uint32_t)c->log_level,
        .user = geteuid() == 0 ? c->user : STR_NONE,
        .is_sandboxed = s->is_sandboxed,
        .public_url = c->public_url,
    };
    settings_node(node);
    if (x->role == ROLE_KEEPER) {
        m.authorize_url = c->authorize_url;
        m.node = str_from(node);
        m.data_dir = c->data_dir;
        m.store_path = c->store_path;
        m.events_keep_s = (uint32_t)(c->events_keep_ms / 1000);
        m.events_max = c->events_max;
    } else if (x->role != ROLE_FRONT) {
        m.ca_file = c->ca_file;
    }
    if (x->role == ROLE_RELAY || x->role == ROLE_COURIER)
        m.api_url = c->api_url;
    if (x->role == ROLE_COURIER) {
        m.oauth_version = c->oauth_version;
        m.journal_hosts = c->journal_hosts;
    }
    if (x->role == ROLE_DELIVER) {
        m.is_deliver = true;
        m.target_urls = target_urls(c, targets);
    }
    if (x->role == ROLE_RELAY)
        m.revocation_max_ms = (uint32_t)c->revocation_max_ms;
    channel_event(x->life, LIFE_SETTINGS, &m);
}

static void
add_events(struct life_app *m, const struct config_app *app)
{
    m->webhook_target = app->webhook_target;
    m->webhook_urls = app->webhook_url;
    m->takes_v2 = strs_have(app->webhook_signatures, STR("v2"));
    m->takes_v1 = strs_have(app->webhook_signatures, STR("v1"));
    m->is_journal = str_equal(app->events_from, STR("journal"));
    m->webhook_batch = (uint32_t)app->webhook_batch;
    m->erase_gone_after_s = (uint32_t)(app->erase_gone_after_ms / 1000);
    m->erase_grace_s = (uint32_t)(app->erase_grace_ms / 1000);
}

static void
send_app(const struct config *c, const struct config_app *app,
         struct process *x)
{
    struct life_app m = {.name = app->name, .is_static = app->is_static};
    struct buf auto_buf url = {0};
    struct str default_url;
    buf_init(&url, LIMIT_URL);
    buf_addf(&url, "%.*s/webhooks/%.*s", STR_ARG(c->public_url),
             STR_ARG(app->name));
    default_url = buf_str(&url);
    if (x->role == ROLE_FRONT || x->role == ROLE_KEEPER) {
        m.title = app->title;
        m.support_url = app->support_url;
        m.privacy_url = app->privacy_url;
    }
    if (x->role == ROLE_KEEPER) {
        m.client_id = app->client_id;
        m.scopes = app->scopes;
        m.optional_scopes = app->optional_scopes;
        m.conditional_scopes = app->conditional_scopes;
        m.return_to = app->return_to;
        m.sign_in_url = app->sign_in_url;
        m.is_marketplace = app->is_marketplace;
        m.keeps_user_email = app->keeps_user_email;
        add_events(&m, app);
        if (m.webhook_urls.n == 0)
            m.webhook_urls = (struct strs){&default_url, 1};
    }
    channel_event(x->life, LIFE_APP, &m);
}

static void
give(struct process *x, enum life_descriptor_kind kind, struct str app, int fd)
{
    struct life_descriptor m = {.kind = kind, .app = app};
    channel_event_fd(x->life, LIFE_DESCRIPTOR, &m, fd);
}

static enum err
give_secret(const struct settings *s, struct process *x,
            enum life_descriptor_kind kind, struct str app,
            const struct config_secret *secret, struct buf *why)
{
    int fd = -1;
    if (secret->path.n == 0)
        return ERR_OK;
    enum err e = files_open_secret(s->config, secret, &fd, why);
    struct life_descriptor m = {.kind = kind, .app = app, .path = secret->path};
    if (e == ERR_OK)
        channel_event_fd(x->life, LIFE_DESCRIPTOR, &m, fd);
    fd_close(&fd);
    return e;
}

static enum err
give_data(const struct settings *s, struct process *x,
          enum life_descriptor_kind kind, const char *name, struct buf *why)
{
    int fd = -1;
    enum err e = files_open_data(s->config, name, &fd, why);
    if (e == ERR_OK && x->role == ROLE_COURIER)
        files_hold(fd); /* the next start waits for what it still writes */
    if (e == ERR_OK)
        give(x, kind, STR_NONE, fd);
    fd_close(&fd);
    return e;
}

static enum err
give_app_secrets(const struct settings *s, struct process *x,
                 const struct config_app *a, struct buf *why)
{
    const struct {
        enum life_descriptor_kind kind;
        const struct config_secret *secret;
    } all[] = {
        {LIFE_FD_CLIENT_SECRET, &a->client_secret},
        {LIFE_FD_CLIENT_SECRET_OLD, &a->client_secret_previous},
        {LIFE_FD_WEBHOOK_SECRET, &a->webhook_secret},
        {LIFE_FD_WEBHOOK_SECRET_OLD, &a->webhook_secret_previous},
    };
    enum err e = ERR_OK;
    for (size_t i = 0; e == ERR_OK && i < sizeof(all) / sizeof(all[0]); i++)
        e = give_secret(s, x, all[i].kind, a->name, all[i].secret, why);
    return e;
}

static enum err
give_to_keeper(const struct settings *s, struct process *x, struct buf *why)
{
    const struct config *c = s->config;
    enum err e =
        give_secret(s, x, LIFE_FD_MASTER_KEY, STR_NONE, &c->master_key, why);
    for (size_t i = 0; e == ERR_OK && i < c->n_apps; i++)
        e = give_app_secrets(s, x, &c->apps[i], why);
    if (e == ERR_OK)
        e = give_data(s, x, LIFE_FD_SPILL, CONFIG_SPILL_FILE, why);
    if (e == ERR_OK)
        e = give_data(s, x, LIFE_FD_ERASURES, CONFIG_ERASURES_FILE, why);
    return e;
}

static enum err
give_to_front(const struct settings *s, struct process *x, struct buf *why)
{
    const struct config *c = s->config;
    int fd = -1;
    give(x, LIFE_FD_LISTEN, STR_NONE, s->public_fd);
    if (c->tls_cert.n == 0)
        return ERR_OK;
    enum err e = files_open_plain(c->tls_cert, &fd, why);
    if (e == ERR_OK)
        give(x, LIFE_FD_TLS_CHAIN, STR_NONE, fd);
    fd_close(&fd);
    if (e == ERR_OK)
        e = give_secret(s, x, LIFE_FD_TLS_KEY, STR_NONE, &c->tls_key, why);
    return e;
}

static enum err
give_descriptors(const struct settings *s, struct process *x, struct buf *why)
{
    switch (x->role) {
    case ROLE_KEEPER:
        return give_to_keeper(s, x, why);
    case ROLE_FRONT:
        return give_to_front(s, x, why);
    case ROLE_RELAY:
        give(x, LIFE_FD_LISTEN, STR_NONE, s->private_fd);
        return ERR_OK;
    case ROLE_COURIER:
        return give_data(s, x, LIFE_FD_SPILL, CONFIG_SPILL_FILE, why);
    case ROLE_DELIVER:
        return ERR_OK;
    }
    return ERR_OK;
}

/* A channel to the keeper: the other end waits until x is ready. */
static enum err
give_work(struct process *x)
{
    int pair[2];
    if (x->role == ROLE_KEEPER)
        return ERR_OK;
    enum err e = fd_pair(pair);
    if (e != ERR_OK)
        return e;
    give(x, LIFE_FD_WORK, STR_NONE, pair[0]);
    fd_close(&pair[0]);
    x->keeper_end = pair[1];
    return ERR_OK;
}

enum err
settings_send(const struct settings *s, struct process *x, bool is_reload,
              struct buf *why)
{
    struct life_apply apply = {.is_reload = is_reload};
    enum err e = ERR_OK;
    send_settings(s, x);
    bool has_apps = x->role != ROLE_COURIER && x->role != ROLE_DELIVER;
    for (size_t i = 0; has_apps && i < s->config->n_apps; i++)
        send_app(s->config, &s->config->apps[i], x);
    if (!is_reload)
        e = give_work(x);
    if (e == ERR_OK)
        e = give_descriptors(s, x, why);
    if (e == ERR_OK)
        channel_event(x->life, LIFE_APPLY, &apply);
    return e;
}

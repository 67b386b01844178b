#include "parent/config_int.h"

#include "base/limits.h"
#include "ipc/fd.h"
#include "parent/files.h"
#include "sandbox/user.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

struct checks {
    struct arena *arena; /* of the sentences' parts */
    const struct config *config;
    struct config_problems *problems;
};

static void
check_secret(const struct checks *c, const struct config_secret *secret,
             unsigned line, const char *app, const char *key)
{
    struct buf auto_buf why = {0};
    int fd = -1;
    if (secret->path.n == 0)
        return;
    buf_init(&why, LIMIT_URL);
    if (files_open_secret(c->config, secret, &fd, &why) != ERR_OK)
        problem_add(c->problems, line, "[%s] %s: %s", app, key, buf_text(&why));
    fd_close(&fd);
}

static void
check_plain(const struct checks *c, struct str path, const char *key)
{
    struct buf auto_buf why = {0};
    int fd = -1;
    if (path.n == 0)
        return;
    buf_init(&why, LIMIT_URL);
    if (files_open_plain(path, &fd, &why) != ERR_OK)
        problem_add(c->problems, 0, "%s: %s", key, buf_text(&why));
    fd_close(&fd);
}

static void
check_app(const struct checks *c, const struct config_app *app)
{
    struct str section = arena_printf(c->arena, "app %.*s", STR_ARG(app->name));
    check_secret(c, &app->client_secret, app->line, section.p, "client_secret");
    check_secret(c, &app->client_secret_previous, app->line, section.p,
                 "client_secret_previous");
    check_secret(c, &app->webhook_secret, app->line, section.p,
                 "webhook_secret");
}

static struct str
dir_of(const struct checks *c, struct str path)
{
    size_t n = path.n;
    while (n > 1 && path.p[n - 1] != '/')
        n--;
    return arena_copy(c->arena, str_of(path.p, n > 1 ? n - 1 : n));
}

/* The directory itself is made at the first start; the one above is not. */
static void
check_above(const struct checks *c, struct str directory, const char *key)
{
    struct stat about;
    struct str above = dir_of(c, directory);
    if (stat(above.p, &about) != 0)
        problem_add(c->problems, 0, "%s: %s: %s", key, above.p,
                    strerror(errno));
    else if (!S_ISDIR(about.st_mode))
        problem_add(c->problems, 0, "%s: %s is not a directory", key, above.p);
}

/* As a start would find it. */
static void
check_data_dir(const struct checks *c)
{
    struct buf auto_buf why = {0};
    buf_init(&why, LIMIT_URL);
    if (files_check_data_dir(c->config, &why) != ERR_OK)
        problem_add(c->problems, 0, "[store] url: %s", buf_text(&why));
}

static void
check_user(const struct checks *c)
{
    struct user user;
    if (geteuid() == 0 && user_find(c->config->user, &user) != ERR_OK)
        problem_add(c->problems, 0,
                    "[server] user: there is no user \"%.*s\" in /etc/passwd: "
                    "make one (useradd --system %.*s), or name another",
                    STR_ARG(c->config->user), STR_ARG(c->config->user));
}

enum err
config_check_files(struct arena *arena, const struct config *config,
                   struct config_problems *problems)
{
    const struct checks c = {arena, config, problems};
    check_user(&c);
    check_plain(&c, config->tls_cert, "[server] tls_cert");
    check_secret(&c, &config->tls_key, 0, "server", "tls_key");
    check_secret(&c, &config->master_key, 0, "store", "master_key");
    check_plain(&c, config->ca_file, "[hubspot] ca_file");
    check_above(&c, config->data_dir, "[store] url");
    check_data_dir(&c);
    check_above(&c, dir_of(&c, config->admin_socket), "[server] admin_socket");
    for (size_t i = 0; i < config->n_apps; i++)
        check_app(&c, &config->apps[i]);
    return problems->n_errors == 0 ? ERR_OK : ERR_CONFIG;
}

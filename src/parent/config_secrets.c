#include "parent/config_int.h"

#include "base/limits.h"
#include "base/secret.h"
#include "hubspot/standard_webhooks.h"
#include "ipc/fd.h"
#include "parent/files.h"

#include <unistd.h>

/* The keeper refuses the same at a start and at a reload: keeper/apps.c. */
static enum err
check_webhook_key(struct hidden line, const char **why)
{
    struct buf auto_buf key = {0};
    buf_init_secret(&key, WEBHOOK_KEY_MAX);
    enum err e = webhook_key_decode(line, &key);
    if (e != ERR_OK)
        *why = WEBHOOK_KEY_WANTED;
    return e;
}

static enum err
read_line(int fd, bool is_webhook, const char **why)
{
    char text[LIMIT_SECRET_FILE];
    auto_wipe(text);
    struct hidden line;
    ssize_t n = pread(fd, text, sizeof(text), 0);
    if (n < 0)
        return ERR_SYSTEM;
    if ((size_t)n == sizeof(text))
        return ERR_LIMIT;
    enum err e = secret_line(HIDDEN(str_of(text, (size_t)n)), &line);
    if (e == ERR_OK && line.s.n > SECRET_MAX)
        e = ERR_LIMIT;
    if (e == ERR_OK && is_webhook)
        e = check_webhook_key(line, why);
    return e;
}

static void
check(const struct config *config, const struct config_app *app,
      const struct config_secret *secret, const char *key,
      struct config_problems *problems)
{
    struct buf auto_buf why = {0};
    const char *key_why = NULL;
    bool is_webhook = str_starts(str_from(key), STR("webhook"));
    int fd = -1;
    buf_init(&why, LIMIT_URL);
    if (secret->path.n == 0 ||
        files_open_secret(config, secret, &fd, &why) != ERR_OK)
        return;
    enum err e = read_line(fd, is_webhook, &key_why);
    if (e != ERR_OK)
        problem_add(problems, app->line, "[app %.*s] %s: %.*s: %s",
                    STR_ARG(app->name), key, STR_ARG(secret->path),
                    key_why != NULL ? key_why : secret_line_problem(e));
    fd_close(&fd);
}

enum err
config_check_secrets(const struct config *config,
                     struct config_problems *problems)
{
    for (size_t i = 0; i < config->n_apps; i++) {
        const struct config_app *app = &config->apps[i];
        check(config, app, &app->client_secret, "client_secret", problems);
        check(config, app, &app->client_secret_previous,
              "client_secret_previous", problems);
        check(config, app, &app->webhook_secret, "webhook_secret", problems);
        check(config, app, &app->webhook_secret_previous,
              "webhook_secret_previous", problems);
    }
    return problems->n_errors == 0 ? ERR_OK : ERR_CONFIG;
}

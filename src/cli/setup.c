#include "cli/setup.h"

#include "base/limits.h"

#include <stdlib.h>
#include <unistd.h>

#define SYSTEM_CONFIG "/etc/portkeep/portkeep.conf"
#define LOCAL_CONFIG "./portkeep.conf"

const char *
setup_path(const struct cli *cli)
{
    const char *given = cli_value(cli, "config");
    if (given == NULL)
        given = getenv("PORTKEEP_CONFIG");
    if (given != NULL && given[0] != '\0')
        return given;
    return access(LOCAL_CONFIG, F_OK) == 0 ? LOCAL_CONFIG : SYSTEM_CONFIG;
}

int
setup_load(struct cli *cli, struct config *out)
{
    struct config_problems problems;
    struct buf auto_buf text = {0};
    const char *path = setup_path(cli);
    if (config_load(cli->arena, path, out, &problems) == ERR_OK)
        return CLI_DONE;
    if (access(path, F_OK) != 0)
        return cli_fail(cli,
                        "there is no configuration at %s: name one with -c, "
                        "or make one with `portkeep init`",
                        path);
    buf_init(&text, LIMIT_CLI_TEXT);
    for (size_t i = 0; i < problems.n; i++) {
        buf_clear(&text);
        config_problem_add_text(&problems, i, &text);
        struct str line = str_trim(buf_str(&text));
        if (!problems.v[i].is_warning)
            (void)cli_fail(cli, "%.*s", STR_ARG(line));
    }
    return CLI_FAILED;
}

const struct config_app *
setup_app(struct cli *cli, const struct config *config, const char *name)
{
    const struct config_app *app = config_find_app(config, str_from(name));
    struct strs names = {
        arena_alloc(cli->arena, (config->n_apps + 1) * sizeof(struct str)), 0};
    if (app != NULL)
        return app;
    for (size_t i = 0; i < config->n_apps; i++)
        names.v[names.n++] = config->apps[i].name;
    struct str all = arena_join(cli->arena, names, ' ');
    (void)cli_fail(cli, "there is no [app %s] in %.*s; its apps: %.*s", name,
                   STR_ARG(config->file), STR_ARG(all));
    return NULL;
}

struct str
setup_url(struct cli *cli, const struct config *config, const char *before,
          struct str app, const char *after)
{
    return arena_printf(cli->arena, "%.*s%s%.*s%s", STR_ARG(config->public_url),
                        before, STR_ARG(app), after);
}

struct str
setup_sibling(struct cli *cli, const char *name)
{
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    struct str folder = str_of(self, n > 0 ? (size_t)n : 0);
    while (folder.n > 0 && folder.p[folder.n - 1] != '/')
        folder.n--;
    return arena_printf(cli->arena, "%.*s%s", STR_ARG(folder), name);
}

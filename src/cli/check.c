#include "base/doc.h"
#include "base/limits.h"
#include "cli/run.h"
#include "cli/setup.h"
#include "cli/show.h"

/* The verbs that need nothing but the configuration file. */

static void
add_problems_json(const struct config_problems *problems, struct buf *out)
{
    struct doc d = doc_into(out);
    doc_open(&d, '{');
    doc_field_str(&d, "file", problems->file);
    doc_key(&d, "problems");
    doc_open(&d, '[');
    for (size_t i = 0; i < problems->n; i++) {
        doc_open(&d, '{');
        doc_field_u64(&d, "line", problems->v[i].line);
        doc_field_bool(&d, "is_warning", problems->v[i].is_warning);
        doc_field_str(&d, "text", problems->v[i].text);
        doc_close(&d, '}');
    }
    doc_close(&d, ']');
    doc_close(&d, '}');
    buf_add_char(out, '\n');
}

static void
add_problems_text(const struct config_problems *problems,
                  const struct config *config, struct buf *out)
{
    for (size_t i = 0; i < problems->n; i++) {
        config_problem_add_text(problems, i, out);
        if (out->n > 0 && out->p[out->n - 1] != '\n')
            buf_add_char(out, '\n');
    }
    if (problems->n_errors == 0)
        buf_addf(out, "%.*s: good, %zu app%s\n", STR_ARG(problems->file),
                 config->n_apps, config->n_apps == 1 ? "" : "s");
}

int
do_check(struct cli *cli)
{
    struct config config;
    struct config_problems problems;
    struct buf auto_buf out = {0};
    enum err e = config_load(cli->arena, setup_path(cli), &config, &problems);
    if (e == ERR_OK)
        e = config_check_files(cli->arena, &config, &problems);
    if (e == ERR_OK)
        e = config_check_secrets(&config, &problems);
    buf_init(&out, LIMIT_CLI_TEXT);
    if (cli->is_json)
        add_problems_json(&problems, &out);
    else
        add_problems_text(&problems, &config, &out);
    int status = cli_print(cli, buf_str(&out));
    return e == ERR_OK ? status : CLI_FAILED;
}

/* As the service takes them: its own path, where no other is known. */
static struct strs
webhook_urls(struct cli *cli, const struct config *config,
             const struct config_app *app)
{
    struct strs own = {arena_alloc(cli->arena, sizeof(*own.v)), 1};
    own.v[0] = setup_url(cli, config, "/webhooks/", app->name, "");
    return app->webhook_url.n > 0 ? app->webhook_url : own;
}

int
do_urls(struct cli *cli)
{
    struct config config;
    struct buf auto_buf out = {0};
    int status = setup_load(cli, &config);
    if (status != CLI_DONE)
        return status;
    const struct config_app *app = setup_app(cli, &config, cli_arg(cli, 0));
    if (app == NULL)
        return CLI_FAILED;
    if (app->is_static)
        return cli_fail(cli,
                        "%.*s has a static token: nothing is registered at "
                        "HubSpot; add the token with `portkeep portals add "
                        "--static %.*s`",
                        STR_ARG(app->name), STR_ARG(app->name));
    struct str redirect =
        setup_url(cli, &config, "/oauth/", app->name, "/callback");
    buf_init(&out, LIMIT_CLI_TEXT);
    struct doc d = doc_into(&out);
    doc_open(&d, '{');
    doc_field_str(&d, "app", app->name);
    doc_field_str(&d, "redirect_url", redirect);
    doc_field_strs(&d, "webhook_urls", webhook_urls(cli, &config, app));
    doc_field_strs(&d, "required_scopes", app->scopes);
    doc_field_strs(&d, "optional_scopes", app->optional_scopes);
    doc_field_strs(&d, "conditional_scopes", app->conditional_scopes);
    doc_close(&d, '}');
    return show_document(cli, buf_str(&out));
}

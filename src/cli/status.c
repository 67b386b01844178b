#include "base/limits.h"
#include "cli/admin.h"
#include "cli/run.h"
#include "cli/show.h"

/* Verbs that are one question to the keeper. */

int
do_status(struct cli *cli)
{
    struct admin *a;
    struct admin_plain ask = {.is_brief = cli_flag(cli, "brief")};
    int status = admin_reach(cli, &a);
    if (status == CLI_DONE)
        status = admin_show(a, ADMIN_STATUS, &ask);
    admin_close(a);
    return status;
}

/* Said here, where the operator looks, and not only in the log. */
static int
check_files(struct cli *cli, struct admin *a)
{
    struct config_problems problems = {0};
    struct buf auto_buf line = {0};
    const struct config *config = admin_config(a);
    enum err e = config_load(cli->arena, setup_path(cli), &(struct config){0},
                             &problems);
    if (e == ERR_OK)
        e = config_check_files(cli->arena, config, &problems);
    buf_init(&line, LIMIT_CLI_TEXT);
    for (size_t i = 0; i < problems.n; i++) {
        buf_clear(&line);
        config_problem_add_text(&problems, i, &line);
        cli_note("%.*s", STR_ARG(str_trim(buf_str(&line))));
    }
    return e == ERR_OK ? CLI_DONE
                       : cli_fail(cli, "nothing was changed: put this right "
                                       "first");
}

int
do_reload(struct cli *cli)
{
    struct admin *a;
    struct admin_plain ask = {.is_brief = false};
    int status = admin_open(cli, &a);
    if (status == CLI_DONE)
        status = check_files(cli, a);
    if (status == CLI_DONE)
        status = admin_show(a, ADMIN_RELOAD, &ask);
    admin_close(a);
    return status;
}

/* What is asked for alone on standard output, so that a script can take it;
 * the rest beside it. */
static int
print_member(const struct cli *cli, const json_t *answer, const char *key)
{
    struct buf auto_buf line = {0};
    struct str text = answer_text(answer, key);
    if (cli->is_json || text.n == 0)
        return show_answer(cli, answer);
    buf_init_secret(&line, text.n + 1);
    buf_add(&line, text);
    buf_add_char(&line, '\n');
    return cli_print(cli, buf_str(&line));
}

static int
connect_link(struct cli *cli, struct admin *a, const struct admin_connect *ask)
{
    json_t *answer;
    if (setup_app(cli, admin_config(a), cli_arg(cli, 0)) == NULL)
        return CLI_FAILED;
    int status = admin_call(a, ADMIN_CONNECT, ask, &answer);
    if (status != CLI_DONE)
        return status;
    status = print_member(cli, answer, "url");
    struct str until = answer_text(answer, "expires_at");
    if (!cli->is_json && until.n > 0)
        cli_note("Send this link to one customer. It is good until %.*s, or "
                 "until an account is connected with it.",
                 STR_ARG(until));
    json_decref(answer);
    return status;
}

int
do_connect(struct cli *cli)
{
    struct admin *a;
    const char *portal = cli_value(cli, "portal");
    struct admin_connect ask = {.app = str_from(cli_arg(cli, 0)),
                                .ref = str_from(cli_value(cli, "ref")),
                                .return_to =
                                    str_from(cli_value(cli, "return-to"))};
    if (portal != NULL && !cli_number(cli, "--portal", portal, &ask.portal))
        return CLI_USAGE;
    int status = admin_open(cli, &a);
    if (status == CLI_DONE)
        status = connect_link(cli, a, &ask);
    admin_close(a);
    return status;
}

int
do_token(struct cli *cli)
{
    struct admin *a;
    json_t *answer;
    struct admin_portal ask = {.app = str_from(cli_arg(cli, 0))};
    if (!cli_number(cli, "PORTAL", cli_arg(cli, 1), &ask.portal))
        return CLI_USAGE;
    int status = admin_reach(cli, &a);
    if (status == CLI_DONE)
        status = admin_call(a, ADMIN_TOKEN, &ask, &answer);
    if (status == CLI_DONE) {
        status = print_member(cli, answer, "access_token");
        json_decref(answer);
    }
    admin_close(a);
    return status;
}

#include "base/limits.h"
#include "cli/ask.h"
#include "cli/page.h"
#include "cli/run.h"
#include "cli/show.h"

/* Grants, one at a time or listed. */

static int
list_of(struct cli *cli, enum admin_type type)
{
    struct admin *a;
    const char *limit = cli_value(cli, "limit");
    struct page_list list = {.type = type,
                             .ask = {.app = str_from(cli_value(cli, "app")),
                                     .ref = str_from(cli_value(cli, "ref"))}};
    if (limit != NULL && !cli_number(cli, "--limit", limit, &list.most))
        return CLI_USAGE;
    bool is_for_app = cli_value(cli, "app") != NULL;
    int status = is_for_app ? admin_open(cli, &a) : admin_reach(cli, &a);
    if (status == CLI_DONE && is_for_app &&
        setup_app(cli, admin_config(a), cli_value(cli, "app")) == NULL)
        status = CLI_FAILED;
    if (status == CLI_DONE)
        status = page_show(cli, a, &list);
    admin_close(a);
    return status;
}

int
do_portals_list(struct cli *cli)
{
    return list_of(cli, ADMIN_PORTALS_LIST);
}

int
do_portals_erased(struct cli *cli)
{
    return list_of(cli, ADMIN_RECEIPTS_LIST);
}

/* APP PORTAL, one question, its answer; asked before where it is final. */
static int
one_portal(struct cli *cli, enum admin_type type, const char *question)
{
    struct admin *a;
    struct admin_portal ask = {.app = str_from(cli_arg(cli, 0))};
    if (!cli_number(cli, "PORTAL", cli_arg(cli, 1), &ask.portal))
        return CLI_USAGE;
    int status = admin_reach(cli, &a);
    if (status == CLI_DONE && question != NULL)
        status = ask_confirm(cli, question);
    if (status == CLI_DONE)
        status = admin_show(a, type, &ask);
    admin_close(a);
    return status;
}

int
do_portals_show(struct cli *cli)
{
    return one_portal(cli, ADMIN_PORTAL_SHOW, NULL);
}

int
do_portals_refresh(struct cli *cli)
{
    return one_portal(cli, ADMIN_PORTAL_REFRESH, NULL);
}

int
do_portals_disconnect(struct cli *cli)
{
    return one_portal(cli, ADMIN_PORTAL_DISCONNECT,
                      "This uninstalls the app from the customer's account at "
                      "HubSpot and erases everything held about it.");
}

int
do_portals_erase(struct cli *cli)
{
    return one_portal(cli, ADMIN_PORTAL_ERASE,
                      "This erases everything held about the account here, "
                      "and leaves the app installed at HubSpot.");
}

static int
add_static(struct cli *cli, struct admin *a, struct admin_add_static *ask)
{
    struct buf auto_buf token = {0};
    const struct config_app *app =
        setup_app(cli, admin_config(a), cli_arg(cli, 0));
    if (app == NULL)
        return CLI_FAILED;
    if (!app->is_static)
        return cli_fail(cli,
                        "[app %s] has type = oauth: its accounts come by "
                        "`portkeep connect %s`",
                        cli_arg(cli, 0), cli_arg(cli, 0));
    buf_init_secret(&token, LIMIT_TOKEN);
    int status = ask_secret(cli, "Static token (pat-...)", &token);
    if (status != CLI_DONE)
        return status;
    ask->token = HIDDEN(str_trim(buf_str(&token)));
    return admin_show(a, ADMIN_PORTAL_ADD_STATIC, ask);
}

int
do_portals_add(struct cli *cli)
{
    struct admin *a;
    struct admin_add_static ask = {.app = str_from(cli_arg(cli, 0)),
                                   .ref = str_from(cli_value(cli, "ref"))};
    if (!cli_flag(cli, "static"))
        return cli_usage(cli,
                         "only static tokens are added by hand: say --static; "
                         "other accounts come by `portkeep connect` or "
                         "`portkeep portals import`");
    int status = admin_open(cli, &a);
    if (status == CLI_DONE)
        status = add_static(cli, a, &ask);
    admin_close(a);
    return status;
}

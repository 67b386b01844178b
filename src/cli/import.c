#include "base/doc.h"
#include "base/limits.h"
#include "cli/admin.h"
#include "cli/progress.h"
#include "cli/rows.h"
#include "cli/run.h"

#include <errno.h>
#include <sodium.h>
#include <time.h>

/*
 * `portals import`: a row, a question, a line of the report; so it can be
 * stopped anywhere, and what failed can be imported again.
 */
#define THROTTLED_TRIES 20
#define THROTTLED_WAIT_S 3

struct import {
    struct cli *cli;
    struct admin *admin;
    struct progress bar;
    uint64_t n_good, n_bad;
    char input[65536]; /* of the file; wiped */
};

static int
report(struct import *im, const struct rows *rows, const struct row *row,
       struct str refusal)
{
    struct buf auto_buf line = {0};
    const char *result = refusal.n > 0                  ? "refused"
                         : cli_flag(im->cli, "dry-run") ? "readable"
                                                        : "imported";
    buf_init(&line, LIMIT_FRAME);
    if (im->cli->is_json) {
        struct doc d = doc_into(&line);
        doc_open(&d, '{');
        doc_field_u64(&d, "line", rows->line);
        doc_field_str(&d, "app", row->app);
        doc_field_u64(&d, "portal", row->portal);
        doc_field_str(&d, "result", str_from(result));
        doc_field_str(&d, "detail", refusal);
        doc_close(&d, '}');
        buf_add_char(&line, '\n');
    } else {
        buf_addf(&line, "line %u: %.*s", rows->line, STR_ARG(row->app));
        if (row->portal > 0)
            buf_addf(&line, " %llu", (unsigned long long)row->portal);
        buf_addf(&line, " %s%s%.*s\n", result, refusal.n > 0 ? ": " : "",
                 STR_ARG(refusal));
    }
    im->n_bad += refusal.n > 0;
    im->n_good += refusal.n == 0;
    progress_clear(&im->bar);
    return cli_print(im->cli, buf_str(&line));
}

static int
ask_once(struct import *im, const struct config_app *app, const struct row *row,
         struct admin_reply *out)
{
    struct admin_import ask = {.app = row->app,
                               .portal = row->portal,
                               .ref = row->ref,
                               .refresh_token = row->refresh_token};
    struct admin_add_static fixed = {
        .app = row->app, .token = row->refresh_token, .ref = row->ref};
    if (app->is_static)
        return admin_ask(im->admin, ADMIN_PORTAL_ADD_STATIC, &fixed, out);
    return admin_ask(im->admin, ADMIN_PORTAL_IMPORT, &ask, out);
}

/* HubSpot limits how often tokens may be looked at: wait, and ask again. */
static int
ask_patiently(struct import *im, const struct config_app *app,
              const struct row *row, struct admin_reply *out)
{
    struct timespec pause = {.tv_sec = THROTTLED_WAIT_S};
    int status = ask_once(im, app, row, out);
    for (int i = 0;
         status == CLI_DONE && out->err == ERR_THROTTLED && i < THROTTLED_TRIES;
         i++) {
        (void)nanosleep(&pause, NULL); /* a shorter one is fine too */
        status = ask_once(im, app, row, out);
    }
    return status;
}

static int
import_row(struct import *im, const struct rows *rows, struct row *row)
{
    struct admin_reply reply;
    const struct config_app *app =
        config_find_app(admin_config(im->admin), row->app);
    if (app == NULL)
        return report(im, rows, row,
                      row->app.n > 0
                          ? STR("there is no such app in the configuration")
                          : STR("app is missing: a column, or --app"));
    if (cli_flag(im->cli, "dry-run"))
        return report(im, rows, row, STR(""));
    int status = ask_patiently(im, app, row, &reply);
    if (status != CLI_DONE)
        return status;
    if (reply.err == ERR_OK) {
        uint64_t portal = answer_number(reply.json, "portal");
        row->portal = portal > 0 ? portal : row->portal;
        json_decref(reply.json);
        return report(im, rows, row, STR(""));
    }
    return report(im, rows, row,
                  reply.detail.n > 0 ? reply.detail
                                     : str_from(err_name(reply.err)));
}

/* One row; ERR_CLOSED in *out_e at the end. */
static int
take_row(struct import *im, struct rows *rows, enum err *out_e)
{
    struct row row = {0};
    struct buf auto_buf problem = {0};
    const char *app = cli_value(im->cli, "app");
    buf_init(&problem, LIMIT_URL);
    *out_e = rows_next(rows, &row, &problem);
    if (*out_e == ERR_CLOSED)
        return CLI_DONE;
    if (*out_e == ERR_SYNTAX)
        return cli_fail(im->cli, "%s: %s", cli_arg(im->cli, 0),
                        buf_text(&problem));
    if (row.app.n == 0 && app != NULL)
        row.app = str_from(app);
    progress_step(&im->bar, 1);
    if (*out_e != ERR_OK)
        return report(im, rows, &row, buf_str(&problem));
    return import_row(im, rows, &row);
}

static int
import_file(struct import *im, FILE *file)
{
    struct rows rows;
    enum err e = ERR_OK;
    int status = CLI_DONE;
    rows_open(&rows, file);
    while (status == CLI_DONE && e != ERR_CLOSED)
        status = take_row(im, &rows, &e);
    rows_close(&rows);
    progress_clear(&im->bar);
    cli_note("%llu %s, %llu refused", (unsigned long long)im->n_good,
             cli_flag(im->cli, "dry-run") ? "readable" : "imported",
             (unsigned long long)im->n_bad);
    if (status == CLI_DONE && im->n_bad > 0)
        return CLI_FAILED;
    return status;
}

int
do_portals_import(struct cli *cli)
{
    const char *name = cli_arg(cli, 0);
    bool is_stdin = strcmp(name, "-") == 0;
    struct import *im = arena_alloc(cli->arena, sizeof(*im));
    im->cli = cli;
    im->bar.what = "rows";
    FILE *file = is_stdin ? stdin : fopen(name, "re");
    if (file == NULL)
        return cli_fail(cli, "cannot read %s: %s", name, strerror(errno));
    /* Its own buffer would keep tokens in memory that nobody wipes. */
    (void)setvbuf(file, im->input, _IOFBF, sizeof(im->input));
    int status = admin_open(cli, &im->admin);
    if (status == CLI_DONE)
        status = import_file(im, file);
    admin_close(im->admin);
    (void)fclose(file); /* only read */
    return status;
}

#define _GNU_SOURCE
#include "cli/events.h"
#include "cli/page.h"
#include "cli/progress.h"
#include "cli/run.h"
#include "cli/show.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/*
 * `portals export`: what is held about one account, or about all of them as
 * JSON lines, with their tokens only into a file that nobody else reads.
 */

#define EVENTS_PAGE 200

struct export
{
    struct cli *cli;
    FILE *file;
    struct progress bar;
};

/* Each row on a line of its own, straight into the stream. */
static int
write_row(const json_t *row, void *arg)
{
    struct export *ex = arg;
    progress_step(&ex->bar, 1);
    if (json_dumpf(row, ex->file, JSON_COMPACT) != 0 ||
        fputc('\n', ex->file) == EOF)
        return cli_fail(ex->cli, "cannot write the export: %s",
                        strerror(errno));
    return CLI_DONE;
}

static int
export_all(struct export *ex, struct admin *a, bool with_tokens)
{
    struct page_list list = {.type = ADMIN_PORTAL_EXPORT,
                             .ask = {.app = str_from(cli_arg(ex->cli, 0)),
                                     .with_tokens = with_tokens}};
    int status = page_each(a, &list, write_row, ex);
    progress_clear(&ex->bar);
    return status;
}

static int
export_to_file(struct export *ex, struct admin *a, const char *path)
{
    int fd =
        open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return cli_fail(ex->cli, "cannot make %s: %s", path, strerror(errno));
    ex->file = fdopen(fd, "w");
    if (ex->file == NULL) {
        (void)close(fd); /* nothing was written */
        return cli_fail(ex->cli, "cannot write %s: %s", path, strerror(errno));
    }
    int status = export_all(ex, a, true);
    if (fflush(ex->file) != 0 || fsync(fd) != 0 || fclose(ex->file) != 0)
        status =
            cli_fail(ex->cli, "cannot write %s: %s", path, strerror(errno));
    if (status != CLI_DONE) {
        (void)unlink(path); /* half an export would look like a whole one */
        return status;
    }
    cli_note("%llu accounts with their tokens are in %s. Whoever reads it has "
             "them all: erase it when it is imported.",
             (unsigned long long)ex->bar.n_done, path);
    return CLI_DONE;
}

/* Whole events: what HubSpot said about the account is held about it, too. */
static int
add_events(struct admin *a, struct str app, const json_t *rows, json_t *events)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        struct admin_reply reply;
        struct admin_event ask = {app,
                                  answer_text(json_array_get(rows, i), "id")};
        int status = admin_ask(a, ADMIN_EVENT_SHOW, &ask, &reply);
        if (status != CLI_DONE)
            return status;
        if (reply.err == ERR_OK) /* else it has run out meanwhile */
            (void)json_array_append_new(events, reply.json);
    }
    return CLI_DONE;
}

static int
add_event_log(struct admin *a, const struct admin_page *which, json_t *events)
{
    struct admin_reply page;
    struct buf auto_buf cursor = {0};
    struct admin_events ask = {.app = which->app,
                               .portal = which->portal,
                               .filter = EVENTS_ALL,
                               .limit = EVENTS_PAGE};
    bool is_at_end = false;
    buf_init(&cursor, EVENTS_CURSOR_MAX);
    while (!is_at_end) {
        ask.cursor = buf_str(&cursor);
        int status = admin_ask(a, ADMIN_EVENTS_LIST, &ask, &page);
        if (status != CLI_DONE)
            return status;
        if (page.err != ERR_OK) {
            cli_note("Without its events: %.*s", STR_ARG(page.detail));
            return CLI_DONE;
        }
        status = add_events(a, which->app, answer_rows(page.json), events);
        struct str next = answer_next(page.json);
        is_at_end = status != CLI_DONE || next.n == 0 ||
                    str_equal(next, buf_str(&cursor));
        buf_clear(&cursor);
        buf_add(&cursor, next);
        json_decref(page.json);
        if (status != CLI_DONE)
            return status;
    }
    return CLI_DONE;
}

static int
export_one(struct cli *cli, struct admin *a, struct admin_page *ask)
{
    json_t *answer;
    ask->limit = 1;
    int status = admin_call(a, ADMIN_PORTAL_EXPORT, ask, &answer);
    if (status != CLI_DONE)
        return status;
    json_t *row = json_array_get(answer_rows(answer), 0);
    json_t *events = json_array();
    if (row == NULL)
        status = cli_fail(cli, "nothing is held about this account");
    else
        status = add_event_log(a, ask, events);
    if (status == CLI_DONE) {
        (void)json_object_set(row, "events", events);
        status = show_answer(cli, row);
    }
    json_decref(events);
    json_decref(answer);
    return status;
}

static int
check_words(const struct cli *cli, struct admin_page *ask)
{
    bool is_all = cli_flag(cli, "all");
    if (!is_all && cli_value(cli, "with-tokens") != NULL)
        return cli_usage(cli, "--with-tokens goes with --all");
    if (is_all && cli->n_args > 1)
        return cli_usage(cli, "with --all, one word at most: the app");
    if (is_all)
        return CLI_DONE;
    if (cli->n_args != 2)
        return cli_usage(cli, "say which account, APP PORTAL, or --all");
    ask->app = str_from(cli_arg(cli, 0));
    return cli_number(cli, "PORTAL", cli_arg(cli, 1), &ask->portal) ? CLI_DONE
                                                                    : CLI_USAGE;
}

int
do_portals_export(struct cli *cli)
{
    struct admin *a;
    struct admin_page ask = {.limit = 1};
    const char *path = cli_value(cli, "with-tokens");
    struct export ex = {
        .cli = cli, .file = stdout, .bar = {.what = "accounts"}};
    int status = check_words(cli, &ask);
    if (status != CLI_DONE)
        return status;
    status = admin_reach(cli, &a);
    if (status == CLI_DONE && path != NULL)
        status = export_to_file(&ex, a, path);
    else if (status == CLI_DONE && cli_flag(cli, "all"))
        status = export_all(&ex, a, false);
    else if (status == CLI_DONE)
        status = export_one(cli, a, &ask);
    admin_close(a);
    return status;
}

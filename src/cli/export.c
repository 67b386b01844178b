#define _GNU_SOURCE
#include "cli/held.h"
#include "cli/page.h"
#include "cli/progress.h"
#include "cli/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/*
 * `portals export`: what is held about one account, or about all of them as
 * JSON lines, with their tokens only into a file that nobody else reads.
 */

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
        status = held_print(cli, a, ask.app, ask.portal);
    admin_close(a);
    return status;
}

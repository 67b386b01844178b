#include "base/limits.h"
#include "cli/page.h"
#include "cli/progress.h"
#include "cli/run.h"
#include "cli/show.h"

/* The hash-chained audit log. */

#define DEFAULT_ROWS 100

static bool
take_number(const struct cli *cli, const char *option, uint64_t *out)
{
    const char *text = cli_value(cli, option);
    if (text == NULL || str_to_u64(str_from(text), out))
        return true;
    (void)cli_usage(cli, "--%s takes a number, not \"%s\"", option, text);
    return false;
}

int
do_audit_list(struct cli *cli)
{
    struct admin *a;
    json_t *answer;
    uint64_t limit = DEFAULT_ROWS;
    struct admin_audit ask = {.after = 0};
    if (!take_number(cli, "after", &ask.after) ||
        !take_number(cli, "limit", &limit))
        return CLI_USAGE;
    ask.limit = limit > 0 && limit < 1000 ? (uint32_t)limit : 1000;
    int status = admin_open(cli, &a);
    if (status == CLI_DONE)
        status = admin_call(a, ADMIN_AUDIT_LIST, &ask, &answer);
    if (status == CLI_DONE) {
        const json_t *rows = answer_rows(answer);
        bool is_bare = cli->is_json || json_array_size(rows) == 0;
        status = show_answer(cli, is_bare ? answer : rows);
        json_decref(answer);
    }
    admin_close(a);
    return status;
}

/* Page by page to the end; *out is the last answer, which has the verdict. */
static int
walk(struct admin *a, struct admin_audit *ask, struct progress *bar,
     json_t **out)
{
    for (;;) {
        json_t *answer;
        int status = admin_call(a, ADMIN_AUDIT_VERIFY, ask, &answer);
        if (status != CLI_DONE)
            return status;
        uint64_t last = answer_number(answer, "last");
        progress_step(bar, answer_number(answer, "checked"));
        if (answer_next(answer).n == 0 || last <= ask->after) {
            *out = answer;
            return CLI_DONE;
        }
        json_decref(answer);
        ask->after = last;
    }
}

int
do_audit_verify(struct cli *cli)
{
    struct admin *a;
    json_t *answer;
    struct progress bar = {.what = "entries checked"};
    struct admin_audit ask = {.limit = 1000,
                              .head = str_from(cli_value(cli, "head"))};
    int status = admin_open(cli, &a);
    if (status == CLI_DONE)
        status = walk(a, &ask, &bar, &answer);
    progress_clear(&bar);
    if (status == CLI_DONE) {
        (void)json_object_set_new(answer, "checked", /* else the page's own */
                                  json_integer((json_int_t)bar.n_done));
        status = show_answer(cli, answer);
        json_decref(answer);
    }
    admin_close(a);
    return status;
}

#include "base/limits.h"
#include "cli/page.h"
#include "cli/progress.h"
#include "cli/run.h"
#include "cli/show.h"

/* The hash-chained audit log. */

#define DEFAULT_ROWS 100
#define PAGE_MAX 500 /* what the keeper puts into one page */

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
    uint64_t limit = DEFAULT_ROWS, last = 0;
    struct admin_audit ask = {.after = 0};
    if (!take_number(cli, "after", &ask.after) ||
        !take_number(cli, "limit", &limit) || !take_number(cli, "last", &last))
        return CLI_USAGE;
    if (cli_value(cli, "last") != NULL && (last == 0 || last > PAGE_MAX))
        return cli_usage(cli, "--last takes 1 to %d", PAGE_MAX);
    if (limit == 0 || limit > PAGE_MAX)
        return cli_usage(cli, "--limit takes 1 to %d", PAGE_MAX);
    ask.limit = (uint32_t)limit;
    ask.last = (uint32_t)last;
    int status = admin_reach(cli, &a);
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

struct walk {
    struct admin_audit ask;
    struct progress bar;
    bool is_head_found; /* of some page */
    uint64_t n_receipts, bad_receipt_at;
    json_t *last; /* the last answer, which has the verdict */
};

/* Page by page to the end of the chain, or to where it is broken. */
static int
walk(struct admin *a, struct walk *w)
{
    for (;;) {
        int status = admin_call(a, ADMIN_AUDIT_VERIFY, &w->ask, &w->last);
        if (status != CLI_DONE)
            return status;
        uint64_t next = answer_number(w->last, "next");
        w->bar.n_total = answer_number(w->last, "of");
        progress_step(&w->bar,
                      answer_number(w->last, "verified_to") - w->bar.n_done);
        if (json_is_true(json_object_get(w->last, "head_found")))
            w->is_head_found = true;
        w->n_receipts += answer_number(w->last, "receipts_verified");
        if (w->bad_receipt_at == 0)
            w->bad_receipt_at = answer_number(w->last, "receipt_broken_at");
        if (next <= w->ask.after)
            return CLI_DONE;
        json_decref(w->last);
        w->ask.after = next;
    }
}

static int
judge(struct cli *cli, struct walk *w)
{
    uint64_t broken_at = answer_number(w->last, "broken_at");
    bool is_head_missing = w->ask.head.n > 0 && !w->is_head_found;
    (void)json_object_set_new(w->last, "head_found", /* else one page's */
                              json_boolean(w->is_head_found));
    (void)json_object_set_new(w->last, "receipts_verified",
                              json_integer((json_int_t)w->n_receipts));
    (void)json_object_set_new(w->last, "receipt_broken_at",
                              json_integer((json_int_t)w->bad_receipt_at));
    (void)json_object_del(w->last, "next"); /* there is none any more */
    if (w->ask.head.n == 0)
        (void)json_object_del(w->last, "head_found"); /* nobody asked */
    int status = show_answer(cli, w->last);
    json_decref(w->last);
    if (broken_at > 0)
        return cli_fail(cli,
                        "the chain is broken at entry %llu: it, or what came "
                        "before, was changed or taken out",
                        (unsigned long long)broken_at);
    if (w->bad_receipt_at > 0)
        return cli_fail(cli,
                        "the chain is whole, but the receipt of the erasure "
                        "in entry %llu is not the one that was given: it was "
                        "changed or taken out",
                        (unsigned long long)w->bad_receipt_at);
    if (is_head_missing)
        return cli_fail(cli,
                        "the chain is whole, but it does not run through this "
                        "head: entries were changed or taken out, or the head "
                        "is another installation's");
    if (status == CLI_DONE && !cli->is_json && w->ask.head.n == 0)
        cli_note("The chain is whole as far as it goes. Only --head, with a "
                 "head from the log or a receipt, shows that nothing is "
                 "missing at its end.");
    else if (status == CLI_DONE && !cli->is_json)
        cli_note("The chain is whole, and runs through this head.");
    return status;
}

int
do_audit_verify(struct cli *cli)
{
    struct admin *a;
    struct walk w = {
        .ask = {.limit = 1000, .head = str_from(cli_value(cli, "head"))},
        .bar = {.what = "entries checked"}};
    int status = admin_reach(cli, &a);
    if (status == CLI_DONE)
        status = walk(a, &w);
    progress_clear(&w.bar);
    if (status == CLI_DONE)
        status = judge(cli, &w);
    admin_close(a);
    return status;
}

#include "cli/held.h"

#include "base/limits.h"
#include "cli/page.h"
#include "cli/progress.h"
#include "cli/show.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define CURSOR_MAX 1024
#define PAGE_MAX 1000

struct held {
    struct cli *cli;
    struct admin *admin;
    struct str app;
    uint64_t portal;
    bool has_rows; /* in the list that is being written */
    struct progress bar;
};

static int
cannot_write(struct held *h)
{
    progress_clear(&h->bar);
    return cli_fail(h->cli, "cannot write the export: %s", strerror(errno));
}

static int
add_bytes(const char *p, size_t n, void *arg)
{
    buf_add(arg, str_of(p, n));
    return 0;
}

/* What the keeper holds of the grant, its object left open. */
static int
print_grant(struct held *h)
{
    json_t *answer;
    struct buf auto_buf text = {0};
    struct admin_page ask = {.app = h->app, .portal = h->portal, .limit = 1};
    int status = admin_call(h->admin, ADMIN_PORTAL_EXPORT, &ask, &answer);
    if (status != CLI_DONE)
        return status;
    const json_t *rows = answer_rows(answer);
    const json_t *row = rows != NULL ? json_array_get(rows, 0) : answer;
    buf_init(&text, LIMIT_FRAME);
    if (row == NULL ||
        json_dump_callback(row, add_bytes, &text, JSON_COMPACT) != 0)
        buf_addf(&text, "{\"app\":\"%.*s\",\"portal\":%" PRIu64 "}",
                 STR_ARG(h->app), h->portal);
    if (fwrite(text.p, 1, text.n - 1, stdout) != text.n - 1)
        status = cannot_write(h);
    json_decref(answer);
    return status;
}

static int
print_row(const json_t *row, void *arg)
{
    struct held *h = arg;
    progress_step(&h->bar, 1);
    if ((h->has_rows && fputs(",\n", stdout) == EOF) ||
        json_dumpf(row, stdout, JSON_COMPACT) != 0)
        return cannot_write(h);
    h->has_rows = true;
    return CLI_DONE;
}

static bool
begin_list(struct held *h, const char *name)
{
    h->has_rows = false;
    return printf(",\n\"%s\":[", name) >= 0;
}

static int
end_list(struct held *h, int status)
{
    if (status == CLI_DONE && fputs("]", stdout) == EOF)
        return cannot_write(h);
    return status;
}

static int
print_events(struct held *h, const char *name, enum event_filter filter)
{
    struct buf auto_buf cursor = {0};
    struct admin_events ask = {.app = h->app,
                               .portal = h->portal,
                               .filter = filter,
                               .limit = PAGE_MAX};
    int status = CLI_DONE;
    bool is_more = true;
    buf_init(&cursor, CURSOR_MAX);
    if (!begin_list(h, name))
        return cannot_write(h);
    while (status == CLI_DONE && is_more) {
        struct admin_reply page;
        ask.cursor = buf_str(&cursor);
        status = admin_ask(h->admin, ADMIN_EVENTS_LIST, &ask, &page);
        if (status != CLI_DONE)
            return status;
        if (page.err == ERR_NOT_FOUND) { /* the app is not configured */
            cli_note("Without its events: %.*s", STR_ARG(page.detail));
            break;
        }
        if (page.err != ERR_OK)
            return cli_fail(h->cli, "%.*s", STR_ARG(page.detail));
        const json_t *rows = answer_rows(page.json);
        for (size_t i = 0; status == CLI_DONE && i < json_array_size(rows); i++)
            status = print_row(json_array_get(rows, i), h);
        struct str next = answer_next(page.json);
        is_more = next.n > 0 && !str_equal(next, buf_str(&cursor));
        buf_clear(&cursor);
        buf_add(&cursor, next);
        json_decref(page.json);
    }
    return end_list(h, status);
}

static bool
is_ours(const struct held *h, const json_t *row)
{
    const char *app = json_string_value(json_object_get(row, "app"));
    return app != NULL && str_equal(str_from(app), h->app) &&
           answer_number(row, "portal") == h->portal;
}

static int
print_if_ours(const json_t *row, void *arg)
{
    struct held *h = arg;
    return is_ours(h, row) ? print_row(row, h) : CLI_DONE;
}

static int
print_receipts(struct held *h)
{
    struct page_list list = {.type = ADMIN_RECEIPTS_LIST,
                             .ask = {.app = h->app}};
    if (!begin_list(h, "receipts"))
        return cannot_write(h);
    return end_list(h, page_each(h->admin, &list, print_if_ours, h));
}

/* The log is read from its beginning: nothing in it is found by portal. */
static int
print_audit(struct held *h)
{
    struct admin_audit ask = {.limit = PAGE_MAX};
    int status = CLI_DONE;
    bool is_more = true;
    if (!begin_list(h, "audit"))
        return cannot_write(h);
    while (status == CLI_DONE && is_more) {
        json_t *page;
        status = admin_call(h->admin, ADMIN_AUDIT_LIST, &ask, &page);
        if (status != CLI_DONE)
            return status;
        const json_t *rows = answer_rows(page);
        for (size_t i = 0; status == CLI_DONE && i < json_array_size(rows); i++)
            status = print_if_ours(json_array_get(rows, i), h);
        uint64_t next = answer_number(page, "next");
        is_more = next > ask.after;
        ask.after = next;
        json_decref(page);
    }
    return end_list(h, status);
}

int
held_print(struct cli *cli, struct admin *a, struct str app, uint64_t portal)
{
    struct held h = {.cli = cli,
                     .admin = a,
                     .app = app,
                     .portal = portal,
                     .bar = {.what = "items"}};
    int status = print_grant(&h);
    if (status == CLI_DONE)
        status = print_events(&h, "events", EVENTS_ALL);
    if (status == CLI_DONE)
        status = print_events(&h, "parked", EVENTS_PARKED);
    if (status == CLI_DONE)
        status = print_receipts(&h);
    if (status == CLI_DONE)
        status = print_audit(&h);
    if (status == CLI_DONE && (puts("}") == EOF || fflush(stdout) != 0))
        status = cannot_write(&h);
    progress_clear(&h.bar);
    return status;
}

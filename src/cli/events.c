#include "cli/events.h"

#include "base/env.h"
#include "cli/progress.h"
#include "cli/run.h"
#include "cli/show.h"
#include "cli/when.h"

/* The event log as the operator looks at it, and deliveries once more. */

#define PAGE_MAX 1000 /* events that the keeper gives at a time */
#define DEFAULT_EVENTS 100
#define TAIL_WAIT_MS 20000

int
events_open(struct cli *cli, struct admin **out_admin, struct str *out_app)
{
    const char *name = cli_value(cli, "app");
    int status = admin_open(cli, out_admin);
    if (status != CLI_DONE)
        return status;
    const struct config *config = admin_config(*out_admin);
    if (name == NULL && config->n_apps == 1) {
        *out_app = config->apps[0].name;
        return CLI_DONE;
    }
    if (name == NULL)
        return cli_usage(cli, "there are several apps: say whose events, "
                              "with --app APP");
    *out_app = str_from(name);
    return setup_app(cli, config, name) != NULL ? CLI_DONE : CLI_FAILED;
}

bool
events_portal(const struct cli *cli, uint64_t *out)
{
    const char *portal = cli_value(cli, "portal");
    return portal == NULL || cli_number(cli, "--portal", portal, out);
}

/* ---- list, dead ---- */

struct list {
    struct cli *cli;
    struct admin *admin;
    struct admin_events ask;
    uint64_t most;   /* rows */
    bool wants_last; /* the last of them, and not the first */
    json_t *rows;
    struct buf cursor; /* where the list goes on */
    bool is_at_end;
    struct progress bar;
};

static int
take_filter(const struct cli *cli, uint32_t *out)
{
    static const struct {
        const char *flag;
        enum event_filter filter;
    } flags[] = {{"pending", EVENTS_PENDING},
                 {"dead", EVENTS_DEAD},
                 {"parked", EVENTS_PARKED}};
    size_t n = 0;
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (!cli_flag(cli, flags[i].flag))
            continue;
        *out = flags[i].filter;
        n++;
    }
    if (n > 1)
        return cli_usage(cli, "an event is in one state only: --pending, "
                              "--dead or --parked");
    return CLI_DONE;
}

static int
take_length(struct list *l)
{
    const char *last = cli_value(l->cli, "last");
    const char *limit = cli_value(l->cli, "limit");
    l->most = DEFAULT_EVENTS;
    l->wants_last = last != NULL;
    if (last != NULL && limit != NULL)
        return cli_usage(l->cli, "--limit is how many from the oldest on, "
                                 "--last how many of the newest: one of them");
    if ((limit != NULL && !cli_number(l->cli, "--limit", limit, &l->most)) ||
        (last != NULL && !cli_number(l->cli, "--last", last, &l->most)))
        return CLI_USAGE;
    return CLI_DONE;
}

/*
 * One page more; the rows beyond those that are wanted go.  A page may have
 * fewer rows than were asked for, even none; it is the last one when the
 * cursor does not move.
 */
static int
take_page(struct list *l)
{
    json_t *page;
    uint64_t left = l->most - json_array_size(l->rows);
    l->ask.cursor = buf_str(&l->cursor);
    l->ask.limit = l->wants_last || left > PAGE_MAX ? PAGE_MAX : (uint32_t)left;
    int status = admin_call(l->admin, ADMIN_EVENTS_LIST, &l->ask, &page);
    if (status != CLI_DONE)
        return status;
    json_t *rows = answer_rows(page);
    if (rows != NULL && json_array_extend(l->rows, rows) != 0)
        return cli_fail(l->cli, "there is no memory for so many events");
    while (json_array_size(l->rows) > l->most)
        (void)json_array_remove(l->rows, 0); /* there is a first one */
    progress_step(&l->bar, json_array_size(rows));
    struct str next = answer_next(page);
    l->is_at_end = next.n == 0 || str_equal(next, buf_str(&l->cursor));
    if (!l->is_at_end) {
        buf_clear(&l->cursor);
        buf_add(&l->cursor, next);
    }
    json_decref(page);
    return CLI_DONE;
}

static int
print_list(struct list *l)
{
    struct cli *cli = l->cli;
    struct str next = l->is_at_end ? STR("") : buf_str(&l->cursor);
    if (cli->is_json) {
        json_t *all = json_pack("{sO}", "events", l->rows);
        (void)json_object_set_new(all, "next", /* else there is none */
                                  next.n > 0 ? json_stringn(next.p, next.n)
                                             : json_null());
        int status = show_answer(cli, all);
        json_decref(all);
        return status;
    }
    if (json_array_size(l->rows) == 0) {
        cli_note("There are none.");
        return CLI_DONE;
    }
    int status = show_answer(cli, l->rows);
    if (status == CLI_DONE && next.n > 0)
        cli_note("There may be more: --cursor %.*s", STR_ARG(next));
    return status;
}

static int
show_list(struct list *l)
{
    int status = take_length(l);
    if (status != CLI_DONE || !events_portal(l->cli, &l->ask.portal))
        return CLI_USAGE;
    status = events_open(l->cli, &l->admin, &l->ask.app);
    do {
        if (status == CLI_DONE)
            status = take_page(l);
    } while (status == CLI_DONE && !l->is_at_end &&
             (l->wants_last || json_array_size(l->rows) < l->most));
    progress_clear(&l->bar);
    return status == CLI_DONE ? print_list(l) : status;
}

static int
do_list(struct cli *cli, uint32_t filter)
{
    struct list l = {.cli = cli,
                     .ask = {.filter = filter},
                     .rows = json_array(),
                     .bar = {.what = "events looked at"}};
    buf_init(&l.cursor, EVENTS_CURSOR_MAX);
    buf_add(&l.cursor, str_from(cli_value(cli, "cursor")));
    int status = show_list(&l);
    admin_close(l.admin);
    json_decref(l.rows);
    buf_done(&l.cursor);
    return status;
}

int
do_events_list(struct cli *cli)
{
    uint32_t filter = EVENTS_ALL;
    int status = take_filter(cli, &filter);
    return status == CLI_DONE ? do_list(cli, filter) : status;
}

int
do_events_dead(struct cli *cli)
{
    return do_list(cli, EVENTS_DEAD);
}

/* ---- show ---- */

int
do_events_show(struct cli *cli)
{
    struct admin *a;
    json_t *answer;
    struct admin_event ask = {.id = str_from(cli_arg(cli, 0))};
    int status = events_open(cli, &a, &ask.app);
    if (status == CLI_DONE)
        status = admin_call(a, ADMIN_EVENT_SHOW, &ask, &answer);
    if (status == CLI_DONE) {
        cli->is_json = true; /* an event is JSON, and shown as it is */
        status = show_answer(cli, answer);
        json_decref(answer);
    }
    admin_close(a);
    return status;
}

/* ---- tail ---- */

static void
add_line(struct buf *out, const json_t *row)
{
    static const char *const words[] = {"accepted_at", "id", "type", "portal",
                                        "state"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (i > 0)
            buf_add_char(out, ' ');
        show_add_value(out, json_object_get(row, words[i]));
    }
    buf_add_char(out, '\n');
}

static int
print_events(const struct cli *cli, const json_t *rows)
{
    int status = CLI_DONE;
    struct buf auto_buf line = {0};
    buf_init(&line, LIMIT_CLI_TEXT);
    for (size_t i = 0; status == CLI_DONE && i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        buf_clear(&line);
        if (cli->is_json)
            show_add_json(&line, row);
        else
            add_line(&line, row);
        status = cli_print(cli, buf_str(&line));
    }
    return status;
}

static int
tail(struct cli *cli, struct admin *a, struct admin_events *ask)
{
    json_t *page;
    int status = CLI_DONE;
    struct buf auto_buf cursor = {0};
    buf_init(&cursor, EVENTS_CURSOR_MAX);
    buf_add(&cursor, STR("now"));
    while (status == CLI_DONE) {
        ask->cursor = buf_str(&cursor);
        status = admin_call(a, ADMIN_EVENTS_LIST, ask, &page);
        if (status != CLI_DONE)
            break;
        status = print_events(cli, answer_rows(page));
        buf_clear(&cursor); /* without a next the log is empty */
        buf_add(&cursor, answer_next(page));
        json_decref(page);
    }
    return status;
}

int
do_events_tail(struct cli *cli)
{
    struct admin *a;
    struct admin_events ask = {.limit = PAGE_MAX, .wait_ms = TAIL_WAIT_MS};
    if (!events_portal(cli, &ask.portal))
        return CLI_USAGE;
    int status = events_open(cli, &a, &ask.app);
    if (status == CLI_DONE)
        status = tail(cli, a, &ask);
    admin_close(a);
    return status;
}

/* ---- replay ---- */

static bool
take_moment(const struct cli *cli, const char *option, int64_t *out_ms)
{
    int64_t s;
    const char *text = cli_value(cli, option);
    if (text == NULL)
        return true;
    if (!when_parse_past(str_from(text), env_now_s(env_real()), &s)) {
        (void)cli_usage(cli,
                        "--%s takes a day (2026-11-24), a moment "
                        "(2026-11-24T15:30:00Z) or how long ago (2h, 3d), not "
                        "\"%s\"",
                        option, text);
        return false;
    }
    *out_ms = s * 1000;
    return true;
}

static int
take_replay(const struct cli *cli, struct admin_replay *ask)
{
    bool has_range =
        cli_flag(cli, "dead") || cli_value(cli, "portal") != NULL ||
        cli_value(cli, "from") != NULL || cli_value(cli, "to") != NULL;
    ask->id = str_from(cli_arg(cli, 0));
    ask->is_dead_only = cli_flag(cli, "dead");
    if (ask->id.n > 0 && has_range)
        return cli_usage(cli, "either one event's ID, or what to choose by");
    if (ask->id.n == 0 && !has_range)
        return cli_usage(cli, "say what is delivered again: an event's ID, or "
                              "--dead, --portal, --from, --to");
    if (!events_portal(cli, &ask->portal) ||
        !take_moment(cli, "from", &ask->from_ms) ||
        !take_moment(cli, "to", &ask->to_ms))
        return CLI_USAGE;
    if (ask->to_ms > 0 && ask->to_ms <= ask->from_ms)
        return cli_usage(cli, "--to lies before --from");
    return CLI_DONE;
}

/* Page by page, so that it can be stopped anywhere. */
static int
replay(struct admin *a, struct admin_replay *ask, struct progress *bar)
{
    json_t *answer;
    struct buf auto_buf cursor = {0};
    buf_init(&cursor, EVENTS_CURSOR_MAX);
    do {
        ask->cursor = buf_str(&cursor);
        int status = admin_call(a, ADMIN_EVENTS_REPLAY, ask, &answer);
        if (status != CLI_DONE)
            return status;
        progress_step(bar, answer_number(answer, "replayed"));
        buf_clear(&cursor);
        buf_add(&cursor, answer_next(answer));
        json_decref(answer);
    } while (cursor.n > 0);
    return CLI_DONE;
}

int
do_events_replay(struct cli *cli)
{
    struct admin *a;
    struct admin_replay ask = {.from_ms = 0};
    struct progress bar = {.what = "events to be delivered again"};
    int status = take_replay(cli, &ask);
    if (status != CLI_DONE)
        return status;
    status = events_open(cli, &a, &ask.app);
    if (status == CLI_DONE)
        status = replay(a, &ask, &bar);
    progress_clear(&bar);
    if (status == CLI_DONE) {
        json_t *json = json_pack("{sI}", "replayed", (json_int_t)bar.n_done);
        status = show_answer(cli, json);
        json_decref(json);
    } else if (bar.n_done > 0) {
        cli_note("%llu events will be delivered again all the same.",
                 (unsigned long long)bar.n_done);
    }
    admin_close(a);
    return status;
}

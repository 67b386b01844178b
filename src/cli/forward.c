#define _GNU_SOURCE
#include "cli/forward.h"

#include "base/env.h"
#include "base/text.h"
#include "cli/events.h"
#include "cli/run.h"
#include "http/destination.h"
#include "hubspot/scan.h"
#include "hubspot/standard_webhooks.h"
#include "proto/relay.h"

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>

/*
 * `events forward`: a page is pulled by long polling, each of its events is
 * posted, then the cursor moves on.  Where it stops in between, the page
 * comes again: at least once, as from the service itself.
 */
#define WAIT_S 20
#define PULL_MS 40000
#define KEY_LIFE_S (24 * 3600)
#define PAUSE_LEAST_MS 1000
#define PAUSE_MOST_MS 30000
#define DEPTH_MAX 90 /* an event's, and what stands around it */

void
forward_wait(struct forward *f, const char *what, const char *why)
{
    if (!f->is_away)
        cli_note("%s does not answer (%s); trying again until it does.", what,
                 why);
    f->is_away = true;
    web_pause(&f->puller, f->pause_ms);
    f->pause_ms *= 2;
    if (f->pause_ms > PAUSE_MOST_MS)
        f->pause_ms = PAUSE_MOST_MS;
}

void
forward_is_back(struct forward *f)
{
    if (f->is_away)
        cli_note("It answers again.");
    f->is_away = false;
    f->pause_ms = PAUSE_LEAST_MS;
}

/* ---- pages ---- */

/* {"events":[...],"next":"..."}: *out_events begins behind the bracket. */
static bool
read_page(struct str body, struct str *out_events, struct str *out_next)
{
    struct scan_value value;
    struct str name, rest = body;
    bool is_first = true;
    enum err e;
    scan_space(&rest);
    if (rest.n == 0 || rest.p[0] != '{')
        return false;
    rest = str_of(rest.p + 1, rest.n - 1);
    while ((e = scan_next(&rest, '}', is_first)) == ERR_OK) {
        is_first = false;
        if (!scan_name(&rest, &name) ||
            scan_value(&rest, DEPTH_MAX, &value) != ERR_OK)
            return false;
        if (str_equal(name, STR("events")) && value.kind == SCAN_ARRAY)
            *out_events = str_of(value.bytes.p + 1, value.bytes.n - 1);
        if (str_equal(name, STR("next")) && value.kind == SCAN_STRING &&
            !value.has_escape)
            *out_next = scan_text(&value);
    }
    return e == ERR_CLOSED && out_events->p != NULL;
}

static int
post_all(struct forward *f, struct str events)
{
    struct scan_value event;
    bool is_first = true;
    int status = CLI_DONE;
    while (status == CLI_DONE && !f->is_stopped &&
           scan_next(&events, ']', is_first) == ERR_OK) {
        is_first = false;
        if (scan_value(&events, DEPTH_MAX, &event) != ERR_OK)
            return CLI_DONE; /* read_page has looked at all of it */
        status = forward_post(f, event.bytes);
    }
    return status;
}

static int
take_page(struct forward *f, struct str body)
{
    struct str events = STR_NONE, next = STR_NONE;
    if (!read_page(body, &events, &next))
        return cli_fail(f->cli,
                        "the answer of %.*s is no page of events: is it a "
                        "portkeep's private listener?",
                        STR_ARG(f->from));
    forward_is_back(f);
    int status = post_all(f, events);
    if (status != CLI_DONE || f->is_stopped)
        return status;
    buf_clear(&f->cursor); /* without a next the log is empty */
    buf_add(&f->cursor, next);
    return forward_write_state(f);
}

/* The detail of a problem, or nothing. */
static int
say_refusal(struct forward *f, const struct web_answer *answer)
{
    struct str body = buf_str(&answer->body);
    json_t *problem = json_loadb(body.n > 0 ? body.p : "", body.n, 0, NULL);
    struct str detail = answer_text(problem, "detail");
    bool is_key = answer->status == 401 || answer->status == 403;
    (void)cli_fail(f->cli, "%.*s %s (%u)%s%.*s", STR_ARG(f->from),
                   is_key ? "refuses the key: it must be good for this app "
                            "and the verb events"
                          : "refuses to list events",
                   answer->status, detail.n > 0 ? ": " : "", STR_ARG(detail));
    json_decref(problem);
    return CLI_FAILED;
}

static struct str
page_url(struct forward *f, struct arena *arena)
{
    struct buf auto_buf url = {0};
    buf_init(&url, LIMIT_URL);
    buf_addf(&url, "%.*s/v1/apps/%.*s/events?limit=100&wait=%d",
             STR_ARG(f->from), STR_ARG(f->app), WAIT_S);
    if (f->portal > 0)
        buf_addf(&url, "&portal=%llu", (unsigned long long)f->portal);
    if (f->cursor.n > 0)
        text_add_parameter(&url, "cursor", buf_str(&f->cursor));
    return arena_copy(arena, buf_str(&url));
}

static int
judge_page(struct forward *f, const struct web_answer *answer)
{
    unsigned status = answer->status;
    if (answer->err == ERR_NOT_FOUND)
        return cli_fail(f->cli, "there is no such host: %.*s",
                        STR_ARG(f->from));
    if (answer->err != ERR_OK) {
        forward_wait(f, f->from.p, err_name(answer->err));
        return CLI_DONE;
    }
    if (status == 200)
        return take_page(f, buf_str(&answer->body));
    if (status != 429 && status < 500)
        return say_refusal(f, answer);
    forward_wait(f, f->from.p,
                 status == 429 ? "too many calls" : "an error on its side");
    return CLI_DONE;
}

static int
pull(struct forward *f)
{
    struct web_answer answer = {0};
    struct http_call_spec spec;
    struct arena *arena = arena_new();
    struct http_header header = {STR("Authorization"),
                                 buf_str(&f->key.authorization)};
    int status = CLI_DONE;
    if (web_spec(arena, STR("GET"), page_url(f, arena), &spec) != ERR_OK) {
        arena_free(arena);
        return cli_fail(f->cli, "%.*s is no URL", STR_ARG(f->from));
    }
    spec.headers = &header;
    spec.n_headers = 1;
    spec.is_secret = true;
    spec.timeout_ms = PULL_MS;
    web_call(&f->puller, &spec, &answer);
    if (!f->is_stopped)
        status = judge_page(f, &answer);
    web_answer_done(&answer);
    arena_free(arena);
    return status;
}

/* ---- the run ---- */

static void
on_signal(evutil_socket_t fd, short what, void *arg)
{
    struct forward *f = arg;
    (void)fd;
    (void)what;
    f->is_stopped = true;
    web_stop(&f->poster);
    web_stop(&f->puller);
}

static int
run(struct forward *f)
{
    struct web_setup from = {.has_tls = str_starts(f->from, STR("https:"))};
    struct web_setup to = {.has_tls = str_starts(f->to, STR("https:")),
                           .filter = destination_private_filter,
                           .beside = &f->puller};
    int status = CLI_DONE;
    if (web_open_as(&f->puller, &from) != ERR_OK ||
        web_open_as(&f->poster, &to) != ERR_OK)
        return cli_fail(f->cli, "this system has no certificates to check "
                                "others by: install ca-certificates");
    struct event *ctrl_c = evsignal_new(f->puller.base, SIGINT, on_signal, f);
    struct event *term = evsignal_new(f->puller.base, SIGTERM, on_signal, f);
    if (ctrl_c == NULL || term == NULL || event_add(ctrl_c, NULL) != 0 ||
        event_add(term, NULL) != 0)
        abort(); /* no memory */
    cli_note("Forwarding events of %.*s to %.*s; Ctrl-C ends it.",
             STR_ARG(f->app), STR_ARG(f->to));
    while (status == CLI_DONE && !f->is_stopped)
        status = pull(f);
    event_free(ctrl_c);
    event_free(term);
    return status;
}

static int
make_key(struct forward *f)
{
    struct admin_key_create ask = {.name = STR("portkeep events forward"),
                                   .apps = {&f->app, 1},
                                   .verbs = VERB_EVENTS,
                                   .ends_at =
                                       env_now_s(env_real()) + KEY_LIFE_S};
    return passkey_make(&f->key, f->admin, &ask);
}

/* From this machine's own service, with its configuration. */
static int
find_own(struct forward *f)
{
    int status = events_open(f->cli, &f->admin, &f->app);
    if (status != CLI_DONE)
        return status;
    f->from =
        arena_printf(f->cli->arena, "http://%.*s",
                     STR_ARG(admin_config(f->admin)->private_listen.text));
    return CLI_DONE;
}

static int
find_source(struct forward *f)
{
    const char *from = cli_value(f->cli, "from");
    const char *key_file = cli_value(f->cli, "key-file");
    struct url url;
    if (from == NULL) {
        int status = find_own(f);
        if (status != CLI_DONE || key_file == NULL)
            return status == CLI_DONE ? make_key(f) : status;
    } else if (key_file == NULL || cli_value(f->cli, "app") == NULL) {
        return cli_usage(f->cli, "another portkeep wants a key, --key-file "
                                 "FILE, and the app's name there, --app APP");
    } else {
        f->app = str_from(cli_value(f->cli, "app"));
        f->from = arena_copy(f->cli->arena, str_from(from));
        while (str_ends(f->from, STR("/")))
            f->from.n--;
        f->from = arena_copy(f->cli->arena, f->from); /* its end is a NUL */
    }
    if (url_parse(f->from, &url) != ERR_OK || url.query.p != NULL)
        return cli_usage(f->cli, "--from takes a URL as "
                                 "https://keep.example.com:8701");
    buf_add_text(&f->key.authorization, "Bearer ");
    return forward_read_secret(f->cli, key_file, &f->key.authorization);
}

static int
take_words(struct forward *f)
{
    struct url url;
    const char *to = cli_value(f->cli, "to");
    const char *secret = cli_value(f->cli, "secret-file");
    if (to == NULL)
        return cli_usage(f->cli, "say where to, --to URL, as "
                                 "http://localhost:3000/hubspot");
    if (url_parse(str_from(to), &url) != ERR_OK)
        return cli_usage(f->cli, "--to takes a URL, not \"%s\"", to);
    f->to = str_from(to);
    f->state_file = cli_value(f->cli, "state");
    if (!cli_flag(f->cli, "all"))
        buf_add(&f->cursor, STR("now"));
    if (!events_portal(f->cli, &f->portal))
        return CLI_USAGE;
    int status = forward_read_state(f);
    return status == CLI_DONE && secret != NULL ? forward_read_key(f, secret)
                                                : status;
}

int
do_events_forward(struct cli *cli)
{
    struct forward f = {.cli = cli, .pause_ms = PAUSE_LEAST_MS};
    buf_init(&f.cursor, EVENTS_CURSOR_MAX);
    buf_init_secret(&f.secret, WEBHOOK_KEY_MAX);
    passkey_init(&f.key);
    int status = take_words(&f);
    if (status == CLI_DONE)
        status = find_source(&f);
    if (status == CLI_DONE)
        status = run(&f);
    web_close(&f.poster);
    web_close(&f.puller);
    passkey_done(&f.key);
    admin_close(f.admin);
    buf_done(&f.secret);
    buf_done(&f.cursor);
    return status;
}

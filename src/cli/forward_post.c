#include "cli/forward.h"

#include "base/env.h"
#include "base/limits.h"
#include "hubspot/scan.h"
#include "hubspot/standard_webhooks.h"

#include <inttypes.h>

/*
 * An event of a page as the service delivers it: what only lists have, as
 * its state, is left out, and the bytes of the rest stay as they came.
 */
#define DEPTH_MAX 80 /* brackets; HubSpot's are a few deep */

struct letter {
    struct str id, type, portal; /* for the line that is printed */
    struct buf body;
};

static bool
is_delivered(struct str name)
{
    static const char *const names[] = {"type",   "id",    "occurred_at",
                                        "app",    "ref",   "portal",
                                        "source", "event", "data"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (str_equal(name, str_from(names[i])))
            return true;
    return false;
}

static void
add_member(struct letter *l, struct str name, const struct scan_value *value)
{
    struct str text =
        value->kind == SCAN_STRING ? scan_text(value) : value->bytes;
    if (str_equal(name, STR("id")))
        l->id = text;
    else if (str_equal(name, STR("type")))
        l->type = text;
    else if (str_equal(name, STR("portal")))
        l->portal = text;
    buf_add_text(&l->body, l->body.n == 0 ? "{\"" : ",\"");
    buf_add(&l->body, name);
    buf_add_text(&l->body, "\":");
    buf_add(&l->body, value->bytes);
}

/* False: it is no event. */
static bool
read_event(struct str event, struct letter *l)
{
    struct scan_value value;
    struct str name, rest = event;
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
        if (is_delivered(name))
            add_member(l, name, &value);
    }
    buf_add_char(&l->body, '}');
    return e == ERR_CLOSED && l->id.n > 0 && buf_err(&l->body) == ERR_OK;
}

static int
print_result(const struct forward *f, const struct letter *l, unsigned status)
{
    struct buf auto_buf line = {0};
    buf_init(&line, LIMIT_URL);
    if (f->cli->is_json)
        buf_addf(&line,
                 "{\"id\":\"%.*s\",\"type\":\"%.*s\",\"portal\":%.*s,"
                 "\"status\":%u}\n",
                 STR_ARG(l->id), STR_ARG(l->type),
                 STR_ARG(l->portal.n > 0 ? l->portal : STR("null")), status);
    else
        buf_addf(&line, "%.*s %.*s portal %.*s: %u\n", STR_ARG(l->id),
                 STR_ARG(l->type), STR_ARG(l->portal), status);
    return cli_print(f->cli, buf_str(&line));
}

/* ERR_OK: it was answered. */
static enum err
post_once(struct forward *f, const struct letter *l, unsigned *out_status)
{
    struct buf auto_buf when = {0}, auto_buf signature = {0};
    struct web_answer answer = {0};
    struct http_call_spec spec;
    struct arena *arena = arena_new();
    struct webhook_message message = {l->id, env_now_s(env_real()),
                                      buf_str(&l->body)};
    struct hidden key = HIDDEN(buf_str(&f->secret));
    struct http_header headers[] = {
        {STR("Content-Type"), STR("application/json")},
        {STR(WEBHOOK_HEADER_ID), l->id},
        {STR(WEBHOOK_HEADER_TIMESTAMP), STR("")},
        {STR(WEBHOOK_HEADER_SIGNATURE), STR("")}};
    buf_init(&when, 32);
    buf_init(&signature, 128);
    buf_addf(&when, "%" PRId64, message.timestamp_s);
    if (f->secret.n > 0)
        webhook_sign(&message, &key, 1, &signature);
    headers[2].value = buf_str(&when);
    headers[3].value = buf_str(&signature);
    enum err e = web_spec(arena, STR("POST"), f->to, &spec);
    spec.headers = headers;
    spec.n_headers = f->secret.n > 0 ? 4 : 3;
    spec.body = message.body;
    if (e == ERR_OK) {
        web_call(&f->poster, &spec, &answer);
        e = answer.err;
        *out_status = answer.status;
        web_answer_done(&answer);
    }
    arena_free(arena);
    return e;
}

static int
post(struct forward *f, const struct letter *l)
{
    unsigned status;
    while (!f->is_stopped) {
        enum err e = post_once(f, l, &status);
        if (f->is_stopped)
            break;
        if (e == ERR_FORBIDDEN)
            return cli_fail(f->cli,
                            "%.*s is not on this machine or in a private "
                            "network: events are for a program of your own",
                            STR_ARG(f->to));
        if (e == ERR_NOT_FOUND)
            return cli_fail(f->cli, "there is no such host: %.*s",
                            STR_ARG(f->to));
        if (e == ERR_OK) {
            forward_is_back(f);
            return print_result(f, l, status);
        }
        forward_wait(f, f->to.p, err_name(e));
    }
    return CLI_DONE;
}

int
forward_post(struct forward *f, struct str event)
{
    struct letter l = {.id = STR_NONE};
    int status;
    buf_init_secret(&l.body, event.n + 1);
    if (read_event(event, &l))
        status = post(f, &l);
    else
        status = cli_fail(f->cli,
                          "the answer of %.*s has something in it that is no "
                          "event: is it another version of portkeep?",
                          STR_ARG(f->from));
    buf_done(&l.body);
    return status;
}

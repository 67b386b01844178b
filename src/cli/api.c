#include "base/env.h"
#include "base/limits.h"
#include "cli/passkey.h"
#include "cli/run.h"
#include "cli/web.h"
#include "proto/relay.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/*
 * `portkeep api`: the way of every backend, with a key that is made for this
 * one call, ends within the minute, and is revoked right after.
 */
#define KEY_LIFE_S 60
#define REQUEST_MAX 16777216

struct api {
    struct cli *cli;
    struct admin *admin;
    struct str app, portal, method, path;
    struct buf body;
    bool has_body;
    struct passkey key;
    bool is_written; /* to standard output, without trouble so far */
};

static int
read_body(struct api *api, const char *text)
{
    char *p;
    if (text == NULL)
        return CLI_DONE;
    api->has_body = true;
    if (strcmp(text, "-") != 0) {
        buf_add_text(&api->body, text);
        return CLI_DONE;
    }
    for (;;) {
        if (buf_reserve(&api->body, 65536, &p) != ERR_OK)
            return cli_fail(api->cli, "the body is longer than %d bytes",
                            REQUEST_MAX);
        ssize_t n = read(STDIN_FILENO, p, 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cli_fail(api->cli, "cannot read standard input: %s",
                            strerror(errno));
        if (n == 0)
            return CLI_DONE;
        buf_commit(&api->body, (size_t)n);
    }
}

static int
make_key(struct api *api)
{
    struct admin_key_create ask = {.name = STR("portkeep api"),
                                   .apps = {&api->app, 1},
                                   .portals = {&api->portal, 1},
                                   .verbs = VERB_CALL | VERB_DISCONNECT,
                                   .ends_at =
                                       env_now_s(env_real()) + KEY_LIFE_S};
    return passkey_make(&api->key, api->admin, &ask);
}

static void
print_piece(struct str piece, void *arg)
{
    struct api *api = arg;
    if (fwrite(piece.p, 1, piece.n, stdout) != piece.n)
        api->is_written = false;
}

static int
tell(struct api *api, const struct web_answer *answer)
{
    const struct config *config = admin_config(api->admin);
    if (answer->err != ERR_OK && answer->status == 0) {
        (void)cli_fail(api->cli, "the relay at %.*s does not answer: %s",
                       STR_ARG(config->private_listen.text),
                       err_name(answer->err));
        return CLI_UNREACHABLE;
    }
    if (fflush(stdout) != 0 || !api->is_written)
        return cli_fail(api->cli, "cannot write the output: %s",
                        strerror(errno));
    if (answer->err != ERR_OK)
        return cli_fail(api->cli, "the answer broke off: %s",
                        err_name(answer->err));
    if (isatty(STDOUT_FILENO) == 1)
        (void)fputc('\n', stdout); /* the prompt on a line of its own */
    struct str upstream = web_header(answer, "Portkeep-Upstream");
    if (answer->status >= 400)
        return cli_fail(api->cli, "%.*s %.*s: status %u from %s",
                        STR_ARG(api->method), STR_ARG(api->path),
                        answer->status,
                        upstream.n > 0 ? "HubSpot" : "portkeep");
    return CLI_DONE;
}

static void
print_head(const struct web_answer *answer)
{
    cli_note("%u", answer->status);
    for (size_t i = 0; i < answer->n_headers; i++)
        cli_note("%.*s: %.*s", STR_ARG(answer->headers[i].name),
                 STR_ARG(answer->headers[i].value));
    cli_note("%s", "");
}

static int
call(struct api *api)
{
    struct web web;
    struct web_answer answer = {.on_piece = print_piece, .arg = api};
    struct http_call_spec spec;
    struct arena *arena = api->cli->arena;
    struct http_header headers[] = {
        {STR("Authorization"), buf_str(&api->key.authorization)},
        {STR("Accept"), STR("application/json, */*")},
        {STR("Content-Type"), STR("application/json")}};
    struct str url = arena_printf(
        arena, "http://%.*s/hubspot/%.*s/%.*s%.*s",
        STR_ARG(admin_config(api->admin)->private_listen.text),
        STR_ARG(api->app), STR_ARG(api->portal), STR_ARG(api->path));
    if (web_spec(arena, api->method, url, &spec) != ERR_OK)
        return cli_fail(api->cli, "%.*s is not a path that can be asked for",
                        STR_ARG(api->path));
    spec.headers = headers;
    spec.n_headers = api->has_body ? 3 : 2;
    spec.body = buf_str(&api->body);
    spec.is_secret = true;
    api->is_written = true;
    web_open(&web);
    web_call(&web, &spec, &answer);
    if (cli_flag(api->cli, "include"))
        print_head(&answer);
    int status = tell(api, &answer);
    web_answer_done(&answer);
    web_close(&web);
    return status;
}

static int
check_words(struct api *api)
{
    struct cli *cli = api->cli;
    uint64_t portal;
    char *method = cli->args[2];
    if (!cli_number(cli, "PORTAL", cli_arg(cli, 1), &portal))
        return CLI_USAGE;
    for (char *p = method; *p != '\0'; p++)
        if (*p >= 'a' && *p <= 'z')
            *p = (char)(*p - 'a' + 'A');
    api->app = str_from(cli_arg(cli, 0));
    api->portal = str_from(cli_arg(cli, 1));
    api->method = str_from(method);
    api->path = str_from(cli_arg(cli, 3));
    if (!str_starts(api->path, STR("/")))
        return cli_usage(cli, "PATH begins with a slash, as in "
                              "/crm/v3/objects/contacts");
    return CLI_DONE;
}

static int
run(struct api *api)
{
    if (setup_app(api->cli, admin_config(api->admin), api->app.p) == NULL)
        return CLI_FAILED;
    int status = make_key(api);
    if (status != CLI_DONE)
        return status;
    return call(api);
}

int
do_api(struct cli *cli)
{
    struct api api = {.cli = cli};
    buf_init_secret(&api.body, REQUEST_MAX);
    passkey_init(&api.key);
    int status = check_words(&api);
    if (status == CLI_DONE)
        status = read_body(&api, cli_arg(cli, 4));
    if (status == CLI_DONE)
        status = admin_open(cli, &api.admin);
    if (status == CLI_DONE)
        status = run(&api);
    passkey_done(&api.key);
    admin_close(api.admin);
    buf_done(&api.body);
    return status;
}

#include "cli/admin.h"

#include "cli/show.h"
#include "ipc/fd.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Disconnecting asks HubSpot up to three times, 20 s each. */
#define CALL_MS 120000

struct admin {
    struct cli *cli;
    struct config config;
    struct event_base *base;
    struct channel *channel;
    /* The call that runs. */
    struct admin_reply *reply;
    enum err channel_err;
    bool is_answered;
};

static void
on_close(struct channel *ch, enum err reason, void *arg)
{
    struct admin *a = arg;
    (void)ch;
    (void)reason;
    a->is_answered = true;
    a->channel_err = ERR_CLOSED;
    (void)event_base_loopbreak(a->base); /* fails only without a base */
}

/* The keeper never calls the command line. */
static void
on_message(const struct incoming *in, void *arg)
{
    (void)in;
    (void)arg;
}

static const struct channel_handler handler = {on_message, on_close};

static int
unreachable(const struct admin *a, const char *path, int why)
{
    const struct str file = a->config.file;
    if (why == EACCES || why == EPERM)
        (void)cli_fail(a->cli,
                       "not allowed to speak to the service at %s: run this as "
                       "root or as the service's user",
                       path);
    else if (why == ENOENT || why == ECONNREFUSED)
        (void)cli_fail(a->cli,
                       "the service of %.*s does not run (nothing listens at "
                       "%s): start it with `portkeep serve`",
                       STR_ARG(file), path);
    else
        (void)cli_fail(a->cli, "cannot reach the service at %s: %s", path,
                       strerror(why));
    return CLI_UNREACHABLE;
}

/* The socket, or -1 with errno. */
static int
connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, n);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    int why = errno;
    fd_close(&fd);
    errno = why;
    return -1;
}

static int
open_socket(struct cli *cli, struct admin *a, struct admin **out)
{
    struct str path = arena_copy(cli->arena, a->config.admin_socket);
    int fd = connect_to(path.p);
    if (fd < 0)
        return unreachable(a, path.p, errno);
    a->base = event_base_new();
    if (a->base == NULL)
        abort(); /* no memory */
    a->channel = channel_new(a->base, fd, &admin_conversation, &handler, a);
    *out = a;
    return CLI_DONE;
}

int
admin_open(struct cli *cli, struct admin **out)
{
    struct admin *a = arena_alloc(cli->arena, sizeof(*a));
    *out = NULL;
    a->cli = cli;
    int status = setup_load(cli, &a->config);
    return status == CLI_DONE ? open_socket(cli, a, out) : status;
}

int
admin_reach(struct cli *cli, struct admin **out)
{
    struct admin *a = arena_alloc(cli->arena, sizeof(*a));
    *out = NULL;
    a->cli = cli;
    int status = setup_load(cli, &a->config);
    if (status != CLI_DONE && a->config.admin_socket.n == 0)
        return status;
    if (status != CLI_DONE)
        cli_note("Going on with the service that runs: it has not read these "
                 "lines.");
    return open_socket(cli, a, out);
}

void
admin_close(struct admin *a)
{
    if (a == NULL)
        return;
    channel_free(a->channel);
    event_base_free(a->base);
}

const struct config *
admin_config(const struct admin *a)
{
    return &a->config;
}

struct str
admin_keep(const struct admin *a, struct str text)
{
    return arena_copy(a->cli->arena, text);
}

static void
on_reply(enum err e, const struct message *m, const void *reply, void *arg)
{
    struct admin *a = arg;
    const struct admin_answer *answer = reply;
    (void)m;
    a->is_answered = true;
    (void)event_base_loopbreak(a->base); /* as above */
    a->channel_err = e;
    if (e != ERR_OK)
        return;
    a->reply->err =
        answer->err < ERR_COUNT ? (enum err)answer->err : ERR_UPSTREAM;
    a->reply->detail = arena_copy(a->cli->arena, answer->detail);
    a->reply->reconnect_url = arena_copy(a->cli->arena, answer->reconnect_url);
    if (a->reply->err == ERR_OK)
        a->reply->json = json_loadb(answer->json.s.p, answer->json.s.n,
                                    JSON_DECODE_ANY, NULL);
}

static int
no_answer(const struct admin *a)
{
    if (a->channel_err == ERR_TIMEOUT)
        (void)cli_fail(a->cli,
                       "the service did not answer within %d s; see "
                       "its log",
                       CALL_MS / 1000);
    else
        (void)cli_fail(a->cli,
                       "the service closed the connection: its log says why; "
                       "it takes commands from root and from its own user");
    return CLI_UNREACHABLE;
}

int
admin_ask(struct admin *a, enum admin_type type, const void *ask,
          struct admin_reply *out)
{
    *out = (struct admin_reply){.err = ERR_OK};
    a->reply = out;
    a->is_answered = false;
    (void)channel_call(a->channel, (uint16_t)type, ask, CALL_MS, on_reply, a);
    while (!a->is_answered)
        if (event_base_dispatch(a->base) != 0)
            a->is_answered = true;
    if (a->channel_err != ERR_OK)
        return no_answer(a);
    if (out->err == ERR_OK && out->json == NULL)
        return cli_fail(a->cli, "the service answered something that is not "
                                "JSON: are both of one version?");
    return CLI_DONE;
}

int
admin_call(struct admin *a, enum admin_type type, const void *ask, json_t **out)
{
    struct admin_reply reply;
    int status = admin_ask(a, type, ask, &reply);
    if (status != CLI_DONE)
        return status;
    if (reply.err != ERR_OK) {
        bool has_url = reply.reconnect_url.n > 0;
        struct str detail =
            reply.detail.n > 0 ? reply.detail : str_from(err_name(reply.err));
        return cli_fail(a->cli, "%.*s%s%.*s", STR_ARG(detail),
                        has_url ? "\nTo connect again: " : "",
                        STR_ARG(reply.reconnect_url));
    }
    *out = reply.json;
    return CLI_DONE;
}

int
admin_show(struct admin *a, enum admin_type type, const void *ask)
{
    json_t *json;
    int status = admin_call(a, type, ask, &json);
    if (status != CLI_DONE)
        return status;
    status = show_answer(a->cli, json);
    json_decref(json);
    return status;
}

#define _GNU_SOURCE
#include "child/child.h"
#include "ipc/fd.h"

#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * A child for the tests of the parent: it stands in for keeper, courier,
 * relay and front, under whose names it is copied.  It logs what it was
 * given, and misbehaves as a file beside it says: NAME.do, one word.
 */
static struct {
    char folder[4096];
    const char *name; /* "keeper" */
    char word[64];    /* what it is to do */
    int work;
    bool has_work_closed;
    struct event *on_work, *on_leave;
} stub = {.work = -1};

static bool
has_word(const char *word)
{
    char path[8192];
    (void)snprintf(path, sizeof(path), "%s%s.do", stub.folder, stub.name);
    FILE *f = fopen(path, "r");
    stub.word[0] = '\0';
    if (f == NULL)
        return false;
    if (fgets(stub.word, sizeof(stub.word), f) == NULL)
        stub.word[0] = '\0';
    (void)fclose(f);
    return strcmp(stub.word, word) == 0;
}

static void
count_descriptors(const struct child *c, char *out, size_t n_out)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < c->n_fds && n < n_out; i++)
        n += (size_t)snprintf(out + n, n_out - n, "%s%u", i > 0 ? "," : "",
                              c->fds[i].what.kind);
}

static void
log_settings(const struct child *c, const char *event)
{
    char kinds[1024];
    const struct life_settings *s = &c->settings;
    count_descriptors(c, kinds, sizeof(kinds));
    log_info(event,
             "name=%s fds=%s apps=%zu public=%.*s api=%.*s authorize=%.*s "
             "oauth=%.*s node=%d data=%d revocation=%u",
             stub.name, kinds, c->n_apps, STR_ARG(s->public_url),
             STR_ARG(s->api_url), STR_ARG(s->authorize_url),
             STR_ARG(s->oauth_version), s->node.n > 0, s->data_dir.n > 0,
             s->revocation_max_ms);
    for (size_t i = 0; i < c->n_apps; i++)
        log_info("stub.app",
                 "name=%s app=%.*s title=%.*s id=%.*s scopes=%zu static=%d",
                 stub.name, STR_ARG(c->apps[i].name), STR_ARG(c->apps[i].title),
                 STR_ARG(c->apps[i].client_id), c->apps[i].scopes.n,
                 c->apps[i].is_static);
}

/* Which descriptors came through exec, and whether there is an environment. */
static void
log_inheritance(void)
{
    char open[256];
    size_t n = 0;
    open[0] = '\0';
    for (int fd = 0; fd < 64; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            n += (size_t)snprintf(open + n, sizeof(open) - n, "%s%d",
                                  n > 0 ? "," : "", fd);
    log_info("stub.born", "open=%s path=%s", open,
             getenv("PATH") == NULL ? "none" : "there");
}

static enum err
start(struct child *c, struct buf *problem)
{
    log_settings(c, "stub.settings");
    if (has_word("refuse")) {
        buf_add_text(problem, "the stub was told to refuse");
        return ERR_CONFIG;
    }
    while (has_word("hang"))
        (void)pause();
    return ERR_OK;
}

static enum err
confine(const struct child *c, struct sandbox_result *out, struct buf *problem)
{
    (void)c;
    (void)out;
    (void)problem;
    return ERR_OK;
}

static void
on_leave(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    child_exit(arg, 0);
}

static void
on_work(evutil_socket_t fd, short what, void *arg)
{
    char c;
    struct timeval soon = {.tv_usec = 300000};
    (void)what;
    if (read(fd, &c, 1) > 0)
        return;
    (void)event_del(stub.on_work);
    log_info("stub.orphaned", "name=%s", stub.name);
    stub.on_leave =
        event_new(((struct child *)arg)->base, -1, 0, on_leave, arg);
    if (stub.on_leave == NULL || event_add(stub.on_leave, &soon) != 0)
        abort();
}

static void
run(struct child *c)
{
    if (strcmp(stub.name, "keeper") == 0)
        return;
    stub.work = child_take_fd(c, LIFE_FD_WORK, STR_NONE);
    stub.on_work =
        event_new(c->base, stub.work, EV_READ | EV_PERSIST, on_work, c);
    if (stub.work < 0 || stub.on_work == NULL ||
        event_add(stub.on_work, NULL) != 0)
        abort();
    if (has_word("die"))
        (void)raise(SIGSYS);
    if (has_word("leave"))
        child_exit(c, 0);
}

static enum err
reload(struct child *c, struct buf *problem)
{
    log_settings(c, "stub.reload");
    if (!has_word("refuse-reload"))
        return ERR_OK;
    buf_add_text(problem, "the stub was told to refuse the reload");
    return ERR_CONFIG;
}

static void
on_reload_ended(struct child *c, const struct life_reload_ended *ended)
{
    (void)c;
    log_info("stub.reload_ended", "wishes=%u problem=%.*s",
             (unsigned)ended->n_wishes, STR_ARG(ended->problem));
}

static void
on_descriptor(struct child *c, const struct life_descriptor *what, int fd)
{
    log_info("stub.peer", "peer=%u index=%u uid=%u", what->peer,
             what->peer_index, what->peer_uid);
    if (what->peer == LIFE_PEER_ADMIN && has_word("want-reload"))
        child_want_reload(c);
    if (what->peer == LIFE_PEER_ADMIN)
        fd_close(&fd); /* others stay open as long as the stub lives */
}

static void
drain(struct child *c, bool is_brief)
{
    log_info("stub.drain", "name=%s brief=%d", stub.name, is_brief);
    while (has_word("cling"))
        (void)usleep(1000);
    if (!has_word("stay") || is_brief)
        child_exit(c, 0);
}

int
main(void)
{
    ssize_t n =
        readlink("/proc/self/exe", stub.folder, sizeof(stub.folder) - 1);
    if (n <= 0)
        return 1;
    char *slash = strrchr(stub.folder, '/');
    stub.name = strdup(slash + strlen("/portkeep-"));
    slash[1] = '\0';
    struct child_role role = {
        .name = stub.name,
        .n_secrets = 4,
        .start = start,
        .confine = confine,
        .run = run,
        .drain = drain,
    };
    if (strcmp(stub.name, "keeper") == 0) {
        role.reload = reload;
        role.on_reload_ended = on_reload_ended;
        role.on_descriptor = on_descriptor;
    }
    log_open(stub.name, 0, LOG_INFO);
    log_inheritance();
    return child_main(&role);
}

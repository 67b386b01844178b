#define _GNU_SOURCE
#include "nursery.h"

#include "base/log.h"
#include "ipc/fd.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LONGEST_S 20
#define LIFE_FD 3

void
nursery_open(struct nursery *n)
{
    *n = (struct nursery){0};
    n->base = event_base_new();
    assert_non_null(n->base);
    n->settings.is_sandboxed = true;
    n->settings.log_level = LOG_WARN;
}

void
nursery_add_fd(struct nursery *n, enum life_descriptor_kind kind, int fd)
{
    assert_true(fd >= 0 && n->n_fds < NURSERY_FDS);
    n->fds[n->n_fds].kind = kind;
    n->fds[n->n_fds++].fd = fd;
}

static void
on_life(const struct incoming *in, void *arg)
{
    struct nursery *n = arg;
    const struct life_ready *said = in->body; /* or life_reloaded, alike */
    if (in->message->type == LIFE_WANT_SUCCESSOR)
        n->wants_successor = true;
    if (in->message->type != LIFE_READY && in->message->type != LIFE_RELOADED)
        return;
    size_t length = said->problem.n;
    assert_true(length < sizeof(n->problem));
    if (length > 0)
        memcpy(n->problem, said->problem.p, length);
    n->problem[length] = '\0';
    n->is_ready = true;
    n->is_reloaded = in->message->type == LIFE_RELOADED;
}

static void
on_life_close(struct channel *ch, enum err reason, void *arg)
{
    struct nursery *n = arg;
    (void)reason;
    channel_free(ch);
    n->life = NULL;
    n->is_gone = true;
}

static pid_t
spawn(const char *program, int life_fd)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    /* A sandboxed process cannot look for leaks: that needs ptrace. */
    char options[] = "ASAN_OPTIONS=detect_leaks=0";
    char *environment[] = {options, NULL};
    char *arguments[] = {strdup(program), NULL};
    if (dup2(life_fd, LIFE_FD) < 0 || close_range(LIFE_FD + 1, ~0U, 0) != 0)
        _exit(126);
    (void)execve(program, arguments, environment);
    _exit(127);
}

static void
send_round(struct nursery *n, bool is_reload)
{
    struct life_apply apply = {.is_reload = is_reload};
    channel_event(n->life, LIFE_SETTINGS, &n->settings);
    for (size_t i = 0; i < n->n_apps; i++)
        channel_event(n->life, LIFE_APP, &n->apps[i]);
    for (size_t i = 0; i < n->n_fds; i++) {
        struct life_descriptor what = {.kind = n->fds[i].kind};
        channel_event_fd(n->life, LIFE_DESCRIPTOR, &what, n->fds[i].fd);
        fd_close(&n->fds[i].fd);
    }
    n->n_fds = 0;
    channel_event(n->life, LIFE_APPLY, &apply);
}

void
nursery_birth(struct nursery *n, const char *program,
              const struct conversation *conversation,
              const struct channel_handler *handler, void *arg)
{
    static const struct channel_handler life = {on_life, on_life_close};
    int life_pair[2], work_pair[2];
    assert_int_equal(fd_pair(life_pair), ERR_OK);
    assert_int_equal(fd_pair(work_pair), ERR_OK);
    n->pid = spawn(program, life_pair[1]);
    fd_close(&life_pair[1]);
    n->life = channel_new(n->base, life_pair[0], &life_conversation, &life, n);
    n->work = channel_new(n->base, work_pair[0], conversation, handler, arg);
    nursery_add_fd(n, LIFE_FD_WORK, work_pair[1]);
    send_round(n, false);
    nursery_wait(n, &n->is_ready);
}

void
nursery_reload(struct nursery *n)
{
    n->is_reloaded = false;
    send_round(n, true);
    nursery_wait(n, &n->is_reloaded);
}

void
nursery_stop(struct nursery *n, bool is_brief)
{
    struct life_stop stop = {.is_brief = is_brief};
    channel_event(n->life, LIFE_STOP, &stop);
}

static void
on_too_long(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    *(bool *)arg = true;
}

void
nursery_wait(struct nursery *n, const bool *is_true)
{
    struct timeval longest = {.tv_sec = LONGEST_S};
    bool is_over = false;
    struct event *timer = event_new(n->base, -1, 0, on_too_long, &is_over);
    assert_int_equal(event_add(timer, &longest), 0);
    while (!*is_true && !is_over)
        assert_int_equal(event_base_loop(n->base, EVLOOP_ONCE), 0);
    event_free(timer);
    if (!*is_true)
        fail_msg("waited %d s in vain", LONGEST_S);
}

int
nursery_end(struct nursery *n)
{
    int status;
    if (n->life != NULL)
        nursery_wait(n, &n->is_gone);
    assert_int_equal(waitpid(n->pid, &status, 0), n->pid);
    n->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void
nursery_drop_life(struct nursery *n)
{
    channel_free(n->life);
    n->life = NULL;
}

void
nursery_drop_work(struct nursery *n)
{
    channel_free(n->work);
    n->work = NULL;
}

void
nursery_close(struct nursery *n)
{
    if (n->pid > 0) {
        (void)kill(n->pid, SIGKILL); /* it may have gone by itself */
        (void)waitpid(n->pid, NULL, 0);
    }
    channel_free(n->work);
    channel_free(n->life);
    event_base_free(n->base);
}

int
nursery_listen(uint16_t *out_port)
{
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(here);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&here, n), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&here, &n), 0);
    *out_port = ntohs(here.sin_port);
    return fd;
}

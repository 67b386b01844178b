#define _GNU_SOURCE
#include "parent/process.h"

#include "base/env.h"
#include "base/limits.h"
#include "base/log.h"
#include "ipc/fd.h"

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 *   BORN --ready--> READY --process_stop--> LEAVING --waitpid--> gone
 *     |                \--life channel closes----^
 *     \--a problem, or no word in time-----------^
 *
 * Whatever happens to it, the end is told by waitpid alone.
 */
#define READY_WITHIN_MS 20000
#define BRIEFLY_MS 1000

static const struct {
    const char *name, *program;
} roles[ROLES] = {
    [ROLE_KEEPER] = {"keeper", "portkeep-keeper"},
    [ROLE_COURIER] = {"courier", "portkeep-courier"},
    [ROLE_DELIVER] = {"deliver", "portkeep-courier"},
    [ROLE_RELAY] = {"relay", "portkeep-relay"},
    [ROLE_FRONT] = {"front", "portkeep-front"},
};

const char *
role_name(enum role role)
{
    return roles[role].name;
}

int64_t
process_now_ms(void)
{
    return env_real()->mono_ms(env_real());
}

void
process_expire(struct process *x, unsigned ms)
{
    struct timeval later = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
    (void)event_add(x->on_deadline, &later); /* made before: cannot fail */
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct process *x = arg;
    (void)fd;
    (void)what;
    log_error("child.late", "role=%s/%u pid=%d state=%s do=\"it is killed\"",
              role_name(x->role), x->index, (int)x->pid,
              x->state == PROCESS_BORN ? "born" : "leaving");
    x->state = PROCESS_LEAVING;
    (void)kill(x->pid, SIGKILL); /* not yet waited for: the pid is its own */
}

void
process_stop(struct process *x, bool is_brief)
{
    struct life_stop stop = {.is_brief = is_brief};
    x->state = PROCESS_LEAVING;
    if (x->life != NULL)
        channel_event(x->life, LIFE_STOP, &stop);
    process_expire(x, is_brief ? BRIEFLY_MS : DEADLINE_DRAIN_MS + BRIEFLY_MS);
}

static void
take_ready(struct process *x, const struct life_ready *ready)
{
    if (x->state != PROCESS_BORN)
        return;
    if (ready->problem.n > 0) {
        x->state = PROCESS_LEAVING;
        process_expire(x, BRIEFLY_MS);
    } else {
        x->state = PROCESS_READY;
        x->takes_work = true;
        x->ready_ms = process_now_ms();
        (void)event_del(x->on_deadline); /* never fails */
    }
    x->handler->on_ready(x, ready, x->arg);
}

static void
on_message(const struct incoming *in, void *arg)
{
    struct process *x = arg;
    const struct life_reloaded *done = in->body;
    int fd = in->fd;
    switch (in->message->type) {
    case LIFE_READY:
        take_ready(x, in->body);
        break;
    case LIFE_RELOADED:
        x->handler->on_reloaded(x, done->problem, x->arg);
        break;
    case LIFE_WANT_RELOAD:
        x->handler->on_want_reload(x, x->arg);
        break;
    case LIFE_WANT_SUCCESSOR:
        x->handler->on_want_successor(x, x->arg);
        break;
    case LIFE_DRAINING:
        x->takes_work = false;
        x->handler->on_draining(x, x->arg);
        break;
    default: /* what only the parent says */
        fd_close(&fd);
        log_error("child.bad_message", "role=%s/%u type=%u", role_name(x->role),
                  x->index, in->message->type);
        process_stop(x, true);
    }
}

/* It is dying, or has broken the rules: either way it ends now. */
static void
on_close(struct channel *ch, enum err reason, void *arg)
{
    struct process *x = arg;
    (void)reason;
    channel_free(ch);
    x->life = NULL;
    x->takes_work = false;
    if (x->state != PROCESS_LEAVING)
        process_expire(x, BRIEFLY_MS);
    x->handler->on_closed(x, x->arg);
}

static struct process *
make(const struct process_setup *setup, enum role role, uint32_t index,
     int life)
{
    static const struct channel_handler handler = {on_message, on_close};
    struct process *x = calloc(1, sizeof(*x));
    if (x == NULL)
        abort(); /* no memory */
    x->role = role;
    x->index = index;
    x->keeper_end = -1;
    x->handler = setup->handler;
    x->arg = setup->arg;
    x->on_deadline = event_new(setup->base, -1, 0, on_deadline, x);
    if (x->on_deadline == NULL)
        abort(); /* no memory */
    x->life = channel_new(setup->base, life, &life_conversation, &handler, x);
    return x;
}

struct process *
process_start(const struct process_setup *setup, enum role role, uint32_t index)
{
    int pair[2] = {-1, -1};
    pid_t pid = -1;
    enum err e = fd_pair(pair);
    if (e == ERR_OK)
        e = birth_start(setup->place, roles[role].program, pair[1], &pid);
    fd_close(&pair[1]);
    if (e != ERR_OK) {
        log_error("child.not_started", "program=%s%s problem=%s",
                  setup->place->folder, roles[role].program,
                  e == ERR_NOT_FOUND ? "\"no such program\""
                                     : "\"cannot start processes\"");
        fd_close(&pair[0]);
        return NULL;
    }
    struct process *x = make(setup, role, index, pair[0]);
    x->pid = pid;
    process_expire(x, READY_WITHIN_MS);
    return x;
}

void
process_log_end(const struct process *x, int status)
{
    bool is_killed = WIFSIGNALED(status);
    const char *name = is_killed ? sigabbrev_np(WTERMSIG(status)) : NULL;
    if (is_killed && WTERMSIG(status) == SIGSYS)
        log_error("child.sandbox_kill",
                  "role=%s/%u pid=%d what=\"it asked the kernel for something "
                  "that its sandbox forbids\"",
                  role_name(x->role), x->index, (int)x->pid);
    else if (is_killed)
        log_error("child.killed", "role=%s/%u pid=%d signal=%s",
                  role_name(x->role), x->index, (int)x->pid,
                  name != NULL ? name : "unknown");
    else if (WEXITSTATUS(status) != 0)
        log_error("child.failed", "role=%s/%u pid=%d status=%d",
                  role_name(x->role), x->index, (int)x->pid,
                  WEXITSTATUS(status));
    else
        log_info("child.ended", "role=%s/%u pid=%d", role_name(x->role),
                 x->index, (int)x->pid);
}

void
process_free(struct process *x)
{
    fd_close(&x->keeper_end);
    channel_free(x->life);
    event_free(x->on_deadline);
    free(x);
}

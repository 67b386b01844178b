#define _GNU_SOURCE
#include "parent/family.h"

#include "base/limits.h"
#include "base/log.h"
#include "ipc/fd.h"

#include <event2/event.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

/*
 *   STARTING --all ready--> RUNNING --family_stop--> STOPPING --none--> gone
 *       \---one refused------------------^               ^
 *                  \--the keeper died--> COLLAPSING -----/
 *
 * 1. Outside of STARTING each post that is not the keeper's and is wanted has
 *    a current process, or one being born, or a timer that will start one.
 * 2. A process is in `all` from fork to waitpid.
 * 3. In COLLAPSING couriers that go to HubSpot are told nothing: their work
 *    channel has closed, and they end when their running token errands have.
 */
#define DELAY_FIRST_MS 100
#define DELAY_MOST_MS 10000
#define LIFE_GOOD_MS 60000 /* after so long, a death is the first again */
/* A courier goes by itself after an hour; its successor is there before. */
#define COURIER_LIFE_MS 3540000

enum family_state {
    FAMILY_STARTING,
    FAMILY_RUNNING,
    FAMILY_STOPPING,
    FAMILY_COLLAPSING,
};

/* A place that one process fills. */
struct post {
    struct family *family;
    enum role role;
    struct event *on_delay;
    struct event *on_old; /* of a courier: its hour is nearly over */
    /* moves */
    struct process *current; /* ready */
    struct process *next;    /* being born */
    unsigned delay_ms;       /* before the next birth after a death */
    uint64_t n_deaths;
};

struct family {
    struct family_setup setup;
    struct event *on_child, *on_look;
    /* moves */
    enum family_state state;
    struct post posts[ROLES];
    struct process *all;
    bool is_renewing, has_renew_failed, has_failed;
};

static void
change(struct family *f, enum family_state state)
{
    static const char *const names[] = {"starting", "running", "stopping",
                                        "collapsing"};
    log_debug("family.state", "from=%s to=%s", names[f->state], names[state]);
    f->state = state;
}

/* Looks at the whole when the loop comes round, never in the middle. */
static void
look_later(struct family *f)
{
    event_active(f->on_look, EV_TIMEOUT, 0);
}

static bool
is_ending(const struct family *f)
{
    return f->state == FAMILY_STOPPING || f->state == FAMILY_COLLAPSING;
}

static bool
is_courier(enum role role)
{
    return role == ROLE_COURIER || role == ROLE_DELIVER;
}

static bool
is_wanted(const struct post *post)
{
    return settings_want(post->family->setup.settings, post->role);
}

static uint32_t
free_index(const struct family *f, enum role role)
{
    for (uint32_t i = 0;; i++) {
        const struct process *x = f->all;
        while (x != NULL && (x->role != role || x->index != i))
            x = x->next;
        if (x == NULL)
            return i;
    }
}

static void
fail_start(struct family *f)
{
    f->has_failed = true;
    family_stop(f, true);
}

static void
delay(struct post *post)
{
    struct timeval later = {.tv_sec = post->delay_ms / 1000,
                            .tv_usec = (post->delay_ms % 1000) * 1000};
    (void)event_add(post->on_delay, &later); /* made before: cannot fail */
    post->delay_ms *= 2;
    if (post->delay_ms > DELAY_MOST_MS)
        post->delay_ms = DELAY_MOST_MS;
}

/* Nobody fills this post, and none is on the way. */
static void
fill_again(struct post *post)
{
    struct family *f = post->family;
    if (post->role == ROLE_KEEPER || f->state == FAMILY_STARTING)
        fail_start(f);
    else if (!is_ending(f) && is_wanted(post))
        delay(post);
}

static const struct process_handler handler;

static void
bear(struct post *post)
{
    struct family *f = post->family;
    struct process_setup setup = {.base = f->setup.base,
                                  .place = f->setup.place,
                                  .handler = &handler,
                                  .arg = f};
    struct buf auto_buf why = {0};
    buf_init(&why, LIMIT_URL);
    struct process *x =
        process_start(&setup, post->role, free_index(f, post->role));
    if (x == NULL) {
        f->has_renew_failed = true;
        if (post->current == NULL)
            fill_again(post);
        return;
    }
    x->next = f->all;
    f->all = x;
    post->next = x;
    if (settings_send(f->setup.settings, x, false, &why) == ERR_OK)
        return;
    log_error("child.not_settled", "role=%s problem=\"%s\"",
              role_name(post->role), buf_text(&why));
    process_stop(x, true); /* its end is that of one which refused */
}

static void
on_delay(evutil_socket_t fd, short what, void *arg)
{
    struct post *post = arg;
    (void)fd;
    (void)what;
    if (post->current == NULL && post->next == NULL &&
        !is_ending(post->family) && is_wanted(post))
        bear(post);
}

/* The keeper learns of it only now: nothing is asked of who is not there. */
static void
introduce(struct family *f, struct process *x)
{
    static const uint32_t kinds[ROLES] = {[ROLE_FRONT] = LIFE_PEER_FRONT,
                                          [ROLE_RELAY] = LIFE_PEER_RELAY,
                                          [ROLE_COURIER] = LIFE_PEER_COURIER,
                                          [ROLE_DELIVER] = LIFE_PEER_DELIVER};
    struct life_descriptor what = {.kind = LIFE_FD_PEER,
                                   .peer = kinds[x->role],
                                   .peer_index = x->index,
                                   .n_deaths = f->posts[x->role].n_deaths};
    struct process *keeper = f->posts[ROLE_KEEPER].current;
    if (keeper != NULL && keeper->life != NULL && x->keeper_end >= 0)
        channel_event_fd(keeper->life, LIFE_DESCRIPTOR, &what, x->keeper_end);
    fd_close(&x->keeper_end);
}

static void
take_post(struct family *f, struct process *x)
{
    struct post *post = &f->posts[x->role];
    struct timeval hour = {.tv_sec = COURIER_LIFE_MS / 1000};
    struct process *old = post->current;
    post->current = x;
    post->next = NULL;
    if (x->role == ROLE_KEEPER)
        return;
    introduce(f, x);
    if (old != NULL)
        process_stop(old, false);
    if (is_courier(x->role))
        (void)event_add(post->on_old, &hour); /* made before */
}

static void
on_ready(struct process *x, const struct life_ready *ready, void *arg)
{
    struct family *f = arg;
    if (ready->problem.n > 0) {
        log_error("child.refused", "role=%s/%u problem=\"%.*s\"",
                  role_name(x->role), x->index, STR_ARG(ready->problem));
        return; /* it ends by itself */
    }
    log_info("child.ready", "role=%s/%u pid=%d landlock=%s", role_name(x->role),
             x->index, (int)x->pid, ready->has_landlock ? "yes" : "no");
    if (is_ending(f) || f->posts[x->role].next != x) {
        process_stop(x, true);
        return;
    }
    take_post(f, x);
    if (x->role == ROLE_KEEPER &&
        f->setup.handler->on_keeper_ready(f->setup.arg) != ERR_OK)
        fail_start(f);
    else if (x->role == ROLE_KEEPER)
        for (size_t i = ROLE_COURIER; i < ROLES && !is_ending(f); i++)
            if (is_wanted(&f->posts[i]))
                bear(&f->posts[i]);
    look_later(f);
}

static void
on_reloaded(struct process *x, struct str problem, void *arg)
{
    struct family *f = arg;
    if (x->role == ROLE_KEEPER)
        f->setup.handler->on_keeper_reloaded(problem, f->setup.arg);
}

static void
on_want_reload(struct process *x, void *arg)
{
    struct family *f = arg;
    if (x->role == ROLE_KEEPER)
        f->setup.handler->on_want_reload(f->setup.arg);
}

static void
succeed(struct post *post)
{
    if (post->family->state == FAMILY_RUNNING && post->next == NULL &&
        post->current != NULL)
        bear(post);
}

static void
on_want_successor(struct process *x, void *arg)
{
    struct family *f = arg;
    if (is_courier(x->role) && f->posts[x->role].current == x)
        succeed(&f->posts[x->role]);
}

static void
on_less_alive(struct process *x, void *arg)
{
    (void)x;
    look_later(arg);
}

static const struct process_handler handler = {
    .on_ready = on_ready,
    .on_reloaded = on_reloaded,
    .on_want_reload = on_want_reload,
    .on_want_successor = on_want_successor,
    .on_draining = on_less_alive,
    .on_closed = on_less_alive,
};

/* The keeper is gone: nothing can be answered any more. */
static void
collapse(struct family *f)
{
    f->has_failed = true;
    change(f, FAMILY_COLLAPSING);
    for (struct process *x = f->all; x != NULL; x = x->next) {
        if (x->role == ROLE_COURIER && x->state != PROCESS_BORN)
            process_expire(x, DEADLINE_ERRAND_MS);
        else
            process_stop(x, true);
    }
}

static void
count_death(struct post *post)
{
    post->n_deaths++;
    log_warn("child.died", "role=%s deaths=%" PRIu64, role_name(post->role),
             post->n_deaths);
}

/* The one that filled a post is gone, unasked. */
static void
lose(struct post *post, const struct process *x, int status)
{
    bool is_own_end =
        is_courier(x->role) && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    post->current = NULL;
    if (is_own_end && post->next == NULL && !is_ending(post->family) &&
        is_wanted(post)) {
        bear(post);
        return;
    }
    if (is_own_end || is_ending(post->family))
        return;
    count_death(post);
    if (process_now_ms() - x->ready_ms >= LIFE_GOOD_MS)
        post->delay_ms = DELAY_FIRST_MS;
    if (post->next == NULL)
        fill_again(post);
}

static void
take_away(struct family *f, struct process *x, int status)
{
    struct post *post = &f->posts[x->role];
    process_log_end(x, status);
    if (x->role == ROLE_KEEPER && post->current == x &&
        f->state != FAMILY_STOPPING) {
        post->current = NULL;
        collapse(f);
    } else if (post->current == x) {
        lose(post, x, status);
    } else if (post->next == x) {
        post->next = NULL;
        f->has_renew_failed = true;
        if (!is_ending(f))
            count_death(post);
        if (post->current == NULL)
            fill_again(post);
    }
    if (x->role == ROLE_KEEPER &&
        (x->state != PROCESS_LEAVING || WIFSIGNALED(status)))
        f->has_failed = true;
}

/* Those that have ended and whose last words were heard: a child's reason to
 * refuse may still be on its way when the signal of its death comes. */
static void
wait_for_ended(struct family *f)
{
    struct process **at = &f->all;
    while (*at != NULL) {
        struct process *x = *at;
        int status;
        if (x->life != NULL || waitpid(x->pid, &status, WNOHANG) != x->pid) {
            at = &x->next;
            continue;
        }
        *at = x->next;
        take_away(f, x, status);
        process_free(x);
        at = &f->all; /* births and stops may have changed the list */
    }
}

/* How many of the role live; all of them are told to finish. */
static size_t
stop_role(struct family *f, enum role role)
{
    size_t n = 0;
    for (struct process *x = f->all; x != NULL; x = x->next) {
        if (x->role != role)
            continue;
        n++;
        if (x->state != PROCESS_LEAVING)
            process_stop(x, x->state == PROCESS_BORN);
    }
    return n;
}

/* Who asks goes before who answers. */
static void
stop_next(struct family *f)
{
    size_t n_asking = stop_role(f, ROLE_FRONT) + stop_role(f, ROLE_RELAY);
    if (n_asking > 0)
        return;
    if (stop_role(f, ROLE_COURIER) + stop_role(f, ROLE_DELIVER) == 0)
        (void)stop_role(f, ROLE_KEEPER); /* the last: none to wait for */
}

/* Each post has its newest process, and none that was told to go would still
 * take a connection. */
static bool
is_renewed(const struct family *f)
{
    for (size_t i = 0; i < ROLES; i++)
        if (f->posts[i].next != NULL)
            return false;
    for (const struct process *x = f->all; x != NULL; x = x->next)
        if (x->state == PROCESS_LEAVING && x->takes_work)
            return false;
    return true;
}

/* Whether what was waited for has come true. */
static void
on_look(evutil_socket_t fd, short what, void *arg)
{
    struct family *f = arg;
    bool is_whole = true;
    (void)fd;
    (void)what;
    wait_for_ended(f);
    for (size_t i = 0; i < ROLES; i++)
        is_whole = is_whole &&
                   (f->posts[i].current != NULL || !is_wanted(&f->posts[i]));
    if (f->state == FAMILY_STOPPING)
        stop_next(f);
    if (is_ending(f) && f->all == NULL) {
        f->setup.handler->on_gone(f->setup.arg);
    } else if (f->state == FAMILY_STARTING && is_whole) {
        change(f, FAMILY_RUNNING);
        f->setup.handler->on_started(f->setup.arg);
    } else if (f->is_renewing && is_renewed(f)) {
        f->is_renewing = false;
        f->setup.handler->on_renewed(f->has_renew_failed, f->setup.arg);
    }
}

static void
on_child(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    look_later(arg);
}

static void
on_old(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    succeed(arg);
}

struct family *
family_new(const struct family_setup *setup)
{
    struct family *f = calloc(1, sizeof(*f));
    if (f == NULL)
        abort(); /* no memory */
    f->setup = *setup;
    f->on_child = evsignal_new(setup->base, SIGCHLD, on_child, f);
    f->on_look = event_new(setup->base, -1, 0, on_look, f);
    if (f->on_child == NULL || f->on_look == NULL ||
        event_add(f->on_child, NULL) != 0)
        abort(); /* no memory */
    for (size_t i = 0; i < ROLES; i++) {
        struct post *post = &f->posts[i];
        *post = (struct post){
            .family = f,
            .role = (enum role)i,
            .delay_ms = DELAY_FIRST_MS,
            .on_delay = event_new(setup->base, -1, 0, on_delay, post),
            .on_old = event_new(setup->base, -1, 0, on_old, post)};
        if (post->on_delay == NULL || post->on_old == NULL)
            abort(); /* no memory */
    }
    return f;
}

void
family_free(struct family *f)
{
    if (f == NULL)
        return;
    while (f->all != NULL) {
        struct process *x = f->all;
        f->all = x->next;
        process_free(x);
    }
    for (size_t i = 0; i < ROLES; i++) {
        event_free(f->posts[i].on_delay);
        event_free(f->posts[i].on_old);
    }
    event_free(f->on_child);
    event_free(f->on_look);
    free(f);
}

void
family_start(struct family *f)
{
    bear(&f->posts[ROLE_KEEPER]);
    look_later(f);
}

void
family_renew(struct family *f)
{
    f->is_renewing = true;
    f->has_renew_failed = false;
    for (size_t i = ROLE_COURIER; i < ROLES; i++) {
        struct post *post = &f->posts[i];
        if (post->next != NULL) /* born with the settings before these */
            process_stop(post->next, true);
        post->next = NULL;
        if (is_wanted(post))
            bear(post);
        else if (post->current != NULL)
            process_stop(post->current, false);
        if (!is_wanted(post))
            post->current = NULL;
    }
    look_later(f);
}

void
family_stop(struct family *f, bool is_brief)
{
    if (f->state != FAMILY_COLLAPSING)
        change(f, FAMILY_STOPPING);
    for (struct process *x = f->all; is_brief && x != NULL; x = x->next)
        process_stop(x, true);
    look_later(f);
}

bool
family_has_failed(const struct family *f)
{
    return f->has_failed;
}

enum err
family_reload_keeper(struct family *f, struct buf *why)
{
    struct process *keeper = f->posts[ROLE_KEEPER].current;
    if (keeper == NULL || keeper->life == NULL)
        return ERR_UNAVAILABLE;
    return settings_send(f->setup.settings, keeper, true, why);
}

void
family_tell_reload_ended(struct family *f,
                         const struct life_reload_ended *ended)
{
    struct process *keeper = f->posts[ROLE_KEEPER].current;
    if (keeper != NULL && keeper->life != NULL)
        channel_event(keeper->life, LIFE_RELOAD_ENDED, ended);
}

void
family_give_admin(struct family *f, int fd, uint32_t uid)
{
    struct life_descriptor what = {
        .kind = LIFE_FD_PEER, .peer = LIFE_PEER_ADMIN, .peer_uid = uid};
    struct process *keeper = f->posts[ROLE_KEEPER].current;
    if (keeper != NULL && keeper->life != NULL)
        channel_event_fd(keeper->life, LIFE_DESCRIPTOR, &what, fd);
}

#define _GNU_SOURCE
#include "child/child.h"

#include "base/limits.h"
#include "base/secret.h"
#include "ipc/fd.h"
#include "sandbox/user.h"

#include <event2/event.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 *   BIRTH --apply--> READY --stop--> DRAINING --child_exit--> gone
 *
 * In READY a second round of settings may come; it is collected apart and
 * takes the place of the first at its apply.
 */

#define LIFE_FD 3
#define APPS_MAX LIMIT_APPS
#define FDS_MAX (LIMIT_APPS * 4 + 64) /* four secrets an app */

struct birth {
    struct child child; /* what the role sees */
    const struct child_role *role;
    bool is_ready;
    int status;
    /* The round of settings that is being collected. */
    struct child next;
};

/* One process is one child: event callbacks get it, roles get .child. */
static struct birth birth;

static void
new_round(struct child *c)
{
    c->arena = arena_new();
    c->apps = arena_alloc(c->arena, APPS_MAX * sizeof(*c->apps));
    c->fds = arena_alloc(c->arena, FDS_MAX * sizeof(*c->fds));
    c->n_apps = c->n_fds = 0;
    memset(&c->settings, 0, sizeof(c->settings));
}

static void
end_round(struct child *c)
{
    for (size_t i = 0; i < c->n_fds; i++)
        fd_close(&c->fds[i].fd);
    arena_free(c->arena);
    c->arena = NULL;
}

static bool
is_for(const struct life_descriptor *what, enum life_descriptor_kind kind,
       struct str app)
{
    return what->kind == kind && (app.p == NULL || str_equal(app, what->app));
}

struct str
child_fd_path(const struct child *c, enum life_descriptor_kind kind,
              struct str app)
{
    for (size_t i = 0; i < c->n_fds; i++)
        if (is_for(&c->fds[i].what, kind, app))
            return c->fds[i].what.path;
    return STR_NONE;
}

int
child_take_fd(struct child *c, enum life_descriptor_kind kind, struct str app)
{
    for (size_t i = 0; i < c->n_fds; i++) {
        struct child_fd *f = &c->fds[i];
        if (f->fd < 0 || !is_for(&f->what, kind, app))
            continue;
        int fd = f->fd;
        f->fd = -1;
        return fd;
    }
    return -1;
}

const struct life_app *
child_app(const struct child *c, struct str name)
{
    for (size_t i = 0; i < c->n_apps; i++)
        if (str_equal(c->apps[i].name, name))
            return &c->apps[i];
    return NULL;
}

void
child_exit(struct child *c, int status)
{
    birth.status = status;
    channel_flush(c->life, 1000);
    (void)event_base_loopbreak(c->base); /* fails only for a NULL base */
}

void
child_want_reload(struct child *c)
{
    channel_event(c->life, LIFE_WANT_RELOAD, NULL);
}

void
child_want_successor(struct child *c)
{
    channel_event(c->life, LIFE_WANT_SUCCESSOR, NULL);
}

/* Says why it cannot start, and goes. */
static void
refuse(struct child *c, struct buf *problem)
{
    struct life_ready ready = {.problem = buf_str(problem)};
    log_error("child.refused", "problem=%s", log_quote(ready.problem));
    channel_event(c->life, LIFE_READY, &ready);
    child_exit(c, 1);
}

static enum err
get_ready(struct child *c, struct sandbox_result *result, struct buf *problem)
{
    const struct child_role *role = birth.role;
    log_open(role->name, c->settings.index,
             (enum log_level)c->settings.log_level);
    bool is_sandboxed = c->settings.is_sandboxed || !sandbox_may_be_off();
    enum err e = user_become(c->settings.user, problem);
    if (e == ERR_OK && is_sandboxed)
        e = sandbox_harden();
    if (e != ERR_OK)
        return e;
    if (slab_open(slab_fit(role->n_secrets, role->n_secrets_most)) != ERR_OK) {
        buf_add_text(problem, "cannot lock memory for secrets: raise the "
                              "limit of locked memory (ulimit -l, or "
                              "LimitMEMLOCK= in the systemd unit)");
        return ERR_SYSTEM;
    }
    e = role->start(c, problem);
    if (e == ERR_OK && is_sandboxed)
        e = role->confine(c, result, problem);
    return e;
}

static void
apply_birth(struct child *c)
{
    struct sandbox_result result = {.has_landlock = false};
    struct buf auto_buf problem = {0};
    buf_init(&problem, 1024);
    if (get_ready(c, &result, &problem) != ERR_OK) {
        refuse(c, &problem);
        return;
    }
    struct life_ready ready = {.has_landlock = result.has_landlock};
    birth.is_ready = true;
    channel_event(c->life, LIFE_READY, &ready);
    birth.role->run(c);
}

/* The new round takes the place of the old; if the role refuses it, the old
 * one comes back. */
static void
apply_reload(struct child *c)
{
    struct buf auto_buf problem = {0};
    struct child old = *c;
    buf_init(&problem, 1024);
    c->settings = birth.next.settings;
    c->apps = birth.next.apps;
    c->n_apps = birth.next.n_apps;
    c->fds = birth.next.fds;
    c->n_fds = birth.next.n_fds;
    c->arena = birth.next.arena;
    if (birth.role->reload(c, &problem) == ERR_OK) {
        end_round(&old);
        log_open(birth.role->name, c->settings.index,
                 (enum log_level)c->settings.log_level);
    } else {
        struct child refused = *c;
        *c = old;
        end_round(&refused);
    }
    birth.next.arena = NULL;
    struct life_reloaded done = {.problem = buf_str(&problem)};
    channel_event(c->life, LIFE_RELOADED, &done);
}

/* Where settings go now: the first round, or the next. */
static struct child *
collecting(void)
{
    if (!birth.is_ready)
        return &birth.child;
    if (birth.next.arena == NULL)
        new_round(&birth.next);
    return &birth.next;
}

static void
take_app(const struct life_app *app)
{
    struct child *c = collecting();
    const struct message *m = conversation_find(&life_conversation, LIFE_APP);
    if (c->n_apps == APPS_MAX)
        child_exit(&birth.child, 1); /* more than the parent may send */
    else
        record_copy(m->record, app, c->arena, &c->apps[c->n_apps++]);
}

static void
take_settings(const struct life_settings *settings)
{
    if (birth.next.arena != NULL) { /* a round that never came to its end */
        end_round(&birth.next);
        birth.next.arena = NULL;
    }
    struct child *c = collecting();
    const struct message *m =
        conversation_find(&life_conversation, LIFE_SETTINGS);
    record_copy(m->record, settings, c->arena, &c->settings);
}

/* Channels that come after birth are work, not settings. */
static bool
is_late_channel(const struct life_descriptor *what)
{
    return birth.is_ready &&
           (what->kind == LIFE_FD_PEER || what->kind == LIFE_FD_WORK);
}

static void
take_late_channel(const struct life_descriptor *what, int fd)
{
    if (birth.role->on_descriptor != NULL) {
        birth.role->on_descriptor(&birth.child, what, fd);
        return;
    }
    fd_close(&fd);
    child_exit(&birth.child, 1); /* this role has no use for it */
}

static void
take_descriptor(const struct life_descriptor *what, int fd)
{
    struct child *c = collecting();
    const struct message *m =
        conversation_find(&life_conversation, LIFE_DESCRIPTOR);
    if (fd < 0 || c->n_fds == FDS_MAX) {
        fd_close(&fd);
        child_exit(&birth.child, 1);
        return;
    }
    struct child_fd *f = &c->fds[c->n_fds++];
    record_copy(m->record, what, c->arena, &f->what);
    f->fd = fd;
}

static void
stop(struct child *c, bool is_brief)
{
    if (c->is_draining && !is_brief)
        return;
    c->is_draining = true;
    if (!birth.is_ready || birth.role->drain == NULL) {
        child_exit(c, 0);
        return;
    }
    birth.role->drain(c, is_brief);
    channel_event(c->life, LIFE_DRAINING, NULL);
}

static void
on_message(const struct incoming *in, void *arg)
{
    struct child *c = &birth.child;
    (void)arg;
    switch (in->message->type) {
    case LIFE_SETTINGS:
        take_settings(in->body);
        break;
    case LIFE_APP:
        take_app(in->body);
        break;
    case LIFE_DESCRIPTOR:
        if (in->fd >= 0 && is_late_channel(in->body))
            take_late_channel(in->body, in->fd);
        else
            take_descriptor(in->body, in->fd);
        break;
    case LIFE_APPLY:
        if (!birth.is_ready)
            apply_birth(c);
        else if (birth.next.arena != NULL && birth.role->reload != NULL)
            apply_reload(c);
        else
            child_exit(c, 1); /* nothing to apply, or never in place */
        break;
    case LIFE_RELOAD_ENDED:
        if (birth.is_ready && birth.role->on_reload_ended != NULL)
            birth.role->on_reload_ended(c, in->body);
        else
            child_exit(c, 1);
        break;
    case LIFE_STOP:
        stop(c, ((const struct life_stop *)in->body)->is_brief);
        break;
    default: /* what only children say */
        child_exit(c, 1);
    }
}

static void
on_close(struct channel *ch, enum err reason, void *arg)
{
    (void)ch;
    (void)reason;
    (void)arg;
    if (birth.is_ready && birth.role->orphaned != NULL)
        birth.role->orphaned(&birth.child);
    else
        child_exit(&birth.child, 0);
}

/* The C library looks for the time zone's file again and again, unless it has
 * been told one; times are in UTC here, and files are out of reach later. */
static void
fix_time_zone(void)
{
    (void)setenv("TZ", "UTC0", 1); /* no memory: nothing has begun yet */
    tzset();
}

/* The parent decides when a child ends: signals of the terminal do not. */
static void
ignore_signals(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    const int signals[] = {SIGPIPE, SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        (void)sigaction(signals[i], &ignore, NULL); /* valid signals */
}

int
child_main(const struct child_role *role)
{
    static const struct channel_handler handler = {on_message, on_close};
    struct child *c = &birth.child;
    birth.role = role;
    birth.status = 1;
    log_open(role->name, 0, LOG_INFO);
    ignore_signals();
    fix_time_zone();
    if (sodium_init() < 0)
        return 1;
    c->base = event_base_new();
    if (c->base == NULL)
        return 1;
    new_round(c);
    c->life = channel_new(c->base, LIFE_FD, &life_conversation, &handler, NULL);
    if (event_base_dispatch(c->base) < 0)
        return 1;
    return birth.status;
}

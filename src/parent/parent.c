#define _GNU_SOURCE
#include "parent/parent.h"

#include "base/limits.h"
#include "ipc/fd.h"
#include "parent/admin.h"
#include "parent/family.h"
#include "parent/files.h"
#include "parent/listeners.h"
#include "parent/notify.h"
#include "sandbox/sandbox.h"

#include <event2/event.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * parent_serve from top to bottom: configuration, doors, family, loop.  A
 * reload in between is
 *
 *   SIGHUP or a wish --read, check--> KEEPER asked --taken up--> the others
 *                       \--wrong: nothing has changed    are renewed
 */
#define RELOAD_LATE_S 30
#define COURIER_WAIT_MS (DEADLINE_ERRAND_MS + 5000)

enum reload_state { RELOAD_NONE, RELOAD_KEEPER, RELOAD_RENEW };

struct book {
    struct arena *arena;
    struct config config;
};

struct parent {
    const struct parent_setup *setup;
    struct event_base *base;
    struct birth_place place;
    struct book book; /* the configuration in use */
    struct settings settings;
    struct listeners listeners;
    struct family *family;
    struct admin_door *door;
    struct event *on_signals[3], *on_watchdog, *on_reload_late;
    /* moves */
    enum reload_state reload;
    struct book next; /* in RELOAD_KEEPER: what the keeper looks at */
    bool is_running, is_stopping, wants_reload;
    /* Of the keeper for its callers, and what of them had come when the
     * reload that runs began. */
    uint64_t n_wishes, n_wishes_begun;
};

static const int signals[3] = {SIGTERM, SIGINT, SIGHUP};

static void
book_close(struct book *b)
{
    arena_free(b->arena);
    b->arena = NULL;
}

/* Everything wrong goes to standard error, a line each, and to `why`. */
static enum err
book_open(const char *path, struct book *out, struct buf *why)
{
    struct config_problems problems;
    struct book b = {.arena = arena_new()};
    enum err e = config_load(b.arena, path, &b.config, &problems);
    if (e == ERR_OK)
        e = config_check_files(b.arena, &b.config, &problems);
    for (size_t i = 0; i < problems.n; i++) {
        struct buf auto_buf line = {0};
        buf_init(&line, LIMIT_URL);
        config_problem_add_text(&problems, i, &line);
        if (problems.v[i].is_warning)
            log_warn("config.warning", "%s", buf_text(&line));
        else
            log_error("config.problem", "%s", buf_text(&line));
        if (!problems.v[i].is_warning && why != NULL)
            buf_addf(why, "\n%s", buf_text(&line));
    }
    if (e != ERR_OK)
        book_close(&b);
    else
        *out = b;
    return e;
}

static void
use_book(struct parent *p, struct book *b)
{
    book_close(&p->book);
    p->book = *b;
    b->arena = NULL;
    log_open("parent", 0, p->book.config.log_level);
}

static void
end_reload(struct parent *p, const char *event, const char *problem)
{
    if (problem != NULL && problem[0] == '\0')
        problem = "more is wrong than fits here: see the log";
    if (problem != NULL) /* its first line: what follows is logged already */
        log_error(event, "problem=\"%.*s\"", (int)strcspn(problem, "\n"),
                  problem);
    else
        log_info(event, "apps=%zu", p->book.config.n_apps);
    struct life_reload_ended ended = {.problem = str_from(problem),
                                      .n_wishes = p->n_wishes_begun};
    family_tell_reload_ended(p->family, &ended);
    p->reload = RELOAD_NONE;
    (void)event_del(p->on_reload_late); /* never fails */
    p->settings.config = &p->book.config;
    book_close(&p->next);
    notify_ready();
}

/* The keeper is asked first: only it can look into the secrets. */
static void
start_reload(struct parent *p)
{
    struct timeval late = {.tv_sec = RELOAD_LATE_S};
    struct buf auto_buf why = {0};
    p->wants_reload = false;
    p->n_wishes_begun = p->n_wishes;
    notify_reloading();
    buf_init(&why, 8 * LIMIT_URL);
    buf_add_text(&why, "the configuration is wrong; nothing has changed:");
    if (book_open(p->setup->config_path, &p->next, &why) != ERR_OK) {
        end_reload(p, "reload.refused", buf_text(&why));
        return;
    }
    buf_clear(&why);
    struct str fixed =
        config_fixed_change(p->next.arena, &p->book.config, &p->next.config);
    if (fixed.p != NULL) {
        buf_addf(&why, "%s changes only with a restart; nothing has changed",
                 fixed.p);
        end_reload(p, "reload.refused", buf_text(&why));
        return;
    }
    p->reload = RELOAD_KEEPER;
    p->settings.config = &p->next.config;
    (void)event_add(p->on_reload_late, &late); /* made before: cannot fail */
    if (family_reload_keeper(p->family, &why) != ERR_OK)
        end_reload(p, "reload.refused", buf_text(&why));
}

static void
on_reload_late(evutil_socket_t fd, short what, void *arg)
{
    struct parent *p = arg;
    (void)fd;
    (void)what;
    if (p->reload == RELOAD_KEEPER)
        end_reload(p, "reload.late",
                   "the keeper did not answer in time: see "
                   "its log lines, and reload again");
}

/* One at a time; a wish that comes meanwhile is kept. */
static void
want_reload(struct parent *p)
{
    p->wants_reload = true;
    if (p->is_running && !p->is_stopping && p->reload == RELOAD_NONE)
        start_reload(p);
}

static void
on_want_reload(void *arg)
{
    struct parent *p = arg;
    p->n_wishes++;
    want_reload(p);
}

static void
on_keeper_reloaded(struct str problem, void *arg)
{
    struct parent *p = arg;
    struct buf auto_buf why = {0};
    if (p->reload != RELOAD_KEEPER)
        return;
    if (problem.n > 0) {
        buf_init(&why, LIMIT_URL);
        buf_add(&why, problem);
        end_reload(p, "reload.refused", buf_text(&why));
        return;
    }
    use_book(p, &p->next);
    p->settings.config = &p->book.config;
    p->reload = RELOAD_RENEW;
    family_renew(p->family);
}

static void
on_renewed(bool has_failed, void *arg)
{
    struct parent *p = arg;
    end_reload(p, has_failed ? "reload.partial" : "reload.done",
               has_failed ? "a process could not start with the new settings "
                            "and the one before it still runs"
                          : NULL);
    if (p->wants_reload)
        want_reload(p);
}

static enum err
on_keeper_ready(void *arg)
{
    struct parent *p = arg;
    if (listeners_listen(&p->listeners) == ERR_OK)
        return ERR_OK;
    log_error("serve.refused", "problem=\"cannot listen on public_listen or "
                               "private_listen\"");
    return ERR_SYSTEM;
}

static void
on_started(void *arg)
{
    struct parent *p = arg;
    struct buf auto_buf public = {0}, private = {0};
    buf_init(&public, 100);
    buf_init(&private, 100);
    listeners_add_address(p->listeners.public_fd, &public);
    listeners_add_address(p->listeners.private_fd, &private);
    p->is_running = true;
    p->door = admin_door_open(p->base, p->listeners.admin_fd, p->family,
                              p->book.config.user);
    log_info("serve.ready", "public=%s private=%s admin=%.*s",
             buf_text(&public), buf_text(&private),
             STR_ARG(p->book.config.admin_socket));
    notify_ready();
    if (p->wants_reload)
        want_reload(p);
}

static void
on_gone(void *arg)
{
    struct parent *p = arg;
    (void)event_base_loopbreak(p->base); /* fails only for a NULL base */
}

static const struct family_handler family_handler = {
    .on_started = on_started,
    .on_gone = on_gone,
    .on_renewed = on_renewed,
    .on_want_reload = on_want_reload,
    .on_keeper_reloaded = on_keeper_reloaded,
    .on_keeper_ready = on_keeper_ready,
};

static void
on_signal(evutil_socket_t number, short what, void *arg)
{
    struct parent *p = arg;
    (void)what;
    if (number == SIGHUP) {
        want_reload(p);
        return;
    }
    log_info("serve.stopping", "signal=%s brief=%s",
             number == SIGTERM ? "TERM" : "INT", p->is_stopping ? "yes" : "no");
    notify_stopping();
    admin_door_close(p->door);
    p->door = NULL;
    listeners_stop(&p->listeners);
    family_stop(p->family, p->is_stopping);
    p->is_stopping = true;
}

static void
on_watchdog(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    notify_watchdog();
}

static void
start_events(struct parent *p)
{
    unsigned ms = notify_watchdog_ms();
    struct timeval often = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
    for (size_t i = 0; i < 3; i++) {
        p->on_signals[i] = evsignal_new(p->base, signals[i], on_signal, p);
        if (p->on_signals[i] == NULL || event_add(p->on_signals[i], NULL) != 0)
            abort(); /* no memory */
    }
    p->on_watchdog = event_new(p->base, -1, EV_PERSIST, on_watchdog, p);
    p->on_reload_late = event_new(p->base, -1, 0, on_reload_late, p);
    if (p->on_watchdog == NULL || p->on_reload_late == NULL ||
        (ms > 0 && event_add(p->on_watchdog, &often) != 0))
        abort(); /* no memory */
}

/* Children inherit them: memory for secrets can be locked, a connection is a
 * descriptor, a core would hold secrets. */
static void
set_limits(void)
{
    static const int raised[] = {RLIMIT_MEMLOCK, RLIMIT_NOFILE};
    struct rlimit limit, none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none); /* lowering always works */
    for (size_t i = 0; i < 2; i++) {
        if (getrlimit((__rlimit_resource_t)raised[i], &limit) != 0)
            continue;
        if (geteuid() == 0 && raised[i] == RLIMIT_MEMLOCK)
            limit.rlim_max = RLIM_INFINITY;
        limit.rlim_cur = limit.rlim_max;
        /* Where it fails, a child will say what it lacks. */
        (void)setrlimit((__rlimit_resource_t)raised[i], &limit);
    }
    (void)umask(077); /* cannot fail */
}

/* Where this process was killed, its courier goes on until its running
 * errands have ended: the keeper must see those token replies before it
 * refreshes anything. */
static void
await_courier(const struct config *c)
{
    if (files_await_release(c, CONFIG_SPILL_FILE, 0))
        return;
    log_warn("serve.waits", "for=\"a courier of the last run, and its running "
                            "token calls\"");
    if (!files_await_release(c, CONFIG_SPILL_FILE, COURIER_WAIT_MS))
        log_error("serve.waited_in_vain", "do=\"look for a portkeep-courier "
                                          "that does not end\"");
}

static enum err
open_all(struct parent *p)
{
    struct buf auto_buf why = {0};
    buf_init(&why, LIMIT_URL);
    enum err e = book_open(p->setup->config_path, &p->book, NULL);
    if (e != ERR_OK) {
        log_error("serve.refused", "problem=\"the configuration is wrong\"");
        return e;
    }
    log_open("parent", 0, p->book.config.log_level);
    e = listeners_open(&p->book.config, &p->listeners, &why);
    if (e == ERR_OK) /* the data directory is ours alone */
        await_courier(&p->book.config);
    if (e == ERR_OK && birth_find_place(&p->place) != ERR_OK) {
        buf_add_text(&why, "/proc is not mounted: where the programs are "
                           "cannot be known");
        e = ERR_SYSTEM;
    }
    if (e != ERR_OK)
        log_error("serve.refused", "problem=\"%s\"", buf_text(&why));
    return e;
}

static void
run(struct parent *p)
{
    p->settings = (struct settings){.config = &p->book.config,
                                    .is_sandboxed = !p->setup->is_unsandboxed,
                                    .public_fd = p->listeners.public_fd,
                                    .private_fd = p->listeners.private_fd};
    struct family_setup setup = {.base = p->base,
                                 .place = &p->place,
                                 .settings = &p->settings,
                                 .handler = &family_handler,
                                 .arg = p};
    p->place.is_sandboxed = p->settings.is_sandboxed;
    p->family = family_new(&setup);
    start_events(p);
    family_start(p->family);
    if (event_base_dispatch(p->base) < 0)
        log_error("serve.failed", "problem=\"the event loop ended\"");
}

static void
close_all(struct parent *p)
{
    admin_door_close(p->door);
    family_free(p->family);
    for (size_t i = 0; i < 3; i++)
        if (p->on_signals[i] != NULL)
            event_free(p->on_signals[i]);
    if (p->on_watchdog != NULL)
        event_free(p->on_watchdog);
    if (p->on_reload_late != NULL)
        event_free(p->on_reload_late);
    if (p->base != NULL)
        event_base_free(p->base);
    listeners_close(&p->listeners);
    book_close(&p->next);
    book_close(&p->book);
    notify_close();
}

int
parent_serve(const struct parent_setup *setup)
{
    struct parent p = {.setup = setup, .listeners = LISTENERS_NONE};
    int status = 1;
    log_open("parent", 0, LOG_INFO);
    notify_open();
    set_limits();
    (void)signal(SIGPIPE, SIG_IGN); /* a valid signal */
    if (open_all(&p) == ERR_OK && (p.base = event_base_new()) != NULL) {
        run(&p);
        status = family_has_failed(p.family) ? 1 : 0;
        log_info("serve.ended", "status=%d", status);
    }
    close_all(&p);
    return status;
}

#define _GNU_SOURCE
#include "child/child.h"
#include "ipc/fd.h"

#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/*
 * child_main runs in a process of its own; the test is its parent, at the
 * other end of the life channel.  A role tells what it was given in the
 * words with which it refuses.
 */
#define PATIENCE_S 10

struct family {
    struct event_base *base;
    struct channel *life;
    pid_t pid;
    size_t n_ready, n_reloaded, n_wants, n_closed;
    char problem[1024];
    bool has_landlock;
};

static void
on_message(const struct incoming *in, void *arg)
{
    struct family *f = arg;
    const struct life_ready *ready = in->body;
    const struct life_reloaded *reloaded = in->body;
    struct str problem = STR_NONE;
    if (in->message->type == LIFE_READY) {
        f->n_ready++;
        f->has_landlock = ready->has_landlock;
        problem = ready->problem;
    } else if (in->message->type == LIFE_RELOADED) {
        f->n_reloaded++;
        problem = reloaded->problem;
    } else if (in->message->type == LIFE_WANT_RELOAD) {
        f->n_wants++;
    }
    (void)snprintf(f->problem, sizeof(f->problem), "%.*s", STR_ARG(problem));
}

static void
on_close(struct channel *ch, enum err reason, void *arg)
{
    struct family *f = arg;
    (void)reason;
    f->n_closed++;
    channel_free(ch);
    f->life = NULL;
}

static void
be_born(struct family *f, const struct child_role *role)
{
    static const struct channel_handler handler = {on_message, on_close};
    int pair[2];
    memset(f, 0, sizeof(*f));
    assert_int_equal(fd_pair(pair), ERR_OK);
    f->pid = fork();
    assert_true(f->pid >= 0);
    if (f->pid == 0) {
        if (pair[1] != 3) {
            (void)dup2(pair[1], 3);
            (void)close(pair[1]);
        }
        if (pair[0] != 3)
            (void)close(pair[0]);
        _exit(child_main(role));
    }
    (void)close(pair[1]);
    f->base = event_base_new();
    f->life = channel_new(f->base, pair[0], &life_conversation, &handler, f);
}

static void
until(struct family *f, const size_t *count)
{
    time_t end = time(NULL) + PATIENCE_S;
    while (*count == 0 && time(NULL) < end)
        if (event_base_loop(f->base, EVLOOP_ONCE) != 0)
            break;
    assert_true(*count > 0);
}

/* Its exit status. */
static int
until_gone(struct family *f)
{
    int status;
    if (f->life != NULL)
        until(f, &f->n_closed);
    assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
    event_base_free(f->base);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
send_settings(struct family *f, const char *public_url)
{
    struct life_settings s = {.log_level = LOG_ERROR,
                              .public_url = str_from(public_url)};
    channel_event(f->life, LIFE_SETTINGS, &s);
}

static void
send_app(struct family *f, const char *name, const char *title)
{
    struct life_app a = {.name = str_from(name), .title = str_from(title)};
    channel_event(f->life, LIFE_APP, &a);
}

/* A file with that many bytes, so that it is known again by its size. */
static void
send_file(struct family *f, enum life_descriptor_kind kind, const char *app,
          size_t n)
{
    struct life_descriptor d = {.kind = kind, .app = str_from(app)};
    FILE *file = tmpfile();
    assert_non_null(file);
    for (size_t i = 0; i < n; i++)
        (void)fputc('x', file);
    assert_int_equal(fflush(file), 0);
    channel_event_fd(f->life, LIFE_DESCRIPTOR, &d, fileno(file));
    (void)fclose(file);
}

static void
send_apply(struct family *f)
{
    struct life_apply a = {.is_reload = false};
    channel_event(f->life, LIFE_APPLY, &a);
}

static void
send_stop(struct family *f, bool is_brief)
{
    struct life_stop s = {.is_brief = is_brief};
    channel_event(f->life, LIFE_STOP, &s);
}

static long
size_of_file(struct child *c, enum life_descriptor_kind kind, const char *app)
{
    int fd = child_take_fd(c, kind, app == NULL ? STR_NONE : str_from(app));
    long size = fd < 0 ? -1 : (long)lseek(fd, 0, SEEK_END);
    fd_close(&fd);
    return size;
}

static enum err
start_well(struct child *c, struct buf *problem)
{
    (void)c;
    (void)problem;
    return ERR_OK;
}

static enum err
start_telling(struct child *c, struct buf *problem)
{
    const struct life_app *b = child_app(c, STR("b"));
    buf_addf(problem, "url=%.*s apps=%zu b=%.*s none=%d",
             STR_ARG(c->settings.public_url), c->n_apps,
             STR_ARG(b == NULL ? STR("?") : b->title),
             child_app(c, STR("c")) == NULL);
    buf_addf(problem, " key=%ld", size_of_file(c, LIFE_FD_MASTER_KEY, NULL));
    buf_addf(problem, " b=%ld", size_of_file(c, LIFE_FD_CLIENT_SECRET, "b"));
    buf_addf(problem, " again=%ld",
             size_of_file(c, LIFE_FD_CLIENT_SECRET, "b"));
    buf_addf(problem, " a=%ld", size_of_file(c, LIFE_FD_CLIENT_SECRET, "a"));
    buf_addf(problem, " old=%ld",
             size_of_file(c, LIFE_FD_CLIENT_SECRET_OLD, "a"));
    return ERR_CONFIG;
}

static enum err
confine_well(const struct child *c, struct sandbox_result *out,
             struct buf *problem)
{
    (void)c;
    (void)problem;
    out->has_landlock = true;
    return ERR_OK;
}

static enum err
confine_badly(const struct child *c, struct sandbox_result *out,
              struct buf *problem)
{
    (void)c;
    (void)out;
    buf_add_text(problem, "no sandbox here");
    return ERR_SYSTEM;
}

static void
run_on(struct child *c)
{
    (void)c;
}

static void
run_wanting(struct child *c)
{
    child_want_reload(c);
}

/* Takes up settings with an app; tells what stands there otherwise. */
static enum err
reload_telling(struct child *c, struct buf *problem)
{
    buf_addf(problem, "url=%.*s apps=%zu key=%ld",
             STR_ARG(c->settings.public_url), c->n_apps,
             size_of_file(c, LIFE_FD_MASTER_KEY, NULL));
    if (c->n_apps == 0)
        return ERR_CONFIG;
    buf_clear(problem);
    return ERR_OK;
}

/* After a refused reload the settings before it must be there. */
static void
drain_telling(struct child *c, bool is_brief)
{
    int status = str_equal(c->settings.public_url, STR("first")) ? 11 : 12;
    child_exit(c, is_brief ? status + 10 : status);
}

static void
drain_never(struct child *c, bool is_brief)
{
    static int n;
    n++;
    if (is_brief)
        child_exit(c, n == 2 ? 7 : 8); /* once before this */
}

static void
leave_orphaned(struct child *c)
{
    child_exit(c, 9);
}

static void
take_late(struct child *c, const struct life_descriptor *what, int fd)
{
    fd_close(&fd);
    child_exit(c, (int)what->peer_uid);
}

#define ROLE(...)                                            \
    {                                                        \
        .name = "test", .n_secrets = 4, .start = start_well, \
        .confine = confine_well, .run = run_on, __VA_ARGS__  \
    }

static const struct child_role plain = ROLE(.drain = NULL);
static const struct child_role confined_only = ROLE(.reload = NULL);
static const struct child_role telling = {.name = "test",
                                          .n_secrets = 4,
                                          .start = start_telling,
                                          .confine = confine_well,
                                          .run = run_on};
static const struct child_role unconfined = {.name = "test",
                                             .n_secrets = 4,
                                             .start = start_well,
                                             .confine = confine_badly,
                                             .run = run_on};
static const struct child_role reloading =
    ROLE(.reload = reload_telling, .drain = drain_telling);
static const struct child_role staying =
    ROLE(.drain = drain_never, .orphaned = leave_orphaned);
static const struct child_role late = ROLE(.on_descriptor = take_late);

/* Without a sandbox, which only the build of the tests allows. */
static void
become_ready(struct family *f, const struct child_role *role)
{
    be_born(f, role);
    send_settings(f, "first");
    send_apply(f);
    until(f, &f->n_ready);
    assert_string_equal(f->problem, "");
}

static void
is_ready_once_its_sandbox_stands(void **state)
{
    struct family f;
    (void)state;
    be_born(&f, &confined_only);
    struct life_settings s = {.log_level = LOG_ERROR, .is_sandboxed = true};
    channel_event(f.life, LIFE_SETTINGS, &s);
    send_apply(&f);
    until(&f, &f.n_ready);
    assert_string_equal(f.problem, "");
    assert_true(f.has_landlock);
    send_stop(&f, false);
    assert_int_equal(until_gone(&f), 0);
}

static void
is_not_ready_without_its_sandbox(void **state)
{
    struct family f;
    (void)state;
    be_born(&f, &unconfined);
    struct life_settings s = {.log_level = LOG_ERROR, .is_sandboxed = true};
    channel_event(f.life, LIFE_SETTINGS, &s);
    send_apply(&f);
    assert_int_equal(until_gone(&f), 1);
    assert_int_equal(f.n_ready, 1);
    assert_string_equal(f.problem, "no sandbox here");
}

static void
finds_apps_and_descriptors_by_name_and_kind(void **state)
{
    struct family f;
    (void)state;
    be_born(&f, &telling);
    send_settings(&f, "here");
    send_app(&f, "a", "Title A");
    send_app(&f, "b", "Title B");
    send_file(&f, LIFE_FD_MASTER_KEY, "", 5);
    send_file(&f, LIFE_FD_CLIENT_SECRET, "a", 6);
    send_file(&f, LIFE_FD_CLIENT_SECRET, "b", 7);
    send_apply(&f);
    assert_int_equal(until_gone(&f), 1);
    assert_string_equal(f.problem, "url=here apps=2 b=Title B none=1 key=5 b=7 "
                                   "again=-1 a=6 old=-1");
}

static void
takes_up_a_reload_or_keeps_what_it_has(void **state)
{
    struct family f;
    (void)state;
    become_ready(&f, &reloading);
    send_settings(&f, "second");
    send_file(&f, LIFE_FD_MASTER_KEY, "", 5);
    send_apply(&f);
    until(&f, &f.n_reloaded);
    assert_string_equal(f.problem, "url=second apps=0 key=5"); /* refused */
    send_stop(&f, false);
    assert_int_equal(until_gone(&f), 11); /* drained with the first */

    become_ready(&f, &reloading);
    send_settings(&f, "second");
    send_app(&f, "a", "A");
    send_apply(&f);
    until(&f, &f.n_reloaded);
    assert_string_equal(f.problem, "");
    send_stop(&f, true);
    assert_int_equal(until_gone(&f), 22); /* drained with the second */
}

static void
forgets_a_round_of_settings_that_never_ended(void **state)
{
    struct family f;
    (void)state;
    become_ready(&f, &reloading);
    send_settings(&f, "broken off");
    send_app(&f, "a", "A");
    send_file(&f, LIFE_FD_MASTER_KEY, "", 5);
    send_settings(&f, "second");
    send_apply(&f);
    until(&f, &f.n_reloaded);
    assert_string_equal(f.problem, "url=second apps=0 key=-1");
    send_stop(&f, false);
    assert_int_equal(until_gone(&f), 11);
}

static void
drains_once_and_ends_when_told_to_be_brief(void **state)
{
    struct family f;
    (void)state;
    become_ready(&f, &staying);
    send_stop(&f, false);
    send_stop(&f, false);
    send_stop(&f, true);
    assert_int_equal(until_gone(&f), 7);
}

static void
ends_with_its_parent(void **state)
{
    struct family f;
    (void)state;
    become_ready(&f, &plain);
    channel_free(f.life);
    f.life = NULL;
    assert_int_equal(until_gone(&f), 0);
    become_ready(&f, &staying);
    channel_free(f.life);
    f.life = NULL;
    assert_int_equal(until_gone(&f), 9); /* what its role does then */
}

static void
ends_when_it_is_stopped_before_it_was_ready(void **state)
{
    struct family f;
    (void)state;
    be_born(&f, &staying);
    send_settings(&f, "first");
    send_stop(&f, false);
    assert_int_equal(until_gone(&f), 0);
    assert_int_equal(f.n_ready, 0);
}

static void
does_not_listen_to_the_terminal(void **state)
{
    struct family f;
    (void)state;
    become_ready(&f, &plain);
    assert_int_equal(kill(f.pid, SIGINT), 0);
    assert_int_equal(kill(f.pid, SIGTERM), 0);
    assert_int_equal(kill(f.pid, SIGHUP), 0);
    send_stop(&f, false);
    assert_int_equal(until_gone(&f), 0);
}

static void
takes_a_channel_that_comes_late(void **state)
{
    struct family f;
    struct life_descriptor d = {.kind = LIFE_FD_PEER, .peer_uid = 33};
    (void)state;
    become_ready(&f, &late);
    channel_event_fd(f.life, LIFE_DESCRIPTOR, &d, STDIN_FILENO);
    assert_int_equal(until_gone(&f), 33);
    /* A role that has no use for one takes it for an attack. */
    become_ready(&f, &plain);
    channel_event_fd(f.life, LIFE_DESCRIPTOR, &d, STDIN_FILENO);
    assert_int_equal(until_gone(&f), 1);
}

static void
tells_the_parent_of_a_wish_to_reload(void **state)
{
    static const struct child_role wanting = {.name = "test",
                                              .n_secrets = 4,
                                              .start = start_well,
                                              .confine = confine_well,
                                              .run = run_wanting};
    struct family f;
    (void)state;
    become_ready(&f, &wanting);
    until(&f, &f.n_wants);
    send_stop(&f, false);
    assert_int_equal(until_gone(&f), 0);
}

static void
ends_when_its_parent_breaks_the_rules(void **state)
{
    struct family f;
    struct life_ready ready = {.has_landlock = false};
    struct life_descriptor d = {.kind = LIFE_FD_MASTER_KEY};
    (void)state;
    become_ready(&f, &plain); /* what only children say */
    channel_event(f.life, LIFE_READY, &ready);
    assert_int_equal(until_gone(&f), 1);
    become_ready(&f, &plain); /* nothing was sent before it */
    send_apply(&f);
    assert_int_equal(until_gone(&f), 1);
    become_ready(&f, &plain); /* it has no reload */
    send_settings(&f, "second");
    send_apply(&f);
    assert_int_equal(until_gone(&f), 1);
    be_born(&f, &plain); /* a descriptor's message without one */
    channel_event(f.life, LIFE_DESCRIPTOR, &d);
    assert_int_equal(until_gone(&f), 1);
    be_born(&f, &plain); /* more apps than there may be */
    for (size_t i = 0; i <= 100; i++)
        send_app(&f, "a", "A");
    assert_int_equal(until_gone(&f), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_ready_once_its_sandbox_stands),
        cmocka_unit_test(is_not_ready_without_its_sandbox),
        cmocka_unit_test(finds_apps_and_descriptors_by_name_and_kind),
        cmocka_unit_test(takes_up_a_reload_or_keeps_what_it_has),
        cmocka_unit_test(forgets_a_round_of_settings_that_never_ended),
        cmocka_unit_test(drains_once_and_ends_when_told_to_be_brief),
        cmocka_unit_test(ends_with_its_parent),
        cmocka_unit_test(ends_when_it_is_stopped_before_it_was_ready),
        cmocka_unit_test(does_not_listen_to_the_terminal),
        cmocka_unit_test(takes_a_channel_that_comes_late),
        cmocka_unit_test(tells_the_parent_of_a_wish_to_reload),
        cmocka_unit_test(ends_when_its_parent_breaks_the_rules),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

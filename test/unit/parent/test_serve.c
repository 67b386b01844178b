#define _GNU_SOURCE
#include "service.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define BASIC                              \
    "[server]\n"                           \
    "public_url = http://localhost:8700\n" \
    "public_listen = 127.0.0.1:0\n"        \
    "private_listen = 127.0.0.1:0\n"       \
    "admin_socket = %s/run/admin.sock\n"   \
    "user = nobody\n"                      \
    "[store]\n"                            \
    "url = sqlite:%s/data/portkeep.db\n"   \
    "master_key = file:master.key\n"

#define APP(name)                                      \
    "[app " name "]\nname = Title\nclient_id = id-1\n" \
    "client_secret = file:app.secret\nscopes = oauth tickets\n"

static const char *serve_path, *stub_path;

static int
open_service(void **state)
{
    static struct service s;
    service_open(&s, serve_path, stub_path);
    service_write(&s, "master.key", "secret\n");
    service_write(&s, "app.secret", "secret\n");
    *state = &s;
    return 0;
}

static int
close_service(void **state)
{
    service_close(*state);
    return 0;
}

static void
start_ready(struct service *s, const char *config)
{
    service_start(s, config);
    (void)service_wait(s, "serve.ready");
}

static void
stop_well(struct service *s)
{
    service_signal(s, SIGTERM);
    assert_int_equal(service_wait_end(s), 0);
}

static void
starts_the_keeper_first_and_then_the_others(void **state)
{
    struct service *s = *state;
    service_start(s, BASIC);
    (void)service_wait(s, "child.ready|role=keeper/0");
    assert_int_equal(service_count(s, "child.ready"), 1);
    const char *line = service_wait(s, "serve.ready|public=127.0.0.1:");
    assert_non_null(strstr(line, "/run/admin.sock"));
    assert_null(strstr(line, "127.0.0.1:0 ")); /* the ports were chosen */
    assert_int_equal(service_count(s, "child.ready"), 4);
    stop_well(s);
}

static void
gives_each_role_no_more_than_its_work_needs(void **state)
{
    struct service *s = *state;
    start_ready(s, BASIC APP("crm") "[app old]\ntype = static\n");
    stop_well(s);
    /* Kinds of descriptors as enum life_descriptor_kind numbers them. */
    assert_int_equal(service_count(s, "stub.settings|name=keeper|fds=6,7,9,10 "
                                      "|api= |authorize=https|oauth= |node=1 "
                                      "data=1 revocation=0"),
                     1);
    assert_int_equal(service_count(s, "stub.settings|name=courier|fds=4,9 "
                                      "|apps=0|api=https|oauth=2026-03|"
                                      "authorize= |node=0 data=0"),
                     1);
    assert_int_equal(service_count(s, "stub.settings|name=relay|fds=4,1 |"
                                      "apps=2|api=https|oauth= |authorize= |"
                                      "revocation=5000"),
                     1);
    assert_int_equal(service_count(s, "stub.settings|name=front|fds=4,1 |"
                                      "apps=2|api= |oauth= |authorize= "),
                     1);
    assert_int_equal(
        service_count(s, "stub.app|name=keeper|app=crm title=Title id=id-1 "
                         "scopes=2 static=0"),
        1);
    assert_int_equal(service_count(s, "stub.app|name=relay|app=crm title= id= "
                                      "scopes=0 static=0"),
                     1);
    assert_int_equal(service_count(s, "stub.app|name=relay|app=old title= id= "
                                      "scopes=0 static=1"),
                     1);
    assert_int_equal(service_count(s, "stub.app|name=front|app=crm title=Title "
                                      "id= scopes=0"),
                     1);
    assert_int_equal(service_count(s, "stub.app|name=courier"), 0);
}

static void
lets_nothing_be_inherited_but_the_log_and_the_life_channel(void **state)
{
    struct service *s = *state;
    int extra = open("/dev/null", O_RDONLY); /* not close-on-exec */
    assert_true(extra > 2);
    start_ready(s, BASIC);
    assert_int_equal(service_count(s, "stub.born|open=0,1,2,3 path=none"), 4);
    stop_well(s);
    (void)close(extra);
}

static void
introduces_each_to_the_keeper_once_it_is_ready(void **state)
{
    struct service *s = *state;
    service_start(s, BASIC);
    for (int i = 0; i < 3; i++)
        (void)service_wait(s, "stub.peer");
    assert_int_equal(service_count(s, "stub.peer|peer=1 index=0"), 1);
    assert_int_equal(service_count(s, "stub.peer|peer=2 index=0"), 1);
    assert_int_equal(service_count(s, "stub.peer|peer=3 index=0"), 1);
    stop_well(s);
}

static void
stops_who_asks_before_who_answers(void **state)
{
    struct service *s = *state;
    start_ready(s, BASIC);
    service_write(s, "courier.do", "stay");
    stop_well(s);
    /* The keeper was still there while the courier was told to leave. */
    const char *courier = strstr(s->log, "stub.drain name=courier brief=0");
    const char *keeper = strstr(s->log, "stub.drain name=keeper brief=0");
    const char *relay = strstr(s->log, "stub.drain name=relay brief=0");
    const char *front = strstr(s->log, "stub.drain name=front brief=0");
    assert_non_null(relay);
    assert_non_null(front);
    assert_true(courier > relay && courier > front);
    assert_true(keeper == NULL || keeper > courier);
}

static void
ends_at_once_on_a_second_signal(void **state)
{
    struct service *s = *state;
    start_ready(s, BASIC);
    service_write(s, "relay.do", "stay");
    service_signal(s, SIGTERM);
    (void)service_wait(s, "stub.drain|name=relay brief=0");
    service_signal(s, SIGTERM);
    assert_int_equal(service_wait_end(s), 0);
    assert_int_equal(service_count(s, "serve.stopping|brief=yes"), 1);
}

static void
starts_a_dead_child_again_with_growing_delay(void **state)
{
    struct service *s = *state;
    service_start(s, BASIC);
    (void)service_wait(s, "serve.ready");
    service_write(s, "relay.do", "die");
    /* The running one is killed; each new one dies of SIGSYS. */
    size_t before = s->n_seen;
    s->n_seen = 0;
    const char *line = service_wait(s, "child.ready|role=relay/0");
    assert_int_equal(kill((pid_t)service_number(line, "pid"), SIGKILL), 0);
    s->n_seen = before;
    (void)service_wait(s, "child.killed|signal=KILL");
    (void)service_wait(s, "child.died|role=relay deaths=1");
    (void)service_wait(s, "child.sandbox_kill|role=relay/0");
    (void)service_wait(s, "child.died|role=relay deaths=3");
    service_write(s, "relay.do", NULL);
    (void)service_wait(s, "child.ready|role=relay/0");
    /* The keeper was told of each: a channel of a dead one is useless. */
    stop_well(s);
    assert_true(service_count(s, "stub.peer|peer=2") >= 2);
}

static void
replaces_a_courier_that_left_by_itself_without_delay(void **state)
{
    struct service *s = *state;
    service_write(s, "courier.do", "leave");
    service_start(s, BASIC);
    (void)service_wait(s, "child.ended|role=courier/0");
    service_write(s, "courier.do", NULL);
    (void)service_wait(s, "child.ready|role=courier/0");
    s->n_seen = 0;
    (void)service_wait(s, "serve.ready");
    stop_well(s);
    assert_int_equal(service_count(s, "child.died|role=courier"), 0);
}

static void
stops_all_when_the_keeper_dies_the_courier_last(void **state)
{
    struct service *s = *state;
    service_start(s, BASIC);
    const char *line = service_wait(s, "child.ready|role=keeper/0");
    pid_t keeper = (pid_t)service_number(line, "pid");
    (void)service_wait(s, "serve.ready");
    assert_int_equal(kill(keeper, SIGKILL), 0);
    assert_int_equal(service_wait_end(s), 1);
    assert_int_equal(service_count(s, "stub.drain|name=relay brief=1"), 1);
    assert_int_equal(service_count(s, "stub.drain|name=front brief=1"), 1);
    assert_int_equal(service_count(s, "stub.orphaned|name=courier"), 1);
    assert_int_equal(service_count(s, "stub.drain|name=courier"), 0);
    const char *courier = strstr(s->log, "child.ended role=courier/0");
    assert_non_null(courier);
    assert_true(courier > strstr(s->log, "child.ended role=relay/0"));
}

static void
ends_every_child_when_it_is_killed_itself(void **state)
{
    struct service *s = *state;
    start_ready(s, BASIC);
    service_signal(s, SIGKILL);
    /* service_wait_end returns when the last child has let go of the log. */
    assert_int_equal(service_wait_end(s), -1);
}

static void
does_not_start_when_a_child_refuses(void **state)
{
    static const char *const names[] = {"keeper", "courier", "relay", "front"};
    struct service *s = *state;
    for (size_t i = 0; i < 4; i++) {
        char file[32], words[64];
        (void)snprintf(file, sizeof(file), "%s.do", names[i]);
        (void)snprintf(words, sizeof(words), "child.refused|role=%s/0",
                       names[i]);
        service_write(s, file, "refuse");
        service_start(s, BASIC);
        assert_int_equal(service_wait_end(s), 1);
        assert_int_equal(service_count(s, words), 1);
        assert_int_equal(service_count(s, "serve.ready"), 0);
        service_write(s, file, NULL);
    }
}

static void
does_not_start_without_one_of_its_programs(void **state)
{
    struct service *s = *state;
    service_write(s, "portkeep-relay", NULL);
    service_start(s, BASIC);
    assert_int_equal(service_wait_end(s), 1);
    assert_int_equal(service_count(s, "child.not_started|no such program"), 1);
}

static void
kills_a_child_that_is_not_ready_in_time(void **state)
{
    struct service *s = *state;
    service_write(s, "front.do", "hang");
    service_start(s, BASIC);
    assert_int_equal(service_wait_end(s), 1);
    assert_int_equal(service_count(s, "child.late|role=front/0|state=born"), 1);
}

static void
says_what_is_wrong_with_the_configuration(void **state)
{
    struct service *s = *state;
    service_start(s, "[server]\npublic_ur = x\n");
    assert_int_equal(service_wait_end(s), 1);
    assert_int_equal(service_count(s, "portkeep.conf:2: error: |public_url"),
                     1);
    service_write(s, "master.key", NULL);
    service_start(s, BASIC);
    assert_int_equal(service_wait_end(s), 1);
    assert_int_equal(service_count(s, "master_key|No such file"), 1);
}

static void
refuses_secrets_that_others_can_read(void **state)
{
    struct service *s = *state;
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/app.secret", s->folder);
    assert_int_equal(chmod(path, 0640), 0);
    service_start(s, BASIC APP("crm"));
    assert_int_equal(service_wait_end(s), 1);
    assert_int_equal(
        service_count(s, "[app crm] client_secret|can be reached by others"),
        1);
}

static void
refuses_a_second_instance_and_leaves_the_first_alone(void **state)
{
    static struct service second;
    struct service *s = *state;
    char path[256];
    start_ready(s, BASIC);
    second = *s;
    second.log_fd = -1;
    service_start(&second, NULL);
    assert_int_equal(service_wait_end(&second), 1);
    assert_int_equal(service_count(&second, "another portkeep is running"), 1);
    (void)close(second.log_fd);
    (void)snprintf(path, sizeof(path), "%s/run/admin.sock", s->folder);
    assert_int_equal(access(path, F_OK), 0);
    stop_well(s);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void
takes_over_a_socket_that_nobody_listens_on(void **state)
{
    struct service *s = *state;
    start_ready(s, BASIC);
    service_signal(s, SIGKILL);
    (void)service_wait_end(s);
    int fd = service_connect(s);
    assert_int_equal(fd, -1);
    assert_int_equal(errno, ECONNREFUSED); /* it is there, and dead */
    start_ready(s, BASIC);
    fd = service_connect(s);
    assert_true(fd >= 0);
    (void)close(fd);
    stop_well(s);
}

static void
does_not_unlink_what_is_no_socket(void **state)
{
    struct service *s = *state;
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/run", s->folder);
    assert_int_equal(mkdir(path, 0755), 0);
    service_write(s, "run/admin.sock", "a file\n");
    service_start(s, BASIC);
    assert_int_equal(service_wait_end(s), 1);
    assert_int_equal(service_count(s, "is there and is not a socket"), 1);
}

static void
hands_admin_connections_to_the_keeper(void **state)
{
    struct service *s = *state;
    char words[64], c;
    start_ready(s, BASIC);
    int fd = service_connect(s);
    assert_true(fd >= 0);
    (void)snprintf(words, sizeof(words), "stub.peer|peer=4|uid=%u", geteuid());
    (void)service_wait(s, words);
    assert_int_equal(read(fd, &c, 1), 0); /* the stub hangs up */
    (void)close(fd);
    stop_well(s);
}

static void
reloads_the_keeper_in_place_and_replaces_the_others(void **state)
{
    struct service *s = *state;
    start_ready(s, BASIC);
    service_configure(s, BASIC APP("crm"));
    service_signal(s, SIGHUP);
    (void)service_wait(s, "stub.reload|name=keeper|apps=1");
    (void)service_wait(s, "reload.done|apps=1");
    assert_int_equal(service_count(s, "child.ready|role=keeper"), 1);
    assert_int_equal(service_count(s, "child.ready|role=relay/1"), 1);
    assert_int_equal(service_count(s, "child.ready|role=front/1"), 1);
    assert_int_equal(service_count(s, "child.ready|role=courier/1"), 1);
    assert_int_equal(service_count(s, "stub.app|name=relay|app=crm"), 1);
    s->n_seen = 0;
    (void)service_wait(s, "stub.drain|name=relay brief=0");
    /* The old numbers are free again. */
    (void)service_wait(s, "child.ended|role=");
    stop_well(s);
}

static void
starts_the_courier_that_delivers_only_where_events_go_somewhere(void **state)
{
    struct service *s = *state;
    service_write(s, "app.whsec", "secret\n");
    start_ready(s, BASIC APP("crm"));
    assert_int_equal(service_count(s, "child.ready|role=deliver"), 0);
    service_configure(s, BASIC APP("crm") "webhook_target = http://10.0.0.7/\n"
                                          "webhook_secret = file:app.whsec\n");
    service_signal(s, SIGHUP);
    (void)service_wait(s, "stub.peer|peer=5");
    (void)service_wait(s, "reload.done");
    assert_int_equal(service_count(s, "child.ready|role=deliver/0"), 1);
    service_signal(s, SIGHUP);
    (void)service_wait(s, "child.ready|role=deliver/1");
    (void)service_wait(s, "reload.done");
    service_configure(s, BASIC APP("crm"));
    service_signal(s, SIGHUP);
    (void)service_wait(s, "reload.done");
    s->n_seen = 0;
    (void)service_wait(s, "child.ended|role=deliver/1");
    assert_int_equal(service_count(s, "child.ready|role=deliver"), 2);
    stop_well(s);
}

/* Who asked for the reload connects in the next instant, and must meet the new
 * front: the old one's listener is the same socket. */
static void
ends_a_reload_only_when_the_old_ones_accept_nothing_more(void **state)
{
    struct service *s = *state;
    start_ready(s, BASIC);
    service_write(s, "front.do", "cling");
    service_signal(s, SIGHUP);
    (void)service_wait(s, "stub.drain|name=front brief=0");
    s->n_seen = 0;
    (void)service_wait(s, "child.ended|role=");
    (void)service_wait(s, "child.ended|role=");
    /* The parent has looked at the whole again before it accepts this. */
    int fd = service_connect(s);
    assert_true(fd >= 0);
    (void)service_wait(s, "stub.peer|peer=4");
    assert_int_equal(service_count(s, "reload.done"), 0);
    service_write(s, "front.do", NULL);
    (void)service_wait(s, "reload.done");
    (void)close(fd);
    stop_well(s);
}

static void
changes_nothing_when_a_reload_is_refused(void **state)
{
    struct service *s = *state;
    start_ready(s, BASIC);
    service_configure(s, BASIC "[app x]\n");
    service_signal(s, SIGHUP);
    (void)service_wait(s, "config.problem|[app x] client_id is missing");
    (void)service_wait(s, "reload.refused|nothing has changed");
    (void)service_wait(s, "stub.reload_ended|wishes=0 problem=the "
                          "configuration is wrong");
    (void)service_wait(s, "[app x] client_id is missing");
    service_configure(s, BASIC "[hubspot]\noauth_version = v3\n"
                               "[server]\nadmin_socket = /tmp/x\n");
    service_signal(s, SIGHUP);
    (void)service_wait(s, "reload.refused");
    service_configure(s, "[server]\npublic_listen = 127.0.0.1:1\n"
                         "public_url = http://localhost:8700\n"
                         "private_listen = 127.0.0.1:0\n"
                         "admin_socket = %s/run/admin.sock\nuser = nobody\n"
                         "[store]\nurl = sqlite:%s/data/portkeep.db\n"
                         "master_key = file:master.key\n");
    service_signal(s, SIGHUP);
    (void)service_wait(s, "reload.refused|[server] public_listen changes only "
                          "with a restart");
    service_write(s, "keeper.do", "refuse-reload");
    service_configure(s, BASIC);
    service_signal(s, SIGHUP);
    (void)service_wait(s, "reload.refused|told to refuse the reload");
    (void)service_wait(s, "stub.reload_ended|wishes=0 problem=the stub was "
                          "told");
    assert_int_equal(service_count(s, "child.ready"), 4);
    /* And it still can, once all is well. */
    service_write(s, "keeper.do", NULL);
    service_signal(s, SIGHUP);
    (void)service_wait(s, "reload.done");
    stop_well(s);
}

static void
keeps_the_old_one_when_its_successor_refuses(void **state)
{
    struct service *s = *state;
    start_ready(s, BASIC);
    service_write(s, "relay.do", "refuse");
    service_signal(s, SIGHUP);
    (void)service_wait(s, "reload.partial");
    (void)service_wait(s, "stub.reload_ended|problem=a process could not");
    assert_int_equal(service_count(s, "stub.drain|name=relay"), 0);
    service_write(s, "relay.do", NULL);
    service_signal(s, SIGHUP);
    (void)service_wait(s, "reload.done");
    stop_well(s);
}

static void
reloads_when_the_keeper_asks_for_it(void **state)
{
    struct service *s = *state;
    start_ready(s, BASIC);
    service_write(s, "keeper.do", "want-reload");
    int fd = service_connect(s);
    assert_true(fd >= 0);
    (void)service_wait(s, "reload.done");
    (void)service_wait(s, "stub.reload_ended|wishes=1 problem=");
    (void)close(fd);
    stop_well(s);
}

static void
tells_the_service_manager(void **state)
{
    struct service *s = *state;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char words[256];
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    (void)snprintf(a.sun_path, sizeof(a.sun_path), "%s/notify", s->folder);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", a.sun_path, 1), 0);
    assert_int_equal(setenv("WATCHDOG_USEC", "200000", 1), 0);
    start_ready(s, BASIC);
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    assert_int_equal(unsetenv("WATCHDOG_USEC"), 0);
    static const char *const wanted[] = {"READY=1", "WATCHDOG=1",
                                         "RELOADING=1\nMONOTONIC", "READY=1",
                                         "STOPPING=1"};
    for (size_t i = 0; i < 5;) {
        ssize_t n = recv(fd, words, sizeof(words) - 1, 0);
        assert_true(n > 0);
        words[n] = '\0';
        bool is_extra = strcmp(words, "WATCHDOG=1") == 0 && i != 1;
        if (is_extra)
            continue;
        assert_ptr_equal(strstr(words, wanted[i]), words);
        i++;
        if (i == 2)
            service_signal(s, SIGHUP);
        if (i == 4)
            service_signal(s, SIGTERM);
    }
    (void)close(fd);
    assert_int_equal(service_wait_end(s), 0);
}

int
main(int argc, char **argv)
{
#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, open_service, close_service)
    const struct CMUnitTest tests[] = {
        TEST(starts_the_keeper_first_and_then_the_others),
        TEST(gives_each_role_no_more_than_its_work_needs),
        TEST(lets_nothing_be_inherited_but_the_log_and_the_life_channel),
        TEST(introduces_each_to_the_keeper_once_it_is_ready),
        TEST(stops_who_asks_before_who_answers),
        TEST(ends_at_once_on_a_second_signal),
        TEST(starts_a_dead_child_again_with_growing_delay),
        TEST(replaces_a_courier_that_left_by_itself_without_delay),
        TEST(stops_all_when_the_keeper_dies_the_courier_last),
        TEST(ends_every_child_when_it_is_killed_itself),
        TEST(does_not_start_when_a_child_refuses),
        TEST(does_not_start_without_one_of_its_programs),
        TEST(kills_a_child_that_is_not_ready_in_time),
        TEST(says_what_is_wrong_with_the_configuration),
        TEST(refuses_secrets_that_others_can_read),
        TEST(refuses_a_second_instance_and_leaves_the_first_alone),
        TEST(takes_over_a_socket_that_nobody_listens_on),
        TEST(does_not_unlink_what_is_no_socket),
        TEST(hands_admin_connections_to_the_keeper),
        TEST(reloads_the_keeper_in_place_and_replaces_the_others),
        TEST(starts_the_courier_that_delivers_only_where_events_go_somewhere),
        TEST(ends_a_reload_only_when_the_old_ones_accept_nothing_more),
        TEST(changes_nothing_when_a_reload_is_refused),
        TEST(keeps_the_old_one_when_its_successor_refuses),
        TEST(reloads_when_the_keeper_asks_for_it),
        TEST(tells_the_service_manager),
    };
    if (argc < 3)
        return 2;
    serve_path = argv[1];
    stub_path = argv[2];
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#define _GNU_SOURCE
#include "sandbox/sandbox.h"
#include "sandbox/user.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/*
 * Each case runs in a process of its own, which ends in the sandbox.  Here
 * what is forbidden fails (see sandbox_asan.c); that it kills in the build
 * that users run is tried out by test/arch/sandbox.
 */
#define HERE(condition)                                              \
    do {                                                             \
        if (!(condition)) {                                          \
            (void)dprintf(2, "# line %d: %s (errno %d)\n", __LINE__, \
                          #condition, errno);                        \
            _exit(1);                                                \
        }                                                            \
    } while (0)

static char folder[64];
static int listener;
static struct sockaddr_in address;

static int
make_world(void **state)
{
    socklen_t len = sizeof(address);
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/portkeep-sandbox-XXXXXX");
    assert_non_null(mkdtemp(folder));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len),
                     0);
    return 0;
}

static int
end_world(void **state)
{
    char path[128];
    (void)state;
    (void)snprintf(path, sizeof(path), "%s/file", folder);
    (void)unlink(path);
    (void)rmdir(folder);
    (void)close(listener);
    return 0;
}

static void
in_a_process(void (*body)(void))
{
    int status;
    if (!sandbox_may_be_off())
        skip(); /* it would be killed, and not say where */
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        body();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static bool
is_refused(long result)
{
    return result < 0 && (errno == EPERM || errno == EACCES);
}

/* What no process may do. */
static void
check_common(void)
{
    struct rlimit core;
    char *const none[] = {NULL};
    HERE(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) < 0); /* no prctl at all */
    HERE(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0);
    HERE(is_refused(execve("/bin/true", none, none)));
    HERE(is_refused(fork()));
    HERE(is_refused(kill(getppid(), 0)));
    HERE(is_refused(kill(getpid(), SIGTERM)));
    HERE(is_refused(open("/etc/passwd", O_RDONLY)));
    HERE(is_refused(open("/proc/self/maps", O_RDONLY)));
    HERE(is_refused(socket(AF_UNIX, SOCK_STREAM, 0)));
    HERE(is_refused(socket(AF_NETLINK, SOCK_RAW, 0)));
    HERE(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
              -1, 0) == MAP_FAILED);
    HERE(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
              -1, 0) != MAP_FAILED);
}

static void
enter(enum err e, const struct sandbox_result *result, struct buf *problem)
{
    if (e != ERR_OK)
        (void)dprintf(2, "# %s\n", buf_text(problem));
    HERE(e == ERR_OK);
    (void)result;
}

static struct buf problem;
static struct sandbox_result result;

static void
be_front(void)
{
    int client = socket(AF_INET, SOCK_STREAM, 0);
    HERE(connect(client, (struct sockaddr *)&address, sizeof(address)) == 0);
    HERE(sandbox_harden() == ERR_OK);
    enter(sandbox_front(&result, &problem), &result, &problem);
    check_common();
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    HERE(fd >= 0);
    HERE(write(client, "x", 1) == 1);
    char c;
    HERE(recv(fd, &c, 1, 0) == 1 && c == 'x');
    HERE(is_refused(socket(AF_INET, SOCK_STREAM, 0)));
    HERE(is_refused(connect(fd, (struct sockaddr *)&address, sizeof(address))));
}

static void
check_calling_out(void)
{
    int tcp = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int udp = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    HERE(tcp >= 0 && udp >= 0);
    HERE(connect(tcp, (struct sockaddr *)&address, sizeof(address)) == 0 ||
         errno == EINPROGRESS);
    HERE(is_refused(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)));
    HERE(is_refused(socket(AF_PACKET, SOCK_RAW, 0)));
    HERE(is_refused(bind(udp, (struct sockaddr *)&address, sizeof(address))));
}

static void
be_relay(void)
{
    HERE(sandbox_harden() == ERR_OK);
    enter(sandbox_relay(ntohs(address.sin_port), &result, &problem), &result,
          &problem);
    check_common();
    check_calling_out();
    HERE(accept4(listener, NULL, NULL, SOCK_CLOEXEC) >= 0);
}

static void
be_relay_of_another_port(void)
{
    HERE(sandbox_harden() == ERR_OK);
    enter(sandbox_relay(443, &result, &problem), &result, &problem);
    int tcp = socket(AF_INET, SOCK_STREAM, 0);
    int e = connect(tcp, (struct sockaddr *)&address, sizeof(address));
    /* Before Linux 6.7 the check in our own code is all there is. */
    HERE(e == 0 ? !result.has_landlock : is_refused(e));
}

static void
be_courier(void)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/file", folder);
    int spill = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    HERE(sandbox_harden() == ERR_OK);
    struct sandbox_ports to = {{ntohs(address.sin_port)}, 1};
    enter(sandbox_courier(&to, &result, &problem), &result, &problem);
    check_common();
    check_calling_out();
    HERE(is_refused(accept4(listener, NULL, NULL, SOCK_CLOEXEC)));
    HERE(write(spill, "x", 1) == 1 && fdatasync(spill) == 0);
}

static void
be_keeper(void)
{
    char path[128];
    struct stat about;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    (void)snprintf(path, sizeof(path), "%s/file", folder);
    HERE(sandbox_harden() == ERR_OK);
    enter(sandbox_keeper(folder, &result, &problem), &result, &problem);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    HERE(fd >= 0);
    HERE(pwrite(fd, "abc", 3, 0) == 3 && ftruncate(fd, 1) == 0);
    HERE(fsync(fd) == 0 && fcntl(fd, F_SETLK, &lock) == 0);
    HERE(stat(path, &about) == 0 && about.st_size == 1);
    HERE(unlink(path) == 0);
    HERE(is_refused(socket(AF_INET, SOCK_STREAM, 0)));
    HERE(is_refused(accept4(listener, NULL, NULL, SOCK_CLOEXEC)));
    if (result.has_landlock) {
        check_common();
        HERE(is_refused(open("/tmp/portkeep-sandbox-other", O_CREAT, 0600)));
    }
}

static void
abort_it(void)
{
    HERE(sandbox_harden() == ERR_OK);
    enter(sandbox_front(&result, &problem), &result, &problem);
    (void)signal(SIGABRT, SIG_DFL);
    abort();
}

static void
lets_the_front_accept_and_nothing_more(void **state)
{
    (void)state;
    in_a_process(be_front);
}

static void
lets_the_relay_accept_and_connect(void **state)
{
    (void)state;
    in_a_process(be_relay);
}

static void
pins_the_relay_to_its_port(void **state)
{
    (void)state;
    in_a_process(be_relay_of_another_port);
}

static void
lets_the_courier_connect_and_write_its_spill(void **state)
{
    (void)state;
    in_a_process(be_courier);
}

static void
lets_the_keeper_work_in_its_directory_alone(void **state)
{
    (void)state;
    in_a_process(be_keeper);
}

static void
still_lets_a_broken_promise_abort(void **state)
{
    int status;
    (void)state;
    pid_t pid = fork();
    if (pid == 0)
        abort_it();
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void
finds_users_without_nss(void **state)
{
    struct user user = {.uid = 77, .gid = 77};
    (void)state;
    assert_int_equal(user_find(STR("root"), &user), ERR_OK);
    assert_int_equal(user.uid, 0);
    assert_int_equal(user_find(STR("nobody"), &user), ERR_OK);
    assert_int_not_equal(user.uid, 0);
    assert_int_equal(user_find(STR("no-such-user"), &user), ERR_NOT_FOUND);
    assert_int_equal(user_find(STR("roo"), &user), ERR_NOT_FOUND);
    assert_int_equal(user_find(STR(""), &user), ERR_NOT_FOUND);
}

static void
become_nobody(void)
{
    struct user nobody;
    gid_t groups[8];
    HERE(user_find(STR("nobody"), &nobody) == ERR_OK);
    HERE(user_become(STR("nobody"), &problem) == ERR_OK);
    HERE(getuid() == nobody.uid && geteuid() == nobody.uid);
    HERE(getgid() == nobody.gid && getegid() == nobody.gid);
    HERE(getgroups(8, groups) == 1 && groups[0] == nobody.gid);
    HERE(setuid(0) != 0);
    /* And once more: it is no longer root, so it stays. */
    HERE(user_become(STR("no-such-user"), &problem) == ERR_OK);
}

static void
drops_root_for_good(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    in_a_process(become_nobody);
}

static void
says_that_there_is_no_such_user(void **state)
{
    struct buf auto_buf why = {0};
    (void)state;
    if (geteuid() != 0)
        skip();
    buf_init(&why, 1024);
    assert_int_equal(user_become(STR("no-such-user"), &why), ERR_CONFIG);
    assert_non_null(strstr(buf_text(&why), "no-such-user"));
    assert_int_equal(geteuid(), 0);
    assert_int_equal(user_become(STR_NONE, &why), ERR_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lets_the_front_accept_and_nothing_more),
        cmocka_unit_test(lets_the_relay_accept_and_connect),
        cmocka_unit_test(pins_the_relay_to_its_port),
        cmocka_unit_test(lets_the_courier_connect_and_write_its_spill),
        cmocka_unit_test(lets_the_keeper_work_in_its_directory_alone),
        cmocka_unit_test(still_lets_a_broken_promise_abort),
        cmocka_unit_test(finds_users_without_nss),
        cmocka_unit_test(drops_root_for_good),
        cmocka_unit_test(says_that_there_is_no_such_user),
    };
    buf_init(&problem, 1024);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, make_world, end_world);
}

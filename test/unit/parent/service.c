#define _GNU_SOURCE
#include "service.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 20000

static int64_t
now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
copy_program(const struct service *s, const char *from, const char *name)
{
    char to[256], piece[65536];
    ssize_t n;
    (void)snprintf(to, sizeof(to), "%s/%s", s->folder, name);
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    assert_true(in >= 0 && out >= 0);
    while ((n = read(in, piece, sizeof(piece))) > 0)
        assert_int_equal(write(out, piece, (size_t)n), n);
    assert_int_equal(fchmod(out, 0755), 0);
    assert_int_equal(close(in) + close(out), 0);
}

void
service_open(struct service *s, const char *serve, const char *stub)
{
    static const char *const names[] = {"portkeep-keeper", "portkeep-courier",
                                        "portkeep-relay", "portkeep-front"};
    memset(s, 0, sizeof(*s));
    s->log_fd = -1;
    (void)snprintf(s->folder, sizeof(s->folder), "/tmp/portkeep-serve-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    assert_int_equal(chmod(s->folder, 0755), 0);
    copy_program(s, serve, "portkeep");
    for (size_t i = 0; i < 4; i++)
        copy_program(s, stub, names[i]);
}

static int
remove_one(const char *path, const struct stat *about, int kind,
           struct FTW *where)
{
    (void)about;
    (void)kind;
    (void)where;
    return remove(path);
}

void
service_close(struct service *s)
{
    if (s->pid > 0) {
        (void)kill(s->pid, SIGKILL); /* its children end with it */
        (void)waitpid(s->pid, NULL, 0);
    }
    if (s->log_fd >= 0)
        (void)close(s->log_fd);
    (void)nftw(s->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void
service_write(const struct service *s, const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", s->folder, name);
    (void)unlink(path); /* may not be there */
    if (text == NULL)
        return;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    /* Children of another user read what they are to do. */
    if (strstr(name, ".do") != NULL)
        assert_int_equal(fchmod(fd, 0644), 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

void
service_configure(const struct service *s, const char *config)
{
    char text[16384];
    size_t n = 0;
    for (const char *p = config; *p != '\0'; p++) {
        if (p[0] == '%' && p[1] == 's') {
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", s->folder);
            p++;
        } else {
            text[n++] = *p;
        }
        assert_true(n < sizeof(text) - 1);
    }
    text[n] = '\0';
    service_write(s, "portkeep.conf", text);
}

void
service_start(struct service *s, const char *config)
{
    char program[256], conf[256];
    int pipes[2];
    if (config != NULL)
        service_configure(s, config);
    (void)snprintf(program, sizeof(program), "%s/portkeep", s->folder);
    (void)snprintf(conf, sizeof(conf), "%s/portkeep.conf", s->folder);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    s->n_log = s->n_seen = 0;
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid == 0) {
        (void)dup2(pipes[1], STDERR_FILENO);
        (void)execl(program, program, conf, "--no-sandbox", (char *)NULL);
        _exit(127);
    }
    (void)close(pipes[1]);
    if (s->log_fd >= 0)
        (void)close(s->log_fd);
    s->log_fd = pipes[0];
}

/* More of the log; false at its end or after the patience is over. */
static bool
read_more(struct service *s, int64_t until)
{
    struct pollfd p = {.fd = s->log_fd, .events = POLLIN};
    int64_t left = until - now_ms();
    if (left <= 0 || poll(&p, 1, (int)left) <= 0)
        return false;
    ssize_t n =
        read(s->log_fd, s->log + s->n_log, sizeof(s->log) - 1 - s->n_log);
    if (n <= 0)
        return false;
    s->n_log += (size_t)n;
    s->log[s->n_log] = '\0';
    return true;
}

static bool
has_all(const char *line, const char *words)
{
    char copy[512];
    (void)snprintf(copy, sizeof(copy), "%s", words);
    for (char *save = NULL, *w = strtok_r(copy, "|", &save); w != NULL;
         w = strtok_r(NULL, "|", &save))
        if (strstr(line, w) == NULL)
            return false;
    return true;
}

const char *
service_wait(struct service *s, const char *words)
{
    static char line[4096];
    int64_t until = now_ms() + PATIENCE_MS;
    for (;;) {
        char *end;
        while ((end = memchr(s->log + s->n_seen, '\n', s->n_log - s->n_seen)) !=
               NULL) {
            (void)snprintf(line, sizeof(line), "%.*s",
                           (int)(end - (s->log + s->n_seen)),
                           s->log + s->n_seen);
            s->n_seen = (size_t)(end - s->log) + 1;
            if (has_all(line, words))
                return line;
        }
        if (!read_more(s, until)) {
            /* Longer than what the test framework prints. */
            (void)fprintf(stderr, "%s", s->log);
            fail_msg("no line with \"%s\"", words);
        }
    }
}

size_t
service_count(const struct service *s, const char *words)
{
    size_t n = 0;
    const char *p = s->log, *end;
    char line[4096];
    while ((end = memchr(p, '\n', s->n_log - (size_t)(p - s->log))) != NULL) {
        (void)snprintf(line, sizeof(line), "%.*s", (int)(end - p), p);
        n += has_all(line, words);
        p = end + 1;
    }
    return n;
}

uint64_t
service_number(const char *line, const char *name)
{
    char words[64];
    (void)snprintf(words, sizeof(words), "%s=", name);
    const char *at = strstr(line, words);
    assert_non_null(at);
    return strtoull(at + strlen(words), NULL, 10);
}

void
service_signal(const struct service *s, int signal)
{
    assert_int_equal(kill(s->pid, signal), 0);
}

int
service_wait_end(struct service *s)
{
    int status;
    int64_t until = now_ms() + 2 * PATIENCE_MS;
    /* The pipe ends when the last child has closed its standard error. */
    while (read_more(s, until))
        continue;
    if (now_ms() >= until)
        fail_msg("the service did not end:\n%.2000s", s->log);
    assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
    s->pid = 0;
    s->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return s->status;
}

int
service_connect(const struct service *s)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    (void)snprintf(a.sun_path, sizeof(a.sun_path), "%s/run/admin.sock",
                   s->folder);
    if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0)
        return fd;
    int problem = errno;
    (void)close(fd);
    errno = problem;
    return -1;
}

#define _GNU_SOURCE
#include "parent/birth.h"

#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LIFE_FD 3
#define ENVIRONMENT_MAX 4

enum err
birth_find_place(struct birth_place *out)
{
    ssize_t n =
        readlink("/proc/self/exe", out->folder, sizeof(out->folder) - 1);
    if (n <= 0)
        return ERR_SYSTEM;
    while (n > 0 && out->folder[n - 1] != '/')
        n--;
    out->folder[n] = '\0';
    return ERR_OK;
}

/* What an exec'd process must not have: our handlers and blocked signals. */
static void
forget_signals(void)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int i = 1; i < NSIG; i++)
        (void)sigaction(i, &plain, NULL); /* fails for KILL and STOP */
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL); /* valid arguments */
}

/* Descriptors 0 to 3 as the header says, and all others closed. */
static bool
arrange_descriptors(int life)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
        dup2(null, STDOUT_FILENO) < 0)
        return false;
    if (life == LIFE_FD) {
        if (fcntl(life, F_SETFD, 0) != 0)
            return false;
    } else if (dup2(life, LIFE_FD) < 0) {
        return false;
    }
    if (close_range(LIFE_FD + 1, ~0U, 0) == 0)
        return true;
    /* A kernel before 5.9. */
    for (int fd = LIFE_FD + 1; fd < (int)sysconf(_SC_OPEN_MAX); fd++)
        (void)close(fd); /* most are not open */
    return true;
}

struct environment {
    char text[4096];
    char *v[ENVIRONMENT_MAX];
};

/* Empty, but for the sanitizers' options in the build of the tests. */
static void
make_environment(struct environment *e, bool is_sandboxed)
{
    static const char *const passed[] = {"ASAN_OPTIONS", "UBSAN_OPTIONS",
                                         "LSAN_OPTIONS"};
    size_t n = 0, at = 0;
    for (size_t i = 0; sandbox_may_be_off() && i < 3; i++) {
        const char *value = getenv(passed[i]);
        const char *more = i == 0 && is_sandboxed ? ":detect_leaks=0" : "";
        int used = snprintf(e->text + at, sizeof(e->text) - at, "%s=%s%s",
                            passed[i], value != NULL ? value : "", more);
        if (used < 0 || (size_t)used >= sizeof(e->text) - at)
            break;
        e->v[n++] = e->text + at;
        at += (size_t)used + 1;
    }
    e->v[n] = NULL;
}

static void
become_program(const char *path, const struct birth_place *place, int life)
{
    struct environment environment;
    char *const arguments[] = {(char *)(uintptr_t)path, NULL};
    make_environment(&environment, place->is_sandboxed);
    forget_signals();
    if (arrange_descriptors(life))
        (void)execve(path, arguments, environment.v); /* only if it failed */
    _exit(127);
}

enum err
birth_start(const struct birth_place *place, const char *program, int life,
            pid_t *out_pid)
{
    char path[sizeof(place->folder) + 64];
    (void)snprintf(path, sizeof(path), "%s%s", place->folder, program);
    if (access(path, X_OK) != 0)
        return ERR_NOT_FOUND;
    pid_t pid = fork();
    if (pid < 0)
        return ERR_SYSTEM;
    if (pid == 0)
        become_program(path, place, life);
    *out_pid = pid;
    return ERR_OK;
}

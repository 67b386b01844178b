#define _GNU_SOURCE
#include "parent/notify.h"

#include "base/str.h"
#include "ipc/fd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static struct {
    int fd;
    struct sockaddr_un address;
    socklen_t len;
    unsigned watchdog_ms;
} manager = {.fd = -1};

static void
find_watchdog(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    uint64_t value;
    if (usec == NULL || !str_to_u64(str_from(usec), &value))
        return;
    uint64_t whose = (uint64_t)getpid();
    if (pid != NULL &&
        (!str_to_u64(str_from(pid), &whose) || whose != (uint64_t)getpid()))
        return;
    /* Twice as often as it must be. */
    if (value / 2000 > 0 && value / 2000 <= UINT32_MAX)
        manager.watchdog_ms = (unsigned)(value / 2000);
}

void
notify_open(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t n = path == NULL ? 0 : strlen(path);
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (n < 2 || n >= sizeof(a.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(a.sun_path, path, n);
    if (path[0] == '@')
        a.sun_path[0] = '\0'; /* an abstract name */
    manager.address = a;
    manager.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    manager.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    find_watchdog();
    (void)unsetenv("NOTIFY_SOCKET"); /* valid names: cannot fail */
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
}

void
notify_close(void)
{
    fd_close(&manager.fd);
}

static void
send_words(const char *words)
{
    if (manager.fd < 0)
        return;
    /* A manager that does not listen has its own time limits. */
    (void)sendto(manager.fd, words, strlen(words), MSG_NOSIGNAL | MSG_DONTWAIT,
                 (const struct sockaddr *)&manager.address, manager.len);
}

void
notify_ready(void)
{
    send_words("READY=1\nSTATUS=serving");
}

void
notify_reloading(void)
{
    char words[96];
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* always exists */
    (void)snprintf(words, sizeof(words), "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
                   (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    send_words(words);
}

void
notify_stopping(void)
{
    send_words("STOPPING=1\nSTATUS=finishing what runs");
}

void
notify_watchdog(void)
{
    send_words("WATCHDOG=1");
}

unsigned
notify_watchdog_ms(void)
{
    return manager.watchdog_ms;
}

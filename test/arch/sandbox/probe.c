#define _GNU_SOURCE
#include "inject.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * The table of process x forbidden call, tried out in a living process of
 * the release build.
 *
 *     sandbox-probe                  the table: CALL, then who must not
 *     sandbox-probe ROLE PID CALL    does it; says what came of it
 *
 * Exit status 0: it is as the table has it; 1: it is not; 2: it could not be
 * tried.  Needs root: the processes cannot be traced by their own user.
 */
enum {
    KEEPER = 1,
    COURIER = 2,
    RELAY = 4,
    FRONT = 8,
    DELIVER = 16,
    ALL = 31,
    COURIERS = COURIER | DELIVER,
};

static const struct {
    const char *name;
    unsigned bit;
} roles[] = {{"keeper", KEEPER},
             {"courier", COURIER},
             {"deliver", DELIVER},
             {"relay", RELAY},
             {"front", FRONT}};

#define N_ROLES (sizeof(roles) / sizeof(roles[0]))

enum arg_kind {
    NUMBER,
    DATA,   /* the bytes of .data, in its memory */
    SELF,   /* its own process id */
    PARENT, /* that of the parent */
    FIRST,  /* what the call before this one returned */
};

struct arg {
    enum arg_kind kind;
    uint64_t number;
    const void *data;
    size_t n;
};

#define N(value)                                    \
    {                                               \
        .kind = NUMBER, .number = (uint64_t)(value) \
    }
#define TEXT(text)                                      \
    {                                                   \
        .kind = DATA, .data = (text), .n = sizeof(text) \
    }
#define BYTES(object)                                        \
    {                                                        \
        .kind = DATA, .data = &(object), .n = sizeof(object) \
    }

struct call {
    long number; /* 0 and no name: none */
    struct arg args[6];
};

struct row {
    const char *name;
    unsigned refused; /* roles that must not */
    unsigned allowed; /* roles that must be able to: the table sees both */
    struct call call;
    struct call before; /* made first, and must work */
};

static const struct sockaddr_in elsewhere = {
    .sin_family = AF_INET,
    .sin_port = 0x0900, /* 9, in the network's order */
    .sin_addr = {0x0100007f},
};
static const struct timespec no_time;
static const char *const no_strings[] = {NULL};

#define TCP                                  \
    {                                        \
        SYS_socket,                          \
        {                                    \
            N(AF_INET), N(SOCK_STREAM), N(0) \
        }                                    \
    }

static const struct row table[] = {
    {"execve",
     ALL,
     0,
     {SYS_execve, {TEXT("/bin/true"), BYTES(no_strings), BYTES(no_strings)}}},
    {"execveat",
     ALL,
     0,
     {SYS_execveat,
      {N(AT_FDCWD), TEXT("/bin/true"), BYTES(no_strings), BYTES(no_strings),
       N(0)}}},
    {"fork", ALL, 0, {SYS_clone, {N(SIGCHLD)}}},
    {"ptrace", ALL, 0, {SYS_ptrace, {N(PTRACE_TRACEME)}}},
    {"process_vm_readv", ALL, 0, {SYS_process_vm_readv, {{.kind = PARENT}}}},
    {"kill the parent", ALL, 0, {SYS_kill, {{.kind = PARENT}, N(0)}}},
    {"tgkill the parent",
     ALL,
     0,
     {SYS_tgkill, {{.kind = PARENT}, {.kind = PARENT}, N(SIGABRT)}}},
    {"stop itself",
     ALL,
     0,
     {SYS_tgkill, {{.kind = SELF}, {.kind = SELF}, N(SIGSTOP)}}},
    {"pidfd_open", ALL, 0, {SYS_pidfd_open, {{.kind = PARENT}, N(0)}}},
    {"open a file",
     ALL,
     0,
     {SYS_openat, {N(AT_FDCWD), TEXT("/etc/passwd"), N(O_RDONLY)}}},
    {"make a file",
     ALL,
     0,
     {SYS_openat,
      {N(AT_FDCWD), TEXT("/tmp/portkeep-probe"), N(O_WRONLY | O_CREAT),
       N(0600)}}},
    {"memfd_create", ALL, 0, {SYS_memfd_create, {TEXT("x"), N(0)}}},
    {"rename", ALL, 0, {SYS_rename, {TEXT("/tmp/a"), TEXT("/tmp/b")}}},
    {"link", ALL, 0, {SYS_link, {TEXT("/etc/passwd"), TEXT("/tmp/b")}}},
    {"chmod", ALL, 0, {SYS_chmod, {TEXT("/tmp"), N(0777)}}},
    {"mount", ALL, 0, {SYS_mount, {N(0), TEXT("/mnt"), TEXT("tmpfs")}}},
    {"chroot", ALL, 0, {SYS_chroot, {TEXT("/tmp")}}},
    {"new user namespace", ALL, 0, {SYS_unshare, {N(CLONE_NEWUSER)}}},
    {"setuid", ALL, 0, {SYS_setuid, {N(0)}}},
    {"be dumpable", ALL, 0, {SYS_prctl, {N(PR_SET_DUMPABLE), N(1)}}},
    {"executable memory",
     ALL,
     0,
     {SYS_mmap,
      {N(0), N(4096), N(PROT_READ | PROT_EXEC), N(MAP_PRIVATE | MAP_ANONYMOUS),
       N(-1), N(0)}}},
    {"bpf", ALL, 0, {SYS_bpf, {N(0), N(0), N(0)}}},
    {"io_uring_setup", ALL, 0, {SYS_io_uring_setup, {N(1), N(0)}}},
    {"keyctl", ALL, 0, {SYS_keyctl, {N(0), N(0)}}},
    {"perf_event_open", ALL, 0, {SYS_perf_event_open, {N(0)}}},
    {"socket", KEEPER | FRONT, COURIERS | RELAY, TCP},
    {"unix socket", ALL, 0, {SYS_socket, {N(AF_UNIX), N(SOCK_STREAM), N(0)}}},
    {"netlink socket",
     ALL,
     0,
     {SYS_socket, {N(AF_NETLINK), N(SOCK_RAW), N(0)}}},
    {"packet socket", ALL, 0, {SYS_socket, {N(AF_PACKET), N(SOCK_RAW), N(0)}}},
    {"raw socket",
     ALL,
     0,
     {SYS_socket, {N(AF_INET), N(SOCK_RAW), N(IPPROTO_ICMP)}}},
    {"socketpair",
     ALL,
     0,
     {SYS_socketpair, {N(AF_UNIX), N(SOCK_STREAM), N(0), BYTES(no_time)}}},
    {"connect",
     KEEPER | FRONT,
     0,
     {SYS_connect, {N(3), BYTES(elsewhere), N(sizeof(elsewhere))}}},
    {"connect to another port",
     COURIERS | RELAY,
     0,
     {SYS_connect, {{.kind = FIRST}, BYTES(elsewhere), N(sizeof(elsewhere))}},
     TCP},
    {"bind",
     ALL,
     0,
     {SYS_bind, {N(3), BYTES(elsewhere), N(sizeof(elsewhere))}}},
    {"listen", KEEPER | COURIERS, 0, {SYS_listen, {N(3), N(1)}}},
    {"accept", KEEPER | COURIERS, 0, {SYS_accept4, {N(3), N(0), N(0), N(0)}}},
    {"getpid", 0, ALL, {SYS_getpid, {N(0)}}},
    {"look at the time", 0, ALL, {SYS_clock_gettime, {N(0), BYTES(no_time)}}},
};

#define N_ROWS (sizeof(table) / sizeof(table[0]))

static unsigned
role_bit(const char *name)
{
    for (size_t i = 0; i < N_ROLES; i++)
        if (strcmp(roles[i].name, name) == 0)
            return roles[i].bit;
    return 0;
}

static void
print_table(void)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        (void)printf("%s", table[i].name);
        for (size_t j = 0; j < N_ROLES; j++)
            if (((table[i].refused | table[i].allowed) & roles[j].bit) != 0)
                (void)printf("\t%s", roles[j].name);
        (void)printf("\n");
    }
}

/* The fourth word of /proc/PID/stat; the second may have spaces. */
static pid_t
parent_of(pid_t pid)
{
    char path[64], text[512];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    size_t n = f == NULL ? 0 : fread(text, 1, sizeof(text) - 1, f);
    if (f != NULL)
        (void)fclose(f); /* only read */
    text[n] = '\0';
    char *end = strrchr(text, ')');
    return end == NULL || strlen(end) < 5 ? 0
                                          : (pid_t)strtol(end + 4, NULL, 10);
}

static bool
make_call(struct inject *t, pid_t pid, const struct call *call, int64_t first,
          int64_t *out_result)
{
    uint64_t args[6];
    for (size_t i = 0; i < 6; i++) {
        const struct arg *a = &call->args[i];
        args[i] = a->number;
        if (a->kind == DATA)
            args[i] = inject_data(t, a->data, a->n);
        else if (a->kind == SELF)
            args[i] = (uint64_t)pid;
        else if (a->kind == PARENT)
            args[i] = (uint64_t)parent_of(pid);
        else if (a->kind == FIRST)
            args[i] = (uint64_t)first;
    }
    return inject_call(t, call->number, args, out_result);
}

/* Descriptors that the calls have made are not left in it. */
static void
close_there(struct inject *t, const struct call *made, int64_t fd)
{
    uint64_t args[6] = {(uint64_t)fd};
    int64_t ignored;
    if (made->number == SYS_socket && fd >= 0 &&
        !inject_call(t, SYS_close, args, &ignored))
        (void)fprintf(stderr, "it did not survive close\n");
}

static bool
is_refusal(int64_t result)
{
    return result == -EPERM || result == -EACCES;
}

static int
judge(const struct row *row, unsigned bit, bool lives, int signal,
      int64_t result)
{
    bool is_refused = lives ? is_refusal(result) : signal == SIGSYS;
    if (lives)
        (void)printf("%s\n",
                     result < 0 ? strerrorname_np((int)-result) : "allowed");
    else
        (void)printf("killed by %s\n", sigabbrev_np(signal));
    if ((row->refused & bit) != 0)
        return is_refused ? 0 : 1;
    return lives && result >= 0 ? 0 : 1;
}

static int
try_row(const struct row *row, unsigned bit, pid_t pid)
{
    int64_t first = -1, result = -1;
    struct inject *t = inject_open(pid);
    if (t == NULL)
        return 2;
    if (row->before.number != 0 &&
        (!make_call(t, pid, &row->before, -1, &first) || first < 0)) {
        (void)fprintf(stderr, "the call before did not work: %lld\n",
                      (long long)first);
        inject_close(t);
        return 2;
    }
    bool lives = make_call(t, pid, &row->call, first, &result);
    int signal = inject_signal(t);
    if (lives) {
        close_there(t, &row->call, result);
        close_there(t, &row->before, first);
    }
    inject_close(t);
    return judge(row, bit, lives, signal, result);
}

int
main(int argc, char **argv)
{
    if (argc == 1) {
        print_table();
        return 0;
    }
    unsigned bit = argc == 4 ? role_bit(argv[1]) : 0;
    for (size_t i = 0; bit != 0 && i < N_ROWS; i++)
        if (strcmp(table[i].name, argv[3]) == 0)
            return try_row(&table[i], bit, (pid_t)strtol(argv[2], NULL, 10));
    (void)fprintf(stderr, "usage: sandbox-probe [ROLE PID CALL]\n");
    return 2;
}

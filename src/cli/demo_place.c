#define _GNU_SOURCE
#include "cli/demo_int.h"

#include "base/limits.h"
#include "cli/init.h"
#include "cli/keyfile.h"
#include "sandbox/user.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A folder, two free ports, two programs; and none of it afterwards. */

#define START_MS 10000
#define END_MS 8000
#define LOG_BYTES 3000

static volatile sig_atomic_t interrupted;
static volatile pid_t running[2]; /* for the signal handler */

bool
demo_is_interrupted(void)
{
    return interrupted != 0;
}

/* The programs end, so whatever waits for them fails and all is cleared. */
static void
on_signal(int number)
{
    (void)number;
    interrupted = 1;
    for (int i = 0; i < 2; i++)
        if (running[i] > 0)
            (void)kill(running[i], SIGTERM);
}

void
demo_pause_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&t, NULL); /* a shorter one is fine too */
}

struct str
demo_path(const struct demo *d, const char *name)
{
    return arena_printf(d->arena, "%s/%s", d->folder, name);
}

/* Two ports that nobody uses now; open at once, so that they differ. */
static bool
find_ports(unsigned out_ports[2])
{
    int fds[2];
    bool is_good = true;
    for (int i = 0; i < 2; i++) {
        struct sockaddr_in at = {.sin_family = AF_INET};
        socklen_t len = sizeof(at);
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fds[i] < 0 ||
            bind(fds[i], (struct sockaddr *)&at, sizeof(at)) != 0 ||
            getsockname(fds[i], (struct sockaddr *)&at, &len) != 0)
            is_good = false;
        out_ports[i] = ntohs(at.sin_port);
    }
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            (void)close(fds[i]); /* nothing was sent */
    return is_good;
}

/* A child whose output goes to fd, and that ends when the demo does. */
static pid_t
start(const char *program, char *const *argv, int fd)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent ||
        dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
        _exit(1);
    (void)execv(program, argv); /* returns only when it failed */
    (void)fprintf(stderr, "cannot start %s: %s\n", program, strerror(errno));
    _exit(1);
}

/* The emulator's first line: "emulator listening on URL". */
static bool
read_url(struct demo *d, int fd)
{
    char line[256];
    size_t n = 0;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (n < sizeof(line) && poll(&p, 1, START_MS) == 1) {
        ssize_t got = read(fd, line + n, sizeof(line) - n);
        if (got <= 0)
            return false;
        n += (size_t)got;
        if (line[n - 1] != '\n')
            continue;
        struct str rest = str_of(line, n - 1), word;
        while (str_cut(&rest, ' ', &word))
            d->emulator_url = arena_copy(d->arena, word);
        return str_starts(d->emulator_url, STR("http"));
    }
    return false;
}

static bool
start_emulator(struct demo *d)
{
    int fds[2];
    struct str program = setup_sibling(d->cli, "portkeep-emulator");
    char *argv[] = {"portkeep-emulator", "--listen",    "127.0.0.1:0",
                    "--secret",          "demo-secret", NULL};
    int64_t began = demo_now_us();
    if (pipe2(fds, O_CLOEXEC) != 0)
        return false;
    d->emulator = start(program.p, argv, fds[1]);
    running[0] = d->emulator;
    (void)close(fds[1]); /* the child has its own */
    bool is_up = d->emulator > 0 && read_url(d, fds[0]);
    (void)close(fds[0]); /* it writes nothing more */
    return demo_check(d, is_up, demo_now_us() - began,
                      "the emulator, a stand-in for HubSpot, at %.*s",
                      STR_ARG(d->emulator_url));
}

static bool
make_folder(struct demo *d)
{
    struct user nobody;
    const char *parent = getenv("TMPDIR");
    if (parent == NULL || strlen(parent) > 32)
        parent = "/tmp";
    (void)snprintf(d->folder, sizeof(d->folder), "%s/portkeep-demo-XXXXXX",
                   parent);
    if (mkdtemp(d->folder) == NULL || chmod(d->folder, 0711) != 0 ||
        mkdir(demo_path(d, "data").p, 0700) != 0)
        return false;
    if (geteuid() != 0)
        return true;
    return user_find(STR("nobody"), &nobody) == ERR_OK &&
           chown(demo_path(d, "data").p, nobody.uid, nobody.gid) == 0;
}

static void
fill_plan(struct demo *d, const unsigned ports[2], struct init_plan *plan)
{
    struct arena *a = d->arena;
    static struct str scopes[] = {{"oauth", 5},
                                  {"crm.objects.contacts.read", 25}};
    static struct str optional[] = {{"crm.objects.deals.read", 22}};
    *plan = (struct init_plan){
        .public_url = arena_printf(a, "http://localhost:%u", ports[0]),
        .public_listen = arena_printf(a, "127.0.0.1:%u", ports[0]),
        .private_listen = arena_printf(a, "127.0.0.1:%u", ports[1]),
        .admin_socket = STR("admin.sock"),
        .user = geteuid() == 0 ? STR("nobody") : STR(""),
        .store_path = STR("data/portkeep.db"),
        .master_key_path = STR("master.key"),
        .api_url = d->emulator_url,
        .authorize_url =
            arena_printf(a, "%.*s/oauth/authorize", STR_ARG(d->emulator_url)),
        .app = STR(DEMO_APP),
        .client_id = STR("11111111-2222-3333-4444-555555555555"),
        .secret_path = STR(DEMO_APP ".secret"),
        .whsec_path = STR(DEMO_WHSEC),
        .webhook_target = d->target_url,
        .meta = {.name = STR("CRM Sync"),
                 .scopes = {scopes, 2},
                 .optional_scopes = {optional, 1}}};
    d->public_url = plan->public_url;
    d->private_url = arena_printf(a, "http://127.0.0.1:%u", ports[1]);
}

static bool
write_files(struct demo *d, const unsigned ports[2])
{
    struct init_plan plan;
    struct buf auto_buf text = {0}, auto_buf id = {0}, auto_buf problem = {0};
    buf_init(&text, LIMIT_FRAME);
    buf_init(&id, 256);
    buf_init(&problem, LIMIT_URL);
    if (!demo_backend_open(d))
        return demo_check(d, false, -1, "the app's backend");
    fill_plan(d, ports, &plan);
    init_add_config(&text, &plan);
    bool is_good =
        keyfile_create(demo_path(d, "master.key").p, &id, &problem) == ERR_OK &&
        keyfile_write_new(demo_path(d, DEMO_APP ".secret").p,
                          STR("demo-secret"), 0600, &problem) == ERR_OK &&
        keyfile_write_new(demo_path(d, "portkeep.conf").p, buf_str(&text), 0640,
                          &problem) == ERR_OK;
    return demo_check(d, is_good, -1,
                      is_good ? "a configuration and a master key in %s"
                              : "files in %s",
                      d->folder);
}

/* Until it answers, or has ended. */
static bool
wait_until_ready(struct demo *d)
{
    int64_t until = demo_now_us() + START_MS * 1000;
    while (demo_now_us() < until && !demo_is_interrupted()) {
        struct demo_answer answer;
        if (waitpid(d->service, NULL, WNOHANG) == d->service) {
            d->service = running[1] = 0;
            return false;
        }
        demo_private(d, "GET", "/readyz", &answer);
        json_decref(answer.json);
        if (answer.status == 200)
            return true;
        demo_pause_ms(10);
    }
    return false;
}

bool
demo_is_alive(struct demo *d)
{
    pid_t *pids[] = {&d->emulator, &d->service};
    for (int i = 0; i < 2; i++)
        if (*pids[i] > 0 && waitpid(*pids[i], NULL, WNOHANG) == *pids[i])
            *pids[i] = running[i] = 0;
    return d->emulator > 0 && d->service > 0;
}

/* From now on the verbs' functions find this configuration. */
static void
use_config(struct demo *d)
{
    d->cli->given[d->cli->n_given++] = (struct cli_given){
        .option = &option_config, .value = demo_path(d, "portkeep.conf").p};
}

static bool
start_service(struct demo *d)
{
    struct str program = setup_sibling(d->cli, "portkeep");
    char *config = (char *)(uintptr_t)demo_path(d, "portkeep.conf").p;
    char *argv[] = {"portkeep", "serve", "-c", config, NULL};
    int64_t began = demo_now_us();
    int log = open(demo_path(d, "serve.log").p,
                   O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0)
        return false;
    d->service = start(program.p, argv, log);
    running[1] = d->service;
    (void)close(log); /* the child has its own */
    bool is_up = d->service > 0 && wait_until_ready(d);
    return demo_check(d, is_up, demo_now_us() - began,
                      "portkeep: keeper, couriers, relay and front, each in "
                      "its sandbox");
}

static void
catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGINT, &action, NULL); /* valid numbers */
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGHUP, &action, NULL);
}

bool
demo_open(struct demo *d)
{
    unsigned ports[2];
    catch_signals();
    web_open(&d->web);
    if (!make_folder(d) || !find_ports(ports))
        return demo_check(d, false, -1, "a folder and two free ports: %s",
                          strerror(errno));
    if (!start_emulator(d) || !write_files(d, ports) || !start_service(d))
        return false;
    use_config(d);
    return admin_open(d->cli, &d->admin) == CLI_DONE;
}

/* Asks it to end, and ends it if it does not. */
static void
stop(pid_t pid)
{
    int64_t until = demo_now_us() + END_MS * 1000;
    if (pid <= 0)
        return;
    (void)kill(pid, SIGTERM); /* it may be gone already */
    while (waitpid(pid, NULL, WNOHANG) == 0) {
        if (demo_now_us() > until)
            (void)kill(pid, SIGKILL); /* it is still there */
        demo_pause_ms(10);
    }
}

static int
remove_entry(const char *path, const struct stat *st, int type,
             struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    (void)remove(path); /* what cannot go is told by the folder's staying */
    return 0;
}

void
demo_close(struct demo *d, bool is_kept)
{
    admin_close(d->admin);
    demo_backend_close(d);
    web_close(&d->web);
    stop(d->service);
    stop(d->emulator);
    running[0] = running[1] = 0;
    if (d->folder[0] == '\0' || is_kept)
        return;
    (void)nftw(d->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    if (access(d->folder, F_OK) == 0)
        cli_note("%s could not be taken away: %s", d->folder, strerror(errno));
}

void
demo_show_log(const struct demo *d)
{
    char text[LOG_BYTES + 1];
    int fd = open(demo_path(d, "serve.log").p, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    off_t size = lseek(fd, 0, SEEK_END);
    (void)lseek(fd, size > LOG_BYTES ? size - LOG_BYTES : 0, SEEK_SET);
    ssize_t n = read(fd, text, LOG_BYTES);
    (void)close(fd); /* only read */
    if (n <= 0)
        return;
    text[n] = '\0';
    cli_note("The end of the service's log:\n%s", text);
}

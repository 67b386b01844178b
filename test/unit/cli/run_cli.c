#define _GNU_SOURCE
int portkeep_main(int argc, char **argv);
#define main portkeep_main
#include "cli/main.c"
#undef main

#include "run_cli.h"

#include "ipc/fd.h"
#include "proto/admin.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <event2/event.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 24
#define NOBODY 65534

static const char config_text[] =
    "[server]\npublic_url = http://localhost:8700\n"
    "admin_socket = admin.sock\nuser = nobody\n"
    "[store]\nurl = sqlite:data/portkeep.db\n"
    "master_key = file:master.key\n"
    "[app crm]\nclient_id = 1\nclient_secret = file:crm.secret\n"
    "scopes = oauth\n"
    "[app fix]\ntype = static\n";

const char *
place_path(const struct place *p, const char *name)
{
    static char paths[8][128];
    static unsigned turn;
    char *path = paths[turn++ % 8];
    (void)snprintf(path, 128, "%s/%s", p->folder, name);
    return path;
}

void
place_write(const struct place *p, const char *name, const char *text)
{
    FILE *file = fopen(place_path(p, name), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fchmod(fileno(file), 0600), 0);
    assert_int_equal(fclose(file), 0);
}

static void
read_file(const char *path, char *out, size_t room)
{
    FILE *file = fopen(path, "r");
    size_t n = file != NULL ? fread(out, 1, room - 1, file) : 0;
    out[n] = '\0';
    if (file != NULL)
        (void)fclose(file);
}

const char *
place_read(const struct place *p, const char *name)
{
    static char text[65536];
    read_file(place_path(p, name), text, sizeof(text));
    return text;
}

unsigned
place_mode(const struct place *p, const char *name)
{
    struct stat st;
    assert_int_equal(stat(place_path(p, name), &st), 0);
    return (unsigned)st.st_mode & 07777;
}

struct place *
place_open(void)
{
    struct place *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    (void)snprintf(p->folder, sizeof(p->folder), "/tmp/test-cli-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    assert_int_equal(mkdir(place_path(p, "data"), 0700), 0);
    if (geteuid() == 0) /* as init does for [server] user */
        assert_int_equal(chown(place_path(p, "data"), NOBODY, NOBODY), 0);
    place_write(p, "portkeep.conf", config_text);
    place_write(p, "crm.secret", "client-secret");
    place_write(p, "master.key", "old AAAA=\n");
    return p;
}

static int
remove_entry(const char *path, const struct stat *st, int type,
             struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

static void
stop_keeper(struct place *p)
{
    if (p->keeper <= 0)
        return;
    (void)kill(p->keeper, SIGTERM);
    (void)waitpid(p->keeper, NULL, 0);
    p->keeper = 0;
}

void
place_close(struct place *p)
{
    stop_keeper(p);
    (void)nftw(p->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(p);
}

/* The keeper, in a process of its own. */
static struct {
    const struct keeper_answer *answers;
    size_t n_answers;
    size_t n_calls[64]; /* by type */
    struct event_base *base;
    FILE *log;
} keeper;

static void
log_field(const struct field *f, const void *body)
{
    const char *at = (const char *)body + f->offset;
    struct strs all = {NULL, 0};
    struct str text = STR_NONE;
    uint64_t number = 0;
    uint32_t narrow = 0;
    switch (f->type) {
    case FIELD_BOOL:
        number = *(const bool *)at;
        break;
    case FIELD_U32:
        memcpy(&narrow, at, sizeof(narrow));
        number = narrow;
        break;
    case FIELD_U64:
    case FIELD_I64:
        memcpy(&number, at, sizeof(number));
        break;
    case FIELD_STR:
    case FIELD_HIDDEN:
        memcpy(&text, at, sizeof(text));
        break;
    case FIELD_STRS:
        memcpy(&all, at, sizeof(all));
        break;
    }
    (void)fprintf(keeper.log, " %s=", f->name);
    if (f->type == FIELD_STR || f->type == FIELD_HIDDEN)
        (void)fprintf(keeper.log, "%.*s", STR_ARG(text));
    else if (f->type != FIELD_STRS)
        (void)fprintf(keeper.log, "%" PRIu64, number);
    for (size_t i = 0; i < all.n; i++)
        (void)fprintf(keeper.log, "%s%.*s", i > 0 ? "," : "",
                      STR_ARG(all.v[i]));
}

static void
log_call(const struct incoming *in)
{
    const struct record *r = in->message->record;
    (void)fprintf(keeper.log, "%s", r->name);
    for (size_t i = 0; i < r->n_fields; i++)
        log_field(&r->fields[i], in->body);
    (void)fputc('\n', keeper.log);
    (void)fflush(keeper.log);
}

/* A backup's files have the name that the command line chose. */
static void
make_backup(const struct incoming *in)
{
    const struct admin_backup *ask = in->body;
    static const char *const endings[] = {"", ".keys"};
    for (int i = 0; i < 2; i++) {
        char path[256];
        (void)snprintf(path, sizeof(path), "data/%.*s%s", STR_ARG(ask->name),
                       endings[i]);
        FILE *file = fopen(path, "w");
        if (file != NULL) {
            (void)fprintf(file, "backup%s", endings[i]);
            (void)fclose(file);
        }
    }
}

static const struct keeper_answer *
find_answer(unsigned type)
{
    const struct keeper_answer *found = NULL;
    size_t skip = keeper.n_calls[type]++;
    for (size_t i = 0; i < keeper.n_answers; i++) {
        if (keeper.answers[i].type != type)
            continue;
        found = &keeper.answers[i];
        if (skip-- == 0)
            break;
    }
    return found;
}

static void
on_call(const struct incoming *in, void *arg)
{
    const struct keeper_answer *a = find_answer(in->message->type);
    (void)arg;
    log_call(in);
    if (in->message->type == ADMIN_BACKUP)
        make_backup(in);
    if (a != NULL && a->err == 0 && a->json == NULL) {
        channel_free(in->channel);
        return;
    }
    struct admin_answer answer = {
        .err = a != NULL ? a->err : ERR_UNAVAILABLE,
        .json = HIDDEN(str_from(a != NULL ? a->json : NULL)),
        .detail = str_from(a != NULL ? a->detail : "not in the test's list"),
        .reconnect_url = str_from(a != NULL ? a->url : NULL)};
    channel_reply(in->channel, in->id, ADMIN_ANSWER, &answer);
}

static void
on_gone(struct channel *ch, enum err reason, void *arg)
{
    (void)reason;
    (void)arg;
    channel_free(ch);
}

static const struct channel_handler on_admin = {on_call, on_gone};

static void
on_connect(evutil_socket_t listener, short what, void *arg)
{
    (void)what;
    (void)arg;
    int fd = accept(listener, NULL, NULL);
    if (fd >= 0)
        (void)channel_new(keeper.base, fd, &admin_conversation, &on_admin,
                          NULL);
}

static void
keep(int listener)
{
    keeper.base = event_base_new();
    keeper.log = fopen("asks", "w");
    struct event *ev = event_new(keeper.base, listener, EV_READ | EV_PERSIST,
                                 on_connect, NULL);
    if (keeper.log == NULL || event_add(ev, NULL) != 0)
        _exit(1);
    (void)event_base_dispatch(keeper.base);
    _exit(0);
}

void
keeper_start(struct place *p, const struct keeper_answer *answers, size_t n)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/admin.sock",
                   p->folder);
    stop_keeper(p);
    (void)unlink(at.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 8), 0);
    keeper.answers = answers;
    keeper.n_answers = n;
    p->keeper = fork();
    assert_true(p->keeper >= 0);
    if (p->keeper == 0) {
        if (chdir(p->folder) != 0)
            _exit(1);
        keep(fd);
    }
    fd_close(&fd);
}

const char *
keeper_asks(struct place *p)
{
    stop_keeper(p);
    read_file(place_path(p, "asks"), p->asks, sizeof(p->asks));
    return p->asks;
}

static void
become_cli(const struct place *p, int argc, char **argv)
{
    int in = open(place_path(p, "stdin"), O_RDONLY);
    int out = open(place_path(p, "stdout"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int err = open(place_path(p, "stderr"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (in < 0 || out < 0 || err < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 ||
        dup2(err, 2) < 0 || chdir(p->folder) != 0)
        _exit(99);
    int status = portkeep_main(argc, argv);
    (void)fflush(NULL);
    _exit(status);
}

void
run_cli(struct place *p, const char *input, ...)
{
    char *argv[WORDS_MAX + 2] = {"portkeep"};
    int argc = 1, how;
    va_list words;
    va_start(words, input);
    while (argc < WORDS_MAX && (argv[argc] = va_arg(words, char *)) != NULL)
        argc++;
    va_end(words);
    argv[argc] = NULL;
    place_write(p, "stdin", input);
    (void)fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        become_cli(p, argc, argv);
    assert_int_equal(waitpid(pid, &how, 0), pid);
    p->status = WIFEXITED(how) ? WEXITSTATUS(how) : -1;
    read_file(place_path(p, "stdout"), p->out, sizeof(p->out));
    read_file(place_path(p, "stderr"), p->err, sizeof(p->err));
}

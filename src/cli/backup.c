#define _GNU_SOURCE
#include "base/limits.h"
#include "cli/admin.h"
#include "cli/run.h"
#include "cli/show.h"

#include "base/env.h"
#include "ipc/fd.h"
#include "parent/files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Backups: the keeper writes two files into its data directory, the only
 * place where it may, and they are moved from there to where the operator
 * wants them.
 */
#define COPY_BYTES 65536

static struct str
keys_name(struct cli *cli, const char *file)
{
    return arena_printf(cli->arena, "%s.keys", file);
}

static int
refuse_existing(struct cli *cli, const char *file)
{
    if (access(file, F_OK) == 0)
        return cli_fail(cli, "%s is there already: it is never written over",
                        file);
    return CLI_DONE;
}

/* Before the keeper has written anything that would be left behind. */
static int
check_target(struct cli *cli, const char *file)
{
    const char *slash = strrchr(file, '/');
    struct str folder =
        slash == NULL ? STR(".") : str_of(file, (size_t)(slash - file) + 1);
    struct str path = arena_copy(cli->arena, folder);
    if (faccessat(AT_FDCWD, path.p, W_OK | X_OK, AT_EACCESS) == 0)
        return CLI_DONE;
    return cli_fail(cli, "cannot put the backup into %s: %s", path.p,
                    strerror(errno));
}

static bool
copy_bytes(int from, int to)
{
    char piece[COPY_BYTES];
    for (;;) {
        ssize_t n = read(from, piece, sizeof(piece));
        if (n == 0)
            return fsync(to) == 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        for (ssize_t done = 0, m; done < n; done += m) {
            m = write(to, piece + done, (size_t)(n - done));
            if (m <= 0)
                return false;
        }
    }
}

/* To another file system.  The copy is whole or not there. */
static int
copy_file(struct cli *cli, const char *from, const char *to)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return cli_fail(cli, "cannot read %s: %s", from, strerror(errno));
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int status = CLI_DONE;
    if (out < 0)
        status = cli_fail(cli, "cannot make %s: %s", to, strerror(errno));
    else if (!copy_bytes(in, out)) {
        status = cli_fail(cli, "cannot write %s: %s", to, strerror(errno));
        (void)unlink(to); /* the failure is told */
    }
    (void)close(in);
    if (out >= 0)
        (void)close(out); /* fsync has said what there is to say */
    return status;
}

static int
move_file(struct cli *cli, const char *from, const char *to)
{
    /* Not rename, which writes over what is there. */
    if (link(from, to) == 0) {
        (void)unlink(from); /* two names for one file do no harm */
        if (geteuid() == 0 && chown(to, 0, getegid()) != 0)
            cli_note("%s stays the service's: %s", to, strerror(errno));
        return CLI_DONE;
    }
    if (errno != EXDEV && errno != EPERM)
        return cli_fail(cli,
                        "cannot put the backup at %s: %s; it is left at %s", to,
                        strerror(errno), from);
    int status = copy_file(cli, from, to);
    if (status == CLI_DONE)
        (void)unlink(from); /* a second copy in our own folder */
    return status;
}

static int
take_backup(struct cli *cli, struct admin *a, const char *file)
{
    json_t *answer;
    struct env *env = env_real();
    struct str keys = keys_name(cli, file);
    struct admin_backup ask = {
        .with_events = cli_flag(cli, "events"),
        .name = arena_printf(cli->arena, "backup-%" PRId64 "-%d",
                             env->now_ms(env), (int)getpid())};
    struct str at =
        arena_printf(cli->arena, "%.*s/%.*s",
                     STR_ARG(admin_config(a)->data_dir), STR_ARG(ask.name));
    int status = admin_call(a, ADMIN_BACKUP, &ask, &answer);
    if (status != CLI_DONE)
        return status;
    json_decref(answer);
    status = move_file(cli, at.p, file);
    if (status == CLI_DONE)
        status = move_file(cli, keys_name(cli, at.p).p, keys.p);
    if (status != CLI_DONE)
        return status;
    json_t *done = json_pack("{ssss}", "file", file, "keys_file", keys.p);
    status = show_answer(cli, done);
    json_decref(done);
    if (status == CLI_DONE && !cli->is_json)
        cli_note("Keep %s as long as you like, and only the newest of the "
                 "keys files: what is erased later can be read with an older "
                 "one. Neither holds the master key.",
                 file);
    return status;
}

int
do_backup(struct cli *cli)
{
    struct admin *a;
    const char *file = cli_arg(cli, 0);
    int status = refuse_existing(cli, file);
    if (status == CLI_DONE)
        status = refuse_existing(cli, keys_name(cli, file).p);
    if (status == CLI_DONE)
        status = check_target(cli, file);
    if (status != CLI_DONE)
        return status;
    status = admin_open(cli, &a);
    if (status == CLI_DONE)
        status = take_backup(cli, a, file);
    admin_close(a);
    return status;
}

struct restore {
    struct cli *cli;
    const char *file, *keys;
    struct str place, folder;
    struct str usual;     /* where the service has its erasure list */
    const char *erasures; /* NULL: there is no list */
    int lock_fd;          /* as the service holds it */
};

/* What root has restored belongs to the service's user, as the folder does. */
static int
give_away(const struct restore *r)
{
    const struct str db = r->place;
    const struct str files[] = {db, arena_printf(r->cli->arena, "%s-wal", db.p),
                                arena_printf(r->cli->arena, "%s-shm", db.p),
                                r->usual};
    struct stat st;
    if (geteuid() != 0)
        return CLI_DONE;
    if (stat(r->folder.p, &st) != 0)
        return cli_fail(r->cli, "cannot look at %s: %s", r->folder.p,
                        strerror(errno));
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (chown(files[i].p, st.st_uid, st.st_gid) != 0 && errno != ENOENT)
            return cli_fail(r->cli, "cannot give %s to the owner of %s: %s",
                            files[i].p, r->folder.p, strerror(errno));
    return CLI_DONE;
}

/* Becomes the keeper; what that prints is for people. */
static void
become_keeper(const struct restore *r, const char *program)
{
    if (r->cli->is_json && dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        _exit(CLI_FAILED);
    (void)execl(program, program, "--restore", r->file, r->keys, r->place.p,
                r->erasures, (char *)NULL); /* returns only when it failed */
    (void)fprintf(stderr, "portkeep restore: cannot start %s: %s\n", program,
                  strerror(errno));
    _exit(CLI_FAILED);
}

static int
run_restore(const struct restore *r)
{
    int how;
    struct str program = setup_sibling(r->cli, "portkeep-keeper");
    pid_t pid = fork();
    if (pid < 0)
        return cli_fail(r->cli, "cannot start a process: %s", strerror(errno));
    if (pid == 0)
        become_keeper(r, program.p);
    while (waitpid(pid, &how, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(how) && WEXITSTATUS(how) == 0 ? CLI_DONE : CLI_FAILED;
}

/* The keeper starts in another folder. */
static const char *
whole_path(struct cli *cli, const char *path)
{
    char here[4096];
    if (path[0] == '/' || getcwd(here, sizeof(here)) == NULL)
        return path;
    return arena_printf(cli->arena, "%s/%s", here, path).p;
}

/* What was erased must not come back; the list lives beside the database. */
static int
find_erasures(struct restore *r)
{
    const char *given = cli_value(r->cli, "erasures");
    r->erasures = given != NULL ? whole_path(r->cli, given) : r->usual.p;
    if (access(r->erasures, R_OK) == 0)
        return CLI_DONE;
    if (given != NULL)
        return cli_fail(r->cli, "cannot read %s: %s", given, strerror(errno));
    cli_note("There is no erasure list at %s: what was erased since the "
             "backup comes back. Where the list is somewhere else, name it "
             "with --erasures.",
             r->erasures);
    r->erasures = NULL;
    return CLI_DONE;
}

/* A list from elsewhere is this data directory's from now on: a second
 * restore must not forget what the first one erased. */
static int
keep_erasures(const struct restore *r)
{
    if (r->erasures == NULL || access(r->usual.p, F_OK) == 0)
        return CLI_DONE;
    return copy_file(r->cli, r->erasures, r->usual.p);
}

/* The data directory as a start makes it, and nobody else at work in it. */
static int
take_folder(struct restore *r, const struct config *config)
{
    struct buf auto_buf why = {0};
    buf_init(&why, LIMIT_URL);
    if (files_make_data_dir(config, &why) != ERR_OK)
        return cli_fail(r->cli, "%s", buf_text(&why));
    r->lock_fd = open(r->folder.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r->lock_fd < 0)
        return cli_fail(r->cli, "cannot open %s: %s", r->folder.p,
                        strerror(errno));
    if (flock(r->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return cli_fail(r->cli, "portkeep is running on %s: stop it first",
                        r->folder.p);
    return CLI_DONE;
}

/* Nothing may be there: the service would run on two truths. */
static int
check_place(const struct restore *r)
{
    if (access(r->place.p, F_OK) == 0)
        return cli_fail(r->cli,
                        "%s is there already: stop the service, move the "
                        "database and its -wal and -shm away, then restore",
                        r->place.p);
    return CLI_DONE;
}

int
do_restore(struct cli *cli)
{
    struct config config;
    struct restore r = {.cli = cli,
                        .file = cli_arg(cli, 0),
                        .keys = cli_arg(cli, 1),
                        .lock_fd = -1};
    int status = setup_load(cli, &config);
    if (status != CLI_DONE)
        return status;
    r.place = arena_copy(cli->arena, config.store_path);
    r.folder = arena_copy(cli->arena, config.data_dir);
    r.usual =
        arena_printf(cli->arena, "%s/%s", r.folder.p, CONFIG_ERASURES_FILE);
    if (r.keys == NULL)
        r.keys = keys_name(cli, r.file).p;
    r.file = whole_path(cli, r.file);
    r.keys = whole_path(cli, r.keys);
    status = check_place(&r);
    if (status == CLI_DONE)
        status = take_folder(&r, &config);
    if (status == CLI_DONE)
        status = find_erasures(&r);
    if (status == CLI_DONE)
        status = run_restore(&r);
    if (status == CLI_DONE)
        status = keep_erasures(&r);
    if (status == CLI_DONE)
        status = give_away(&r);
    fd_close(&r.lock_fd);
    if (status != CLI_DONE || !cli->is_json)
        return status;
    json_t *done = json_pack("{ssss}", "restored", r.file, "to", r.place.p);
    status = show_answer(cli, done);
    json_decref(done);
    return status;
}

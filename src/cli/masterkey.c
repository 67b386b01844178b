#define _GNU_SOURCE
#include "base/limits.h"
#include "cli/ask.h"
#include "cli/keyfile.h"
#include "cli/page.h"
#include "cli/progress.h"
#include "cli/run.h"
#include "cli/show.h"

#include <inttypes.h>
#include <time.h>

/*
 * Master keys: the file is the operator's, what is wrapped is the keeper's.
 *
 *   rotate:  a line more in the file -> reload -> the keeper has it ->
 *            re-wrap, page by page -> verify, page by page
 *   retire:  the keeper agrees -> a line less in the file -> reload
 *
 * Each step can be done again; `rotate --resume` goes on with the newest key.
 */
#define RELOAD_TRIES 150
#define RELOAD_WAIT_NS 200000000 /* times tries: 30 s for all nodes */

struct rotation {
    struct cli *cli;
    struct admin *admin;
    struct str path; /* of the file of keys */
    struct buf id;
};

static int
find_file(struct cli *cli, struct admin *a, struct str *out)
{
    const struct config_secret *file = &admin_config(a)->master_key;
    if (!str_starts(file->source, STR("file:")))
        return cli_fail(cli,
                        "[store] master_key is %.*s: change the keys where "
                        "that comes from, then `portkeep reload` and "
                        "`portkeep masterkey rotate --resume`",
                        STR_ARG(file->source));
    *out = arena_copy(cli->arena, file->path);
    return CLI_DONE;
}

/* The keys that the keeper has, oldest first. */
static int
list_ids(struct cli *cli, struct admin *a, struct strs *out)
{
    json_t *answer;
    struct admin_plain ask = {.is_brief = true};
    int status = admin_call(a, ADMIN_MASTERKEY_LIST, &ask, &answer);
    if (status != CLI_DONE)
        return status;
    const json_t *rows = answer_rows(answer);
    size_t n = json_array_size(rows);
    out->v = arena_alloc(cli->arena, (n + 1) * sizeof(*out->v));
    for (out->n = 0; out->n < n; out->n++)
        out->v[out->n] = arena_copy(
            cli->arena, answer_text(json_array_get(rows, out->n), "id"));
    json_decref(answer);
    return CLI_DONE;
}

/* Reloads, and waits until the keeper has the key, or has lost it. */
static int
reload(struct cli *cli, struct admin *a, struct str id, bool is_there)
{
    json_t *answer;
    struct strs ids;
    struct admin_plain ask = {.is_brief = true};
    struct timespec pause = {.tv_nsec = RELOAD_WAIT_NS};
    int status = admin_call(a, ADMIN_RELOAD, &ask, &answer);
    if (status != CLI_DONE)
        return status;
    json_decref(answer);
    for (int i = 0; i < RELOAD_TRIES && status == CLI_DONE; i++) {
        status = list_ids(cli, a, &ids);
        if (status == CLI_DONE && strs_have(ids, id) == is_there)
            return CLI_DONE;
        (void)nanosleep(&pause, NULL); /* a shorter one is fine too */
    }
    if (status != CLI_DONE)
        return status;
    return cli_fail(cli,
                    "the service has not taken the change up: see its log, "
                    "then `portkeep reload`");
}

/* How many data keys there are; 0 where it cannot be said. */
static uint64_t
count_wraps(struct admin *a)
{
    json_t *answer;
    uint64_t n = 0;
    struct admin_plain ask = {.is_brief = false};
    if (admin_call(a, ADMIN_MASTERKEY_LIST, &ask, &answer) != CLI_DONE)
        return 0;
    const json_t *rows = answer_rows(answer);
    for (size_t i = 0; i < json_array_size(rows); i++)
        n += answer_number(json_array_get(rows, i), "wraps");
    json_decref(answer);
    return n;
}

struct walk {
    enum admin_type type;
    bool is_compromised;
    uint64_t n_done, n_failed;
    struct str first_failed;
};

static int
step(struct admin *a, struct walk *w, struct buf *cursor, struct progress *bar)
{
    json_t *answer;
    struct admin_step ask = {.cursor = buf_str(cursor),
                             .is_compromised = w->is_compromised};
    int status = admin_call(a, w->type, &ask, &answer);
    if (status != CLI_DONE)
        return status;
    w->n_done += answer_number(answer, "done");
    w->n_failed += answer_number(answer, "failed");
    if (w->first_failed.n == 0)
        w->first_failed = admin_keep(a, answer_text(answer, "first_failed"));
    progress_step(bar, answer_number(answer, "checked"));
    buf_clear(cursor);
    buf_add(cursor, answer_next(answer));
    json_decref(answer);
    return CLI_DONE;
}

/* REWRAP or VERIFY to the end; what does not open is found, not fatal. */
static int
walk(struct cli *cli, struct admin *a, struct walk *w, const char *what)
{
    struct buf auto_buf cursor = {0};
    struct progress bar = {.what = what, .n_total = count_wraps(a)};
    int status;
    buf_init(&cursor, LIMIT_FRAME);
    do
        status = step(a, w, &cursor, &bar);
    while (status == CLI_DONE && cursor.n > 0);
    progress_clear(&bar);
    if (status == CLI_DONE && w->n_failed > 0)
        return cli_fail(cli,
                        "%" PRIu64 " data keys do not open, the first is that "
                        "of %.*s: is its master key missing from the file? "
                        "`portkeep masterkey list` shows which are there",
                        w->n_failed, STR_ARG(w->first_failed));
    return status;
}

static int
print_rotation(const struct rotation *r, uint64_t n_wrapped,
               uint64_t n_verified)
{
    json_t *json =
        json_pack("{ss#sIsI}", "key", r->id.p, (int)r->id.n, "rewrapped",
                  (json_int_t)n_wrapped, "verified", (json_int_t)n_verified);
    int status = show_answer(r->cli, json);
    json_decref(json);
    if (status == CLI_DONE && !r->cli->is_json)
        cli_note("Copy the key file to where you keep its copies. When no "
                 "backup needs the older keys any more: `portkeep masterkey "
                 "retire ID`.");
    return status;
}

/* A new key, or the newest that the service has. */
static int
choose_key(struct rotation *r)
{
    struct strs ids;
    struct buf auto_buf problem = {0};
    if (cli_flag(r->cli, "resume")) {
        int status = list_ids(r->cli, r->admin, &ids);
        if (status == CLI_DONE && ids.n > 0)
            buf_add(&r->id, ids.v[ids.n - 1]);
        return status;
    }
    int status = find_file(r->cli, r->admin, &r->path);
    if (status != CLI_DONE)
        return status;
    buf_init(&problem, LIMIT_URL);
    if (keyfile_append(r->path.p, &r->id, &problem) != ERR_OK)
        return cli_fail(r->cli, "%s", buf_text(&problem));
    return reload(r->cli, r->admin, buf_str(&r->id), true);
}

static int
rotate(struct rotation *r)
{
    struct walk wrap = {.type = ADMIN_MASTERKEY_REWRAP,
                        .is_compromised = cli_flag(r->cli, "compromised")};
    struct walk verify = {.type = ADMIN_MASTERKEY_VERIFY};
    int status = choose_key(r);
    if (status == CLI_DONE)
        status = walk(r->cli, r->admin, &wrap, "data keys looked at");
    if (status == CLI_DONE)
        status = walk(r->cli, r->admin, &verify, "data keys opened");
    if (status == CLI_DONE)
        return print_rotation(r, wrap.n_done, verify.n_done);
    if (r->id.n > 0)
        cli_note("Key %s stays in the key file; when the trouble is over, "
                 "`portkeep masterkey rotate --resume%s` goes on with it.",
                 buf_text(&r->id), wrap.is_compromised ? " --compromised" : "");
    return status;
}

int
do_masterkey_rotate(struct cli *cli)
{
    struct rotation r = {.cli = cli};
    buf_init(&r.id, 256);
    int status = admin_open(cli, &r.admin);
    if (status == CLI_DONE)
        status = rotate(&r);
    buf_done(&r.id);
    admin_close(r.admin);
    return status;
}

int
do_masterkey_list(struct cli *cli)
{
    struct admin *a;
    json_t *answer;
    struct admin_plain ask = {.is_brief = false};
    int status = admin_open(cli, &a);
    if (status == CLI_DONE)
        status = admin_call(a, ADMIN_MASTERKEY_LIST, &ask, &answer);
    if (status == CLI_DONE) {
        status = show_answer(cli, cli->is_json ? answer : answer_rows(answer));
        json_decref(answer);
    }
    admin_close(a);
    return status;
}

int
do_masterkey_verify(struct cli *cli)
{
    struct admin *a;
    struct walk w = {.type = ADMIN_MASTERKEY_VERIFY};
    int status = admin_open(cli, &a);
    if (status == CLI_DONE)
        status = walk(cli, a, &w, "data keys opened");
    admin_close(a);
    if (status != CLI_DONE)
        return status;
    json_t *json = json_pack("{sI}", "verified", (json_int_t)w.n_done);
    status = show_answer(cli, json);
    json_decref(json);
    return status;
}

/* What cannot be undone is said before it is done. */
static int
confirm_retirement(const struct cli *cli, const char *id)
{
    struct buf auto_buf question = {0};
    buf_init(&question, LIMIT_URL);
    buf_addf(&question,
             "Retiring %s takes it out of the key file for good. Backups whose "
             "keys file was written while it was in use can never be restored "
             "again, and what was erased stays erased in them too.",
             id);
    return ask_confirm(cli, buf_text(&question));
}

static int
retire(struct cli *cli, struct admin *a, struct str path, const char *id)
{
    json_t *answer;
    struct buf auto_buf problem = {0};
    struct admin_name ask = {.name = str_from(id)};
    int status = admin_call(a, ADMIN_MASTERKEY_RETIRE, &ask, &answer);
    if (status != CLI_DONE)
        return status;
    buf_init(&problem, LIMIT_URL);
    if (keyfile_remove(path.p, ask.name, &problem) != ERR_OK)
        status = cli_fail(cli, "%s", buf_text(&problem));
    if (status == CLI_DONE)
        status = reload(cli, a, ask.name, false);
    if (status == CLI_DONE)
        status = show_answer(cli, answer);
    json_decref(answer);
    return status;
}

int
do_masterkey_retire(struct cli *cli)
{
    struct admin *a;
    struct str path;
    const char *id = cli_arg(cli, 0);
    int status = admin_open(cli, &a);
    if (status == CLI_DONE)
        status = find_file(cli, a, &path);
    if (status == CLI_DONE)
        status = confirm_retirement(cli, id);
    if (status == CLI_DONE)
        status = retire(cli, a, path, id);
    admin_close(a);
    return status;
}

#include "keeper/backup.h"

#include "keeper/answer.h"
#include "keeper/audit.h"
#include "keeper/keeper.h"
#include "keeper/peers.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

/*
 *   (none) --do_backup--> COPYING --last row, failure--> ENDED --> (none)
 *                            |--asker gone, keeper ends--> (none), no files
 *
 * ENDED lasts until the turn that answers is queued.  From its first turn to
 * its last a row in STORE_META names the files: what a killed keeper left of
 * them would hold data keys that an erasure can no longer reach, so the next
 * one takes them away.
 */
#define SLICE_MS 5
#define PAUSE_MS 5    /* for turns, so that callers have half of the time */
#define SLICE_ROWS 64 /* at most, between two looks at the clock */
#define SAY_MS 5000
#define LONGEST_MS 110000 /* the command line waits for 120 s */
#define AGAIN_MS 100
#define NAME_LONGEST 128

#define ROWS "backup/" /* and the name */

struct backup_files {
    struct str file, keys_file;
};
static const struct field backup_files_fields[] = {
    FIELD(struct backup_files, file),
    FIELD(struct backup_files, keys_file),
};
static const struct record backup_files_record = RECORD(backup_files);

struct backup_end {
    uint32_t err;
    struct str name, file, keys_file, problem;
};
static const struct field backup_end_fields[] = {
    FIELD(struct backup_end, err),     FIELD(struct backup_end, name),
    FIELD(struct backup_end, file),    FIELD(struct backup_end, keys_file),
    FIELD(struct backup_end, problem),
};
static const struct record backup_end_record = RECORD(backup_end);

struct backup {
    struct keeper *keeper;
    struct event *on_slice;
    struct waiter waiter;
    struct buf name, file, keys_file, problem;
    int64_t began_ms;
    /* moves */
    struct store_backup *copy; /* NULL: ENDED */
    enum err err;              /* of what has ended */
    uint64_t n_rows;
    int64_t said_ms;
};

static int64_t
mono_ms(const struct backup *b)
{
    return b->keeper->env->mono_ms(b->keeper->env);
}

static void
backup_free(struct backup *b)
{
    if (b == NULL)
        return;
    store_backup_cancel(b->copy);
    if (b->on_slice != NULL)
        event_free(b->on_slice);
    b->keeper->backup = NULL;
    buf_done(&b->name);
    buf_done(&b->file);
    buf_done(&b->keys_file);
    buf_done(&b->problem);
    free(b);
}

void
backup_stop(struct keeper *k)
{
    backup_free(k->backup);
}

static void
go_on_in(struct backup *b, int ms)
{
    struct timeval in = {.tv_usec = ms * 1000};
    if (event_add(b->on_slice, &in) != 0)
        abort(); /* a timer needs memory only */
}

static struct str
row_of(struct turn *t, struct str name)
{
    return arena_printf(turn_arena(t), ROWS "%.*s", STR_ARG(name));
}

static enum err
do_backup_end(struct turn *t, const void *ask)
{
    const struct backup_end *end = ask;
    struct buf auto_buf json = {0};
    struct backup_files files;
    struct str row = row_of(t, end->name);
    bool is_there = turn_get(t, STORE_META, row, &backup_files_record, &files);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (is_there)
        turn_delete(t, STORE_META, row);
    if (end->err != ERR_OK) {
        answer_refusal(t, answer_waiter(t),
                       &(struct refusal_text){.err = (enum err)end->err,
                                              .detail = end->problem});
        return ERR_OK;
    }
    audit_add(t, &(struct audit_entry){
                     .kind = STR("backup"),
                     .actor = arena_printf(
                         turn_arena(t), "uid:%u",
                         peers_uid(turn_keeper(t)->peers, turn_peer(t))),
                     .outcome = STR("ok")});
    buf_init(&json, LIMIT_API_BODY);
    struct doc d = doc_into(&json);
    doc_open(&d, '{');
    doc_field_str(&d, "file", end->file);
    doc_field_str(&d, "keys_file", end->keys_file);
    doc_close(&d, '}');
    answer_document(t, answer_waiter(t), buf_str(&json));
    return ERR_OK;
}

/* Frees it, once the answer is on its way. */
static void
end(struct backup *b)
{
    struct backup_end e = {(uint32_t)b->err, buf_str(&b->name),
                           buf_str(&b->file), buf_str(&b->keys_file),
                           buf_str(&b->problem)};
    if (turns_add(b->keeper->turns, do_backup_end, &backup_end_record, &e,
                  b->waiter.peer, b->waiter.call) == ERR_OK)
        backup_free(b);
    else
        go_on_in(b, AGAIN_MS);
}

static bool
is_given_up(struct backup *b)
{
    if (peers_channel(b->keeper->peers, b->waiter.peer) == NULL) {
        log_warn("backup.cancelled",
                 "rows=%" PRIu64 " why=\"who asked for it "
                 "is gone\"",
                 b->n_rows);
        backup_free(b);
        return true;
    }
    if (mono_ms(b) - b->began_ms < LONGEST_MS)
        return false;
    store_backup_cancel(b->copy);
    b->copy = NULL;
    b->err = ERR_TIMEOUT;
    buf_addf(&b->problem,
             "the backup was not done within %d s: is the disk slow?",
             LONGEST_MS / 1000);
    end(b);
    return true;
}

static void
say_progress(struct backup *b)
{
    if (mono_ms(b) - b->said_ms < SAY_MS)
        return;
    b->said_ms = mono_ms(b);
    log_info("backup.copying", "rows=%" PRIu64, b->n_rows);
}

static void
on_slice(evutil_socket_t fd, short what, void *arg)
{
    struct backup *b = arg;
    enum err e = ERR_AGAIN;
    (void)fd;
    (void)what;
    if (b->copy == NULL) {
        end(b);
        return;
    }
    if (is_given_up(b))
        return;
    for (int64_t from = mono_ms(b);
         e == ERR_AGAIN && mono_ms(b) - from < SLICE_MS;)
        e = store_backup_step(b->copy, SLICE_ROWS, &b->n_rows, &b->problem);
    if (e == ERR_AGAIN) {
        say_progress(b);
        go_on_in(b, PAUSE_MS);
        return;
    }
    b->copy = NULL; /* freed by its end */
    b->err = e;
    log_info("backup.ended", "err=%s rows=%" PRIu64 " ms=%" PRId64, err_name(e),
             b->n_rows, mono_ms(b) - b->began_ms);
    end(b);
}

struct begin {
    struct waiter waiter;
    struct str name;
    struct backup_files files;
    bool with_events;
};

static void
say_busy(struct keeper *k, const struct begin *begin)
{
    struct waiter w = begin->waiter;
    struct backup_end e = {
        .err = ERR_CONFLICT,
        .name = begin->name,
        .problem = STR("Another backup is being made: wait for its end."),
    };
    if (turns_add(k->turns, do_backup_end, &backup_end_record, &e, w.peer,
                  w.call) != ERR_OK)
        log_warn("backup.unanswered", "waiting=%zu", turns_n_waiting(k->turns));
}

static void
act_begin(struct keeper *k, void *arg)
{
    const struct begin *begin = arg;
    if (k->backup != NULL) {
        say_busy(k, begin);
        return;
    }
    struct backup *b = calloc(1, sizeof(*b));
    if (b == NULL)
        abort();
    b->keeper = k;
    b->waiter = begin->waiter;
    b->began_ms = b->said_ms = mono_ms(b);
    b->on_slice = evtimer_new(k->base, on_slice, b);
    if (b->on_slice == NULL)
        abort();
    k->backup = b;
    buf_init(&b->name, NAME_LONGEST);
    buf_init(&b->file, 4096);
    buf_init(&b->keys_file, 4096);
    buf_init(&b->problem, 1024);
    buf_add(&b->name, begin->name);
    buf_add(&b->file, begin->files.file);
    buf_add(&b->keys_file, begin->files.keys_file);
    struct store_backup_wish wish = {
        buf_text(&b->file), buf_text(&b->keys_file), begin->with_events};
    b->err = store_backup_begin(k->store, &wish, &b->copy, &b->problem);
    if (b->err == ERR_OK)
        go_on_in(b, PAUSE_MS);
    else
        end(b);
}

static bool
is_plain_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool is_fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                       c == '.';
        if (!is_fine)
            return false;
    }
    return name.n > 0 && name.n <= NAME_LONGEST && name.p[0] != '.';
}

static void
refuse(struct turn *t, enum err e, struct str detail)
{
    answer_refusal(t, answer_waiter(t),
                   &(struct refusal_text){.err = e, .detail = detail});
}

/* Into the data directory, which is all that the keeper may write to. */
enum err
do_backup(struct turn *t, const void *ask)
{
    const struct admin_backup *a = ask;
    struct keeper *k = turn_keeper(t);
    if (!is_plain_name(a->name) || k->child == NULL) {
        refuse(t, ERR_INVALID,
               STR("The backup's name is letters, digits, - _ and dots."));
        return ERR_OK;
    }
    struct backup_files old;
    struct str row = row_of(t, a->name);
    (void)turn_get(t, STORE_META, row, &backup_files_record, &old); /* named */
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    struct arena *arena = turn_arena(t);
    struct begin *begin = arena_alloc(arena, sizeof(*begin));
    begin->waiter = answer_waiter(t);
    begin->name = arena_copy(arena, a->name);
    begin->with_events = a->with_events;
    begin->files.file =
        arena_printf(arena, "%.*s/%.*s", STR_ARG(k->child->settings.data_dir),
                     STR_ARG(a->name));
    begin->files.keys_file =
        arena_printf(arena, "%.*s.keys", STR_ARG(begin->files.file));
    turn_put(t, STORE_META, row, &backup_files_record, &begin->files,
             STORE_NEVER, STR_NONE);
    turn_after(t, act_begin, begin);
    return ERR_OK;
}

static void
act_remove(struct keeper *k, void *arg)
{
    (void)k;
    if (unlink(arg) == 0)
        log_warn("backup.removed", "file=%s why=\"it was not ended\"",
                 (const char *)arg);
    else if (errno != ENOENT)
        log_error("backup.cannot_remove", "file=%s errno=%d do=\"remove it\"",
                  (const char *)arg, errno);
}

/* And what SQLite put beside it.  Texts in the arena end with a NUL. */
static void
remove_later(struct turn *t, struct str path)
{
    struct arena *a = turn_arena(t);
    struct str journal = arena_printf(a, "%.*s-journal", STR_ARG(path));
    turn_after(t, act_remove, (char *)journal.p);
    turn_after(t, act_remove, (char *)arena_copy(a, path).p);
}

struct left {
    struct str row;
};
static const struct field left_fields[] = {
    FIELD(struct left, row),
};
static const struct record left_record = RECORD(left);

static enum err
do_forget(struct turn *t, const void *ask)
{
    const struct left *l = ask;
    struct backup_files files;
    bool is_there =
        turn_get(t, STORE_META, l->row, &backup_files_record, &files);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (is_there)
        turn_delete(t, STORE_META, l->row);
    return ERR_OK;
}

/* The files first, then the rows that name them. */
enum err
do_backup_left(struct turn *t, const void *ask)
{
    const struct store_ask *found =
        turn_find(t, &(struct store_ask){.table = STORE_META,
                                         .by = STORE_BY_PREFIX,
                                         .key = STR(ROWS),
                                         .limit = 100});
    (void)ask;
    if (found == NULL)
        return ERR_AGAIN;
    for (size_t i = 0; i < found->n_rows; i++) {
        struct backup_files files;
        if (turn_get(t, STORE_META, found->rows[i].key, &backup_files_record,
                     &files)) {
            remove_later(t, files.keys_file);
            remove_later(t, files.file);
        }
        turn_follow(t, do_forget, &left_record,
                    &(struct left){found->rows[i].key});
    }
    return ERR_OK;
}

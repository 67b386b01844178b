#include "keeper/backup.h"

#include "keeper/answer.h"
#include "keeper/audit.h"
#include "keeper/keeper.h"
#include "keeper/peers.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdlib.h>

/*
 *   (none) --do_backup--> COPYING --last row, failure--> ENDED --> (none)
 *                            |--asker gone, keeper ends--> (none), no files
 *
 * ENDED lasts until the turn that answers is queued.
 */
#define SLICE_MS 5
#define PAUSE_MS 5    /* for turns, so that callers have half of the time */
#define SLICE_ROWS 64 /* at most, between two looks at the clock */
#define SAY_MS 5000
#define LONGEST_MS 110000 /* the command line waits for 120 s */
#define AGAIN_MS 100

struct backup_end {
    uint32_t err;
    struct str file, keys_file, problem;
};
static const struct field backup_end_fields[] = {
    FIELD(struct backup_end, err),
    FIELD(struct backup_end, file),
    FIELD(struct backup_end, keys_file),
    FIELD(struct backup_end, problem),
};
static const struct record backup_end_record = RECORD(backup_end);

struct backup {
    struct keeper *keeper;
    struct event *on_slice;
    struct waiter waiter;
    struct buf file, keys_file, problem;
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

static enum err
do_backup_end(struct turn *t, const void *ask)
{
    const struct backup_end *end = ask;
    struct buf auto_buf json = {0};
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
    struct backup_end e = {(uint32_t)b->err, buf_str(&b->file),
                           buf_str(&b->keys_file), buf_str(&b->problem)};
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
    bool with_events;
};

static void
say_busy(struct keeper *k, struct waiter w)
{
    struct backup_end e = {
        .err = ERR_CONFLICT,
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
        say_busy(k, begin->waiter);
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
    buf_init(&b->file, 4096);
    buf_init(&b->keys_file, 4096);
    buf_init(&b->problem, 1024);
    buf_addf(&b->file, "%.*s/%.*s", STR_ARG(k->child->settings.data_dir),
             STR_ARG(begin->name));
    buf_addf(&b->keys_file, "%s.keys", buf_text(&b->file));
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
    return name.n > 0 && name.n <= 128 && name.p[0] != '.';
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
    struct begin *begin = arena_alloc(turn_arena(t), sizeof(*begin));
    *begin = (struct begin){answer_waiter(t),
                            arena_copy(turn_arena(t), a->name), a->with_events};
    turn_after(t, act_begin, begin);
    return ERR_OK;
}

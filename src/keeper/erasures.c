#include "keeper/erasures.h"

#include "base/text.h"
#include "keeper/errands.h"
#include "keeper/keeper.h"
#include "keeper/privacy.h"

#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOTE_AGAIN_MS 60000 /* a line that could not be written */

/* One line: what a restored backup must not bring back. */
struct erasure_line {
    struct str text;
    struct errand_note about; /* only its row counts */
    turn_handler noted;       /* when it is on disk */
};

static enum err
do_erasure_noted(struct turn *t, const void *ask)
{
    const struct errand_note *note = ask;
    struct receipt r;
    bool is_there = turn_get(t, STORE_RECEIPTS, note->row, &receipt_record, &r);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (is_there)
        turn_put(t, STORE_RECEIPTS, note->row, &receipt_record, &r, STORE_NEVER,
                 turn_tag(t, STORE_RECEIPTS, note->row));
    return ERR_OK;
}

/* Whole or not at all: half a line would spoil the next one. */
static bool
append(int fd, struct str line)
{
    struct stat before;
    if (fstat(fd, &before) != 0)
        return false;
    if (write(fd, line.p, line.n) == (ssize_t)line.n && fdatasync(fd) == 0)
        return true;
    if (ftruncate(fd, before.st_size) != 0)
        log_error("erasures.half_a_line", "do=\"end the erasure list's last "
                                          "line by hand\"");
    return false;
}

static void
act_note_erasure(struct keeper *k, void *arg)
{
    const struct erasure_line *line = arg;
    if (k->erasures_fd >= 0 && !append(k->erasures_fd, line->text))
        log_error("erasures.cannot_write",
                  "do=\"make room in the data directory; it is tried again\"");
    else if (turns_add(k->turns, line->noted, &errand_note_record, &line->about,
                       0, 0) != ERR_OK)
        keeper_fail(k, "erasures.no_room"); /* own requests have room */
}

int64_t
erasures_due_ms(struct turn *t)
{
    return turn_now_ms(t) + NOTE_AGAIN_MS;
}

void
erasures_note(struct turn *t, const struct receipt *r, struct str key)
{
    struct erasure_line *line = arena_alloc(turn_arena(t), sizeof(*line));
    line->about.row = key;
    line->noted = do_erasure_noted;
    line->text = arena_printf(
        turn_arena(t), "%.*s %" PRIu64 " %" PRIu64 " %" PRId64 "\n",
        STR_ARG(r->app), r->portal, r->generation, r->erased_at);
    turn_after(t, act_note_erasure, line);
}

void
erasures_note_again(struct turn *t, struct str key)
{
    struct receipt r;
    if (!turn_get(t, STORE_RECEIPTS, key, &receipt_record, &r))
        return;
    turn_put(t, STORE_RECEIPTS, key, &receipt_record, &r, erasures_due_ms(t),
             turn_tag(t, STORE_RECEIPTS, key));
    erasures_note(t, &r, key);
}

/* The row of a deletion that is done, and on the list. */
static enum err
do_deletion_noted(struct turn *t, const void *ask)
{
    const struct errand_note *note = ask;
    bool is_there = privacy_is_done(t, note->row);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (is_there)
        turn_delete(t, STORE_PRIVACY, note->row);
    return ERR_OK;
}

void
erasures_note_deletion(struct turn *t, const struct erasures_deletion *d,
                       struct str row)
{
    struct buf auto_buf text = {0};
    struct erasure_line *line = arena_alloc(turn_arena(t), sizeof(*line));
    buf_init(&text, 1024);
    buf_addf(&text, ERASURES_CONTACT " %.*s %" PRIu64 " ", STR_ARG(d->app),
             d->portal);
    text_add_hex(&text, d->hashes);
    buf_addf(&text, " %" PRId64 "\n", turn_now_s(t));
    line->about.row = row;
    line->noted = do_deletion_noted;
    line->text = arena_copy(turn_arena(t), buf_str(&text));
    turn_after(t, act_note_erasure, line);
}

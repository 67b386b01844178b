#include "keeper/restore.h"

#include "base/limits.h"
#include "base/text.h"
#include "keeper/audit.h"
#include "keeper/grant.h"
#include "keeper/restore_events.h"
#include "keeper/store.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* What is left for the chain of this; the row goes with its entry. */
struct restored {
    int64_t at_s;
    uint32_t uid;
    uint64_t n_erased;
};
static const struct field restored_fields[] = {
    FIELD(struct restored, at_s),
    FIELD(struct restored, uid),
    FIELD(struct restored, n_erased),
};
static const struct record restored_record = RECORD(restored);

#define RESTORED_ROW STR("restored")

/* A line of the erasure list: app portal generation time */
struct erased {
    struct str app;
    uint64_t portal, generation;
};

static bool
parse_line(struct str line, struct erased *out)
{
    struct str rest = line, portal, generation;
    return str_cut(&rest, ' ', &out->app) && str_cut(&rest, ' ', &portal) &&
           str_cut(&rest, ' ', &generation) &&
           str_to_u64(portal, &out->portal) &&
           str_to_u64(generation, &out->generation);
}

/* The app's counts with one grant less; not there: nothing to change. */
static size_t
uncount(const struct store_row *row, const struct grant *g, struct arena *arena,
        struct buf *body, struct store_change *out)
{
    struct grant_counts counts;
    if (row->version == 0 || record_decode_old(&grant_counts_record, row->body,
                                               arena, &counts) != ERR_OK)
        return 0;
    grant_counts_add(&counts, g->state, -1);
    record_encode(&grant_counts_record, &counts, body);
    *out = (struct store_change){.row = *row};
    out->row.body = buf_str(body);
    return 1;
}

/* Grant and data key go where the backup's generation is not newer. */
static enum err
erase_again(struct store *s, const struct erased *e, struct arena *arena,
            uint64_t turn, bool *out_was_there, bool *out_is_newer)
{
    struct str key = grant_key(arena, e->app, e->portal);
    struct store_ask asks[] = {
        {.table = STORE_GRANTS, .key = key},
        {.table = STORE_DATA_KEYS, .key = key},
        {.table = STORE_META, .key = grant_counts_key(arena, e->app)}};
    struct store_change changes[3];
    struct buf auto_buf body = {0};
    struct grant g;
    *out_was_there = false;
    enum err err = store_load(s, asks, 3, arena);
    if (err != ERR_OK || asks[0].rows[0].version == 0)
        return err;
    if (record_decode_old(&grant_record, asks[0].rows[0].body, arena, &g) !=
        ERR_OK)
        return ERR_OK;
    *out_is_newer = g.generation > e->generation;
    if (*out_is_newer)
        return ERR_OK;
    buf_init(&body, 256);
    size_t n = uncount(&asks[2].rows[0], &g, arena, &body, &changes[0]);
    for (size_t i = 0; i < 2; i++)
        if (asks[i].rows[0].version != 0)
            changes[n++] = (struct store_change){.row = asks[i].rows[0],
                                                 .is_delete = true};
    *out_was_there = true;
    return store_commit(s, turn, changes, n);
}

/* No keeper's turn has such a number, nor another restore's. */
static uint64_t
turn_number(void)
{
    uint64_t turn;
    randombytes_buf(&turn, sizeof(turn));
    return turn >> 2;
}

/* What was applied, and the numbers of the commits. */
struct applied {
    struct arena *arena; /* of one line */
    uint64_t turn;
    unsigned n_grants, n_contacts;
};

/* contact: app portal hashes time */
static enum err
apply_contact(struct store *s, struct str rest, struct applied *a)
{
    struct str portal, hex;
    struct erasures_deletion d;
    struct buf auto_buf hashes = {0};
    uint64_t at;
    bool is_any = false;
    buf_init(&hashes, 512);
    if (!str_cut(&rest, ' ', &d.app) || !str_cut(&rest, ' ', &portal) ||
        !str_cut(&rest, ' ', &hex) || !str_to_u64(portal, &d.portal) ||
        !str_to_u64(rest, &at) || text_add_decoded_hex(&hashes, hex) != ERR_OK)
        return ERR_OK;
    d.hashes = buf_str(&hashes);
    enum err e = restore_forget_contact(s, &d, (int64_t)at, &a->turn, &is_any);
    a->n_contacts += is_any;
    return e;
}

static enum err
apply_line(struct store *s, struct str line, struct applied *a)
{
    struct erased one;
    bool was_there, is_newer = false;
    struct str head = STR(ERASURES_CONTACT " ");
    if (str_starts(line, head))
        return apply_contact(s, str_of(line.p + head.n, line.n - head.n), a);
    if (!parse_line(line, &one))
        return ERR_OK;
    enum err e =
        erase_again(s, &one, a->arena, a->turn++, &was_there, &is_newer);
    a->n_grants += was_there;
    return e == ERR_OK && !is_newer
               ? restore_erase_events(s, one.app, one.portal, &a->turn)
               : e;
}

static enum err
apply(struct store *s, FILE *list, struct applied *a)
{
    char line[1024];
    enum err e = ERR_OK;
    a->arena = arena_new();
    while (e == ERR_OK && fgets(line, sizeof(line), list) != NULL) {
        struct str text = str_from(line);
        if (text.n > 0 && text.p[text.n - 1] == '\n')
            text.n--;
        e = apply_line(s, text, a);
        arena_clear(a->arena);
    }
    arena_free(a->arena);
    return e;
}

/* The list, if there is one, then what holds in any case. */
static enum err
finish(struct store *s, FILE *list, struct applied *a)
{
    a->turn = turn_number();
    enum err e = list != NULL ? apply(s, list, a) : ERR_OK;
    if (e == ERR_OK)
        e = restore_count_events(s, &a->turn);
    return e == ERR_OK ? store_scrub(s) : e;
}

/* A backup that was itself restored and never served has the row already. */
static enum err
leave_word(struct store *s, unsigned n_erased)
{
    struct restored word = {.at_s = (int64_t)time(NULL),
                            .uid = (uint32_t)getuid(),
                            .n_erased = n_erased};
    struct store_ask ask = {.table = STORE_META, .key = RESTORED_ROW};
    struct arena *arena = arena_new();
    struct buf auto_buf body = {0};
    buf_init(&body, 256);
    record_encode(&restored_record, &word, &body);
    enum err e = store_load(s, &ask, 1, arena);
    if (e == ERR_OK) {
        struct store_change change = {.row = ask.rows[0]};
        change.row.body = buf_str(&body);
        e = store_commit(s, turn_number(), &change, 1);
    }
    arena_free(arena);
    return e;
}

enum err
do_note_restore(struct turn *t, const void *ask)
{
    struct restored word;
    (void)ask;
    bool is_there =
        turn_get(t, STORE_META, RESTORED_ROW, &restored_record, &word);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (!is_there)
        return ERR_OK;
    turn_delete(t, STORE_META, RESTORED_ROW);
    audit_add(t, &(struct audit_entry){
                     .kind = STR("restore"),
                     .actor = arena_printf(turn_arena(t), "uid:%u", word.uid),
                     .outcome = STR("ok"),
                     .detail = arena_printf(
                         turn_arena(t),
                         "from a backup, at %" PRId64 "; %" PRIu64
                         " grants of the erasure list erased again",
                         word.at_s, word.n_erased)});
    return ERR_OK;
}

static int
fail(struct buf *problem)
{
    (void)fprintf(stderr, "portkeep restore: %s\n", buf_text(problem));
    return 1;
}

int
restore_main(int argc, char **argv)
{
    struct buf auto_buf problem = {0};
    struct store *store = NULL;
    struct applied applied = {0};
    buf_init(&problem, 1024);
    if (argc < 5 || argc > 6) {
        buf_add_text(&problem, "wants FILE KEYS_FILE TARGET [ERASURES]");
        return fail(&problem) + 1;
    }
    if (sodium_init() < 0 ||
        store_restore(argv[4], argv[2], argv[3], &problem) != ERR_OK ||
        store_open(argv[4], &store, &problem) != ERR_OK)
        return fail(&problem);
    FILE *list = argc == 6 ? fopen(argv[5], "re") : NULL;
    enum err e = finish(store, list, &applied);
    if (list != NULL)
        (void)fclose(list); /* only read */
    if (e == ERR_OK)
        e = leave_word(store, applied.n_grants);
    store_close(store);
    if (e != ERR_OK) {
        buf_add_text(&problem, "the erasure list could not be applied, or the "
                               "restore not be noted: do not serve this "
                               "database");
        return fail(&problem);
    }
    (void)printf("restored %s; %u grants of the erasure list erased again, and "
                 "the events of %u contacts\n",
                 argv[4], applied.n_grants, applied.n_contacts);
    return 0;
}

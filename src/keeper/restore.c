#include "keeper/restore.h"

#include "base/limits.h"
#include "keeper/grant.h"
#include "keeper/store.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

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
            uint64_t turn, bool *out_was_there)
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
            ERR_OK ||
        g.generation > e->generation)
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

static enum err
apply(struct store *s, FILE *list, unsigned *out_n)
{
    char line[512];
    uint64_t turn = 0;
    enum err e = ERR_OK;
    struct arena *arena = arena_new();
    randombytes_buf(&turn, sizeof(turn));
    turn >>= 2;
    while (e == ERR_OK && fgets(line, sizeof(line), list) != NULL) {
        struct erased one;
        bool was_there;
        struct str text = str_from(line);
        if (text.n > 0 && text.p[text.n - 1] == '\n')
            text.n--;
        if (!parse_line(text, &one))
            continue;
        e = erase_again(s, &one, arena, turn++, &was_there);
        *out_n += was_there;
        arena_clear(arena);
    }
    arena_free(arena);
    return e == ERR_OK ? store_scrub(s) : e;
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
    unsigned n = 0;
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
    enum err e = list == NULL ? ERR_OK : apply(store, list, &n);
    if (list != NULL)
        (void)fclose(list); /* only read */
    store_close(store);
    if (e != ERR_OK) {
        buf_add_text(&problem, "the erasure list could not be applied: do not "
                               "serve this database");
        return fail(&problem);
    }
    (void)printf("restored %s; %u grants of the erasure list erased again\n",
                 argv[4], n);
    return 0;
}

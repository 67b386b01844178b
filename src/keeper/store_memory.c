#include "keeper/store_memory.h"

#include <assert.h>
#include <stdlib.h>

/*
 * The store of the tests: each table an array of rows in the order of their
 * keys.  It behaves as the others do, and worse when told to.
 */
#define TURNS_KEPT 1000

struct row {
    uint64_t version;
    int64_t due;
    struct str key, tag, body; /* in `bytes`, one after the other */
    char bytes[];
};

struct table {
    struct row **rows;
    size_t n, room;
};

struct store {
    struct table tables[STORE_TABLES];
    uint64_t turns[TURNS_KEPT];
    uint64_t n_turns;
    struct store_disturbance how;
    uint64_t random; /* the state of the generator */
    uint64_t n_calls;
    bool is_unheard; /* the last commit */
    uint64_t n_loads, n_commits;
};

enum err
store_open(const char *place, struct store **out, struct buf *problem)
{
    (void)place;
    (void)problem;
    struct store *s = calloc(1, sizeof(*s));
    if (s == NULL)
        abort();
    *out = s;
    return ERR_OK;
}

void
store_close(struct store *s)
{
    if (s == NULL)
        return;
    for (size_t t = 0; t < STORE_TABLES; t++) {
        for (size_t i = 0; i < s->tables[t].n; i++)
            free(s->tables[t].rows[i]);
        free(s->tables[t].rows);
    }
    free(s);
}

void
store_memory_disturb(struct store *s, const struct store_disturbance *how)
{
    s->how = *how;
    s->random = how->seed;
    s->n_calls = 0;
}

uint64_t
store_memory_loads(const struct store *s)
{
    return s->n_loads;
}

uint64_t
store_memory_commits(const struct store *s)
{
    return s->n_commits;
}

/* SplitMix64: small, and the same everywhere. */
static bool
happens(struct store *s, unsigned per_mille)
{
    uint64_t z = s->random += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (z ^ z >> 31) % 1000 < per_mille;
}

static bool
is_call_to_fail(struct store *s)
{
    return ++s->n_calls == s->how.fail_call;
}

/* Where the key is, or where it would have to be. */
static size_t
find(const struct table *t, struct str key, bool *out_is_there)
{
    size_t low = 0, high = t->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_compare(t->rows[middle]->key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *out_is_there = low < t->n && str_equal(t->rows[low]->key, key);
    return low;
}

static struct store_row
show(const struct row *row, enum store_table table, struct arena *arena)
{
    return (struct store_row){
        .table = table,
        .key = arena_copy(arena, row->key),
        .version = row->version,
        .due = row->due,
        .tag = row->tag.n > 0 ? arena_copy(arena, row->tag) : STR_NONE,
        .body = row->body.n > 0 ? arena_copy(arena, row->body) : STR_NONE,
    };
}

static void
load_one(const struct table *t, struct store_ask *ask, struct arena *arena)
{
    bool is_there;
    size_t at = find(t, ask->key, &is_there);
    ask->rows = arena_alloc(arena, sizeof(*ask->rows));
    ask->n_rows = 1;
    ask->rows[0] = (struct store_row){.table = ask->table,
                                      .key = arena_copy(arena, ask->key),
                                      .due = STORE_NEVER};
    if (is_there)
        ask->rows[0] = show(t->rows[at], ask->table, arena);
}

static bool
is_asked(const struct store_ask *ask, const struct row *row)
{
    if (ask->by == STORE_BY_DUE)
        return row->due != STORE_NEVER && row->due <= ask->due;
    if (ask->after.n > 0 && str_compare(row->key, ask->after) <= 0)
        return false;
    if (ask->by == STORE_BY_PREFIX)
        return str_starts(row->key, ask->key);
    return row->tag.n > 0 && str_equal(row->tag, ask->tag);
}

static int
compare_due(const void *a, const void *b)
{
    const struct row *x = *(struct row *const *)a;
    const struct row *y = *(struct row *const *)b;
    if (x->due != y->due)
        return x->due < y->due ? -1 : 1;
    return str_compare(x->key, y->key);
}

static void
load_list(const struct table *t, struct store_ask *ask, struct arena *arena)
{
    size_t n = 0;
    struct row **found = arena_alloc(arena, (t->n + 1) * sizeof(struct row *));
    for (size_t i = 0; i < t->n; i++)
        if (is_asked(ask, t->rows[i]))
            found[n++] = t->rows[i];
    if (ask->by == STORE_BY_DUE && n > 0)
        qsort(found, n, sizeof(struct row *), compare_due);
    if (n > ask->limit)
        n = ask->limit;
    ask->n_rows = n;
    ask->rows = n > 0 ? arena_alloc(arena, n * sizeof(*ask->rows)) : NULL;
    for (size_t i = 0; i < n; i++)
        ask->rows[i] = show(found[i], ask->table, arena);
}

enum err
store_load(struct store *s, struct store_ask *asks, size_t n_asks,
           struct arena *arena)
{
    s->n_loads++;
    if (is_call_to_fail(s))
        return ERR_STORE;
    for (size_t i = 0; i < n_asks; i++) {
        assert(asks[i].table > 0 && asks[i].table < STORE_TABLES);
        const struct table *t = &s->tables[asks[i].table];
        if (asks[i].by == STORE_BY_KEY)
            load_one(t, &asks[i], arena);
        else
            load_list(t, &asks[i], arena);
    }
    return ERR_OK;
}

static struct row *
make_row(const struct store_row *from)
{
    struct row *row =
        malloc(sizeof(*row) + from->key.n + from->tag.n + from->body.n);
    const struct str parts[] = {from->key, from->tag, from->body};
    if (row == NULL)
        abort();
    *row = (struct row){.version = from->version + 1, .due = from->due};
    struct str *places[] = {&row->key, &row->tag, &row->body};
    char *p = row->bytes;
    for (size_t i = 0; i < 3; i++) {
        if (parts[i].n > 0)
            memcpy(p, parts[i].p, parts[i].n);
        *places[i] = str_of(p, parts[i].n);
        p += parts[i].n;
    }
    return row;
}

static void
insert(struct table *t, size_t at, struct row *row)
{
    if (t->n == t->room) {
        t->room = t->room > 0 ? t->room * 2 : 64;
        t->rows = realloc(t->rows, t->room * sizeof(struct row *));
        if (t->rows == NULL)
            abort();
    }
    memmove(t->rows + at + 1, t->rows + at, (t->n - at) * sizeof(struct row *));
    t->rows[at] = row;
    t->n++;
}

/* What takes a change back: the row that was there, NULL for none. */
struct undo {
    enum store_table table;
    struct row *old;
    struct row *new;
};

static bool
apply(struct store *s, const struct store_change *change, struct undo *undo)
{
    const struct store_row *row = &change->row;
    bool is_there;
    assert(row->table > 0 && row->table < STORE_TABLES && row->key.n > 0);
    struct table *t = &s->tables[row->table];
    size_t at = find(t, row->key, &is_there);
    uint64_t version = is_there ? t->rows[at]->version : 0;
    if (version != row->version)
        return false;
    *undo = (struct undo){row->table, is_there ? t->rows[at] : NULL, NULL};
    if (!change->is_delete)
        undo->new = make_row(row);
    if (is_there && undo->new != NULL) {
        t->rows[at] = undo->new;
    } else if (is_there) {
        t->n--;
        memmove(t->rows + at, t->rows + at + 1,
                (t->n - at) * sizeof(struct row *));
    } else if (undo->new != NULL) {
        insert(t, at, undo->new);
    }
    return true;
}

static void
take_back(struct store *s, const struct undo *undo)
{
    bool is_there;
    struct table *t = &s->tables[undo->table];
    if (undo->old == NULL && undo->new == NULL)
        return;
    struct str key = undo->new != NULL ? undo->new->key : undo->old->key;
    size_t at = find(t, key, &is_there);
    assert(is_there == (undo->new != NULL));
    if (undo->new == NULL) {
        insert(t, at, undo->old);
        return;
    }
    if (undo->old != NULL) {
        t->rows[at] = undo->old;
    } else {
        t->n--;
        memmove(t->rows + at, t->rows + at + 1,
                (t->n - at) * sizeof(struct row *));
    }
    free(undo->new);
}

static bool
apply_all(struct store *s, const struct store_change *changes, size_t n)
{
    size_t done = 0;
    struct undo *undos = calloc(n + 1, sizeof(*undos));
    if (undos == NULL)
        abort();
    while (done < n && apply(s, &changes[done], &undos[done]))
        done++;
    bool is_whole = done == n;
    while (!is_whole && done > 0)
        take_back(s, &undos[--done]);
    for (size_t i = 0; is_whole && i < n; i++)
        free(undos[i].old);
    free(undos);
    return is_whole;
}

enum err
store_commit(struct store *s, uint64_t turn, const struct store_change *changes,
             size_t n_changes)
{
    s->n_commits++;
    if (is_call_to_fail(s))
        return ERR_STORE;
    s->is_unheard = s->n_calls == s->how.unheard_call;
    if (s->how.is_full)
        return ERR_LIMIT;
    if (happens(s, s->how.conflict_per_mille))
        return ERR_CONFLICT;
    if (!apply_all(s, changes, n_changes))
        return ERR_CONFLICT;
    s->turns[s->n_turns++ % TURNS_KEPT] = turn;
    if (s->is_unheard)
        return ERR_STORE;
    return happens(s, s->how.lost_per_mille) ? ERR_STORE : ERR_OK;
}

enum err
store_has_turn(struct store *s, uint64_t turn, bool *out_has)
{
    size_t n = s->n_turns < TURNS_KEPT ? (size_t)s->n_turns : TURNS_KEPT;
    *out_has = false;
    if (s->is_unheard)
        return ERR_STORE;
    for (size_t i = 0; i < n; i++)
        if (s->turns[i] == turn)
            *out_has = true;
    return ERR_OK;
}

enum err
store_count(struct store *s, enum store_table table, struct str tag,
            uint64_t *out_n)
{
    const struct table *t = &s->tables[table];
    uint64_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        n += tag.p == NULL ||
             (t->rows[i]->tag.n > 0 && str_equal(t->rows[i]->tag, tag));
    *out_n = n;
    return ERR_OK;
}

/* What is deleted here is freed at once. */
enum err
store_shrink(struct store *s, size_t n_pages)
{
    (void)s;
    (void)n_pages;
    return ERR_OK;
}

enum err
store_scrub(struct store *s)
{
    (void)s;
    return ERR_OK;
}

enum err
store_backup_begin(struct store *s, const struct store_backup_wish *wish,
                   struct store_backup **out, struct buf *problem)
{
    (void)s;
    (void)wish;
    (void)out;
    buf_add_text(problem, "the memory store cannot be backed up: it is for "
                          "tests; use sqlite");
    return ERR_UNAVAILABLE;
}

/* None was begun. */
enum err
store_backup_step(struct store_backup *b, unsigned n_rows, uint64_t *out_rows,
                  struct buf *problem)
{
    (void)b;
    (void)n_rows;
    (void)out_rows;
    (void)problem;
    return ERR_UNAVAILABLE;
}

void
store_backup_cancel(struct store_backup *b)
{
    (void)b;
}

enum err
store_restore(const char *place, const char *file, const char *keys_file,
              struct buf *problem)
{
    (void)place;
    (void)file;
    (void)keys_file;
    buf_add_text(problem, "the memory store cannot be restored into: it is "
                          "for tests; use sqlite");
    return ERR_UNAVAILABLE;
}

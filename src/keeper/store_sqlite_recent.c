#include "keeper/store_sqlite_int.h"

#include <stdlib.h>

/*
 * Rows that were read lately, as the last commit left them.  A thousand
 * portals in use cost the same then, however deep the trees under them have
 * grown.  This process alone writes the database, so what a commit does not
 * touch stays as it is; what it touches is forgotten before it begins, and
 * read anew whatever becomes of it.
 */
#define CELLS 8192
#define MOST_BYTES (8 << 20)

struct recent_row {
    struct recent_row *chain;         /* of its cell */
    struct recent_row *newer, *older; /* by when it was last wanted */
    struct recent_row **cell;
    size_t bytes;
    struct store_row row; /* its bytes stand behind this */
};

struct recent {
    size_t bytes;
    struct recent_row ends; /* older: the newest; newer: the oldest */
    struct recent_row *cells[CELLS];
};

struct recent *
recent_new(void)
{
    struct recent *r = calloc(1, sizeof(*r));
    if (r == NULL)
        abort();
    r->ends.older = r->ends.newer = &r->ends;
    return r;
}

static bool
is_kept(enum store_table table)
{
    return table == STORE_GRANTS || table == STORE_DATA_KEYS ||
           table == STORE_API_KEYS;
}

static struct recent_row **
cell_of(struct recent *r, enum store_table table, struct str key)
{
    return &r->cells[(str_hash(key) ^ (uint32_t)table) % CELLS];
}

static struct recent_row *
find(struct recent *r, enum store_table table, struct str key)
{
    struct recent_row *row = *cell_of(r, table, key);
    while (row != NULL &&
           (row->row.table != table || !str_equal(row->row.key, key)))
        row = row->chain;
    return row;
}

static void
leave_order(struct recent_row *row)
{
    row->newer->older = row->older;
    row->older->newer = row->newer;
}

static void
be_newest(struct recent *r, struct recent_row *row)
{
    row->newer = &r->ends;
    row->older = r->ends.older;
    row->older->newer = row;
    r->ends.older = row;
}

static void
drop(struct recent *r, struct recent_row *row)
{
    struct recent_row **at = row->cell;
    while (*at != row)
        at = &(*at)->chain;
    *at = row->chain;
    leave_order(row);
    r->bytes -= row->bytes;
    free(row);
}

void
recent_free(struct recent *r)
{
    while (r->ends.older != &r->ends)
        drop(r, r->ends.older);
    free(r);
}

bool
recent_get(struct recent *r, enum store_table table, struct str key,
           struct arena *arena, struct store_row *out)
{
    struct recent_row *found = is_kept(table) ? find(r, table, key) : NULL;
    if (found == NULL)
        return false;
    leave_order(found);
    be_newest(r, found);
    *out = found->row;
    out->key = arena_copy(arena, found->row.key);
    out->tag = arena_copy(arena, found->row.tag);
    out->body = arena_copy(arena, found->row.body);
    return true;
}

static struct str
place(char **at, struct str s)
{
    struct str copy = {*at, s.n};
    if (s.n == 0)
        return STR_NONE;
    memcpy(*at, s.p, s.n);
    *at += s.n;
    return copy;
}

void
recent_keep(struct recent *r, const struct store_row *row)
{
    size_t bytes =
        sizeof(struct recent_row) + row->key.n + row->tag.n + row->body.n;
    if (!is_kept(row->table) || find(r, row->table, row->key) != NULL)
        return;
    struct recent_row *kept = malloc(bytes);
    if (kept == NULL)
        abort();
    char *at = (char *)(kept + 1);
    kept->bytes = bytes;
    kept->row = *row;
    kept->row.key = place(&at, row->key);
    kept->row.tag = place(&at, row->tag);
    kept->row.body = place(&at, row->body);
    kept->cell = cell_of(r, row->table, row->key);
    kept->chain = *kept->cell;
    *kept->cell = kept;
    be_newest(r, kept);
    r->bytes += bytes;
    while (r->bytes > MOST_BYTES)
        drop(r, r->ends.newer);
}

void
recent_forget(struct recent *r, enum store_table table, struct str key)
{
    struct recent_row *row = find(r, table, key);
    if (row != NULL)
        drop(r, row);
}

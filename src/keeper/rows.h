#ifndef KEEPER_ROWS_H
#define KEEPER_ROWS_H

#include "keeper/store.h"

/*
 * The rows of one turn: loaded once, changed in memory, written back as one
 * list of changes.  Used through turn.h alone.
 */
struct rows;

struct rows *rows_new(struct arena *arena);
/* All is in the arena but the index.  Takes NULL. */
void rows_free(struct rows *r);

/* The row as the turn sees it now, version 0 if there is none; NULL: it is
 * noted and comes with the next rows_load. */
const struct store_row *rows_get(struct rows *r, enum store_table table,
                                 struct str key);
/* The same ask asked before and answered; NULL: noted. */
const struct store_ask *rows_find(struct rows *r, const struct store_ask *ask);
/* Everything noted, in one round trip. */
enum err rows_load(struct rows *r, struct store *store) WARN_UNUSED;

/* The row must have been seen by rows_get or rows_find, unless it is known
 * to be new (an audit entry). */
void rows_put(struct rows *r, enum store_table table, struct str key,
              struct str body, int64_t due, struct str tag);
/* The row must have been seen: one that was not could not be told from one
 * that is not there, and would stay. */
void rows_delete(struct rows *r, enum store_table table, struct str key);

size_t rows_n_changes(const struct rows *r);
/* The changes, for store_commit; in the arena. */
size_t rows_changes(struct rows *r, const struct store_change **out);

#endif

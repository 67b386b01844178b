#ifndef CLI_ROWS_H
#define CLI_ROWS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/secret.h"

#include <stdio.h>

/*
 * Reads what other systems export: CSV with a heading line (RFC 4180), or
 * JSON lines, told apart by the first byte.
 *
 *     struct rows rows;
 *     rows_open(&rows, file);
 *     while ((e = rows_next(&rows, &row, &problem)) == ERR_OK) ...
 *     rows_close(&rows);
 *
 * Columns and members: app, portal, ref, refresh_token or, of static apps,
 * static_token.  Others are passed over.  Holds one row at a time, in memory
 * that wipes itself.
 */
#define ROWS_COLUMNS 4 /* as above, in that order */

struct row {
    struct str app;  /* may be empty */
    uint64_t portal; /* 0: not given */
    struct str ref;
    struct hidden refresh_token;
};

struct rows {
    FILE *file;    /* the caller's */
    unsigned line; /* where the last row began */
    unsigned next_line;
    bool is_csv;
    int columns[64]; /* of the CSV: which of ours each is, or -1 */
    size_t n_columns;
    struct buf text;     /* the row as it stands in the file */
    struct arena *arena; /* its fields */
};

/* Does not read yet. */
void rows_open(struct rows *r, FILE *file);
void rows_close(struct rows *r);

/*
 * The next row; good until the next call.  ERR_CLOSED at the end.
 * ERR_INVALID: this row cannot be used, go on with the next; ERR_SYNTAX: the
 * file as a whole cannot.  problem says why, without any token.
 */
enum err rows_next(struct rows *r, struct row *out,
                   struct buf *problem) WARN_UNUSED;

#endif
